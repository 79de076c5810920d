//! Who goes before whom: the lanes of work and the threads that serve them.
//!
//! Owns: the order between requests. Must not know: what a text is.

use super::context::{Context, Pooling, Shape};
use super::input::Inputs;
use super::late::Memory;
use super::turn::{Taken, Turn};
use super::work::Work;
use crate::wire::{Wire, cancelled};
use hob_engine::{EngineError, ModelReply};
use llama_cpp_2::model::LlamaModel;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Of so many batches of bulk work one is background work, if there is any.
const BACKGROUND_EVERY: u32 = 8;
/// Tokens of a batch that people wait for: the next one waits for half of this on average.
const EXPRESS_TOKENS: usize = 128;
/// Tokens of a batch of bulk work: more gains nothing (2,048 tokens are 0.7 times as fast).
pub const BULK_TOKENS: usize = 256;

/// Requests that are served one batch at a time.
#[derive(Default)]
pub struct Lane {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Somebody waits for these: they take turns.
    waited_for: VecDeque<Arc<Work>>,
    /// Nobody does: one after another.
    background: VecDeque<Arc<Work>>,
    /// Batches since the last one of background work.
    since: u32,
    closed: bool,
    /// Threads that may work; the others wait. 0: all.
    allowed: usize,
}

impl Lane {
    /// Adds a request.
    pub fn push(&self, work: Arc<Work>, is_background: bool) {
        let mut queue = self.lock();
        let all_may_work = queue.allowed == 0;
        let to = if is_background { &mut queue.background } else { &mut queue.waited_for };
        // A second thread would only find that there is nothing left.
        if work.texts() == 1 && all_may_work {
            self.arrived.notify_one()
        } else {
            self.arrived.notify_all()
        }
        to.push_back(work);
    }

    /// Lets no more than so many threads work from their next batch on; 0 lets all.
    pub fn limit(&self, threads: usize) {
        self.lock().allowed = threads;
        self.arrived.notify_all();
    }

    /// Ends [`Lane::next`] for everybody.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// The request whose next batch is due for a thread, if there is one.
    fn now(&self, thread: usize) -> Option<Arc<Work>> {
        self.lock().pick_for(thread)
    }

    /// Waits for the request whose next batch is due for a thread; `None` when the lane is closed.
    fn next(&self, thread: usize) -> Option<Arc<Work>> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(work) = queue.pick_for(thread) {
                return Some(work);
            }
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn pick_for(&mut self, thread: usize) -> Option<Arc<Work>> {
        if self.allowed == 0 || thread < self.allowed { self.pick() } else { None }
    }

    fn pick(&mut self) -> Option<Arc<Work>> {
        self.waited_for.retain(|work| !work.is_spent());
        self.background.retain(|work| !work.is_spent());
        let overdue = self.since + 1 >= BACKGROUND_EVERY && !self.background.is_empty();
        if !overdue && let Some(work) = self.waited_for.pop_front() {
            self.waited_for.push_back(work.clone());
            self.since += u32::from(!self.background.is_empty());
            return Some(work);
        }
        self.since = 0;
        self.background.front().cloned()
    }
}

/// What all threads of a model share.
pub struct Shared<'m> {
    /// The model.
    pub model: &'m LlamaModel,
    /// How its contexts are set up.
    pub shape: Shape,
    /// Values that come out for each text.
    pub width: usize,
    /// How texts become its input.
    pub inputs: Inputs<'m>,
    /// Token vectors made lately.
    pub memory: Arc<Memory>,
    /// Whether the model is an encoder; only those are good for late interaction.
    pub is_encoder: bool,
    /// Threads of each lane.
    pub threads: usize,
    /// The way to the callers.
    pub wire: &'m Wire,
    /// Held while a context is set up: llama.cpp does not say that two may be at once.
    pub setting_up: Mutex<()>,
}

impl<'m> Shared<'m> {
    /// A context for the thread that shares a processor by `turn`; its steps rest if it `gives_way`.
    pub fn context(&self, pooling: Pooling, gives_way: Option<Arc<Turn>>) -> Result<Context<'m>, EngineError> {
        let _one_at_a_time = self.setting_up.lock().unwrap_or_else(PoisonError::into_inner);
        Context::new(self.model, Shape { pooling, ..self.shape }, gives_way)
    }
}

/// A thread of a lane.
pub struct Worker<'m, 'l> {
    /// What it shares with the others.
    pub shared: &'l Shared<'m>,
    /// Where its work comes from.
    pub lane: &'l Lane,
    /// Whose turn it is on its processor.
    pub turn: Arc<Turn>,
    /// Which of its lane's threads it is.
    pub thread: usize,
    /// It takes the right of way when it works; otherwise it gives way.
    pub is_express: bool,
    /// Set up when it is first needed.
    pub context: Option<Context<'m>>,
    /// The same for token vectors: llama.cpp decides about pooling once per context.
    pub token_context: Option<Context<'m>>,
}

impl<'m> Worker<'m, '_> {
    /// Works until the lane is closed.
    pub fn run(mut self) {
        let _closes = ClosesOnPanic(self.shared.wire);
        if !self.is_express {
            be_nice();
        }
        let turn = self.turn.clone();
        let mut taken: Option<Taken<'_>> = None;
        loop {
            let due = self.lane.now(self.thread).or_else(|| {
                taken = None;
                self.lane.next(self.thread)
            });
            let Some(work) = due else { return };
            if self.is_express && taken.is_none() {
                taken = Some(turn.take());
            }
            if let Some(reply) = self.advance(&work) {
                self.shared.wire.finish(work.job(), reply);
            }
        }
    }

    /// Does the next batch. Gives the reply when the request has ended with it.
    fn advance(&mut self, work: &Work) -> Option<ModelReply> {
        if work.job().is_cancelled() {
            return work.end(cancelled(&work.job().body));
        }
        let most = if self.is_express { EXPRESS_TOKENS } else { BULK_TOKENS };
        let batch = work.take(&self.shared.inputs, most.min(self.shared.shape.tokens), self.shared.threads)?;
        let results = self.context(work.is_late()).and_then(|context| context.step(&batch.sequences(), work.job()));
        work.give(&batch, results)
    }

    fn context(&mut self, of_tokens: bool) -> Result<&mut Context<'m>, EngineError> {
        let pooling = if of_tokens { Pooling::Tokens } else { self.shared.shape.pooling };
        match if of_tokens { &mut self.token_context } else { &mut self.context } {
            Some(context) => Ok(context),
            none => Ok(none.insert(self.shared.context(pooling, (!self.is_express).then(|| self.turn.clone()))?)),
        }
    }
}

/// How much the threads of bulk work stand back behind everybody else's, as `nice` counts.
const NICE: i32 = 10;

/// Lets the calling thread, and no other, have what others leave: on Linux a priority belongs to a thread.
fn be_nice() {
    let own = rustix::thread::gettid();
    let now = rustix::process::getpriority_process(Some(own));
    let set = now.and_then(|now| rustix::process::setpriority_process(Some(own), (now + NICE).min(19)));
    if let Err(error) = set {
        tracing::debug!(%error, "bulk work runs at normal priority");
    }
}

/// Without one of its threads the process can't keep its word, so it ends.
struct ClosesOnPanic<'w>(&'w Wire);

impl Drop for ClosesOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close();
        }
    }
}
