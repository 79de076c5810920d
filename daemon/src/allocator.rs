//! How the C library hands out memory.
//!
//! Owns: the one setting of it. Must not know: who allocates what.
#![allow(unsafe_code)]

/// `M_ARENA_MAX` of glibc's malloc.h.
#[cfg(target_env = "gnu")]
const ARENA_MAX: i32 = -8;

#[cfg(target_env = "gnu")]
unsafe extern "C" {
    fn mallopt(param: i32, value: i32) -> i32;
}

/// Has all threads share two pools of memory. By default each of many threads gets a pool of its own, and
/// what is free in one is of no use to another: an idle hobd that had indexed held 12 MB more. To be called
/// before there are threads.
pub fn few_arenas() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt takes two numbers and has no preconditions; a value it refuses changes nothing.
    unsafe {
        mallopt(ARENA_MAX, 2);
    }
}
