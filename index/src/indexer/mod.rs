//! The one thread that changes what is searchable by words.
//!
//! Owns: the order of work (what just changed, then what is to be tried again, then what a walk found) and
//! coming through trouble: a full disk or a bug stops nothing for good.
//! Must not know: queries, and how embeddings are made.

mod look;
pub(crate) mod progress;
pub(crate) mod queue;
mod read;
mod retry;
mod writer;

pub(crate) use crate::shared::Shared;
pub(crate) use read::Limits;
pub(crate) use writer::Tally;

use crate::scan::{Rules, Stamp};
use crate::state::SkipRecord;
use crate::types::IndexError;
use crate::watch::Watches;
use look::Walking;
use queue::Next;
use retry::Retries;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use writer::Writer;

/// The lexical writer's memory is given back after this long without work.
const WRITER_IDLE: Duration = Duration::from_secs(3);
/// How often everything is walked when the kernel can't tell of all changes.
const SWEEP: Duration = Duration::from_secs(600);
/// Rest after the index's own files could not be written.
const TROUBLE: Duration = Duration::from_secs(15);
/// Entries of a walk looked at between two files.
const WALK_STEP: usize = 256;
/// A walk rests while this many files that it found wait to be read.
const FOUND_CAPACITY: usize = 100_000;
const BUG: &str = "hob failed on it, which is a bug of hob's; please report it";

/// What the indexer's thread holds.
pub(crate) struct Indexer {
    shared: Arc<Shared>,
    watches: Watches,
    writer: Writer,
    /// Folders still to be walked.
    walks: VecDeque<PathBuf>,
    walking: Option<Walking>,
    /// Files that walks found new or changed.
    found: VecDeque<PathBuf>,
    /// The rules that the last walk went by.
    walked_by: Option<Arc<Rules>>,
    retries: Retries,
    /// When the lexical writer's memory is to be given back.
    release: Option<Instant>,
    /// When everything is to be walked again.
    sweep: Option<Instant>,
    /// The file being worked on, in case it is what a panic is about.
    current: Option<PathBuf>,
}

/// Runs the indexer until the index is closed.
pub(crate) fn run(shared: &Arc<Shared>, mut watches: Watches) {
    while !shared.queue.stopping() {
        match Indexer::start(shared.clone(), watches) {
            Ok(mut indexer) => return indexer.run(),
            Err((error, unused)) => {
                tracing::error!(%error, "the index can't be read; trying again");
                shared.notice("state", Some(&shared.dir), error.to_string());
                watches = unused;
                shared.queue.rest_in_trouble(TROUBLE);
            }
        }
    }
}

impl Indexer {
    fn start(shared: Arc<Shared>, watches: Watches) -> Result<Indexer, (IndexError, Watches)> {
        let mut writer = match Writer::new(shared.clone()) {
            Ok(writer) => writer,
            Err(error) => return Err((error, watches)),
        };
        match writer.recover() {
            Ok(paths) => paths.into_iter().for_each(|path| shared.queue.push(path)),
            Err(error) => return Err((error, watches)),
        }
        shared.clear_notice("state");
        let retries = Retries::new(shared.retry_after);
        Ok(Indexer {
            shared,
            watches,
            writer,
            walks: VecDeque::new(),
            walking: None,
            found: VecDeque::new(),
            walked_by: None,
            retries,
            release: None,
            sweep: None,
            current: None,
        })
    }

    fn run(&mut self) {
        loop {
            // What a panic leaves behind is the batch, and that is given up below.
            match catch_unwind(AssertUnwindSafe(|| self.work())) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => self.come_through(error.to_string()),
                Err(_) => {
                    self.come_through(BUG.to_owned());
                    self.leave_out_current();
                }
            }
        }
    }

    /// Works until the index is closed (Ok) or the index's own files can't be used.
    fn work(&mut self) -> Result<(), IndexError> {
        loop {
            match self.shared.queue.next() {
                Next::Stop => return self.writer.commit(),
                Next::Paused => {
                    self.writer.commit()?;
                    self.shared.queue.rest_paused();
                }
                Next::Path(path) => {
                    self.release = None;
                    self.look(path, false)?;
                }
                Next::Empty => {
                    if !self.work_on_own()? {
                        self.rest()?;
                    }
                }
            }
            self.report();
        }
    }

    /// Does a piece of what is left from earlier; false when there is nothing that can be done now.
    fn work_on_own(&mut self) -> Result<bool, IndexError> {
        let now = Instant::now();
        if let Some(path) = self.retries.take_due(now) {
            self.look(path, false)?;
            return Ok(true);
        }
        if self.found.len() < FOUND_CAPACITY && self.walk_on(WALK_STEP)? {
            self.index_found()?;
            return Ok(true);
        }
        if self.index_found()? {
            return Ok(true);
        }
        if self.sweep.is_some_and(|at| at <= now) {
            self.sweep = None;
            self.walks.push_back(PathBuf::from("/"));
            return Ok(true);
        }
        Ok(false)
    }

    fn index_found(&mut self) -> Result<bool, IndexError> {
        let Some(path) = self.found.pop_front() else { return Ok(false) };
        // The walk has just asked the rules about it; asking again would double the cost of small files.
        let admitted = self.walked_by.as_ref().is_some_and(|rules| Arc::ptr_eq(rules, &self.shared.rules()));
        self.look(path, admitted).map(|()| true)
    }

    /// Commits and waits for something to do.
    fn rest(&mut self) -> Result<(), IndexError> {
        self.writer.commit()?;
        let now = Instant::now();
        if !self.writer.is_warm() {
            self.release = None;
        } else if *self.release.get_or_insert(now + WRITER_IDLE) <= now {
            self.release = None;
            self.writer.cool()?;
            crate::memory::trim();
        }
        let next = [self.release, self.sweep, self.retries.next()].into_iter().flatten().min();
        let timeout = next.map(|at| at.saturating_duration_since(Instant::now()));
        self.report();
        self.shared.queue.rest(timeout);
        Ok(())
    }

    /// The file over which there was a panic is not tried again until it changes.
    fn leave_out_current(&mut self) {
        let Some(path) = self.current.take() else { return };
        let stamp = path.symlink_metadata().map_or(Stamp { mtime_ns: 0, size: 0, inode: 0 }, |meta| Stamp::of(&meta));
        let (mtime_ns, size) = (stamp.mtime_ns, stamp.size);
        let record = SkipRecord { mtime_ns, size, reason: BUG.to_owned(), transient: false };
        if let Err(error) = self.writer.skip(&path, record) {
            tracing::error!(%error, path = %path.display(), "a file that hob failed on could not be noted");
        }
    }

    /// The index's own files could not be written, or there is a bug: rest, then look again.
    fn come_through(&mut self, reason: String) {
        tracing::error!(reason, "indexing is interrupted; trying again soon");
        self.shared.notice("storage", Some(&self.shared.dir), reason);
        let again = self.writer.abandon();
        self.shared.queue.rest_in_trouble(TROUBLE);
        again.into_iter().for_each(|path| self.shared.queue.push(path));
    }

    fn report(&self) {
        let found = (self.found.len() + self.walks.len()) as u64 + u64::from(self.walking.is_some());
        let waiting = self.retries.len() as u64;
        let at_work = !self.writer.is_empty();
        self.shared.progress.update(|c| {
            c.indexing |= at_work;
            c.found = found;
            c.waiting = waiting;
        });
    }
}
