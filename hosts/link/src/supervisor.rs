//! The daemon's end of the wire: spawns a child, numbers its requests, notices its death.
//!
//! Invariant: a request ends exactly once, with its last reply or with the reason why there will
//! be none. A dropped [`Replies`] cancels its request in the child.

use crate::BUILD_ID;
use crate::host::PARENT_PID;
use crate::passing;
use crate::sandbox::Report;
use crate::wire::{FromHost, Hello, ToHost, WireError, checked_len, encode};
use rustix::process::Signal;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

/// Replies that may wait unread before the caller counts as stalled and its request is cancelled.
const REPLY_QUEUE: usize = 1024;
/// Messages that may wait to be written to one child.
const SEND_QUEUE: usize = 256;
/// Bytes of replies that are taken from the wire at once; larger replies are read past the buffer.
const READ_AT_ONCE: usize = 16 << 10;
/// How long a child may take to say hello.
const HELLO_DEADLINE: Duration = Duration::from_secs(10);
/// Deaths within [`CRASH_WINDOW`] after which a child is not started again for a while.
const CRASH_LIMIT: usize = 4;
/// The window for [`CRASH_LIMIT`], and how long a quarantine lasts.
const CRASH_WINDOW: Duration = Duration::from_secs(20);

/// How to start a child.
#[derive(Debug, Clone)]
pub struct HostSpec {
    /// Which host this is: the `kind` its hello must carry.
    pub kind: &'static str,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
}

/// Why a request got no (further) reply.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LinkError {
    /// The program could not be started.
    #[error("{program} could not be started: {reason}")]
    Spawn {
        /// The program.
        program: String,
        /// The system's reason.
        reason: String,
    },
    /// The child is not of this build, or said something else than hello.
    #[error(
        "the child process {program} is not of this build ({reason}); reinstall hob so that all its programs match"
    )]
    Hello {
        /// The program.
        program: String,
        /// What was wrong.
        reason: String,
    },
    /// The child ended while the request ran.
    #[error("the {kind} process ended ({how}) while it worked on this; the next request starts a new one")]
    Died {
        /// Which host.
        kind: &'static str,
        /// Exit code or signal.
        how: String,
    },
    /// The child was ended because memory ran out, by the daemon or by the kernel.
    #[error("{because}")]
    OutOfMemory {
        /// Which host.
        kind: &'static str,
        /// One or two sentences: what was done and what to do.
        because: String,
    },
    /// The caller did not read its replies.
    #[error("the replies were not read in time, so the request was cancelled")]
    Stalled,
    /// The child died too often and rests.
    #[error("the {kind} process ended {CRASH_LIMIT} times within {}s and is not started again for {wait_s} s (last: {last})", CRASH_WINDOW.as_secs())]
    Quarantined {
        /// Which host.
        kind: &'static str,
        /// Seconds until it is tried again.
        wait_s: u64,
        /// The last failure.
        last: String,
    },
}

/// How a child ended.
#[derive(Debug, Clone)]
enum End {
    /// By itself or by a signal: exit code or signal.
    Died(String),
    /// Since memory ran out: what is said to those who wait.
    OutOfMemory(String),
}

impl End {
    fn error(self, kind: &'static str) -> LinkError {
        match self {
            Self::Died(how) => LinkError::Died { kind, how },
            Self::OutOfMemory(because) => LinkError::OutOfMemory { kind, because },
        }
    }
}

type Incoming = BufReader<OwnedReadHalf>;

type Waiting<R> = Arc<Mutex<HashMap<u64, mpsc::Sender<Result<(R, bool), LinkError>>>>>;

/// A message on its way to a child, with the files that go along.
struct Outgoing<Q> {
    message: ToHost<Q>,
    files: Vec<OwnedFd>,
}

impl<Q> From<ToHost<Q>> for Outgoing<Q> {
    fn from(message: ToHost<Q>) -> Self {
        Self { message, files: Vec::new() }
    }
}

