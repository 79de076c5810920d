//! One evaluated prompt as a file.
//!
//! Owns: the layout, and every check between bytes on a disk and a state that may be used. Must not know: where
//! files lie and which are kept.
//!
//! All numbers are little-endian:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 4 | version |
//! | 12 | 4 | length of the key |
//! | 16 | 8 | number of tokens |
//! | 24 | 8 | length of the state |
//! | 32 | 4 | length of the note |
//! | 36 | 4 | CRC-32 of the tokens and the note |
//! | 40 | 4 | CRC-32 of the state |
//! | 44 | 4 | CRC-32 of bytes 0 to 44 and of the key |
//! | 48 | | the key, the tokens as 32-bit numbers, the note, the state |

use crc32fast::Hasher;
use std::io::{self, Read, Seek, SeekFrom, Write};

const MAGIC: &[u8; 8] = b"hobstate";
const VERSION: u32 = 2;
/// Bytes before the key.
const FIXED: usize = 48;
/// Where the checksum of the header itself lies.
const SEAL: usize = 44;
/// Bytes that are read or written and summed while they are in the processor's cache.
const CHUNK: usize = 256 << 10;
/// Most tokens of one entry; far more than any context.
pub(super) const MAX_TOKENS: usize = 1 << 22;
/// Longest note; longer ones are left out.
const MAX_NOTE: usize = 16 << 20;

/// What is written to a file.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) tokens: &'a [i32],
    pub(super) note: &'a [u8],
    pub(super) state: &'a [u8],
}

/// What a file says before its state.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) tokens: Vec<i32>,
    pub(super) note: Vec<u8>,
    /// Length of the state in bytes.
    pub(super) state: u64,
    state_sum: u32,
}

/// Length of a whole file.
pub(super) fn file_bytes(key: &[u8], tokens: usize, note: usize, state: usize) -> u64 {
    (FIXED + key.len() + 4 * tokens + note + state) as u64
}

/// The tokens as they are written; also what their hash is taken of.
pub(super) fn token_bytes(tokens: &[i32]) -> Vec<u8> {
    tokens.iter().flat_map(|token| token.to_le_bytes()).collect()
}

/// The note as it is written: one that is too long is left out.
pub(super) fn fitting(note: &[u8]) -> &[u8] {
    if note.len() > MAX_NOTE { &[] } else { note }
}

/// Writes a whole file. The header comes last, so that a file that was left half-written has no magic.
pub(super) fn write(to: &mut (impl Write + Seek), key: &[u8], entry: Parts<'_>) -> io::Result<()> {
    let Parts { tokens, note, state } = entry;
    let listed = [&token_bytes(tokens)[..], note].concat();
    to.write_all(&[0; FIXED])?;
    to.write_all(key)?;
    to.write_all(&listed)?;
    let mut sum = Hasher::new();
    for chunk in state.chunks(CHUNK) {
        sum.update(chunk);
        to.write_all(chunk)?;
    }
    let mut fixed = Vec::with_capacity(FIXED);
    fixed.extend(MAGIC);
    fixed.extend(VERSION.to_le_bytes());
    fixed.extend((key.len() as u32).to_le_bytes());
    fixed.extend((tokens.len() as u64).to_le_bytes());
    fixed.extend((state.len() as u64).to_le_bytes());
    fixed.extend((note.len() as u32).to_le_bytes());
    fixed.extend(crc32fast::hash(&listed).to_le_bytes());
    fixed.extend(sum.finalize().to_le_bytes());
    fixed.extend(seal(&fixed, key).to_le_bytes());
    to.seek(SeekFrom::Start(0))?;
    to.write_all(&fixed)
}

/// Reads what precedes the state of a file of `len` bytes, which must carry this `key`. Nothing is allocated by a
/// length that the file claims before that length fits the file's.
pub(super) fn read_head(from: &mut impl Read, len: u64, key: &[u8]) -> io::Result<Head> {
    let mut fixed = [0; FIXED];
    from.read_exact(&mut fixed)?;
    let (key_len, tokens, state) = (u32_at(&fixed, 12), u64_at(&fixed, 16), u64_at(&fixed, 24));
    let note = u64::from(u32_at(&fixed, 32));
    ensure(&fixed[..8] == MAGIC && u32_at(&fixed, 8) == VERSION, "is of another format")?;
    ensure(key_len as usize == key.len(), "is of another model")?;
    ensure(tokens > 0 && tokens <= MAX_TOKENS as u64, "has an impossible number of tokens")?;
    ensure(note <= MAX_NOTE as u64, "has an impossible note")?;
    let whole = (FIXED as u64 + u64::from(key_len) + 4 * tokens + note).checked_add(state);
    ensure(whole == Some(len), "is longer or shorter than it says")?;
    let mut found = vec![0; key.len()];
    from.read_exact(&mut found)?;
    ensure(found == key, "is of another model")?;
    ensure(seal(&fixed[..SEAL], key) == u32_at(&fixed, SEAL), "has a damaged header")?;
    let mut listed = vec![0; (4 * tokens + note) as usize];
    from.read_exact(&mut listed)?;
    ensure(crc32fast::hash(&listed) == u32_at(&fixed, 36), "has damaged tokens")?;
    let note = listed.split_off(4 * tokens as usize);
    let tokens = listed.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok(Head { tokens, note, state, state_sum: u32_at(&fixed, 40) })
}

