//! Following changes as they happen.
//!
//! Owns: which folders are watched, and waiting until a path has come to rest.
//! Must not know: what a change means; it only names paths to look at.
//!
//! Each wanted folder is watched by itself, not the whole tree below an added one: folders that are
//! ignored cost nothing then, and links are never followed.

mod kernel;

use crate::indexer::progress::Progress;
use crate::indexer::queue::Queue;
use crate::scan;
use kernel::{Kernel, Number, Told};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A path is looked at once nothing has happened to it for this long,
const QUIET: Duration = Duration::from_millis(300);
/// or at the latest after this long: logs never rest.
const PATIENCE: Duration = Duration::from_secs(5);
/// More unsettled paths than this become a look at everything.
const CAPACITY: usize = 8_192;
const ENDED: &str = "watching folders has ended, so changes are found every 10 minutes only; restart hobd";

#[derive(Clone, Copy)]
struct Times {
    first: Instant,
    last: Instant,
}

#[derive(Default)]
struct Unsettled {
    paths: HashMap<PathBuf, Times>,
    stop: bool,
}

/// Where events wait until their path has come to rest.
pub(crate) struct Settling {
    inner: Mutex<Unsettled>,
    wake: Condvar,
    progress: Arc<Progress>,
    overflows: AtomicU64,
}

impl Settling {
    pub(crate) fn new(progress: Arc<Progress>) -> Settling {
        Settling { inner: Mutex::default(), wake: Condvar::new(), progress, overflows: AtomicU64::new(0) }
    }

    /// Something happened to `path`.
    fn note(&self, path: PathBuf) {
        let now = Instant::now();
        let mut inner = self.lock();
        if inner.paths.len() >= CAPACITY && !inner.paths.contains_key(&path) {
            inner.paths.clear();
            inner.paths.insert(PathBuf::from("/"), Times { first: now, last: now });
        } else {
            inner.paths.entry(path).and_modify(|t| t.last = now).or_insert(Times { first: now, last: now });
        }
        self.report(&inner);
        self.wake.notify_all();
    }

    /// Hands settled paths to `queue` until stopped.
    pub(crate) fn run(&self, queue: &Queue) {
        let mut inner = self.lock();
        loop {
            if inner.stop {
                return;
            }
            let now = Instant::now();
            let Some(due) = inner.paths.values().map(Times::due).min() else {
                inner = self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if due > now {
                let (guard, _) = self.wake.wait_timeout(inner, due - now).unwrap_or_else(PoisonError::into_inner);
                inner = guard;
                continue;
            }
            let mut settled: Vec<(Instant, PathBuf)> =
                inner.paths.extract_if(|_, t| t.due() <= now).map(|(path, t)| (t.first, path)).collect();
            // In the order of what happened: a folder's old name is left before its new one is watched.
            settled.sort();
            for (_, path) in settled {
                queue.push(path);
            }
            self.report(&inner);
        }
    }

    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.wake.notify_all();
    }

    /// How often events were lost.
    #[cfg(test)]
    pub(crate) fn overflows(&self) -> u64 {
        self.overflows.load(Ordering::Relaxed)
    }

    /// Takes no events while `work` lasts.
    #[cfg(test)]
    pub(crate) fn while_held(&self, work: impl FnOnce()) {
        let held = self.lock();
        work();
        drop(held);
    }

    fn report(&self, inner: &Unsettled) {
        let unsettled = inner.paths.len() as u64;
        self.progress.update(|c| c.unsettled = unsettled);
    }

    fn lock(&self) -> MutexGuard<'_, Unsettled> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, told: Told) {
        // An added folder may be hidden: its own going away counts. So does a new one that may be a mail folder.
        let (path, moved) = match told {
            Told::Changed(path) => (path, false),
            Told::Moved(path) => (path, true),
            Told::Lost => {
                self.overflows.fetch_add(1, Ordering::Relaxed);
                tracing::info!("the kernel's event queue overflowed: looking at everything");
                return self.note(PathBuf::from("/"));
            }
            Told::Ended(error) => {
                tracing::warn!(%error, "watching folders has ended: looking at everything");
                return self.note(PathBuf::from("/"));
            }
        };
        let Some(name) = path.file_name().map(|n| n.to_string_lossy()) else { return };
        if scan::is_control_file(&name) {
            // What it decides about is its folder.
            if let Some(parent) = path.parent() {
                self.note(parent.to_path_buf());
            }
        } else if !name.starts_with('.') || moved {
            self.note(path);
        }
    }
}

impl Times {
    fn due(&self) -> Instant {
        (self.last + QUIET).min(self.first + PATIENCE)
    }
}

/// The watched folders. Owned by the indexer's thread.
pub(crate) struct Watches {
    kernel: Option<Kernel>,
    dirs: BTreeMap<PathBuf, Number>,
    trouble: Option<String>,
}

