//! The way to the text of files: the extract host, started when needed, killed when it hangs.
//!
//! The daemon opens a file and passes it on; the host can open none. Files that the indexer will ask for next are passed
//! on before their turn and together, so that the host reads while the indexer writes, and nobody is woken for each of
//! them. A file is blamed for the host's end only when it was alone with it, and when the host reads a harmless text
//! afterwards.

use hob_index::types::{Block, Document, ExtractError};
use hob_link::extract::{self as wire, ExtractReply, ExtractRequest, NotOpened, ToRead, open};
use hob_link::passing;
use hob_link::supervisor::{Host, HostSpec, LinkError, Replies, Supervisor};
use rustix::fs::{MemfdFlags, memfd_create};
use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long one file may take that is alone with the host.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long the reply for one may take that was passed on before its turn, with those that come along with it; after
/// that it gets a turn alone.
const AHEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Most text taken from one file, in bytes.
const MAX_TEXT: u64 = 8 << 20;
/// The same before its turn: replies wait in memory until then.
const AHEAD_TEXT: u64 = 1 << 20;
/// Files larger than this wait for their turn, in bytes.
const AHEAD_BYTES: u64 = 4 << 20;
/// Files passed on before their turn.
const MAX_AHEAD: usize = 48;
/// Unused for so long, the host ends.
const IDLE: Duration = Duration::from_secs(30);
/// How long the host may take to end by itself.
const STOP_GRACE: Duration = Duration::from_millis(300);

type ExtractHost = Supervisor<ExtractRequest, ExtractReply>;

/// Extracts through the extract host. One bad file costs one error, never the daemon and never another file.
pub struct HostExtractor {
    host: ExtractHost,
    max_bytes: u64,
    runtime: Handle,
    last_used: Mutex<Instant>,
    /// Files that were passed on before their turn, in that order.
    ahead: Mutex<VecDeque<Ahead>>,
    /// Nothing is passed on before its turn while this holds.
    alone: AtomicBool,
    /// Held by whoever asks for a file whose turn it is.
    turn: tokio::sync::Mutex<()>,
    /// What the host last said of its sandbox.
    sandbox: Mutex<Option<String>>,
}

/// Files that were passed on together and whose replies nobody has taken.
struct Ahead {
    /// In the order of their replies, each as it was when it was passed on.
    files: VecDeque<(PathBuf, Stamp)>,
    replies: Replies<ExtractRequest, ExtractReply>,
}

impl Ahead {
    /// The reply for this file and what the file was; those before it are wanted no more. `None` when the host has
    /// nothing (any more) for it.
    async fn take(&mut self, path: &Path) -> Result<Option<(Stamp, ExtractReply)>, LinkError> {
        while let Some((next, stamp)) = self.files.pop_front() {
            let Some(reply) = self.replies.next().await? else { return Ok(None) };
            if next == path {
                return Ok(Some((stamp, reply)));
            }
        }
        Ok(None)
    }
}

/// Which content a file had.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    device: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        let changed = (meta.mtime(), meta.mtime_nsec());
        Self { inode: meta.ino(), device: meta.dev(), size: meta.size(), changed }
    }
}

/// What a file that is alone with the host came to.
enum Outcome {
    Reply(ExtractReply),
    /// The host ended over it, or had to be ended: why.
    Fatal(String),
    Unavailable(LinkError),
}

impl HostExtractor {
    /// Starts nothing yet.
    pub fn new(program: PathBuf, max_bytes: u64, runtime: Handle) -> Self {
        let host = Supervisor::new(HostSpec { kind: "extract", program, args: Vec::new() });
        let (last_used, ahead, sandbox) = (Mutex::new(Instant::now()), Mutex::default(), Mutex::default());
        let turn = tokio::sync::Mutex::default();
        Self { host, max_bytes, runtime, last_used, ahead, alone: AtomicBool::new(false), turn, sandbox }
    }

    /// The host's process, if it runs.
    pub async fn pids(&self) -> Vec<u32> {
        self.host.pid().await.into_iter().collect()
    }

    /// What the host said of its sandbox, in words; `None` before it was first started.
    pub fn sandbox(&self) -> Option<String> {
        lock(&self.sandbox).clone()
    }

