//! An index over a temporary folder, with an extractor and an embedder whose doings can be seen and stopped.

use hob_index::types::{
    Block, Document, Embedder, EmbedderInfo, ExtractError, Extractor, IndexState, IndexStatus, Mode, Query, Urgency,
};
use hob_index::{Index, IndexOptions};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Far more than any of this takes, even on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);
const DIM: usize = 64;

/// Reads text; blank lines part blocks.
#[derive(Default)]
pub struct TextExtractor {
    pub calls: AtomicUsize,
    /// The next so many calls find the extractor not running.
    pub unavailable: AtomicUsize,
    news: News,
    gate: Mutex<bool>,
    opened: Condvar,
}

impl TextExtractor {
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// While closed, extracting blocks.
    pub fn set_closed(&self, closed: bool) {
        *self.gate.lock().unwrap() = closed;
        self.opened.notify_all();
    }
}

impl Extractor for TextExtractor {
    fn extract(&self, path: &Path) -> Result<Document, ExtractError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.news.tell();
        drop(self.opened.wait_while(self.gate.lock().unwrap(), |closed| *closed).unwrap());
        let down = self.unavailable.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if down.is_ok() {
            return Err(ExtractError::Unavailable("the extractor is resting".to_owned()));
        }
        let bytes = fs::read(path).map_err(|e| ExtractError::unopened(&e))?;
        let text = String::from_utf8(bytes).map_err(|_| ExtractError::Skipped("it is not text".to_owned()))?;
        assert!(!text.contains("PANIC"), "the extractor was asked to panic");
        let mut line = 1;
        let mut blocks = Vec::new();
        for part in text.split("\n\n") {
            blocks.push(Block { text: part.to_owned(), line, ..Block::default() });
            line += part.matches('\n').count() as u32 + 2;
        }
        Ok(Document { kind: "text".to_owned(), blocks, ..Document::default() })
    }
}

/// A bag of hashed words.
pub struct BagEmbedder {
    pub there: AtomicBool,
    pub failing: AtomicBool,
    /// Texts with this word can't be embedded.
    pub poison: Mutex<Option<String>>,
    pub background: AtomicUsize,
    /// Another model, "other", has become the default one; "bag" can still be asked.
    pub replaced: AtomicBool,
    /// While set, "other" can't embed.
    pub other_down: AtomicBool,
}

impl BagEmbedder {
    pub fn new(there: bool) -> BagEmbedder {
        BagEmbedder {
            there: AtomicBool::new(there),
            failing: AtomicBool::new(false),
            poison: Mutex::new(None),
            background: AtomicUsize::new(0),
            replaced: AtomicBool::new(false),
            other_down: AtomicBool::new(false),
        }
    }
}

impl Embedder for BagEmbedder {
    fn info(&self) -> Option<EmbedderInfo> {
        let id = if self.replaced.load(Ordering::SeqCst) { "other" } else { "bag" };
        self.there.load(Ordering::SeqCst).then(|| info(id))
    }

    fn info_of(&self, id: &str) -> Option<EmbedderInfo> {
        (self.there.load(Ordering::SeqCst) && ["bag", "other"].contains(&id)).then(|| info(id))
    }

    fn embed_as(&self, id: &str, texts: &[String]) -> Result<Vec<Vec<f32>>, String> {
        let vectors = texts.iter().map(|text| bag(text));
        Ok(vectors.map(|vector| if id == "bag" { vector } else { reversed(vector) }).collect())
    }

    fn embed(&self, texts: &[String], urgency: Urgency) -> Result<Vec<Vec<f32>>, String> {
        let poison = self.poison.lock().unwrap().clone();
        if self.failing.load(Ordering::SeqCst) || poison.is_some_and(|p| texts.iter().any(|t| t.contains(&p))) {
            return Err("the model host is down".to_owned());
        }
        if urgency == Urgency::Background {
            self.background.fetch_add(texts.len(), Ordering::SeqCst);
        }
        if self.replaced.load(Ordering::SeqCst) {
            if self.other_down.load(Ordering::SeqCst) {
                return Err("the model host is down".to_owned());
            }
            return Ok(texts.iter().map(|text| reversed(bag(text))).collect());
        }
        Ok(texts.iter().map(|text| bag(text)).collect())
    }
}

fn info(id: &str) -> EmbedderInfo {
    EmbedderInfo { id: id.to_owned(), dim: DIM, languages: vec!["en".to_owned()] }
}

/// What "other" makes of a text: nothing that compares with "bag"'s.
fn reversed(mut vector: Vec<f32>) -> Vec<f32> {
    vector.reverse();
    vector
}