impl Watches {
    /// Starts watching; events go to `settling`.
    pub(crate) fn new(settling: Arc<Settling>) -> Watches {
        let (kernel, trouble) = match Kernel::start(move |told| settling.handle(told)) {
            Ok(kernel) => (Some(kernel), None),
            Err(error) => (None, Some(explain(&error))),
        };
        Watches { kernel, dirs: BTreeMap::new(), trouble }
    }

    /// Why some folders are not watched; then they have to be walked now and again.
    pub(crate) fn trouble(&self) -> Option<&str> {
        let ended = self.kernel.as_ref().is_some_and(Kernel::has_ended);
        ended.then_some(ENDED).or(self.trouble.as_deref())
    }

    /// Everything is about to be walked: what could not be watched is tried again.
    pub(crate) fn forgive(&mut self) {
        if self.kernel.is_some() {
            self.trouble = None;
        }
    }

    /// Watches the entries of `dir`. Harmless when it is watched already.
    pub(crate) fn add(&mut self, dir: &Path) {
        let Some(kernel) = &self.kernel else { return };
        match kernel.add(dir) {
            Ok(number) => {
                // Another folder had this name, and has gone elsewhere with its watch.
                let other = self.dirs.insert(dir.to_path_buf(), number).filter(|other| *other != number);
                other.into_iter().for_each(|other| kernel.remove(other, dir));
            }
            // Gone or closed to us: the walk says so where it matters.
            Err(error) if is_walks_business(&error) => {}
            Err(error) if self.trouble.is_some() => {
                tracing::debug!(%error, dir = %dir.display(), "can't watch a folder")
            }
            Err(error) => {
                tracing::warn!(%error, dir = %dir.display(), "can't watch a folder");
                self.trouble = Some(explain(&error));
            }
        }
    }

    /// Ends watching what lies at or below `at`, but for those that `keep` accepts.
    pub(crate) fn retain(&mut self, at: &Path, keep: impl Fn(&Path) -> bool) {
        // Paths sort by component, so what lies below `at` is one run.
        let below = self.dirs.range(at.to_path_buf()..).take_while(|(dir, _)| dir.starts_with(at));
        let ended: Vec<PathBuf> = below.map(|(dir, _)| dir).filter(|dir| !keep(dir)).cloned().collect();
        for dir in ended {
            if let (Some(number), Some(kernel)) = (self.dirs.remove(&dir), &self.kernel) {
                kernel.remove(number, &dir);
            }
        }
    }
}

fn is_walks_business(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        // What the kernel says when the user's watches are used up.
        io::ErrorKind::StorageFull => {
            "the system's limit of watched folders is used up, so changes are found every 10 minutes only; \
             raise it with: sudo sysctl fs.inotify.max_user_watches=524288"
                .to_owned()
        }
        _ => format!("folders can't be watched ({error}), so changes are found every 10 minutes only"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::indexer::queue::Next;

    fn changed(path: &str) -> Told {
        Told::Changed(path.into())
    }

    fn settle(events: Vec<Told>) -> Vec<PathBuf> {
        let progress = Arc::new(Progress::default());
        let queue = Queue::new(progress.clone());
        let settling = Settling::new(progress.clone());
        for event in events {
            settling.handle(event);
        }
        std::thread::scope(|scope| {
            scope.spawn(|| settling.run(&queue));
            while progress.status().pending > 0 && settling.lock().paths.values().next().is_some() {
                std::thread::yield_now();
            }
            settling.stop();
        });
        std::iter::from_fn(|| match queue.next() {
            Next::Path(path) => Some(path),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn writes_are_told_once_and_hidden_files_only_when_they_move() {
        let told = settle(vec![changed("/a"), changed("/a"), changed("/.c"), Told::Moved("/.d".into())]);
        assert_eq!(told, [PathBuf::from("/a"), PathBuf::from("/.d")]);
    }

    #[test]
    fn an_ignore_file_is_about_its_folder_and_an_overflow_about_everything() {
        assert_eq!(settle(vec![changed("/d/.gitignore")]), [PathBuf::from("/d")]);
        assert_eq!(settle(vec![Told::Lost]), [PathBuf::from("/")]);
        assert_eq!(settle(vec![Told::Ended(io::ErrorKind::Other.into())]), [PathBuf::from("/")]);
    }

    #[test]
    fn a_path_that_never_rests_is_told_in_the_end() {
        let start = Instant::now();
        let times = Times { first: start, last: start + Duration::from_secs(60) };
        assert_eq!(times.due(), start + PATIENCE);
    }

    #[test]
    fn the_user_is_told_which_limit_to_raise() {
        let error = io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error());
        assert!(explain(&error).contains("max_user_watches"));
    }
}
