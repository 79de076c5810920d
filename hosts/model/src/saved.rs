//! Evaluated prompts: the keys and values of token sequences, kept so that nobody pays for them twice.
//!
//! Owns: what is kept in memory and on disk, for how long, and how damage is noticed. Must not know: llama.cpp; a
//! token is a number and a state is bytes.
//!
//! Two tiers, each bounded and each forgetting the least recently used first. The one on disk may outlive the
//! process and may be shared with others of the same build. Nothing here is worth an error to a user: what can't be
//! kept is not kept, and what can't be read is not there. A state comes back only with exactly the tokens, the model
//! and the layout that it was saved with.
//!
//! A caller keeps a state with [`Saved::put_memory`] or [`Saved::put_disk`], looks for one with [`Saved::longest`]
//! and gets it with [`Saved::read`]; when that gives `None`, the entry is gone and it looks again.

mod disk;
mod folder;
mod format;
mod memory;
mod state;
#[cfg(test)]
mod tests;

pub use disk::{Writing, Written};
pub use state::State;

use disk::Disk;
use hob_engine::CacheSpec;
use memory::Memory;
use std::cmp::Reverse;
use std::io;
use std::sync::Arc;

/// Where an entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// In this process.
    Memory,
    /// In a file.
    Disk,
}

/// An entry that shares its beginning with a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Leading tokens that prompt and entry share.
    pub len: usize,
    /// Where the entry lies.
    pub tier: Tier,
    /// Tokens of the entry.
    pub entry_tokens: usize,
    /// Bytes of its state.
    pub state_bytes: u64,
    id: u64,
}

/// Tokens and the state that evaluating them led to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The tokens.
    pub tokens: Vec<i32>,
    /// What llama.cpp saved of their sequence.
    pub state: State,
    /// Leading tokens that may go to disk.
    pub may_persist: usize,
    /// What its owner wants to know of the tokens when it is found on disk again; see [`Saved::notes`].
    pub note: Vec<u8>,
}

impl Entry {
    /// All of it may go to disk.
    pub fn may_go_to_disk(&self) -> bool {
        self.may_persist >= self.tokens.len()
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> u64 {
        (size_of::<Self>() + size_of::<i32>() * self.tokens.capacity() + self.state.memory() + self.note.capacity())
            as u64
    }
}

/// What is kept at the moment, of this model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Entries in memory.
    pub memory_entries: usize,
    /// Their bytes.
    pub memory_bytes: u64,
    /// Entries on disk.
    pub disk_entries: usize,
    /// Their bytes.
    pub disk_bytes: u64,
}

/// The evaluated prompts of one model.
pub struct Saved {
    memory: Memory,
    disk: Option<Disk>,
    cuttable: bool,
    next_id: u64,
}

impl Saved {
    /// Opens what is kept of the model with `spec.fingerprint`. `layout` names everything else that a state's bytes
    /// depend on: the build of llama.cpp, the types of keys and values. Entries of another model or layout are never
    /// returned. A folder that can't be used leaves the memory tier alone, with one warning in the log.
    pub fn open(spec: &CacheSpec, layout: &str) -> Self {
        Self::with(spec, layout, true)
    }

    /// The same for models whose state can't be cut to fewer tokens (recurrent ones, sliding windows): only entries
    /// all of whose tokens lead the prompt are found, and a longer entry replaces no shorter one.
    pub fn open_whole_only(spec: &CacheSpec, layout: &str) -> Self {
        Self::with(spec, layout, false)
    }

    fn with(spec: &CacheSpec, layout: &str, cuttable: bool) -> Self {
        let disk = spec.folder.as_deref().and_then(|folder| {
            if spec.fingerprint.is_empty() {
                tracing::warn!("evaluated prompts are not kept on disk: the model has no fingerprint");
                return None;
            }
            // The length keeps the two texts apart.
            let key = format!("{}\n{}{layout}", spec.fingerprint.len(), spec.fingerprint).into_bytes();
            let opened = Disk::open(folder, key, spec.disk_bytes, cuttable);
            if let Err(error) = &opened {
                let folder = folder.display();
                tracing::warn!(%folder, %error, "evaluated prompts are not kept on disk; is the folder ours?");
            }
            opened.ok()
        });
        Self { memory: Memory::new(spec.memory_bytes, cuttable), disk, cuttable, next_id: 0 }
    }

    /// Keeps an entry in memory. Gives back the entries that had to make way (or this one, when it is too large) and may
    /// wholly go to disk: [`Saved::put_disk`] keeps them.
    pub fn put_memory(&mut self, entry: Entry) -> Vec<Arc<Entry>> {
        self.next_id += 1;
        let mut gone = self.memory.put(self.next_id, entry);
        gone.retain(|entry| self.belongs_on_disk(entry));
        gone
    }

