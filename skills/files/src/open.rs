//! Showing where a file is: its folder opens in the desktop's file manager.
//!
//! Owns: which folder that is. Must not know: how a window is opened.

use crate::find;
use crate::home::Home;
use hob_sdk::{Outcome, SkillError, file_uri};
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Deserialize)]
pub struct OpenLocation {
    file: String,
}

/// Opens the folder of a file, or the folder itself. `show` opens the window.
pub fn open_location(
    asked: OpenLocation,
    home: &Home,
    show: impl Fn(&Path) -> Result<(), SkillError>,
) -> Result<Outcome, SkillError> {
    let file = locate(&asked.file, home)?;
    let folder = if file.is_dir() { file.as_path() } else { file.parent().unwrap_or(home.path()) };
    let place = format!("{} is in {}", name(&file), home.short(file.parent().unwrap_or(home.path())));
    show(folder).map_err(|why| {
        let why = why.message.trim_end_matches('.').to_string();
        SkillError::unavailable(format!("No window could be opened: {why}. {place}."))
            .suggest(format!("In a terminal: cd '{}'", folder.display()))
    })?;
    Ok(Outcome::say(format!("Opened {}.", home.short(folder)))
        .with_data(json!({"file": file.to_string_lossy(), "opened": folder.to_string_lossy()}))
        .with_uris([file_uri(&file)]))
}

/// A path as written, or the best file of that name.
fn locate(said: &str, home: &Home) -> Result<PathBuf, SkillError> {
    let said = said.trim();
    if said.is_empty() {
        return Err(SkillError::invalid_argument("Which file?").suggest("Say its name or its path."));
    }
    let path = home.expand(said);
    if path.symlink_metadata().is_ok() {
        return home.inside(&path);
    }
    if let Some(found) = find::best(said, home) {
        return Ok(found.path);
    }
    home.folder(Some(said)).map_err(|_| {
        SkillError::not_found(format!("I find no file \"{said}\" in your home folder."))
            .suggest("Say a part of its name.")
    })
}

fn name(file: &Path) -> String {
    file.file_name().map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned())
}
