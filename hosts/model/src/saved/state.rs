//! The bytes of a state: in memory, or where they lie in a file.
//!
//! Owns: how a file's bytes are had without copying them into memory of our own. Must not know: whether they are sound.
#![allow(unsafe_code)]

use memmap2::Mmap;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;

/// What llama.cpp saved of a sequence.
pub enum State {
    /// In memory.
    Kept(Vec<u8>),
    /// The end of a file.
    OnDisk {
        /// All of the file.
        mapped: Mmap,
        /// Where the state begins.
        start: usize,
    },
}

impl State {
    /// What `file` holds from byte `start` on. Read it once before: a disk that fails to deliver a page of a mapping ends
    /// the process, and what was just read is still in the kernel's cache.
    pub(super) fn on_disk(file: &File, start: u64) -> io::Result<Self> {
        // SAFETY: entries are written under another name, never changed once they have theirs, and only ever removed as a
        // whole, which leaves a mapping as it is.
        let mapped = unsafe { Mmap::map(file) }?;
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        if start > mapped.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "is shorter than it says"));
        }
        Ok(Self::OnDisk { mapped, start })
    }

    /// Bytes of memory that it takes for itself.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Kept(bytes) => bytes.capacity(),
            Self::OnDisk { .. } => 0,
        }
    }
}

impl Deref for State {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Kept(bytes) => bytes,
            Self::OnDisk { mapped, start } => &mapped[*start..],
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Kept(Vec::new())
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for State {}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}