/// A running child.
pub struct Host<Q, R> {
    kind: &'static str,
    pid: u32,
    sandbox: Option<Report>,
    next_id: AtomicU64,
    to_child: mpsc::Sender<Outgoing<Q>>,
    waiting: Waiting<R>,
    ended: watch::Receiver<Option<End>>,
    /// Ends the child at once; with the reason that is told when it is for its memory.
    kill: mpsc::Sender<Option<String>>,
}

impl<Q, R> Host<Q, R>
where
    Q: Serialize + Send + 'static,
    R: DeserializeOwned + Send + 'static,
{
    /// Starts the child and waits for its hello.
    pub async fn spawn(spec: &HostSpec) -> Result<Self, LinkError> {
        let (child, socket) = start(spec)?;
        let pid = child.id().unwrap_or(0);
        let (from, to) = socket.into_split();
        let mut from = BufReader::with_capacity(READ_AT_ONCE, from);
        let sandbox = expect_hello(spec, &mut from).await?;

        let waiting: Waiting<R> = Arc::default();
        let (to_child, queue) = mpsc::channel(SEND_QUEUE);
        let (kill, killed) = mpsc::channel(1);
        let (ended_at, ended) = watch::channel(None);
        tokio::spawn(write_loop(to, queue));
        tokio::spawn(watch_child(spec.kind, child, from, waiting.clone(), to_child.downgrade(), killed, ended_at));
        Ok(Self { kind: spec.kind, pid, sandbox, next_id: AtomicU64::new(1), to_child, waiting, ended, kill })
    }

    /// Sends a request. Replies arrive in the order the child sent them.
    pub async fn request(&self, body: Q) -> Result<Replies<Q, R>, LinkError> {
        self.request_with(body, Vec::new()).await
    }

    /// The same with open files, [`passing::MOST`] at most, which the child gets along with the request.
    pub async fn request_with(&self, body: Q, files: Vec<OwnedFd>) -> Result<Replies<Q, R>, LinkError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel(REPLY_QUEUE);
        lock(&self.waiting).insert(id, sender);
        let replies =
            Replies { id, receiver, to_child: self.to_child.clone(), waiting: self.waiting.clone(), finished: false };
        // Death clears `waiting` once; a request inserted after that must not wait for ever.
        if let Some(end) = self.ended.borrow().clone() {
            return Err(end.error(self.kind));
        }
        let outgoing = Outgoing { message: ToHost::Request { id, body }, files };
        self.to_child.send(outgoing).await.map_err(|_| self.died())?;
        Ok(replies)
    }

    /// Sends a request that has exactly one reply.
    pub async fn ask(&self, body: Q) -> Result<R, LinkError> {
        let mut replies = self.request(body).await?;
        replies.next().await?.ok_or_else(|| self.died())
    }

    /// The child's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What the child said that it has confined itself with; `None` when it has not.
    pub fn sandbox(&self) -> Option<&Report> {
        self.sandbox.as_ref()
    }

    /// Whether the child still runs.
    pub fn is_alive(&self) -> bool {
        self.ended.borrow().is_none()
    }

    /// Ends the child: asks, then kills after `grace`. Returns when it is gone.
    pub async fn stop(&self, grace: Duration) {
        let mut ended = self.ended.clone();
        let asked = self.to_child.try_send(ToHost::Shutdown.into()).is_ok();
        let gone = async { ended.wait_for(Option::is_some).await.is_ok() };
        if asked && tokio::time::timeout(grace, gone).await.is_ok() {
            return;
        }
        self.kill().await;
    }

    /// Kills the child at once and waits until the kernel has reaped it.
    pub async fn kill(&self) {
        self.kill_for(None).await;
    }

    /// The same for the memory that it holds: whoever waits for its replies gets [`LinkError::OutOfMemory`] with this
    /// reason.
    pub async fn reclaim(&self, because: String) {
        self.kill_for(Some(because)).await;
    }

    async fn kill_for(&self, because: Option<String>) {
        let mut ended = self.ended.clone();
        // A full queue or a closed one means that its end is already under way.
        let _already = self.kill.try_send(because).is_err();
        if ended.wait_for(Option::is_some).await.is_err() {
            tracing::debug!(kind = self.kind, pid = self.pid, "the child's watcher was already gone");
        }
    }

    fn died(&self) -> LinkError {
        let end = self.ended.borrow().clone();
        end.unwrap_or_else(|| End::Died("closed its wire".into())).error(self.kind)
    }
}

