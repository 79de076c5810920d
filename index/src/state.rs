//! What the index knows about files: which are in, as of when, which were skipped and why.
//!
//! Owns: the sled database and the list of added folders. Everything but that list can be rebuilt from the
//! files, so damage never keeps hob from starting: the database is moved aside and begun anew.
//! Must not know: how files become passages, and who asks.

use crate::scan::Stamp;
use crate::types::{ChunkId, IndexError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sled::Batch;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Raised when a record's meaning changes; an older database is emptied and the files are indexed again.
const SCHEMA: u32 = 2;
const CACHE_BYTES: u64 = 4 << 20;
/// How long a database that this process has just closed may still hold its lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

const FILE: u8 = b'f';
const SKIP: u8 = b's';
const KEY_SCHEMA: &[u8] = b"m/schema";
const KEY_GENERATION: &[u8] = b"m/generation";
const KEY_NEXT_CHUNK: &[u8] = b"m/next_chunk";
const KEY_INTENT: &[u8] = b"m/intent";
const KEY_EPOCH: &[u8] = b"m/epoch";
const KEY_BUILDING: &[u8] = b"m/building";

/// A file that is in the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    /// The file as it was when its text was read.
    pub mtime_ns: i64,
    pub size: u64,
    pub inode: u64,
    /// Its passages are `first_chunk .. first_chunk + chunks`.
    pub first_chunk: ChunkId,
    pub chunks: u32,
    /// Hash of title, kind and passages: tells a touched file from a changed one.
    pub text_hash: u64,
    /// ISO 639-1.
    pub lang: String,
    /// The lexical index that its passages were put into; see [`State::epoch`].
    pub epoch: u32,
}

impl FileRecord {
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { mtime_ns: self.mtime_ns, size: self.size, inode: self.inode }
    }

    pub(crate) fn ids(&self) -> Range<ChunkId> {
        self.first_chunk..self.first_chunk + u64::from(self.chunks)
    }
}

/// A file or folder that could not be indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SkipRecord {
    /// The file as it was when it was tried; zeros where it could not even be looked at.
    pub mtime_ns: i64,
    pub size: u64,
    pub reason: String,
    /// The fault was not the file's: a later walk tries again.
    pub transient: bool,
}

/// What a lexical commit is about to make visible; written before it, so that a crash at any point
/// leaves word of which files may disagree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub generation: u64,
    /// Paths as bytes.
    pub paths: Vec<Vec<u8>>,
}

/// How a database came to be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// With what it held.
    Kept,
    /// Empty: new, of another schema, or damaged beyond use.
    Fresh,
}

/// Changes that become durable together.
#[derive(Default)]
pub(crate) struct Changes(Batch);

impl Changes {
    pub(crate) fn put_file(&mut self, path: &Path, record: &FileRecord) -> Result<(), postcard::Error> {
        self.0.insert(path_key(FILE, path), seal(record)?);
        Ok(())
    }

    /// Forgets the file.
    pub(crate) fn remove_file(&mut self, path: &Path) {
        self.0.remove(path_key(FILE, path));
    }

    pub(crate) fn put_skip(&mut self, path: &Path, record: &SkipRecord) -> Result<(), postcard::Error> {
        self.0.insert(path_key(SKIP, path), seal(record)?);
        Ok(())
    }

    pub(crate) fn remove_skip(&mut self, path: &Path) {
        self.0.remove(path_key(SKIP, path));
    }

    pub(crate) fn put_intent(&mut self, intent: &Intent, next_chunk: ChunkId) -> Result<(), postcard::Error> {
        self.0.insert(KEY_INTENT, seal(intent)?);
        self.0.insert(KEY_NEXT_CHUNK, seal(&next_chunk)?);
        Ok(())
    }

