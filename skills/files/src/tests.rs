//! The files skill over a made-up home folder.
#![allow(clippy::unwrap_used)]

use super::*;
use hob_sdk::CallResult;
use hob_sdk::testing::Harness;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

/// 2026-11-23T15:32:00Z, a Monday.
const NOW: i64 = 1_795_447_920;
const DAY: i64 = 86_400;

/// A home folder with files of known age, and the skill over it.
struct Fixture {
    folder: TempDir,
    skill: Files,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("Documents/tax-return-2025.pdf", 1, 3_000),
            ("Documents/old/tax return.pdf", 400, 10),
            ("Documents/Notes.md", 0, 20),
            ("Downloads/holiday.JPG", 3, 5_000_000),
            ("Downloads/film.mkv", 10, 9_000),
            ("Bilder/cat.png", 40, 7_000),
            ("Projects/hob/src/main.rs", 2, 100),
            (".secret/tax.txt", 0, 1),
        ];
        for (path, age, bytes) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, vec![b'x'; bytes]).unwrap();
            let at = UNIX_EPOCH + Duration::from_secs((NOW - age * DAY).try_into().unwrap());
            File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        }
        symlink("/etc", folder.path().join("outside")).unwrap();
        symlink(folder.path(), folder.path().join("Documents/loop")).unwrap();
        fs::create_dir(folder.path().join(".config")).unwrap();
        let dirs = folder.path().join(".config/user-dirs.dirs");
        fs::write(&dirs, "# comment\nXDG_PICTURES_DIR=\"$HOME/Bilder\"\nXDG_MUSIC_DIR=\"$HOME/../etc\"\n").unwrap();
        let home = Home::new(folder.path(), dirs).unwrap();
        Self { skill: Files { home, show: manager::show }, folder }
    }

    fn call(&self, intent: &str, arguments: Value) -> CallResult {
        let mut context = Context::new(self.folder.path());
        context.now = Some(NOW);
        context.time_zone = Some("UTC".into());
        self.skill.call(&Call::new(intent, arguments, context)).into()
    }

    /// The sentence and the names of the files of a call that must succeed.
    fn finds(&self, intent: &str, arguments: Value) -> (String, Vec<String>) {
        let result = self.call(intent, arguments);
        assert!(result.is_success(), "{result:?}");
        let names =
            result.data["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap().to_string());
        (result.message, names.collect())
    }

    /// Code and message of a call that must fail.
    fn refuses(&self, intent: &str, arguments: Value) -> (String, String) {
        let result = self.call(intent, arguments);
        (result.code.expect("a failure"), result.message)
    }
}

#[test]
fn the_manifest_is_good_and_rich() {
    let harness = Harness::new(hob_skill_entry, include_str!("../skill.toml"));
    // Finding files anywhere needs the whole home folder; it is the only thing to say.
    assert!(harness.manifest().warnings().iter().all(|warning| warning.contains("asks for all of ~")));
    for intent in &harness.manifest().intents {
        assert!(["en", "pt", "de", "es", "zh"].iter().all(|l| intent.examples.contains_key(*l)), "{}", intent.name);
        assert!(intent.counter_examples.contains_key("en"), "{}", intent.name);
        let parameters = intent.parameters();
        for (example, slot) in intent.examples.values().flatten().flat_map(|e| e.slots.iter().map(move |s| (e, s))) {
            let choices = &parameters.iter().find(|p| p.name == slot.name).unwrap().choices;
            let said = hob_sdk::text::fold(&example.text[slot.start..slot.end]);
            let named = |c: &hob_sdk::manifest::Choice| {
                c.value == said || c.synonyms.iter().any(|synonym| hob_sdk::text::fold(synonym) == said)
            };
            assert!(
                choices.is_empty() || choices.iter().any(named),
                "no choice is called \"{said}\" ({})",
                example.text
            );
        }
    }
}

#[test]
fn files_are_found_by_name_best_first() {
    let files = Fixture::new();
    let (message, names) = files.finds("FindFiles", json!({"name": "tax return"}));
    assert_eq!(names, ["tax return.pdf", "tax-return-2025.pdf"]);
    assert_eq!(
        message,
        "2 files for \"tax return\": tax return.pdf in ~/Documents/old and tax-return-2025.pdf in ~/Documents."
    );
    assert_eq!(files.finds("FindFiles", json!({"name": "the notes file"})).1, ["Notes.md"]);
    assert_eq!(files.finds("FindFiles", json!({"name": "*.jpg"})).1, ["holiday.JPG"]);
    assert_eq!(files.finds("FindFiles", json!({"kind": "image"})).1, ["holiday.JPG", "cat.png"]);
    assert_eq!(files.finds("FindFiles", json!({"name": "cat", "folder": "my pictures folder"})).1, ["cat.png"]);
    assert_eq!(files.finds("FindFiles", json!({"name": "main.rs", "folder": "hob"})).1, ["main.rs"]);
    let (message, names) = files.finds("FindFiles", json!({"name": "nothing like it", "folder": "~/Downloads"}));
    assert_eq!((message.as_str(), names.len()), ("No files for \"nothing like it\" in ~/Downloads.", 0));
    assert_eq!(files.refuses("FindFiles", json!({})).1, "What is the file called?");
    let found = files.call("FindFiles", json!({"name": "Notes"}));
    assert_eq!(found.data["files"][0]["bytes"], 20);
    assert_eq!(found.data["files"][0]["modified"], "2026-11-23T15:32:00Z");
}

