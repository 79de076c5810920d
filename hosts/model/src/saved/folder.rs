//! The folder on disk: its sub-folders, names, modes, and what must go when it is full.
//!
//! Owns: paths and file names, the size of everything below the folder, last uses. Must not know: what a file says,
//! but for its length.
//!
//! `<folder>/<hash of the key>/<hash of the tokens>.state`: folders of mode 0700, files of mode 0600. A file's time
//! of change is its last use. Other processes may do the same here at any moment, so every file may vanish between
//! two looks at it, and that is no error. A file gets its name only when it is complete and on the disk.

use super::format;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const ENDING: &str = ".state";
const DRAFT: &str = ".draft-";
/// A draft that nobody wrote to for so long was left behind by a process that died.
const STALE: Duration = Duration::from_secs(600);

/// Where the entries of one model lie, and how large everything together may be.
#[derive(Debug)]
pub(super) struct Folder {
    /// Shared with the entries of other models.
    root: PathBuf,
    own: PathBuf,
    key: Vec<u8>,
    limit: u64,
    /// The last time that was given out, in nanoseconds since 1970: none is given twice, whatever the clock does.
    clock: AtomicU64,
}

/// A file of some model's.
struct Listed {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
    /// Not a link, which would be followed when it is opened.
    regular: bool,
}

impl Listed {
    fn is_entry(&self) -> bool {
        self.regular && name_of(&self.path).strip_suffix(ENDING).is_some_and(is_hash)
    }

    fn is_draft(&self) -> bool {
        self.regular && name_of(&self.path).starts_with(DRAFT)
    }
}

impl Folder {
    /// Sets the folder up, or says why it can't be used.
    pub(super) fn open(root: &Path, key: Vec<u8>, limit: u64) -> io::Result<Self> {
        let own = root.join(format!("{:032x}", fnv(&key)));
        let folder = Self { root: root.into(), own, key, limit, clock: AtomicU64::new(0) };
        folder.create()?;
        folder.forget_the_future();
        if let Err(error) = folder.make_room(0, &[]) {
            tracing::debug!(%error, "the folder of evaluated prompts stays over its limit for now");
        }
        Ok(folder)
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// What the file of an entry is called.
    pub(super) fn name(tokens: &[i32]) -> String {
        format!("{:032x}{ENDING}", fnv(&format::token_bytes(tokens)))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.own.join(name)
    }

    /// The names of this model's files, the least recently used first. What is no entry's file is removed.
    pub(super) fn names(&self) -> Vec<String> {
        let (mut found, foreign): (Vec<_>, Vec<_>) =
            files(&self.own).into_iter().partition(|file| file.is_entry() || file.is_draft());
        foreign.iter().for_each(|file| self.remove(&file.path, "is no entry"));
        found.retain(Listed::is_entry);
        found.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
        found.iter().map(|file| name_of(&file.path).to_string()).collect()
    }

    /// Notes that an open file was used now. Best effort: a folder that can't be written keeps its order.
    pub(super) fn touch(&self, file: &File) {
        if let Err(error) = file.set_modified(self.now()) {
            tracing::debug!(%error, "the last use of an evaluated prompt could not be noted");
        }
    }

    pub(super) fn remove(&self, path: &Path, why: &str) {
        tracing::debug!(path = %path.display(), why, "an evaluated prompt is removed");
        if let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(path = %path.display(), %error, "it could not be removed");
        }
    }

