//! The models' folder: final names, what is unfinished, what is known of each file.
//!
//! Owns: `.store` below the folder, with `NAME.lock`, `NAME.part`, `NAME.part.json` and, of each file that is
//! there, `NAME.json`. Must not know: where files come from.

use hob_link::fetch::{FetchError, Fetched, Record, kept};
use rustix::fs::{FlockOperation, flock, statvfs};
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Left free on the disk, for everybody else.
const RESERVE: u64 = 64 << 20;

/// A name in the folder that only this process fills.
pub struct Slot {
    folder: PathBuf,
    name: String,
    _lock: File,
}

impl Slot {
    /// Takes a name; calls `waiting` when another process has it, and then waits for that.
    pub fn take(folder: &Path, name: &str, waiting: impl FnOnce()) -> Result<Self, FetchError> {
        check_name(name)?;
        let store = folder.join(".store");
        fs::create_dir_all(&store).map_err(|e| disk(&store, &e))?;
        let path = store.join(format!("{name}.lock"));
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|e| disk(&path, &e))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            waiting();
            flock(&lock, FlockOperation::LockExclusive).map_err(|e| disk(&path, &e.into()))?;
        }
        Ok(Self { folder: folder.to_path_buf(), name: name.to_string(), _lock: lock })
    }

    /// The file's final path.
    pub fn target(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// A path of the store, by what it ends in.
    pub fn at(&self, end: &str) -> PathBuf {
        kept(&self.folder, &self.name, end)
    }

    /// What is known of the file that is there; `None` when there is none, or nothing is known, or it has
    /// another size by now.
    pub fn record(&self) -> Option<Record> {
        let size = fs::metadata(self.target()).ok()?.len();
        let text = fs::read(self.at(".json")).ok()?;
        serde_json::from_slice::<Record>(&text).ok().filter(|record| record.bytes == size)
    }

    /// Gives what was received its final name. It must be checked and on the disk.
    pub fn finish(&self, record: &Record) -> Result<(), FetchError> {
        write_json(&self.at(".json"), record)?;
        let target = self.target();
        fs::rename(self.at(".part"), &target).map_err(|e| disk(&target, &e))?;
        sync_folder(&self.folder)?;
        remove(&self.at(".part.json"))
    }

    /// Writes down what is known of a file that was put in its place by other means.
    pub fn note(&self, record: &Record) -> Result<(), FetchError> {
        write_json(&self.at(".json"), record)?;
        sync_folder(&self.folder)
    }

    /// Throws away what is unfinished.
    pub fn forget_part(&self) -> Result<(), FetchError> {
        remove(&self.at(".part"))?;
        remove(&self.at(".part.json"))
    }

    /// Refuses what does not fit the disk.
    pub fn needs(&self, bytes: u64) -> Result<(), FetchError> {
        let free = free_bytes(&self.folder)?;
        if bytes.saturating_add(RESERVE) <= free {
            return Ok(());
        }
        Err(FetchError::Disk(format!(
            "{} needs {} MiB more, but {} has {} MiB free, of which {} stay free for others; make room there and try again",
            self.name,
            bytes.div_ceil(1 << 20),
            self.folder.display(),
            free >> 20,
            RESERVE >> 20,
        )))
    }

    /// The answer about a file that was there already.
    pub fn was_there(&self, record: Record) -> Fetched {
        Fetched {
            path: self.target(),
            bytes: record.bytes,
            sha256: record.sha256,
            verified: record.verified,
            was_there: true,
            received: 0,
            origin: record.origin,
            commit: record.commit,
        }
    }
}

/// Only plain names of GGUF files: nothing hidden, no folders.
pub fn check_name(name: &str) -> Result<(), FetchError> {
    let plain = !name.starts_with('.') && !name.contains(['/', '\\']) && !name.chars().any(char::is_control);
    if plain && name.len() <= 200 && name.to_ascii_lowercase().ends_with(".gguf") && name.len() > 5 {
        return Ok(());
    }
    Err(FetchError::Invalid(format!(
        "\"{name}\" is no name for a model file; give one that ends in .gguf with the option name"
    )))
}

fn free_bytes(folder: &Path) -> Result<u64, FetchError> {
    let of = statvfs(folder).map_err(|e| disk(folder, &e.into()))?;
    Ok(of.f_bavail.saturating_mul(of.f_frsize))
}

/// Replaces a small JSON file as a whole, on the disk before it has its name.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), FetchError> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let text = serde_json::to_vec_pretty(value).map_err(|e| disk(path, &e.into()))?;
    let written = File::create(&fresh).and_then(|mut file| {
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    });
    written.map_err(|e| disk(path, &e))
}

fn sync_folder(folder: &Path) -> Result<(), FetchError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| disk(folder, &e))
}

fn remove(path: &Path) -> Result<(), FetchError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(disk(path, &e)),
        _ => Ok(()),
    }
}

/// A failure of the disk in words.
pub fn disk(path: &Path, error: &io::Error) -> FetchError {
    let todo = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "make room there; what was got so far is kept, and the next pull goes on from there"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "the folder must be writable",
        _ => "check the disk and try again",
    };
    FetchError::Disk(format!("{}: {error}; {todo}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["a.gguf", "SmolLM2-135M.Q4_1.gguf", "x y.GGUF"] {
            check_name(good).expect(good);
        }
        for bad in ["", ".gguf", ".a.gguf", "a/b.gguf", "../a.gguf", "a.bin", "a\n.gguf"] {
            check_name(bad).expect_err(bad);
        }
    }

    #[test]
    fn a_record_is_believed_only_for_its_size() {
        let folder = tempfile::tempdir().expect("a folder");
        let slot = Slot::take(folder.path(), "a.gguf", || {}).expect("a slot");
        fs::write(slot.at(".part"), b"1234").expect("written");
        let record = Record { bytes: 4, sha256: "x".into(), ..Record::default() };
        slot.finish(&record).expect("finished");
        assert_eq!(slot.record(), Some(record));
        fs::write(slot.target(), b"12345").expect("written");
        assert_eq!(slot.record(), None);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let slot = Slot::take(folder.path(), "a.gguf", || {}).expect("a slot");
        slot.needs(1).expect("a byte fits");
        let error = slot.needs(u64::MAX / 2).expect_err("too much").to_string();
        assert!(error.contains("a.gguf needs") && error.contains("make room"), "{error}");
    }
}
