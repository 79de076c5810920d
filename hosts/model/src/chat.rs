//! Generation: a conversation in, an answer in pieces out.
//!
//! Owns: the context of a chat model and what its memory holds. Must not know: queues and wires.
//!
//! Invariant: `cached` lists exactly the tokens whose keys and values sequence 0 holds. After any
//! failure both are emptied.

use crate::context::{Context, Step};
use crate::grammar::{Constraint, Grammars, copied_from};
use crate::loaded::Loaded;
use crate::pieces::Pieces;
use crate::prompt::{self, Controls};
use crate::sampling::Sampler;
use crate::stops::Stops;
use crate::template::Template;
use crate::threads::{Threads, others_running};
use hob_engine::{EngineError, Finish, GenerateSpec, Usage};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Most tokens of the prompt read in one step: beyond this, larger steps gain nothing, and small
/// requests are served between steps.
const STEP: usize = 64;
/// Steps between trials of another number of threads.
const TRIALS_READING: u32 = 8;
const TRIALS_WRITING: u32 = 64;
/// Most bytes of a conversation; more can't fit any context and would take seconds to count.
const MOST_BYTES: usize = 8 << 20;

/// The other end of a running generation.
pub trait Listener {
    /// Set when the generation is to end.
    fn cancelled(&self) -> Arc<AtomicBool>;
    /// The next piece of the answer.
    fn piece(&mut self, text: String);
    /// Called between steps, for small things that should not wait.
    fn between(&mut self, vocab: &LlamaVocab<'_>);
}

/// A chat model ready to answer.
pub struct Chat<'m> {
    vocab: LlamaVocab<'m>,
    context: Context<'m>,
    template: Template,
    controls: Controls,
    grammars: Option<Grammars>,
    cached: Vec<LlamaToken>,
    reading: Threads,
    writing: Threads,
}

impl<'m> Chat<'m> {
    /// Sets up the context.
    pub fn new(loaded: &'m Loaded) -> Result<Self, EngineError> {
        let context = Context::new(&loaded.model, loaded.context, STEP as u32, loaded.threads)?;
        let vocab = loaded.model.vocab();
        let text = |token| prompt::text_of(&vocab, token).unwrap_or_default();
        let template = Template::new(loaded.header.chat_template.as_deref(), text(vocab.bos()), text(vocab.eos()));
        Ok(Self {
            controls: Controls::of(&vocab),
            context,
            vocab,
            template,
            grammars: None,
            cached: Vec::new(),
            reading: Threads::new(loaded.threads, TRIALS_READING),
            writing: Threads::new(loaded.threads, TRIALS_WRITING),
        })
    }

    /// The chat template is the model's own.
    pub fn has_own_template(&self) -> bool {
        self.template.is_own()
    }