    /// The commit of `generation` and these changes are one.
    pub(crate) fn fulfil(&mut self, generation: u64) -> Result<(), postcard::Error> {
        self.0.insert(KEY_GENERATION, seal(&generation)?);
        self.0.remove(KEY_INTENT);
        Ok(())
    }
}

/// The database. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct State {
    db: sled::Db,
    dir: PathBuf,
}

impl State {
    /// Opens the database in `dir`, repairing or replacing what can't be used.
    pub(crate) fn open(dir: &Path) -> Result<(State, Opened), IndexError> {
        let db = match try_open(dir) {
            Ok(db) => db,
            Err(Failure::Environment(reason)) => return Err(storage(dir, reason)),
            Err(Failure::Damaged(reason)) => {
                tracing::warn!(reason, "the index's database is damaged; trying without its snapshot");
                drop_snapshots(dir).map_err(|e| storage(dir, e))?;
                match try_open(dir) {
                    Ok(db) => db,
                    Err(Failure::Environment(reason)) => return Err(storage(dir, reason)),
                    Err(Failure::Damaged(reason)) => {
                        tracing::warn!(reason, "the index's database is beyond repair; every file is indexed again");
                        move_aside(dir).map_err(|e| storage(dir, e))?;
                        try_open(dir).map_err(|f| storage(dir, f.reason()))?
                    }
                }
            }
        };
        let state = State { db, dir: dir.to_path_buf() };
        if state.get::<u32>(KEY_SCHEMA)? == Some(SCHEMA) {
            return Ok((state, Opened::Kept));
        }
        state.clear()?;
        Ok((state, Opened::Fresh))
    }

    /// Empties the database.
    pub(crate) fn clear(&self) -> Result<(), IndexError> {
        self.db.clear().map_err(|e| self.trouble(e))?;
        let schema = seal(&SCHEMA).map_err(|e| self.trouble(e))?;
        self.db.insert(KEY_SCHEMA, schema).map_err(|e| self.trouble(e))?;
        self.flush()
    }

    pub(crate) fn apply(&self, changes: Changes) -> Result<(), IndexError> {
        self.db.apply_batch(changes.0).map_err(|e| self.trouble(e))
    }

    /// Makes everything applied so far durable.
    pub(crate) fn flush(&self) -> Result<(), IndexError> {
        self.db.flush().map(|_| ()).map_err(|e| self.trouble(e))
    }

    /// The generation of the last lexical commit that was recorded here.
    pub(crate) fn generation(&self) -> Result<u64, IndexError> {
        Ok(self.get(KEY_GENERATION)?.unwrap_or(0))
    }

    /// The smallest chunk id never given to a file.
    pub(crate) fn next_chunk(&self) -> Result<ChunkId, IndexError> {
        Ok(self.get(KEY_NEXT_CHUNK)?.unwrap_or(1))
    }

    /// Which of the lexical indexes that there were is the one to be filled: it counts up when one is built anew beside
    /// an old one. What was put into another one has yet to be put into this.
    pub(crate) fn epoch(&self) -> Result<u32, IndexError> {
        Ok(self.get(KEY_EPOCH)?.unwrap_or(0))
    }

    /// Begins a new epoch; durable on return.
    pub(crate) fn begin_epoch(&self, epoch: u32) -> Result<(), IndexError> {
        let mut batch = Batch::default();
        batch.insert(KEY_EPOCH, seal(&epoch).map_err(|e| self.trouble(e))?);
        batch.insert(KEY_BUILDING, &[1]);
        self.db.apply_batch(batch).map_err(|e| self.trouble(e))?;
        self.flush()
    }

    /// Whether the epoch has begun and not every file is in its lexical index.
    pub(crate) fn is_building(&self) -> Result<bool, IndexError> {
        self.db.contains_key(KEY_BUILDING).map_err(|e| self.trouble(e))
    }

    /// Every file is in; durable on return.
    pub(crate) fn end_building(&self) -> Result<(), IndexError> {
        self.db.remove(KEY_BUILDING).map_err(|e| self.trouble(e))?;
        self.flush()
    }

