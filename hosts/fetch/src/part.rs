//! A file while it arrives: its bytes, their digest, and what is needed to go on later.
//!
//! Invariant: what a sidecar calls durable is on the disk; without a digest to hold the whole against, nothing more
//! of an earlier attempt is believed.

use crate::store::{Slot, disk, write_json};
use hob_link::fetch::FetchError;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};

/// Bytes between two writes to the disk itself.
const DURABLE_EVERY: u64 = 32 << 20;

/// What the source says of the file, kept beside the unfinished one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Where it comes from.
    pub origin: String,
    /// The SHA-256 that it must have.
    pub sha256: Option<String>,
    /// The digest was learned from an answer's headers, and may be another one next time.
    #[serde(default)]
    pub learned: bool,
    /// The size that its source promised, apart from the server that sends it.
    pub promised: Option<u64>,
    /// The size that it must have, as far as is known.
    pub total: Option<u64>,
    /// The server's strong entity tag.
    pub etag: Option<String>,
    /// Bytes that are surely on the disk.
    pub durable: u64,
}

impl Facts {
    /// Whether what was got by these facts may be gone on with by those.
    fn can_go_on(&self, wanted: &Self) -> bool {
        match (&self.sha256, &wanted.sha256) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => self.origin == wanted.origin && self.etag.is_some(),
            (Some(_), None) => self.origin == wanted.origin && self.learned,
            _ => false,
        }
    }
}

/// An unfinished file.
pub struct Part<'a> {
    slot: &'a Slot,
    file: File,
    len: u64,
    digest: Context,
    /// What is known of it.
    pub facts: Facts,
    /// Some of it was there before.
    pub resumed: bool,
}