fn bag(text: &str) -> Vec<f32> {
    let mut vector = vec![0.01_f32; DIM];
    for word in text.split_whitespace() {
        let mut hasher = DefaultHasher::new();
        word.to_lowercase().hash(&mut hasher);
        vector[(hasher.finish() % DIM as u64) as usize] += 1.0;
    }
    let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    vector.into_iter().map(|v| v / norm).collect()
}

/// Wakes whoever waits whenever the index says that something changed, or calls the extractor.
#[derive(Default)]
struct News {
    count: Mutex<u64>,
    changed: Condvar,
}

impl News {
    fn tell(&self) {
        *self.count.lock().unwrap() += 1;
        self.changed.notify_all();
    }
}

pub struct Harness {
    pub root: PathBuf,
    pub state: PathBuf,
    pub extractor: Arc<TextExtractor>,
    pub embedder: Arc<BagEmbedder>,
    /// How often everything is looked at without watches; taken over when the index is opened.
    pub sweep: Duration,
    index: Option<Index>,
    _dir: tempfile::TempDir,
}

impl Harness {
    /// An open index, and a folder `root` that is not added yet.
    pub fn new() -> Harness {
        Harness::with_embedder(false)
    }

    pub fn with_embedder(there: bool) -> Harness {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let root = base.join("files");
        fs::create_dir(&root).unwrap();
        let mut harness = Harness {
            root,
            state: base.join("index"),
            extractor: Arc::default(),
            embedder: Arc::new(BagEmbedder::new(there)),
            sweep: Duration::from_secs(600),
            index: None,
            _dir: dir,
        };
        harness.open();
        harness
    }

    pub fn options(&self) -> IndexOptions {
        let mut options = IndexOptions::new(&self.state);
        options.max_file_bytes = 1 << 20;
        options.retry_after = Duration::from_millis(20);
        options.sweep = self.sweep;
        options
    }

    pub fn open(&mut self) {
        let index = Index::open(self.options(), self.extractor.clone(), self.embedder.clone()).unwrap();
        let teller = self.extractor.clone();
        index.on_change(Box::new(move |_: &IndexStatus| teller.news.tell()));
        self.index = Some(index);
    }

    pub fn close(&mut self) {
        self.index().shutdown();
        self.index = None;
    }

    /// Closes and opens the index, as a daemon's restart would.
    pub fn reopen(&mut self) {
        self.close();
        self.open();
    }

    pub fn index(&self) -> &Index {
        self.index.as_ref().unwrap()
    }

    /// Adds `root` and waits until everything is done.
    pub fn add(&self) {
        self.index().add_folder(&self.root).unwrap();
        self.idle();
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Waits for news until `condition` holds.
    pub fn until(&self, what: &str, condition: impl Fn(&Index) -> bool) {
        let (index, news) = (self.index(), &self.extractor.news);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = *news.count.lock().unwrap();
            if condition(index) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what}: not after {PATIENCE:?}; {:?} {:?}", index.status(), index.skipped(20));
            let count = news.count.lock().unwrap();
            drop(news.changed.wait_timeout_while(count, left, |count| *count == before).unwrap());
        }
    }

    pub fn idle(&self) {
        self.until("idle", |index| index.status().state == IndexState::Idle && index.status().pending == 0);
    }

    /// Names of the files that have `words`, sorted.
    pub fn found(&self, words: &str) -> Vec<String> {
        found(self.index(), &self.root, words)
    }

    /// Waits until searching for `words` gives `names`.
    pub fn until_found(&self, words: &str, names: &[&str]) {
        self.until(&format!("{words} in {names:?}"), |index| found(index, &self.root, words) == names);
    }

    /// Skipped files (without the folder) and why.
    pub fn skipped(&self) -> Vec<(String, String)> {
        let prefix = format!("{}/", self.root.display());
        let skipped = self.index().skipped(100).unwrap();
        skipped.into_iter().map(|s| (s.path.replace(&prefix, ""), s.reason)).collect()
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        // A thread that waits at the gate could not end.
        self.extractor.set_closed(false);
    }
}

fn found(index: &Index, root: &Path, words: &str) -> Vec<String> {
    let query = Query { text: words.to_owned(), limit: 100, mode: Mode::Lexical, fold: false, ..Query::default() };
    let hits = index.search(&query).unwrap().hits;
    let name = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    let mut names: Vec<String> = hits.iter().map(|hit| name(&hit.path)).collect();
    names.sort();
    names
}
