//! One answer under way.
//!
//! Owns: its tokens, how the next one is chosen, why it ends, what it took. Must not know: other answers, the context,
//! wires.

use crate::drafts::Drafts;
use crate::guide::Guide;
use crate::lanes::Place;
use crate::marked::Marked;
use crate::output::Output;
use crate::prompt;
use crate::sampling::{Sampler, logprobs};
use crate::schedule::Request;
use crate::sequences::Keep;
use crate::wire::Job;
use hob_engine::{EngineError, Finish, GenerateSpec, Persist, TokenLogprob, Usage};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use std::time::Instant;

/// Most alternatives that are reported for a token.
const MOST_ALTERNATIVES: u8 = 20;

/// A prompt, ready to be evaluated.
pub struct Prompt {
    /// All of it.
    pub tokens: Vec<LlamaToken>,
    /// So many leading tokens are the system message and the tools.
    pub system: usize,
}

/// A request that has been started.
pub struct Run {
    /// Where it came from.
    pub job: Job,
    /// Its rank among others.
    pub request: Request,
    /// The sequence it has; `None` while it had to leave the context.
    pub place: Option<Place>,
    /// The adapter it uses; 0 is none.
    pub adapter: usize,
    /// The prompt and the answer so far.
    pub tokens: Vec<LlamaToken>,
    /// The answer's text on its way out.
    pub output: Output,
    /// What it took so far.
    pub usage: Usage,
    /// It rests because somebody waits who goes first.
    pub rests: bool,
    /// It waits until another has read the beginning that both have in common.
    pub follows: bool,
    prompt: usize,
    keep: Keep,
    most: u32,
    length: usize,
    began: Instant,
    sampler: Sampler,
    /// What the answer must look like.
    pub guide: Guide,
    drafts: Drafts,
    alternatives: Option<u8>,
    logprobs: Vec<TokenLogprob>,
}

/// What an answer is made with, besides its prompt.
pub struct Means {
    /// What the answer must look like.
    pub guide: Guide,
    /// Where its text goes.
    pub output: Output,
    /// The adapter it uses; 0 is none.
    pub adapter: usize,
    /// Tokens that prompt and answer may have together.
    pub length: usize,
    /// One more token of a step costs little.
    pub is_cheap: bool,
}

impl Run {
    /// Starts a request whose prompt is known.
    pub fn new(
        job: Job,
        request: Request,
        spec: &GenerateSpec,
        prompt: Prompt,
        means: Means,
    ) -> Result<Self, EngineError> {
        if prompt.tokens.len() >= means.length {
            let (tokens, limit) = (prompt.tokens.len() as u32, means.length as u32);
            return Err(EngineError::TooLong { tokens, limit });
        }
        let alternatives = spec.logprobs;
        if let Some(many) = alternatives.filter(|n| *n > MOST_ALTERNATIVES) {
            let reason = format!("{many} alternatives for each token are over the limit of {MOST_ALTERNATIVES}");
            return Err(EngineError::InvalidArgument(reason));
        }
        let began = Instant::now();
        let usage = Usage {
            prompt_tokens: prompt.tokens.len() as u32,
            queued_ms: began.duration_since(job.received).as_millis() as u32,
            ..Usage::default()
        };
        Ok(Self {
            request,
            place: None,
            adapter: means.adapter,
            output: means.output,
            usage,
            rests: false,
            follows: false,
            prompt: prompt.tokens.len(),
            keep: keep(spec.persist, prompt.system),
            tokens: prompt.tokens,
            most: spec.max_tokens,
            length: means.length,
            began,
            sampler: Sampler::new(spec)?,
            guide: means.guide,
            drafts: Drafts::new(
                means.is_cheap,
                spec.schema.as_deref().is_some_and(|schema| schema.contains("\"x-copy\"")),
            ),
            alternatives,
            logprobs: Vec::new(),
            job,
        })
    }

    /// How many leading tokens may be taken from earlier requests: all but the last two, because the last one's
    /// scores choose the first token of the answer, and because a step of one token gives slightly other scores than
    /// the same token in a larger step. So an answer does not depend on what was in memory.
    pub fn reusable(&self) -> usize {
        let written = self.tokens.len() > self.prompt;
        self.tokens.len().saturating_sub(if written { 1 } else { 2 })
    }

    /// Nothing of the answer is there yet.
    pub fn is_prompt(&self) -> bool {
        self.tokens.len() == self.prompt
    }

    /// The most tokens that prompt and answer may have in the end.
    pub fn longest(&self) -> usize {
        let left = self.most.saturating_sub(self.usage.completion_tokens);
        let left = if self.most == 0 { self.length } else { left as usize };
        self.tokens.len().saturating_add(left).min(self.length)
    }

