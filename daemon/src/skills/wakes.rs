//! Calls that skills asked for at a later time, kept over restarts.
//!
//! A timer that was due while the daemon did not run rings late rather than never.

use crate::json_file;
use hob_sdk::Wake;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Wakes kept for one skill; more mean that it is broken.
const MAX_PER_SKILL: usize = 256;

/// A skill's wake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The skill's id.
    pub skill: String,
    /// What it wants called, and when.
    pub wake: Wake,
}

/// All planned wakes.
pub struct Wakes {
    file: PathBuf,
    planned: Mutex<Vec<Planned>>,
    changed: Notify,
}

impl Wakes {
    /// Reads the wakes kept in `file`.
    pub fn open(file: PathBuf) -> Self {
        Self { planned: Mutex::new(json_file::read(&file)), file, changed: Notify::new() }
    }

    /// Adds a skill's wakes and takes back those it no longer wants.
    pub fn update(&self, skill: &str, wakes: Vec<Wake>, cancelled: &[String]) -> Result<(), String> {
        if wakes.is_empty() && cancelled.is_empty() {
            return Ok(());
        }
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let replaced = |id: &String| cancelled.contains(id) || wakes.iter().any(|wake| wake.id == *id);
        planned.retain(|p| p.skill != skill || !replaced(&p.wake.id));
        if planned.iter().filter(|p| p.skill == skill).count() + wakes.len() > MAX_PER_SKILL {
            return Err(format!("{skill} has {MAX_PER_SKILL} calls planned already; take some back first"));
        }
        planned.extend(wakes.into_iter().map(|wake| Planned { skill: skill.to_string(), wake }));
        json_file::write(&self.file, &*planned).map_err(|e| format!("{}: {e}", self.file.display()))?;
        self.changed.notify_one();
        Ok(())
    }

    /// Takes what is due at `now` (Unix seconds).
    pub fn take_due(&self, now: i64) -> Vec<Planned> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let (due, later): (Vec<_>, Vec<_>) = planned.drain(..).partition(|p| p.wake.at <= now);
        *planned = later;
        if !due.is_empty()
            && let Err(error) = json_file::write(&self.file, &*planned)
        {
            tracing::error!(%error, "planned calls could not be stored; they may come twice");
        }
        due
    }

    /// When the next one is due, in Unix seconds.
    pub fn next(&self) -> Option<i64> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|p| p.wake.at).min()
    }

    /// Completes when the plan has changed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wake(id: &str, at: i64) -> Wake {
        Wake { id: id.into(), at, intent: "TimerRang".into(), arguments: json!({}) }
    }

    #[test]
    fn wakes_survive_replace_cancel_and_come_due() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("wakes.json");
        let wakes = Wakes::open(file.clone());
        wakes.update("clock", vec![wake("a", 10), wake("b", 20)], &[]).expect("plan");
        wakes.update("clock", vec![wake("a", 30)], &[]).expect("replace");
        wakes.update("other", vec![wake("b", 5)], &[]).expect("plan");
        wakes.update("clock", vec![], &["b".into()]).expect("cancel");
        let wakes = Wakes::open(file);
        assert_eq!(wakes.next(), Some(5));
        assert_eq!(wakes.take_due(9).len(), 1);
        assert!(wakes.take_due(29).is_empty());
        assert_eq!(wakes.take_due(30)[0].skill, "clock");
        assert!(wakes.next().is_none());
    }

    #[test]
    fn a_flood_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let wakes = Wakes::open(folder.path().join("wakes.json"));
        let many = (0..=MAX_PER_SKILL).map(|i| wake(&i.to_string(), 1)).collect();
        assert!(wakes.update("clock", many, &[]).is_err());
    }
}