#[test]
fn recent_files_come_newest_first() {
    let files = Fixture::new();
    let names = |arguments: Value| files.finds("RecentFiles", arguments).1;
    assert_eq!(names(json!({})), ["Notes.md", "tax-return-2025.pdf", "main.rs", "holiday.JPG"]);
    assert_eq!(names(json!({"period": "today"})), ["Notes.md"]);
    assert_eq!(names(json!({"period": "yesterday"})), ["tax-return-2025.pdf"]);
    assert_eq!(names(json!({"period": "last-week"})), ["tax-return-2025.pdf", "main.rs", "holiday.JPG"]);
    assert_eq!(names(json!({"period": "last-month"})), ["cat.png"]);
    assert_eq!(names(json!({"period": "this-year", "kind": "image"})), ["holiday.JPG", "cat.png"]);
    assert_eq!(names(json!({"within": "P2D"})), ["Notes.md", "tax-return-2025.pdf", "main.rs"]);
    assert_eq!(names(json!({"since": "2026-11-21T00:00:00", "kind": "code"})), ["main.rs"]);
    assert_eq!(names(json!({"count": 1})), ["Notes.md"]);
    let (message, _) = files.finds("RecentFiles", json!({"folder": "downloads"}));
    assert_eq!(message, "1 file changed in the last 7 days: holiday.JPG in ~/Downloads.");
    let (message, _) = files.finds("RecentFiles", json!({"within": "PT2H", "kind": "video"}));
    assert_eq!(message, "No videos changed in the last 2 hours.");
    for bad in [json!({"within": "soon"}), json!({"since": "once"}), json!({"within": "P99999Y"})] {
        assert_eq!(files.refuses("RecentFiles", bad.clone()).0, "invalid_argument", "{bad}");
    }
}

#[test]
fn nothing_outside_the_home_folder_is_touched() {
    let files = Fixture::new();
    for folder in ["/etc", "~/outside", "../", "~/../..", "outside"] {
        for intent in ["FindFiles", "DiskUse", "RecentFiles"] {
            let (code, message) = match intent {
                "FindFiles" => files.refuses(intent, json!({"name": "passwd", "folder": folder})),
                _ => files.refuses(intent, json!({"folder": folder})),
            };
            assert!(code == "outside_home" || code == "not_found", "{intent} {folder}: {code} {message}");
        }
        assert_ne!(files.refuses("OpenLocation", json!({"file": folder})).0, "failed", "{folder}");
    }
    assert_eq!(
        files.refuses("FindFiles", json!({"name": "x", "folder": "music"})).0,
        "not_found",
        "user-dirs.dirs can't lead out"
    );
    assert_eq!(
        files.finds("FindFiles", json!({"name": "tax.txt"})).1,
        [] as [&str; 0],
        "hidden folders are the user's secret"
    );
    assert_eq!(files.finds("FindFiles", json!({"name": "passwd"})).1, [] as [&str; 0]);
}

#[test]
fn folders_are_measured() {
    let files = Fixture::new();
    fs::hard_link(files.folder.path().join("Downloads/film.mkv"), files.folder.path().join("Downloads/again.mkv"))
        .unwrap();
    let downloads = files.call("DiskUse", json!({"folder": "downloads"}));
    assert!(
        downloads.message.starts_with("~/Downloads takes 5.0 MB in 2 files; most of it: holiday.JPG (5.0 MB), "),
        "{}",
        downloads.message
    );
    assert_eq!(downloads.data["files"], 2);
    let bytes = downloads.data["bytes"].as_u64().unwrap();
    assert!((5_009_000..5_100_000).contains(&bytes), "{bytes}");
    let home = files.call("DiskUse", json!({"folder": "home"}));
    assert!(home.message.starts_with("Your home folder takes "), "{}", home.message);
    assert!(home.data["bytes"].as_u64().unwrap() > bytes);
    let free = files.call("DiskUse", json!({}));
    assert!(free.data["free_bytes"].as_u64().unwrap() <= free.data["total_bytes"].as_u64().unwrap());
    assert!(free.message.contains("are free ("), "{}", free.message);
    assert_eq!(files.refuses("DiskUse", json!({"folder": "Nowhere"})).0, "not_found");
}

/// Notes what was to be shown.
fn noting(context: &Context, folder: &Path) -> Result<(), SkillError> {
    Ok(fs::write(context.storage.join(".shown"), folder.to_string_lossy().as_bytes())?)
}

#[test]
fn the_folder_of_a_file_is_opened() {
    let mut files = Fixture::new();
    files.skill.show = noting;
    let noted = files.folder.path().join(".shown");
    for (file, opened) in [
        ("holiday.jpg", "Downloads"),
        ("~/Documents/Notes.md", "Documents"),
        ("downloads", "Downloads"),
        ("my pictures", "Bilder"),
        ("tax return", "Documents/old"),
    ] {
        let result = files.call("OpenLocation", json!({"file": file}));
        assert_eq!(result.message, format!("Opened ~/{opened}."), "{file}: {result:?}");
        assert_eq!(fs::read_to_string(&noted).unwrap(), files.skill.home.path().join(opened).to_string_lossy());
    }
}

#[test]
fn without_a_window_the_answer_says_so_and_where_the_file_is() {
    let mut files = Fixture::new();
    let (code, message) = files.refuses("OpenLocation", json!({"file": "holiday.jpg"}));
    assert_eq!(code, "unavailable");
    assert_eq!(
        message,
        "No window could be opened: This skill may reach nothing outside of it. holiday.JPG is in ~/Downloads."
    );
    files.skill.show = |_, _| Err(SkillError::unavailable("The name is not activatable"));
    let (_, message) = files.refuses("OpenLocation", json!({"file": "holiday.jpg"}));
    assert!(message.contains("opened: The name is not activatable. holiday.JPG"), "{message}");
    assert_eq!(files.refuses("OpenLocation", json!({"file": "no such thing"})).0, "not_found");
    assert_eq!(files.refuses("OpenLocation", json!({"file": " "})).0, "invalid_argument");
}
