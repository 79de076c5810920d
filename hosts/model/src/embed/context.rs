//! A context that pools: batches of token sequences in, one vector each out.
//!
//! Owns: one `llama_context` with one thread. Must not know: texts, queues and wires.
//!
//! The safe wrapper gives no access to what happens between the operations of a step, where this
//! one rests or ends.
#![allow(unsafe_code)]

use super::turn::Turn;
use crate::context::pointer;
use crate::logs;
use crate::products::Products;
use crate::wire::Job;
use hob_engine::EngineError;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2 as sys;
use rustix::mm::{Advice, madvise};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

/// Most sequences in one batch.
pub const MOST_TEXTS: usize = 64;
/// llama.cpp's code for a step that the callback ended.
const ABORTED: i32 = 2;
/// From so many tokens on attention runs in tiles. Below, it is so much slower that a batch of
/// [`PADDED_FROM`] tokens gains by being filled up (on AVX-512: 60 tokens 19 ms, 64 tokens 10 ms).
const TILE: usize = 64;
const PADDED_FROM: usize = 40;
/// Smallest unit of memory that can be given back.
const PAGE: usize = 4096;

/// What becomes of a sequence's hidden states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// What the model's file says.
    Own,
    /// Their mean.
    Mean,
    /// The classification head's outputs.
    Rank,
    /// Nothing: every token's state comes out.
    Tokens,
}

/// How a context is set up.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Most tokens of a batch.
    pub tokens: usize,
    /// What comes out.
    pub pooling: Pooling,
}

/// What one step does besides computing. Read by llama.cpp's callback, on the thread that steps.
#[derive(Default)]
struct Watch {
    /// Rests while this is taken.
    gives_way: Option<Arc<Turn>>,
    /// Ends when this is cancelled.
    job: Option<Arc<Job>>,
}

/// A context with one thread.
pub struct Context<'m> {
    raw: NonNull<sys::llama_context>,
    watch: NonNull<Watch>,
    shape: Shape,
    /// Values that come out for each sequence.
    width: usize,
    vocabulary: usize,
    /// Encoders keep no keys and values.
    is_encoder: bool,
    /// Rows of unused scores whose memory was given back.
    given_back: usize,
    products: Option<Box<Products>>,
    _model: PhantomData<&'m LlamaModel>,
}

// SAFETY: llama.cpp ties a context to no thread; every use needs `&mut`. The watch holds nothing
// but `Arc`s of types that are `Send` and `Sync`.
unsafe impl Send for Context<'_> {}

impl<'m> Context<'m> {
    /// A context for `model` whose steps rest while `gives_way` is taken.
    pub fn new(model: &'m LlamaModel, shape: Shape, gives_way: Option<Arc<Turn>>) -> Result<Self, EngineError> {
        let watch = NonNull::from(Box::leak(Box::new(Watch { gives_way, job: None })));
        let mut params = params(shape, watch);
        let products = Products::attach(&mut params);
        // SAFETY: the model outlives the context by the lifetime `'m`; the watch and the products are freed after it.
        let raw = unsafe { sys::llama_init_from_model(pointer(model), params) };
        let Some(raw) = NonNull::new(raw) else {
            // SAFETY: made above and given to nobody.
            drop(unsafe { Box::from_raw(watch.as_ptr()) });
            let tokens = shape.tokens;
            return Err(EngineError::Inference(format!("no memory for an embedding context of {tokens} tokens")));
        };
        // SAFETY: model and context are valid; both calls only read.
        let (width, is_encoder) = unsafe {
            let width = match shape.pooling {
                Pooling::Rank => i64::from(sys::llama_model_n_cls_out(pointer(model))),
                _ => i64::from(sys::llama_model_n_embd_out(pointer(model))),
            };
            (width, sys::llama_get_memory(raw.as_ptr()).is_null())
        };
        let width = usize::try_from(width).unwrap_or(0);
        let vocabulary = usize::try_from(model.n_vocab()).unwrap_or(0);
        Ok(Self { raw, watch, shape, width, vocabulary, is_encoder, given_back: 0, products, _model: PhantomData })
    }

    /// Length of what comes out for each sequence.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether the model sees a text as a whole: every token's state then tells of the words before and after it.
    pub fn is_encoder(&self) -> bool {
        self.is_encoder
    }

