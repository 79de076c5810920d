//! The index as the daemon sees it.
//!
//! Owns: the threads, and checking what callers ask for.
//! Must not know: how any of it is done.

use crate::check::{self, Report};
use crate::indexer::progress::Listener;
use crate::items::{self, Item, ItemName};
use crate::lexical::Lexical;
use crate::quote::{Quoter, Scope};
use crate::scan::Rules;
use crate::search::{Found, Stores};
use crate::shared::Shared;
use crate::state::storage;
use crate::types::{Chunk, Embedder, Extractor, IndexError, IndexStatus, Query, ScoredSentence, Skipped};
use crate::watch::{Settling, Watches};
use crate::{backfill, indexer, search};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long closing may take; a thread that is busy longer ends with its process.
const CLOSING: Duration = Duration::from_millis(2500);

/// How an index is to be.
#[derive(Debug, Clone)]
pub struct IndexOptions {
    /// Where the index keeps its own files; created when missing.
    pub dir: PathBuf,
    /// Where pushed items are kept, which can't be had again from anywhere; created when missing. `items` in `dir` by
    /// default.
    pub items: PathBuf,
    /// Larger files are skipped, in bytes. 50 MiB by default.
    pub max_file_bytes: u64,
    /// Text of a file beyond this is left out, in bytes. 10 MiB by default.
    pub max_text_bytes: usize,
    /// Folders that are never indexed: hob's own and those that the user excluded.
    pub exclude: Vec<PathBuf>,
    /// Files and folders that are wanted nowhere: patterns as in a `.gitignore`; see [`crate::pattern_problem`].
    pub exclude_names: Vec<String>,
    /// Whether what other machines keep is indexed where it is mounted below an added folder. Off by default; a folder
    /// that is added by name always is.
    pub network: bool,
    /// The same for media that can be taken out.
    pub removable: bool,
    /// How often everything is looked at where changes can't be followed. 10 minutes by default.
    pub sweep: Duration,
    /// First rest before an extractor or embedder that could not run is tried again; longer each time.
    /// 2 seconds by default.
    pub retry_after: Duration,
}

impl IndexOptions {
    /// The defaults, with the index's own files in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> IndexOptions {
        let dir = dir.into();
        IndexOptions {
            items: dir.join("items"),
            dir,
            max_file_bytes: 50 << 20,
            max_text_bytes: 10 << 20,
            exclude: Vec::new(),
            exclude_names: Vec::new(),
            network: false,
            removable: false,
            sweep: Duration::from_secs(600),
            retry_after: Duration::from_secs(2),
        }
    }
}

/// Whom a search is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// The user, who may see everything.
    User,
    /// A program: sees files, and the items of these programs.
    Programs(Vec<String>),
}

/// The text of an indexed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// The document's title or file name.
    pub title: String,
    /// Its kind.
    pub kind: String,
    /// ISO 639-1 code of its language.
    pub lang: String,
    /// All its passages in reading order.
    pub chunks: Vec<Chunk>,
}

/// An index of the user's files. Cheap to clone; all clones are one, and dropping the last closes it.
#[derive(Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    settling: Arc<Settling>,
    quoter: Quoter,
    /// Closes when the last thread has ended.
    ended: Mutex<Option<Receiver<()>>>,
}

impl Index {
    /// Opens the index and starts its threads: what changed while it was closed is found, and from then on
    /// followed. Quick: reading files and making embeddings happens afterwards.
    pub fn open(
        options: IndexOptions,
        extractor: Arc<dyn Extractor>,
        embedder: Arc<dyn Embedder>,
    ) -> Result<Index, IndexError> {
        let shared = Arc::new(Shared::open(options, extractor, embedder)?);
        let settling = Arc::new(Settling::new(shared.progress.clone()));
        let there = shared.embedder.info().is_some();
        shared.progress.update(|c| c.embedding = there);
        // Whatever changed while hob was not running.
        shared.queue.push(PathBuf::from("/"));
        shared.queue.push(PathBuf::from(items::ROOT));
        let ended = start(&shared, &settling)?;
        let inner = Inner { shared, settling, quoter: Quoter::default(), ended: Mutex::new(Some(ended)) };
        Ok(Index { inner: Arc::new(inner) })
    }

