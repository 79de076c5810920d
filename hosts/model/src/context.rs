//! The context of a chat model, straight on llama.cpp: several sequences that are evaluated together.
//!
//! Owns: one `llama_context`. Must not know: what the tokens mean, who asked for them, which sequence is whose.
//!
//! The safe wrapper gives no access to what matters on a busy machine: ending a step in its middle, and changing the
//! number of threads between steps. This module adds them. All sequences share one memory of `length` cells, so a
//! prefix that two of them have in common exists once.
#![allow(unsafe_code)]

use crate::logs;
use crate::pool::{Pools, Waiting};
use crate::products::Products;
use hob_engine::EngineError;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2 as sys;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// llama.cpp's codes for a step.
const DONE: i32 = 0;
const NO_ROOM: i32 = 1;
const ABORTED: i32 = 2;

/// Threads that look for work are asleep after this time.
const LOOKING: Duration = Duration::from_millis(20);

/// Number of a sequence.
pub type Seq = usize;

/// One token of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The sequence that it continues.
    pub seq: Seq,
    /// The token.
    pub token: LlamaToken,
    /// Its place in the sequence.
    pub position: usize,
    /// Whether the scores of what follows it are wanted.
    pub scored: bool,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The tokens are in memory, and the scores that were asked for can be read.
    Done,
    /// It was interrupted; none of its tokens are in memory.
    Interrupted,
    /// The memory has no cells left for it; nothing has changed.
    NoRoom,
}

/// How a context is set up.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Tokens that fit its memory, over all sequences.
    pub length: u32,
    /// Most tokens of one step.
    pub step: u32,
    /// Sequences.
    pub sequences: u32,
    /// Most threads.
    pub threads: u32,
}

/// A context with several sequences.
pub struct Context<'m> {
    raw: NonNull<sys::llama_context>,
    shape: Shape,
    vocabulary: usize,
    /// Read by llama.cpp during a step.
    interrupt: Arc<AtomicBool>,
    /// How many compute, and how they wait.
    threads: Option<(u32, Waiting)>,
    /// When those that look for work last began to.
    looking: Option<Instant>,
    /// After `raw`: freed when no context uses them any more.
    pools: Pools,
    products: Option<Box<Products>>,
    _model: PhantomData<&'m LlamaModel>,
}

// SAFETY: llama.cpp binds a context to no thread; it only must not be used by two at once, which `&mut` prevents. The
// model is only read, and so are the thread pools' handles.
unsafe impl Send for Context<'_> {}

impl<'m> Context<'m> {
    /// Sets up the memory. A step ends early while `interrupt` is set.
    pub fn new(model: &'m LlamaModel, shape: Shape, interrupt: Arc<AtomicBool>) -> Result<Self, EngineError> {
        // SAFETY: takes nothing and returns a plain value.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_ctx = shape.length;
        params.n_batch = shape.step;
        params.n_ubatch = shape.step;
        params.n_seq_max = shape.sequences;
        params.n_threads = shape.threads as i32;
        params.n_threads_batch = shape.threads as i32;
        params.kv_unified = true;
        params.no_perf = true;
        // A tenth faster. Beyond 512 tokens its sums are split by threads, so that the last digits of the scores
        // depend on the load of the machine.
        params.flash_attn_type = sys::LLAMA_FLASH_ATTN_TYPE_AUTO;
        params.abort_callback = Some(is_interrupted);
        params.abort_callback_data = Arc::as_ptr(&interrupt).cast_mut().cast();
        let products = Products::attach(&mut params);
        // SAFETY: the model outlives the context by the lifetime `'m`, the flag and the products by the fields that own
        // them.
        let raw = unsafe { sys::llama_init_from_model(pointer(model), params) };
        let Some(raw) = NonNull::new(raw) else {
            return Err(EngineError::Inference(format!("no memory for a context of {} tokens", shape.length)));
        };
        let vocabulary = usize::try_from(model.n_vocab()).unwrap_or(0);
        let pools = Pools::default();
        Ok(Self {
            raw,
            shape,
            vocabulary,
            interrupt,
            threads: None,
            looking: None,
            pools,
            products,
            _model: PhantomData,
        })
    }

