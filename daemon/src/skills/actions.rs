//! What can be taken back: calls whose intent names an undo, kept over restarts.
//!
//! Owns: the list, newest last, and its file. Must not know: how a call is made.

use crate::json_file;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Actions that are kept.
const MOST: usize = 200;

/// A call that can be taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Its name, e.g. `a17`.
    pub id: String,
    /// When, RFC 3339.
    pub at: String,
    /// The skill.
    pub skill: String,
    /// What was called.
    pub intent: String,
    /// What takes it back.
    pub undo: String,
    /// With these arguments.
    pub arguments: Map<String, Value>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    /// How many there were, ever.
    count: u64,
    actions: Vec<Action>,
}

/// All of them.
pub struct Actions {
    file: PathBuf,
    stored: Mutex<Stored>,
}

impl Actions {
    /// Reads those kept in `file`.
    pub fn open(file: PathBuf) -> Self {
        Self { stored: Mutex::new(json_file::read(&file)), file }
    }

    /// Adds one; its id.
    pub fn add(&self, skill: &str, intent: &str, undo: &str, arguments: Map<String, Value>) -> String {
        self.change(|stored| {
            stored.count += 1;
            let (id, at) = (format!("a{}", stored.count), jiff::Timestamp::now().to_string());
            let (skill, intent, undo) = (skill.into(), intent.into(), undo.into());
            stored.actions.push(Action { id: id.clone(), at, skill, intent, undo, arguments });
            let over = stored.actions.len().saturating_sub(MOST);
            stored.actions.drain(..over);
            id
        })
    }

    /// The action of that id, or the latest for an empty one.
    pub fn find(&self, id: &str) -> Option<Action> {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        match id {
            "" => stored.actions.last().cloned(),
            id => stored.actions.iter().find(|action| action.id == id).cloned(),
        }
    }

    /// Forgets one that was taken back.
    pub fn taken_back(&self, id: &str) {
        self.change(|stored| stored.actions.retain(|action| action.id != id));
    }

    /// Forgets those of a skill that is gone.
    pub fn forget(&self, skill: &str) {
        self.change(|stored| stored.actions.retain(|action| action.skill != skill));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Stored) -> T) -> T {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut stored);
        if let Err(error) = json_file::write(&self.file, &*stored) {
            tracing::error!(%error, "what can be undone could not be stored; it lasts until the daemon ends");
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_found_by_id_or_as_the_latest() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("actions.json");
        let actions = Actions::open(file.clone());
        let first = actions.add("org.example.a", "Add", "Take", Map::new());
        let second = actions.add("org.example.a", "Add", "Take", Map::new());
        assert_eq!((first.as_str(), second.as_str()), ("a1", "a2"));
        actions.taken_back("a2");
        let actions = Actions::open(file);
        assert_eq!(actions.find("").map(|a| a.id), Some("a1".into()));
        assert!(actions.find("a2").is_none());
        assert_eq!(actions.add("org.example.b", "Add", "Take", Map::new()), "a3", "an id is never given twice");
        actions.forget("org.example.b");
        assert!(actions.find("a3").is_none());
    }
}
