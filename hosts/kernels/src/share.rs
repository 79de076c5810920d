//! How the threads of a step share one product.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What the threads of a step have in common while they compute a product: all of them call it, each with its number.
///
/// Reusable at once: the last thread that leaves puts everything back.
#[derive(Debug, Default)]
pub struct Crew {
    /// Threads that have rounded their part of the inputs.
    ready: AtomicUsize,
    /// The next piece of work that nobody has taken.
    next: AtomicUsize,
    /// Threads that found no more work.
    left: AtomicUsize,
}

impl Crew {
    /// Waits until all `threads` have come here. They do at about the same time, so this looks for them without sleep,
    /// as llama.cpp's threads do between operations.
    pub(crate) fn meet(&self, threads: usize) {
        self.ready.fetch_add(1, Ordering::AcqRel);
        while self.ready.load(Ordering::Acquire) < threads {
            std::hint::spin_loop();
        }
    }

    /// The next of `pieces` pieces of work.
    pub(crate) fn take(&self, pieces: usize) -> Option<usize> {
        let piece = self.next.fetch_add(1, Ordering::Relaxed);
        (piece < pieces).then_some(piece)
    }

    /// This thread is done; the last of `threads` gets everything ready for the next product.
    pub(crate) fn leave(&self, threads: usize) {
        if self.left.fetch_add(1, Ordering::AcqRel) + 1 == threads {
            self.ready.store(0, Ordering::Relaxed);
            self.next.store(0, Ordering::Relaxed);
            self.left.store(0, Ordering::Release);
        }
    }
}
