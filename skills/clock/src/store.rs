//! The timers and alarms that are set, in one file of the storage folder.
//!
//! Owns: the file `timers.json` and its format. Must not know: when anything rings.
//!
//! The file is replaced in one step (write, sync, rename), so that a power cut leaves the old one
//! or the new one. A file that can't be read is set aside, not overwritten, and the user is told.

use hob_sdk::SkillError;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Entries at most; more is a runaway script.
pub const MOST: usize = 200;

/// What is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Counts down.
    Timer,
    /// Rings at a time of day.
    Alarm,
}

impl Kind {
    /// In a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::Alarm => "alarm",
        }
    }
}

/// One timer or alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique for as long as the storage folder lives.
    pub id: u64,
    /// Timer or alarm.
    pub kind: Kind,
    /// What it is for, in the user's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When it rings, in seconds since the Unix epoch.
    pub at: i64,
    /// A timer's length in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
}

/// All of them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Timers {
    /// The last id given out.
    pub last_id: u64,
    /// In the order of setting.
    pub entries: Vec<Entry>,
}

impl Timers {
    /// A new entry with an id of its own.
    pub fn add(
        &mut self,
        kind: Kind,
        label: Option<String>,
        at: i64,
        seconds: Option<i64>,
    ) -> Result<Entry, SkillError> {
        if self.entries.len() >= MOST {
            return Err(SkillError::failed(format!("There are {MOST} timers and alarms already."))
                .suggest("Cancel some first: CancelTimer with which = all."));
        }
        self.last_id += 1;
        let entry = Entry { id: self.last_id, kind, label, at, seconds };
        self.entries.push(entry.clone());
        Ok(entry)
    }
}

/// Where they are kept.
pub struct Store {
    file: PathBuf,
}

impl Store {
    /// The store in a storage folder.
    pub fn at(folder: &Path) -> Self {
        Self { file: folder.join("timers.json") }
    }

    /// Reads all entries; none when nothing was ever set.
    pub fn load(&self) -> Result<Timers, SkillError> {
        let text = match fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Timers::default()),
            Err(error) => return Err(self.unreadable(&error.to_string())),
        };
        serde_json::from_str(&text).map_err(|error| self.unreadable(&error.to_string()))
    }

    /// Replaces all entries.
    pub fn save(&self, timers: &Timers) -> Result<(), SkillError> {
        let failed = |error: &dyn std::fmt::Display| {
            SkillError::failed(format!("The timers can't be written to {}: {error}.", self.file.display()))
                .suggest("Check that the disk is not full; nothing was changed.")
        };
        let text = serde_json::to_vec_pretty(timers).map_err(|e| failed(&e))?;
        let fresh = self.file.with_extension("json.new");
        let written = File::create(&fresh).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&fresh, &self.file)).map_err(|e| failed(&e))
    }

    fn unreadable(&self, why: &str) -> SkillError {
        let aside = self.file.with_extension("json.broken");
        let kept = match fs::rename(&self.file, &aside) {
            Ok(()) => format!("It was moved to {}; try again to start with none.", aside.display()),
            Err(error) => format!("It could not be moved aside either ({error}); remove it by hand."),
        };
        SkillError::failed(format!("The timers in {} can't be read: {why}.", self.file.display())).suggest(kept)
    }
}
