//! The threads that llama.cpp computes with, kept from step to step.
//!
//! Owns: the thread pools of a context. Without one, llama.cpp starts and ends threads for every token. There is one
//! for each number of threads, since every step wakes all threads of its pool, those it does not need too, and a thread
//! that is woken for nothing takes the core from the one that computes; and one for each way to wait.
#![allow(unsafe_code)]

use hob_engine::EngineError;
use llama_cpp_sys_2 as sys;
use std::ffi::CStr;
use std::ptr::NonNull;

/// What threads do until the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// They look for it before they sleep, for as long as the choice of a token takes: after a step of an answer.
    Looking,
    /// They sleep, and leave their cores to those who bring the first words to whoever asked: after a step of a prompt,
    /// which takes so long that waking them up does not count.
    Asleep,
}

impl Waiting {
    /// How long they look, in llama.cpp's unit (50 is its default). Looking keeps a core busy.
    fn poll(self) -> u32 {
        match self {
            Self::Looking => 2,
            Self::Asleep => 0,
        }
    }
}

type New = unsafe extern "C" fn(*mut sys::ggml_threadpool_params) -> sys::ggml_threadpool_t;
type Free = unsafe extern "C" fn(sys::ggml_threadpool_t);

/// Threads for the steps of one context.
#[derive(Default)]
pub struct Pools {
    pools: Vec<(u32, Waiting, Pool)>,
}

impl Pools {
    /// The pool with so many threads, the caller's own among them; for `llama_attach_threadpool`, and valid as long as
    /// these pools are.
    pub fn with(&mut self, threads: u32, waiting: Waiting) -> Result<sys::ggml_threadpool_t, EngineError> {
        let alike = |(count, way, _): &&(u32, Waiting, Pool)| (*count, *way) == (threads, waiting);
        if let Some((_, _, pool)) = self.pools.iter().find(alike) {
            return Ok(pool.raw.as_ptr());
        }
        let pool = Pool::new(threads, waiting)?;
        let raw = pool.raw.as_ptr();
        self.pools.push((threads, waiting, pool));
        Ok(raw)
    }
}

struct Pool {
    raw: NonNull<sys::ggml_threadpool>,
    free: Free,
}

impl Pool {
    fn new(threads: u32, waiting: Waiting) -> Result<Self, EngineError> {
        let missing = || EngineError::Inference("the compute kernels offer no thread pool; install hob again".into());
        let new = function(c"ggml_threadpool_new").ok_or_else(missing)?;
        let free = function(c"ggml_threadpool_free").ok_or_else(missing)?;
        // SAFETY: both functions have these types in the pinned release (ggml-cpu.h).
        let (new, free) =
            unsafe { (std::mem::transmute::<NonNull<_>, New>(new), std::mem::transmute::<NonNull<_>, Free>(free)) };
        let threads = i32::try_from(threads).unwrap_or(1).max(1);
        // SAFETY: takes a number and returns a plain value.
        let mut params = unsafe { sys::ggml_threadpool_params_default(threads) };
        params.poll = waiting.poll();
        // SAFETY: the parameters are only read during the call.
        let raw = NonNull::new(unsafe { new(&raw mut params) });
        let raw = raw.ok_or_else(|| EngineError::Inference(format!("{threads} threads can't be started")))?;
        Ok(Self { raw, free })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: made by the matching function, freed once, after the context that used it.
        unsafe { (self.free)(self.raw.as_ptr()) }
    }
}

/// A function of the CPU kernels, which are loaded at run time and so can't be linked.
fn function(name: &CStr) -> Option<NonNull<std::ffi::c_void>> {
    // SAFETY: the registry lives as long as the process; a null entry is checked for.
    unsafe {
        let cpu = sys::ggml_backend_reg_by_name(c"CPU".as_ptr());
        if cpu.is_null() {
            return None;
        }
        NonNull::new(sys::ggml_backend_reg_get_proc_address(cpu, name.as_ptr()))
    }
}
