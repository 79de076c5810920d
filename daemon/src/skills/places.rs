//! Places as a manifest writes them, as paths: `~/Notes`, `xdg:documents`, `/usr/share/dict`.
//!
//! Owns: the user's folders as `user-dirs.dirs` names them. Must not know: what is granted.

use std::env;
use std::path::{Path, PathBuf};

/// The path of a place; `None` where there is no such folder for this user.
pub fn path(place: &str) -> Option<PathBuf> {
    let home = PathBuf::from(env::var_os("HOME").filter(|home| !home.is_empty())?);
    if let Some(name) = place.strip_prefix("xdg:") {
        return Some(named(name, &home, &user_dirs(&home)));
    }
    match place.strip_prefix('~') {
        Some(rest) => Some(home.join(rest.trim_start_matches('/'))),
        None => Some(place.into()),
    }
}

fn user_dirs(home: &Path) -> String {
    let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let file = config.unwrap_or_else(|| home.join(".config")).join("user-dirs.dirs");
    // Without the file the folders have their English names.
    std::fs::read_to_string(file).unwrap_or_default()
}

/// A folder by its name in lower case, by `XDG_DOCUMENTS_DIR="$HOME/Dokumente"` and its like.
fn named(name: &str, home: &Path, dirs: &str) -> PathBuf {
    let key = format!("XDG_{}_DIR=", name.to_uppercase());
    let stated = dirs.lines().filter_map(|line| line.trim().strip_prefix(key.as_str())).next_back();
    let stated = stated.map(|value| value.trim().trim_matches('"'));
    let path = stated.and_then(|value| match value.strip_prefix("$HOME") {
        Some(rest) => Some(home.join(rest.trim_start_matches('/'))),
        None => Some(PathBuf::from(value)).filter(|path| path.is_absolute()),
    });
    // A folder that is the home folder itself is one that was switched off.
    path.filter(|path| path != home).unwrap_or_else(|| {
        let mut letters = name.chars();
        let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
        home.join(match name {
            "download" => "Downloads".to_string(),
            "publicshare" => "Public".to_string(),
            _ => first + letters.as_str(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_where_the_user_has_them() {
        let dirs = "# comment\nXDG_DOCUMENTS_DIR=\"$HOME/Dokumente\"\nXDG_MUSIC_DIR=\"/srv/music\"\nXDG_DESKTOP_DIR=\"$HOME/\"\n";
        let home = Path::new("/home/ana");
        assert_eq!(named("documents", home, dirs), Path::new("/home/ana/Dokumente"));
        assert_eq!(named("music", home, dirs), Path::new("/srv/music"));
        assert_eq!(named("download", home, dirs), Path::new("/home/ana/Downloads"));
        assert_eq!(named("desktop", home, dirs), Path::new("/home/ana/Desktop"));
    }
}
