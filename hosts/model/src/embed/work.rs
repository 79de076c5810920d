//! A request under way: which of its texts are still to do, and what came out so far.
//!
//! Owns: the packing of texts into batches, and the reply. Must not know: threads, and who goes
//! before whom.

use super::context::MOST_TEXTS;
use super::input::{Inputs, Query};
use super::late::{Memory, Tokens};
use crate::wire::{Job, cancelled};
use hob_engine::{EngineError, ModelReply, ModelRequest};
use llama_cpp_2::token::LlamaToken;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Fewest tokens that a batch is made small for; below, a token takes longer.
const LEAST_TOKENS: usize = 64;
/// Most bytes of one reply, a little under what a frame of the wire takes.
const MOST_BYTES: usize = 60 << 20;
/// Most documents of one request for late interaction: their token vectors are held until it ends.
const MOST_DOCUMENTS: usize = 64;
/// Bytes of a text that count for its length; what is beyond is cut anyway.
const COUNTED: usize = 4096;
/// What a text counts for besides its bytes: its marks.
const EACH: usize = 8;

/// What is made of the texts.
pub enum Task {
    /// A vector of each.
    Vectors,
    /// A score of each with this query, by a classification head.
    Pairs(Query),
    /// A score of all but the first, which is the query, by their token vectors; some are remembered. With the
    /// query's tokens that count.
    Late(Arc<Memory>, Vec<bool>),
}

/// A request under way.
pub struct Work {
    job: Arc<Job>,
    task: Task,
    /// Values that come out for each text, or for each token of one.
    width: usize,
    /// What a text counts for besides its own bytes.
    each: usize,
    /// No text is left to be taken.
    spent: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The texts, longest first: those of one batch are then alike, and the last batches short.
    order: Vec<usize>,
    next: usize,
    /// A text that did not fit the batch before.
    spare: Option<(usize, Vec<LlamaToken>)>,
    /// Bytes of the texts that are left, and bytes and tokens of those that were taken.
    bytes_left: usize,
    bytes: usize,
    tokens: usize,
    /// Texts without a result.
    missing: usize,
    values: Vec<f32>,
    /// Of late interaction: each text's.
    tokens_of: Vec<Option<Arc<Tokens>>>,
    /// The reply is on its way.
    over: bool,
}

/// Texts that go through the model together.
#[derive(Default)]
pub struct Batch {
    texts: Vec<usize>,
    tokens: Vec<Vec<LlamaToken>>,
}

impl Batch {
    /// The tokens of each text.
    pub fn sequences(&self) -> Vec<&[LlamaToken]> {
        self.tokens.iter().map(Vec::as_slice).collect()
    }

    fn len(&self) -> usize {
        self.tokens.iter().map(Vec::len).sum()
    }
}

impl Work {
    /// The work that `job` asks for. `width` values come out for each text, or for each token of one.
    pub fn new(job: Arc<Job>, task: Task, width: usize) -> Result<Self, EngineError> {
        let count = texts(&job.body).count();
        let most = match task {
            Task::Late(..) => MOST_DOCUMENTS + 1,
            _ => MOST_BYTES / (width * size_of::<f32>()).max(1),
        };
        if count > most {
            let message = format!("{count} texts are too many for one request; send at most {most} at once");
            return Err(EngineError::InvalidArgument(message));
        }
        let each = EACH + if let Task::Pairs(query) = &task { query.bytes() } else { 0 };
        let tokens_of: Vec<Option<Arc<Tokens>>> = match &task {
            Task::Late(memory, _) => texts(&job.body).map(|text| memory.get(text)).collect(),
            _ => Vec::new(),
        };
        let all: Vec<&str> = texts(&job.body).collect();
        let is_known = |at: &usize| tokens_of.get(*at).is_some_and(Option::is_some);
        let mut order: Vec<usize> = (0..count).filter(|at| !is_known(at)).collect();
        order.sort_by_key(|at| std::cmp::Reverse(counted(all[*at])));
        let bytes_left = order.iter().map(|at| counted(all[*at]) + each).sum();
        let spent = AtomicBool::new(order.is_empty());
        let state = State { missing: order.len(), order, bytes_left, tokens_of, ..State::default() };
        Ok(Self { task, width, each, spent, state: Mutex::new(state), job })
    }

    /// The request.
    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// How many texts it has.
    pub fn texts(&self) -> usize {
        texts(&self.job.body).count()
    }

