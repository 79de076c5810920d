//! The file of the items: an append-only log of what was put and deleted, each record with a checksum.
//!
//! Must not know: what makes an item acceptable. What is acknowledged is on the disk: callers that come together share one
//! sync. A tail torn by a crash was never acknowledged and is cut off; damage in the middle costs the records it hit, and
//! a copy of the file is kept.

use super::{Count, Item, Usage, Version, folder};
use crate::state::storage;
use crate::types::IndexError;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

const HEADER: &[u8; 8] = b"hobitm\x00\x01";
/// Before each record, so that records after a damaged one are found again.
const MARK: &[u8; 4] = b"\xf1itm";
/// Mark, length, checksum.
const BEFORE: usize = 12;
/// No record is longer: text and names have limits of their own.
const LONGEST: usize = 4 << 20;
/// Fewer dead bytes than this are not worth rewriting the file.
const FEWEST_DEAD: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
enum Record {
    Put { path: String, at_ns: i64, serial: u64, item: Item },
    Delete { path: String },
}

/// Where an item lies.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    len: u64,
    version: Version,
}

struct Inner {
    file: Arc<File>,
    end: u64,
    live: u64,
    serial: u64,
    places: HashMap<PathBuf, Place>,
    counts: Count,
    /// How often the file was replaced: offsets of before mean nothing after.
    edition: u64,
}

/// The log.
pub(super) struct Log {
    dir: PathBuf,
    inner: Mutex<Inner>,
    /// How much is surely on the disk: edition and offset.
    synced: Mutex<(u64, u64)>,
}

impl Log {
    pub(super) fn open(dir: &Path) -> Result<Log, IndexError> {
        let failed = |e: io::Error| storage(dir, e);
        fs::create_dir_all(dir).map_err(failed)?;
        let path = dir.join("items.log");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(failed(e)),
        };
        let read = read_all(&bytes);
        if read.damaged {
            tracing::error!(dir = %dir.display(), "some items are damaged and lost; a copy of their file is kept");
            fs::copy(&path, dir.join("items.damaged")).map_err(failed)?;
        }
        let file = options().open(&path).map_err(failed)?;
        file.set_len(read.end).map_err(failed)?;
        if read.end == 0 {
            file.write_all_at(HEADER, 0).map_err(failed)?;
        }
        file.sync_all().and_then(|()| File::open(dir)?.sync_all()).map_err(failed)?;
        let mut inner = Inner {
            file: Arc::new(file),
            end: read.end.max(HEADER.len() as u64),
            live: 0,
            serial: read.serial,
            places: HashMap::new(),
            counts: Count::new(),
            edition: 0,
        };
        for (path, place) in read.places {
            inner.enter(path, place);
        }
        let synced = Mutex::new((0, inner.end));
        Ok(Log { dir: dir.to_owned(), inner: Mutex::new(inner), synced })
    }

    pub(super) fn put(
        &self,
        path: &Path,
        item: &Item,
        allowed: impl FnOnce(Usage) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let mut inner = self.lock();
        let size = item.text.len() as u64;
        allowed(inner.usage_after(path, size))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_ns = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        let serial = inner.serial + 1;
        let name = path.display().to_string();
        let bytes =
            frame(&Record::Put { path: name, at_ns, serial, item: item.clone() }).map_err(|e| self.failed(e))?;
        let offset = inner.append(&bytes).map_err(|e| self.failed(e))?;
        inner.serial = serial;
        let version = Version { at_ns, size, serial };
        inner.leave(path);
        inner.enter(path.to_path_buf(), Place { offset, len: bytes.len() as u64, version });
        self.finish(inner)
    }

    pub(super) fn delete(&self, paths: Vec<PathBuf>) -> Result<Vec<PathBuf>, IndexError> {
        let mut inner = self.lock();
        let mut gone = Vec::new();
        for path in paths {
            if !inner.places.contains_key(&path) {
                continue;
            }
            let bytes = frame(&Record::Delete { path: path.display().to_string() }).map_err(|e| self.failed(e))?;
            inner.append(&bytes).map_err(|e| self.failed(e))?;
            inner.leave(&path);
            gone.push(path);
        }
        if !gone.is_empty() {
            self.finish(inner)?;
        }
        Ok(gone)
    }

    pub(super) fn get(&self, path: &Path) -> Result<Option<(Version, Item)>, IndexError> {
        let (file, place) = {
            let inner = self.lock();
            let Some(place) = inner.places.get(path).copied() else { return Ok(None) };
            (inner.file.clone(), place)
        };
        let mut bytes = vec![0; usize::try_from(place.len).unwrap_or(0)];
        file.read_exact_at(&mut bytes, place.offset).map_err(|e| self.failed(e))?;
        match unframe(&bytes) {
            Some((Record::Put { item, .. }, _)) => Ok(Some((place.version, item))),
            _ => Err(self.failed(format!("the item {} is damaged; push it again", path.display()))),
        }
    }

    pub(super) fn version(&self, path: &Path) -> Option<Version> {
        self.lock().places.get(path).map(|place| place.version)
    }

    pub(super) fn all(&self) -> Vec<(PathBuf, Version)> {
        self.lock().places.iter().map(|(path, place)| (path.clone(), place.version)).collect()
    }

    pub(super) fn folders(&self) -> Vec<PathBuf> {
        self.lock().counts.keys().cloned().collect()
    }

    /// Makes what was appended durable, and rewrites the file when most of it is dead.
    fn finish(&self, mut inner: MutexGuard<'_, Inner>) -> Result<(), IndexError> {
        if inner.end - inner.live > FEWEST_DEAD.max(inner.live) {
            self.compact(&mut inner).map_err(|e| self.failed(e))?;
            return Ok(());
        }
        let (edition, end, file) = (inner.edition, inner.end, inner.file.clone());
        drop(inner);
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= (edition, end) {
            return Ok(());
        }
        // Whoever appended meanwhile is served by the same sync.
        let covers = {
            let inner = self.lock();
            if inner.edition == edition { inner.end } else { end }
        };
        file.sync_data().map_err(|e| self.failed(e))?;
        *synced = (*synced).max((edition, covers));
        Ok(())
    }

    fn compact(&self, inner: &mut Inner) -> io::Result<()> {
        let (path, draft) = (self.dir.join("items.log"), self.dir.join("items.new"));
        let mut bytes = io::BufWriter::new(options().truncate(true).open(&draft)?);
        bytes.write_all(HEADER)?;
        let mut end = HEADER.len() as u64;
        let mut places = inner.places.clone();
        for place in places.values_mut() {
            let mut record = vec![0; usize::try_from(place.len).unwrap_or(0)];
            inner.file.read_exact_at(&mut record, place.offset)?;
            bytes.write_all(&record)?;
            place.offset = end;
            end += place.len;
        }
        let file = bytes.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(&self.dir)?.sync_all()?;
        inner.file = Arc::new(file);
        (inner.end, inner.places) = (end, places);
        inner.edition += 1;
        Ok(())
    }

    fn failed(&self, reason: impl ToString) -> IndexError {
        storage(&self.dir, reason)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let offset = self.end;
        if let Err(error) = self.file.write_all_at(bytes, offset) {
            // A full disk may have taken a part.
            self.file.set_len(offset)?;
            return Err(error);
        }
        self.end += bytes.len() as u64;
        Ok(offset)
    }

    fn enter(&mut self, path: PathBuf, place: Place) {
        let count = self.counts.entry(folder(&path)).or_default();
        *count = (count.0 + 1, count.1 + place.version.size);
        self.live += place.len;
        self.places.insert(path, place);
    }

    fn leave(&mut self, path: &Path) {
        let Some(place) = self.places.remove(path) else { return };
        self.live -= place.len;
        let folder = folder(path);
        let Some(count) = self.counts.get_mut(&folder) else { return };
        *count = (count.0 - 1, count.1 - place.version.size);
        if count.0 == 0 {
            self.counts.remove(&folder);
        }
    }

    fn usage_after(&self, path: &Path, size: u64) -> Usage {
        let old = self.places.get(path).map(|place| place.version.size);
        let (items, bytes) = self.counts.get(&folder(path)).copied().unwrap_or_default();
        let all_bytes: u64 = self.counts.values().map(|count| count.1).sum();
        let (new, less) = (u64::from(old.is_none()), old.unwrap_or(0));
        Usage {
            items: items + new,
            bytes: bytes + size - less,
            all_items: self.places.len() as u64 + new,
            all_bytes: all_bytes + size - less,
        }
    }
}

