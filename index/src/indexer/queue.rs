//! The indexer's inbox: paths to look at, each at most once, never more than fit.
//!
//! Owns: coalescing, the bound, and handing out. When too many come, they are replaced by one look at
//! everything: nothing is lost, only looked for.
//! Must not know: what looking means.

use super::progress::Progress;
use crate::items;
use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// More paths than this become a look at everything.
const CAPACITY: usize = 16_384;

#[derive(Default)]
struct Inner {
    order: VecDeque<PathBuf>,
    members: HashSet<PathBuf>,
    /// Come before all paths.
    orders: VecDeque<Order>,
    stop: bool,
    paused: bool,
}

/// What is asked of the indexer besides looking at paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Take these paths out, whatever is known of them, and look at them.
    Mend(Vec<PathBuf>),
    /// Fill a new word index; the present one answers meanwhile if it is sound.
    Rebuild {
        /// Whether it is.
        sound: bool,
    },
}

/// What the indexer is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Look at this path.
    Path(PathBuf),
    /// Do this.
    Order(Order),
    /// Nothing is queued.
    Empty,
    /// Rest until told otherwise.
    Paused,
    /// Finish.
    Stop,
}

/// The inbox.
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    wake: Condvar,
    progress: Arc<Progress>,
}

impl Queue {
    pub(crate) fn new(progress: Arc<Progress>) -> Queue {
        Queue { inner: Mutex::default(), wake: Condvar::new(), progress }
    }

    /// Asks for a look at `path` and, if it is a folder, at all below it.
    pub(crate) fn push(&self, path: PathBuf) {
        let mut inner = self.lock();
        if inner.order.len() >= CAPACITY {
            tracing::info!("many changes at once: looking at everything");
            inner.order.clear();
            inner.members.clear();
            for all in ["/", items::ROOT].map(PathBuf::from) {
                inner.order.push_back(all.clone());
                inner.members.insert(all);
            }
        } else if inner.members.insert(path.clone()) {
            inner.order.push_back(path);
        }
        self.report(&inner);
        self.wake.notify_all();
    }

    /// Asks for this before all else.
    pub(crate) fn order(&self, order: Order) {
        let mut inner = self.lock();
        inner.orders.push_back(order);
        self.report(&inner);
        self.wake.notify_all();
    }

    /// The next thing to do; does not wait.
    pub(crate) fn next(&self) -> Next {
        let mut inner = self.lock();
        if inner.stop {
            return Next::Stop;
        }
        if inner.paused {
            return Next::Paused;
        }
        if let Some(order) = inner.orders.pop_front() {
            self.report(&inner);
            return Next::Order(order);
        }
        match inner.order.pop_front() {
            Some(path) => {
                inner.members.remove(&path);
                self.report(&inner);
                Next::Path(path)
            }
            None => Next::Empty,
        }
    }

    /// Rests until there is something to do or `timeout` has passed (without one: for ever). The indexer
    /// counts as idle meanwhile.
    pub(crate) fn rest(&self, timeout: Option<Duration>) {
        let inner = self.lock();
        if !has_news(&inner) {
            // Under the queue's lock, so that a push can't come between the look and the word.
            self.progress.update(|c| c.indexing = false);
        }
        self.wait(inner, timeout, |i| !has_news(i));
    }

    /// Rests until resumed or stopped.
    pub(crate) fn rest_paused(&self) {
        self.wait(self.lock(), None, |i| i.paused && !i.stop);
    }

    /// Rests whatever is queued: until stopped, or `timeout` has passed.
    pub(crate) fn rest_in_trouble(&self, timeout: Duration) {
        self.wait(self.lock(), Some(timeout), |i| !i.stop);
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        let mut inner = self.lock();
        inner.paused = paused;
        self.progress.update(|c| c.paused = paused);
        self.wake.notify_all();
    }

    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.wake.notify_all();
    }

    /// Whether the index is being closed.
    pub(crate) fn stopping(&self) -> bool {
        self.lock().stop
    }

    fn wait(&self, inner: MutexGuard<'_, Inner>, timeout: Option<Duration>, while_: impl FnMut(&mut Inner) -> bool) {
        match timeout {
            Some(t) => drop(self.wake.wait_timeout_while(inner, t, while_).unwrap_or_else(PoisonError::into_inner)),
            None => drop(self.wake.wait_while(inner, while_).unwrap_or_else(PoisonError::into_inner)),
        }
    }

    fn report(&self, inner: &Inner) {
        let queued = (inner.order.len() + inner.orders.len()) as u64;
        self.progress.update(|c| {
            c.queued = queued;
            c.indexing = true;
        });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_news(inner: &Inner) -> bool {
    inner.stop || inner.paused || !inner.order.is_empty() || !inner.orders.is_empty()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::types::IndexState;

    #[test]
    fn paths_coalesce_and_a_flood_becomes_one_look_at_everything() {
        let progress = Arc::new(Progress::default());
        let queue = Queue::new(progress.clone());
        queue.push("/a".into());
        queue.push("/a".into());
        assert_eq!(progress.status().pending, 1);
        assert_eq!(progress.status().state, IndexState::Indexing);
        assert_eq!(queue.next(), Next::Path("/a".into()));
        assert_eq!(queue.next(), Next::Empty);
        for i in 0..=CAPACITY {
            queue.push(format!("/f{i}").into());
        }
        assert_eq!(queue.next(), Next::Path("/".into()));
        assert_eq!(queue.next(), Next::Path("item:".into()), "pushed items were among them");
        assert_eq!(queue.next(), Next::Empty);
    }

    #[test]
    fn a_rest_ends_with_news_and_leaves_the_index_idle_only_without() {
        let progress = Arc::new(Progress::default());
        let queue = Arc::new(Queue::new(progress.clone()));
        queue.push("/a".into());
        queue.rest(None);
        assert_eq!(progress.status().state, IndexState::Indexing);
        queue.next();
        queue.rest(Some(Duration::ZERO));
        assert_eq!(progress.status().state, IndexState::Idle);
        queue.set_paused(true);
        assert_eq!(queue.next(), Next::Paused);
        let other = queue.clone();
        let thread = std::thread::spawn(move || other.rest_paused());
        queue.stop();
        thread.join().unwrap();
        assert_eq!(queue.next(), Next::Stop);
    }
}
