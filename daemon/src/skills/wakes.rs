//! Calls that skills asked for at a later time, kept over restarts.
//!
//! A timer that was due while the daemon did not run rings late rather than never.

use crate::json_file;
use hob_sdk::Wake;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Wakes kept for one skill; more mean that it is broken.
const MAX_PER_SKILL: usize = 256;

/// A wait for the next wake.
const SHORTEST: Duration = Duration::from_secs(1);
/// As late a planned call may be when the clock was set or the machine slept meanwhile.
const LONGEST: Duration = Duration::from_secs(30);

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

    /// Forgets those of a skill that is gone.
    pub fn forget(&self, skill: &str) -> Result<(), String> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned.retain(|p| p.skill != skill);
        json_file::write(&self.file, &*planned).map_err(|e| format!("{}: {e}", self.file.display()))
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

    /// How long to wait at `now` before looking again; `None` when nothing is planned. Never long: plans are made by
    /// the wall clock, which may be set or stand still in sleep, and waits are measured by one that does neither.
    pub fn wait(&self, now: i64) -> Option<Duration> {
        let left = self.next()?.saturating_sub(now);
        Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)).clamp(SHORTEST, LONGEST))
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
    fn a_clock_that_jumps_makes_no_call_early_and_none_much_too_late() {
        let folder = tempfile::tempdir().expect("a folder");
        let wakes = Wakes::open(folder.path().join("wakes.json"));
        assert_eq!(wakes.wait(0), None);
        wakes.update("clock", vec![wake("a", 10_000)], &[]).expect("plan");
        // Far away, and then the clock is set forward: seen within the longest wait.
        assert_eq!(wakes.wait(1_000), Some(LONGEST));
        assert_eq!(wakes.wait(9_995), Some(Duration::from_secs(5)));
        // Set back by a day just before it is due: not due, and asked again soon.
        assert!(wakes.take_due(9_999 - 86_400).is_empty());
        assert_eq!(wakes.wait(9_999 - 86_400), Some(LONGEST));
        // Back to the right time, and past it.
        assert_eq!(wakes.wait(20_000), Some(SHORTEST));
        assert_eq!(wakes.take_due(20_000).len(), 1);
        // Once, however the clock jumps afterwards.
        assert!(wakes.take_due(5_000).is_empty() && wakes.take_due(99_999).is_empty());
        assert_eq!(wakes.wait(i64::MIN), None);
    }

    #[test]
    fn a_flood_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let wakes = Wakes::open(folder.path().join("wakes.json"));
        let many = (0..=MAX_PER_SKILL).map(|i| wake(&i.to_string(), 1)).collect();
        assert!(wakes.update("clock", many, &[]).is_err());
    }
}