struct ReadBack {
    places: HashMap<PathBuf, Place>,
    serial: u64,
    end: u64,
    damaged: bool,
}

/// Reads a log; what is no record is passed over.
fn read_all(bytes: &[u8]) -> ReadBack {
    let mut read = ReadBack { places: HashMap::new(), serial: 0, end: 0, damaged: false };
    let mut at = if bytes.starts_with(HEADER) { HEADER.len() } else { 0 };
    read.end = at as u64;
    let mut passed_over = at == 0 && !bytes.is_empty();
    while at < bytes.len() {
        let Some((record, len)) = unframe(&bytes[at..]) else {
            passed_over = true;
            let next = bytes[at + 1..].windows(MARK.len()).position(|window| window == MARK);
            at = next.map_or(bytes.len(), |next| at + 1 + next);
            continue;
        };
        // Only a tail may be torn; records after it show that more than that has happened.
        read.damaged |= std::mem::take(&mut passed_over);
        match record {
            Record::Put { path, at_ns, serial, item } => {
                let version = Version { at_ns, size: item.text.len() as u64, serial };
                read.serial = read.serial.max(serial);
                read.places.insert(path.into(), Place { offset: at as u64, len: len as u64, version });
            }
            Record::Delete { path } => {
                read.places.remove(Path::new(&path));
            }
        }
        at += len;
        read.end = at as u64;
    }
    read
}

fn frame(record: &Record) -> Result<Vec<u8>, postcard::Error> {
    let body = postcard::to_stdvec(record)?;
    let mut bytes = Vec::with_capacity(BEFORE + body.len());
    bytes.extend_from_slice(MARK);
    bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// The record at the beginning of `bytes`, and how long it is.
fn unframe(bytes: &[u8]) -> Option<(Record, usize)> {
    let rest = bytes.strip_prefix(MARK)?;
    let len = usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok().filter(|len| *len <= LONGEST)?;
    let sum = u32::from_le_bytes(*rest[4..].first_chunk()?);
    let body = rest.get(8..8 + len)?;
    let record = (crc32fast::hash(body) == sum).then(|| postcard::from_bytes(body).ok())??;
    Some((record, BEFORE + len))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options
}
