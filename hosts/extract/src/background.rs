//! Standing back for others: the disk is the extract host's only when nobody else wants it.
//!
//! Owns: the one system call that needs `unsafe`. The index has the same for its own threads; the two know nothing of each
//! other, and nothing that both know is a place for it.
#![allow(unsafe_code)]

use std::ffi::c_long;

#[cfg(target_arch = "x86_64")]
const IOPRIO_SET: Option<c_long> = Some(251);
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const IOPRIO_SET: Option<c_long> = Some(30);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
const IOPRIO_SET: Option<c_long> = None;

/// "Of this thread", and the idle class (include/uapi/linux/ioprio.h).
const WHO_PROCESS: c_long = 1;
const THIS: c_long = 0;
const IDLE: c_long = 3 << 13;

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
}

/// Puts this thread, and threads that it starts, into the idle class of the disk's scheduler. Schedulers without classes
/// ignore it; where it fails, work goes on as before.
pub fn idle_io() {
    let Some(number) = IOPRIO_SET else { return };
    // SAFETY: ioprio_set takes three integers, changes the calling thread's own scheduling and touches no memory.
    let set = unsafe { syscall(number, WHO_PROCESS, THIS, IDLE) };
    if set != 0 {
        tracing::debug!(error = %std::io::Error::last_os_error(), "the idle class of the disk's scheduler was refused");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_thread_is_idle_afterwards() {
        const IOPRIO_GET: c_long = 252;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                idle_io();
                // SAFETY: ioprio_get takes two integers and touches no memory.
                assert_eq!(unsafe { syscall(IOPRIO_GET, WHO_PROCESS, THIS) }, IDLE);
            });
        });
    }
}