/// Reads the state that follows a header, to see that it is what was written.
pub(super) fn check_state(from: &mut impl Read, head: &Head) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK.min(usize::try_from(head.state).unwrap_or(CHUNK))];
    let mut sum = Hasher::new();
    let mut left = head.state;
    while left > 0 {
        let wanted = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
        from.read_exact(&mut chunk[..wanted])?;
        sum.update(&chunk[..wanted]);
        left -= wanted as u64;
    }
    ensure(sum.finalize() == head.state_sum, "has a damaged state")
}

fn seal(fixed: &[u8], key: &[u8]) -> u32 {
    let mut sum = Hasher::new();
    sum.update(fixed);
    sum.update(key);
    sum.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u64_of(&bytes[at..at + 4]) as u32
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64_of(&bytes[at..at + 8])
}

fn u64_of(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

fn ensure(holds: bool, what: &str) -> io::Result<()> {
    if holds { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, what)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Cursor;

    const KEY: &[u8] = b"some model";

    const NOTE: &[u8] = b"what it is of";

    fn read(bytes: &[u8], key: &[u8]) -> io::Result<(Vec<i32>, Vec<u8>)> {
        let mut from = Cursor::new(bytes);
        let head = read_head(&mut from, bytes.len() as u64, key)?;
        let start = from.position() as usize;
        check_state(&mut from, &head)?;
        assert_eq!(head.note, NOTE);
        Ok((head.tokens, bytes[start..].to_vec()))
    }

    fn written(tokens: &[i32], state: &[u8]) -> Vec<u8> {
        let mut to = Cursor::new(Vec::new());
        write(&mut to, KEY, Parts { tokens, note: NOTE, state }).unwrap();
        to.into_inner()
    }

    #[test]
    fn what_is_written_is_read() {
        let large: Vec<u8> = (0..3 * CHUNK + 17).map(|i| (i % 251) as u8).collect();
        for (tokens, state) in
            [(vec![1], vec![]), (vec![i32::MIN, -1, 0, i32::MAX], vec![7; 9]), (vec![5; 4096], large)]
        {
            let bytes = written(&tokens, &state);
            assert_eq!(bytes.len() as u64, file_bytes(KEY, tokens.len(), NOTE.len(), state.len()));
            assert_eq!(read(&bytes, KEY).unwrap(), (tokens, state));
        }
    }

    #[test]
    fn every_flipped_bit_every_cut_and_every_addition_is_noticed() {
        let whole = written(&[1, 2, 3], b"the state");
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                assert!(read(&flipped, KEY).is_err(), "bit {bit} of byte {at}");
            }
            assert!(read(&whole[..at], KEY).is_err(), "cut at {at}");
        }
        assert!(read(&[&whole[..], &[0]].concat(), KEY).is_err());
        assert!(read(&[0; 4096], KEY).is_err());
        assert!(read(b"", KEY).is_err());
    }

    #[test]
    fn entries_of_another_model_are_refused() {
        let bytes = written(&[1], b"x");
        assert!(read(&bytes, b"same model").is_err());
        assert!(read(&bytes, b"some model!").is_err());
        assert!(read(&bytes, b"").is_err());
    }

    #[test]
    fn claimed_lengths_are_never_allocated() {
        // The file's real length is checked first; a state that is claimed and not there ends early.
        for (at, claim) in [(16, u64::MAX), (16, MAX_TOKENS as u64 + 1), (24, u64::MAX), (24, 1 << 50), (32, u64::MAX)]
        {
            let mut bytes = written(&[1], b"x");
            bytes[at..at + 8].copy_from_slice(&claim.to_le_bytes());
            assert!(read(&bytes, KEY).is_err());
        }
        let head = Head { tokens: vec![1], note: Vec::new(), state: u64::MAX, state_sum: 0 };
        assert!(check_state(&mut io::empty(), &head).is_err());
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let Ok(mut full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
            eprintln!("SKIPPED: there is no /dev/full here");
            return;
        };
        assert_eq!(
            write(&mut full, KEY, Parts { tokens: &[1], note: b"", state: b"x" }).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
    }
}
