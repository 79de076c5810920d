//! The folders that calendars and contacts lie in, and the reading of their files.
//!
//! Owns: which folders those are, what is read of them and within which limits, and what must be said of the rest. Must
//! not know: what is in a file.

use hob_sdk::{Context, SkillError};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::{self, DirEntry, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where new events go, as the manifest writes it. A link to where the user's calendars are does as well.
pub const OWN_CALENDAR: &str = "~/Calendar";
/// Where events are looked for.
const CALENDARS: &[&str] = &[OWN_CALENDAR, "~/Calendars", "~/.calendars", "~/.local/share/calendars"];
/// Where contacts are looked for.
const CONTACTS: &[&str] = &["~/Contacts", "~/.contacts", "~/.local/share/contacts"];

/// Largest file that is read, in bytes.
const LARGEST: u64 = 16 << 20;
/// Skipped files that an answer names.
const MOST_NAMED: usize = 20;

/// Where a look into the folders ends.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Files and folders looked at.
    pub entries: usize,
    /// Bytes read.
    pub bytes: u64,
    /// Time taken.
    pub time: Duration,
    /// Folders within folders.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 50_000, bytes: 256 << 20, time: Duration::from_secs(8), depth: 5 }
    }
}

/// A kind of files, and the folders that they lie in.
#[derive(Debug, Clone)]
pub struct Folders {
    /// What the manifest calls them, with their paths.
    places: Vec<(String, PathBuf)>,
    endings: &'static [&'static str],
    limits: Limits,
}

/// What a look into the folders came by.
#[derive(Debug, Default)]
pub struct Looked {
    /// Files that were read.
    pub files: usize,
    /// Files that were not, and why.
    skipped: Vec<(PathBuf, String)>,
    stopped: bool,
}

impl Folders {
    /// The calendars' folders.
    pub fn calendars(context: &Context) -> Self {
        Self::of(context, CALENDARS, &["ics", "ical", "icalendar"])
    }

    /// The contacts' folders.
    pub fn contacts(context: &Context) -> Self {
        Self::of(context, CONTACTS, &["vcf", "vcard"])
    }

    fn of(context: &Context, names: &[&str], endings: &'static [&'static str]) -> Self {
        let place = |name: &&str| Some((name.to_string(), context.place(name).ok()?.to_path_buf()));
        Self { places: names.iter().filter_map(place).collect(), endings, limits: Limits::default() }
    }

    /// The same with other limits.
    #[cfg(test)]
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Why there is nothing to look at.
    pub fn nothing(&self, what: &str) -> SkillError {
        let names: Vec<&str> = self.places.iter().map(|(name, _)| name.as_str()).collect();
        let (first, all) = match names.as_slice() {
            [] => ("a folder of yours", "any folder".into()),
            [one] => (*one, (*one).to_string()),
            [first, .., last] => (*first, format!("{} or {last}", names[..names.len() - 1].join(", "))),
        };
        SkillError::not_found(format!("There is no {what} to look at: no .{} file is in {all}.", self.endings[0]))
            .suggest(format!("Put your files into {first}, or make {first} a link to the folder where they are."))
    }

    /// Reads all files, a folder's in the order of their names. `each` says why a file is none of the kind.
    pub fn read(&self, mut each: impl FnMut(&Path, &[u8]) -> Result<(), String>) -> Looked {
        let (mut looked, mut walk) = (Looked::default(), Walk::new(self.limits));
        for (_, place) in &self.places {
            walk.enter(place.clone(), 0);
            while let Some(file) = walk.next(self.endings) {
                match content(&file).and_then(|bytes| {
                    walk.bytes += bytes.len() as u64;
                    each(&file, &bytes)
                }) {
                    Ok(()) => looked.files += 1,
                    Err(why) => looked.skipped.push((file, why)),
                }
            }
        }
        looked.stopped = walk.stopped;
        looked
    }
}

impl Looked {
    /// Whether there was any file at all.
    pub fn found_nothing(&self) -> bool {
        self.files == 0 && self.skipped.is_empty()
    }

    /// What the answer must say of what was not read, as sentences with a blank before them.
    pub fn caveat(&self) -> String {
        let mut caveat = match self.skipped.as_slice() {
            [] => String::new(),
            [(file, why)] => format!(" I left out {}: {why}.", name(file)),
            [(file, why), ..] => {
                format!(" I left out {} files that can't be read, such as {}: {why}.", self.skipped.len(), name(file))
            }
        };
        if self.stopped {
            caveat.push_str(" There is more than I read in one go, so something may be missing.");
        }
        caveat
    }

    /// The skipped files, for scripts.
    pub fn skipped(&self) -> Value {
        let one = |(file, why): &(PathBuf, String)| json!({"path": file.to_string_lossy(), "why": why});
        self.skipped.iter().take(MOST_NAMED).map(one).collect()
    }
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

/// A file's bytes, or why it is not read.
fn content(file: &Path) -> Result<Vec<u8>, String> {
    let refused = |error: std::io::Error| format!("the system refuses it ({error})");
    let opened = File::open(file).map_err(refused)?;
    let mut bytes = Vec::new();
    opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it is larger than {} MiB", LARGEST >> 20));
    }
    Ok(bytes)
}

