//! Reading ahead: while one file is put into the stores, the next ones are read.
//!
//! Owns: the thread that reads, and the files that are between being found and being put in. They come back in the order
//! in which they were given.
//! Must not know: the stores, and whether a file is wanted. Whoever acts on a path by another way first lets everything
//! come back, or an older reading could overwrite a newer one.

use super::read::{Limits, Reading, extract, finish, refuse};
use crate::scan::Stamp;
use crate::types::Extractor;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Files given at most before they come back.
const CAPACITY: usize = 96;
/// Files that an extractor is told of together, before the first is asked for; it is told of the next ones before the
/// last of these is.
const TOGETHER: usize = 24;
/// Larger files are read by themselves, in bytes.
const SMALL: u64 = 128 << 10;

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub path: PathBuf,
    /// As it was before it was read.
    pub stamp: Stamp,
}

/// See the module.
pub(super) struct Ahead {
    jobs: SyncSender<Job>,
    done: Receiver<(Job, Reading)>,
    /// In the order in which they come back.
    under_way: VecDeque<Job>,
}

impl Ahead {
    /// Starts the thread, which ends with this value.
    pub(super) fn start(extractor: Arc<dyn Extractor>, limits: Limits) -> std::io::Result<Ahead> {
        let (jobs, given) = sync_channel(CAPACITY);
        let (tell, done) = sync_channel(CAPACITY);
        let work = move || {
            crate::background::idle_io();
            read_all(&given, &tell, extractor.as_ref(), limits);
        };
        std::thread::Builder::new().name("hob-index-read".to_owned()).spawn(work)?;
        Ok(Ahead { jobs, done, under_way: VecDeque::new() })
    }

    /// Whether another file may be given.
    pub(super) fn has_room(&self) -> bool {
        self.under_way.len() < CAPACITY
    }

    /// How many files have not come back.
    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether this file, as it is, is being read already: two walks may meet it before it comes back.
    pub(super) fn holds(&self, job: &Job) -> bool {
        self.under_way.contains(job)
    }

    /// Gives a file; there has to be room. False when the thread is gone.
    pub(super) fn give(&mut self, job: Job) -> bool {
        let given = self.jobs.try_send(job.clone()).is_ok();
        if given {
            self.under_way.push_back(job);
        }
        given
    }

    /// The next file that is read; `None` if it takes longer than `patience`, or the thread is gone.
    pub(super) fn take(&mut self, patience: Duration) -> Option<(Job, Reading)> {
        if self.under_way.is_empty() {
            return None;
        }
        match self.done.recv_timeout(patience) {
            Ok(done) => {
                self.under_way.pop_front();
                Some(done)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                self.under_way.clear();
                None
            }
        }
    }
}

fn read_all(given: &Receiver<Job>, tell: &SyncSender<(Job, Reading)>, extractor: &dyn Extractor, limits: Limits) {
    let mut given = Given { jobs: given, large: None };
    let mut begun = None;
    loop {
        let Some(group) = begun.take().or_else(|| given.wait().map(|jobs| begin(jobs, extractor, limits))) else {
            return;
        };
        begun = given.at_once().map(|jobs| begin(jobs, extractor, limits));
        // Told when all are read: each telling may wake the other thread.
        for read in end(group, extractor, limits) {
            if tell.send(read).is_err() {
                return;
            }
        }
    }
}

/// What was given, in groups.
struct Given<'a> {
    jobs: &'a Receiver<Job>,
    /// Came out after the small ones of a group, and is read by itself.
    large: Option<Job>,
}

impl Given<'_> {
    /// The next group; `None` when there will be no more.
    fn wait(&mut self) -> Option<Vec<Job>> {
        let first = self.large.take().or_else(|| self.jobs.recv().ok())?;
        Some(self.group(first))
    }

    /// The next group if it is there already.
    fn at_once(&mut self) -> Option<Vec<Job>> {
        let first = self.large.take().or_else(|| self.jobs.try_recv().ok())?;
        Some(self.group(first))
    }

    fn group(&mut self, first: Job) -> Vec<Job> {
        let is_small = |job: &Job| job.stamp.size <= SMALL;
        let mut group = vec![first];
        while group.len() < TOGETHER && group.iter().all(is_small) {
            match self.jobs.try_recv() {
                Ok(job) if is_small(&job) => group.push(job),
                Ok(job) => {
                    self.large = Some(job);
                    break;
                }
                Err(_) => break,
            }
        }
        group
    }
}

/// A group whose readable files an extractor expects; the others have their reading already.
fn begin(jobs: Vec<Job>, extractor: &dyn Extractor, limits: Limits) -> Vec<(Job, Option<Reading>)> {
    let refused = |job: Job| {
        let refused = refuse(job.stamp, limits);
        (job, refused)
    };
    let group: Vec<(Job, Option<Reading>)> = jobs.into_iter().map(refused).collect();
    let readable = group.iter().filter(|(_, refused)| refused.is_none());
    extractor.expect(&readable.map(|(job, _)| job.path.as_path()).collect::<Vec<&Path>>());
    group
}

fn end(group: Vec<(Job, Option<Reading>)>, extractor: &dyn Extractor, limits: Limits) -> Vec<(Job, Reading)> {
    let read = |(job, refused): (Job, Option<Reading>)| {
        let reading = refused.unwrap_or_else(|| finish(&job.path, extract(&job.path, extractor), limits));
        (job, reading)
    };
    group.into_iter().map(read).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::types::{Block, Document, ExtractError};
    use std::fs;

    struct Names;
    impl Extractor for Names {
        fn extract(&self, path: &Path) -> Result<Document, ExtractError> {
            assert!(!path.ends_with("7"), "a bug over one of a group");
            let text = path.display().to_string();
            let block = Block { text, line: 1, ..Block::default() };
            Ok(Document { kind: "text".into(), blocks: vec![block], ..Document::default() })
        }
    }

    #[test]
    fn files_come_back_in_order_and_one_bad_one_costs_itself() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { file: 1 << 20, text: 1000 };
        let mut ahead = Ahead::start(Arc::new(Names), limits).unwrap();
        for i in 0..60 {
            let path = dir.path().join(i.to_string());
            fs::write(&path, "x").unwrap();
            let size =
                [1, 200_000, 0, 5 << 20][usize::from(i == 3) + usize::from(i == 20) * 2 + usize::from(i == 30) * 3];
            let job = Job { path, stamp: Stamp { mtime_ns: 0, size, inode: 0 } };
            assert!(ahead.has_room() && !ahead.holds(&job) && ahead.give(job.clone()));
            let changed = Job { stamp: Stamp { mtime_ns: 1, ..job.stamp }, path: job.path.clone() };
            assert!(ahead.holds(&job) && !ahead.holds(&changed));
        }
        for i in 0..60 {
            let (job, reading) = ahead.take(Duration::from_secs(60)).unwrap();
            assert!(job.path.ends_with(i.to_string()));
            match i {
                7 => assert!(matches!(reading, Reading::Skipped(r) if r.contains("bug"))),
                20 => assert!(matches!(reading, Reading::Skipped(r) if r.contains("empty"))),
                30 => assert!(matches!(reading, Reading::Skipped(r) if r.contains("5 MB"))),
                _ => assert!(matches!(reading, Reading::Text(t) if t.chunks[0].text.ends_with(&format!("/{i}")))),
            }
        }
        assert_eq!((ahead.len(), ahead.take(Duration::ZERO).is_none()), (0, true));
    }
}