    /// What probably follows, `most` tokens at most: worth evaluating along with the tokens that are known, one if it is
    /// `alone`.
    pub fn guesses(&mut self, alone: bool, most: usize) -> Vec<LlamaToken> {
        // After the last one that may come nothing is chosen.
        let left = self.longest().saturating_sub(self.tokens.len() + 1);
        if self.is_prompt() { Vec::new() } else { self.drafts.next(&self.tokens, alone, most.min(left)) }
    }

    /// What is worth keeping of it.
    pub fn keep(&self) -> Keep {
        self.keep
    }

    /// Chooses the next token by the scores that follow the last one. `Some`: the answer is over.
    pub fn choose(
        &mut self,
        vocab: &LlamaVocab<'_>,
        marked: &Marked,
        scores: &[f32],
    ) -> Result<Option<Finish>, EngineError> {
        if self.is_prompt() {
            self.usage.first_token_ms = self.job.received.elapsed().as_millis() as u32;
            self.usage.prompt_ms = self.began.elapsed().as_millis() as u32;
        }
        let thinks = self.output.in_reasoning();
        if !thinks && let Some((text, tokens)) = self.guide.opening() {
            self.output.push(text.as_bytes());
            self.usage.completion_tokens += tokens.len() as u32;
            self.tokens.extend(tokens);
            return Ok(None);
        }
        let token = self.next(scores, thinks)?;
        self.drafts.learn(token);
        if marked.ends(vocab, token) {
            return Ok(Some(Finish::Stop));
        }
        self.report(vocab, scores, token);
        let over = self.write(vocab, marked, &[token], thinks);
        // What must follow anyway needs no scores.
        if over.is_none() && !thinks && self.alternatives.is_none() {
            let forced = self.guide.constraint().map(|constraint| constraint.forced(vocab)).transpose()?;
            return Ok(forced.and_then(|tokens| self.write(vocab, marked, &tokens, thinks)));
        }
        Ok(over)
    }

    /// The token that follows, by the scores and whatever constrains it.
    fn next(&mut self, scores: &[f32], thinks: bool) -> Result<LlamaToken, EngineError> {
        let opener = self.guide.opener();
        let constraint = self.guide.constraint().filter(|_| !thinks);
        self.sampler.penalise(constraint.is_none());
        let free = |sampler: &mut Sampler| sampler.choose_any(scores);
        match constraint {
            None => free(&mut self.sampler),
            Some(constraint) => match opener {
                // An answer that must follow a schema may be a call of a tool instead.
                Some(opener) if free(&mut self.sampler)? == opener => Ok(opener),
                _ => constraint.choose(&mut self.sampler, scores),
            },
        }
    }

    /// Makes tokens part of the answer. `Some`: the answer is over.
    fn write(
        &mut self,
        vocab: &LlamaVocab<'_>,
        marked: &Marked,
        tokens: &[LlamaToken],
        thinks: bool,
    ) -> Option<Finish> {
        for token in tokens {
            self.sampler.accept(*token);
            self.tokens.push(*token);
            self.usage.completion_tokens += 1;
            if self.output.push(&marked.bytes(vocab, *token)) {
                return Some(Finish::Stop);
            }
            if (self.most > 0 && self.usage.completion_tokens >= self.most) || self.tokens.len() > self.length {
                return Some(Finish::Length);
            }
        }
        let complete = !thinks && tokens.last().is_some_and(|token| self.guide.wrote(*token));
        complete.then_some(Finish::Stop)
    }

    /// The end: what it took, and what was asked to be reported.
    pub fn account(&mut self) -> (Usage, Vec<TokenLogprob>) {
        self.usage.total_ms = self.job.received.elapsed().as_millis() as u32;
        (self.usage, std::mem::take(&mut self.logprobs))
    }

    fn report(&mut self, vocab: &LlamaVocab<'_>, scores: &[f32], token: LlamaToken) {
        let Some(alternatives) = self.alternatives else { return };
        let text = |token| prompt::piece_of(vocab, token);
        let (logprob, top) = logprobs(scores, token, usize::from(alternatives));
        let top = top.into_iter().map(|(id, logprob)| (text(LlamaToken(id as i32)), logprob)).collect();
        self.logprobs.push(TokenLogprob { text: text(token), logprob, top });
    }
}

fn keep(persist: Persist, system: usize) -> Keep {
    match persist {
        Persist::Nothing => Keep { tokens: usize::MAX, on_disk: false },
        Persist::System => Keep { tokens: system, on_disk: true },
        Persist::Conversation => Keep { tokens: usize::MAX, on_disk: true },
    }
}