    /// One vector of [`Context::width`] values per sequence (or per token, see [`Pooling::Tokens`]), one after another, or `None` when
    /// `job` was cancelled meanwhile. At most [`MOST_TEXTS`] sequences of at least one token, and
    /// [`Shape::tokens`] tokens together.
    pub fn step(&mut self, sequences: &[&[LlamaToken]], job: &Arc<Job>) -> Result<Option<Vec<f32>>, EngineError> {
        let mut input = Input::new(sequences);
        if input.len() > self.shape.tokens || sequences.len() > MOST_TEXTS || sequences.iter().any(|s| s.is_empty()) {
            return Err(failed(&format!("a batch of {} tokens does not fit", input.len())));
        }
        if self.is_encoder && (PADDED_FROM..TILE).contains(&input.len()) && sequences.len() < MOST_TEXTS {
            input.pad(TILE.min(self.shape.tokens), sequences[0][0], sequences.len());
        }
        self.watch(Some(job.clone()));
        if let Some(products) = &self.products {
            products.begin();
        }
        // SAFETY: the batch points into `input`, which outlives it; llama.cpp checks the range of
        // the tokens. The context's memory is touched by nobody else.
        let code = unsafe {
            if !self.is_encoder {
                sys::llama_memory_clear(sys::llama_get_memory(self.raw.as_ptr()), false);
            }
            sys::llama_decode(self.raw.as_ptr(), input.batch())
        };
        self.watch(None);
        self.give_back_scores(input.len());
        match code {
            0 if self.shape.pooling == Pooling::Tokens => {
                self.of_tokens(sequences.iter().map(|tokens| tokens.len()).sum()).map(Some)
            }
            0 => self.pooled(sequences.len()).map(Some),
            ABORTED => Ok(None),
            code => {
                let why = logs::take_last_error().unwrap_or_else(|| "no reason given".into());
                Err(failed(&format!("{why} (code {code})")))
            }
        }
    }

    fn pooled(&mut self, sequences: usize) -> Result<Vec<f32>, EngineError> {
        let mut out = Vec::with_capacity(sequences * self.width);
        for sequence in 0..sequences {
            // SAFETY: null, or `width` values that stay until the next step, which needs `&mut`.
            let values = unsafe {
                let values = sys::llama_get_embeddings_seq(self.raw.as_ptr(), sequence as i32);
                if values.is_null() {
                    return Err(failed("the model gives no vector for a text"));
                }
                std::slice::from_raw_parts(values, self.width)
            };
            out.extend_from_slice(values);
        }
        Ok(out)
    }

    fn of_tokens(&mut self, tokens: usize) -> Result<Vec<f32>, EngineError> {
        let mut out = Vec::with_capacity(tokens * self.width);
        for token in 0..tokens {
            // SAFETY: null, or `width` values that stay until the next step, which needs `&mut`.
            let values = unsafe {
                let values = sys::llama_get_embeddings_ith(self.raw.as_ptr(), token as i32);
                if values.is_null() {
                    return Err(failed("the model gives no vector for a token"));
                }
                std::slice::from_raw_parts(values, self.width)
            };
            out.extend_from_slice(values);
        }
        Ok(out)
    }

    fn watch(&mut self, job: Option<Arc<Job>>) {
        // SAFETY: made in `new`, freed in `drop`; read by the callback only during a step, and a
        // step borrows `self` mutably.
        unsafe { (*self.watch.as_ptr()).job = job }
    }

    /// llama.cpp sets aside the scores of every token of the vocabulary for every token of the
    /// largest batch, as zeros, and an encoder never writes any: 31 MB for 256 tokens of a small
    /// vocabulary. The memory goes back to the kernel, which gives zeros again if it is ever read.
    fn give_back_scores(&mut self, tokens: usize) {
        let rows = tokens.max(MOST_TEXTS);
        if rows <= self.given_back || !self.is_encoder {
            return;
        }
        self.given_back = rows;
        // SAFETY: null or the start of `vocabulary * rows` values that belong to this context.
        let from = unsafe { sys::llama_get_logits(self.raw.as_ptr()) } as usize;
        let bytes = self.vocabulary * rows * size_of::<f32>();
        let (start, end) = (from.next_multiple_of(PAGE), (from + bytes) & !(PAGE - 1));
        if from == 0 || start >= end {
            return;
        }
        // SAFETY: whole pages of memory that the allocator gave to this context, which holds
        // nothing but zeros in them; private and anonymous memory reads as zeros afterwards.
        let given = unsafe { madvise(start as *mut c_void, end - start, Advice::LinuxDontNeed) };
        if let Err(error) = given {
            tracing::debug!(%error, "memory of unused scores could not be given back");
        }
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // SAFETY: both were made in `new` and are freed once, the context before the model (`'m`)
        // and before the watch that its callback reads.
        unsafe {
            sys::llama_free(self.raw.as_ptr());
            drop(Box::from_raw(self.watch.as_ptr()));
        }
    }
}

