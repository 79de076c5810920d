//! Looking at paths and walking folders: what is new, changed, gone.
//!
//! Owns: comparing what is there with what is known.
//! Must not know: how changes are written.

use super::read::{Reading, read};
use super::{Indexer, SWEEP};
use crate::scan::{self, Found, Rules, Stamp, Walk};
use crate::state::SkipRecord;
use crate::types::IndexError;
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::Metadata;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// A walk in progress.
pub(crate) struct Walking {
    at: PathBuf,
    walk: Walk,
    /// Hashes of the files and problems met: a set of paths would be ten times as large. Should two paths
    /// ever share one, a deleted file is found deleted at the next walk only.
    seen: HashSet<u64>,
    /// The same of folders.
    dirs: HashSet<u64>,
    /// Folders that could not be read just now: what is known below them stays.
    kept: Vec<PathBuf>,
}

impl Indexer {
    /// Looks at a path that may be new, changed or gone, and at all below it if it is a folder. A file that
    /// is `admitted` is known to be wanted.
    pub(super) fn look(&mut self, path: PathBuf, admitted: bool) -> Result<(), IndexError> {
        let rules = self.shared.rules();
        let meta = match path.symlink_metadata() {
            Ok(meta) => meta,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return self.miss(&rules, &path);
            }
            Err(e) if rules.wants(&path, false) => return self.note_problem(&path, scan::explain(&e)),
            Err(_) => return self.forget(&path),
        };
        if meta.is_dir() {
            // Also when it is not wanted (any more): the walk then finds nothing, and all below it goes.
            self.plan_walk(path);
            return Ok(());
        }
        if !meta.is_file() || !(admitted || rules.wants(&path, false)) {
            return self.forget(&path);
        }
        if path.to_str().is_none() {
            return self.note_problem(&path, scan::NOT_UTF8.to_owned());
        }
        if self.is_news(&path, Stamp::of(&meta), true)? {
            self.index(&path, &meta)?;
        } else {
            self.retries.done(&path);
        }
        Ok(())
    }

    /// Goes on walking; false when there is nothing to walk.
    pub(super) fn walk_on(&mut self, steps: usize) -> Result<bool, IndexError> {
        let mut walking = match self.walking.take() {
            Some(walking) => walking,
            None => match self.walks.pop_front() {
                Some(at) => self.begin_walk(at),
                None => return Ok(false),
            },
        };
        for _ in 0..steps {
            let Some(found) = walking.walk.next() else {
                self.end_walk(&walking)?;
                return Ok(true);
            };
            // Left in place before anything can fail: an interrupted walk is begun again.
            if let Err(error) = self.meet(&mut walking, found) {
                self.walks.push_front(walking.at);
                return Err(error);
            }
        }
        self.walking = Some(walking);
        Ok(true)
    }

    fn plan_walk(&mut self, at: PathBuf) {
        if self.walks.iter().any(|planned| at.starts_with(planned)) {
            return;
        }
        self.walks.retain(|planned| !planned.starts_with(&at));
        self.walks.push_back(at);
    }

    fn begin_walk(&mut self, at: PathBuf) -> Walking {
        if at == Path::new("/") {
            self.watches.forgive();
        }
        let rules = self.shared.rules();
        let walk = rules.walk(&at);
        self.walked_by = Some(rules);
        Walking { at, walk, seen: HashSet::new(), dirs: HashSet::new(), kept: Vec::new() }
    }

    fn meet(&mut self, walking: &mut Walking, found: Found) -> Result<(), IndexError> {
        match found {
            Found::Dir(dir) => {
                self.watches.add(&dir);
                walking.dirs.insert(hash(&dir));
            }
            Found::File(path, stamp) => {
                // Below two added folders a file is met twice.
                if walking.seen.insert(hash(&path)) && self.is_news(&path, stamp, false)? {
                    self.found.push_back(path);
                }
            }
            Found::Problem { path, reason, keep } => {
                walking.seen.insert(hash(&path));
                if keep {
                    walking.kept.push(path.clone());
                }
                self.note_problem_but_keep(&path, reason, keep)?;
            }
        }
        Ok(())
    }

    /// What is known below the walked folder and was not met is gone or not wanted any more.
    fn end_walk(&mut self, walking: &Walking) -> Result<(), IndexError> {
        self.writer.settle(&walking.at)?;
        let stale =
            |path: &Path| !walking.seen.contains(&hash(path)) && !walking.kept.iter().any(|k| path.starts_with(k));
        let state = self.shared.state.clone();
        for (path, record) in state.files_under(&walking.at) {
            if stale(&path) {
                self.writer.remove(&path, record)?;
            }
        }
        self.writer.settle(&walking.at)?;
        for (path, _) in state.skips_under(&walking.at) {
            if stale(&path) {
                self.writer.unskip(&path)?;
            }
        }
        self.watches.retain(&walking.at, |dir| walking.dirs.contains(&hash(dir)));
        self.note_watching();
        Ok(())
    }

    /// Tells the user when changes can't be followed, and plans walks instead.
    fn note_watching(&mut self) {
        let absent = self.shared.rules().roots().iter().any(|root| !root.is_dir());
        match self.watches.trouble() {
            Some(trouble) => self.shared.notice("watch", None, trouble.to_owned()),
            None => self.shared.clear_notice("watch"),
        }
        let needed = absent || self.watches.trouble().is_some();
        self.sweep = needed.then(|| Instant::now() + SWEEP);
    }

    /// Whether a file differs from what is known of it. What was skipped through no fault of its own is
    /// news to a walk, and to an event.
    fn is_news(&mut self, path: &Path, stamp: Stamp, event: bool) -> Result<bool, IndexError> {
        self.writer.settle(path)?;
        let known = self.shared.state.file(path)?;
        let skip = self.shared.state.skip(path)?;
        if let Some(record) = known {
            if record.stamp() != stamp {
                return Ok(true);
            }
            if skip.is_some() {
                self.writer.unskip(path)?;
            }
            return Ok(false);
        }
        Ok(match skip {
            Some(s) if !s.transient => s.mtime_ns != stamp.mtime_ns || s.size != stamp.size,
            Some(_) => event || !self.retries.holds(path),
            None => true,
        })
    }

    fn index(&mut self, path: &Path, meta: &Metadata) -> Result<(), IndexError> {
        let stamp = Stamp::of(meta);
        self.current = Some(path.to_path_buf());
        let reading = read(path, stamp, self.shared.extractor.as_ref(), self.shared.limits);
        let skip = |reason, transient| SkipRecord { mtime_ns: stamp.mtime_ns, size: stamp.size, reason, transient };
        let done = match reading {
            Reading::Later(reason) => {
                if self.retries.plan(path) {
                    return Ok(());
                }
                self.writer.skip(path, skip(reason, true))
            }
            Reading::Text(text) => self.writer.put(path, stamp, text),
            Reading::Skipped(reason) => self.writer.skip(path, skip(reason, false)),
            Reading::Unreadable(reason) => self.writer.skip(path, skip(reason, true)),
            Reading::Gone => self.forget(path),
        };
        self.retries.done(path);
        self.current = None;
        done
    }

    /// Nothing is at `path` any more.
    fn miss(&mut self, rules: &Arc<Rules>, path: &Path) -> Result<(), IndexError> {
        if rules.roots().iter().any(|root| root.starts_with(path)) {
            // An added folder went with it: the walk says so to the user.
            self.plan_walk(path.to_path_buf());
            return Ok(());
        }
        self.forget(path)
    }

    /// Takes out `path` and all below it.
    fn forget(&mut self, path: &Path) -> Result<(), IndexError> {
        self.retries.done(path);
        self.writer.settle(path)?;
        let state = self.shared.state.clone();
        for (path, record) in state.files_under(path) {
            self.writer.remove(&path, record)?;
        }
        self.writer.settle(path)?;
        for (path, _) in state.skips_under(path) {
            self.writer.unskip(&path)?;
        }
        self.watches.retain(path, |_| false);
        Ok(())
    }

    fn note_problem(&mut self, path: &Path, reason: String) -> Result<(), IndexError> {
        self.note_problem_but_keep(path, reason, false)
    }

    fn note_problem_but_keep(&mut self, path: &Path, reason: String, keep: bool) -> Result<(), IndexError> {
        self.writer.settle(path)?;
        let record = SkipRecord { mtime_ns: 0, size: 0, reason, transient: true };
        let known = self.shared.state.skip(path)?;
        if known.as_ref() == Some(&record) || keep && self.shared.state.file(path)?.is_some() {
            return Ok(());
        }
        self.writer.skip(path, record)
    }
}

fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}