    /// Indexes a folder and all below it, and follows it from now on. Returns at once; adding what is
    /// already added does nothing.
    pub fn add_folder(&self, path: &Path) -> Result<(), IndexError> {
        let folder = usable_folder(path)?;
        let shared = &self.inner.shared;
        let rules = shared.rules();
        if let Some(reason) = rules.refusal(&folder) {
            return Err(IndexError::InvalidArgument(reason));
        }
        if rules.roots().contains(&folder) {
            return Ok(());
        }
        let covered = rules.wants(&folder, true);
        shared.change_folders(|roots| {
            if !roots.contains(&folder) {
                roots.push(folder.clone());
                roots.sort();
            }
        })?;
        // What lies open below an added folder is in already.
        if !covered {
            shared.queue.push(folder);
            shared.progress.tell();
        }
        Ok(())
    }

    /// Forgets a folder: its files leave the index, but for those below another added folder.
    pub fn remove_folder(&self, path: &Path) -> Result<(), IndexError> {
        let shared = &self.inner.shared;
        // The folder itself may be gone by now.
        let folder = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let rules = shared.rules();
        if !rules.roots().contains(&folder) {
            let shown = folder.display();
            let above = rules.roots().iter().find(|root| folder.starts_with(root));
            return Err(IndexError::NotFound(match above {
                Some(root) => format!("{shown} was not added by itself; it is indexed because {} was", root.display()),
                None => format!("{shown} is not indexed; see hob index list"),
            }));
        }
        shared.change_folders(|roots| roots.retain(|root| *root != folder))?;
        shared.queue.push(folder);
        shared.progress.tell();
        Ok(())
    }

    /// The added folders.
    pub fn folders(&self) -> Vec<PathBuf> {
        self.inner.shared.rules().roots().to_vec()
    }

    /// Looks again at all added folders, or at what lies at or below `path`. Unchanged files are not read.
    pub fn rescan(&self, path: Option<&Path>) -> Result<(), IndexError> {
        let shared = &self.inner.shared;
        let at = match path {
            None => PathBuf::from("/"),
            Some(path) => self.indexed(path)?,
        };
        shared.queue.push(at);
        shared.progress.tell();
        Ok(())
    }

    /// Something was mounted or unmounted: what lies there is looked at. What an unmounted file system held leaves the
    /// index.
    pub fn mounts_changed(&self) {
        let shared = &self.inner.shared;
        let related = |at: &PathBuf| shared.rules().roots().iter().any(|r| r.starts_with(at) || at.starts_with(r));
        let changed: Vec<PathBuf> = shared.look_at_mounts().into_iter().filter(related).collect();
        for at in changed {
            tracing::info!(at = %at.display(), "what is mounted here has changed");
            shared.queue.push(at);
        }
        shared.progress.tell();
    }

    /// Keeps a text that a program pushes, in place of an earlier one of the same name. Durable on return, and found
    /// soon after.
    pub fn put_item(&self, name: &ItemName, item: &Item) -> Result<(), IndexError> {
        let shared = &self.inner.shared;
        shared.queue.push(shared.items.put(name, item)?);
        shared.progress.tell();
        Ok(())
    }

    /// Forgets items of a program; how many of them there were. Durable on return.
    pub fn delete_items(&self, app: &str, ids: &[String]) -> Result<usize, IndexError> {
        let shared = &self.inner.shared;
        let gone = shared.items.delete(app, ids)?;
        let count = gone.len();
        gone.into_iter().for_each(|path| shared.queue.push(path));
        shared.progress.tell();
        Ok(count)
    }

    /// A program's item, as it was pushed.
    pub fn item(&self, name: &ItemName) -> Result<Option<Item>, IndexError> {
        Ok(self.inner.shared.items.get(&name.path())?.map(|(_, item)| item))
    }

    /// What a search for `reader` leaves out: the items of programs that it may not read.
    pub fn hidden_from(&self, reader: &Reader) -> Vec<PathBuf> {
        let Reader::Programs(readable) = reader else { return Vec::new() };
        let apps = self.inner.shared.items.apps().into_iter();
        apps.filter(|app| !readable.contains(app)).map(|app| items::folder_of(&app)).collect()
    }

    /// Compares word index, embeddings, list of files, items and disk. Takes about as long as reading the index and
    /// walking all folders.
    pub fn check(&self) -> Result<Report, IndexError> {
        check::check(&self.inner.shared)
    }

    /// Checks, and begins to put right what was found; that is done when the index is at rest.
    pub fn repair(&self) -> Result<Report, IndexError> {
        let report = check::check(&self.inner.shared)?;
        check::repair(&self.inner.shared, &report);
        Ok(report)
    }

