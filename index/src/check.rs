//! Checking the index against itself and against the disk, and ordering what was found to be put right.
//!
//! Owns: what has to agree with what. Must not know: how anything is put right; that is the indexer's, as always.
//!
//! Looked at from outside, an index at work always disagrees with something. So a finding counts only when nothing was
//! committed while it was made.

use crate::indexer::queue::Order;
use crate::items;
use crate::scan::{Found, Stamp};
use crate::shared::Shared;
use crate::state::FileRecord;
use crate::types::{ChunkId, IndexError};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Looks at most so often when the index is at work meanwhile.
const ATTEMPTS: usize = 3;

/// What a check came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files and items that are in the index.
    pub documents: u64,
    /// Passages that can be found by words.
    pub passages: u64,
    /// Passages that have an embedding.
    pub embeddings: u64,
    /// What disagrees; empty when all is well.
    pub findings: Vec<Finding>,
    /// The index was at work all the time, so that findings may be of what it was doing.
    pub unsettled: bool,
}

/// Something that disagrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, item or store it is about.
    pub path: PathBuf,
    /// One sentence.
    pub problem: String,
    cure: Cure,
}

/// What puts a finding right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cure {
    /// The path is taken out and looked at again.
    Mend,
    /// The word index is built anew, and the present one can't be relied on.
    Rebuild,
    /// The embeddings are compared with the files, and what lacks one gets it.
    Vectors,
    /// Nothing can.
    None,
}

/// Checks everything. Reads the whole index and walks all folders.
pub(crate) fn check(shared: &Shared) -> Result<Report, IndexError> {
    let mut report = Report::default();
    for _ in 0..ATTEMPTS {
        let before = moment(shared)?;
        report = once(shared)?;
        let at_rest = before.1 && moment(shared)? == before;
        if at_rest || report.findings.is_empty() {
            return Ok(report);
        }
        report.unsettled = true;
    }
    Ok(report)
}

/// Orders what puts the findings right; it is done when the index is at rest again.
pub(crate) fn repair(shared: &Shared, report: &Report) {
    let with = |cure| report.findings.iter().filter(move |finding| finding.cure == cure);
    if with(Cure::Rebuild).next().is_some() {
        shared.queue.order(Order::Rebuild { sound: false });
    }
    let paths: Vec<PathBuf> = with(Cure::Mend).map(|finding| finding.path.clone()).collect();
    if !paths.is_empty() {
        shared.queue.order(Order::Mend(paths));
    }
    // Mending changes which passages there are.
    if !report.findings.is_empty() {
        shared.backfill.embedder_changed(shared);
    }
    shared.progress.tell();
}

/// The commit that the index is at, and whether it is at rest.
fn moment(shared: &Shared) -> Result<(u64, bool), IndexError> {
    Ok((shared.state.generation()?, shared.progress.lexical_rests()))
}

fn once(shared: &Shared) -> Result<Report, IndexError> {
    let mut report = Report::default();
    let records: HashMap<PathBuf, FileRecord> = shared.state.all_files().collect();
    report.documents = records.len() as u64;
    words(shared, &records, &mut report)?;
    vectors(shared, &records, &mut report)?;
    disk(shared, &records, &mut report)?;
    kept_items(shared, &records, &mut report);
    report.findings.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(report)
}

impl Report {
    fn find(&mut self, cure: Cure, path: &Path, problem: impl Into<String>) {
        self.findings.push(Finding { path: path.to_path_buf(), problem: problem.into(), cure });
    }
}

/// The word index against the list of files.
fn words(shared: &Shared, records: &HashMap<PathBuf, FileRecord>, report: &mut Report) -> Result<(), IndexError> {
    let lexical = shared.lexical();
    let damaged = lexical.damaged()?;
    for file in &damaged {
        report.find(Cure::Rebuild, &lexical.dir().join(file), "this file of the word index is not as it was written");
    }
    if !damaged.is_empty() {
        // What a damaged index says of itself proves nothing.
        return Ok(());
    }
    let mut inventory = lexical.inventory()?;
    report.passages = inventory.values().map(|ids| ids.len() as u64).sum();
    for (path, record) in records {
        let found = inventory.remove(path).unwrap_or_default();
        if !found.iter().copied().eq(record.ids()) {
            let (found, listed) = (found.len(), record.chunks);
            report.find(
                Cure::Mend,
                path,
                format!("the word index has {found} of its {listed} passages, or other ones"),
            );
        }
    }
    for (path, ids) in inventory {
        let count = ids.len();
        report.find(Cure::Mend, &path, format!("the word index has {count} passages of it, the list of files none"));
    }
    Ok(())
}