    /// The model's vocabulary.
    pub fn vocab(&self) -> &LlamaVocab<'m> {
        &self.vocab
    }

    /// Answers a conversation.
    pub fn generate(
        &mut self,
        spec: &GenerateSpec,
        since: Instant,
        listener: &mut dyn Listener,
    ) -> Result<(Finish, Usage), EngineError> {
        check(spec)?;
        let sampler = Sampler::new(spec, self.vocab.n_tokens())?;
        let constraint = spec.schema.as_deref().map(|schema| self.constraint(schema, copied_from(spec))).transpose()?;
        let prompt = prompt::tokens(&self.vocab, &self.controls, &self.template, &spec.messages)?;
        let limit = self.context.length();
        if prompt.len() >= limit {
            return Err(EngineError::TooLong { tokens: prompt.len() as u32, limit: limit as u32 });
        }
        self.context.watch(listener.cancelled());
        let others = others_running();
        self.reading.begin(others);
        self.writing.begin(others);
        let answer = self.prefill(&prompt, listener).and_then(|reused| {
            let mut usage = Usage { prompt_tokens: prompt.len() as u32, ..Usage::default() };
            // `None`: cancelled before the prompt was read.
            let finish = match reused {
                None => Finish::Cancelled,
                Some(reused) => {
                    usage.cached_tokens = reused as u32;
                    let stops = spec.stop.iter().cloned().chain(self.template.stops().iter().map(ToString::to_string));
                    let answer = Answer { sampler, constraint, stops: Stops::new(stops.collect()), since, listener };
                    self.decode(answer, spec.max_tokens, &mut usage)?
                }
            };
            usage.total_ms = since.elapsed().as_millis() as u32;
            Ok((finish, usage))
        });
        if answer.is_err() {
            self.forget();
        }
        answer
    }

    /// Reads the prompt, except for what the last request left in memory. Returns how much that
    /// was, or `None` when cancelled.
    fn prefill(&mut self, prompt: &[LlamaToken], listener: &mut dyn Listener) -> Result<Option<usize>, EngineError> {
        // The end of the prompt is always read, because its scores choose the first token of the
        // answer; and as two tokens, because a step of one gives slightly other scores than the
        // same token in a larger step. So an answer does not depend on what was in memory.
        let most = prompt.len().saturating_sub(2);
        let same = prompt[..most].iter().zip(&self.cached).take_while(|(a, b)| a == b).count();
        let reused = self.context.keep(same);
        self.cached.truncate(reused);
        while self.cached.len() < prompt.len() {
            let from = self.cached.len();
            let mut to = prompt.len().min(from + STEP);
            if to + 1 == prompt.len() {
                to -= 1;
            }
            if self.read(&prompt[from..to])? == Step::Cancelled {
                return Ok(None);
            }
            listener.between(&self.vocab);
        }
        Ok(Some(reused))
    }

    /// Generates until something ends it.
    fn decode(&mut self, mut answer: Answer<'_>, most: u32, usage: &mut Usage) -> Result<Finish, EngineError> {
        let mut pieces = Pieces::default();
        let finish = loop {
            let token = answer.choose(self.context.scores())?;
            if usage.completion_tokens == 0 {
                usage.first_token_ms = answer.since.elapsed().as_millis() as u32;
            }
            if self.vocab.is_eog(token) {
                break Finish::Stop;
            }
            usage.completion_tokens += 1;
            let text = pieces.push(&self.vocab.token_to_piece(token, false, None));
            if answer.show(&text) || answer.is_complete() {
                break Finish::Stop;
            }
            if usage.completion_tokens == most || self.context.filled() == self.context.length() {
                break Finish::Length;
            }
            if self.read(&[token])? == Step::Cancelled {
                break Finish::Cancelled;
            }
            answer.listener.between(&self.vocab);
        };
        answer.end(finish, pieces.end());
        Ok(finish)
    }

    /// Adds tokens to the context; afterwards the last one's scores can be read.
    fn read(&mut self, tokens: &[LlamaToken]) -> Result<Step, EngineError> {
        let threads = if tokens.len() == 1 { &mut self.writing } else { &mut self.reading };
        self.context.set_threads(threads.next());
        let started = Instant::now();
        let step = self.context.step(tokens)?;
        match step {
            Step::Done => {
                threads.took(tokens.len(), started.elapsed());
                self.cached.extend_from_slice(tokens);
            }
            Step::Cancelled => self.cached.truncate(self.context.filled()),
        }
        Ok(step)
    }

    fn forget(&mut self) {
        self.context.clear();
        self.cached.clear();
    }

    fn constraint(&mut self, schema: &str, copy_from: &str) -> Result<Constraint, EngineError> {
        if self.grammars.is_none() {
            self.grammars = Some(Grammars::new(&self.vocab)?);
        }
        let grammars = self.grammars.as_ref();
        grammars
            .ok_or_else(|| EngineError::Inference("no vocabulary for schemas".into()))?
            .constraint(schema, copy_from)
    }
}

/// One answer under way.
struct Answer<'a> {
    sampler: Sampler,
    constraint: Option<Constraint>,
    stops: Stops,
    since: Instant,
    listener: &'a mut dyn Listener,
}

impl Answer<'_> {
    fn choose(&mut self, scores: &[f32]) -> Result<LlamaToken, EngineError> {
        let token = match &mut self.constraint {
            Some(constraint) => constraint.choose(&mut self.sampler, scores)?,
            None => self.sampler.choose((0..).zip(scores.iter().copied()))?,
        };
        self.sampler.accept(token);
        Ok(token)
    }

    /// Shows what can't be part of a stop text and says whether one came.
    fn show(&mut self, text: &str) -> bool {
        let (shown, stopped) = self.stops.push(text);
        if !shown.is_empty() {
            self.listener.piece(shown);
        }
        stopped
    }

    fn is_complete(&self) -> bool {
        self.constraint.as_ref().is_some_and(Constraint::is_complete)
    }

    /// Shows what was held back, unless nobody wants it.
    fn end(mut self, finish: Finish, rest: &str) {
        if finish == Finish::Cancelled || (!rest.is_empty() && self.show(rest)) {
            return;
        }
        let held = self.stops.end();
        if !held.is_empty() {
            self.listener.piece(held);
        }
    }
}

fn check(spec: &GenerateSpec) -> Result<(), EngineError> {
    let wrong = |reason: &str| Err(EngineError::InvalidArgument(reason.into()));
    if spec.messages.is_empty() {
        return wrong("there is no message to answer; give at least one");
    }
    if let Some(message) = spec.messages.iter().find(|m| !matches!(&*m.role, "system" | "user" | "assistant")) {
        let role: String = message.role.chars().take(32).collect();
        return wrong(&format!("a message has the role {role:?}; use system, user or assistant"));
    }
    let bytes: usize = spec.messages.iter().map(|m| m.content.len()).sum();
    if bytes > MOST_BYTES {
        return wrong(&format!("the conversation has {bytes} bytes, over {MOST_BYTES}; shorten it"));
    }
    Ok(())
}
