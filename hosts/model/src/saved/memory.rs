//! The entries in memory: bounded, the least recently used go first.
//!
//! Owns: which are kept. Must not know: files.

use super::{Entry, common};
use std::sync::Arc;

/// Most entries at once, so that looking through them stays cheap.
const MOST: usize = 1_024;

/// One entry and how it is told from all others.
pub(super) struct Kept {
    pub(super) id: u64,
    pub(super) entry: Arc<Entry>,
}

/// The memory tier.
pub(super) struct Memory {
    limit: u64,
    /// Least recently used first.
    kept: Vec<Kept>,
    /// A state can be cut: a longer entry serves all its beginnings.
    cuttable: bool,
}

impl Memory {
    pub(super) fn new(limit: u64, cuttable: bool) -> Self {
        Self { limit, kept: Vec::new(), cuttable }
    }

    /// Bytes of all entries.
    pub(super) fn bytes(&self) -> u64 {
        self.kept.iter().map(|kept| kept.entry.bytes()).sum()
    }

    /// All entries, the least recently used first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.kept.iter()
    }

    /// Adds an entry. Gives back what had to go, or the entry itself when it is larger than the limit.
    pub(super) fn put(&mut self, id: u64, entry: Entry) -> Vec<Arc<Entry>> {
        if entry.tokens.is_empty() {
            return Vec::new();
        }
        if entry.bytes() > self.limit {
            return vec![Arc::new(entry)];
        }
        if let Some(at) = self.kept.iter().position(|kept| self.adds_nothing(&entry, &kept.entry)) {
            self.touch(at);
            return Vec::new();
        }
        let cuttable = self.cuttable;
        self.kept
            .retain(|kept| kept.entry.tokens != entry.tokens && !(cuttable && needless_beside(&kept.entry, &entry)));
        let mut gone = Vec::new();
        let mut bytes = self.bytes() + entry.bytes();
        while bytes > self.limit || self.kept.len() >= MOST {
            let oldest = self.kept.remove(0).entry;
            bytes -= oldest.bytes();
            gone.push(oldest);
        }
        self.kept.push(Kept { id, entry: Arc::new(entry) });
        gone
    }

    /// The entry, which now counts as used.
    pub(super) fn read(&mut self, id: u64) -> Option<Arc<Entry>> {
        let at = self.position(id)?;
        Some(self.touch(at))
    }

    /// The entry, which is no longer kept.
    #[cfg(test)]
    pub(super) fn take(&mut self, id: u64) -> Option<Arc<Entry>> {
        let at = self.position(id)?;
        Some(self.kept.remove(at).entry)
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.kept.iter().position(|kept| kept.id == id)
    }

    fn touch(&mut self, at: usize) -> Arc<Entry> {
        let kept = self.kept.remove(at);
        let entry = kept.entry.clone();
        self.kept.push(kept);
        entry
    }

    fn adds_nothing(&self, new: &Entry, kept: &Entry) -> bool {
        self.cuttable && new.tokens.len() < kept.tokens.len() && needless_beside(new, kept)
    }
}

/// `shorter` is the beginning of `longer`, and could not go to disk where `longer` can't.
fn needless_beside(shorter: &Entry, longer: &Entry) -> bool {
    common(&shorter.tokens, &longer.tokens) == shorter.tokens.len()
        && (longer.may_go_to_disk() || !shorter.may_go_to_disk())
}
