//! Where things are: XDG folders, the child programs, the built-in skills.
//!
//! A daemon started from `target/release` finds everything beside itself; an installed one in
//! `../libexec/hob` and `../lib/hob`. Nothing is ever looked up in the current folder.

use crate::proposals::{self, Proposal};
use std::env;
use std::path::{Path, PathBuf};

/// The folders of one user's daemon.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Settings: `$XDG_CONFIG_HOME/hob`.
    pub config: PathBuf,
    /// Models, the user's skills, their storage: `$XDG_DATA_HOME/hob`.
    pub data: PathBuf,
    /// The log and small state: `$XDG_STATE_HOME/hob`.
    pub state: PathBuf,
    /// What can be rebuilt (the index): `$XDG_CACHE_HOME/hob`.
    pub cache: PathBuf,
    /// The folder of the running program.
    program: PathBuf,
}

impl Paths {
    /// From the environment; `Err` says which variable is missing.
    pub fn from_environment() -> Result<Self, String> {
        let program = env::current_exe().map_err(|e| format!("the program's own path is unknown: {e}"))?;
        let program = program.parent().map(Path::to_path_buf).ok_or("the program's own folder is unknown")?;
        Ok(Self {
            config: xdg("XDG_CONFIG_HOME", ".config")?,
            data: xdg("XDG_DATA_HOME", ".local/share")?,
            state: xdg("XDG_STATE_HOME", ".local/state")?,
            cache: xdg("XDG_CACHE_HOME", ".cache")?,
            program,
        })
    }

    /// Settings files, weakest first.
    pub fn settings_files(&self) -> Vec<PathBuf> {
        vec![PathBuf::from("/etc/hob/hob.toml"), self.config.join("hob.toml")]
    }

    /// Files with the catalogue of models, strongest first.
    pub fn catalogues(&self) -> Vec<PathBuf> {
        let shared = self.program.join("../share/hob/catalogue.toml");
        vec![self.config.join("catalogue.toml"), PathBuf::from("/etc/hob/catalogue.toml"), shared]
    }

    /// The folder that holds the default models.
    pub fn models(&self) -> PathBuf {
        self.data.join("models")
    }

    /// The index's folder.
    pub fn index(&self) -> PathBuf {
        self.cache.join("index")
    }

    /// Evaluated prompts, as the model hosts keep them.
    pub fn evaluated_prompts(&self) -> PathBuf {
        self.cache.join("kv")
    }

    /// Conversations.
    pub fn sessions(&self) -> PathBuf {
        self.state.join("sessions")
    }

    /// A child's program: beside the daemon, or in `../libexec/hob`.
    pub fn host(&self, name: &str) -> PathBuf {
        let beside = self.program.join(name);
        if beside.exists() { beside } else { self.program.join("../libexec/hob").join(name) }
    }

    /// Folders with the skills that came with hob, each `<folder>/<id>/skill.toml`.
    pub fn shipped_skills(&self) -> Vec<PathBuf> {
        vec![self.program.join("skills"), self.program.join("../lib/hob/skills")]
    }

    /// The folder with the skills that the user installed.
    pub fn own_skills(&self) -> PathBuf {
        self.data.join("skills")
    }

    /// What could be indexed besides what is.
    pub fn proposals(&self, indexed: &[PathBuf]) -> Vec<Proposal> {
        let Some(home) = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute()) else {
            return Vec::new();
        };
        proposals::of(&home, self.config.parent().unwrap_or(&self.config), indexed)
    }

    /// hob's own folders, which are never indexed.
    pub fn own(&self) -> Vec<PathBuf> {
        vec![self.config.clone(), self.data.clone(), self.state.clone(), self.cache.clone()]
    }
}

fn xdg(variable: &str, below_home: &str) -> Result<PathBuf, String> {
    // The specification says that relative values must be ignored.
    if let Some(folder) = env::var_os(variable).map(PathBuf::from).filter(|p| p.is_absolute()) {
        return Ok(folder.join("hob"));
    }
    let home = env::var_os("HOME").filter(|h| !h.is_empty());
    let home = home.ok_or_else(|| format!("neither {variable} nor HOME is set; set one of them"))?;
    Ok(PathBuf::from(home).join(below_home).join("hob"))
}
