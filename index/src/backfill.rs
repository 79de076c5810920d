//! Making embeddings in the background.
//!
//! Owns: the vector store in use, which passages still need an embedding (newest files first), and coming
//! through an embedder that fails or is not there.
//! Must not know: how files become passages, and how vectors are searched.
//!
//! When another embedder comes, its store is filled beside the old one, which is searched until the new one is
//! complete, as long as the old embedder can still be asked.
//!
//! What is pending is worked out from the file state whenever the embedder changes; afterwards the indexer
//! offers each file it has committed.

use crate::chunk;
use crate::shared::Shared;
use crate::state::FileRecord;
use crate::types::{ChunkId, EmbedderInfo, IndexError, Urgency};
use crate::vectors::Vectors;
use std::collections::{BinaryHeap, HashSet};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// Texts given to the embedder at once.
const BATCH: usize = 32;
/// Batches between two flushes of the vector store.
const FLUSH_EVERY: usize = 16;
/// An embedder that failed rests no longer than this.
const LONGEST_REST: Duration = Duration::from_secs(900);
/// After this many failures in a row the index no longer counts as embedding: nobody should wait for it.
const PATIENCE: u32 = 3;
/// Passages tried one by one to tell a bad passage from a bad embedder.
const PROBES: usize = 3;

/// Passages of one file that need embeddings; the newest file is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    mtime_ns: i64,
    first: ChunkId,
    end: ChunkId,
}

#[derive(Default)]
struct Inner {
    files: BinaryHeap<Pending>,
    /// The embedder in use.
    info: Option<EmbedderInfo>,
    changed: bool,
    stop: bool,
}

/// The inbox of the embedding thread, and the store it fills.
pub(crate) struct Backfill {
    dir: PathBuf,
    inner: Mutex<Inner>,
    wake: Condvar,
    /// What is searched.
    vectors: RwLock<Option<Vectors>>,
    /// The store of an embedder that is taking over; it is filled instead. Locked after `vectors`.
    next: RwLock<Option<Vectors>>,
}

/// Whether an embedder was trained for a language.
pub(crate) fn covers(info: &EmbedderInfo, lang: &str) -> bool {
    info.languages.is_empty() || info.languages.iter().any(|l| l == lang)
}

impl Backfill {
    /// Keeps vectors in `dir`.
    pub(crate) fn new(dir: PathBuf) -> Backfill {
        let inner = Inner { changed: true, ..Inner::default() };
        Backfill {
            dir,
            inner: Mutex::new(inner),
            wake: Condvar::new(),
            vectors: RwLock::new(None),
            next: RwLock::new(None),
        }
    }

    /// The embedder in use.
    pub(crate) fn info(&self) -> Option<EmbedderInfo> {
        self.lock().info.clone()
    }

    /// The store that is being filled. Only the embedding thread changes which one that is.
    fn filling(&self) -> &RwLock<Option<Vectors>> {
        let is_moving = self.next.read().unwrap_or_else(PoisonError::into_inner).is_some();
        if is_moving { &self.next } else { &self.vectors }
    }

    fn filled(&self) -> RwLockReadGuard<'_, Option<Vectors>> {
        self.filling().read().unwrap_or_else(PoisonError::into_inner)
    }

    fn to_fill(&self) -> RwLockWriteGuard<'_, Option<Vectors>> {
        self.filling().write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is searched.
    pub(crate) fn vectors(&self) -> RwLockReadGuard<'_, Option<Vectors>> {
        self.vectors.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the vectors are, for searching.
    pub(crate) fn store(&self) -> &RwLock<Option<Vectors>> {
        &self.vectors
    }

    /// How many passages have an embedding by the embedder in use.
    pub(crate) fn embedded(&self) -> u64 {
        self.filled().as_ref().map_or(0, |v| v.len() as u64)
    }

    /// The embedder may have come, gone or become another one.
    pub(crate) fn embedder_changed(&self, shared: &Shared) {
        self.lock().changed = true;
        self.wake.notify_all();
        let there = shared.embedder.info().is_some();
        shared.progress.update(|c| {
            c.nudged = true;
            c.embedding |= there;
        });
    }

    /// Files were committed; those in the embedder's languages get embeddings.
    pub(crate) fn offer(&self, shared: &Shared, records: &[FileRecord]) {
        let mut inner = self.lock();
        let Inner { files, info: Some(info), .. } = &mut *inner else { return };
        let before = files.len();
        files.extend(records.iter().filter(|r| covers(info, &r.lang)).map(pending));
        if files.len() > before {
            // Under the inbox's lock, so that the thread can't find it empty in between.
            shared.progress.update(|c| c.embedding = true);
            self.wake.notify_all();
        }
    }

    /// Rewrites the vectors' file when that is worth it; whether it did.
    pub(crate) fn tidy(&self) -> Result<bool, IndexError> {
        let mut guard = self.vectors.write().unwrap_or_else(PoisonError::into_inner);
        guard.as_mut().map_or(Ok(false), Vectors::tidy)
    }

    /// Drops the embeddings of passages that are gone. The state must have forgotten them before.
    pub(crate) fn drop_vectors(&self, dead: &[Range<ChunkId>]) -> Result<(), IndexError> {
        // Both at once: a store that takes over in between would keep them.
        let mut searched = self.vectors.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = self.next.write().unwrap_or_else(PoisonError::into_inner);
        for vectors in searched.iter_mut().chain(next.iter_mut()) {
            let ids: Vec<ChunkId> = dead.iter().cloned().flatten().filter(|&id| vectors.contains(id)).collect();
            if !ids.is_empty() {
                vectors.remove(&ids)?;
                vectors.flush()?;
            }
        }
        Ok(())
    }

    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.wake.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pending(record: &FileRecord) -> Pending {
    let ids = record.ids();
    Pending { mtime_ns: record.mtime_ns, first: ids.start, end: ids.end }
}

