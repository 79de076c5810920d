//! The counters behind `hob index status`, and telling listeners about them.
//!
//! Owns: what is counted, what the state is called, and the thread that calls listeners: coalesced, and
//! always once more after the last change.
//! Must not know: what the numbers are about.

use crate::types::{IndexState, IndexStatus};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Listeners hear of changes at most this often, and of the end of work at once.
const COALESCE: Duration = Duration::from_millis(50);

/// Called with the counters after they changed.
pub type Listener = Box<dyn Fn(&IndexStatus) + Send + Sync>;

/// Everything that the threads of the index tell of themselves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters {
    pub documents: u64,
    pub chunks: u64,
    pub skipped: u64,
    pub embeddable: u64,
    pub embedded: u64,
    /// Paths with events that have not come to rest.
    pub unsettled: u64,
    /// Paths that the indexer has not taken up.
    pub queued: u64,
    /// Files that the indexer has found but not read.
    pub found: u64,
    /// Files that will be tried again when some time has passed.
    pub waiting: u64,
    /// Troubles of the index itself, listed among the skipped.
    pub notices: u64,
    /// The indexer is at work, or has been given some.
    pub indexing: bool,
    /// Passages wait for an embedding that can be made now.
    pub embedding: bool,
    pub paused: bool,
    /// No embeddings are to be made for the time being.
    pub held: bool,
    pub stopping: bool,
    /// The backfill has something else to see to than waiting for the indexer's rest.
    pub nudged: bool,
}

impl Counters {
    fn status(&self) -> IndexStatus {
        let pending = self.unsettled + self.queued + self.found + self.waiting;
        let state = if self.paused {
            IndexState::Paused
        } else if self.indexing || pending > 0 {
            IndexState::Indexing
        } else if self.embedding && self.held {
            IndexState::Held
        } else if self.embedding {
            IndexState::Embedding
        } else {
            IndexState::Idle
        };
        IndexStatus {
            documents: self.documents,
            chunks: self.chunks,
            embeddable: self.embeddable,
            embedded: self.embedded.min(self.embeddable),
            pending,
            skipped: self.skipped + self.notices,
            state,
        }
    }

    /// Backfill may run: nobody waits for words.
    fn lexical_at_rest(&self) -> bool {
        !self.paused && !self.held && !self.indexing && self.queued + self.found == 0
    }
}

#[derive(Default)]
struct Inner {
    counters: Counters,
    /// What listeners were told last.
    told: Option<IndexStatus>,
}

impl Inner {
    /// Listeners still think that words are being indexed.
    fn has_ended(&self) -> bool {
        let indexing = |status: &IndexStatus| status.state == IndexState::Indexing;
        self.told.as_ref().is_some_and(indexing) && !indexing(&self.counters.status())
    }
}

/// The shared counters.
#[derive(Default)]
pub(crate) struct Progress {
    inner: Mutex<Inner>,
    /// Something is to be told.
    changed: Condvar,
    /// It is to be told before [`COALESCE`] is over.
    pressing: Condvar,
    at_rest: Condvar,
    listeners: Mutex<Vec<Listener>>,
}

