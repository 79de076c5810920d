//! The files skill: find files by name, list recent ones, show where they are, measure folders.
//!
//! Owns: which intent is answered by which part. Must not know: what is inside the files; that is
//! the index's business. Everything happens below the user's home folder, no symbolic link is
//! followed, and every walk ends at a limit that the answer states.

mod disk;
mod find;
mod home;
mod kinds;
mod manager;
mod open;
mod recent;
mod walk;
mod words;

use hob_sdk::{Call, Context, Outcome, Skill, SkillError};
use home::Home;
use std::path::Path;

/// The skill itself; it keeps nothing.
struct Files {
    home: Home,
    /// Shows a folder in a window.
    show: fn(&Context, &Path) -> Result<(), SkillError>,
}

impl Skill for Files {
    fn new(_: &Context) -> Result<Self, SkillError> {
        Ok(Self { home: Home::from_env()?, show: manager::show })
    }

    fn call(&self, call: &Call) -> Result<Outcome, SkillError> {
        match call.intent.as_str() {
            "FindFiles" => find::find_files(call.arguments()?, &self.home),
            "RecentFiles" => recent::recent_files(call.arguments()?, &recent::now(&call.context), &self.home),
            "OpenLocation" => {
                open::open_location(call.arguments()?, &self.home, |folder| (self.show)(&call.context, folder))
            }
            "DiskUse" => disk::disk_use(call.arguments()?, &self.home),
            other => Err(SkillError::unknown_intent(other)),
        }
    }
}

hob_sdk::export_skill!(Files, "org.hob.files", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests;
