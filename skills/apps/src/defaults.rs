//! Which app opens a type of files or links by default: what `mimeapps.list` files say.
//!
//! Owns: the order in which those files count. Must not know: which apps are installed.

use crate::desktop_file::DesktopFile;
use crate::surroundings::Surroundings;
use std::path::PathBuf;

/// The ids of the default apps for a type, the preferred first, without their ending.
pub fn for_type(opens: &str, around: &Surroundings) -> Vec<String> {
    let lists = files(around).into_iter().filter_map(|file| DesktopFile::read(&file));
    let ids = lists.flat_map(|list| list.list("Default Applications", opens));
    ids.map(|id| id.strip_suffix(".desktop").map_or_else(|| id.clone(), str::to_string)).collect()
}

/// The lists, the one that counts most first: the user's before the system's, a desktop's before everybody's.
fn files(around: &Surroundings) -> Vec<PathBuf> {
    let folders = around.config.iter().cloned().chain(around.data.iter().map(|data| data.join("applications")));
    let names: Vec<String> =
        around.desktops.iter().map(|name| format!("{}-mimeapps.list", name.to_lowercase())).collect();
    folders
        .flat_map(|folder| {
            let own = names.iter().map(String::as_str).chain(["mimeapps.list"]);
            own.map(|name| folder.join(name)).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_user_s_list_counts_before_the_system_s() {
        let folder = tempfile::tempdir().expect("a folder");
        let around = Surroundings {
            config: vec![folder.path().join("config")],
            data: vec![folder.path().join("data")],
            desktops: vec!["GNOME".into()],
            ..Surroundings::default()
        };
        for (name, app) in [
            ("config/mimeapps.list", "own.desktop;own2.desktop"),
            ("config/gnome-mimeapps.list", "gnome.desktop"),
            ("data/applications/mimeapps.list", "system.desktop"),
        ] {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, format!("[Default Applications]\ntext/plain={app}\n")).expect("written");
        }
        assert_eq!(for_type("text/plain", &around), ["gnome", "own", "own2", "system"]);
        assert!(for_type("image/png", &around).is_empty());
    }
}