    /// Whether token vectors are wanted, not pooled ones.
    pub fn is_late(&self) -> bool {
        matches!(self.task, Task::Late(..))
    }

    /// Bytes of the texts that are left, with something for each.
    pub fn size(&self) -> usize {
        self.lock().bytes_left
    }

    /// No text is left to be taken, though some may be under way.
    pub fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed)
    }

    /// The next batch of up to `most` tokens, or of one text; smaller towards the end, so that all
    /// of `threads` end together.
    pub fn take(&self, inputs: &Inputs<'_>, most: usize, threads: usize) -> Option<Batch> {
        let texts: Vec<&str> = texts(&self.job.body).collect();
        let mut state = self.lock();
        let most = state.share(threads).clamp(LEAST_TOKENS.min(most), most);
        let mut batch = Batch::default();
        while !state.over && batch.texts.len() < MOST_TEXTS {
            let (which, tokens) = match state.spare.take() {
                Some(spare) => spare,
                None => {
                    let Some(&which) = state.order.get(state.next) else { break };
                    let text = texts[which];
                    let tokens = match &self.task {
                        Task::Pairs(query) => inputs.pair(query, text),
                        Task::Vectors | Task::Late(..) => inputs.text(text),
                    };
                    state.took(counted(text) + self.each, tokens.len());
                    (which, tokens)
                }
            };
            if !batch.texts.is_empty() && batch.len() + tokens.len() > most {
                state.spare = Some((which, tokens));
                break;
            }
            batch.texts.push(which);
            batch.tokens.push(tokens);
        }
        let spent = state.over || (state.spare.is_none() && state.next == state.order.len());
        self.spent.store(spent, Ordering::Relaxed);
        (!batch.texts.is_empty()).then_some(batch)
    }

    /// Takes a batch's results, `None` when the request was cancelled meanwhile. Gives the reply
    /// when this was the last batch.
    pub fn give(&self, batch: &Batch, results: Result<Option<Vec<f32>>, EngineError>) -> Option<ModelReply> {
        let values = match results {
            Ok(Some(values)) => values,
            Ok(None) => return self.end(cancelled(&self.job.body)),
            Err(error) => return self.end(ModelReply::Failed(error)),
        };
        if let Task::Late(memory, _) = &self.task {
            return self.give_tokens(batch, &values, memory);
        }
        let mut rows = Vec::with_capacity(batch.texts.len());
        for (which, row) in batch.texts.iter().zip(values.chunks_exact(self.width.max(1))) {
            let Some(row) = self.result(row) else { return self.end(no_number()) };
            rows.push((*which, row));
        }
        let mut state = self.lock();
        if state.over {
            return None;
        }
        let each = self.result_width();
        let all = state.order.len() * each;
        state.values.resize(all, 0.0);
        for (which, row) in rows {
            state.values[which * each..(which + 1) * each].copy_from_slice(&row);
            state.missing -= 1;
        }
        if state.missing > 0 {
            return None;
        }
        let values = std::mem::take(&mut state.values);
        drop(state);
        self.end(self.reply(values))
    }

    /// The same for token vectors: a row for each token of each text.
    fn give_tokens(&self, batch: &Batch, values: &[f32], memory: &Memory) -> Option<ModelReply> {
        let texts: Vec<&str> = texts(&self.job.body).collect();
        let mut rest = values;
        let mut made = Vec::with_capacity(batch.texts.len());
        for (which, tokens) in batch.texts.iter().zip(&batch.tokens) {
            let (rows, others) = rest.split_at((tokens.len() * self.width).min(rest.len()));
            rest = others;
            let Some(tokens) = Tokens::of(rows, self.width) else { return self.end(no_number()) };
            let tokens = Arc::new(tokens);
            // A query is seldom asked twice.
            if *which > 0 {
                memory.put(texts[*which], tokens.clone());
            }
            made.push((*which, tokens));
        }
        let mut state = self.lock();
        if state.over {
            return None;
        }
        for (which, tokens) in made {
            state.tokens_of[which] = Some(tokens);
            state.missing -= 1;
        }
        if state.missing > 0 {
            return None;
        }
        let all = std::mem::take(&mut state.tokens_of);
        drop(state);
        self.end(ModelReply::Scores(self.scores(&all)))
    }

    /// The reply to a request that leaves nothing to compute.
    pub fn reply_to_nothing(&self) -> Option<ModelReply> {
        let state = self.lock();
        if !state.order.is_empty() {
            return None;
        }
        let reply =
            if self.is_late() { ModelReply::Scores(self.scores(&state.tokens_of)) } else { self.reply(Vec::new()) };
        drop(state);
        self.end(reply)
    }

    /// Ends the request with `reply`, unless it has ended.
    pub fn end(&self, reply: ModelReply) -> Option<ModelReply> {
        let mut state = self.lock();
        self.spent.store(true, Ordering::Relaxed);
        (!std::mem::replace(&mut state.over, true)).then_some(reply)
    }

    fn reply(&self, values: Vec<f32>) -> ModelReply {
        match self.task {
            Task::Vectors => ModelReply::Vectors { dim: self.width as u32, values },
            Task::Pairs(_) | Task::Late(..) => ModelReply::Scores(values),
        }
    }

    /// The first text against each of the others, by token vectors.
    fn scores(&self, tokens_of: &[Option<Arc<Tokens>>]) -> Vec<f32> {
        let (Task::Late(_, count), Some((Some(query), documents))) = (&self.task, tokens_of.split_first()) else {
            return vec![0.0; tokens_of.len().max(1) - 1];
        };
        let score = |document: &Option<Arc<Tokens>>| document.as_ref().map_or(0.0, |d| query.max_sim(d, count));
        documents.iter().map(score).collect()
    }

    /// A vector at length one, or the first output of a classification head.
    fn result(&self, row: &[f32]) -> Option<Vec<f32>> {
        match self.task {
            Task::Pairs(_) => row.first().filter(|score| score.is_finite()).map(|score| vec![*score]),
            Task::Vectors | Task::Late(..) => unit(row),
        }
    }

    fn result_width(&self) -> usize {
        if matches!(self.task, Task::Pairs(_)) { 1 } else { self.width }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn took(&mut self, bytes: usize, tokens: usize) {
        self.next += 1;
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.bytes += bytes;
        self.tokens += tokens;
    }

    /// Half of what each of `threads` would get of the tokens that are left, as far as bytes tell.
    fn share(&self, threads: usize) -> usize {
        // Four bytes a token until something is known.
        let (tokens, bytes) = if self.bytes == 0 { (1, 4) } else { (self.tokens, self.bytes) };
        let left = self.bytes_left.saturating_mul(tokens) / bytes;
        let spare = self.spare.as_ref().map_or(0, |(_, tokens)| tokens.len());
        (left + spare).div_ceil(2 * threads.max(1))
    }
}

