//! Whose turn it is on a processor: whoever is waited for goes first.
//!
//! Owns: the rest that bulk work takes. Must not know: what the work is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bulk work rests no longer than this and then works for [`SHARE`], so that it moves even under a
/// stream of queries that never ends.
const PATIENCE: Duration = Duration::from_millis(100);
const SHARE: Duration = Duration::from_millis(10);

/// One processor's right of way.
#[derive(Default)]
pub struct Turn {
    taken: AtomicBool,
    /// Until when bulk work works although somebody has the right of way.
    works_until: Mutex<Option<Instant>>,
    given_back: Condvar,
}

/// Right of way, until this is dropped.
pub struct Taken<'t>(&'t Turn);

impl Turn {
    /// Takes the right of way. For one thread at a time.
    pub fn take(&self) -> Taken<'_> {
        self.taken.store(true, Ordering::Release);
        Taken(self)
    }

    /// Rests while somebody has the right of way, but not longer than [`PATIENCE`].
    pub fn give_way(&self) {
        if !self.taken.load(Ordering::Acquire) {
            return;
        }
        let works_until = self.lock();
        if works_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        let taken = |_: &mut Option<Instant>| self.taken.load(Ordering::Acquire);
        let rested = self.given_back.wait_timeout_while(works_until, PATIENCE, taken);
        let (mut works_until, rest) = rested.unwrap_or_else(PoisonError::into_inner);
        *works_until = rest.timed_out().then(|| Instant::now() + SHARE);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.works_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // Under the lock, so that nobody looks before this and falls asleep after it.
        let _lock = self.0.lock();
        self.0.taken.store(false, Ordering::Release);
        self.0.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Instant;

    #[test]
    fn bulk_work_rests_until_the_turn_is_given_back() {
        let turn = Turn::default();
        turn.give_way();
        let (rested, done) = mpsc::channel();
        std::thread::scope(|scope| {
            let taken = turn.take();
            scope.spawn(|| {
                turn.give_way();
                rested.send(Instant::now())
            });
            std::thread::yield_now();
            let given_back = Instant::now();
            drop(taken);
            assert!(done.recv().is_ok_and(|at| at >= given_back));
        });
    }

    #[test]
    fn patience_ends_for_a_while() {
        let turn = Turn::default();
        let _taken = turn.take();
        let started = Instant::now();
        turn.give_way();
        assert!(started.elapsed() >= PATIENCE);
        // Not held against a clock, since other processes may take the processor meanwhile.
        assert!(turn.lock().is_some_and(|until| until >= started + PATIENCE + SHARE));
        *turn.lock() = Some(Instant::now());
        let started = Instant::now();
        turn.give_way();
        assert!(started.elapsed() >= PATIENCE);
    }
}
