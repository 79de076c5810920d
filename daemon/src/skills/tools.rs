//! What the servers among the skills said that they can do, kept so that they need not run to be listed.

use crate::json_file;
use hob_link::skill::Tool;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tools by skill.
pub struct Tools {
    file: PathBuf,
    known: Mutex<BTreeMap<String, Vec<Tool>>>,
}

impl Tools {
    /// Reads what is kept in `file`.
    pub fn open(file: PathBuf) -> Self {
        Self { known: Mutex::new(json_file::read(&file)), file }
    }

    /// Those of one skill.
    pub fn of(&self, id: &str) -> Vec<Tool> {
        self.lock().get(id).cloned().unwrap_or_default()
    }

    /// Keeps those of one skill.
    pub fn keep(&self, id: &str, tools: Vec<Tool>) {
        self.change(|known| drop(known.insert(id.into(), tools)));
    }

    /// Forgets those of one skill.
    pub fn forget(&self, id: &str) {
        if self.lock().contains_key(id) {
            self.change(|known| drop(known.remove(id)));
        }
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<Tool>>)) {
        let mut known = self.lock();
        change(&mut known);
        if let Err(error) = json_file::write(&self.file, &*known) {
            tracing::error!(%error, "a server's tools could not be kept; they are asked for again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Tool>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
