//! Changing the lexical index and the file state together.
//!
//! Owns: the batch at hand, chunk ids, generations and the counts of what is in.
//! Must not know: where files come from.
//!
//! A commit goes: intent (which paths, durable) -> lexical commit -> state, which also clears the intent. A
//! crash in between leaves the intent; its files are taken out at the next start and indexed again. Were
//! the state written first, a crash would leave files that count as indexed and can't be found.

use super::Shared;
use super::read::Text;
use crate::analysis;
use crate::lexical::IndexedDocument;
use crate::scan::Stamp;
use crate::state::{Changes, FileRecord, Intent, SkipRecord, storage};
use crate::types::{Chunk, ChunkId, IndexError};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A batch is committed when it has this many files,
const BATCH_FILES: usize = 4_000;
/// or this much text, in bytes,
const BATCH_BYTES: usize = 32 << 20;
/// or when its oldest file has waited this long: the first files are found soon.
const BATCH_AGE: Duration = Duration::from_secs(1);

/// What is in, counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub documents: u64,
    pub chunks: u64,
    pub skipped: u64,
    /// Passages by language.
    pub by_lang: HashMap<String, u64>,
}

impl Tally {
    /// Counts a recorded change of a path that was `skipped` before it or not.
    fn note(&mut self, change: &Change, skipped: bool) {
        if let Some(old) = change.old() {
            self.leave(old);
        }
        if let Change::Put { record, .. } = change {
            self.enter(record);
        }
        let is_skipped = match change {
            Change::Skip { .. } => true,
            Change::Put { .. } | Change::Unskip => false,
            Change::Remove { .. } => skipped,
        };
        self.skipped = (self.skipped + u64::from(is_skipped)).saturating_sub(u64::from(skipped));
    }

    fn enter(&mut self, record: &FileRecord) {
        self.documents += 1;
        self.chunks += u64::from(record.chunks);
        *self.by_lang.entry(record.lang.clone()).or_default() += u64::from(record.chunks);
    }

    fn leave(&mut self, record: &FileRecord) {
        let chunks = u64::from(record.chunks);
        self.documents = self.documents.saturating_sub(1);
        self.chunks = self.chunks.saturating_sub(chunks);
        if let Some(n) = self.by_lang.get_mut(&record.lang) {
            *n = n.saturating_sub(chunks);
        }
    }
}

/// What becomes of one path.
enum Change {
    Put { record: FileRecord, old: Option<FileRecord> },
    Remove { old: FileRecord },
    Skip { record: SkipRecord, old: Option<FileRecord> },
    Unskip,
}

impl Change {
    fn old(&self) -> Option<&FileRecord> {
        match self {
            Change::Put { old, .. } | Change::Skip { old, .. } => old.as_ref(),
            Change::Remove { old } => Some(old),
            Change::Unskip => None,
        }
    }

    /// Whether the lexical index changes with it.
    fn is_lexical(&self) -> bool {
        matches!(self, Change::Put { .. }) || self.old().is_some()
    }

    /// Passages that are gone after it.
    fn dead(&self) -> Option<Range<ChunkId>> {
        let old = self.old()?.ids();
        match self {
            Change::Put { record, .. } if record.first_chunk == old.start => None,
            _ => Some(old),
        }
    }
}

/// The batch at hand. One per index, owned by the indexer's thread.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    batch: BTreeMap<PathBuf, Change>,
    bytes: usize,
    since: Option<Instant>,
    next_chunk: ChunkId,
    generation: u64,
    /// The lexical writer holds memory.
    warm: bool,
}

impl Writer {
    /// A writer that goes on where the last commit ended. Counts what is in.
    pub(crate) fn new(shared: Arc<Shared>) -> Result<Writer, IndexError> {
        let mut tally = Tally::default();
        for (_, record) in shared.state.all_files() {
            tally.enter(&record);
        }
        tally.skipped = shared.state.all_skips().count() as u64;
        let next_chunk = shared.state.next_chunk()?;
        let generation = shared.state.generation()?.max(shared.lexical().generation()?);
        shared.set_tally(tally);
        Ok(Writer { shared, batch: BTreeMap::new(), bytes: 0, since: None, next_chunk, generation, warm: false })
    }