    pub(crate) fn intent(&self) -> Result<Option<Intent>, IndexError> {
        self.get(KEY_INTENT)
    }

    pub(crate) fn file(&self, path: &Path) -> Result<Option<FileRecord>, IndexError> {
        self.get(&path_key(FILE, path))
    }

    pub(crate) fn skip(&self, path: &Path) -> Result<Option<SkipRecord>, IndexError> {
        self.get(&path_key(SKIP, path))
    }

    /// The files at or below `path`, in the order of their names' bytes. A damaged record is left out, so
    /// that its file counts as new.
    pub(crate) fn files_under(&self, path: &Path) -> impl Iterator<Item = (PathBuf, FileRecord)> + use<> {
        self.under(FILE, path)
    }

    pub(crate) fn skips_under(&self, path: &Path) -> impl Iterator<Item = (PathBuf, SkipRecord)> + use<> {
        self.under(SKIP, path)
    }

    /// All files and items.
    pub(crate) fn all_files(&self) -> impl Iterator<Item = (PathBuf, FileRecord)> + use<> {
        known(self.db.scan_prefix([FILE]))
    }

    /// All that were skipped.
    pub(crate) fn all_skips(&self) -> impl Iterator<Item = (PathBuf, SkipRecord)> + use<> {
        known(self.db.scan_prefix([SKIP]))
    }

    fn under<T: DeserializeOwned>(&self, table: u8, path: &Path) -> impl Iterator<Item = (PathBuf, T)> + use<T> {
        let exact = path_key(table, path);
        let prefix = prefix_key(table, path);
        let one = self.db.get(&exact).ok().flatten().map(|value| Ok((sled::IVec::from(exact), value)));
        known(one.into_iter().chain(self.db.scan_prefix(prefix)))
    }

    fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, IndexError> {
        let value = self.db.get(key).map_err(|e| self.trouble(e))?;
        Ok(value.and_then(|value| unseal(&value)))
    }

    fn trouble(&self, reason: impl ToString) -> IndexError {
        storage(&self.dir, reason)
    }
}

/// Paths with their records; damaged ones are left out.
fn known<T: DeserializeOwned>(
    entries: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
) -> impl Iterator<Item = (PathBuf, T)> {
    entries.filter_map(|entry| {
        let (key, value) = entry.inspect_err(|error| tracing::error!(%error, "the index's database")).ok()?;
        let path = PathBuf::from(OsStr::from_bytes(key.get(1..)?));
        Some((path, unseal(&value)?))
    })
}

/// The added folders, in a file of their own: they are the user's, and can't be rebuilt.
pub(crate) struct Folders {
    file: PathBuf,
}

impl Folders {
    pub(crate) fn at(file: PathBuf) -> Folders {
        Folders { file }
    }

    /// The list; empty when there is none. A list that can't be understood is moved aside.
    pub(crate) fn load(&self) -> Result<Vec<PathBuf>, IndexError> {
        let bytes = match fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(storage(&self.file, e)),
        };
        match serde_json::from_slice(&bytes) {
            Ok(folders) => Ok(folders),
            Err(error) => {
                tracing::error!(%error, file = %self.file.display(), "the list of indexed folders is damaged; add them again");
                fs::rename(&self.file, self.file.with_extension("damaged")).map_err(|e| storage(&self.file, e))?;
                Ok(Vec::new())
            }
        }
    }

    /// Replaces the list; durable on return.
    pub(crate) fn save(&self, folders: &[PathBuf]) -> Result<(), IndexError> {
        let write = || -> io::Result<()> {
            let draft = self.file.with_extension("new");
            let mut file = File::create(&draft)?;
            file.write_all(&serde_json::to_vec_pretty(folders)?)?;
            file.sync_all()?;
            fs::rename(&draft, &self.file)?;
            match self.file.parent() {
                Some(dir) => File::open(dir)?.sync_all(),
                None => Ok(()),
            }
        };
        write().map_err(|e| storage(&self.file, e))
    }
}