    /// Writes an entry to disk and waits until it is there (tens of milliseconds and more). Does nothing without a disk
    /// tier, when the entry is larger than the limit, or when an entry is there that serves the same tokens.
    ///
    /// # Errors
    ///
    /// The disk is full or fails; what was kept before is still there, except for what had to make way.
    pub fn put_disk(&mut self, entry: &Entry) -> io::Result<()> {
        if let Some(writing) = self.plan_disk(&entry.tokens)
            && let Some(written) = writing.write(&entry.state, &entry.note)?
        {
            self.adopt(written);
        }
        Ok(())
    }

    /// [`Saved::put_disk`] in three steps, the second of which ([`Writing::write`]) takes the time and can run on
    /// another thread. `None` when there is nothing to do.
    pub fn plan_disk(&mut self, tokens: &[i32]) -> Option<Writing> {
        self.disk.as_mut()?.plan(tokens)
    }

    /// The third step: from now on the entry is found.
    pub fn adopt(&mut self, written: Written) {
        if let Some(disk) = &mut self.disk {
            disk.adopt(written);
        }
    }

    /// The entries in memory that may wholly go to disk and are not there: what to write before the process ends.
    /// Most recently used first.
    pub fn unwritten(&self) -> Vec<Arc<Entry>> {
        let mut all: Vec<_> = self.memory.iter().map(|kept| kept.entry.clone()).collect();
        all.reverse();
        all.retain(|entry| self.belongs_on_disk(entry));
        all
    }

    /// The entry that shares the longest beginning with `tokens`. Among equals one in memory, then the one with the
    /// smallest state.
    pub fn longest(&self, tokens: &[i32]) -> Option<Match> {
        let in_memory = self.memory.iter().map(|kept| {
            let (tokens, state) = (kept.entry.tokens.as_slice(), kept.entry.state.len() as u64);
            (Tier::Memory, tokens, state, kept.id)
        });
        let on_disk = self.disk.iter().flat_map(Disk::iter);
        let on_disk = on_disk.map(|known| (Tier::Disk, known.tokens.as_slice(), known.state, known.id));
        in_memory
            .chain(on_disk)
            .map(|(tier, entry, state_bytes, id)| {
                let len = common(entry, tokens);
                Match { len, tier, entry_tokens: entry.len(), state_bytes, id }
            })
            .filter(|found| found.len > 0 && (self.cuttable || found.len == found.entry_tokens))
            .max_by_key(|found| (found.len, Reverse((found.tier, found.state_bytes))))
    }

    /// The entry, which stays and now counts as used. `None` when it is gone or damaged; then it is forgotten.
    pub fn read(&mut self, found: &Match) -> Option<Arc<Entry>> {
        match found.tier {
            Tier::Memory => self.memory.read(found.id),
            Tier::Disk => self.disk.as_mut()?.read(found.id),
        }
    }

    /// Notes that an entry was used now, wherever its state came from.
    pub fn touch(&mut self, found: &Match) {
        match (found.tier, &self.disk) {
            (Tier::Memory, _) => drop(self.memory.read(found.id)),
            (Tier::Disk, Some(disk)) => disk.touch(found.id),
            (Tier::Disk, None) => {}
        }
    }

    /// The entry on disk that was used last, if it has at most so many tokens. Does not count as a use.
    pub fn last(&mut self, most: usize) -> Option<Arc<Entry>> {
        let disk = self.disk.as_mut()?;
        let last = disk.iter().last().filter(|last| last.tokens.len() <= most)?.id;
        disk.look_at(last)
    }

    /// The notes on the entries on disk that were used last, with their tokens, the last first.
    pub fn notes(&self, most: usize) -> Vec<(Vec<i32>, Vec<u8>)> {
        self.disk.as_ref().map(|disk| disk.notes(most)).unwrap_or_default()
    }

    /// The entry's tokens and state. An entry in memory is kept no longer, one on disk stays. `None` as in
    /// [`Saved::read`].
    #[cfg(test)]
    pub fn take(&mut self, found: &Match) -> Option<(Vec<i32>, Vec<u8>)> {
        let entry = match found.tier {
            Tier::Memory => self.memory.take(found.id),
            Tier::Disk => self.disk.as_mut()?.read(found.id),
        }?;
        Some((entry.tokens.clone(), entry.state.to_vec()))
    }

    /// Forgets what is in memory.
    pub fn forget_memory(&mut self) {
        self.memory.clear();
    }

    /// Forgets everything of this model, on disk too.
    #[cfg(test)]
    pub fn clear(&mut self) {
        self.memory.clear();
        if let Some(disk) = &mut self.disk {
            disk.clear();
        }
    }

    /// What is kept at the moment.
    pub fn figures(&self) -> Figures {
        Figures {
            memory_entries: self.memory.iter().count(),
            memory_bytes: self.memory.bytes(),
            disk_entries: self.disk.iter().flat_map(Disk::iter).count(),
            disk_bytes: self.disk.as_ref().map_or(0, Disk::bytes),
        }
    }

    fn belongs_on_disk(&self, entry: &Entry) -> bool {
        entry.may_go_to_disk() && self.disk.as_ref().is_some_and(|disk| disk.lacks(&entry.tokens))
    }
}

/// Length of the longest common beginning.
pub fn common<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