    /// Takes out what an interrupted commit may have left behind; the paths are to be looked at again.
    pub(crate) fn recover(&mut self) -> Result<Vec<PathBuf>, IndexError> {
        let Some(intent) = self.shared.state.intent()? else { return Ok(Vec::new()) };
        tracing::info!(files = intent.paths.len(), "the last commit was interrupted; its files are indexed again");
        let paths: Vec<PathBuf> = intent.paths.iter().map(|p| PathBuf::from(std::ffi::OsStr::from_bytes(p))).collect();
        self.purge(&paths)?;
        Ok(paths)
    }

    /// Takes these paths out, whatever either store knows of them.
    pub(crate) fn purge(&mut self, paths: &[PathBuf]) -> Result<(), IndexError> {
        self.commit()?;
        for path in paths {
            if path.to_str().is_some() {
                self.shared.lexical().remove(path)?;
            }
            let change = match self.shared.state.file(path)? {
                Some(old) => Change::Remove { old },
                None => Change::Unskip,
            };
            self.insert(path.clone(), change, 0);
        }
        // Even when the state knows none of them, the lexical index may.
        self.commit_all(true)
    }

    /// Begins a new lexical index, to be filled from all files; the present one answers meanwhile if it is `sound`.
    pub(crate) fn begin_anew(&mut self, sound: bool) -> Result<(), IndexError> {
        self.commit()?;
        self.warm = false;
        self.shared.words.begin_anew(&self.shared.state, sound)?;
        self.generation = self.shared.state.generation()?.max(self.shared.lexical().generation()?);
        Ok(())
    }

    /// Puts a file's text in, in place of what was known of it.
    pub(crate) fn put(&mut self, path: &Path, stamp: Stamp, text: Text) -> Result<(), IndexError> {
        self.settle(path)?;
        let old = self.shared.state.file(path)?;
        let lang = text.lang.code();
        let unchanged =
            |o: &&FileRecord| o.text_hash == text.hash && o.lang == lang && o.chunks as usize == text.chunks.len();
        // Touched, not changed: the passages keep their ids, and with them their embeddings.
        let kept = old.as_ref().filter(unchanged).map(|o| o.first_chunk);
        let chunks = u32::try_from(text.chunks.len()).unwrap_or(u32::MAX);
        let first_chunk = kept.unwrap_or_else(|| {
            let first = self.next_chunk;
            self.next_chunk += u64::from(chunks);
            first
        });
        let numbered: Vec<(ChunkId, Chunk)> = (first_chunk..first_chunk + u64::from(chunks)).zip(text.chunks).collect();
        if old.is_some() {
            self.shared.lexical().remove(path)?;
        }
        self.shared.lexical().add(&IndexedDocument {
            path,
            title: &text.title,
            kind: &text.kind,
            lang: text.lang,
            author: &text.author,
            mtime: stamp.mtime_ns / 1_000_000_000,
            date: text.date,
            chunks: &numbered,
        })?;
        let bytes = numbered.iter().map(|(_, c)| c.text.len()).sum();
        let record = FileRecord {
            mtime_ns: stamp.mtime_ns,
            size: stamp.size,
            inode: stamp.inode,
            first_chunk,
            chunks,
            text_hash: text.hash,
            lang: lang.to_owned(),
            epoch: self.shared.words.epoch(),
        };
        self.insert(path.to_path_buf(), Change::Put { record, old }, bytes);
        self.commit_if_due()
    }

    /// Takes a file out.
    pub(crate) fn remove(&mut self, path: &Path, old: FileRecord) -> Result<(), IndexError> {
        self.settle(path)?;
        self.shared.lexical().remove(path)?;
        self.insert(path.to_path_buf(), Change::Remove { old }, 0);
        self.commit_if_due()
    }

