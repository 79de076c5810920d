//! The one thread that changes what is searchable by words.
//!
//! Owns: the order of work (what just changed, then what is to be tried again, then what a walk found) and
//! coming through trouble: a full disk or a bug stops nothing for good.
//! Must not know: queries, and how embeddings are made.

mod ahead;
mod look;
pub(crate) mod progress;
pub(crate) mod queue;
mod read;
mod retry;
mod writer;

pub(crate) use crate::shared::Shared;
pub(crate) use read::Limits;
pub(crate) use writer::Tally;

use crate::items;
use crate::scan::{Rules, Stamp};
use crate::state::{SkipRecord, storage};
use crate::types::IndexError;
use crate::watch::Watches;
use ahead::Ahead;
use look::{WAIT, Walking};
use queue::{Next, Order};
use retry::Retries;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use writer::Writer;

/// The lexical writer's memory is given back after this long without work.
const WRITER_IDLE: Duration = Duration::from_secs(3);
/// Rest after the index's own files could not be written.
const TROUBLE: Duration = Duration::from_secs(15);
/// Entries of a walk looked at before files are looked to again.
const WALK_STEP: usize = 64;
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
    /// Reads files that walks found.
    ahead: Ahead,
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
            Err(failed) => {
                let (error, unused) = *failed;
                tracing::error!(%error, "the index can't be read; trying again");
                shared.notice("state", Some(&shared.dir), error.to_string());
                watches = unused;
                shared.queue.rest_in_trouble(TROUBLE);
            }
        }
    }
}

impl Indexer {
    fn start(shared: Arc<Shared>, watches: Watches) -> Result<Indexer, Box<(IndexError, Watches)>> {
        let mut writer = match Writer::new(shared.clone()) {
            Ok(writer) => writer,
            Err(error) => return Err(Box::new((error, watches))),
        };
        match writer.recover() {
            Ok(paths) => paths.into_iter().for_each(|path| shared.queue.push(path)),
            Err(error) => return Err(Box::new((error, watches))),
        }
        shared.clear_notice("state");
        let ahead = match Ahead::start(shared.extractor.clone(), shared.limits) {
            Ok(ahead) => ahead,
            Err(error) => return Err(Box::new((storage(&shared.dir, error), watches))),
        };
        let retries = Retries::new(shared.retry_after);
        let indexer = Indexer {
            shared,
            watches,
            writer,
            walks: VecDeque::new(),
            walking: None,
            found: VecDeque::new(),
            ahead,
            walked_by: None,
            retries,
            release: None,
            sweep: None,
            current: None,
        };
        indexer.note_building();
        Ok(indexer)
    }

    fn run(&mut self) {
        crate::background::idle_io();
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
                    self.catch_up()?;
                    self.writer.commit()?;
                    self.shared.queue.rest_paused();
                }
                Next::Path(path) => {
                    self.release = None;
                    self.catch_up()?;
                    self.look(path, false)?;
                }
                Next::Order(order) => {
                    self.release = None;
                    self.catch_up()?;
                    self.obey(order)?;
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
            self.catch_up()?;
            self.look(path, false)?;
            return Ok(true);
        }
        self.read_found()?;
        if self.found.len() < FOUND_CAPACITY && self.walk_on(WALK_STEP)? {
            // What is read meanwhile comes in and is not waited for, and the reader has always something to do; but what
            // just changed does not wait for all that a walk found.
            for _ in 0..self.ahead.len() {
                if !self.put_next(Duration::ZERO)? {
                    break;
                }
                self.read_found()?;
            }
            return Ok(true);
        }
        if self.ahead.len() > 0 {
            self.put_next(WAIT)?;
            self.writer.commit_if_due()?;
            return Ok(true);
        }
        if !self.found.is_empty() {
            return Ok(true);
        }
        if self.sweep.is_some_and(|at| at <= now) {
            self.sweep = None;
            self.walks.push_back(PathBuf::from("/"));
            return Ok(true);
        }
        Ok(false)
    }

    fn obey(&mut self, order: Order) -> Result<(), IndexError> {
        match order {
            Order::Mend(paths) => {
                self.writer.purge(&paths)?;
                paths.into_iter().try_for_each(|path| self.look(path, false))
            }
            Order::Rebuild { sound } => {
                self.writer.begin_anew(sound)?;
                self.note_building();
                self.look(PathBuf::from("/"), false)?;
                self.look(PathBuf::from(items::ROOT), false)
            }
        }
    }

    /// Tells the user what is not found while the word index is built anew.
    fn note_building(&self) {
        let words = &self.shared.words;
        if !words.is_building() {
            return self.shared.clear_notice("building");
        }
        let until = if words.old_answers() {
            "until that is done, the earlier one answers, and what changes is found afterwards"
        } else {
            "until that is done, only what it has come to is found"
        };
        self.shared.notice("building", None, format!("the word index is built anew; {until}"));
    }

    /// Everything has been looked at: an earlier word index has served its time.
    fn end_building(&mut self) -> Result<(), IndexError> {
        if !self.shared.words.is_building() {
            return Ok(());
        }
        self.shared.words.finish(&self.shared.state)?;
        tracing::info!("the word index is complete");
        self.note_building();
        Ok(())
    }

    /// Has files read that walks found, as many as may be under way.
    fn read_found(&mut self) -> Result<(), IndexError> {
        // The walk has just asked the rules about it; asking again would double the cost of small files.
        let admitted = self.walked_by.as_ref().is_some_and(|rules| Arc::ptr_eq(rules, &self.shared.rules()));
        while self.ahead.has_room() {
            let Some(path) = self.found.pop_front() else { return Ok(()) };
            if admitted && !items::is_item(&path) {
                self.read_ahead(path)?;
            } else {
                self.catch_up()?;
                self.look(path, false)?;
            }
        }
        Ok(())
    }

    /// Commits and waits for something to do.
    fn rest(&mut self) -> Result<(), IndexError> {
        self.writer.commit()?;
        self.end_building()?;
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
        let found = (self.found.len() + self.ahead.len() + self.walks.len()) as u64 + u64::from(self.walking.is_some());
        let waiting = self.retries.len() as u64;
        let at_work = !self.writer.is_empty();
        self.shared.progress.update(|c| {
            c.indexing |= at_work || found > 0;
            c.found = found;
            c.waiting = waiting;
        });
    }
}
