//! Zip archives around office documents, opened within limits.

use crate::error::Skip;
use std::io::{Cursor, Read};
use zip::ZipArchive;
use zip::result::ZipError;

/// Entries of an archive; honest documents have some dozens, with pictures some thousands.
const MAX_ENTRIES: usize = 10_000;
/// Decompressed size of one entry, in bytes.
const MAX_ENTRY: u64 = 64 << 20;
/// Decompressed size of everything read from one archive, in bytes.
const MAX_TOTAL: u64 = 192 << 20;

/// An open archive and what may still be taken out of it.
pub struct Archive<'a> {
    what: &'static str,
    zip: ZipArchive<Cursor<&'a [u8]>>,
    left: u64,
}

impl<'a> Archive<'a> {
    /// Opens an archive that should be a `what`.
    pub fn open(bytes: &'a [u8], what: &'static str) -> Result<Self, Skip> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| broken(what, e))?;
        if zip.len() > MAX_ENTRIES {
            return Err(Skip::broken(what, format!("it holds {} files", zip.len())));
        }
        Ok(Self { what, zip, left: MAX_TOTAL })
    }

    /// An entry as text; `None` when there is none of that name.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Skip> {
        let Some(index) = self.zip.index_for_name(name) else { return Ok(None) };
        let mut bytes = Vec::new();
        self.read(index, &mut bytes)?;
        let text = crate::charset::decode(&bytes).map_err(|e| Skip::broken(self.what, format!("in {name}: {e}")))?;
        Ok(Some(text.into_owned()))
    }

    /// The same for an entry that must be there.
    pub fn required(&mut self, name: &str) -> Result<String, Skip> {
        self.text(name)?.ok_or_else(|| Skip::broken(self.what, format!("{name} is missing from it")))
    }

    /// Decompresses every XML entry once and throws it away, for parsers that open the archive
    /// themselves and know no limits.
    pub fn refuse_bombs(&mut self) -> Result<(), Skip> {
        let is_xml = |name: &str| name.ends_with(".xml") || name.ends_with(".rels");
        let wanted: Vec<usize> = (0..self.zip.len())
            .filter(|at| matches!(self.zip.name_for_index(*at), Some(Ok(name)) if is_xml(&name)))
            .collect();
        wanted.into_iter().try_for_each(|index| self.read(index, &mut Discard))
    }

    fn read(&mut self, index: usize, to: &mut impl std::io::Write) -> Result<(), Skip> {
        let what = self.what;
        let limit = self.left.min(MAX_ENTRY);
        let entry = self.zip.by_index(index).map_err(|e| broken(what, e))?;
        let read = std::io::copy(&mut entry.take(limit + 1), to).map_err(|e| Skip::broken(what, e))?;
        if read > limit {
            return Err(Skip::Bomb(if limit == MAX_ENTRY { MAX_ENTRY } else { MAX_TOTAL }));
        }
        self.left -= read;
        Ok(())
    }
}

/// Swallows what is written to it.
struct Discard;

impl std::io::Write for Discard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn broken(what: &'static str, error: ZipError) -> Skip {
    match error {
        ZipError::InvalidPassword => Skip::Encrypted(what),
        ZipError::UnsupportedArchive(reason) if reason == ZipError::PASSWORD_REQUIRED => Skip::Encrypted(what),
        error => Skip::broken(what, error),
    }
}
