//! A bounded walk through folders, nearest first.
//!
//! Owns: limits, and what is never entered: symbolic links, hidden folders, caches. Must not know:
//! what is looked for.

use std::collections::VecDeque;
use std::fs::{self, DirEntry, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Folders that hold what programs made, not the user.
const SKIPPED: &[&str] = &["node_modules", "__pycache__", "lost+found"];
/// The file that marks a folder as a cache (see bford.info/cachedir).
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// Where a walk ends.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries looked at.
    pub entries: usize,
    /// Time taken.
    pub time: Duration,
    /// Folders below folders.
    pub depth: usize,
    /// Also what is hidden, and caches: for sizes.
    pub everything: bool,
}

impl Limits {
    /// For names: the user's own files.
    pub fn names() -> Self {
        Self { entries: 300_000, time: Duration::from_secs(4), depth: 40, everything: false }
    }

    /// For sizes: whatever takes space.
    pub fn sizes() -> Self {
        Self { entries: 2_000_000, time: Duration::from_secs(7), depth: 200, everything: true }
    }
}

/// A file or folder that the walk came by. Never a link.
#[derive(Debug)]
pub struct Entry {
    /// Absolute.
    pub path: PathBuf,
    /// The last part, for reading; what is not UTF-8 shows as �.
    pub name: String,
    /// A folder rather than a file.
    pub is_folder: bool,
    /// How deep below the start, 0 for what lies right in it.
    pub depth: usize,
    /// Size, times and the like.
    pub metadata: Metadata,
}

/// The walk; yields entries, folders before what is in them.
pub struct Walk {
    limits: Limits,
    started: Instant,
    folders: VecDeque<(PathBuf, usize)>,
    entries: Vec<DirEntry>,
    depth: usize,
    seen: usize,
    unreadable: usize,
    stopped: bool,
}

impl Walk {
    /// Starts in `root`.
    pub fn new(root: &Path, limits: Limits) -> Self {
        Self {
            limits,
            started: Instant::now(),
            folders: VecDeque::from([(root.to_path_buf(), 0)]),
            entries: Vec::new(),
            depth: 0,
            seen: 0,
            unreadable: 0,
            stopped: false,
        }
    }

    /// What the answer must say about the walk, as a sentence with a blank before it; empty when
    /// everything was seen.
    pub fn caveat(&self) -> String {
        let mut caveat = String::new();
        if self.stopped {
            let limit = if self.seen >= self.limits.entries {
                format!("{} entries", self.limits.entries)
            } else {
                format!("{} seconds", self.limits.time.as_secs())
            };
            caveat += &format!(" I stopped after {limit}, so there may be more.");
        }
        match self.unreadable {
            0 => {}
            1 => caveat += " One folder could not be read.",
            n => caveat += &format!(" {n} folders could not be read."),
        }
        caveat
    }

    /// Whether everything was seen.
    pub fn is_complete(&self) -> bool {
        !self.stopped && self.unreadable == 0
    }

    /// Opens the next folder; `false` at the end.
    fn descend(&mut self) -> bool {
        let Some((folder, depth)) = self.folders.pop_front() else { return false };
        self.depth = depth;
        match fs::read_dir(&folder) {
            Ok(entries) => {
                // Reversed, because they are taken from the end; one more than allowed, so that the
                // limit is noticed.
                self.entries = entries.flatten().take(self.limits.entries + 1).collect();
                self.entries.reverse();
            }
            Err(_) => self.unreadable += 1,
        }
        let is_cache = !self.limits.everything && self.entries.iter().any(|entry| entry.file_name() == CACHE_TAG);
        if is_cache {
            self.entries.clear();
        }
        true
    }

    fn is_over(&mut self) -> bool {
        self.stopped |= self.seen >= self.limits.entries || self.started.elapsed() >= self.limits.time;
        self.stopped
    }

    /// The entry, unless it is a link, something special, or not the user's own.
    fn look(&mut self, found: &DirEntry) -> Option<Entry> {
        let kind = found.file_type().ok()?;
        let name = found.file_name().to_string_lossy().into_owned();
        let foreign =
            !self.limits.everything && (name.starts_with('.') || kind.is_dir() && SKIPPED.contains(&name.as_str()));
        if foreign || !(kind.is_dir() || kind.is_file()) {
            return None;
        }
        // Of the entry itself: links are not followed here either.
        let metadata = found.metadata().ok()?;
        let path = found.path();
        if kind.is_dir() && self.depth < self.limits.depth {
            self.folders.push_back((path.clone(), self.depth + 1));
        }
        Some(Entry { path, name, is_folder: kind.is_dir(), depth: self.depth, metadata })
    }
}

impl Iterator for Walk {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            match self.entries.pop() {
                None if !self.descend() => return None,
                None => {}
                Some(found) => {
                    if self.is_over() {
                        return None;
                    }
                    self.seen += 1;
                    if let Some(entry) = self.look(&found) {
                        return Some(entry);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(root: &Path, limits: Limits) -> (Vec<String>, String) {
        let mut walk = Walk::new(root, limits);
        let mut names: Vec<_> = walk.by_ref().map(|entry| entry.name).collect();
        names.sort();
        (names, walk.caveat())
    }

    #[test]
    fn links_caches_and_hidden_files_are_passed_by() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["a/b", ".hidden", "node_modules", "cache"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        for file in ["a/b/deep.txt", ".hidden/x", "node_modules/y", "cache/z", "cache/CACHEDIR.TAG", "top.txt"] {
            fs::write(root.path().join(file), "x").unwrap();
        }
        symlink(root.path(), root.path().join("a/loop")).unwrap();
        symlink("/etc/passwd", root.path().join("outside")).unwrap();
        let (found, caveat) = names(root.path(), Limits::names());
        assert_eq!(found, ["a", "b", "cache", "deep.txt", "top.txt"]);
        assert_eq!(caveat, "");
        let (all, _) = names(root.path(), Limits::sizes());
        assert!(all.contains(&"y".to_string()) && all.contains(&".hidden".to_string()));
        assert!(!all.contains(&"loop".to_string()) && !all.contains(&"outside".to_string()));
    }

    #[test]
    fn limits_end_the_walk_and_are_stated() {
        let root = tempfile::tempdir().unwrap();
        for n in 0..20 {
            fs::write(root.path().join(format!("{n}.txt")), "x").unwrap();
        }
        let (found, caveat) = names(root.path(), Limits { entries: 7, ..Limits::names() });
        assert_eq!((found.len(), caveat.as_str()), (7, " I stopped after 7 entries, so there may be more."));
        let (found, caveat) = names(root.path(), Limits { time: Duration::ZERO, ..Limits::names() });
        assert_eq!((found.len(), caveat.as_str()), (0, " I stopped after 0 seconds, so there may be more."));
        let (_, caveat) = names(&root.path().join("gone"), Limits::names());
        assert_eq!(caveat, " One folder could not be read.");
    }
}
