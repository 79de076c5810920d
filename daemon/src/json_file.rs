//! Small state that must survive: one JSON file, replaced as a whole.
//!
//! Write, fsync, rename: a crash leaves the old or the new file, never half of one. A damaged
//! file is moved aside and said in the log, so that the daemon always starts.

use serde::{Serialize, de::DeserializeOwned};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Reads the value, or its default when there is no (readable) file.
pub fn read<T: DeserializeOwned + Default>(path: &Path) -> T {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return T::default(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "state could not be read; starting empty");
            return T::default();
        }
    };
    serde_json::from_slice(&text).unwrap_or_else(|error| {
        let aside = with_suffix(path, ".damaged");
        let moved = fs::rename(path, &aside).is_ok();
        tracing::warn!(path = %path.display(), %error, moved, "state was damaged and is kept aside; starting empty");
        T::default()
    })
}

/// Replaces the file's value. Only the user may read it.
pub fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    replace(path, &serde_json::to_vec_pretty(value)?)
}

/// Replaces a file's content, whatever it is. Only the user may read it.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let fresh = with_suffix(path, ".new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    fs::File::open(folder)?.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_and_damage_is_kept_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/state.json");
        assert!(read::<Vec<u32>>(&path).is_empty());
        write(&path, &vec![1u32, 2]).expect("write");
        assert_eq!(read::<Vec<u32>>(&path), [1, 2]);
        fs::write(&path, b"[1, 2").expect("damage");
        assert!(read::<Vec<u32>>(&path).is_empty());
        assert!(with_suffix(&path, ".damaged").exists());
    }
}
