//! What the context's sequences hold, and what is kept of them for later requests.
//!
//! Owns: which tokens each sequence has evaluated, which are idle, and the store of evaluated prompts. Must not know:
//! who asked, what the tokens mean.
//!
//! Invariant: `slots[seq].tokens` lists exactly the tokens whose keys and values sequence `seq` holds.
//!
//! Every cell of the context that is in use makes every step a little slower, so idle sequences leave it as soon as
//! somebody else works; what is worth keeping of them goes to the store, where it costs memory only.

use crate::context::{Context, Seq};
use crate::saved::{Entry, Saved, Written, common};
use llama_cpp_2::token::LlamaToken;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

/// Shorter beginnings are evaluated again faster than they are fetched.
const WORTH: usize = 32;
/// Entries that left the memory and wait for a quiet moment to be written to disk; older ones are let go.
const MOST_UNWRITTEN: usize = 4;

/// What is worth keeping of a sequence once its request has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// So many leading tokens.
    pub tokens: usize,
    /// They may be written to disk.
    pub on_disk: bool,
}

/// The sequences of one context.
pub struct Sequences {
    slots: Vec<Slot>,
    saved: Saved,
    unwritten: Vec<Arc<Entry>>,
    /// One of them on its way to disk.
    writing: Option<JoinHandle<io::Result<Option<Written>>>>,
}

#[derive(Default)]
struct Slot {
    tokens: Vec<LlamaToken>,
    /// The adapter that they were evaluated with; 0 is none.
    adapter: usize,
    running: bool,
    used: Option<Instant>,
    keep: Keep,
    kept: bool,
}

impl Slot {
    fn is_free(&self) -> bool {
        !self.running && self.tokens.is_empty()
    }

    fn is_idle(&self) -> bool {
        !self.running && !self.tokens.is_empty()
    }
}

impl Sequences {
    /// All empty. The last sequence is never given out: parts are copied through it.
    pub fn new(count: usize, saved: Saved) -> Self {
        Self { slots: (0..count).map(|_| Slot::default()).collect(), saved, unwritten: Vec::new(), writing: None }
    }

    /// A sequence that holds as much of the first `most` of `tokens` as is there already, and how much that is.
    /// `None` when all sequences run. `alone`: nobody else runs, so idle sequences leave the context.
    pub fn claim(
        &mut self,
        context: &mut Context<'_>,
        tokens: &[LlamaToken],
        most: usize,
        adapter: usize,
        alone: bool,
    ) -> Option<(Seq, usize)> {
        let wanted = &tokens[..most.min(tokens.len())];
        let best = self.best(wanted, adapter);
        let here = best.map_or(0, |(_, same)| same);
        let claimed = match (self.fetch(context, wanted, adapter, here), best) {
            (Some(fetched), _) => Some(fetched),
            (None, Some((seq, same))) if same > 0 => self.take(context, seq, same),
            _ => self.free(context).map(|seq| (seq, 0)),
        };
        let (seq, reused) = claimed?;
        let slot = &mut self.slots[seq];
        (slot.running, slot.adapter, slot.kept) = (true, adapter, false);
        if alone {
            self.leave(context);
        }
        Some((seq, reused))
    }

    /// Tokens that the sequence holds.
    pub fn filled(&self, seq: Seq) -> usize {
        self.slots[seq].tokens.len()
    }

    /// A step has added tokens to the sequence.
    pub fn added(&mut self, seq: Seq, tokens: &[LlamaToken]) {
        self.slots[seq].tokens.extend_from_slice(tokens);
    }

    /// A step that was to add tokens has ended early.
    pub fn undo(&mut self, context: &mut Context<'_>, seq: Seq) {
        let slot = &mut self.slots[seq];
        if !context.trim(seq, slot.tokens.len()) {
            slot.tokens.clear();
        }
    }

    /// The request has ended; its sequence stays until somebody needs the room.
    pub fn release(&mut self, seq: Seq, keep: Keep) {
        let slot = &mut self.slots[seq];
        (slot.running, slot.used, slot.kept) = (false, Some(Instant::now()), false);
        slot.keep = Keep { tokens: keep.tokens.min(slot.tokens.len()), ..keep };
    }

    /// Keeps what is worth keeping of all idle sequences.
    pub fn settle(&mut self, context: &mut Context<'_>) {
        for seq in 0..self.slots.len() {
            if self.slots[seq].is_idle() {
                self.keep(context, seq);
            }
        }
    }

    /// Frees the cells of all idle sequences, after keeping what is worth it.
    pub fn leave(&mut self, context: &mut Context<'_>) -> bool {
        let idle: Vec<Seq> = (0..self.slots.len()).filter(|seq| self.slots[*seq].is_idle()).collect();
        for seq in &idle {
            self.keep(context, *seq);
            self.empty(context, *seq);
        }
        !idle.is_empty()
    }

