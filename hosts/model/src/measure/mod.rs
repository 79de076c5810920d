//! Measurements of a model that nobody else uses, and its quantization.
//!
//! Owns: a process for itself, so that what is measured is not what others do to it. Must not know: what the
//! texts and questions are, how results are shown.

mod evaluation;
mod quantize;
mod speed;

use crate::context::{Context, Item, Shape, Step};
use crate::loaded::Loaded;
use crate::pool::Waiting;
use crate::wire::{Job, Wire};
use hob_engine::measure::{MeasureSpec, Measured, Measurement};
use hob_engine::{EngineError, ModelReply, Role};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::token::LlamaToken;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

/// Tokens of a step.
const STEP: usize = 256;

/// Runs a measurement to its end.
pub fn run(backend: &LlamaBackend, spec: &MeasureSpec, job: &Job, wire: &Arc<Wire>) -> Result<Measured, EngineError> {
    let progress = Progress { job, wire, told: Cell::new(-1.0) };
    if let Measurement::Quantize { to, format, requantize } = &spec.what {
        return quantize::run(&spec.load, to, format, *requantize, &progress);
    }
    if spec.load.role != Role::Chat {
        return Err(EngineError::InvalidArgument("only models that generate text can be measured so far".into()));
    }
    let started = Instant::now();
    let loaded = Loaded::open(backend, &spec.load, |_| true)?;
    let load_ms = started.elapsed().as_millis() as u64;
    let mut bench = Bench::new(&loaded, wire)?;
    match &spec.what {
        Measurement::Speed { prompt_tokens, answer_tokens, rounds } => {
            speed::run(&mut bench, (*prompt_tokens, *answer_tokens, *rounds), load_ms, &progress)
        }
        Measurement::Perplexity { text, window } => evaluation::perplexity(&mut bench, text, *window, &progress),
        Measurement::Choices(questions) => evaluation::choices(&mut bench, questions, &progress),
        Measurement::Quantize { .. } => Err(EngineError::Inference("quantizing loads no model".into())),
    }
}

/// Tells how far it is, and whether to go on.
struct Progress<'a> {
    job: &'a Job,
    wire: &'a Wire,
    told: Cell<f32>,
}

impl Progress<'_> {
    fn tell(&self, share: f64) -> Result<(), EngineError> {
        if self.job.is_cancelled() {
            return Err(EngineError::Inference("the request was cancelled".into()));
        }
        let share = share.clamp(0.0, 1.0) as f32;
        if share - self.told.get() >= 0.01 {
            self.told.set(share);
            self.wire.send(self.job, ModelReply::Progress(share));
        }
        Ok(())
    }
}

/// A model with one sequence.
struct Bench<'m> {
    loaded: &'m Loaded,
    context: Context<'m>,
    /// What is in its memory.
    tokens: Vec<LlamaToken>,
}

impl<'m> Bench<'m> {
    fn new(loaded: &'m Loaded, wire: &Wire) -> Result<Self, EngineError> {
        let shape = Shape { length: loaded.context, step: STEP as u32, sequences: 1, threads: loaded.threads };
        let mut context = Context::new(&loaded.model, shape, wire.interrupt())?;
        context.set_threads(loaded.threads, Waiting::Looking)?;
        Ok(Self { loaded, context, tokens: Vec::new() })
    }

    /// Tokens of a text as the start of a document.
    fn tokens_of(&self, text: &str) -> Vec<LlamaToken> {
        let vocab = self.loaded.model.vocab();
        let bos = Some(vocab.bos()).filter(|_| vocab.should_add_bos());
        bos.into_iter().chain(crate::prompt::plain(&vocab, text)).collect()
    }

    /// Keeps the first `n` tokens, or none where the model can't take back a part.
    fn keep(&mut self, n: usize) {
        if n < self.tokens.len() {
            let kept = self.context.trim(0, n);
            self.tokens.truncate(if kept { n } else { 0 });
        }
    }

    /// Evaluates tokens after those that are there; calls `scored` with the place of each, from `first` on, and the
    /// scores of what follows it.
    fn evaluate(
        &mut self,
        tokens: &[LlamaToken],
        first: usize,
        mut scored: impl FnMut(usize, &[f32]),
    ) -> Result<(), EngineError> {
        if self.tokens.len() + tokens.len() > self.context.length() {
            let (tokens, limit) = ((self.tokens.len() + tokens.len()) as u32, self.context.length() as u32);
            return Err(EngineError::TooLong { tokens, limit });
        }
        for block in tokens.chunks(STEP) {
            let start = self.tokens.len();
            let item = |(at, token): (usize, &LlamaToken)| {
                let position = start + at;
                Item { seq: 0, token: *token, position, scored: position >= first }
            };
            let items: Vec<Item> = block.iter().enumerate().map(item).collect();
            match self.context.step(&items)? {
                Step::Done => {}
                Step::Interrupted => return Err(EngineError::Inference("the request was cancelled".into())),
                Step::NoRoom => return Err(EngineError::Inference("the context has no room left".into())),
            }
            self.tokens.extend_from_slice(block);
            for (at, item) in items.iter().enumerate().filter(|(_, item)| item.scored) {
                scored(item.position, self.context.scores(at));
            }
        }
        Ok(())
    }
}
