//! What could be indexed: the folders in which people keep what they look for.
//!
//! Owns: where desktops and programs keep documents, mail, contacts, calendars and notes. Looks whether they are there,
//! and into nothing. Must not know: the index; nothing is indexed that was not asked for.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder that could be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The folder.
    pub path: PathBuf,
    /// What is in it, in a word or two.
    pub what: &'static str,
}

/// The user's folders (xdg-user-dirs) that are worth it, with what they hold; the others are for passing things on.
const USER_DIRS: [(&str, &str, &str); 3] = [
    ("XDG_DOCUMENTS_DIR", "Documents", "documents"),
    ("XDG_DESKTOP_DIR", "Desktop", "desktop"),
    ("XDG_DOWNLOAD_DIR", "Downloads", "downloads"),
];
/// Below the home; a part "*" stands for any folder.
const KNOWN: [(&str, &str); 21] = [
    ("Notes", "notes"),
    ("Obsidian", "notes"),
    ("Zettelkasten", "notes"),
    (".local/share/gnote", "notes"),
    (".local/share/bijiben", "notes"),
    (".var/app/org.gnome.Notes/data/bijiben", "notes"),
    ("Maildir", "mail"),
    ("Mail", "mail"),
    (".mail", "mail"),
    (".thunderbird/*/Mail", "mail"),
    (".thunderbird/*/ImapMail", "mail"),
    (".var/app/org.mozilla.Thunderbird/.thunderbird/*/Mail", "mail"),
    (".var/app/org.mozilla.Thunderbird/.thunderbird/*/ImapMail", "mail"),
    (".local/share/evolution/mail/local", "mail"),
    (".local/share/local-mail", "mail"),
    (".contacts", "contacts"),
    (".local/share/contacts", "contacts"),
    (".local/share/vdirsyncer/contacts", "contacts"),
    (".calendars", "calendars"),
    (".local/share/calendars", "calendars"),
    (".local/share/evolution/calendar", "calendars"),
];

/// The folders that are there, below `home`, whose xdg-user-dirs are listed in `config`; but for those that lie in an
/// `indexed` one.
pub fn of(home: &Path, config: &Path, indexed: &[PathBuf]) -> Vec<Proposal> {
    let list = fs::read_to_string(config.join("user-dirs.dirs")).unwrap_or_default();
    let user = USER_DIRS.iter().map(|(key, usual, what)| {
        let path = user_dir(&list, key, home).unwrap_or_else(|| home.join(usual));
        (path, *what)
    });
    let browsers = BROWSERS.iter().flat_map(|(place, file)| profiles(&home.join(place), file)).map(|p| (p, "browser"));
    let known = KNOWN.iter().flat_map(|(place, what)| found(home, place).into_iter().map(|path| (path, *what)));
    let mut out: Vec<Proposal> = Vec::new();
    for (path, what) in user.chain(known).chain(browsers) {
        // A desktop whose folder is the home itself means everything, which nobody should propose.
        let fits = path != home && path.is_dir() && !indexed.iter().any(|root| path.starts_with(root));
        if fits && !out.iter().any(|p| path.starts_with(&p.path)) {
            out.push(Proposal { path, what });
        }
    }
    out
}

/// Where browsers keep their profiles, and the file that makes a folder one.
const BROWSERS: [(&str, &str); 7] = [
    (".mozilla/firefox", "places.sqlite"),
    (".var/app/org.mozilla.firefox/.mozilla/firefox", "places.sqlite"),
    ("snap/firefox/common/.mozilla/firefox", "places.sqlite"),
    (".config/chromium", "History"),
    (".config/google-chrome", "History"),
    (".config/BraveSoftware/Brave-Browser", "History"),
    (".var/app/org.chromium.Chromium/config/chromium", "History"),
];

fn profiles(place: &Path, file: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.join(file).is_file()).collect();
    paths.sort();
    paths
}

/// `XDG_DOCUMENTS_DIR="$HOME/Dokumente"`
fn user_dir(list: &str, key: &str, home: &Path) -> Option<PathBuf> {
    let value = list.lines().find_map(|line| line.trim().strip_prefix(key)?.trim_start().strip_prefix('='))?;
    let value = value.trim().trim_matches('"');
    match value.strip_prefix("$HOME") {
        Some(below) => Some(home.join(below.trim_start_matches('/'))),
        None => Some(PathBuf::from(value)).filter(|path| path.is_absolute()),
    }
}

fn found(home: &Path, place: &str) -> Vec<PathBuf> {
    let Some((before, after)) = place.split_once("/*/") else { return vec![home.join(place)] };
    let entries = fs::read_dir(home.join(before)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path().join(after)).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_proposed_once_and_what_is_indexed_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path();
        for dir in [
            "Dokumente/Notes",
            "Notes",
            "Maildir/cur",
            ".thunderbird/a.default/Mail",
            ".thunderbird/b/ImapMail",
            ".thunderbird/c",
            "Music",
            ".contacts",
            "cfg",
        ] {
            fs::create_dir_all(home.join(dir)).expect("made");
        }
        let list = "# a comment\nXDG_DESKTOP_DIR=\"$HOME/\"\nXDG_DOCUMENTS_DIR=\"$HOME/Dokumente\"\n";
        fs::write(home.join("cfg/user-dirs.dirs"), list).expect("written");
        fs::create_dir_all(home.join(".mozilla/firefox/y.default")).expect("made");
        fs::write(home.join(".mozilla/firefox/y.default/places.sqlite"), "").expect("written");
        let names = |indexed: &[PathBuf]| -> Vec<String> {
            let all = of(home, &home.join("cfg"), indexed);
            all.iter().map(|p| format!("{} {}", p.path.strip_prefix(home).expect("below").display(), p.what)).collect()
        };
        let mail = [".thunderbird/a.default/Mail mail", ".thunderbird/b/ImapMail mail"];
        let browser = ".mozilla/firefox/y.default browser";
        let all =
            ["Dokumente documents", "Notes notes", "Maildir mail", mail[0], mail[1], ".contacts contacts", browser];
        assert_eq!(names(&[]), all);
        assert_eq!(names(&[home.join("Dokumente"), home.join(".thunderbird")]), [all[1], all[2], all[5], browser]);
        assert!(names(&[home.to_path_buf()]).is_empty());
    }
}