/// The replies to one request. Dropping it before the last reply cancels the request.
pub struct Replies<Q, R> {
    id: u64,
    receiver: mpsc::Receiver<Result<(R, bool), LinkError>>,
    to_child: mpsc::Sender<Outgoing<Q>>,
    waiting: Waiting<R>,
    finished: bool,
}

impl<Q, R> Replies<Q, R> {
    /// Tells the child that nobody wants the rest, and leaves it to the child how soon it ends.
    pub fn cancel(&self) {
        if !self.finished && self.to_child.try_send(ToHost::Cancel { id: self.id }.into()).is_err() {
            tracing::debug!(id = self.id, "a cancel found its child already gone or busy");
        }
    }

    /// The next reply; `None` after the last one.
    pub async fn next(&mut self) -> Result<Option<R>, LinkError> {
        if self.finished {
            return Ok(None);
        }
        match self.receiver.recv().await {
            Some(Ok((body, last))) => {
                self.finished = last;
                Ok(Some(body))
            }
            Some(Err(error)) => {
                self.finished = true;
                Err(error)
            }
            // A death is told in words; silence means that the queue ran over.
            None => {
                self.finished = true;
                Err(LinkError::Stalled)
            }
        }
    }
}

impl<Q, R> Drop for Replies<Q, R> {
    fn drop(&mut self) {
        lock(&self.waiting).remove(&self.id);
        if !self.finished && self.to_child.try_send(ToHost::Cancel { id: self.id }.into()).is_err() {
            tracing::debug!(id = self.id, "a cancel found its child already gone or busy");
        }
    }
}

/// Keeps one child per spec: starts it on first use and again after a death, within limits.
pub struct Supervisor<Q, R> {
    spec: HostSpec,
    state: tokio::sync::Mutex<Kept<Q, R>>,
}

struct Kept<Q, R> {
    host: Option<Arc<Host<Q, R>>>,
    deaths: Vec<Instant>,
    last: String,
}

impl<Q, R> Supervisor<Q, R>
where
    Q: Serialize + Send + 'static,
    R: DeserializeOwned + Send + 'static,
{
    /// Starts nothing yet.
    pub fn new(spec: HostSpec) -> Self {
        Self { spec, state: tokio::sync::Mutex::new(Kept { host: None, deaths: Vec::new(), last: String::new() }) }
    }

    /// The running child, started if need be.
    pub async fn host(&self) -> Result<Arc<Host<Q, R>>, LinkError> {
        let mut kept = self.state.lock().await;
        match &kept.host {
            Some(host) if host.is_alive() => return Ok(host.clone()),
            Some(host) => {
                kept.last = host.died().to_string();
                kept.host = None;
                kept.deaths.push(Instant::now());
            }
            None => {}
        }
        self.refuse_quarantined(&mut kept)?;
        match Host::spawn(&self.spec).await {
            Ok(host) => Ok(kept.host.insert(Arc::new(host)).clone()),
            Err(error) => {
                kept.last = error.to_string();
                kept.deaths.push(Instant::now());
                Err(error)
            }
        }
    }

    /// The process id, when a child runs.
    pub async fn pid(&self) -> Option<u32> {
        self.state.lock().await.host.as_ref().filter(|h| h.is_alive()).map(|h| h.pid())
    }

    /// Takes back that the child died: a request is known to have been at fault, and the child itself is sound.
    pub async fn forgive(&self) {
        self.state.lock().await.deaths.clear();
    }

    /// Ends the child, if there is one. The next [`Supervisor::host`] starts a new one.
    pub async fn stop(&self, grace: Duration) {
        let host = self.state.lock().await.host.take();
        if let Some(host) = host {
            host.stop(grace).await;
        }
    }

    fn refuse_quarantined(&self, kept: &mut Kept<Q, R>) -> Result<(), LinkError> {
        kept.deaths.retain(|at| at.elapsed() < CRASH_WINDOW);
        if kept.deaths.len() < CRASH_LIMIT {
            return Ok(());
        }
        let oldest = kept.deaths.iter().map(Instant::elapsed).max().unwrap_or_default();
        let wait_s = (CRASH_WINDOW - oldest.min(CRASH_WINDOW)).as_secs() + 1;
        Err(LinkError::Quarantined { kind: self.spec.kind, wait_s, last: kept.last.clone() })
    }
}

