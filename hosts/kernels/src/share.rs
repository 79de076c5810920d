//! How the threads of a step share what they compute.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most shares that work is cut into; further threads help with those of others.
const MOST_SHARES: usize = 64;

/// What the threads of a step have in common while they compute something: all of them come, each with its number.
///
/// Reusable at once: the last thread that leaves puts everything back.
#[derive(Debug)]
pub struct Crew {
    /// Threads that have come to a meeting, over all meetings.
    ready: AtomicUsize,
    /// Threads that found no more work.
    left: AtomicUsize,
    /// Pieces that were taken of each share.
    taken: [Taken; MOST_SHARES],
}

/// A counter in a cache line of its own (two, since they are fetched in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Taken(AtomicUsize);

/// Which of `pieces` pieces are a thread's own.
pub(crate) fn share(pieces: usize, thread: usize, threads: usize) -> Range<usize> {
    let shares = threads.min(MOST_SHARES);
    let thread = thread % shares;
    pieces * thread / shares..pieces * (thread + 1) / shares
}

impl Default for Crew {
    fn default() -> Self {
        Self { ready: AtomicUsize::new(0), left: AtomicUsize::new(0), taken: std::array::from_fn(|_| Taken::default()) }
    }
}

impl Crew {
    /// Waits until all `threads` have come here; they may meet several times. They do at about the same time, so this
    /// looks for them without sleep, as llama.cpp's threads do between operations.
    pub(crate) fn meet(&self, threads: usize) {
        let before = self.ready.fetch_add(1, Ordering::AcqRel);
        let all = (before / threads + 1) * threads;
        while self.ready.load(Ordering::Acquire) < all {
            std::hint::spin_loop();
        }
    }

    /// The next of `pieces` pieces of work for a thread: those of its own share in order, so that it goes through memory
    /// in order, then what others have left.
    pub(crate) fn take(&self, pieces: usize, thread: usize, threads: usize) -> Option<usize> {
        let shares = threads.min(MOST_SHARES);
        (0..shares).map(|further| (thread + further) % shares).find_map(|share| {
            let (own, taken) = (self::share(pieces, share, threads), &self.taken[share].0);
            let some_left = own.start + taken.load(Ordering::Relaxed) < own.end;
            let piece = if some_left { own.start + taken.fetch_add(1, Ordering::Relaxed) } else { own.end };
            (piece < own.end).then_some(piece)
        })
    }

    /// This thread is done; the last of `threads` gets everything ready for what comes next.
    pub(crate) fn leave(&self, threads: usize) {
        if self.left.fetch_add(1, Ordering::AcqRel) + 1 == threads {
            self.ready.store(0, Ordering::Relaxed);
            for taken in &self.taken[..threads.min(MOST_SHARES)] {
                taken.0.store(0, Ordering::Relaxed);
            }
            self.left.store(0, Ordering::Release);
        }
    }
}
