//! Where this process runs: folders and variables that desktop specifications name.
//!
//! Owns: reading them, once. Must not know: what is looked for there.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The folders and variables, as the XDG Base Directory specification lays them down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The user's home.
    pub home: PathBuf,
    /// `XDG_DATA_HOME`, then `XDG_DATA_DIRS`.
    pub data: Vec<PathBuf>,
    /// `XDG_CONFIG_HOME`, then `XDG_CONFIG_DIRS`.
    pub config: Vec<PathBuf>,
    /// `PATH`.
    pub programs: Vec<PathBuf>,
    /// `XDG_CURRENT_DESKTOP`: the desktops that this session calls itself.
    pub desktops: Vec<String>,
}

impl Surroundings {
    /// As this process's environment says; what it does not say has the specification's defaults.
    pub fn of_this_process() -> Self {
        let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute()).unwrap_or("/".into());
        let folders = |own: &str, otherwise: &str, others: &str, defaults: &str| {
            let own = absolute(env::var_os(own).map(PathBuf::from)).unwrap_or_else(|| home.join(otherwise));
            let others = env::var_os(others).filter(|set| !set.is_empty()).unwrap_or_else(|| defaults.into());
            let mut all = vec![own];
            all.extend(env::split_paths(&others).filter(|folder| folder.is_absolute()));
            all
        };
        let programs = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        let desktops = env::var("XDG_CURRENT_DESKTOP").unwrap_or_default();
        Self {
            data: folders("XDG_DATA_HOME", ".local/share", "XDG_DATA_DIRS", "/usr/local/share:/usr/share"),
            config: folders("XDG_CONFIG_HOME", ".config", "XDG_CONFIG_DIRS", "/etc/xdg"),
            programs: env::split_paths(&programs).filter(|folder| folder.is_absolute()).collect(),
            desktops: desktops.split(':').filter(|name| !name.is_empty()).map(str::to_string).collect(),
            home,
        }
    }

    /// The program of a name, looked for in `PATH`, or of an absolute path; `None` if nothing there can be run.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|path| path.is_absolute() && can_run(path));
        }
        self.programs.iter().map(|folder| folder.join(name)).find(|path| can_run(path))
    }
}

fn absolute(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| path.is_absolute())
}

fn can_run(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_files_that_can_be_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("editor");
        std::fs::write(&file, "").expect("written");
        let around = Surroundings { programs: vec![folder.path().into()], ..Surroundings::default() };
        assert_eq!(around.program("editor"), None, "nobody may run it");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("set");
        assert_eq!(around.program("editor"), Some(file.clone()));
        assert_eq!(around.program(file.to_str().expect("UTF-8")), Some(file));
        assert_eq!((around.program("./editor"), around.program("")), (None, None));
    }
}