fn start(spec: &HostSpec) -> Result<(Child, UnixStream), LinkError> {
    let failed =
        |e: std::io::Error| LinkError::Spawn { program: spec.program.display().to_string(), reason: e.to_string() };
    let (ours, theirs) = StdUnixStream::pair().map_err(failed)?;
    ours.set_nonblocking(true).map_err(failed)?;
    let child = Command::new(&spec.program)
        .args(&spec.args)
        .env(PARENT_PID, std::process::id().to_string())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    Ok((child, UnixStream::from_std(ours).map_err(failed)?))
}

async fn expect_hello(spec: &HostSpec, from: &mut Incoming) -> Result<Option<Report>, LinkError> {
    let refused = |reason: String| LinkError::Hello { program: spec.program.display().to_string(), reason };
    // The body of a first frame must be a hello, so its reply type does not matter.
    let first = tokio::time::timeout(HELLO_DEADLINE, read::<FromHost<()>>(from)).await;
    match first {
        Err(_) => Err(refused(format!("no hello within {} s", HELLO_DEADLINE.as_secs()))),
        Ok(Err(e)) => Err(refused(e.to_string())),
        Ok(Ok(None)) => Err(refused("it ended before its hello".into())),
        Ok(Ok(Some(FromHost::Hello(Hello { build, kind, sandbox })))) if build == BUILD_ID && kind == spec.kind => {
            Ok(sandbox)
        }
        Ok(Ok(Some(other))) => Err(refused(format!("expected build {BUILD_ID} of {}, got {other:?}", spec.kind))),
    }
}

async fn read<T: DeserializeOwned>(from: &mut Incoming) -> Result<Option<T>, WireError> {
    let mut head = [0u8; 4];
    match from.read_exact(&mut head).await {
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e.into()),
    }
    let mut body = vec![0u8; checked_len(head)?];
    from.read_exact(&mut body).await?;
    Ok(Some(postcard::from_bytes(&body)?))
}

async fn write_loop<Q: Serialize>(mut to: OwnedWriteHalf, mut queue: mpsc::Receiver<Outgoing<Q>>) {
    while let Some(outgoing) = queue.recv().await {
        if let Err(error) = write(&mut to, outgoing).await {
            // The reader sees the death and tells every waiting request.
            tracing::warn!(%error, "a message to a child was lost");
            return;
        }
    }
}

async fn write<Q: Serialize>(to: &mut OwnedWriteHalf, outgoing: Outgoing<Q>) -> Result<(), WireError> {
    let frame = encode(&outgoing.message)?;
    let sent = if outgoing.files.is_empty() { 0 } else { pass_on(to, &frame, &outgoing.files).await? };
    Ok(to.write_all(&frame[sent..]).await?)
}