    /// Removes the least recently used files of all models, those in `first` before all others, until `bytes` more
    /// fit.
    pub(super) fn make_room(&self, bytes: u64, first: &[PathBuf]) -> io::Result<()> {
        let mut all = self.everything();
        let mut total: u64 = all.iter().map(|file| file.bytes).sum();
        all.retain(Listed::is_entry);
        all.sort_by_cached_key(|file| (!first.contains(&file.path), file.used, file.path.clone()));
        for file in all {
            if total.saturating_add(bytes) <= self.limit {
                break;
            }
            self.remove(&file.path, "makes room");
            total -= file.bytes;
            if let Some(parent) = file.path.parent().filter(|parent| *parent != self.own) {
                // Fails as long as it holds something.
                let _empty = fs::remove_dir(parent).is_ok();
            }
        }
        if total.saturating_add(bytes) > self.limit {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "others are writing to the folder of evaluated prompts",
            ));
        }
        Ok(())
    }

    /// Writes an entry under its name; either all of it is there or nothing.
    pub(super) fn write(&self, entry: format::Parts<'_>) -> io::Result<String> {
        self.create()?;
        let mut draft = Draft::create(&self.own)?;
        format::write(&mut draft.file, &self.key, entry)?;
        draft.file.set_modified(self.now())?;
        draft.file.sync_data()?;
        let name = Self::name(entry.tokens);
        // Not followed by a sync of the folder: a rename that a power cut undoes loses an entry, not its content.
        fs::rename(&draft.path, self.path(&name))?;
        draft.published = true;
        Ok(name)
    }

    fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.own)?;
        if !fs::symlink_metadata(&self.own)?.is_dir() {
            return Err(io::Error::other(format!("{} is no folder but a link to one", self.own.display())));
        }
        // Whatever the mode was; fails where the folder belongs to somebody else.
        fs::set_permissions(&self.own, Permissions::from_mode(0o700))
    }

    /// Every file of every model. Drafts that were left behind are removed.
    fn everything(&self) -> Vec<Listed> {
        let mut all = Vec::new();
        for folder in sub_folders(&self.root) {
            for file in files(&folder) {
                let age = SystemTime::now().duration_since(file.used).unwrap_or_else(|future| future.duration());
                if file.is_draft() && age > STALE {
                    self.remove(&file.path, "was never finished");
                } else if file.is_draft() || file.is_entry() {
                    all.push(file);
                }
            }
        }
        all
    }

    /// Files that were used while the clock was wrong would otherwise stay for ever.
    fn forget_the_future(&self) {
        let now = SystemTime::now();
        for file in self.everything().iter().filter(|file| file.is_entry() && file.used > now) {
            if let Ok(file) = File::open(&file.path) {
                self.touch(&file);
            }
        }
    }

    fn now(&self) -> SystemTime {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        // Always gives the new value, so the fallback is never taken.
        let before = self.clock.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
        let last = before.unwrap_or_else(|last| last);
        UNIX_EPOCH + Duration::from_nanos(now.max(last + 1))
    }
}

/// A file that is being written; removed unless it was published.
struct Draft {
    path: PathBuf,
    file: File,
    published: bool,
}

impl Draft {
    fn create(folder: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            // Process numbers alone may repeat where two containers share the folder.
            let path = folder.join(format!("{DRAFT}{}-{count}-{started:x}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => return Ok(Self { file: opened?, path, published: false }),
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %error, "a draft stays behind");
        }
    }
}

/// The folders of all models.
fn sub_folders(root: &Path) -> Vec<PathBuf> {
    listed(root, |name, about| about.is_dir() && is_hash(name)).into_iter().map(|found| found.path).collect()
}

/// The files and links of a folder; nothing else there is looked at.
fn files(folder: &Path) -> Vec<Listed> {
    listed(folder, |_, about| about.is_file() || about.is_symlink())
}

fn listed(folder: &Path, wanted: impl Fn(&str, &Metadata) -> bool) -> Vec<Listed> {
    // A folder that vanished or can't be read holds nothing for us.
    let Ok(found) = fs::read_dir(folder) else { return Vec::new() };
    let about = |entry: fs::DirEntry| {
        // Does not follow links.
        let about = entry.metadata().ok()?;
        if !wanted(&entry.file_name().to_string_lossy(), &about) {
            return None;
        }
        let used = about.modified().unwrap_or(UNIX_EPOCH);
        Some(Listed { path: entry.path(), bytes: about.len(), used, regular: about.is_file() })
    };
    found.flatten().filter_map(about).collect()
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn is_hash(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// FNV-1a with 128 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>). Only names come from it: what a file is
/// really of stands in the file.
fn fnv(bytes: &[u8]) -> u128 {
    const START: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(START, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}
