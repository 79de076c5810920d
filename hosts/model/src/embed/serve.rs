//! Serves an embedding or reranking model until the wire closes.
//!
//! Owns: which lane a request goes to, and the threads. Must not know: how a batch is computed.

use super::context::{Context, Pooling, Shape};
use super::input::Inputs;
use super::lanes::{BULK_TOKENS, Lane, Shared, Worker};
use super::turn::Turn;
use super::work::{Task, Work};
use crate::WORKER_STACK;
use crate::loaded::Loaded;
use crate::wire::{Job, Wire};
use crate::worker::small_or_invalid;
use hob_engine::{EngineError, ModelReply, ModelRequest, Role};
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, Scope};

/// Beyond four processors memory is the limit.
const MOST_THREADS: u32 = 4;
/// A request of up to so many bytes, about 3,000 tokens, goes the fast lane: it takes a fraction of
/// a second. What is larger keeps nobody waiting there.
const EXPRESS_BYTES: usize = 16 << 10;

/// The two lanes.
#[derive(Default)]
struct Lanes {
    /// What people wait for, and what is soon done.
    express: Lane,
    /// All else.
    bulk: Lane,
}

impl Lanes {
    fn close(&self) {
        self.express.close();
        self.bulk.close();
    }
}

/// Answers `load`, which asked for this model, and then what comes over the wire until it closes.
/// Comes back early, after saying why, only when the model can't be set up.
pub fn serve(loaded: &Loaded, role: Role, load: &Job, wire: &Wire) {
    let served = set_up(loaded, role, wire).and_then(|(shared, first)| {
        let lanes = Lanes::default();
        std::thread::scope(|scope| {
            let started = start(scope, &shared, first, &lanes);
            if started.is_ok() {
                wire.finish(load, ModelReply::Loaded(loaded.info(loaded.header.chat_template.is_some())));
                while let Some(job) = wire.next() {
                    accept(job, role, &shared, &lanes);
                }
            }
            lanes.close();
            started
        })
    });
    if let Err(error) = served {
        wire.finish(load, ModelReply::Failed(error));
    }
}

/// What the threads share, and a first context, so that a model that can't work is no model and the
/// first query does not wait for it.
fn set_up<'m>(loaded: &'m Loaded, role: Role, wire: &'m Wire) -> Result<(Shared<'m>, Context<'m>), EngineError> {
    let limit = loaded.context as usize;
    let pooling = match (role, loaded.header.role) {
        (Role::Reranker, _) => Pooling::Rank,
        (_, Role::Embedding) => Pooling::Own,
        // A model that names no pooling gets the usual one.
        _ => Pooling::Mean,
    };
    let tokens = limit.max(BULK_TOKENS.min(loaded.header.context_length as usize));
    let inputs = Inputs::new(loaded.model.vocab(), limit, loaded.header.rerank_template.as_deref())?;
    let threads = loaded.threads.clamp(1, MOST_THREADS) as usize;
    let shape = Shape { tokens, pooling };
    let first = Context::new(&loaded.model, shape, None)?;
    let width = first.width();
    let (memory, is_encoder) = (Arc::default(), first.is_encoder());
    let shared = Shared {
        model: &loaded.model,
        shape,
        width,
        inputs,
        memory,
        is_encoder,
        threads,
        wire,
        setting_up: Mutex::default(),
    };
    Ok((shared, first))
}

/// Starts one thread of each lane for every processor.
fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    shared: &'scope Shared<'scope>,
    first: Context<'scope>,
    lanes: &'scope Lanes,
) -> Result<(), EngineError> {
    let mut first = Some(first);
    let spawn = |name: &str, worker: Worker<'scope, 'scope>| -> io::Result<()> {
        Builder::new().name(name.into()).stack_size(WORKER_STACK).spawn_scoped(scope, move || worker.run())?;
        Ok(())
    };
    for thread in 0..shared.threads {
        let turn = Arc::new(Turn::default());
        let context = first.take();
        let express = Worker {
            shared,
            lane: &lanes.express,
            turn: turn.clone(),
            thread,
            is_express: true,
            context,
            token_context: None,
        };
        let bulk =
            Worker { shared, lane: &lanes.bulk, turn, thread, is_express: false, context: None, token_context: None };
        let started = spawn("express", express).and_then(|()| spawn("bulk", bulk));
        started
            .map_err(|error| EngineError::Inference(format!("a thread for embeddings can't be started: {error}")))?;
    }
    Ok(())
}

fn accept(job: Job, role: Role, shared: &Shared<'_>, lanes: &Lanes) {
    let (task, interactive) = match (&*job.body, role) {
        (ModelRequest::Embed { interactive, .. }, Role::Embedding) => (Task::Vectors, *interactive),
        (ModelRequest::Rerank { query, interactive, .. }, Role::Reranker) => {
            (Task::Pairs(shared.inputs.query(query)), *interactive)
        }
        (ModelRequest::MaxSim { query, words, interactive, .. }, Role::Embedding) if shared.is_encoder => {
            (Task::Late(shared.memory.clone(), shared.inputs.counting(query, words)), *interactive)
        }
        (ModelRequest::Limits { threads, .. }, _) => {
            // What people wait for is soon done and uses what it can get.
            lanes.bulk.limit(*threads as usize);
            return shared.wire.finish(&job, ModelReply::Limited);
        }
        (body, _) => {
            if matches!(body, ModelRequest::Trim { .. }) {
                shared.memory.clear();
            }
            return shared.wire.finish(&job, small_or_invalid(body, shared.inputs.vocab()));
        }
    };
    let job = Arc::new(job);
    let work = match Work::new(job.clone(), task, shared.width) {
        Ok(work) => Arc::new(work),
        Err(error) => return shared.wire.finish(&job, ModelReply::Failed(error)),
    };
    if let Some(reply) = work.reply_to_nothing() {
        return shared.wire.finish(&job, reply);
    }
    // The few documents of a late interaction take longer, but others' texts come in between.
    if interactive && (work.is_late() || work.size() <= EXPRESS_BYTES) {
        lanes.express.push(work, false);
    } else {
        lanes.bulk.push(work, !interactive);
    }
}
