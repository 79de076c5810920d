//! Files to be tried again because the extractor could not run.
//!
//! Owns: how often and when. Must not know: why.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Tries after the first one.
const TRIES: u32 = 3;
/// More files than this are not tried again before the next walk.
const CAPACITY: usize = 4_096;

#[derive(Debug, Clone, Copy)]
struct Try {
    due: Option<Instant>,
    tries: u32,
}

/// The files and when their turn is.
pub(crate) struct Retries {
    after: Duration,
    files: HashMap<PathBuf, Try>,
}

impl Retries {
    /// Tries again after `after`, then after growing times.
    pub(crate) fn new(after: Duration) -> Retries {
        Retries { after, files: HashMap::new() }
    }

    /// Plans another try for `path`; false when it has had enough.
    pub(crate) fn plan(&mut self, path: &Path) -> bool {
        let full = self.files.len() >= CAPACITY;
        let tries = self.files.get(path).map_or(0, |t| t.tries);
        if tries >= TRIES || full && tries == 0 {
            self.files.remove(path);
            return false;
        }
        let due = Some(Instant::now() + self.after * 4_u32.pow(tries));
        self.files.insert(path.to_path_buf(), Try { due, tries: tries + 1 });
        true
    }

    /// The outcome is known: nothing is left to try.
    pub(crate) fn done(&mut self, path: &Path) {
        self.files.remove(path);
    }

    /// A file whose turn it is. It stays known until it is done.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<PathBuf> {
        let (path, next) = self.files.iter_mut().find(|(_, t)| t.due.is_some_and(|due| due <= now))?;
        next.due = None;
        Some(path.clone())
    }

    /// When the next turn is.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.files.values().filter_map(|t| t.due).min()
    }

    /// Whether `path` is to be tried again anyway.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_bounded_and_further_apart_each_time() {
        let mut retries = Retries::new(Duration::from_secs(1));
        let path = Path::new("/a");
        let mut last = Instant::now();
        for _ in 0..TRIES {
            assert!(retries.plan(path));
            let due = retries.next();
            assert!(due.is_some_and(|due| due > last));
            last = due.unwrap_or(last);
            assert_eq!(retries.take_due(last), Some(path.to_path_buf()));
            assert_eq!(retries.take_due(last), None);
        }
        assert!(!retries.plan(path));
        assert_eq!(retries.len(), 0);
    }
}
