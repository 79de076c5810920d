//! What the threads of an index share.
//!
//! Owns: the stores, and the little that all threads look up.
//! Must not know: what the threads do with it.

use crate::IndexOptions;
use crate::backfill::Backfill;
use crate::indexer::progress::Progress;
use crate::indexer::queue::Queue;
use crate::indexer::{Limits, Tally};
use crate::items::Items;
use crate::lexical::Lexical;
use crate::mounts::{self, Medium, Mount};
use crate::scan::Rules;
use crate::state::{Folders, State, storage};
use crate::stores::{self, Words};
use crate::types::{Embedder, Extractor, IndexError, Skipped};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Which mounts below an added folder are entered.
#[derive(Clone, Copy)]
struct Enters {
    network: bool,
    removable: bool,
}

impl Enters {
    fn closed(self, mounts: &[Mount]) -> Vec<PathBuf> {
        let closed = |mount: &&Mount| match mount.medium {
            Medium::Fixed => false,
            Medium::Network => !self.network,
            Medium::Removable => !self.removable,
        };
        mounts.iter().filter(closed).map(|mount| mount.at.clone()).collect()
    }
}

/// See the module.
pub(crate) struct Shared {
    pub dir: PathBuf,
    pub state: State,
    pub words: Words,
    pub items: Items,
    pub backfill: Backfill,
    pub queue: Queue,
    pub progress: Arc<Progress>,
    pub extractor: Arc<dyn Extractor>,
    pub embedder: Arc<dyn Embedder>,
    pub limits: Limits,
    pub retry_after: Duration,
    folders: Folders,
    exclude: Vec<PathBuf>,
    exclude_names: Vec<String>,
    mounts: Mutex<Vec<Mount>>,
    /// Whether networks' and removable file systems are entered from above.
    enters: Enters,
    pub sweep: Duration,
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
        let (state, words) = stores::open(&dir)?;
        let items = Items::open(&options.items)?;
        let progress = Arc::new(Progress::default());
        // Excluded as the kernel sees it too, should a link lead there.
        let mut exclude: Vec<PathBuf> = options.exclude.iter().filter_map(|path| path.canonicalize().ok()).collect();
        exclude.extend(options.exclude);
        exclude.push(dir.clone());
        exclude.push(options.items);
        let enters = Enters { network: options.network, removable: options.removable };
        let mounts = mounts::read();
        let rules = Rules::new(folders.load()?, exclude.clone()).without(&options.exclude_names);
        let rules = rules.staying_out_of(enters.closed(&mounts));
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
            words,
            items,
            progress,
            extractor,
            embedder,
            folders,
            exclude,
            exclude_names: options.exclude_names,
            mounts: Mutex::new(mounts),
            enters,
            sweep: options.sweep,
        })
    }

    /// The lexical store that is filled.
    pub(crate) fn lexical(&self) -> Arc<Lexical> {
        self.words.current()
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
        *rules = Arc::new(self.rules_for(roots));
        Ok(())
    }

    fn rules_for(&self, roots: Vec<PathBuf>) -> Rules {
        let mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = Rules::new(roots, self.exclude.clone()).without(&self.exclude_names);
        rules.staying_out_of(self.enters.closed(&mounts))
    }

    /// Takes note of what is mounted now; the places where that has changed.
    pub(crate) fn look_at_mounts(&self) -> Vec<PathBuf> {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        let now = mounts::read();
        let before = std::mem::replace(&mut *self.mounts.lock().unwrap_or_else(PoisonError::into_inner), now.clone());
        *rules = Arc::new(self.rules_for(rules.roots().to_vec()));
        mounts::difference(&before, &now)
    }

    /// Whether changes below `path` may be made by another machine, which the kernel does not tell of.
    pub(crate) fn is_on_network(&self, path: &Path) -> bool {
        let mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        mounts::medium_of(&mounts, path) == Medium::Network
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