/// A bounded walk: nothing hidden below a place, no links, nothing twice.
struct Walk {
    limits: Limits,
    started: Instant,
    bytes: u64,
    entries: usize,
    stopped: bool,
    /// What is still to be looked at, the next one last.
    open: Vec<(PathBuf, usize)>,
    seen: HashSet<(u64, u64)>,
}

impl Walk {
    fn new(limits: Limits) -> Self {
        let (open, seen) = (Vec::new(), HashSet::new());
        Self { limits, started: Instant::now(), bytes: 0, entries: 0, stopped: false, open, seen }
    }

    fn enter(&mut self, path: PathBuf, depth: usize) {
        self.open.push((path, depth));
    }

    /// The next file with one of these endings.
    fn next(&mut self, endings: &[&str]) -> Option<PathBuf> {
        while let Some((path, depth)) = self.open.pop() {
            self.stopped |= self.entries >= self.limits.entries
                || self.bytes >= self.limits.bytes
                || self.started.elapsed() >= self.limits.time;
            if self.stopped {
                return None;
            }
            self.entries += 1;
            // Of a place a link is followed; below it none is there.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if !self.seen.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            if metadata.is_dir() {
                self.unfold(&path, depth);
            } else if metadata.is_file() && has_ending(&path, endings) {
                return Some(path);
            }
        }
        None
    }

    fn unfold(&mut self, folder: &Path, depth: usize) {
        let listed = fs::read_dir(folder).into_iter().flatten().flatten().take(self.limits.entries + 1);
        let own = |entry: &DirEntry| {
            let kind = entry.file_type();
            let hidden = entry.file_name().as_bytes().starts_with(b".");
            !hidden && kind.is_ok_and(|kind| kind.is_file() || kind.is_dir() && depth < self.limits.depth)
        };
        let mut paths: Vec<PathBuf> = listed.filter(own).map(|entry| entry.path()).collect();
        paths.sort_by(|a, b| b.cmp(a));
        self.open.extend(paths.into_iter().map(|path| (path, depth + 1)));
    }
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folders(root: &Path, places: &[&str]) -> Folders {
        let mut context = Context::new(root);
        for place in places {
            context.places.insert((*place).into(), root.join(place.trim_start_matches("~/")));
        }
        Folders::calendars(&context)
    }

    fn names(folders: &Folders) -> (Vec<String>, Looked) {
        let mut names = Vec::new();
        let looked = folders.read(|path, bytes| {
            names.push(name(path));
            if bytes == b"bad" { Err("it is no calendar".into()) } else { Ok(()) }
        });
        (names, looked)
    }

    #[test]
    fn files_are_read_once_in_order_and_links_only_as_places() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in [".calendars/work", ".calendars/.hidden", "elsewhere"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for file in [
            ".calendars/b.ics",
            ".calendars/work/a.ICS",
            ".calendars/.hidden/c.ics",
            "elsewhere/d.ics",
            ".calendars/note.txt",
        ] {
            fs::write(at(file), "good").unwrap();
        }
        symlink(at("elsewhere"), at(".calendars/out")).unwrap();
        symlink(at(".calendars"), at(".calendars/work/loop")).unwrap();
        symlink(at(".calendars/work"), at("Calendar")).unwrap();
        let (found, looked) = names(&folders(root.path(), &["~/Calendar", "~/.calendars", "~/Calendars"]));
        assert_eq!(found, ["a.ICS", "b.ics"]);
        assert_eq!((looked.files, looked.caveat().as_str(), looked.skipped()), (2, "", json!([])));
    }

    #[test]
    fn what_can_t_be_read_is_counted_and_said() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("Calendar");
        fs::create_dir(&folder).unwrap();
        let all = folders(root.path(), &["~/Calendar"]);
        assert!(names(&all).1.found_nothing());
        let nothing = all.nothing("calendar");
        assert_eq!(nothing.message, "There is no calendar to look at: no .ics file is in ~/Calendar.");
        fs::write(folder.join("bad.ics"), "bad").unwrap();
        assert_eq!(names(&all).1.caveat(), " I left out bad.ics: it is no calendar.");
        File::create(folder.join("huge.ics")).unwrap().set_len(LARGEST + 1).unwrap();
        let (_, looked) = names(&all);
        assert!(!looked.found_nothing());
        assert_eq!(looked.caveat(), " I left out 2 files that can't be read, such as bad.ics: it is no calendar.");
        assert_eq!(looked.skipped()[1]["why"], "it is larger than 16 MiB");
    }

    #[test]
    fn limits_end_the_walk_and_are_stated() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("Calendar");
        fs::create_dir(&folder).unwrap();
        for n in 0..20 {
            fs::write(folder.join(format!("{n:02}.ics")), "good").unwrap();
        }
        let all = folders(root.path(), &["~/Calendar"]);
        for limits in [
            Limits { entries: 8, ..Limits::default() },
            Limits { bytes: 25, ..Limits::default() },
            Limits { time: Duration::ZERO, ..Limits::default() },
        ] {
            let (found, looked) = names(&all.clone().within(limits));
            assert!(found.len() < 10 && looked.caveat().contains("There is more than I read"), "{limits:?}");
        }
    }
}