    /// Stops indexing and embedding until [`Index::resume`]; searching goes on.
    pub fn pause(&self) {
        self.inner.shared.queue.set_paused(true);
        self.inner.shared.progress.tell();
    }

    /// Goes on after [`Index::pause`].
    pub fn resume(&self) {
        self.inner.shared.queue.set_paused(false);
        self.inner.shared.progress.tell();
    }

    /// Makes no embeddings (true) until it is allowed again (false); words are indexed all the same. Independent of
    /// [`Index::pause`], which is the user's.
    pub fn hold_embedding(&self, held: bool) {
        self.inner.shared.progress.update(|c| c.held = held);
        self.inner.shared.progress.tell();
    }

    /// The counters.
    pub fn status(&self) -> IndexStatus {
        self.inner.shared.progress.status()
    }

    /// Files that could not be indexed, at most `limit`; troubles of the index itself come first.
    pub fn skipped(&self, limit: usize) -> Result<Vec<Skipped>, IndexError> {
        let shared = &self.inner.shared;
        let files = shared.state.all_skips();
        let files = files.map(|(path, skip)| Skipped { path: path.display().to_string(), reason: skip.reason });
        Ok(shared.notices().into_iter().chain(files).take(limit).collect())
    }

    /// The files and items that are in the index, in the order of their names.
    pub fn documents(&self) -> Vec<PathBuf> {
        self.inner.shared.state.all_files().map(|(path, _)| path).collect()
    }

    /// The text of a file as it is in the index; `None` when it is not in it.
    pub fn document_text(&self, path: &Path) -> Result<Option<FileText>, IndexError> {
        let shared = &self.inner.shared;
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let Some(record) = shared.state.file(&path)? else { return Ok(None) };
        let ids: Vec<_> = record.ids().collect();
        let passages = shared.lexical().passages(&ids)?;
        let Some(first) = passages.first() else { return Ok(None) };
        let (title, kind) = (first.title.clone(), first.kind.clone());
        let chunks = passages.into_iter().map(|passage| passage.chunk).collect();
        Ok(Some(FileText { title, kind, lang: record.lang, chunks }))
    }

    /// Searches. May block for as long as the embedder needs for the query.
    pub fn search(&self, query: &Query) -> Result<Found, IndexError> {
        let folder = query.folder.as_deref().map(|folder| self.indexed(folder)).transpose()?;
        let lexical = self.inner.shared.words.serving();
        let mut found = search::search(&self.stores(&lexical), &Query { folder, ..query.clone() })?;
        let rules = self.inner.shared.rules();
        found.hits.retain(|hit| self.is_kept(&rules, &hit.path));
        Ok(found)
    }

    /// At most `limit` sentences that may answer a question, best first, from files at or below `folder`, and from nothing
    /// at or below what is `hidden`.
    pub fn sentences_for(
        &self,
        question: &str,
        folder: Option<&Path>,
        hidden: Vec<PathBuf>,
        limit: usize,
    ) -> Result<Vec<ScoredSentence>, IndexError> {
        let scope = Scope { folder: folder.map(|folder| self.indexed(folder)).transpose()?, kind: None, hidden };
        let lexical = self.inner.shared.words.serving();
        let mut found = self.inner.quoter.sentences_for(&self.stores(&lexical), question, &scope, limit)?;
        let rules = self.inner.shared.rules();
        found.retain(|sentence| self.is_kept(&rules, &sentence.path));
        for sentence in found.iter_mut().filter(|sentence| items::is_item(&sentence.path)) {
            sentence.uri = self.inner.shared.items.get(&sentence.path)?.and_then(|(_, item)| item.uri);
        }
        Ok(found)
    }

    /// Calls `listener` whenever a counter or the state changed: often enough to show progress, not for each
    /// file, and always after the last change. It must be quick and must not change the index.
    pub fn on_change(&self, listener: Listener) {
        self.inner.shared.progress.listen(listener);
    }

    /// The embedding model came, went, or became another one; also worth saying when it works again.
    pub fn notify_embedder_changed(&self) {
        self.inner.shared.backfill.embedder_changed(&self.inner.shared);
    }

    /// Gives back memory that is only kept for speed.
    pub fn release_memory(&self) {
        crate::memory::trim();
    }

    /// Work that only makes files smaller, for times when nobody needs the machine; whether there was any. May block for
    /// seconds.
    pub fn tidy(&self) -> Result<bool, IndexError> {
        self.inner.shared.backfill.tidy()
    }