/// The embeddings against the list of files.
fn vectors(shared: &Shared, records: &HashMap<PathBuf, FileRecord>, report: &mut Report) -> Result<(), IndexError> {
    let guard = shared.backfill.vectors();
    let Some(vectors) = guard.as_ref() else { return Ok(()) };
    report.embeddings = vectors.len() as u64;
    let dir = shared.dir.join("vectors");
    let live: HashSet<ChunkId> = records.values().flat_map(FileRecord::ids).collect();
    let orphans = vectors.ids().filter(|id| !live.contains(id)).count();
    if orphans > 0 {
        report.find(Cure::Vectors, &dir, format!("{orphans} embeddings belong to no passage"));
    }
    let damaged = vectors.damaged()?;
    if damaged > 0 {
        report.find(Cure::Vectors, &dir, format!("{damaged} embeddings are not as they were written"));
    }
    Ok(())
}

/// The list of files against the disk.
fn disk(shared: &Shared, records: &HashMap<PathBuf, FileRecord>, report: &mut Report) -> Result<(), IndexError> {
    let rules = shared.rules();
    let mut seen: HashSet<PathBuf> = HashSet::new();
    let mut unreadable: Vec<PathBuf> = Vec::new();
    for found in rules.walk(Path::new("/")) {
        match found {
            Found::File(path, stamp) => {
                if let Some(problem) = stale(shared, records.get(&path), &path, stamp)? {
                    report.find(Cure::Mend, &path, problem);
                }
                seen.insert(path);
            }
            Found::Problem { path, keep, .. } => {
                if keep {
                    unreadable.push(path.clone());
                }
                seen.insert(path);
            }
            Found::Dir(_) => {}
        }
    }
    let kept = |path: &Path| seen.contains(path) || unreadable.iter().any(|dir| path.starts_with(dir));
    for path in records.keys().filter(|path| !items::is_item(path) && !kept(path)) {
        report.find(Cure::Mend, path, "it is in the index, but not on the disk, or not wanted any more");
    }
    Ok(())
}

fn stale(
    shared: &Shared,
    record: Option<&FileRecord>,
    path: &Path,
    stamp: Stamp,
) -> Result<Option<String>, IndexError> {
    if let Some(record) = record {
        let changed = record.stamp() != stamp || record.epoch != shared.words.epoch();
        return Ok(changed.then(|| "it has changed since it was indexed".to_owned()));
    }
    let excused = shared.state.skip(path)?;
    let excused = excused.is_some_and(|s| s.transient || s.mtime_ns == stamp.mtime_ns && s.size == stamp.size);
    Ok((!excused).then(|| "it is on the disk, but not in the index".to_owned()))
}

/// The items against the list of files.
fn kept_items(shared: &Shared, records: &HashMap<PathBuf, FileRecord>, report: &mut Report) {
    let damaged: HashSet<PathBuf> = shared.items.damaged().into_iter().collect();
    for path in &damaged {
        report.find(Cure::None, path, "this item is damaged; the program that pushed it has to push it again");
    }
    for (path, version) in shared.items.all() {
        let known = records.get(&path).is_some_and(|record| record.stamp() == Stamp::of_item(version));
        let excused = || damaged.contains(&path) || shared.state.skip(&path).ok().flatten().is_some();
        if !known && !excused() {
            report.find(Cure::Mend, &path, "this item was pushed, but is not in the index as it is");
        }
    }
    for path in records.keys().filter(|path| items::is_item(path)) {
        if shared.items.version(path).is_none() {
            report.find(Cure::Mend, path, "this item was taken back, but is in the index");
        }
    }
}