    /// Remembers why a file is not in, and takes it out if it was.
    pub(crate) fn skip(&mut self, path: &Path, record: SkipRecord) -> Result<(), IndexError> {
        self.settle(path)?;
        let old = self.shared.state.file(path)?;
        if old.is_some() {
            self.shared.lexical().remove(path)?;
        }
        self.insert(path.to_path_buf(), Change::Skip { record, old }, 0);
        self.commit_if_due()
    }

    /// Forgets that a file was skipped.
    pub(crate) fn unskip(&mut self, path: &Path) -> Result<(), IndexError> {
        self.settle(path)?;
        self.insert(path.to_path_buf(), Change::Unskip, 0);
        self.commit_if_due()
    }

    /// Makes sure that the state tells the truth about `path` and all below it.
    pub(crate) fn settle(&mut self, path: &Path) -> Result<(), IndexError> {
        self.settle_if(path, |_| true)
    }

    /// The same, if what is not in the state yet `concerns` anybody: a commit takes its time.
    pub(crate) fn settle_if(&mut self, path: &Path, concerns: impl Fn(&Path) -> bool) -> Result<(), IndexError> {
        let below = self.batch.range(path.to_path_buf()..).map(|(changed, _)| changed.as_path());
        let mut below = below.take_while(|changed| changed.starts_with(path));
        if below.any(concerns) { self.commit() } else { Ok(()) }
    }

    /// Whether nothing waits for a commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Whether the lexical writer holds memory that [`Writer::cool`] would give back.
    pub(crate) fn is_warm(&self) -> bool {
        self.warm
    }

    /// Gives memory back, after a commit.
    pub(crate) fn cool(&mut self) -> Result<(), IndexError> {
        self.commit()?;
        self.warm = false;
        self.shared.lexical().release_writer()?;
        analysis::forget();
        self.shared.state.flush()
    }

    /// Commits when the batch is large or old enough.
    pub(crate) fn commit_if_due(&mut self) -> Result<(), IndexError> {
        let old = self.since.is_some_and(|since| since.elapsed() >= BATCH_AGE);
        if old || self.batch.len() >= BATCH_FILES || self.bytes >= BATCH_BYTES { self.commit() } else { Ok(()) }
    }

    /// Makes the batch searchable and durable.
    pub(crate) fn commit(&mut self) -> Result<(), IndexError> {
        let lexical = self.batch.values().any(Change::is_lexical);
        if self.batch.is_empty() { Ok(()) } else { self.commit_all(lexical) }
    }

    /// Drops the batch after a failure; its paths are to be looked at again.
    pub(crate) fn abandon(&mut self) -> Vec<PathBuf> {
        if let Err(error) = self.shared.lexical().release_writer() {
            tracing::warn!(%error, "giving up a batch");
        }
        self.warm = false;
        self.since = None;
        self.bytes = 0;
        std::mem::take(&mut self.batch).into_keys().collect()
    }

    fn insert(&mut self, path: PathBuf, change: Change, bytes: usize) {
        self.since.get_or_insert_with(Instant::now);
        self.warm |= change.is_lexical();
        self.bytes += bytes;
        self.batch.insert(path, change);
    }

    fn commit_all(&mut self, lexical: bool) -> Result<(), IndexError> {
        if lexical {
            self.commit_lexical()?;
        }
        self.record()?;
        self.shared.clear_notice("storage");
        Ok(())
    }

    /// The first half of a commit: the intent and the lexical index.
    fn commit_lexical(&mut self) -> Result<(), IndexError> {
        let generation = self.generation + 1;
        let paths = self.batch.keys().map(|p| p.as_os_str().as_bytes().to_vec()).collect();
        let mut changes = Changes::default();
        changes.put_intent(&Intent { generation, paths }, self.next_chunk).map_err(|e| self.unwritable(e))?;
        self.shared.state.apply(changes)?;
        self.shared.state.flush()?;
        self.shared.lexical().commit(generation)?;
        self.generation = generation;
        Ok(())
    }

