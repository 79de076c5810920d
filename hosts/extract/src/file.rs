//! Opens and reads one file without ever waiting for a pipe or reading more than allowed.

use crate::error::Skip;
use rustix::fs::{FileType, Mode, OFlags};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// An open regular file.
pub struct Opened {
    file: File,
    size: u64,
}

/// Opens a regular file that has at least one byte.
pub fn open(path: &Path) -> Result<Opened, Skip> {
    // Opening a device can have effects, so its type is asked for first; and once more through
    // the descriptor, because the name may have been given to something else in between.
    check_type(FileType::from_raw_mode(rustix::fs::stat(path).map_err(std::io::Error::from)?.st_mode))?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(std::io::Error::from)?);
    let stat = rustix::fs::fstat(&file).map_err(std::io::Error::from)?;
    check_type(FileType::from_raw_mode(stat.st_mode))?;
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    if size == 0 { Err(Skip::Empty) } else { Ok(Opened { file, size }) }
}

impl Opened {
    /// The whole content, refused when it is larger than `limit` bytes.
    pub fn read(self, limit: u64) -> Result<Vec<u8>, Skip> {
        if self.size > limit {
            return Err(Skip::TooLarge { bytes: self.size, limit });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
        // The file may grow while it is read.
        let read = self.file.take(limit.saturating_add(1)).read_to_end(&mut bytes)? as u64;
        match read {
            0 => Err(Skip::Empty),
            read if read > limit => Err(Skip::TooLarge { bytes: read, limit }),
            _ => Ok(bytes),
        }
    }
}

fn check_type(found: FileType) -> Result<(), Skip> {
    match found {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Skip::NotRegular("a folder")),
        FileType::Fifo => Err(Skip::NotRegular("a pipe")),
        FileType::Socket => Err(Skip::NotRegular("a socket")),
        FileType::CharacterDevice | FileType::BlockDevice => Err(Skip::NotRegular("a device")),
        _ => Err(Skip::NotRegular("something else")),
    }
}