    /// Everything was lost in a failure.
    pub fn forget(&mut self, context: &mut Context<'_>) {
        context.clear();
        self.slots.fill_with(Slot::default);
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
            match thread.spawn(move || plan.write(&entry.state)) {
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

    /// Writes everything that may outlive the process, the most recently used first.
    pub fn flush(&mut self, context: &mut Context<'_>) {
        self.end_writing();
        self.settle(context);
        let waiting = std::mem::take(&mut self.unwritten);
        for entry in self.saved.unwritten().into_iter().chain(waiting) {
            self.write(&entry);
        }
        tracing::debug!(kept = ?self.saved.figures(), "evaluated prompts that outlive this process are on disk");
    }

    fn write(&mut self, entry: &Entry) {
        if let Err(error) = self.saved.put_disk(&entry.tokens, &entry.state) {
            tracing::warn!(%error, "an evaluated prompt is not kept on disk");
        }
    }

    /// The sequence that has most in common with `wanted`; among equals an idle one, which can be taken over.
    fn best(&self, wanted: &[LlamaToken], adapter: usize) -> Option<(Seq, usize)> {
        let usable = self.slots.iter().enumerate().filter(|(_, slot)| slot.adapter == adapter && !slot.is_free());
        let common = usable.map(|(seq, slot)| (seq, common(&slot.tokens, wanted)));
        common.max_by_key(|(seq, same)| (*same, !self.slots[*seq].running))
    }

    /// Takes over an idle sequence, or shares with it where it would lose too much, or where it runs.
    fn take(&mut self, context: &mut Context<'_>, seq: Seq, same: usize) -> Option<(Seq, usize)> {
        if self.slots[seq].running {
            let to = self.free(context)?;
            return Some((to, self.share(context, seq, to, same)));
        }
        if self.slots[seq].tokens.len() >= same + WORTH {
            self.keep(context, seq);
        }
        let whole = self.slots[seq].tokens.len() == same;
        if whole || context.trim(seq, same) {
            self.slots[seq].tokens.truncate(same);
        } else {
            self.slots[seq].tokens.clear();
        }
        Some((seq, self.slots[seq].tokens.len()))
    }

    fn share(&mut self, context: &mut Context<'_>, from: Seq, to: Seq, same: usize) -> usize {
        let tokens = self.slots[from].tokens[..same].to_vec();
        context.share(from, to, same);
        self.slots[to].tokens = tokens;
        same
    }

    /// Brings back what the store has of `wanted`, when that is clearly more than what is `here`.
    fn fetch(
        &mut self,
        context: &mut Context<'_>,
        wanted: &[LlamaToken],
        adapter: usize,
        here: usize,
    ) -> Option<(Seq, usize)> {
        if adapter != 0 || wanted.len() < here + WORTH {
            return None;
        }
        let found = self.saved.longest(&ids(wanted)).filter(|found| found.len >= here + WORTH)?;
        let entry = self.saved.read(&found)?;
        let (tokens, state) = (&entry.tokens, &entry.state);
        let seq = self.free(context)?;
        // Where there is no room beside the idle ones, those leave and it is tried once more.
        let restored = context.restore(seq, state, tokens.len())
            || (self.leave(context) && context.restore(seq, state, tokens.len()));
        if !restored {
            tracing::debug!(tokens = tokens.len(), "a kept prompt can't be brought back");
            return None;
        }
        let same = found.len.min(tokens.len());
        self.slots[seq].tokens = tokens.iter().map(|id| LlamaToken(*id)).collect();
        if same < tokens.len() && !context.trim(seq, same) {
            self.slots[seq].tokens.clear();
            return None;
        }
        self.slots[seq].tokens.truncate(same);
        Some((seq, same))
    }

    /// An empty sequence; the idle one that was unused longest makes room when there is none.
    fn free(&mut self, context: &mut Context<'_>) -> Option<Seq> {
        let last = self.slots.len() - 1;
        if let Some(seq) = (0..last).find(|seq| self.slots[*seq].is_free()) {
            return Some(seq);
        }
        let seq = (0..last).filter(|seq| self.slots[*seq].is_idle()).min_by_key(|seq| self.slots[*seq].used)?;
        self.keep(context, seq);
        self.empty(context, seq);
        Some(seq)
    }

    fn empty(&mut self, context: &mut Context<'_>, seq: Seq) {
        context.drop_sequence(seq);
        self.slots[seq] = Slot::default();
    }

    /// Puts what is worth keeping of an idle sequence into the store, unless it is there.
    fn keep(&mut self, context: &mut Context<'_>, seq: Seq) {
        let slot = &mut self.slots[seq];
        let (keep, all) = (slot.keep, slot.tokens.len());
        let tokens = ids(&slot.tokens[..keep.tokens.min(all)]);
        if std::mem::replace(&mut slot.kept, true) || slot.adapter != 0 || tokens.len() < WORTH {
            return;
        }
        if self.saved.longest(&tokens).is_some_and(|found| found.len == tokens.len()) {
            return;
        }
        let state = if tokens.len() == all {
            context.save(seq)
        } else {
            let spare = self.slots.len() - 1;
            context.share(seq, spare, tokens.len());
            let state = context.save(spare);
            context.drop_sequence(spare);
            state
        };
        let on_disk = if keep.on_disk { tokens.len() } else { 0 };
        self.unwritten.extend(self.saved.put_memory(tokens, state, on_disk));
        let surplus = self.unwritten.len().saturating_sub(MOST_UNWRITTEN);
        self.unwritten.drain(..surplus);
    }
}

fn ids(tokens: &[LlamaToken]) -> Vec<i32> {
    tokens.iter().map(|token| token.0).collect()
}