impl<'a> Part<'a> {
    /// Goes on with what an earlier attempt left, where that is safe; else starts anew.
    pub fn open(slot: &'a Slot, mut wanted: Facts, mut read: impl FnMut(u64)) -> Result<Self, FetchError> {
        let path = slot.at(".part");
        wanted.total = wanted.promised;
        let earlier = std::fs::read(slot.at(".part.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let earlier = earlier.filter(|earlier: &Facts| earlier.can_go_on(&wanted));
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.map_err(|e| disk(&path, &e))?;
        let there = file.metadata().map_err(|e| disk(&path, &e))?.len();
        let mut part = Self { slot, file, len: 0, digest: Context::new(&SHA256), facts: wanted, resumed: false };
        let Some(earlier) = earlier else {
            part.restart()?;
            return Ok(part);
        };
        if part.facts.sha256.is_none() {
            (part.facts.sha256, part.facts.learned) = (earlier.sha256, earlier.learned);
        }
        part.facts.etag = earlier.etag;
        part.facts.durable = earlier.durable;
        part.facts.total = part.facts.total.or(earlier.total);
        // The whole will be held against the digest, so what is there may be tried.
        let keep = if part.facts.sha256.is_some() { there } else { there.min(earlier.durable) };
        let keep = part.facts.total.map_or(keep, |total| keep.min(total));
        part.take_in(keep, &mut read)?;
        Ok(part)
    }

    fn take_in(&mut self, keep: u64, read: &mut impl FnMut(u64)) -> Result<(), FetchError> {
        self.file.set_len(keep).map_err(|e| self.failed(&e))?;
        self.file.seek(SeekFrom::Start(0)).map_err(|e| self.failed(&e))?;
        let mut block = vec![0; 1 << 20];
        loop {
            let got = self.file.read(&mut block).map_err(|e| self.failed(&e))?;
            if got == 0 {
                break;
            }
            self.digest.update(&block[..got]);
            self.len += got as u64;
            read(self.len);
        }
        self.resumed = self.len > 0;
        self.facts.durable = self.facts.durable.min(self.len);
        self.remember()
    }

    /// Starts anew.
    pub fn restart(&mut self) -> Result<(), FetchError> {
        self.file.set_len(0).map_err(|e| self.failed(&e))?;
        self.file.seek(SeekFrom::Start(0)).map_err(|e| self.failed(&e))?;
        (self.len, self.digest, self.resumed) = (0, Context::new(&SHA256), false);
        (self.facts.durable, self.facts.etag, self.facts.total) = (0, None, self.facts.promised);
        if self.facts.learned {
            (self.facts.sha256, self.facts.learned) = (None, false);
        }
        self.remember()
    }

    /// Writes down what is known of it.
    pub fn remember(&self) -> Result<(), FetchError> {
        write_json(&self.slot.at(".part.json"), &self.facts)
    }

    /// Bytes that are there.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Adds what arrived.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        if let Err(error) = self.file.write_all(bytes) {
            let failed = self.failed(&error);
            // Part of it may have been written; the next attempt must not find that.
            self.file.set_len(self.len).map_err(|e| self.failed(&e))?;
            self.file.seek(SeekFrom::Start(self.len)).map_err(|e| self.failed(&e))?;
            return Err(failed);
        }
        self.digest.update(bytes);
        self.len += bytes.len() as u64;
        if self.len - self.facts.durable >= DURABLE_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes all of it durable.
    pub fn sync(&mut self) -> Result<(), FetchError> {
        self.file.sync_all().map_err(|e| self.failed(&e))?;
        self.facts.durable = self.len;
        self.remember()
    }

    /// The SHA-256 of all of it.
    pub fn sha256(&self) -> String {
        self.digest.clone().finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Where it is.
    pub fn path(&self) -> std::path::PathBuf {
        self.slot.at(".part")
    }

    /// The name that it is for.
    pub fn slot(&self) -> &Slot {
        self.slot
    }

    fn failed(&self, error: &std::io::Error) -> FetchError {
        disk(&self.slot.at(".part"), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(sha256: Option<&str>, etag: Option<&str>) -> Facts {
        let text = |t: &str| t.to_string();
        Facts { origin: "o".into(), sha256: sha256.map(text), etag: etag.map(text), ..Facts::default() }
    }

    #[test]
    fn what_is_there_is_gone_on_with_only_where_that_is_safe() {
        let folder = tempfile::tempdir().expect("a folder");
        let slot = Slot::take(folder.path(), "a.gguf", || {}).expect("a slot");
        let begin = |facts: Facts, etag: Option<&str>| {
            slot.forget_part().expect("gone");
            let mut part = Part::open(&slot, facts, |_| {}).expect("opened");
            part.facts.etag = etag.map(str::to_string);
            part.append(b"hello").expect("written");
            part.sync().expect("synced");
            part.append(b" you").expect("written");
        };
        let len = |facts: Facts| Part::open(&slot, facts, |_| {}).expect("opened").len();
        begin(facts(Some("d"), None), None);
        assert_eq!(len(facts(Some("d"), None)), 9);
        assert_eq!(len(facts(Some("other"), None)), 0);
        begin(facts(None, None), Some("\"e\""));
        assert_eq!(len(facts(None, None)), 5, "only what is durable, without a digest");
        begin(facts(None, None), None);
        assert_eq!(len(facts(None, None)), 0, "nothing tells whether the file is still the same");
        let mut part = Part::open(&slot, facts(None, None), |_| {}).expect("opened");
        (part.facts.sha256, part.facts.learned) = (Some("d".into()), true);
        part.append(b"hello you").expect("written");
        part.remember().expect("written down");
        drop(part);
        let mut part = Part::open(&slot, facts(None, None), |_| {}).expect("opened");
        assert_eq!((part.len(), part.facts.sha256.as_deref()), (9, Some("d")));
        part.restart().expect("anew");
        assert_eq!(part.facts.sha256, None, "what was learned is forgotten with what came");
    }

    #[test]
    fn the_digest_covers_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let slot = Slot::take(folder.path(), "a.gguf", || {}).expect("a slot");
        let mut part = Part::open(&slot, facts(Some("d"), None), |_| {}).expect("opened");
        part.append(b"ab").expect("written");
        drop(part);
        let mut part = Part::open(&slot, facts(Some("d"), None), |_| {}).expect("opened");
        part.append(b"c").expect("written");
        // FIPS 180-2, appendix B.1.
        assert_eq!(part.sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
