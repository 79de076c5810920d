//! What the fetch host writes down of each file that it got.

use serde::Deserialize;
use std::path::Path;

/// What is known of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Its SHA-256; empty when nobody computed it.
    pub sha256: String,
    /// The size of that file in bytes.
    pub bytes: u64,
    /// The digest is the source's own.
    pub verified: bool,
    /// Where it came from.
    pub origin: String,
    /// The hub's commit.
    pub commit: Option<String>,
    /// The file lies elsewhere.
    pub reference: bool,
}

/// The record of a file in a models' folder; `None` when there is none, or the file is another one by now.
pub fn read(folder: &Path, file: &Path) -> Option<Record> {
    let size = std::fs::metadata(file).ok()?.len();
    let text = std::fs::read(path(folder, file)?).ok()?;
    serde_json::from_slice::<Record>(&text).ok().filter(|record| record.bytes == size)
}

/// Where it is kept.
pub fn path(folder: &Path, file: &Path) -> Option<std::path::PathBuf> {
    if file.parent() != Some(folder) {
        return None;
    }
    Some(folder.join(".store").join(format!("{}.json", file.file_name()?.to_string_lossy())))
}