/// A storage error about `dir`.
pub(crate) fn storage(dir: &Path, reason: impl ToString) -> IndexError {
    IndexError::Storage { dir: dir.display().to_string(), reason: reason.to_string() }
}

enum Failure {
    /// The disk or its permissions: deleting anything would not help.
    Environment(String),
    /// The files themselves.
    Damaged(String),
}

impl Failure {
    fn reason(self) -> String {
        match self {
            Failure::Environment(reason) | Failure::Damaged(reason) => reason,
        }
    }
}

/// How late timers of sled's threads may be, in nanoseconds.
const DROWSY: u64 = 30_000_000_000;
/// A tree that holds nothing but that the store was opened.
const OPENED: &[u8] = b"opened";

fn try_open(dir: &Path) -> Result<sled::Db, Failure> {
    let started = Instant::now();
    loop {
        // No flusher thread: commits flush, and an idle daemon does not wake up.
        let config =
            sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).mode(sled::Mode::LowSpace).flush_every_ms(None);
        // sled panics on some kinds of damage.
        let error = match open_drowsy(&config) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(error)) => error,
            Err(_) => return Err(Failure::Damaged("it can't be read".to_owned())),
        };
        match error {
            // The folder is ours alone (Index::open locks it), so this is an earlier instance in this
            // process whose last thread is just ending; there is nothing to wait on but the lock itself.
            sled::Error::Io(e) if e.to_string().contains("acquire lock") => {
                if started.elapsed() > LOCK_PATIENCE {
                    return Err(Failure::Environment(e.to_string()));
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            sled::Error::Io(e) if matters_to_user(&e) => return Err(Failure::Environment(e.to_string())),
            error => return Err(Failure::Damaged(error.to_string())),
        }
    }
}

/// Opens from a thread of its own whose timers may be late. sled keeps seven threads that look for work once a second, for
/// ever; they inherit this, so that the kernel wakes them together with something else or half a minute later. Work that
/// comes wakes them at once all the same.
fn open_drowsy(config: &sled::Config) -> std::thread::Result<sled::Result<sled::Db>> {
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| {
            if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(DROWSY)) {
                tracing::debug!(%error, "the store's threads wake up once a second");
            }
            let db = config.open()?;
            // Their first work starts those threads.
            db.open_tree(OPENED)?.insert(OPENED, &[])?;
            db.flush()?;
            Ok(db)
        });
        opening.join()
    })
}

fn matters_to_user(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | StorageFull)
}

