//! Evaluated prompts that left the context, and their way to disk.
//!
//! Owns: what is kept beside the contexts (`saved`), what of it still has to be written, and the texts that belong to it
//! (`known`). Must not know: contexts, sequences.

use crate::known::{self, Known};
use crate::saved::{Entry, Match, Saved, State, Written};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Entries that left the memory and wait for a quiet moment to be written to disk; older ones are let go.
const MOST_UNWRITTEN: usize = 4;

/// What is kept of earlier prompts, for all contexts of a model.
pub struct Store {
    /// The texts of prompts of late and their tokens.
    pub known: Known,
    saved: Saved,
    /// What was used last before this process, until somebody takes it.
    last: Option<Arc<Entry>>,
    unwritten: Vec<Arc<Entry>>,
    /// One of them on its way to disk.
    writing: Option<JoinHandle<io::Result<Option<Written>>>>,
}

impl Store {
    /// Over what is there already, of which it reads what was used last, if that has at most `most` tokens.
    pub fn new(mut saved: Saved, most: usize) -> Self {
        let mut known = Known::default();
        saved.notes(known::MOST).iter().for_each(|(tokens, note)| known.learn(tokens, note));
        let last = saved.last(most);
        Self { known, saved, last, unwritten: Vec::new(), writing: None }
    }

    /// What was used last before this process, the first time that somebody asks for it.
    pub fn last(&mut self) -> Option<Arc<Entry>> {
        self.last.take()
    }

    /// Notes that an entry was used now, wherever its state came from.
    pub fn touch(&mut self, found: &Match) {
        self.saved.touch(found);
    }

    /// The entry that has most in common with `tokens`.
    pub fn longest(&self, tokens: &[i32]) -> Option<Match> {
        self.saved.longest(tokens)
    }

    /// That entry; `None` when it is gone meanwhile.
    pub fn read(&mut self, found: &Match) -> Option<Arc<Entry>> {
        self.saved.read(found)
    }

    /// Keeps a state; so many of its leading tokens may go to disk.
    pub fn keep(&mut self, tokens: Vec<i32>, state: Vec<u8>, on_disk: usize) {
        let note = if on_disk > 0 { self.known.note(&tokens) } else { Vec::new() };
        let entry = Entry { tokens, state: State::Kept(state), may_persist: on_disk, note };
        self.unwritten.extend(self.saved.put_memory(entry));
        let surplus = self.unwritten.len().saturating_sub(MOST_UNWRITTEN);
        self.unwritten.drain(..surplus);
    }

    /// Whether something waits to be written to disk, or is being written.
    pub fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty() || self.writing.is_some()
    }

    /// Goes on with writing what waits for it, one entry after the other and beside whatever else happens: the disk
    /// takes its time.
    pub fn write_one(&mut self) {
        if self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return;
        }
        self.end_writing();
        let Some(entry) = self.unwritten.pop() else { return };
        if let Some(plan) = self.saved.plan_disk(&entry.tokens) {
            let thread = std::thread::Builder::new().name("kept".into());
            match thread.spawn(move || plan.write(&entry.state, &entry.note)) {
                Ok(writing) => self.writing = Some(writing),
                Err(error) => tracing::warn!(%error, "an evaluated prompt is not kept on disk"),
            }
        }
    }

    /// Waits for what is being written; from then on it is found.
    fn end_writing(&mut self) {
        let Some(writing) = self.writing.take() else { return };
        match writing.join() {
            Ok(Ok(Some(written))) => self.saved.adopt(written),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "an evaluated prompt is not kept on disk"),
            Err(_) => tracing::error!("the thread that writes evaluated prompts panicked"),
        }
    }

    /// Forgets what is in memory, after writing down what may go to disk.
    pub fn let_go(&mut self) {
        self.flush();
        self.saved.forget_memory();
    }

    /// Writes everything that may outlive the process, the most recently used first.
    pub fn flush(&mut self) {
        self.end_writing();
        let waiting = std::mem::take(&mut self.unwritten);
        let all: Vec<_> = self.saved.unwritten().into_iter().chain(waiting).collect();
        for entry in &all {
            if let Err(error) = self.saved.put_disk(entry) {
                tracing::warn!(%error, "an evaluated prompt is not kept on disk");
            }
        }
        // Written first, in case that there is no time for more, but used last.
        if let Some(last) = all.first() {
            // It is there already, so there is nothing to write, and that counts as its use.
            drop(self.saved.plan_disk(&last.tokens));
        }
        tracing::debug!(kept = ?self.saved.figures(), "evaluated prompts that outlive this process are on disk");
    }
}