/// Makes embeddings until the index is closed.
pub(crate) fn run(shared: &Arc<Shared>) {
    let mut worker = Worker { shared, failures: 0, since_flush: 0, given_up: HashSet::new() };
    loop {
        match catch_unwind(AssertUnwindSafe(|| worker.work())) {
            Ok(Ok(())) => break,
            Ok(Err(error)) => worker.fail(&error.to_string()),
            Err(_) => worker.fail("embedding failed, which is a bug of hob's; please report it"),
        }
    }
    if let Err(error) = worker.flush() {
        tracing::error!(%error, "the last embeddings are lost and will be made again");
    }
}

/// The passages of one embedding call: each with the parts of its text.
type Batch = Vec<(ChunkId, Vec<String>)>;

struct Worker<'a> {
    shared: &'a Arc<Shared>,
    /// In a row.
    failures: u32,
    since_flush: usize,
    /// Passages that the embedder can't do; tried again after a restart.
    given_up: HashSet<ChunkId>,
}

impl Worker<'_> {
    /// Works until stopped (Ok) or something fails.
    fn work(&mut self) -> Result<(), IndexError> {
        loop {
            let mut inner = self.backfill().lock();
            if inner.stop {
                return Ok(());
            }
            let changed = std::mem::take(&mut inner.changed);
            drop(inner);
            if changed {
                // Without a store there is nothing to go on with: met again after the rest.
                self.meet_embedder().inspect_err(|_| self.backfill().lock().changed = true)?;
                continue;
            }
            if !self.shared.progress.wait_for_rest() {
                continue;
            }
            match self.next_batch()? {
                Some(batch) => self.embed(batch)?,
                None => self.rest()?,
            }
        }
    }

    /// Opens the store of the embedder at hand and works out what is pending.
    fn meet_embedder(&mut self) -> Result<(), IndexError> {
        self.flush()?;
        let info = self.shared.embedder.info();
        self.open(info.as_ref())?;
        self.failures = 0;
        self.given_up.clear();
        let mut inner = self.backfill().lock();
        inner.info = info;
        inner.files.clear();
        drop(inner);
        // From here on the indexer offers what it commits, so nothing falls between.
        self.take_stock()?;
        self.shared.publish();
        Ok(())
    }

    /// Opens the store of an embedder, and its predecessor's while that has more to search in.
    fn open(&self, info: Option<&EmbedderInfo>) -> Result<(), IndexError> {
        let backfill = self.backfill();
        let mut searched = backfill.vectors.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = backfill.next.write().unwrap_or_else(PoisonError::into_inner);
        // Open stores are closed first: a file has one owner.
        (*searched, *next) = (None, None);
        let Some(info) = info else { return Ok(()) };
        let own = Vectors::open(&backfill.dir, &info.id, info.dim)?;
        match self.predecessor(info)?.filter(|old| old.len() > own.len()) {
            Some(old) => {
                tracing::info!(from = old.embedder(), to = info.id, "another embedding model takes over");
                (*searched, *next) = (Some(old), Some(own));
            }
            None => {
                own.delete_others()?;
                *searched = Some(own);
            }
        }
        Ok(())
    }

    /// The largest store of another embedder that can still be asked.
    fn predecessor(&self, info: &EmbedderInfo) -> Result<Option<Vectors>, IndexError> {
        for (id, dim) in Vectors::stored(&self.backfill().dir)? {
            let usable = self.shared.embedder.info_of(&id).is_some_and(|old| old.dim == dim);
            if id != info.id && usable {
                return Vectors::open(&self.backfill().dir, &id, dim).map(Some);
            }
        }
        Ok(None)
    }

    /// The new embedder's store is complete: it is searched from here on.
    fn take_over(&self) -> Result<(), IndexError> {
        let backfill = self.backfill();
        let mut searched = backfill.vectors.write().unwrap_or_else(PoisonError::into_inner);
        let Some(next) = backfill.next.write().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        tracing::info!(to = next.embedder(), "the embedding model has taken over");
        let deleted = next.delete_others();
        *searched = Some(next);
        deleted
    }

    /// Compares the vectors with the file state: what lacks one is pending, what lacks a file goes.
    fn take_stock(&mut self) -> Result<(), IndexError> {
        let Some(info) = self.backfill().info() else { return Ok(()) };
        let mut guard = self.backfill().to_fill();
        let Some(vectors) = guard.as_mut() else { return Ok(()) };
        let mut live = Vec::new();
        let mut lacking = Vec::new();
        // The indexer drops vectors under this lock, so none of a file that goes meanwhile can stay.
        for (_, record) in self.shared.state.all_files() {
            if covers(&info, &record.lang) {
                live.push((record.ids().start, record.ids().end));
                if record.ids().any(|id| !vectors.contains(id)) {
                    lacking.push(pending(&record));
                }
            }
        }
        live.sort_unstable();
        let is_live = |id: ChunkId| {
            let after = live.partition_point(|&(start, _)| start <= id);
            after > 0 && id < live[after - 1].1
        };
        let orphans: Vec<ChunkId> = vectors.ids().filter(|&id| !is_live(id)).collect();
        if !orphans.is_empty() {
            vectors.remove(&orphans)?;
            vectors.flush()?;
        }
        drop(guard);
        self.backfill().lock().files.extend(lacking);
        Ok(())
    }

    /// The next passages without an embedding, newest files first.
    fn next_batch(&mut self) -> Result<Option<Batch>, IndexError> {
        let mut ids = Vec::new();
        while ids.len() < BATCH {
            let Some(mut file) = self.backfill().lock().files.pop() else { break };
            let vectors = self.backfill().filled();
            let Some(vectors) = vectors.as_ref() else { return Ok(None) };
            while file.first < file.end && ids.len() < BATCH {
                if !vectors.contains(file.first) && !self.given_up.contains(&file.first) {
                    ids.push((file.mtime_ns, file.first));
                }
                file.first += 1;
            }
            if file.first < file.end {
                self.backfill().lock().files.push(file);
            }
        }
        if ids.is_empty() {
            return Ok(None);
        }
        let wanted: Vec<ChunkId> = ids.iter().map(|&(_, id)| id).collect();
        let passages = self.shared.lexical().passages(&wanted).inspect_err(|_| self.put_back(&wanted))?;
        let parts = |text: &str| chunk::windows(text).into_iter().map(str::to_owned).collect::<Vec<_>>();
        let mut batch: Batch = passages.into_iter().map(|p| (p.id, parts(&p.chunk.text))).collect();
        // A passage without a word has nothing to embed.
        self.given_up.extend(batch.iter().filter(|(_, parts)| parts.is_empty()).map(|(id, _)| *id));
        batch.retain(|(_, parts)| !parts.is_empty());
        Ok(Some(batch))
    }

    fn embed(&mut self, batch: Batch) -> Result<(), IndexError> {
        if batch.is_empty() {
            return Ok(());
        }
        match self.call(&batch) {
            Ok(vectors) => self.keep(vectors),
            Err(reason) => self.probe(batch, reason),
        }
    }

    /// A batch failed: the embedder, or one passage in it? A few are tried one by one.
    fn probe(&mut self, batch: Batch, reason: String) -> Result<(), IndexError> {
        let mut bad = Vec::new();
        let mut good = Vec::new();
        let mut rest = batch.into_iter();
        if rest.len() > 1 {
            for one in rest.by_ref().take(PROBES) {
                match self.call(std::slice::from_ref(&one)) {
                    Ok(vectors) => good.extend(vectors),
                    Err(_) => bad.push(one.0),
                }
            }
        }
        let untried: Vec<ChunkId> = rest.map(|(id, _)| id).collect();
        self.put_back(&untried);
        if good.is_empty() {
            self.put_back(&bad);
            return Err(IndexError::Embedder(reason));
        }
        if !bad.is_empty() {
            tracing::warn!(reason, passages = bad.len(), "some passages get no embedding");
            self.given_up.extend(bad);
        }
        self.keep(good)
    }

    fn call(&self, batch: &[(ChunkId, Vec<String>)]) -> Result<Vec<(ChunkId, Vec<f32>)>, String> {
        let texts: Vec<String> = batch.iter().flat_map(|(_, parts)| parts.iter().cloned()).collect();
        let owners: Vec<ChunkId> = batch.iter().flat_map(|(id, parts)| std::iter::repeat_n(*id, parts.len())).collect();
        let vectors = self.shared.embedder.embed(&texts, Urgency::Background)?;
        let dim = self.backfill().info().map_or(0, |info| info.dim);
        if vectors.len() != texts.len() || vectors.iter().any(|v| v.len() != dim) {
            return Err("the embedder's answer does not match what it was asked".to_owned());
        }
        Ok(owners.into_iter().zip(vectors).collect())
    }

    fn keep(&mut self, vectors: Vec<(ChunkId, Vec<f32>)>) -> Result<(), IndexError> {
        let ids: Vec<ChunkId> = vectors.iter().map(|(id, _)| *id).collect();
        {
            let mut guard = self.backfill().to_fill();
            let Some(store) = guard.as_mut() else { return Ok(()) };
            // Under the lock that the indexer takes to drop vectors after its commit: a file that went while
            // its passages were embedded can't come back as a ghost.
            let stored = self.shared.lexical().facts_of(&ids).and_then(|alive| {
                let alive: Vec<_> = vectors.into_iter().filter(|(id, _)| alive.contains_key(id)).collect();
                store.append(&alive)
            });
            stored.inspect_err(|_| self.put_back(&ids))?;
        }
        if self.failures > 0 {
            tracing::info!("embeddings are being made again");
        }
        self.failures = 0;
        self.shared.clear_notice("embedder");
        self.shared.progress.update(|c| c.embedding = true);
        self.since_flush += 1;
        if self.since_flush >= FLUSH_EVERY {
            self.flush()?;
        }
        self.shared.publish();
        Ok(())
    }

    fn put_back(&self, ids: &[ChunkId]) {
        let back = ids.iter().map(|&id| Pending { mtime_ns: i64::MAX, first: id, end: id + 1 });
        self.backfill().lock().files.extend(back);
    }

    fn flush(&mut self) -> Result<(), IndexError> {
        self.since_flush = 0;
        for store in [&self.backfill().vectors, &self.backfill().next] {
            if let Some(vectors) = store.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
                vectors.flush()?;
            }
        }
        Ok(())
    }

    /// Nothing is pending: waits for news.
    fn rest(&mut self) -> Result<(), IndexError> {
        self.flush()?;
        let is_complete = {
            let inner = self.backfill().lock();
            inner.files.is_empty() && !inner.changed
        };
        if is_complete {
            self.take_over()?;
        }
        crate::memory::trim();
        let inner = self.backfill().lock();
        if inner.files.is_empty() && !inner.changed {
            // Under the inbox's lock: what is offered from here on says otherwise after us.
            self.shared.progress.update(|c| c.embedding = false);
        }
        let nothing = |i: &mut Inner| !i.stop && !i.changed && i.files.is_empty();
        drop(self.backfill().wake.wait_while(inner, nothing).unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// Rests after a failure, longer each time, until something changes.
    fn fail(&mut self, reason: &str) {
        self.failures += 1;
        tracing::warn!(reason, failures = self.failures, "no embeddings for now; search goes on by words");
        if self.failures >= PATIENCE {
            self.shared.notice("embedder", None, format!("no embeddings can be made at the moment: {reason}"));
            self.shared.progress.update(|c| c.embedding = false);
        }
        let rest = (self.shared.retry_after * 2_u32.saturating_pow(self.failures.min(16) - 1)).min(LONGEST_REST);
        let inner = self.backfill().lock();
        let nothing = |i: &mut Inner| !i.stop && !i.changed;
        drop(self.backfill().wake.wait_timeout_while(inner, rest, nothing).unwrap_or_else(PoisonError::into_inner));
    }

    fn backfill(&self) -> &Backfill {
        &self.shared.backfill
    }
}
