//! The way to the text of files: the extract host, started when needed, killed when it hangs.
//!
//! The daemon opens a file and passes it on; the host can open none. Files that the indexer will ask for next are
//! passed on before their turn, so that the host reads while the indexer writes. A file is blamed for the host's end
//! only when it was alone with it, and when the host reads a harmless text afterwards.

use hob_index::types::{Block, Document, ExtractError};
use hob_link::extract::{self as wire, ExtractReply, ExtractRequest, NotOpened, open};
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
/// How long one may take that was passed on before its turn; after that it gets a turn alone.
const AHEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Most text taken from one file, in bytes.
const MAX_TEXT: u64 = 8 << 20;
/// The same before its turn: replies wait in memory until then.
const AHEAD_TEXT: u64 = 1 << 20;
/// Files larger than this wait for their turn, in bytes.
const AHEAD_BYTES: u64 = 4 << 20;
/// Files passed on before their turn.
const MAX_AHEAD: usize = 32;
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

struct Ahead {
    path: PathBuf,
    /// The file as it was when it was passed on.
    stamp: Stamp,
    replies: Replies<ExtractRequest, ExtractReply>,
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

    fn request(&self, path: &Path, max_text: u64) -> ExtractRequest {
        ExtractRequest {
            name: path.file_name().map(PathBuf::from).unwrap_or_default(),
            max_bytes: self.max_bytes,
            max_text,
        }
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
            let at = all.iter().position(|ahead| ahead.path == path)?;
            // Files are asked for in the order in which they were expected: those before it are wanted no more.
            all.drain(..=at).next_back()?
        };
        if path.metadata().ok().map(|meta| Stamp::of(&meta)) != Some(ahead.stamp) {
            return None;
        }
        let reply = tokio::time::timeout(AHEAD_DEADLINE, ahead.replies.next()).await;
        *lock(&self.last_used) = Instant::now();
        match reply {
            // Cut at the smaller limit, so it is read once more with the larger one.
            Ok(Ok(Some(ExtractReply::Document(document)))) if document.truncated => None,
            Ok(Ok(reply)) => reply,
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
            NotOpened::Io(error) => ExtractError::Unavailable(format!("the file can't be opened: {error}")),
        })?;
        Ok(self.pass_on(self.request(path, MAX_TEXT), file.into()).await)
    }

    async fn pass_on(&self, request: ExtractRequest, file: OwnedFd) -> Outcome {
        let host = match self.running().await {
            Ok(host) => host,
            Err(error) => return Outcome::Unavailable(error),
        };
        let asked =
            tokio::time::timeout(DEADLINE, async { host.request_with(request, file).await?.next().await }).await;
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
            self.pass_on(self.request(Path::new("probe.txt"), 100), file.into()).await,
            Outcome::Reply(ExtractReply::Document(_))
        );
        if sound {
            self.host.forgive().await;
        }
        sound
    }

    async fn pass_on_ahead(&self, path: &Path) -> Option<Ahead> {
        let file = open(path).ok()?;
        let stamp = Stamp::of(&file.metadata().ok()?);
        if stamp.size == 0 || stamp.size > AHEAD_BYTES.min(self.max_bytes) {
            return None;
        }
        let host = self.running().await.ok()?;
        let replies = host.request_with(self.request(path, AHEAD_TEXT), file.into()).await.ok()?;
        Some(Ahead { path: path.to_path_buf(), stamp, replies })
    }
}

impl hob_index::types::Extractor for HostExtractor {
    fn extract(&self, path: &Path) -> Result<Document, ExtractError> {
        self.runtime.block_on(self.ask(path))
    }

    fn expect(&self, path: &Path) {
        if self.alone.load(Ordering::Acquire) || lock(&self.ahead).len() >= MAX_AHEAD {
            return;
        }
        // Whatever goes wrong here goes wrong again, and is told, when it is the file's turn.
        if let Some(ahead) = self.runtime.block_on(self.pass_on_ahead(path)) {
            lock(&self.ahead).push_back(ahead);
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
