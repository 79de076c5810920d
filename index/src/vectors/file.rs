//! The file of the vector store: a header, then records of one size, each with a checksum.
//!
//! Must not know what is alive: it keeps records.

#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::types::ChunkId;

/// Extension of the store's files.
pub(super) const EXTENSION: &str = "vectors";
/// Extension of a file that is being written; left over only by a crash.
pub(super) const UNFINISHED: &str = "vectors-new";
/// Most dimensions.
pub(super) const WIDEST: usize = 16_384;
/// Most bytes of an embedder's name.
pub(super) const LONGEST_NAME: usize = 400;

const MAGIC: &[u8; 8] = b"hobvec\x00\x01";
/// Magic, dim, length of the name, name, zeros, checksum of all before.
const HEADER: usize = 512;
/// Id, scale and kind before the values.
const BEFORE: usize = 16;
/// The checksum after them.
const AFTER: usize = 4;

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Vector,
    /// All records of this chunk before this one are dead.
    Tombstone,
}

pub(super) struct Record {
    pub(super) id: ChunkId,
    pub(super) kind: Kind,
    pub(super) scale: f32,
    pub(super) values: Vec<i8>,
}

/// What a scan of the file finds: each record's chunk and kind, or `None` if it is damaged.
pub(super) type Scan = Vec<Option<(ChunkId, Kind)>>;

pub(super) struct RecordFile {
    path: PathBuf,
    file: File,
    map: Option<Mmap>,
    header: Vec<u8>,
    dim: usize,
    records: usize,
}

impl RecordFile {
    /// Opens or creates the file. Another header or none means that it is begun afresh; a tail
    /// that is no whole, sound record is cut off.
    pub(super) fn open(path: &Path, embedder: &str, dim: usize) -> io::Result<(RecordFile, Scan)> {
        let header = header(embedder, dim);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut found = vec![0; HEADER];
        let same = file.read_exact(&mut found).is_ok() && found == header;
        if !same {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)?;
        }
        let mut scan = scan(&mut file, dim)?;
        while scan.last().is_some_and(Option::is_none) {
            scan.pop();
        }
        let end = HEADER + scan.len() * size(dim);
        file.set_len(end as u64)?;
        file.seek(SeekFrom::End(0))?;
        let mut out = RecordFile { path: path.to_owned(), file, map: None, header, dim, records: scan.len() };
        out.remap()?;
        Ok((out, scan))
    }

    /// Adds records at the end.
    pub(super) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(records.len() * size(self.dim));
        for record in records {
            encode(record, &mut bytes);
        }
        let end = (HEADER + self.records * size(self.dim)) as u64;
        if let Err(error) = self.file.write_all(&bytes) {
            // A full disk may have taken a part: the next attempt has to start where this one did.
            self.file.set_len(end)?;
            self.file.seek(SeekFrom::End(0))?;
            return Err(error);
        }
        self.records += records.len();
        self.remap()
    }

    /// Scale and values of a record.
    pub(super) fn vector(&self, slot: u32) -> (f32, &[i8]) {
        let start = HEADER + slot as usize * size(self.dim);
        let Some(record) = self.map.as_ref().and_then(|m| m.get(start..start + size(self.dim))) else {
            return (0.0, &[]);
        };
        let scale = f32::from_le_bytes([record[8], record[9], record[10], record[11]]);
        let values = &record[BEFORE..BEFORE + self.dim];
        // SAFETY: i8 and u8 have the same size and alignment and every bit pattern is valid in
        // both; the lifetime is that of `values`.
        let values = unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<i8>(), values.len()) };
        (scale, values)
    }

    /// How many records have another checksum than they say.
    pub(super) fn damaged(&self) -> io::Result<usize> {
        let scan = scan(&mut File::open(&self.path)?, self.dim)?;
        Ok(scan.iter().filter(|record| record.is_none()).count())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Rewrites the file with these records only, which get the numbers 0, 1, 2, ….
    pub(super) fn keep_only(&mut self, slots: &[u32]) -> io::Result<()> {
        let new_path = self.path.with_extension(UNFINISHED);
        let mut new = io::BufWriter::new(File::create(&new_path)?);
        new.write_all(&self.header)?;
        for &slot in slots {
            let start = HEADER + slot as usize * size(self.dim);
            let record = self.map.as_ref().and_then(|m| m.get(start..start + size(self.dim)));
            new.write_all(record.ok_or_else(|| io::Error::other("a record is beyond the end of the file"))?)?;
        }
        new.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&new_path, &self.path)?;
        self.file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        self.file.seek(SeekFrom::End(0))?;
        self.records = slots.len();
        self.remap()
    }

    fn remap(&mut self) -> io::Result<()> {
        // SAFETY: the file lies in the index's own folder; only this object writes it, it only
        // grows while it is mapped (`open` cuts before the first mapping, `keep_only` maps another
        // file), and readers borrow `self`, so that no slice outlives its mapping.
        self.map = Some(unsafe { Mmap::map(&self.file)? });
        Ok(())
    }
}

/// Whose vectors a file holds, and their dimensions; `None` if it is no such file.
pub(super) fn owner(path: &Path) -> Option<(String, usize)> {
    let mut found = vec![0; HEADER];
    File::open(path).ok()?.read_exact(&mut found).ok()?;
    let dim = u32::from_le_bytes(*found.get(8..)?.first_chunk()?) as usize;
    let length = u32::from_le_bytes(*found.get(12..)?.first_chunk()?) as usize;
    let name = String::from_utf8(found.get(16..16usize.checked_add(length)?)?.to_vec()).ok()?;
    // Written anew it has to be the same, checksum and all.
    let sound = (1..=WIDEST).contains(&dim) && name.len() <= LONGEST_NAME && header(&name, dim) == found;
    sound.then_some((name, dim))
}

fn size(dim: usize) -> usize {
    // Records start at multiples of four.
    BEFORE + dim.next_multiple_of(4) + AFTER
}

fn header(embedder: &str, dim: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&u32::try_from(dim).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(embedder.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(embedder.as_bytes());
    bytes.resize(HEADER - AFTER, 0);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

fn encode(record: &Record, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&record.id.to_le_bytes());
    out.extend_from_slice(&record.scale.to_le_bytes());
    out.extend_from_slice(&u32::from(record.kind == Kind::Tombstone).to_le_bytes());
    out.extend(record.values.iter().map(|v| v.to_le_bytes()[0]));
    out.resize(start + size(record.values.len()) - AFTER, 0);
    let sum = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&sum.to_le_bytes());
}

/// Reads all records, by reading and not through a mapping, which would count as memory in use.
fn scan(file: &mut File, dim: usize) -> io::Result<Scan> {
    file.seek(SeekFrom::Start(HEADER as u64))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut record = vec![0; size(dim)];
    let mut out = Vec::new();
    loop {
        match reader.read_exact(&mut record) {
            Ok(()) => out.push(decode(&record)),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(out),
            Err(e) => return Err(e),
        }
    }
}

fn decode(record: &[u8]) -> Option<(ChunkId, Kind)> {
    let (body, sum) = record.split_last_chunk::<AFTER>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let id = ChunkId::from_le_bytes(*body.first_chunk()?);
    match u32::from_le_bytes(*body[12..].first_chunk()?) {
        0 => Some((id, Kind::Vector)),
        1 => Some((id, Kind::Tombstone)),
        _ => None,
    }
}
