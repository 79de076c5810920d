//! Showing where a file is: its folder opens in the desktop's file manager.
//!
//! Owns: starting the opener. Must not know: which file manager there is.

use crate::find;
use crate::home::Home;
use hob_sdk::{Outcome, SkillError};
use serde::Deserialize;
use serde_json::json;
use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// The program that knows the user's file manager.
const OPENER: &str = "xdg-open";
/// An opener that fails does so within this time; one that still runs is showing the folder.
const FAILS_WITHIN: Duration = Duration::from_millis(1500);

/// The user's desktop, as far as the environment tells.
pub struct Desktop {
    /// Where programs are looked for.
    pub path: Option<OsString>,
    /// Windows can be shown.
    pub has_display: bool,
}

impl Desktop {
    /// What this process was given.
    pub fn from_env() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        Self { path: env::var_os("PATH"), has_display: is_set("WAYLAND_DISPLAY") || is_set("DISPLAY") }
    }

    fn opener(&self) -> Option<PathBuf> {
        let candidates = env::split_paths(self.path.as_ref()?).filter(|folder| folder.is_absolute());
        candidates.map(|folder| folder.join(OPENER)).find(|program| is_program(program))
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[derive(Debug, Deserialize)]
pub struct OpenLocation {
    file: String,
}

/// Opens the folder of a file, or the folder itself.
pub fn open_location(asked: OpenLocation, home: &Home, desktop: &Desktop) -> Result<Outcome, SkillError> {
    let file = locate(&asked.file, home)?;
    let folder = if file.is_dir() { file.as_path() } else { file.parent().unwrap_or(home.path()) };
    let place = format!("{} is in {}", name(&file), home.short(file.parent().unwrap_or(home.path())));
    if !desktop.has_display {
        let message = format!("There is no desktop to open a window on. {place}.");
        return Err(SkillError::unavailable(message).suggest(format!("In a terminal: cd '{}'", folder.display())));
    }
    let Some(opener) = desktop.opener() else {
        return Err(SkillError::unavailable(format!(
            "{OPENER} is not installed, so no window can be opened. {place}."
        ))
        .suggest("Install the package xdg-utils."));
    };
    start(&opener, folder).map_err(|why| {
        SkillError::unavailable(format!("{} could not be opened: {why}. {place}.", home.short(folder)))
            .suggest("Check that a file manager is installed.")
    })?;
    Ok(Outcome::say(format!("Opened {}.", home.short(folder)))
        .with_data(json!({"file": file.to_string_lossy(), "opened": folder.to_string_lossy()})))
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

/// Starts the opener and waits just long enough to learn of a failure. The thread reaps it.
fn start(opener: &Path, folder: &Path) -> Result<(), String> {
    let mut command = Command::new(opener);
    command.arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    let (sender, ended) = channel();
    let waiting = thread::Builder::new().name("opener".into()).spawn(move || {
        let status = child.wait();
        // Nobody listens any more once the answer was given.
        let _told = sender.send(status).is_ok();
    });
    waiting.map_err(|e| e.to_string())?;
    match ended.recv_timeout(FAILS_WITHIN) {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{OPENER} ended with {}", code(status))),
        Ok(Err(error)) => Err(error.to_string()),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(()),
    }
}

fn code(status: ExitStatus) -> String {
    status.code().map_or_else(|| "a signal".into(), |code| format!("status {code}"))
}
