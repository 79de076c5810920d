//! Embeddings: texts in, unit vectors out.
//!
//! Owns: the contexts of an embedding model, one thread each, and the packing of texts into
//! batches. Must not know: queues and wires.

use crate::loaded::Loaded;
use crate::prompt::without_nul;
use hob_engine::{EngineError, Role};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{LlamaContextParams, LlamaPoolingType};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use std::collections::VecDeque;
use std::num::NonZeroU32;

/// Several contexts with one thread each beat one with several threads; beyond four the memory
/// bus is the limit.
const MOST_CONTEXTS: u32 = 4;
/// Most texts in one batch.
const MOST_TEXTS: usize = 64;
/// Bytes of a text that are looked at, per token of the limit; what is beyond is cut anyway.
const BYTES_PER_TOKEN: usize = 64;

/// An embedding model ready to work.
pub struct Embedder<'m> {
    vocab: LlamaVocab<'m>,
    contexts: Vec<LlamaContext<'m>>,
    /// Most tokens of a text and of a batch.
    limit: usize,
    dim: usize,
}

/// A request under way: what is still to do and what is done.
pub struct Plan {
    batches: VecDeque<Batch>,
    dim: usize,
    values: Vec<f32>,
}

/// Texts that go through the model together.
struct Batch {
    /// Which text of the request, and its tokens.
    texts: Vec<(usize, Vec<LlamaToken>)>,
    tokens: usize,
}

/// Which text of the request, and its vector.
type Embedded = (usize, Vec<f32>);

impl Plan {
    /// All texts are embedded.
    pub fn is_done(&self) -> bool {
        self.batches.is_empty()
    }

    /// The vectors in the order of the texts, and the length of one.
    pub fn into_vectors(self) -> (u32, Vec<f32>) {
        (self.dim as u32, self.values)
    }
}

impl<'m> Embedder<'m> {
    /// Sets up the contexts.
    pub fn new(backend: &LlamaBackend, loaded: &'m Loaded) -> Result<Self, EngineError> {
        let limit = loaded.context;
        let wanted = loaded.threads.clamp(1, MOST_CONTEXTS);
        let contexts: Result<Vec<_>, _> = (0..wanted)
            .map(|_| {
                let mut params = LlamaContextParams::default()
                    .with_embeddings(true)
                    .with_n_ctx(NonZeroU32::new(limit))
                    .with_n_batch(limit)
                    .with_n_ubatch(limit)
                    .with_n_seq_max(MOST_TEXTS as u32)
                    .with_kv_unified(true)
                    .with_n_threads(1)
                    .with_n_threads_batch(1);
                // A model that names no pooling gets the usual one.
                if loaded.header.role != Role::Embedding {
                    params = params.with_pooling_type(LlamaPoolingType::Mean);
                }
                loaded.model.new_context(backend, params)
            })
            .collect();
        let contexts = contexts.map_err(|_| EngineError::Inference("no memory for an embedding context".into()))?;
        let dim = usize::try_from(loaded.model.n_embd_out()).unwrap_or(0);
        Ok(Self { vocab: loaded.model.vocab(), contexts, limit: limit as usize, dim })
    }

    /// The model's vocabulary.
    pub fn vocab(&self) -> &LlamaVocab<'m> {
        &self.vocab
    }

    /// Tokenizes the texts and packs them, longest first.
    pub fn plan(&self, texts: &[String]) -> Plan {
        let mut tokenized: Vec<_> = texts.iter().map(|text| self.tokens(text)).enumerate().collect();
        tokenized.sort_by_key(|(_, tokens)| std::cmp::Reverse(tokens.len()));
        let mut batches: VecDeque<Batch> = VecDeque::new();
        for (which, tokens) in tokenized {
            let fits = |b: &&mut Batch| b.tokens + tokens.len() <= self.limit && b.texts.len() < MOST_TEXTS;
            match batches.back_mut().filter(fits) {
                Some(batch) => {
                    batch.tokens += tokens.len();
                    batch.texts.push((which, tokens));
                }
                None => batches.push_back(Batch { tokens: tokens.len(), texts: vec![(which, tokens)] }),
            }
        }
        Plan { batches, dim: self.dim, values: vec![0.0; texts.len() * self.dim] }
    }

    /// Does the next batch on every context: about a tenth of a second at most.
    pub fn step(&mut self, plan: &mut Plan) -> Result<(), EngineError> {
        let many = self.contexts.len().min(plan.batches.len());
        let next: Vec<Batch> = plan.batches.drain(..many).collect();
        let dim = self.dim;
        let done: Vec<Result<Vec<Embedded>, EngineError>> = match next.as_slice() {
            [one] => vec![encode(&mut self.contexts[0], one, dim)],
            several => std::thread::scope(|scope| {
                let running: Vec<_> = self
                    .contexts
                    .iter_mut()
                    .zip(several)
                    .map(|(context, batch)| scope.spawn(move || encode(context, batch, dim)))
                    .collect();
                let died = |_| Err(EngineError::Inference("an embedding thread panicked".into()));
                running.into_iter().map(|thread| thread.join().unwrap_or_else(died)).collect()
            }),
        };
        for batch in done {
            for (which, vector) in batch? {
                plan.values[which * dim..(which + 1) * dim].copy_from_slice(&vector);
            }
        }
        Ok(())
    }

    /// A text as the model wants it, at most as long as its context. The token that ends every text
    /// (`[SEP]` or end of text) stays in place when the text is cut.
    fn tokens(&self, text: &str) -> Vec<LlamaToken> {
        let text = without_nul(text);
        let text = text.trim();
        let most = (self.limit * BYTES_PER_TOKEN).min(text.len());
        let cut = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let mut tokens = self.vocab.tokenize(&text.as_bytes()[..cut], true, false);
        if tokens.len() > self.limit {
            let last = tokens[tokens.len() - 1];
            tokens.truncate(self.limit);
            if last == self.vocab.sep() || last == self.vocab.eos() {
                tokens[self.limit - 1] = last;
            }
        }
        if tokens.is_empty() {
            // A model without marks around texts has no tokens for an empty one.
            tokens.push([self.vocab.eos(), self.vocab.bos()].into_iter().find(|t| t.0 >= 0).unwrap_or(LlamaToken(0)));
        }
        tokens
    }
}

fn encode(context: &mut LlamaContext<'_>, batch: &Batch, dim: usize) -> Result<Vec<Embedded>, EngineError> {
    let failed = |reason: String| EngineError::Inference(format!("an embedding failed: {reason}"));
    let mut input = LlamaBatch::new(batch.tokens, 1);
    for (sequence, (_, tokens)) in batch.texts.iter().enumerate() {
        for (position, token) in tokens.iter().enumerate() {
            input.add(*token, position as i32, &[sequence as i32], true).map_err(|e| failed(e.to_string()))?;
        }
    }
    // Decoder models keep keys and values; encoders have nothing to clear.
    context.clear_kv_cache();
    context.decode(&mut input).map_err(|e| failed(e.to_string()))?;
    let mut out = Vec::with_capacity(batch.texts.len());
    for (sequence, (which, _)) in batch.texts.iter().enumerate() {
        let vector = context.embeddings_seq_ith(sequence as i32).map_err(|e| failed(e.to_string()))?;
        if vector.len() != dim {
            return Err(failed(format!("it has {} values instead of {dim}", vector.len())));
        }
        out.push((*which, unit(vector).ok_or_else(|| failed("it is not a number".into()))?));
    }
    Ok(out)
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
}