    /// Commits, ends the threads and closes the stores' files, within about 3 seconds. What was left undone
    /// is done after the next start. Searching still works until the index is dropped.
    pub fn shutdown(&self) {
        self.inner.close();
    }

    /// A path as the kernel sees it, if something at, above or below it was added.
    fn indexed(&self, path: &Path) -> Result<PathBuf, IndexError> {
        let at = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let related = |root: &PathBuf| at.starts_with(root) || root.starts_with(&at);
        if !self.inner.shared.rules().roots().iter().any(related) {
            let shown = at.display();
            return Err(IndexError::NotFound(format!("{shown} is not indexed; add it with hob index add")));
        }
        Ok(at)
    }

    #[cfg(test)]
    pub(crate) fn settling(&self) -> Arc<Settling> {
        self.inner.settling.clone()
    }

    fn stores<'a>(&'a self, lexical: &'a Lexical) -> Stores<'a> {
        let shared = &self.inner.shared;
        Stores { lexical, vectors: shared.backfill.store(), embedder: shared.embedder.as_ref() }
    }

    /// Whether what is at `path` is still to be shown: what was forgotten is not, while the indexer, which may be busy
    /// with something else, has yet to remove it.
    fn is_kept(&self, rules: &Rules, path: &Path) -> bool {
        let shared = &self.inner.shared;
        if items::is_item(path) {
            return shared.items.version(path).is_some();
        }
        // An earlier word index that answers for a while is not kept up to date.
        let gone = || shared.words.old_answers() && matches!(shared.state.file(path), Ok(None));
        rules.roots().iter().any(|root| path.starts_with(root)) && !gone()
    }
}

impl Inner {
    fn close(&self) {
        let Some(ended) = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let started = Instant::now();
        self.shared.queue.stop();
        self.settling.stop();
        self.shared.backfill.stop();
        self.shared.progress.update(|c| c.stopping = true);
        if ended.recv_timeout(CLOSING) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the index's threads are still busy; what they do is done again after the next start");
        }
        if let Err(error) = self.shared.state.flush() {
            tracing::error!(%error, "closing the index");
        }
        tracing::debug!(took = ?started.elapsed(), "index closed");
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// Starts the threads; the receiver is disconnected once all have ended.
fn start(shared: &Arc<Shared>, settling: &Arc<Settling>) -> Result<Receiver<()>, IndexError> {
    let (alive, ended) = mpsc::channel();
    let progress = shared.progress.clone();
    spawn(shared, "hob-index-news", &alive, move || progress.run())?;
    let (settler, owner) = (settling.clone(), shared.clone());
    spawn(shared, "hob-index-watch", &alive, move || settler.run(&owner.queue))?;
    let owner = shared.clone();
    spawn(shared, "hob-index-embed", &alive, move || backfill::run(&owner))?;
    let (events, owner) = (settling.clone(), shared.clone());
    spawn(shared, "hob-index", &alive, move || indexer::run(&owner, Watches::new(events)))?;
    Ok(ended)
}

fn spawn(
    shared: &Shared,
    name: &str,
    alive: &Sender<()>,
    work: impl FnOnce() + Send + 'static,
) -> Result<(), IndexError> {
    let alive = alive.clone();
    let body = move || {
        work();
        drop(alive);
    };
    let started = thread::Builder::new().name(name.to_owned()).spawn(body);
    started.map(|_| ()).map_err(|e| storage(&shared.dir, format!("a thread could not be started: {e}")))
}

/// The canonical form of a folder that can be indexed.
fn usable_folder(path: &Path) -> Result<PathBuf, IndexError> {
    let shown = path.display();
    let folder = path.canonicalize().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => IndexError::NotFound(format!("there is no folder {shown}; check the spelling")),
        io::ErrorKind::PermissionDenied => IndexError::InvalidArgument(format!("you may not look into {shown}")),
        _ => IndexError::InvalidArgument(format!("{shown} can't be used: {e}")),
    })?;
    if !folder.is_dir() {
        return Err(IndexError::InvalidArgument(format!("{shown} is not a folder; add the folder that it is in")));
    }
    if folder.to_str().is_none() {
        return Err(IndexError::InvalidArgument(format!("the name of {shown} is not UTF-8; rename it")));
    }
    if let Err(e) = folder.read_dir() {
        return Err(IndexError::InvalidArgument(format!("{shown} can't be read ({e}); check its permissions")));
    }
    Ok(folder)
}