    /// Tokens that fit.
    pub fn length(&self) -> usize {
        self.shape.length as usize
    }

    /// Uses this many threads from the next step on, after which they wait for more in this way. As long as others still
    /// look for work, these do so too: they would have to share their cores with the others.
    pub fn set_threads(&mut self, threads: u32, waiting: Waiting) -> Result<(), EngineError> {
        let waiting =
            if self.looking.is_some_and(|since| since.elapsed() < LOOKING) { Waiting::Looking } else { waiting };
        if self.threads != Some((threads, waiting)) {
            let pool = self.pools.with(threads, waiting)?;
            // SAFETY: both are valid, the pool is dropped after the context, and no step runs, since a step borrows the
            // context mutably.
            unsafe {
                sys::llama_attach_threadpool(self.raw.as_ptr(), pool, pool);
                sys::llama_set_n_threads(self.raw.as_ptr(), threads as i32, threads as i32);
            }
            self.threads = Some((threads, waiting));
        }
        Ok(())
    }

    /// Evaluates tokens; those of one sequence stand in order and continue it.
    pub fn step(&mut self, items: &[Item]) -> Result<Step, EngineError> {
        if items.is_empty() || items.len() > self.shape.step as usize {
            let (given, most) = (items.len(), self.shape.step);
            return Err(EngineError::Inference(format!("a step of {given} tokens is not one of 1 to {most}")));
        }
        if let Some(products) = &self.products {
            products.begin();
        }
        let mut tokens: Vec<sys::llama_token> = items.iter().map(|item| item.token.0).collect();
        let mut positions: Vec<sys::llama_pos> = items.iter().map(|item| item.position as i32).collect();
        let mut counts = vec![1i32; items.len()];
        let mut sequences: Vec<sys::llama_seq_id> = items.iter().map(|item| item.seq as i32).collect();
        let mut pointers: Vec<_> = sequences.iter_mut().map(std::ptr::from_mut).collect();
        let mut scored: Vec<i8> = items.iter().map(|item| i8::from(item.scored)).collect();
        let batch = sys::llama_batch {
            n_tokens: items.len() as i32,
            token: tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: positions.as_mut_ptr(),
            n_seq_id: counts.as_mut_ptr(),
            seq_id: pointers.as_mut_ptr(),
            logits: scored.as_mut_ptr(),
        };
        // SAFETY: the batch points into vectors of its length that outlive the call; llama.cpp checks the tokens',
        // positions' and sequences' ranges.
        let code = unsafe { sys::llama_decode(self.raw.as_ptr(), batch) };
        if matches!(self.threads, Some((_, Waiting::Looking))) {
            self.looking = Some(Instant::now());
        }
        match code {
            DONE => Ok(Step::Done),
            NO_ROOM => Ok(Step::NoRoom),
            ABORTED => Ok(Step::Interrupted),
            code => {
                let why = logs::take_last_error().unwrap_or_else(|| "no reason given".into());
                Err(EngineError::Inference(format!("a step failed: {why} (code {code})")))
            }
        }
    }

    /// The scores of every token as the one after item `at` of the last step; empty when they were not asked for.
    pub fn scores(&mut self, at: usize) -> &[f32] {
        // SAFETY: null or `vocabulary` scores that stay until the next step, which needs `&mut`.
        unsafe {
            let scores = sys::llama_get_logits_ith(self.raw.as_ptr(), at as i32);
            if scores.is_null() { &[] } else { std::slice::from_raw_parts(scores, self.vocabulary) }
        }
    }

    /// Keeps the first `n` tokens of a sequence. `false`: the model can't take back a part, and the sequence is empty.
    pub fn trim(&mut self, seq: Seq, n: usize) -> bool {
        // SAFETY: the context is valid; its memory is only touched here.
        let kept = unsafe { sys::llama_memory_seq_rm(self.memory(), seq as i32, n as i32, -1) };
        if !kept {
            self.drop_sequence(seq);
        }
        kept
    }

    /// Empties a sequence.
    pub fn drop_sequence(&mut self, seq: Seq) {
        // SAFETY: as in `trim`. Taking back a whole sequence never fails.
        unsafe { sys::llama_memory_seq_rm(self.memory(), seq as i32, -1, -1) };
    }