/// What a request wants to have embedded or scored; of late interaction the query comes first.
fn texts(body: &ModelRequest) -> impl Iterator<Item = &str> {
    let (first, rest): (Option<&String>, &[String]) = match body {
        ModelRequest::Embed { texts, .. } => (None, texts),
        ModelRequest::Rerank { documents, .. } => (None, documents),
        ModelRequest::MaxSim { query, documents, .. } => (Some(query), documents),
        _ => (None, &[]),
    };
    first.into_iter().chain(rest).map(String::as_str)
}

fn no_number() -> ModelReply {
    ModelReply::Failed(EngineError::Inference(
        "an embedding failed: the model gives something that is no number".into(),
    ))
}

fn counted(text: &str) -> usize {
    text.len().min(COUNTED)
}

/// The vector at length one; all zeros stay zeros.
fn unit(vector: &[f32]) -> Option<Vec<f32>> {
    let length = vector.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
    if !length.is_finite() {
        return None;
    }
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    Some(vector.iter().map(|v| (f64::from(*v) * scale) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_get_length_one() {
        assert_eq!(unit(&[3.0, 4.0]), Some(vec![0.6, 0.8]));
        assert_eq!(unit(&[0.0, 0.0]), Some(vec![0.0, 0.0]));
        assert_eq!(unit(&[f32::NAN, 1.0]), None);
    }

    #[test]
    fn batches_get_smaller_towards_the_end() {
        let mut state = State { bytes_left: 8_000, ..State::default() };
        assert_eq!(state.share(2), 500);
        state.took(4_000, 2_000);
        assert_eq!(state.share(2), 500);
        state.took(4_000, 2_000);
        assert_eq!(state.share(2), 0);
        state.spare = Some((0, vec![LlamaToken(1); 10]));
        assert_eq!(state.share(2), 3);
    }
}