impl Progress {
    /// Changes the counters.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Counters)) {
        let mut inner = self.lock();
        change(&mut inner.counters);
        if inner.counters.stopping || inner.told.as_ref() != Some(&inner.counters.status()) {
            self.changed.notify_all();
        }
        if inner.counters.stopping || inner.has_ended() {
            self.pressing.notify_all();
        }
        let c = &inner.counters;
        if c.stopping || c.nudged || c.lexical_at_rest() {
            self.at_rest.notify_all();
        }
    }

    pub(crate) fn status(&self) -> IndexStatus {
        self.lock().counters.status()
    }

    /// Whether nothing is left to do but embeddings.
    pub(crate) fn lexical_rests(&self) -> bool {
        let inner = self.lock();
        let c = &inner.counters;
        !c.indexing && c.unsettled + c.queued + c.found == 0
    }

    /// Waits until no lexical work is left and nothing is paused (true), or something else has come up:
    /// the index is being closed, or the backfill was nudged.
    pub(crate) fn wait_for_rest(&self) -> bool {
        let inner = self.lock();
        let blocked = |i: &mut Inner| {
            let c = &i.counters;
            !c.stopping && !c.nudged && !c.lexical_at_rest()
        };
        let mut inner = self.at_rest.wait_while(inner, blocked).unwrap_or_else(PoisonError::into_inner);
        let nudged = std::mem::take(&mut inner.counters.nudged);
        !nudged && !inner.counters.stopping
    }

    /// Calls `listener` from now on. It must not block for long, nor change the index.
    pub(crate) fn listen(&self, listener: Listener) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Tells listeners at once. A caller that has just asked for work calls this before it answers, so that
    /// whoever waits for the work to end can't take the rest before it for the end.
    pub(crate) fn tell(&self) {
        // Listeners are locked first: what they are told is in the order of what happened.
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let status = {
            let mut inner = self.lock();
            let status = inner.counters.status();
            inner.told = Some(status.clone());
            status
        };
        for listener in listeners.iter() {
            if catch_unwind(AssertUnwindSafe(|| listener(&status))).is_err() {
                tracing::error!("a listener to the index's status failed");
            }
        }
    }

    /// Tells listeners of changes until the index is closed.
    pub(crate) fn run(&self) {
        loop {
            let inner = self.lock();
            let nothing_new = |i: &mut Inner| !i.counters.stopping && i.told.as_ref() == Some(&i.counters.status());
            let inner = self.changed.wait_while(inner, nothing_new).unwrap_or_else(PoisonError::into_inner);
            let stopping = inner.counters.stopping;
            drop(inner);
            self.tell();
            if stopping {
                return;
            }
            let inner = self.lock();
            let going = |i: &mut Inner| !i.counters.stopping && !i.has_ended();
            drop(self.pressing.wait_timeout_while(inner, COALESCE, going).unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc};
    use std::time::Instant;

    #[test]
    fn listeners_hear_the_last_state_and_not_every_step() {
        let progress = Arc::new(Progress::default());
        let (tx, rx) = mpsc::channel();
        progress.listen(Box::new(move |s: &IndexStatus| tx.send(s.clone()).unwrap()));
        let runner = progress.clone();
        let thread = std::thread::spawn(move || runner.run());
        for n in 1..=10_000 {
            progress.update(|c| c.documents = n);
        }
        let mut calls = 0;
        loop {
            calls += 1;
            if rx.recv_timeout(Duration::from_secs(5)).unwrap().documents == 10_000 {
                break;
            }
        }
        assert!(calls < 1000, "{calls}");
        let before = Instant::now();
        progress.update(|c| c.stopping = true);
        thread.join().unwrap();
        assert!(before.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn the_end_of_work_is_told_at_once() {
        let progress = Progress::default();
        let ended = |indexing| {
            progress.update(|c| c.indexing = indexing);
            progress.lock().has_ended()
        };
        assert!(!ended(true), "nobody was told of its beginning");
        progress.tell();
        assert_eq!([true, false].map(ended), [false, true]);
        progress.tell();
        assert_eq!([false, true].map(ended), [false, false]);
    }

    #[test]
    fn the_state_is_named_by_what_comes_first() {
        let mut c = Counters { embedding: true, ..Counters::default() };
        assert_eq!(c.status().state, IndexState::Embedding);
        c.held = true;
        assert_eq!(c.status().state, IndexState::Held);
        assert!(!c.lexical_at_rest());
        c.held = false;
        c.unsettled = 1;
        assert_eq!(c.status().state, IndexState::Indexing);
        assert!(c.lexical_at_rest());
        c.paused = true;
        assert_eq!(c.status().state, IndexState::Paused);
        assert!(!c.lexical_at_rest());
    }
}
