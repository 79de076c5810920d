//! Which apps are installed, by their desktop entries.
//!
//! Owns: where entries lie, which of them count, and what of them is kept. Must not know: what is looked for, nor how an
//! app is opened.

use crate::desktop_file::DesktopFile;
use crate::locale::Locale;
use crate::surroundings::Surroundings;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

const MAIN: &str = "Desktop Entry";
/// Folders within `applications` are part of an entry's id; nobody nests them deeply.
const DEEPEST: usize = 4;
/// Entries that are read at most; a desktop has some hundreds.
const MOST: usize = 5_000;

/// An app that the user can open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct App {
    /// The entry's id without its ending, e.g. `org.gnome.TextEditor`.
    pub id: String,
    /// The entry's file.
    pub file: PathBuf,
    /// Its name in the user's language.
    pub name: String,
    /// What it is, in the user's language: "Text Editor".
    pub generic_name: Option<String>,
    /// What it does, in the user's language.
    pub comment: Option<String>,
    /// Its names in all languages.
    pub names: Vec<String>,
    /// What it is, in all languages.
    pub generic_names: Vec<String>,
    /// Words that it wants to be found by, in all languages.
    pub keywords: Vec<String>,
    /// What it belongs to, e.g. `TextEditor`.
    pub categories: Vec<String>,
    /// Its command line, with the specification's field codes.
    pub command: Option<String>,
    /// Its icon's name or file.
    pub icon: Option<String>,
    /// The folder that it runs in.
    pub folder: Option<PathBuf>,
    /// It runs in a terminal.
    pub terminal: bool,
    /// The message bus starts it, by its id.
    pub activatable: bool,
}

/// The apps that are shown to the user, in no order. An entry that is there twice is the one in the earlier folder, also
/// when that one hides the app.
pub fn installed(around: &Surroundings, locale: &Locale) -> Vec<App> {
    let (mut apps, mut seen) = (Vec::new(), HashSet::new());
    for data in &around.data {
        let folder = data.join("applications");
        for (id, file) in entries(&folder, "", 0) {
            if seen.len() < MOST && seen.insert(id.clone()) {
                apps.extend(DesktopFile::read(&file).and_then(|entry| app(id, file, &entry, around, locale)));
            }
        }
    }
    apps
}

/// The ids and files of the entries below a folder.
fn entries(folder: &Path, before: &str, depth: usize) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str() else { continue };
        if let Some(stem) = name.strip_suffix(".desktop") {
            found.push((format!("{before}{stem}"), path));
        } else if depth < DEEPEST && path.is_dir() {
            found.extend(entries(&path, &format!("{before}{name}-"), depth + 1));
        }
    }
    found
}

/// The app that an entry describes, if the user is to see it here.
pub fn app(id: String, file: PathBuf, entry: &DesktopFile, around: &Surroundings, locale: &Locale) -> Option<App> {
    let is_app = entry.text(MAIN, "Type").is_some_and(|kind| kind == "Application");
    if !is_app || entry.flag(MAIN, "Hidden") || entry.flag(MAIN, "NoDisplay") {
        return None;
    }
    if !is_for(entry, &around.desktops) || !is_there(entry, around) {
        return None;
    }
    let (command, activatable) = (entry.text(MAIN, "Exec"), entry.flag(MAIN, "DBusActivatable"));
    if command.is_none() && !activatable {
        return None;
    }
    Some(App {
        name: entry.translated(MAIN, "Name", locale)?,
        generic_name: entry.translated(MAIN, "GenericName", locale),
        comment: entry.translated(MAIN, "Comment", locale),
        names: entry.in_all_languages(MAIN, "Name"),
        generic_names: entry.in_all_languages(MAIN, "GenericName"),
        keywords: entry.lists_in_all_languages(MAIN, "Keywords"),
        categories: entry.list(MAIN, "Categories"),
        icon: entry.text(MAIN, "Icon"),
        folder: entry.text(MAIN, "Path").map(PathBuf::from),
        terminal: entry.flag(MAIN, "Terminal"),
        id,
        file,
        command,
        activatable,
    })
}

