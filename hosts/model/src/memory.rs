//! Giving freed memory back to the system.
//!
//! Owns: the one call for it. Must not know: who frees what.
#![allow(unsafe_code)]

#[cfg(target_env = "gnu")]
unsafe extern "C" {
    fn malloc_trim(pad: usize) -> i32;
}

/// Asks the allocator to return what is free; it would keep it otherwise.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim has no preconditions, is thread-safe, and touches free memory only.
    unsafe {
        malloc_trim(0);
    }
}
