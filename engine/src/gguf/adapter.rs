//! The header of a LoRA adapter: the same distrust as for a model, other entries.

use super::entries::Entries;
use super::source::Source;
use super::{GgufError, read_counts, tensors};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

/// Checks that the file at `path` is a LoRA adapter that llama.cpp can read without aborting.
///
/// # Errors
///
/// What is wrong with it, as for a model.
pub fn check_adapter(path: &Path) -> Result<(), GgufError> {
    let io = |e: std::io::Error| GgufError::Io(e.to_string());
    // Asked before opening, because opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(GgufError::NotAFile);
    }
    let file = File::open(path).map_err(io)?;
    let len = file.metadata().map_err(io)?.len();
    check_adapter_from(file, len)
}

/// The same for any source of `len` bytes, positioned at its start.
pub(super) fn check_adapter_from(from: impl Read + Seek, len: u64) -> Result<(), GgufError> {
    let mut source = Source::new(from, len);
    let counts = read_counts(&mut source)?;
    let entries = Entries::read(&mut source, counts.entries)?;
    let alignment = entries.check_adapter()?;
    tensors::read(&mut source, counts.tensors, alignment)?;
    Ok(())
}
