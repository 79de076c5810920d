//! Looking at paths and walking folders: what is new, changed, gone.
//!
//! Owns: comparing what is there with what is known.
//! Must not know: how changes are written.

use super::Indexer;
use super::ahead::Job;
use super::read::{NO_TEXT, Reading, read, text_of};
use crate::items;
use crate::scan::{self, Found, Rules, Stamp, Walk};
use crate::state::{SkipRecord, storage};
use crate::types::IndexError;
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::Metadata;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// File systems tell the time of a change at least this finely.
const TICK: Duration = Duration::from_millis(20);

/// How long a file that is being read is waited for before something else is looked to.
pub(super) const WAIT: Duration = Duration::from_millis(100);

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
        if items::is_item(&path) {
            return self.look_at_item(path);
        }
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
            let stamp = Stamp::of(&rested(&path, meta));
            let reading = read(&path, stamp, self.shared.extractor.as_ref(), self.shared.limits);
            self.take_in(Job { path, stamp }, reading)?;
        } else {
            self.retries.done(&path);
        }
        Ok(())
    }

    /// Has a file read that a walk found, if it is worth it; it comes back by [`Indexer::put_next`].
    pub(super) fn read_ahead(&mut self, path: PathBuf) -> Result<(), IndexError> {
        let plain = path.symlink_metadata().ok().filter(Metadata::is_file);
        // All that is out of the ordinary goes the ordinary way.
        let Some(meta) = plain.filter(|_| path.to_str().is_some()) else { return self.look(path, true) };
        if !self.is_news(&path, Stamp::of(&meta), true)? {
            self.retries.done(&path);
            return Ok(());
        }
        let stamp = Stamp::of(&rested(&path, meta));
        let job = Job { path, stamp };
        if !self.ahead.holds(&job) && !self.ahead.give(job.clone()) {
            self.found.push_front(job.path);
            return Err(storage(&self.shared.dir, "the reading thread has ended"));
        }
        Ok(())
    }

    /// Puts in the next file that was read ahead, waiting for it if need be; false if there was none in time.
    pub(super) fn put_next(&mut self, patience: Duration) -> Result<bool, IndexError> {
        let Some((job, reading)) = self.ahead.take(patience) else { return Ok(false) };
        let path = job.path.clone();
        // What fails here is found again: it is still news.
        self.take_in(job, reading).inspect_err(|_| self.shared.queue.push(path)).map(|()| true)
    }

    /// Lets everything that is being read come in, so that paths may be acted on by another way.
    pub(super) fn catch_up(&mut self) -> Result<(), IndexError> {
        while self.ahead.len() > 0 && !self.shared.queue.stopping() {
            self.put_next(WAIT)?;
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
        let stale =
            |path: &Path| !walking.seen.contains(&hash(path)) && !walking.kept.iter().any(|k| path.starts_with(k));
        self.writer.settle_if(&walking.at, stale)?;
        let state = self.shared.state.clone();
        for (path, record) in state.files_under(&walking.at) {
            if stale(&path) {
                self.writer.remove(&path, record)?;
            }
        }
        self.writer.settle_if(&walking.at, stale)?;
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
        let rules = self.shared.rules();
        let absent = rules.roots().iter().any(|root| !root.is_dir() || self.shared.is_on_network(root));
        match self.watches.trouble() {
            Some(trouble) => self.shared.notice("watch", None, trouble.to_owned()),
            None => self.shared.clear_notice("watch"),
        }
        let needed = absent || self.watches.trouble().is_some();
        self.sweep = needed.then(|| Instant::now() + self.shared.sweep);
    }

    /// Whether a file differs from what is known of it. What was skipped through no fault of its own is
    /// news to a walk, and to an event.
    fn is_news(&mut self, path: &Path, stamp: Stamp, event: bool) -> Result<bool, IndexError> {
        self.writer.settle(path)?;
        let known = self.shared.state.file(path)?;
        let skip = self.shared.state.skip(path)?;
        if let Some(record) = known {
            if record.stamp() != stamp || record.epoch != self.shared.words.epoch() {
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

    /// Puts in what reading a file came to.
    fn take_in(&mut self, job: Job, reading: Reading) -> Result<(), IndexError> {
        let Job { path, stamp } = job;
        let path = path.as_path();
        self.current = Some(path.to_path_buf());
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

    /// Looks at an item that may be new, changed or gone, or at all of them.
    fn look_at_item(&mut self, path: PathBuf) -> Result<(), IndexError> {
        if path == Path::new(items::ROOT) {
            return self.look_at_items();
        }
        let Some(version) = self.shared.items.version(&path) else { return self.forget(&path) };
        if !self.is_news(&path, Stamp::of_item(version), true)? {
            return Ok(());
        }
        self.current = Some(path.clone());
        let done = match self.shared.items.get(&path) {
            Ok(None) => self.forget(&path),
            Ok(Some((version, item))) => {
                let name = items::ItemName::of(&path).map(|name| name.id).unwrap_or_default();
                let stamp = Stamp::of_item(version);
                match text_of(item.document(), &name, self.shared.limits.text) {
                    Some(text) => self.writer.put(&path, stamp, text),
                    None => self.note_problem(&path, NO_TEXT.to_owned()),
                }
            }
            Err(error) => self.note_problem(&path, error.to_string()),
        };
        self.current = None;
        done
    }

    /// Compares what is kept with what is known.
    fn look_at_items(&mut self) -> Result<(), IndexError> {
        let all = Path::new(items::ROOT);
        self.writer.settle(all)?;
        let shared = self.shared.clone();
        for (path, record) in shared.state.files_under(all) {
            if shared.items.version(&path).is_none() {
                self.writer.remove(&path, record)?;
            }
        }
        for (path, _) in shared.state.skips_under(all) {
            if shared.items.version(&path).is_none() {
                self.writer.unskip(&path)?;
            }
        }
        for (path, version) in shared.items.all() {
            if self.is_news(&path, Stamp::of_item(version), false)? {
                self.found.push_back(path);
            }
        }
        Ok(())
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

/// What a file looks like once its last change is older than the clock of its file system is coarse: another one within
/// the same tick would leave no trace in it, and the file would count as known.
fn rested(path: &Path, meta: Metadata) -> Metadata {
    let age = meta.modified().ok().and_then(|at| at.elapsed().ok());
    let Some(left) = age.and_then(|age| TICK.checked_sub(age)) else { return meta };
    std::thread::sleep(left);
    path.symlink_metadata().unwrap_or(meta)
}

fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}