/// Whether an entry is for one of these desktops: the first of them that it names decides.
fn is_for(entry: &DesktopFile, desktops: &[String]) -> bool {
    let (only, not) = (entry.list(MAIN, "OnlyShowIn"), entry.list(MAIN, "NotShowIn"));
    for desktop in desktops {
        if only.contains(desktop) {
            return true;
        }
        if not.contains(desktop) {
            return false;
        }
    }
    !entry.has(MAIN, "OnlyShowIn")
}

/// Whether the program that an entry wants to see is installed.
fn is_there(entry: &DesktopFile, around: &Surroundings) -> bool {
    entry.text(MAIN, "TryExec").is_none_or(|program| around.program(&program).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(folder: &Path) -> Surroundings {
        Surroundings {
            data: vec![folder.join("own"), folder.join("system")],
            programs: vec!["/bin".into()],
            desktops: vec!["Phosh".into(), "GNOME".into()],
            ..Surroundings::default()
        }
    }

    fn write(folder: &Path, name: &str, lines: &str) {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, format!("[Desktop Entry]\nType=Application\n{lines}\n")).expect("written");
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            installed(&around(folder), &Locale::parse("de")).into_iter().map(|app| app.name).collect();
        names.sort();
        names
    }

    #[test]
    fn only_what_the_user_is_to_see_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, lines) in [
            ("a.desktop", "Name=Shown\nName[de]=Gezeigt\nExec=a"),
            ("b.desktop", "Name=Hidden\nExec=b\nHidden=true"),
            ("c.desktop", "Name=Silent\nExec=c\nNoDisplay=true"),
            ("d.desktop", "Name=Other desktop\nExec=d\nOnlyShowIn=KDE;"),
            ("e.desktop", "Name=This desktop\nExec=e\nOnlyShowIn=GNOME;KDE;"),
            ("f.desktop", "Name=Not here\nExec=f\nNotShowIn=GNOME;"),
            ("g.desktop", "Name=Not installed\nExec=g\nTryExec=surely-not-there"),
            ("h.desktop", "Name=Installed\nExec=h\nTryExec=sh"),
            ("i.desktop", "Name=Nothing to run"),
            ("j.desktop", "Name=Activated\nDBusActivatable=true"),
            ("k.desktop", "Exec=nameless"),
            ("m.txt", "Name=No entry\nExec=m"),
        ] {
            write(&folder.path().join("system/applications"), name, lines);
        }
        let link = "[Desktop Entry]\nType=Link\nName=Link\nURL=https://example.org\n";
        for (name, bytes) in [("l.desktop", link.as_bytes()), ("n.desktop", b"\xff\xfe\0garbage")] {
            fs::write(folder.path().join("system/applications").join(name), bytes).expect("written");
        }
        assert_eq!(names(folder.path()), ["Activated", "Gezeigt", "Installed", "This desktop"]);
    }

    #[test]
    fn the_user_s_entry_stands_for_the_system_s_also_to_hide_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (own, system) = (folder.path().join("own/applications"), folder.path().join("system/applications"));
        write(&system, "a.desktop", "Name=System's\nExec=a");
        write(&own, "a.desktop", "Name=Own\nExec=a");
        write(&system, "kde/b.desktop", "Name=Below\nExec=b");
        assert_eq!(names(folder.path()), ["Below", "Own"]);
        let apps = installed(&around(folder.path()), &Locale::default());
        assert!(apps.iter().any(|app| app.id == "kde-b"), "folders are part of the id");
        write(&own, "kde-b.desktop", "Name=Below\nExec=b\nHidden=true");
        assert_eq!(names(folder.path()), ["Own"]);
    }
}