    /// Ends the host when it has been idle; when to look again.
    pub async fn recycle_if_idle(&self) -> Duration {
        let idle = lock(&self.last_used).elapsed();
        if idle < IDLE {
            return IDLE - idle;
        }
        self.stop().await;
        IDLE
    }

    /// Ends the host.
    pub async fn stop(&self) {
        lock(&self.ahead).clear();
        self.host.stop(STOP_GRACE).await;
    }

    async fn running(&self) -> Result<std::sync::Arc<Host<ExtractRequest, ExtractReply>>, LinkError> {
        let host = self.host.host().await?;
        *lock(&self.last_used) = Instant::now();
        let mut known = lock(&self.sandbox);
        if known.is_none() {
            *known = Some(host.sandbox().map_or_else(|| "not confined".into(), ToString::to_string));
        }
        drop(known);
        Ok(host)
    }

    fn to_read(&self, path: &Path, max_text: u64) -> ToRead {
        ToRead { name: path.file_name().map(PathBuf::from).unwrap_or_default(), max_bytes: self.max_bytes, max_text }
    }

    async fn ask(&self, path: &Path) -> Result<Document, ExtractError> {
        if let Some(reply) = self.asked_before(path).await {
            return outcome(reply);
        }
        let _turn = self.turn.lock().await;
        let first = self.ask_now(path).await?;
        let last = match first {
            // Another file may have ended the host, so this one gets a second chance, alone.
            Outcome::Fatal(_) => self.ask_alone(path).await?,
            first => first,
        };
        match last {
            Outcome::Reply(reply) => outcome(reply),
            Outcome::Unavailable(error) => Err(ExtractError::Unavailable(error.to_string())),
            Outcome::Fatal(reason) if self.is_sound().await => Err(ExtractError::Skipped(reason)),
            Outcome::Fatal(reason) => Err(ExtractError::Unavailable(format!("the extract host is broken: {reason}"))),
        }
    }

    /// The same while no other file is passed on, so that whatever ends the host is this one's doing.
    async fn ask_alone(&self, path: &Path) -> Result<Outcome, ExtractError> {
        self.alone.store(true, Ordering::Release);
        self.stop().await;
        let outcome = self.ask_now(path).await;
        self.alone.store(false, Ordering::Release);
        outcome
    }

    /// The reply for a file that was passed on before its turn, if that brought one and the file is still the same.
    async fn asked_before(&self, path: &Path) -> Option<ExtractReply> {
        let mut ahead = {
            let mut all = lock(&self.ahead);
            let at = all.iter().position(|ahead| ahead.files.iter().any(|(expected, _)| expected == path))?;
            // Files are asked for in the order in which they were expected: those before it are wanted no more.
            all.drain(..=at).next_back()?
        };
        let reply = tokio::time::timeout(AHEAD_DEADLINE, ahead.take(path)).await;
        *lock(&self.last_used) = Instant::now();
        match reply {
            Ok(Ok(found)) => {
                if !ahead.files.is_empty() {
                    lock(&self.ahead).push_front(ahead);
                }
                found.filter(|(stamp, reply)| is_still_good(path, *stamp, reply)).map(|(_, reply)| reply)
            }
            Ok(Err(_)) => {
                lock(&self.ahead).clear();
                None
            }
            Err(_) => {
                lock(&self.ahead).clear();
                if let Ok(host) = self.host.host().await {
                    host.kill().await;
                }
                None
            }
        }
    }

    async fn ask_now(&self, path: &Path) -> Result<Outcome, ExtractError> {
        let file = open(path).map_err(|error| match error {
            NotOpened::NotRegular(_) => ExtractError::Skipped(error.to_string()),
            NotOpened::Io(error) => ExtractError::unopened(&error),
        })?;
        Ok(self.pass_on(self.to_read(path, MAX_TEXT), file.into()).await)
    }

