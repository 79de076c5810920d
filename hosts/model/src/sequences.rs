//! What the context's sequences hold, and what is kept of them for later requests.
//!
//! Owns: which tokens each sequence has evaluated, and which are idle. Must not know: who asked, what the tokens mean,
//! other contexts.
//!
//! Invariant: `slots[seq].tokens` lists exactly the tokens whose keys and values sequence `seq` holds.
//!
//! Every cell of the context that is in use makes every step a little slower, so idle sequences leave it as soon as
//! somebody else works; what is worth keeping of them goes to the store, where it costs memory only.

use crate::context::{Context, Seq};
use crate::saved::common;
use crate::store::Store;
use llama_cpp_2::token::LlamaToken;
use std::time::Instant;

/// Shorter beginnings are evaluated again faster than they are fetched.
const WORTH: usize = 16;
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
}

/// A sequence on its way from one context to another.
pub struct Moved {
    tokens: Vec<LlamaToken>,
    adapter: usize,
    state: Vec<u8>,
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
    pub fn new(count: usize) -> Self {
        Self { slots: (0..count).map(|_| Slot::default()).collect() }
    }

    /// A sequence that holds as much of `wanted` as is there already, and how much that is.
    /// `None` when all sequences run. `alone`: nobody else runs, so idle sequences leave the context.
    pub fn claim(
        &mut self,
        context: &mut Context<'_>,
        store: &mut Store,
        wanted: &[LlamaToken],
        adapter: usize,
        alone: bool,
    ) -> Option<(Seq, usize)> {
        let best = self.best(wanted, adapter);
        let here = best.map_or(0, |(_, same)| same);
        let claimed = match (self.fetch(context, store, wanted, adapter, here), best) {
            (Some(fetched), _) => Some(fetched),
            (None, Some((seq, same))) if same > 0 => self.take(context, store, seq, same),
            _ => self.free(context, store).map(|seq| (seq, 0)),
        };
        let (seq, reused) = claimed?;
        let slot = &mut self.slots[seq];
        (slot.running, slot.adapter, slot.kept) = (true, adapter, false);
        if alone {
            self.leave(context, store);
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
    pub fn settle(&mut self, context: &mut Context<'_>, store: &mut Store) {
        for seq in 0..self.slots.len() {
            if self.slots[seq].is_idle() {
                self.keep(context, store, seq);
            }
        }
    }

    /// Frees the cells of all idle sequences, after keeping what is worth it.
    pub fn leave(&mut self, context: &mut Context<'_>, store: &mut Store) -> bool {
        let idle: Vec<Seq> = (0..self.slots.len()).filter(|seq| self.slots[*seq].is_idle()).collect();
        for seq in &idle {
            self.keep(context, store, *seq);
            self.empty(context, *seq);
        }
        !idle.is_empty()
    }

    /// Everything was lost in a failure.
    pub fn forget(&mut self, context: &mut Context<'_>) {
        context.clear();
        self.slots.fill_with(Slot::default);
    }

    /// The sequence that has most in common with `wanted`; among equals an idle one, which can be taken over.
    fn best(&self, wanted: &[LlamaToken], adapter: usize) -> Option<(Seq, usize)> {
        let usable = self.slots.iter().enumerate().filter(|(_, slot)| slot.adapter == adapter && !slot.is_free());
        let common = usable.map(|(seq, slot)| (seq, common(&slot.tokens, wanted)));
        common.max_by_key(|(seq, same)| (*same, !self.slots[*seq].running))
    }

    /// Takes over an idle sequence, or shares with it where it would lose too much, or where it runs.
    fn take(&mut self, context: &mut Context<'_>, store: &mut Store, seq: Seq, same: usize) -> Option<(Seq, usize)> {
        if self.slots[seq].running {
            let to = self.free(context, store)?;
            return Some((to, self.share(context, seq, to, same)));
        }
        if self.slots[seq].tokens.len() >= same + WORTH {
            self.keep(context, store, seq);
        }
        let whole = self.slots[seq].tokens.len() == same;
        if whole || context.trim(seq, same) {
            self.slots[seq].tokens.truncate(same);
        } else {
            self.slots[seq].tokens.clear();
        }
        Some((seq, self.slots[seq].tokens.len()))
    }

    /// The keys and values of the first `n` tokens of a sequence.
    fn state(&self, context: &mut Context<'_>, seq: Seq, n: usize) -> Vec<u8> {
        if n == self.slots[seq].tokens.len() {
            return context.save(seq);
        }
        let spare = self.slots.len() - 1;
        context.share(seq, spare, n);
        let state = context.save(spare);
        context.drop_sequence(spare);
        state
    }

    /// A copy of as much of `wanted` as a sequence here holds, when that is worth it beside `there`.
    pub fn lend(
        &self,
        context: &mut Context<'_>,
        wanted: &[LlamaToken],
        adapter: usize,
        there: usize,
    ) -> Option<Moved> {
        let (seq, same) = self.best(wanted, adapter).filter(|(_, same)| *same >= there + WORTH)?;
        Some(Moved { tokens: wanted[..same].to_vec(), adapter, state: self.state(context, seq, same) })
    }

    /// Takes a running sequence out, for another context.
    pub fn give(&mut self, context: &mut Context<'_>, seq: Seq) -> Moved {
        let state = context.save(seq);
        let slot = std::mem::take(&mut self.slots[seq]);
        context.drop_sequence(seq);
        Moved { tokens: slot.tokens, adapter: slot.adapter, state }
    }

    /// Takes over a sequence of another context; it runs. `None` when there is no room for it.
    pub fn adopt(&mut self, context: &mut Context<'_>, store: &mut Store, moved: &Moved) -> Option<Seq> {
        let seq = self.fill(context, store, moved.tokens.clone(), &moved.state)?;
        self.slots[seq].adapter = moved.adapter;
        Some(seq)
    }

    /// A sequence, which runs, with a state of these tokens. `None` when there is no room for it.
    fn fill(
        &mut self,
        context: &mut Context<'_>,
        store: &mut Store,
        tokens: Vec<LlamaToken>,
        state: &[u8],
    ) -> Option<Seq> {
        let seq = self.free(context, store)?;
        if !context.restore(seq, state, tokens.len()) {
            return None;
        }
        self.slots[seq] = Slot { tokens, running: true, ..Slot::default() };
        Some(seq)
    }

    /// Brings back what was used last before this process, as an idle sequence: whoever comes first after a model was
    /// loaded probably wants that.
    pub fn recall(&mut self, context: &mut Context<'_>, store: &mut Store) {
        let Some(entry) = store.last() else { return };
        let tokens = entry.tokens.iter().map(|id| LlamaToken(*id)).collect();
        if let Some(seq) = self.fill(context, store, tokens, &entry.state) {
            self.release(seq, Keep::default());
        }
    }

    /// How much of `wanted` a sequence here holds.
    pub fn holds(&self, wanted: &[LlamaToken], adapter: usize) -> usize {
        self.best(wanted, adapter).map_or(0, |(_, same)| same)
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
        store: &mut Store,
        wanted: &[LlamaToken],
        adapter: usize,
        here: usize,
    ) -> Option<(Seq, usize)> {
        if adapter != 0 || wanted.len() < here + WORTH {
            return None;
        }
        let found = store.longest(&ids(wanted)).filter(|found| found.len >= here + WORTH)?;
        let entry = store.read(&found)?;
        let (tokens, state) = (&entry.tokens, &entry.state);
        let seq = self.free(context, store)?;
        // Where there is no room beside the idle ones, those leave and it is tried once more.
        let restored = context.restore(seq, state, tokens.len())
            || (self.leave(context, store) && context.restore(seq, state, tokens.len()));
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
    fn free(&mut self, context: &mut Context<'_>, store: &mut Store) -> Option<Seq> {
        let last = self.slots.len() - 1;
        if let Some(seq) = (0..last).find(|seq| self.slots[*seq].is_free()) {
            return Some(seq);
        }
        let seq = (0..last).filter(|seq| self.slots[*seq].is_idle()).min_by_key(|seq| self.slots[*seq].used)?;
        self.keep(context, store, seq);
        self.empty(context, seq);
        Some(seq)
    }

    fn empty(&mut self, context: &mut Context<'_>, seq: Seq) {
        context.drop_sequence(seq);
        self.slots[seq] = Slot::default();
    }

    /// Puts what is worth keeping of an idle sequence into the store, unless it is there.
    fn keep(&mut self, context: &mut Context<'_>, store: &mut Store, seq: Seq) {
        let slot = &mut self.slots[seq];
        let keep = slot.keep;
        let tokens = ids(&slot.tokens[..keep.tokens.min(slot.tokens.len())]);
        if std::mem::replace(&mut slot.kept, true) || slot.adapter != 0 || tokens.len() < WORTH {
            return;
        }
        if let Some(found) = store.longest(&tokens).filter(|found| found.len == tokens.len()) {
            return store.touch(&found);
        }
        let state = self.state(context, seq, tokens.len());
        let on_disk = if keep.on_disk { tokens.len() } else { 0 };
        store.keep(tokens, state, on_disk);
    }
}

fn ids(tokens: &[LlamaToken]) -> Vec<i32> {
    tokens.iter().map(|token| token.0).collect()
}