/// Sends files with the beginning of a frame; how much of it went.
async fn pass_on(to: &mut OwnedWriteHalf, frame: &[u8], files: &[OwnedFd]) -> std::io::Result<usize> {
    let files: Vec<BorrowedFd<'_>> = files.iter().map(AsFd::as_fd).collect();
    loop {
        to.writable().await?;
        let socket = to.as_ref();
        match socket.try_io(Interest::WRITABLE, || passing::send(socket, frame, &files)) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            sent => return sent,
        }
    }
}

/// Pumps replies until the child ends, then tells everybody who waits.
async fn watch_child<Q, R: DeserializeOwned>(
    kind: &'static str,
    mut child: Child,
    mut from: Incoming,
    waiting: Waiting<R>,
    to_child: mpsc::WeakSender<Outgoing<Q>>,
    mut killed: mpsc::Receiver<Option<String>>,
    ended: watch::Sender<Option<End>>,
) {
    let killed_before = oom_kills();
    let known = tokio::select! {
        broken = pump(&mut from, &waiting, &to_child) => broken.map(End::Died),
        // A dropped host closes the channel, which ends the child too.
        because = killed.recv() => Some(match because.flatten() {
            Some(because) => End::OutOfMemory(because),
            None => End::Died("was killed by the daemon".into()),
        }),
    };
    if let Err(error) = child.start_kill() {
        tracing::debug!(kind, %error, "the child had already ended");
    }
    let status = child.wait().await;
    let end = known.unwrap_or_else(|| match status {
        Err(error) => End::Died(error.to_string()),
        Ok(status) if was_killed(status) && oom_kills() > killed_before => End::OutOfMemory(out_of_memory(kind)),
        Ok(status) => End::Died(describe(status)),
    });
    tracing::debug!(kind, ?end, "child ended");
    ended.send_replace(Some(end.clone()));
    for (_, sender) in lock(&waiting).drain() {
        // A full queue belongs to a caller that does not read; the closed channel tells it.
        let _told = sender.try_send(Err(end.clone().error(kind))).is_ok();
    }
}

/// Delivers replies; returns on end of stream, or with the protocol error that ended it.
async fn pump<Q, R: DeserializeOwned>(
    from: &mut Incoming,
    waiting: &Waiting<R>,
    to_child: &mpsc::WeakSender<Outgoing<Q>>,
) -> Option<String> {
    loop {
        match read::<FromHost<R>>(from).await {
            Ok(None) => return None,
            Err(error) => return Some(format!("broke the protocol: {error}")),
            Ok(Some(FromHost::Hello(_))) => return Some("broke the protocol: a second hello".into()),
            Ok(Some(FromHost::Reply { id, last, body })) => deliver(waiting, to_child, id, last, body),
        }
    }
}

fn deliver<Q, R>(waiting: &Waiting<R>, to_child: &mpsc::WeakSender<Outgoing<Q>>, id: u64, last: bool, body: R) {
    let mut waiting = lock(waiting);
    // Replies to a cancelled request are still under way when it is gone from the table.
    let Some(sender) = waiting.get(&id) else { return };
    let accepted = sender.try_send(Ok((body, last))).is_ok();
    if !accepted && let Some(to_child) = to_child.upgrade() {
        tracing::warn!(id, "a caller does not read its replies; its request is cancelled");
        let _sent = to_child.try_send(ToHost::Cancel { id }.into()).is_ok();
    }
    if last || !accepted {
        waiting.remove(&id);
    }
}

fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(Signal::KILL.as_raw())
}

/// How many processes the kernel has ended for their memory, in all groups, since the machine started.
fn oom_kills() -> u64 {
    let counters = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let count = counters.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

fn out_of_memory(kind: &str) -> String {
    format!(
        "memory ran out, and the kernel ended the {kind} process while it worked on this; close something or use a \
         smaller model, then ask again"
    )
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown end".into(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
