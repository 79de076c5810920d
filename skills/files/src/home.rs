//! The user's home folder and the folders in it that have names.
//!
//! Owns: from what people call a folder to its path, and the rule that nothing outside the home
//! folder is touched. Must not know: what is asked about a folder.

use crate::walk::{Limits, Walk};
use hob_sdk::SkillError;
use hob_sdk::text::fold;
use std::env;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Well-known folders: the key of `user-dirs.dirs`, the name without that file, and folded names.
const KNOWN: &[(&str, &str, &[&str])] = &[
    (
        "XDG_DESKTOP_DIR",
        "Desktop",
        &["desktop", "schreibtisch", "area de trabalho", "ambiente de trabalho", "escritorio", "桌面"],
    ),
    ("XDG_DOCUMENTS_DIR", "Documents", &["documents", "document", "docs", "dokumente", "documentos", "文档"]),
    ("XDG_DOWNLOAD_DIR", "Downloads", &["downloads", "download", "transferencias", "descargas", "下载"]),
    ("XDG_MUSIC_DIR", "Music", &["music", "musik", "musica", "musicas", "音乐"]),
    (
        "XDG_PICTURES_DIR",
        "Pictures",
        &["pictures", "picture", "photos", "images", "bilder", "fotos", "imagens", "imagenes", "图片"],
    ),
    ("XDG_VIDEOS_DIR", "Videos", &["videos", "video", "movies", "filme", "视频"]),
];
/// Folded names of the home folder itself.
const HOME_NAMES: &[&str] = &[
    "~",
    "home",
    "home folder",
    "home directory",
    "my home",
    "personal folder",
    "pasta pessoal",
    "carpeta personal",
    "主目录",
];

/// The home folder, canonical.
pub struct Home {
    folder: PathBuf,
    user_dirs: PathBuf,
}

impl Home {
    /// The home folder of this process's user.
    pub fn from_env() -> Result<Self, SkillError> {
        let missing = || {
            SkillError::unavailable("There is no home folder to look in.").suggest("Set HOME to the user's own folder.")
        };
        let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute()).ok_or_else(missing)?;
        let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|config| config.is_absolute());
        let config = config.unwrap_or_else(|| home.join(".config"));
        Self::new(&home, config.join("user-dirs.dirs")).map_err(|_| missing())
    }

    /// A given home folder.
    pub fn new(folder: &Path, user_dirs: PathBuf) -> std::io::Result<Self> {
        Ok(Self { folder: folder.canonicalize()?, user_dirs })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// `~/Documents/x` for a path below the home folder.
    pub fn short(&self, path: &Path) -> String {
        match path.strip_prefix(&self.folder) {
            Ok(rest) if rest.as_os_str().is_empty() => "your home folder".into(),
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => path.display().to_string(),
        }
    }

    /// The folder that the user means; the home folder when none was named.
    pub fn folder(&self, said: Option<&str>) -> Result<PathBuf, SkillError> {
        let Some(said) = said.map(str::trim).filter(|said| !said.is_empty()) else { return Ok(self.folder.clone()) };
        let name = without_frame(said);
        if HOME_NAMES.contains(&name.as_str()) {
            return Ok(self.folder.clone());
        }
        let known = KNOWN.iter().find(|(_, _, names)| names.contains(&name.as_str()));
        let path = match known {
            Some((key, default, _)) => self.user_dir(key).unwrap_or_else(|| self.folder.join(default)),
            None => self.expand(said),
        };
        if !path.is_dir() {
            return self.folder_named(&name).ok_or_else(|| self.no_folder(said));
        }
        self.inside(&path)
    }

    /// A path as the user writes it: absolute, below `~`, or relative to the home folder.
    pub fn expand(&self, said: &str) -> PathBuf {
        match said.strip_prefix("~/") {
            Some(rest) => self.folder.join(rest),
            None if said == "~" => self.folder.clone(),
            None => self.folder.join(said),
        }
    }

    /// The canonical path, if it lies in the home folder once all links are resolved.
    pub fn inside(&self, path: &Path) -> Result<PathBuf, SkillError> {
        let real = path
            .canonicalize()
            .map_err(|e| SkillError::not_found(format!("{} can't be opened: {e}.", self.short(path))))?;
        if real.starts_with(&self.folder) {
            return Ok(real);
        }
        Err(SkillError::new("outside_home", format!("{} is outside your home folder.", path.display()))
            .suggest("This skill only looks at your own files; name a folder below your home folder."))
    }

    /// What `user-dirs.dirs` says, if it names a folder below the home folder.
    fn user_dir(&self, key: &str) -> Option<PathBuf> {
        let text = fs::read_to_string(&self.user_dirs).ok()?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.trim_start().strip_prefix('='))?;
        let value = line.trim().trim_matches('"');
        let rest = value.strip_prefix("$HOME/")?;
        let plain = Path::new(rest).components().all(|part| matches!(part, Component::Normal(_)));
        (plain && !rest.is_empty()).then(|| self.folder.join(rest))
    }

    /// The folder of that name that lies least deep.
    fn folder_named(&self, folded: &str) -> Option<PathBuf> {
        if folded.is_empty() || folded.contains('/') {
            return None;
        }
        let mut walk = Walk::new(&self.folder, Limits::names());
        walk.find(|entry| entry.is_folder && fold(&entry.name) == folded).map(|entry| entry.path)
    }

    fn no_folder(&self, said: &str) -> SkillError {
        SkillError::not_found(format!("There is no folder \"{said}\" in your home folder."))
            .suggest("Name one like Downloads, or a path like ~/Documents/Letters.")
    }
}

/// "my downloads folder" as "downloads".
fn without_frame(said: &str) -> String {
    let folded = fold(said);
    let mut name = folded.trim_matches(|c: char| matches!(c, '?' | '.' | '!' | '"' | '\'' | '？' | '。')).trim();
    for article in [
        "my ", "the ", "meu ", "minha ", "meus ", "minhas ", "os ", "as ", "mein ", "meine ", "meinen ", "mi ", "mis ",
        "la ", "las ", "los ", "我的",
    ] {
        name = name.strip_prefix(article).unwrap_or(name);
    }
    for noun in [" folder", " directory", " ordner", "文件夹"] {
        name = name.strip_suffix(noun).unwrap_or(name);
    }
    for noun in ["pasta de ", "pasta ", "carpeta de ", "carpeta ", "folder ", "ordner "] {
        name = name.strip_prefix(noun).unwrap_or(name);
    }
    name.trim().to_string()
}
