//! Standard input and output of this process.
//!
//! Owns: file descriptors 0, 1 and 2. Must not know: what is said over the wire.
//!
//! The wire came in as descriptor 0 and now has a number of its own. A skill that reads its
//! standard input or prints must meet neither the wire nor the daemon's terminal, nor fill its log.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};

/// Makes standard input empty and sends standard output to standard error, which is hob's log.
pub fn detach() -> io::Result<()> {
    replace(0, &File::open("/dev/null")?)?;
    replace(1, &io::stderr())
}

/// Sends standard output and error into a pipe, whose other end this gives.
pub fn capture() -> io::Result<io::PipeReader> {
    let (read, write) = io::pipe()?;
    replace(1, &write)?;
    replace(2, &write)?;
    Ok(read)
}

fn replace(number: RawFd, with: &impl AsFd) -> io::Result<()> {
    // SAFETY: descriptors 0 to 2 are open for the whole life of the process, and ManuallyDrop
    // leaves them open; dup2 replaces what they refer to in one step.
    let mut place = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
    Ok(rustix::io::dup2(with, &mut place)?)
}