    /// The second half: the state, the counts, and the word to the backfill.
    fn record(&mut self) -> Result<(), IndexError> {
        let skipped = self.batch.keys().map(|p| Ok(self.shared.state.skip(p)?.is_some()));
        let skipped = skipped.collect::<Result<Vec<bool>, IndexError>>()?;
        let mut changes = Changes::default();
        self.collect(&mut changes, &skipped).map_err(|e| self.unwritable(e))?;
        changes.fulfil(self.generation).map_err(|e| self.unwritable(e))?;
        self.shared.state.apply(changes)?;
        let batch: Vec<Change> = std::mem::take(&mut self.batch).into_values().collect();
        self.since = None;
        self.bytes = 0;
        self.shared.with_tally(|tally| {
            batch.iter().zip(skipped).for_each(|(change, skipped)| tally.note(change, skipped));
        });
        let dead: Vec<Range<ChunkId>> = batch.iter().filter_map(Change::dead).collect();
        let put = |change| if let Change::Put { record, .. } = change { Some(record) } else { None };
        let fresh: Vec<FileRecord> = batch.into_iter().filter_map(put).collect();
        self.shared.backfill.drop_vectors(&dead)?;
        self.shared.backfill.offer(&self.shared, &fresh);
        self.shared.publish();
        Ok(())
    }

    /// The batch as changes of the state, which now says of each path whether it is `skipped`.
    fn collect(&self, changes: &mut Changes, skipped: &[bool]) -> Result<(), postcard::Error> {
        for ((path, change), skipped) in self.batch.iter().zip(skipped) {
            match change {
                Change::Put { record, .. } => {
                    changes.put_file(path, record)?;
                    // Removing what is not there takes as long as removing what is.
                    if *skipped {
                        changes.remove_skip(path);
                    }
                }
                Change::Remove { .. } => changes.remove_file(path),
                Change::Skip { record, .. } => {
                    changes.remove_file(path);
                    changes.put_skip(path, record)?;
                }
                Change::Unskip => changes.remove_skip(path),
            }
        }
        Ok(())
    }

    fn unwritable(&self, error: postcard::Error) -> IndexError {
        storage(&self.shared.dir, error)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::IndexOptions;
    use crate::types::{Document, Embedder, EmbedderInfo, ExtractError, Extractor, Urgency};

    struct Unused;
    impl Extractor for Unused {
        fn extract(&self, _: &Path) -> Result<Document, ExtractError> {
            unreachable!("these tests hand over text")
        }
    }
    impl Embedder for Unused {
        fn info(&self) -> Option<EmbedderInfo> {
            None
        }
        fn embed(&self, _: &[String], _: Urgency) -> Result<Vec<Vec<f32>>, String> {
            unreachable!("there is no embedder")
        }
    }

    fn open(dir: &Path) -> (Arc<Shared>, Writer) {
        let shared = Arc::new(Shared::open(IndexOptions::new(dir), Arc::new(Unused), Arc::new(Unused)).unwrap());
        let writer = Writer::new(shared.clone()).unwrap();
        (shared, writer)
    }

    fn text(words: &str) -> Text {
        let chunks = vec![Chunk { text: words.to_owned(), line: 1, ..Chunk::default() }];
        let hash = words.len() as u64;
        Text {
            title: "t".into(),
            kind: "text".into(),
            lang: analysis::detect(words),
            author: String::new(),
            date: None,
            chunks,
            hash,
        }
    }

    const STAMP: Stamp = Stamp { mtime_ns: 1, size: 1, inode: 1 };

    fn put(writer: &mut Writer, path: &str, words: &str) {
        writer.put(Path::new(path), STAMP, text(words)).unwrap();
    }

    fn in_lexical(shared: &Shared, path: &str) -> usize {
        shared.lexical().passages_of(Path::new(path)).unwrap().len()
    }

    #[test]
    fn a_crash_between_lexical_commit_and_state_leaves_no_ghost_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (shared, mut writer) = open(dir.path());
        put(&mut writer, "/d/old", "the old words");
        put(&mut writer, "/d/other", "other words");
        writer.commit().unwrap();
        put(&mut writer, "/d/old", "the new and longer words");
        put(&mut writer, "/d/new", "words of a new file");
        writer.commit_lexical().unwrap();
        let next = writer.next_chunk;
        drop((shared, writer));

        let (shared, mut writer) = open(dir.path());
        assert_eq!(in_lexical(&shared, "/d/new"), 1, "the commit itself was durable");
        let again = writer.recover().unwrap();
        assert_eq!(again, [PathBuf::from("/d/new"), PathBuf::from("/d/old")]);
        // Neither store knows them now, so the walk takes both for new, and finds none that is gone.
        for path in ["/d/old", "/d/new"] {
            assert_eq!(in_lexical(&shared, path), 0);
            assert_eq!(shared.state.file(Path::new(path)).unwrap(), None);
        }
        assert_eq!(in_lexical(&shared, "/d/other"), 1);
        assert_eq!(writer.next_chunk, next, "ids that a commit used are never used again");
        assert_eq!(shared.progress.status().documents, 1);
        put(&mut writer, "/d/old", "the new and longer words");
        writer.commit().unwrap();
        drop((shared, writer));
        let (shared, mut writer) = open(dir.path());
        assert!(writer.recover().unwrap().is_empty());
        assert_eq!((in_lexical(&shared, "/d/old"), shared.progress.status().documents), (1, 2));
    }