/// One thread, one step at a time, `watch` asked in between.
fn params(shape: Shape, watch: NonNull<Watch>) -> sys::llama_context_params {
    // SAFETY: takes nothing and returns a plain value.
    let mut params = unsafe { sys::llama_context_default_params() };
    params.n_ctx = shape.tokens as u32;
    params.n_batch = shape.tokens as u32;
    params.n_ubatch = shape.tokens as u32;
    params.n_seq_max = MOST_TEXTS as u32;
    params.kv_unified = true;
    params.n_threads = 1;
    params.n_threads_batch = 1;
    params.embeddings = true;
    params.no_perf = true;
    params.pooling_type = match shape.pooling {
        Pooling::Own => sys::LLAMA_POOLING_TYPE_UNSPECIFIED,
        Pooling::Mean => sys::LLAMA_POOLING_TYPE_MEAN,
        Pooling::Rank => sys::LLAMA_POOLING_TYPE_RANK,
        Pooling::Tokens => sys::LLAMA_POOLING_TYPE_NONE,
    };
    params.abort_callback = Some(between_operations);
    params.abort_callback_data = watch.as_ptr().cast();
    params
}

/// Asked by llama.cpp after each operation of a step: whether to end it.
unsafe extern "C" fn between_operations(data: *mut c_void) -> bool {
    // SAFETY: `Context::new` passed a `Watch` that outlives the context and that nobody changes
    // during a step.
    let watch = unsafe { &*data.cast::<Watch>() };
    if let Some(turn) = &watch.gives_way {
        turn.give_way();
    }
    watch.job.as_ref().is_some_and(|job| job.is_cancelled())
}

/// A batch as llama.cpp reads it.
struct Input {
    tokens: Vec<sys::llama_token>,
    positions: Vec<sys::llama_pos>,
    counts: Vec<i32>,
    sequences: Vec<sys::llama_seq_id>,
    pointers: Vec<*mut sys::llama_seq_id>,
    outputs: Vec<i8>,
}

impl Input {
    fn new(sequences: &[&[LlamaToken]]) -> Self {
        let tokens = sequences.iter().flat_map(|tokens| tokens.iter().map(|token| token.0)).collect();
        let positions = sequences.iter().flat_map(|tokens| 0..tokens.len() as i32).collect();
        let of = |(at, tokens): (usize, &&[LlamaToken])| std::iter::repeat_n(at as i32, tokens.len());
        let sequences = sequences.iter().enumerate().flat_map(of).collect();
        Self { tokens, positions, sequences, counts: Vec::new(), pointers: Vec::new(), outputs: Vec::new() }
    }

    fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Fills up to `len` tokens with a sequence that nobody reads.
    fn pad(&mut self, len: usize, token: LlamaToken, sequence: usize) {
        let more = len.saturating_sub(self.len());
        self.tokens.extend(std::iter::repeat_n(token.0, more));
        self.positions.extend(0..more as i32);
        self.sequences.extend(std::iter::repeat_n(sequence as i32, more));
    }

    /// Points into `self`.
    fn batch(&mut self) -> sys::llama_batch {
        let len = self.len();
        self.counts = vec![1; len];
        self.outputs = vec![1; len];
        self.pointers = self.sequences.iter_mut().map(std::ptr::from_mut).collect();
        sys::llama_batch {
            n_tokens: len as i32,
            token: self.tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: self.positions.as_mut_ptr(),
            n_seq_id: self.counts.as_mut_ptr(),
            seq_id: self.pointers.as_mut_ptr(),
            logits: self.outputs.as_mut_ptr(),
        }
    }
}

fn failed(reason: &str) -> EngineError {
    EngineError::Inference(format!("an embedding failed: {reason}"))
}
