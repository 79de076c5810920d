//! `hob config`: the settings, which belong to the daemon and are checked by it.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;
use crate::screen::Screen;
use crate::style::Style;

/// Arguments of `hob config`.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Check a settings file, or those in use
    Check(Check),
    /// Show the settings files in use
    Show,
}

/// Arguments of `hob config check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The file; those in use without it
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// A settings file.
#[derive(Debug, Serialize)]
struct SettingsFile {
    path: String,
    exists: bool,
    /// It is the one that counts.
    in_use: bool,
    content: Option<String>,
}

/// Runs `hob config`.
pub fn run(args: &Config, screen: &Screen) -> Result<(), Failure> {
    match args {
        Config::Check(args) => check(args, screen),
        Config::Show => {
            let files = settings_files()?;
            Ok(screen.result(&json!({"files": files}), |_, style| render(&files, style))?)
        }
    }
}

fn check(args: &Check, screen: &Screen) -> Result<(), Failure> {
    let daemon =
        find_daemon(std::env::current_exe().ok().as_deref(), std::env::var_os("PATH").as_deref()).ok_or_else(|| {
            Failure::Local("hobd was found neither beside hob nor in PATH; it checks the settings".to_owned())
        })?;
    let mut command = Command::new(&daemon);
    command.arg("--check-config").args(&args.file);
    let failed_to_run = |error| Failure::Local(format!("{} did not run: {error}", daemon.display()));
    if !screen.json {
        let status = command.status().map_err(failed_to_run)?;
        return if status.success() { Ok(()) } else { Err(Failure::Said) };
    }
    let output = command.output().map_err(failed_to_run)?;
    if output.status.success() {
        Ok(screen.write_json(&json!({"ok": true}))?)
    } else {
        let said = [output.stderr, output.stdout].concat();
        Err(Failure::Local(String::from_utf8_lossy(&said).trim().to_owned()))
    }
}

/// `hobd` of the same build, else the installed one.
fn find_daemon(program: Option<&Path>, path: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    let beside = program.and_then(Path::parent).map(Path::to_path_buf);
    let folders = beside.into_iter().chain(path.into_iter().flat_map(std::env::split_paths));
    folders.map(|folder| folder.join("hobd")).find(|file| file.is_file())
}

/// The places of settings, weakest first; the strongest that exists counts.
fn settings_files() -> Result<Vec<SettingsFile>, Failure> {
    let config = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))
        .ok_or_else(|| Failure::Local("neither XDG_CONFIG_HOME nor HOME is set".to_owned()))?;
    let places = [PathBuf::from("/etc/hob/hob.toml"), config.join("hob").join("hob.toml")];
    let mut files = places.iter().map(|place| read(place)).collect::<Result<Vec<_>, _>>()?;
    if let Some(strongest) = files.iter_mut().rev().find(|file| file.exists) {
        strongest.in_use = true;
    }
    Ok(files)
}

fn read(place: &Path) -> Result<SettingsFile, Failure> {
    let content = match std::fs::read_to_string(place) {
        Ok(content) => Some(content),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::Local(format!("{}: {error}", place.display()))),
    };
    Ok(SettingsFile { path: place.display().to_string(), exists: content.is_some(), in_use: false, content })
}

fn render(files: &[SettingsFile], style: &Style) -> String {
    let mut out = String::new();
    for file in files {
        let remark = match (file.in_use, file.exists) {
            (true, _) => "in use",
            (false, true) => "not in use: a stronger file exists",
            (false, false) => "does not exist",
        };
        out.push_str(&format!("{}  {}\n", style.name(&style.path(&file.path)), style.dim(remark)));
    }
    match files.iter().find(|file| file.in_use).and_then(|file| file.content.as_deref()) {
        Some(content) => out.push_str(&format!("\n{}\n", style.clean(content.trim_end()))),
        None => out.push_str(&format!("\n{}\n", style.dim("The defaults are in use."))),
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn file(path: &str, content: Option<&str>, in_use: bool) -> SettingsFile {
        SettingsFile { path: path.into(), exists: content.is_some(), in_use, content: content.map(str::to_owned) }
    }

    #[test]
    fn the_strongest_file_is_shown() {
        let files = [file("/etc/hob/hob.toml", Some("a"), false), file("/x/hob.toml", Some("[memory]\n"), true)];
        assert_eq!(
            render(&files, &Style::plain()),
            "/etc/hob/hob.toml  not in use: a stronger file exists\n/x/hob.toml  in use\n\n[memory]\n"
        );
        let none = [file("/x/hob.toml", None, false)];
        assert_eq!(render(&none, &Style::plain()), "/x/hob.toml  does not exist\n\nThe defaults are in use.\n");
    }

    #[test]
    fn the_daemon_beside_is_preferred() {
        let folder = std::env::temp_dir().join(format!("hob-cli-find-{}", std::process::id()));
        let (beside, path) = (folder.join("a"), folder.join("b"));
        for place in [&beside, &path] {
            std::fs::create_dir_all(place).unwrap();
        }
        std::fs::write(path.join("hobd"), "").unwrap();
        let program = beside.join("hob");
        assert_eq!(find_daemon(Some(&program), Some(path.as_os_str())), Some(path.join("hobd")));
        std::fs::write(beside.join("hobd"), "").unwrap();
        assert_eq!(find_daemon(Some(&program), Some(path.as_os_str())), Some(beside.join("hobd")));
        assert_eq!(find_daemon(None, None), None);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