    #[test]
    fn a_crash_before_the_lexical_commit_is_looked_at_again() {
        let dir = tempfile::tempdir().unwrap();
        let (shared, mut writer) = open(dir.path());
        put(&mut writer, "/d/a", "some words");
        writer.commit().unwrap();
        let mut changes = Changes::default();
        let intent =
            Intent { generation: writer.generation + 1, paths: vec![b"/d/a".to_vec(), b"/d/caf\xe9".to_vec()] };
        changes.put_intent(&intent, writer.next_chunk).unwrap();
        shared.state.apply(changes).unwrap();
        shared.state.flush().unwrap();
        drop((shared, writer));
        let (shared, mut writer) = open(dir.path());
        assert_eq!(writer.recover().unwrap().len(), 2);
        assert_eq!((in_lexical(&shared, "/d/a"), shared.progress.status().documents), (0, 0));
    }

    #[test]
    fn stores_that_do_not_belong_together_begin_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (shared, mut writer) = open(dir.path());
        put(&mut writer, "/d/a", "some words");
        writer.commit().unwrap();
        shared.lexical().remove(Path::new("/d/a")).unwrap();
        shared.lexical().commit(77).unwrap();
        drop((shared, writer));
        let (shared, _writer) = open(dir.path());
        assert_eq!((shared.state.generation().unwrap(), shared.lexical().generation().unwrap()), (0, 0));
        assert_eq!(shared.state.files_under(Path::new("/")).count(), 0);
    }

    #[test]
    fn touched_files_keep_their_passages_and_counts_stay_true() {
        let dir = tempfile::tempdir().unwrap();
        let (shared, mut writer) = open(dir.path());
        put(&mut writer, "/d/a", "some words");
        writer.commit().unwrap();
        let first = shared.state.file(Path::new("/d/a")).unwrap().unwrap();
        let later = Stamp { mtime_ns: 2, ..STAMP };
        writer.put(Path::new("/d/a"), later, text("some words")).unwrap();
        writer.commit().unwrap();
        let second = shared.state.file(Path::new("/d/a")).unwrap().unwrap();
        assert_eq!((first.first_chunk, second.mtime_ns), (second.first_chunk, 2));
        assert_eq!(in_lexical(&shared, "/d/a"), 1);
        put(&mut writer, "/d/a", "quite other words");
        let skip = SkipRecord { mtime_ns: 1, size: 1, reason: "broken".into(), transient: false };
        writer.skip(Path::new("/d/b"), skip.clone()).unwrap();
        writer.commit().unwrap();
        let status = shared.progress.status();
        assert_eq!((status.documents, status.chunks, status.skipped), (1, 1, 1));
        writer.skip(Path::new("/d/a"), skip).unwrap();
        writer.unskip(Path::new("/d/b")).unwrap();
        writer.commit().unwrap();
        let status = shared.progress.status();
        assert_eq!((status.documents, status.chunks, status.skipped), (0, 0, 1));
        assert_eq!(in_lexical(&shared, "/d/a"), 0);
    }
}
