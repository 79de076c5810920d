//! Reads one open file, never more than allowed.

use crate::error::Skip;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// An open regular file.
pub struct Opened {
    file: File,
    size: u64,
}

impl Opened {
    /// Takes a file that has at least one byte.
    pub fn of(file: File) -> Result<Self, Skip> {
        let size = rustix::fs::fstat(&file).map_err(std::io::Error::from)?.st_size;
        match u64::try_from(size).unwrap_or_default() {
            0 => Err(Skip::Empty),
            size => Ok(Opened { file, size }),
        }
    }

    /// The whole content, refused when it is larger than `limit` bytes.
    pub fn read(self, limit: u64) -> Result<Vec<u8>, Skip> {
        if self.size > limit {
            return Err(Skip::TooLarge { bytes: self.size, limit });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default() + 1);
        // The file may grow while it is read.
        let read = self.file.take(limit.saturating_add(1)).read_to_end(&mut bytes)? as u64;
        match read {
            0 => Err(Skip::Empty),
            read if read > limit => Err(Skip::TooLarge { bytes: read, limit }),
            _ => Ok(bytes),
        }
    }

    /// The first `head` and the last `tail` bytes, for formats that say there what they are; all of it when that is
    /// not much more.
    pub fn ends(mut self, head: u64, tail: u64) -> Result<Vec<u8>, Skip> {
        if self.size <= head + tail {
            return self.read(head + tail);
        }
        let mut bytes = Vec::new();
        (&mut self.file).take(head).read_to_end(&mut bytes)?;
        self.file.seek(SeekFrom::Start(self.size - tail))?;
        self.file.take(tail).read_to_end(&mut bytes)?;
        if bytes.is_empty() { Err(Skip::Empty) } else { Ok(bytes) }
    }
}
