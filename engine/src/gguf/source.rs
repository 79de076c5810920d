//! Little-endian reads from a file of known length that never trust a claimed length.

use super::GgufError;
use std::io::{BufReader, ErrorKind, Read, Seek};

/// A reader that knows how many bytes are left.
pub(super) struct Source<R> {
    from: BufReader<R>,
    at: u64,
    len: u64,
}

impl<R: Read + Seek> Source<R> {
    pub(super) fn new(from: R, len: u64) -> Self {
        Self { from: BufReader::with_capacity(64 << 10, from), at: 0, len }
    }

    /// Bytes read so far.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Bytes in the file.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Fails unless `n` more bytes are there.
    pub(super) fn need(&self, n: u64, what: &'static str) -> Result<(), GgufError> {
        if n > self.len - self.at { Err(GgufError::Truncated(what)) } else { Ok(()) }
    }

    pub(super) fn bytes<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    /// So many bytes; the caller bounds their number.
    pub(super) fn many(&mut self, n: usize, what: &'static str) -> Result<Vec<u8>, GgufError> {
        self.need(n as u64, what)?;
        let mut bytes = vec![0; n];
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.bytes(what)?))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.bytes(what)?))
    }

    /// A length-prefixed byte string of at most `most` bytes, read into `into`.
    pub(super) fn string_into(&mut self, into: &mut Vec<u8>, most: u64, what: &'static str) -> Result<(), GgufError> {
        let n = self.u64(what)?;
        self.need(n, what)?;
        if n > most {
            return Err(GgufError::Absurd { what: "bytes in one text", claimed: n });
        }
        // `most` is a small constant of the caller, so the cast is exact and the buffer bounded.
        into.resize(n as usize, 0);
        self.fill(into, what)
    }

    /// A length-prefixed string; bytes that are no UTF-8 are replaced.
    pub(super) fn string(&mut self, most: u64, what: &'static str) -> Result<String, GgufError> {
        let mut bytes = Vec::new();
        self.string_into(&mut bytes, most, what)?;
        Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
    }

    /// Passes over a length-prefixed string.
    pub(super) fn skip_string(&mut self, what: &'static str) -> Result<(), GgufError> {
        let n = self.u64(what)?;
        self.skip(n, what)
    }

    pub(super) fn skip(&mut self, n: u64, what: &'static str) -> Result<(), GgufError> {
        self.need(n, what)?;
        let step = i64::try_from(n).map_err(|_| GgufError::Truncated(what))?;
        self.from.seek_relative(step).map_err(|e| GgufError::Io(e.to_string()))?;
        self.at += n;
        Ok(())
    }

    fn fill(&mut self, into: &mut [u8], what: &'static str) -> Result<(), GgufError> {
        self.need(into.len() as u64, what)?;
        self.from.read_exact(into).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => GgufError::Truncated(what),
            _ => GgufError::Io(e.to_string()),
        })?;
        self.at += into.len() as u64;
        Ok(())
    }
}
