//! The contexts of a chat model: one, and a second one beside it while several answers are under way.
//!
//! Owns: which contexts there are, where a sequence lies, and stepping both at the same time. Must not know: who asked,
//! how a step is planned.
//!
//! Threads that compute one step wait for each other after every operation. With a small model that is most of what a
//! second core brings: two contexts, each on half of the cores and never waiting for the other, write up to twice as
//! many tokens together. The second has keys and values of its own, so it is shorter, made when it is needed and freed
//! when it is not.

use crate::adapters::{Adapters, Group};
use crate::context::{Context, Item, Seq, Shape, Step};
use crate::pool::Waiting;
use crate::sequences::{Keep, Sequences};
use crate::store::Store;
use hob_engine::EngineError;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Most bytes of keys and values of the second context.
const MOST_BYTES: u64 = 48 << 20;
/// Most tokens of one step of it: what a step may need is set aside, and a large vocabulary takes much for each token.
const STEP: u32 = 64;
/// A second context shorter than this would help nobody.
const LEAST_LENGTH: u32 = 512;

/// A place in one of the contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which context: 0 or 1.
    pub lane: usize,
    /// Which of its sequences.
    pub seq: Seq,
}

/// One context and what it holds.
struct Lane<'m> {
    context: Context<'m>,
    sequences: Sequences,
    /// The adapter that the context applies now.
    applied: Group,
}

/// Items of a step in one of the contexts.
pub struct Load<'a> {
    /// Which context.
    pub lane: usize,
    /// Its tokens.
    pub items: &'a [Item],
    /// The adapter that they need.
    pub group: Group,
    /// What its threads do afterwards.
    pub waiting: Waiting,
}

/// All contexts of a model.
pub struct Lanes<'m> {
    model: &'m LlamaModel,
    interrupt: Arc<AtomicBool>,
    /// How the first is set up, and the length of a second.
    shape: Shape,
    second: u32,
    lanes: Vec<Lane<'m>>,
    store: Store,
}

impl<'m> Lanes<'m> {
    /// Sets up the first context, which takes a while, then asks for the store. A token's keys and values take
    /// `token_bytes`.
    pub fn new(
        model: &'m LlamaModel,
        shape: Shape,
        token_bytes: u64,
        interrupt: Arc<AtomicBool>,
        store: impl FnOnce() -> Store,
    ) -> Result<Self, EngineError> {
        let fits = MOST_BYTES.checked_div(token_bytes).unwrap_or(0);
        let second = shape.length.min(u32::try_from(fits).unwrap_or(u32::MAX));
        let first = Lane::new(model, shape, interrupt.clone())?;
        Ok(Self { model, interrupt, shape, second, lanes: vec![first], store: store() })
    }

    /// Tokens that fit the longest of them.
    pub fn length(&self) -> usize {
        self.shape.length as usize
    }

    /// Most tokens of one step in a context.
    pub fn most(&self, lane: usize) -> usize {
        self.shape.step.min(if lane == 0 { u32::MAX } else { STEP }) as usize
    }

    /// How many there are now.
    pub fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Whether `tokens` fit a context that need not be there yet.
    pub fn fits(&self, lane: usize, tokens: usize) -> bool {
        let beside = self.second >= LEAST_LENGTH && self.shape.threads > 1;
        lane == 0 || (beside && tokens <= self.second as usize)
    }

    /// Gives a request a sequence in the first context, with as much of `wanted` as is there already anywhere, and says
    /// how much that is. `alone`: nobody else runs in that context. `None` when all its sequences run.
    pub fn claim(&mut self, wanted: &[LlamaToken], adapter: Group, alone: bool) -> Option<(Seq, usize)> {
        self.bring(wanted, adapter);
        let Lane { context, sequences, .. } = &mut self.lanes[0];
        sequences.claim(context, &mut self.store, wanted, adapter, alone)
    }

    /// Copies what the second context holds of `wanted` to the first, as an idle sequence.
    fn bring(&mut self, wanted: &[LlamaToken], adapter: Group) {
        let [first, others @ ..] = &mut self.lanes[..] else { return };
        let here = first.sequences.holds(wanted, adapter);
        for Lane { context, sequences, .. } in others {
            let Some(moved) = sequences.lend(context, wanted, adapter, here) else { continue };
            if let Some(seq) = first.sequences.adopt(&mut first.context, &mut self.store, &moved) {
                first.sequences.release(seq, Keep::default());
            }
        }
    }

    /// Moves a running sequence to another context; `None` leaves it where it is.
    pub fn transfer(&mut self, from: Place, lane: usize) -> Result<Option<Place>, EngineError> {
        self.open(lane)?;
        let Lane { context, sequences, .. } = &mut self.lanes[from.lane];
        let moved = sequences.give(context, from.seq);
        let Lane { context, sequences, .. } = &mut self.lanes[lane];
        if let Some(seq) = sequences.adopt(context, &mut self.store, &moved) {
            return Ok(Some(Place { lane, seq }));
        }
        let Lane { context, sequences, .. } = &mut self.lanes[from.lane];
        match sequences.adopt(context, &mut self.store, &moved) {
            Some(seq) => Ok(Some(Place { lane: from.lane, seq })),
            None => Ok(None),
        }
    }

