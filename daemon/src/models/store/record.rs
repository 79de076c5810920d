//! What is written down of each file in the models' folder.

use hob_link::fetch::{Record, kept};
use std::path::{Path, PathBuf};

/// The record of a file in a models' folder; `None` when there is none, or the file is another one by now.
pub fn read(folder: &Path, file: &Path) -> Option<Record> {
    let size = std::fs::metadata(file).ok()?.len();
    let text = std::fs::read(path(folder, file)?).ok()?;
    serde_json::from_slice::<Record>(&text).ok().filter(|record| record.bytes == size)
}

/// Where it is kept.
pub fn path(folder: &Path, file: &Path) -> Option<PathBuf> {
    let name = file.file_name().filter(|_| file.parent() == Some(folder))?;
    Some(kept(folder, &name.to_string_lossy(), ".json"))
}
