//! The context of a chat model, straight on llama.cpp.
//!
//! Owns: one `llama_context` with one sequence. Must not know: what the tokens mean.
//!
//! The safe wrapper gives no access to two things that matter on a busy machine: ending a step in
//! its middle, and changing the number of threads between steps. This module adds them and is the
//! only one here that calls llama.cpp directly.
#![allow(unsafe_code)]

use crate::logs;
use hob_engine::EngineError;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2 as sys;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// llama.cpp's codes for a step.
const DONE: i32 = 0;
const NO_ROOM: i32 = 1;
const ABORTED: i32 = 2;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The tokens are in memory, and the last one's scores can be read.
    Done,
    /// It was cancelled; none of its tokens are in memory.
    Cancelled,
}

/// A context with one sequence.
pub struct Context<'m> {
    raw: NonNull<sys::llama_context>,
    vocabulary: usize,
    length: usize,
    /// Tokens in memory.
    filled: usize,
    /// Read by llama.cpp during a step; swapped by the owner between steps.
    cancel: Box<Cancel>,
    _model: PhantomData<&'m LlamaModel>,
}

#[derive(Default)]
struct Cancel {
    flag: Arc<AtomicBool>,
}

impl<'m> Context<'m> {
    /// A context of `length` tokens whose steps take up to `step` tokens.
    pub fn new(model: &'m LlamaModel, length: u32, step: u32, threads: u32) -> Result<Self, EngineError> {
        let cancel = Box::<Cancel>::default();
        // SAFETY: takes nothing and returns a plain value.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_ctx = length;
        params.n_batch = step;
        params.n_ubatch = step;
        params.n_seq_max = 1;
        params.n_threads = threads as i32;
        params.n_threads_batch = threads as i32;
        params.no_perf = true;
        // The flash kernel splits its sums by the number of threads, which makes answers depend on
        // it; on processors it gains nothing that matters.
        params.flash_attn_type = sys::LLAMA_FLASH_ATTN_TYPE_DISABLED;
        params.abort_callback = Some(is_cancelled);
        params.abort_callback_data = std::ptr::from_ref::<Cancel>(&cancel).cast_mut().cast();
        // SAFETY: the model outlives the context by the lifetime `'m`, the callback's data by the
        // field that owns its box.
        let raw = unsafe { sys::llama_init_from_model(pointer(model), params) };
        let Some(raw) = NonNull::new(raw) else {
            return Err(EngineError::Inference(format!("no memory for a context of {length} tokens")));
        };
        let vocabulary = usize::try_from(model.n_vocab()).unwrap_or(0);
        Ok(Self { raw, vocabulary, length: length as usize, filled: 0, cancel, _model: PhantomData })
    }

    /// Steps end early once this flag is set.
    pub fn watch(&mut self, flag: Arc<AtomicBool>) {
        self.cancel.flag = flag;
    }

    /// Tokens in memory.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Most tokens in memory.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Uses this many threads from the next step on.
    pub fn set_threads(&mut self, threads: u32) {
        // SAFETY: the context is valid and no step runs, since a step borrows it mutably.
        unsafe { sys::llama_set_n_threads(self.raw.as_ptr(), threads as i32, threads as i32) }
    }

    /// Adds tokens at the end of the sequence.
    pub fn step(&mut self, tokens: &[LlamaToken]) -> Result<Step, EngineError> {
        if tokens.is_empty() || self.filled + tokens.len() > self.length {
            let (more, length) = (tokens.len(), self.length);
            return Err(EngineError::Inference(format!("{more} tokens do not fit the context of {length}")));
        }
        let mut ids: Vec<sys::llama_token> = tokens.iter().map(|token| token.0).collect();
        let count =
            i32::try_from(ids.len()).map_err(|_| EngineError::Inference("too many tokens in one step".into()))?;
        // SAFETY: the batch points into `ids`, which outlives it; llama.cpp checks the ids' range,
        // continues the sequence's positions and scores the last token.
        let code = unsafe { sys::llama_decode(self.raw.as_ptr(), sys::llama_batch_get_one(ids.as_mut_ptr(), count)) };
        match code {
            DONE => {
                self.filled += tokens.len();
                Ok(Step::Done)
            }
            // Parts of a step may stay in memory.
            ABORTED => {
                self.keep(self.filled);
                Ok(Step::Cancelled)
            }
            NO_ROOM => Err(self.failed("the context is full")),
            code => {
                let why = logs::take_last_error().unwrap_or_else(|| "no reason given".into());
                Err(self.failed(&format!("{why} (code {code})")))
            }
        }
    }

    /// Keeps the first `n` tokens, or none where the model can't take back a part. Returns how many.
    pub fn keep(&mut self, n: usize) -> usize {
        let n = n.min(self.filled);
        // SAFETY: the context is valid; its memory is only touched here, and a model without memory
        // gives a null pointer, which the function accepts.
        let kept = unsafe { sys::llama_memory_seq_rm(sys::llama_get_memory(self.raw.as_ptr()), 0, n as i32, -1) };
        if kept {
            self.filled = n;
        } else {
            self.clear();
        }
        self.filled
    }

    /// Empties the memory.
    pub fn clear(&mut self) {
        // SAFETY: as in `keep`.
        unsafe { sys::llama_memory_clear(sys::llama_get_memory(self.raw.as_ptr()), true) }
        self.filled = 0;
    }

    /// The scores of every token as the next one; empty before the first step.
    pub fn scores(&mut self) -> &[f32] {
        // SAFETY: null or `vocabulary` scores that stay until the next step, which needs `&mut`.
        unsafe {
            let scores = sys::llama_get_logits_ith(self.raw.as_ptr(), -1);
            if scores.is_null() { &[] } else { std::slice::from_raw_parts(scores, self.vocabulary) }
        }
    }

    fn failed(&mut self, reason: &str) -> EngineError {
        self.clear();
        EngineError::Inference(format!("a step failed: {reason}"))
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // SAFETY: created in `new`, freed once, before the model (`'m`) and the callback's data.
        unsafe { sys::llama_free(self.raw.as_ptr()) }
    }
}

/// Asked by llama.cpp between the operations of a step.
unsafe extern "C" fn is_cancelled(data: *mut c_void) -> bool {
    // SAFETY: `Context::new` passed a `Cancel` that lives as long as the context.
    unsafe { (*data.cast::<Cancel>()).flag.load(Ordering::Relaxed) }
}

/// llama.cpp's model behind the safe wrapper.
fn pointer(model: &LlamaModel) -> *mut sys::llama_model {
    const { assert!(size_of::<LlamaModel>() == size_of::<*mut sys::llama_model>()) };
    // SAFETY: in the pinned release `LlamaModel` is `repr(transparent)` over a wrapper that is
    // `repr(transparent)` over `NonNull<llama_model>`. llama.cpp takes the model as mutable here
    // only by signature; the wrapper's own `new_context` does the same.
    unsafe { std::mem::transmute_copy(model) }
}