/// A truncated snapshot is sled's known weak spot: without it the log is replayed in full.
fn drop_snapshots(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().as_bytes().starts_with(b"snap.") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn move_aside(dir: &Path) -> io::Result<()> {
    let aside = dir.with_extension("damaged");
    match fs::remove_dir_all(&aside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    fs::rename(dir, aside)
}

fn path_key(table: u8, path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    let mut key = Vec::with_capacity(bytes.len() + 2);
    key.push(table);
    key.extend_from_slice(bytes);
    key
}

/// The key that all paths below `path` begin with; `/a` must not catch `/ab`.
fn prefix_key(table: u8, path: &Path) -> Vec<u8> {
    let mut key = path_key(table, path);
    if key.last() != Some(&b'/') {
        key.push(b'/');
    }
    key
}

fn seal<T: Serialize>(value: &T) -> Result<Vec<u8>, postcard::Error> {
    let body = postcard::to_stdvec(value)?;
    let mut sealed = crc32fast::hash(&body).to_le_bytes().to_vec();
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

/// The value, or `None` when its checksum or form is wrong: what is not known is looked at again.
fn unseal<T: DeserializeOwned>(sealed: &[u8]) -> Option<T> {
    let (sum, body) = sealed.split_first_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        tracing::warn!("a record of the index's database is damaged and ignored");
        return None;
    }
    postcard::from_bytes(body).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn record(first_chunk: u64) -> FileRecord {
        FileRecord { mtime_ns: 1, size: 2, inode: 3, first_chunk, chunks: 2, text_hash: 4, lang: "en".into(), epoch: 0 }
    }

    fn put(state: &State, path: &str, first_chunk: u64) {
        let mut changes = Changes::default();
        changes.put_file(Path::new(path), &record(first_chunk)).unwrap();
        state.apply(changes).unwrap();
        state.flush().unwrap();
    }

    #[test]
    fn records_survive_and_prefixes_do_not_leak() {
        let dir = tempfile::tempdir().unwrap();
        let (state, opened) = State::open(&dir.path().join("s")).unwrap();
        assert_eq!(opened, Opened::Fresh);
        for (i, path) in ["/a/x", "/a/y/z", "/ab/x", "/a"].iter().enumerate() {
            put(&state, path, i as u64 * 10);
        }
        drop(state);
        let (state, opened) = State::open(&dir.path().join("s")).unwrap();
        assert_eq!(opened, Opened::Kept);
        let under: Vec<_> = state.files_under(Path::new("/a")).map(|(p, _)| p).collect();
        assert_eq!(under, ["/a", "/a/x", "/a/y/z"].map(PathBuf::from));
        assert_eq!(state.files_under(Path::new("/")).count(), 4);
        assert_eq!(state.file(Path::new("/ab/x")).unwrap(), Some(record(20)));
    }

    #[test]
    fn a_damaged_record_counts_as_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let (state, _) = State::open(&dir.path().join("s")).unwrap();
        put(&state, "/a", 1);
        let key = path_key(FILE, Path::new("/a"));
        let mut bytes = state.db.get(&key).unwrap().unwrap().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        state.db.insert(key, bytes).unwrap();
        assert_eq!(state.file(Path::new("/a")).unwrap(), None);
    }

    #[test]
    fn a_truncated_snapshot_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let (state, _) = State::open(&path).unwrap();
        for i in 0..2000 {
            let mut changes = Changes::default();
            changes.put_file(Path::new(&format!("/d/{i}")), &record(i)).unwrap();
            state.apply(changes).unwrap();
        }
        state.flush().unwrap();
        drop(state);
        // Opening writes a snapshot.
        drop(State::open(&path).unwrap());
        let snaps: Vec<_> = fs::read_dir(&path)
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.file_name().unwrap().as_bytes().starts_with(b"snap."))
            .collect();
        assert!(!snaps.is_empty());
        for snap in snaps {
            let len = fs::metadata(&snap).unwrap().len();
            File::options().write(true).open(snap).unwrap().set_len(len / 2).unwrap();
        }
        let (state, opened) = State::open(&path).unwrap();
        assert_eq!(opened, Opened::Kept);
        assert_eq!(state.files_under(Path::new("/d")).count(), 2000);
    }

    #[test]
    fn garbage_is_moved_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        fs::create_dir_all(&path).unwrap();
        for name in ["conf", "db", "snap.0000000000000001"] {
            fs::write(path.join(name), [0x5a_u8; 5000]).unwrap();
        }
        let (_state, opened) = State::open(&path).unwrap();
        assert_eq!(opened, Opened::Fresh);
        assert!(dir.path().join("s.damaged").is_dir());
    }

    #[test]
    fn folders_are_kept_apart_and_damage_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Folders::at(dir.path().join("folders.json"));
        assert!(folders.load().unwrap().is_empty());
        folders.save(&[PathBuf::from("/a b"), PathBuf::from("/c")]).unwrap();
        assert_eq!(folders.load().unwrap().len(), 2);
        fs::write(dir.path().join("folders.json"), "[\"/a").unwrap();
        assert!(folders.load().unwrap().is_empty());
        assert!(dir.path().join("folders.damaged").exists());
    }
}