    /// Makes an empty sequence share the first `n` tokens of another. Costs no memory.
    pub fn share(&mut self, from: Seq, to: Seq, n: usize) {
        // SAFETY: as in `trim`.
        unsafe { sys::llama_memory_seq_cp(self.memory(), from as i32, to as i32, 0, n as i32) }
    }

    /// Empties the whole memory, after a failure that leaves it unknown.
    pub fn clear(&mut self) {
        // SAFETY: as in `trim`.
        unsafe { sys::llama_memory_clear(self.memory(), true) }
    }

    /// The keys and values of a sequence as bytes for [`Context::restore`].
    pub fn save(&mut self, seq: Seq) -> Vec<u8> {
        // SAFETY: the context is valid; llama.cpp writes at most the size it gave.
        unsafe {
            let size = sys::llama_state_seq_get_size(self.raw.as_ptr(), seq as i32);
            let mut bytes = vec![0u8; size];
            let written = sys::llama_state_seq_get_data(self.raw.as_ptr(), bytes.as_mut_ptr(), size, seq as i32);
            bytes.truncate(written);
            bytes
        }
    }

    /// Fills an empty sequence with what was saved of `n` tokens. `false`: it does not fit, or is none of ours; the
    /// sequence stays empty.
    pub fn restore(&mut self, seq: Seq, bytes: &[u8], n: usize) -> bool {
        // SAFETY: llama.cpp reads no more than the given size and reports what it can't use as 0.
        let read = unsafe { sys::llama_state_seq_set_data(self.raw.as_ptr(), bytes.as_ptr(), bytes.len(), seq as i32) };
        // SAFETY: as in `trim`.
        let last = unsafe { sys::llama_memory_seq_pos_max(self.memory(), seq as i32) };
        let whole = read == bytes.len() && usize::try_from(last).is_ok_and(|last| last + 1 == n);
        if !whole {
            self.drop_sequence(seq);
        }
        whole
    }

    /// Applies an adapter to the steps from now on, or none.
    pub fn set_adapter(&mut self, adapter: Option<(NonNull<sys::llama_adapter_lora>, f32)>) -> Result<(), EngineError> {
        let (mut adapters, mut scales) = match adapter {
            Some((adapter, scale)) => (vec![adapter.as_ptr()], vec![scale]),
            None => (Vec::new(), Vec::new()),
        };
        let count = adapters.len();
        // SAFETY: the adapters live as long as the model, and both lists have `count` entries.
        let code = unsafe {
            sys::llama_set_adapters_lora(self.raw.as_ptr(), adapters.as_mut_ptr(), count, scales.as_mut_ptr())
        };
        if code == 0 {
            Ok(())
        } else {
            Err(EngineError::Inference(format!("the adapter can't be applied (code {code})")))
        }
    }

    fn memory(&self) -> sys::llama_memory_t {
        // SAFETY: the context is valid; a model without memory gives null, which the functions here accept.
        unsafe { sys::llama_get_memory(self.raw.as_ptr()) }
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // SAFETY: created in `new`, freed once, before the model (`'m`), the pool and the flag.
        unsafe {
            sys::llama_detach_threadpool(self.raw.as_ptr());
            sys::llama_free(self.raw.as_ptr());
        }
        self.interrupt.store(false, Ordering::Relaxed);
    }
}

/// Asked by llama.cpp between the operations of a step.
unsafe extern "C" fn is_interrupted(data: *mut c_void) -> bool {
    // SAFETY: `Context::new` passed a flag that lives as long as the context.
    unsafe { (*data.cast::<AtomicBool>()).load(Ordering::Relaxed) }
}

/// llama.cpp's model behind the safe wrapper.
pub fn pointer(model: &LlamaModel) -> *mut sys::llama_model {
    const { assert!(size_of::<LlamaModel>() == size_of::<*mut sys::llama_model>()) };
    // SAFETY: in the pinned release `LlamaModel` is `repr(transparent)` over a wrapper that is
    // `repr(transparent)` over `NonNull<llama_model>`. llama.cpp takes the model as mutable here
    // only by signature; the wrapper's own `new_context` does the same.
    unsafe { std::mem::transmute_copy(model) }
}