    async fn pass_on(&self, file: ToRead, opened: OwnedFd) -> Outcome {
        let host = match self.running().await {
            Ok(host) => host,
            Err(error) => return Outcome::Unavailable(error),
        };
        let request = ExtractRequest { files: vec![file] };
        let asked = async { host.request_with(request, vec![opened]).await?.next().await };
        let asked = tokio::time::timeout(DEADLINE, asked).await;
        *lock(&self.last_used) = Instant::now();
        match asked {
            Ok(Ok(Some(reply))) => Outcome::Reply(reply),
            Ok(Ok(None)) => Outcome::Fatal("reading it brought no reply".into()),
            Ok(Err(LinkError::Died { how, .. })) => {
                Outcome::Fatal(format!("reading it ended the reader ({how}); the file may be damaged"))
            }
            Ok(Err(error)) => Outcome::Unavailable(error),
            Err(_) => {
                host.kill().await;
                Outcome::Fatal(format!("reading it took longer than {} s", DEADLINE.as_secs()))
            }
        }
    }

    /// Whether the host reads a harmless text. Then its last end was a file's fault and does not count against it.
    async fn is_sound(&self) -> bool {
        let file = match harmless() {
            Ok(file) => file,
            Err(error) => {
                tracing::warn!(%error, "the extract host could not be probed");
                return false;
            }
        };
        let sound = matches!(
            self.pass_on(self.to_read(Path::new("probe.txt"), 100), file.into()).await,
            Outcome::Reply(ExtractReply::Document(_))
        );
        if sound {
            self.host.forgive().await;
        }
        sound
    }

    /// Passes on those of the files that are small enough. Whatever goes wrong here goes wrong again, and is told, when
    /// it is the file's turn.
    async fn pass_on_ahead(&self, paths: &[&Path]) -> Option<Ahead> {
        let most = AHEAD_BYTES.min(self.max_bytes);
        let opened = paths.iter().filter_map(|path| {
            let file = open(path).ok()?;
            let stamp = Stamp::of(&file.metadata().ok()?);
            (1..=most).contains(&stamp.size).then(|| (path.to_path_buf(), stamp, OwnedFd::from(file)))
        });
        let (mut files, mut expected, mut passed) = (Vec::new(), VecDeque::new(), Vec::new());
        for (path, stamp, file) in opened {
            files.push(self.to_read(&path, AHEAD_TEXT));
            expected.push_back((path, stamp));
            passed.push(file);
        }
        if files.is_empty() {
            return None;
        }
        let host = self.running().await.ok()?;
        let replies = host.request_with(ExtractRequest { files }, passed).await.ok()?;
        Some(Ahead { files: expected, replies })
    }
}

/// Whether a reply for a file that was passed on before its turn is what would be read now.
fn is_still_good(path: &Path, stamp: Stamp, reply: &ExtractReply) -> bool {
    // Cut at the smaller limit, it is read once more with the larger one.
    let is_whole = !matches!(reply, ExtractReply::Document(document) if document.truncated);
    is_whole && path.metadata().is_ok_and(|meta| Stamp::of(&meta) == stamp)
}

impl hob_index::types::Extractor for HostExtractor {
    fn extract(&self, path: &Path) -> Result<Document, ExtractError> {
        self.runtime.block_on(self.ask(path))
    }

    fn expect(&self, paths: &[&Path]) {
        for together in paths.chunks(passing::MOST) {
            let waiting: usize = lock(&self.ahead).iter().map(|ahead| ahead.files.len()).sum();
            if self.alone.load(Ordering::Acquire) || waiting + together.len() > MAX_AHEAD {
                return;
            }
            if let Some(ahead) = self.runtime.block_on(self.pass_on_ahead(together)) {
                lock(&self.ahead).push_back(ahead);
            }
        }
    }
}

fn harmless() -> std::io::Result<File> {
    let mut file = File::from(memfd_create("hob-probe", MemfdFlags::CLOEXEC)?);
    file.write_all(b"A harmless text.\n")?;
    std::io::Seek::rewind(&mut file)?;
    Ok(file)
}

fn outcome(reply: ExtractReply) -> Result<Document, ExtractError> {
    match reply {
        ExtractReply::Document(document) => Ok(convert(document)),
        ExtractReply::Skipped { reason } => Err(ExtractError::Skipped(reason)),
    }
}

fn convert(document: wire::Document) -> Document {
    let block = |b: wire::Block| Block {
        text: b.text,
        line: b.line,
        page: b.page,
        part: b.part,
        span: b.span,
        heading: b.heading,
    };
    Document {
        kind: document.kind,
        title: document.title,
        author: document.author,
        date: document.date,
        blocks: document.blocks.into_iter().map(block).collect(),
        truncated: document.truncated,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