    fn open(&mut self, lane: usize) -> Result<(), EngineError> {
        if lane < self.lanes.len() {
            return Ok(());
        }
        let shape = Shape { length: self.second, step: self.shape.step.min(STEP), ..self.shape };
        tracing::debug!(tokens = shape.length, "a second context for answers side by side");
        self.lanes.push(Lane::new(self.model, shape, self.interrupt.clone())?);
        Ok(())
    }

    /// Frees the second context; nothing runs in it.
    pub fn close_second(&mut self) {
        while self.lanes.len() > 1 {
            let Some(mut lane) = self.lanes.pop() else { return };
            lane.sequences.leave(&mut lane.context, &mut self.store);
        }
    }

    /// Tokens that a sequence holds.
    pub fn filled(&self, place: Place) -> usize {
        self.lanes[place.lane].sequences.filled(place.seq)
    }

    /// A step has added tokens to a sequence.
    pub fn added(&mut self, place: Place, tokens: &[LlamaToken]) {
        self.lanes[place.lane].sequences.added(place.seq, tokens);
    }

    /// A step that was to add tokens has ended early.
    pub fn undo(&mut self, place: Place) {
        let Lane { context, sequences, .. } = &mut self.lanes[place.lane];
        sequences.undo(context, place.seq);
    }

    /// A request has ended; its sequence stays until somebody needs the room.
    pub fn release(&mut self, place: Place, keep: Keep) {
        self.lanes[place.lane].sequences.release(place.seq, keep);
    }

    /// Brings back what was used last before this process.
    pub fn recall(&mut self) {
        let Lane { context, sequences, .. } = &mut self.lanes[0];
        sequences.recall(context, &mut self.store);
    }

    /// Keeps what is worth keeping of all idle sequences.
    pub fn settle(&mut self) {
        for Lane { context, sequences, .. } in &mut self.lanes {
            sequences.settle(context, &mut self.store);
        }
    }

    /// Frees the cells of all idle sequences of a context, after keeping what is worth it.
    pub fn leave(&mut self, lane: usize) -> bool {
        let Lane { context, sequences, .. } = &mut self.lanes[lane];
        sequences.leave(context, &mut self.store)
    }

    /// Everything was lost in a failure.
    pub fn forget(&mut self) {
        for Lane { context, sequences, .. } in &mut self.lanes {
            sequences.forget(context);
        }
    }

    /// What is kept beside the contexts.
    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// The scores after item `at` of a context's last step.
    pub fn scores(&mut self, lane: usize, at: usize) -> &[f32] {
        self.lanes[lane].context.scores(at)
    }

    /// Evaluates a step in one context.
    pub fn step(&mut self, load: &Load<'_>, threads: u32, adapters: &Adapters<'m>) -> Result<Step, EngineError> {
        let lane = &mut self.lanes[load.lane];
        lane.prepare(load, threads, adapters)?;
        lane.context.step(load.items)
    }

    /// Evaluates a step in each of two contexts at the same time, with so many threads in all.
    pub fn step_both(
        &mut self,
        loads: [&Load<'_>; 2],
        threads: u32,
        adapters: &Adapters<'m>,
    ) -> Result<[Step; 2], EngineError> {
        let [first, second] = &mut self.lanes[..] else {
            return Err(EngineError::Inference("there is no second context to step".into()));
        };
        first.prepare(loads[0], threads.div_ceil(2), adapters)?;
        second.prepare(loads[1], (threads / 2).max(1), adapters)?;
        let (here, there) = std::thread::scope(|scope| {
            let there = scope.spawn(|| second.context.step(loads[1].items));
            (first.context.step(loads[0].items), there.join())
        });
        let there = there.map_err(|_| EngineError::Inference("a step panicked; see the log".into()))?;
        Ok([here?, there?])
    }
}

impl<'m> Lane<'m> {
    fn new(model: &'m LlamaModel, shape: Shape, interrupt: Arc<AtomicBool>) -> Result<Self, EngineError> {
        let sequences = Sequences::new(shape.sequences as usize);
        Ok(Self { context: Context::new(model, shape, interrupt)?, sequences, applied: 0 })
    }

    fn prepare(&mut self, load: &Load<'_>, threads: u32, adapters: &Adapters<'m>) -> Result<(), EngineError> {
        if load.group != self.applied {
            self.context.set_adapter(adapters.of(load.group))?;
            self.applied = load.group;
        }
        self.context.set_threads(threads, load.waiting)
    }
}
