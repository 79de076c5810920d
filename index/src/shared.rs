//! What the threads of an index share.
//!
//! Owns: opening the stores so that they agree, and the little that all threads look up.
//! Must not know: what the threads do with it.

use crate::IndexOptions;
use crate::backfill::Backfill;
use crate::indexer::progress::Progress;
use crate::indexer::queue::Queue;
use crate::indexer::{Limits, Tally};
use crate::lexical::Lexical;
use crate::scan::Rules;
use crate::state::{Folders, Opened, State, storage};
use crate::types::{Embedder, Extractor, IndexError, Skipped};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// See the module.
pub(crate) struct Shared {
    pub dir: PathBuf,
    pub state: State,
    pub lexical: Lexical,
    pub backfill: Backfill,
    pub queue: Queue,
    pub progress: Arc<Progress>,
    pub extractor: Arc<dyn Extractor>,
    pub embedder: Arc<dyn Embedder>,
    pub limits: Limits,
    pub retry_after: Duration,
    folders: Folders,
    exclude: Vec<PathBuf>,
    rules: RwLock<Arc<Rules>>,
    tally: Mutex<Tally>,
    notices: Mutex<BTreeMap<&'static str, Skipped>>,
    /// Held as long as the stores are open; another daemon on the same folder would destroy them.
    _lock: File,
}

impl Shared {
    pub(crate) fn open(
        options: IndexOptions,
        extractor: Arc<dyn Extractor>,
        embedder: Arc<dyn Embedder>,
    ) -> Result<Shared, IndexError> {
        let dir = options.dir;
        fs::create_dir_all(&dir).map_err(|e| storage(&dir, e))?;
        let dir = dir.canonicalize().map_err(|e| storage(&dir, e))?;
        let lock = lock(&dir)?;
        let folders = Folders::at(dir.join("folders.json"));
        let (state, lexical) = open_in_step(&dir)?;
        let progress = Arc::new(Progress::default());
        // Excluded as the kernel sees it too, should a link lead there.
        let mut exclude: Vec<PathBuf> = options.exclude.iter().filter_map(|path| path.canonicalize().ok()).collect();
        exclude.extend(options.exclude);
        exclude.push(dir.clone());
        let rules = Rules::new(folders.load()?, exclude.clone());
        Ok(Shared {
            backfill: Backfill::new(dir.join("vectors")),
            queue: Queue::new(progress.clone()),
            limits: Limits { file: options.max_file_bytes, text: options.max_text_bytes },
            retry_after: options.retry_after,
            rules: RwLock::new(Arc::new(rules)),
            tally: Mutex::default(),
            notices: Mutex::default(),
            _lock: lock,
            dir,
            state,
            lexical,
            progress,
            extractor,
            embedder,
            folders,
            exclude,
        })
    }

    /// The rules in force. Work on one copy from start to end.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the list of added folders by what `change` makes of it; durable on return.
    pub(crate) fn change_folders(&self, change: impl FnOnce(&mut Vec<PathBuf>)) -> Result<(), IndexError> {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        let mut roots = rules.roots().to_vec();
        change(&mut roots);
        self.folders.save(&roots)?;
        *rules = Arc::new(Rules::new(roots, self.exclude.clone()));
        Ok(())
    }

    /// Tells the user of trouble with the index itself, listed among the skipped files.
    pub(crate) fn notice(&self, about: &'static str, at: Option<&Path>, reason: String) {
        let path = at.map_or_else(|| "all folders".to_owned(), |path| path.display().to_string());
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.insert(about, Skipped { path, reason });
        let count = notices.len() as u64;
        self.progress.update(|c| c.notices = count);
    }

    /// The trouble is over.
    pub(crate) fn clear_notice(&self, about: &str) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.remove(about).is_some() {
            let count = notices.len() as u64;
            self.progress.update(|c| c.notices = count);
        }
    }

    pub(crate) fn notices(&self) -> Vec<Skipped> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn set_tally(&self, tally: Tally) {
        *self.tally() = tally;
        self.publish();
    }

    pub(crate) fn with_tally(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally());
    }

    /// Brings the counters up to date.
    pub(crate) fn publish(&self) {
        let embedded = self.backfill.embedded();
        let embedder = self.backfill.info();
        let tally = self.tally();
        let covered = |lang: &str| embedder.as_ref().is_some_and(|info| crate::backfill::covers(info, lang));
        let embeddable = tally.by_lang.iter().filter(|(lang, _)| covered(lang)).map(|(_, n)| n).sum();
        self.progress.update(|c| {
            c.documents = tally.documents;
            c.chunks = tally.chunks;
            c.skipped = tally.skipped;
            c.embeddable = embeddable;
            c.embedded = embedded;
        });
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(dir: &Path) -> Result<File, IndexError> {
    let file = File::create(dir.join("lock")).map_err(|e| storage(dir, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(storage(dir, "another hobd uses them; stop it, or give this one another data folder"))
        }
        Err(TryLockError::Error(e)) => Err(storage(dir, e)),
    }
}

/// Opens state and lexical index so that they speak of the same commit, or of one that was interrupted.
/// Where they don't, both begin anew: what is not known to be right is indexed again.
fn open_in_step(dir: &Path) -> Result<(State, Lexical), IndexError> {
    let (state, opened) = State::open(&dir.join("state"))?;
    let at = dir.join("lexical");
    if opened == Opened::Fresh {
        remove(&at)?;
    }
    let mut lexical = Lexical::open(&at)?;
    if opened == Opened::Kept && in_step(&state, &lexical)? {
        return Ok((state, lexical));
    }
    if !lexical.opened_fresh() {
        tracing::warn!("state and lexical index do not belong together; every file is indexed again");
        drop(lexical);
        remove(&at)?;
        lexical = Lexical::open(&at)?;
    }
    // Chunk ids begin anew, so old embeddings would be taken for new ones'.
    remove(&dir.join("vectors"))?;
    state.clear()?;
    Ok((state, lexical))
}

fn in_step(state: &State, lexical: &Lexical) -> Result<bool, IndexError> {
    let (known, committed) = (state.generation()?, lexical.generation()?);
    if lexical.opened_fresh() {
        return Ok(false);
    }
    Ok(match state.intent()? {
        None => known == committed,
        Some(intent) => intent.generation == known + 1 && (committed == known || committed == intent.generation),
    })
}

fn remove(dir: &Path) -> Result<(), IndexError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(storage(dir, e)),
        _ => Ok(()),
    }
}
