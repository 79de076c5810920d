//! `org.hob.Request1`: a running request, its signals, its end.
//!
//! Signals go to the caller alone. The request ends when it is finished, when `Cancel` is called,
//! when nobody reads what it says, or when its caller leaves the bus. Its object stays for a moment
//! after its end, so that a stream can still be opened of a request that was over at once.

use super::dict::{Dict, DictBuilder};
use super::door::{Guest, Place};
use super::error::BusError;
use super::outlet::{Outlet, Said};
use super::{ROOT, convert};
use crate::assistant::Update;
use crate::error::{HobError, Kind};
use std::collections::VecDeque;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use zbus::names::UniqueName;
use zbus::object_server::SignalEmitter;
use zbus::{DBusError, ObjectPath, OwnedObjectPath, interface};

/// Updates that may wait for the outlet.
const UPDATES: usize = 64;
/// `Finished` status: done.
const DONE: u32 = 0;
/// `Finished` status: failed.
const FAILED: u32 = 1;
/// `Finished` status: cancelled.
const CANCELLED: u32 = 2;
/// How long an object stays after its request's end.
const LINGER: Duration = Duration::from_secs(2);
/// How many objects stay so.
const MOST_LINGERING: usize = 32;

/// The object of one request.
pub struct Request {
    cancel: Arc<Notify>,
    /// Confirmations that wait for `Answer`, oldest first.
    confirms: Arc<Confirms>,
    /// Takes the write end of the caller's stream.
    streams: mpsc::Sender<OpenStream>,
    caller: String,
}

#[derive(Default)]
struct Confirms(Mutex<VecDeque<oneshot::Sender<bool>>>);

/// A stream's write end, and who wants to know whether it was taken.
type OpenStream = (OwnedFd, oneshot::Sender<Result<(), HobError>>);

/// A request that a caller may follow.
#[interface(name = "org.hob.Request1")]
impl Request {
    /// Ends the request; `Finished` follows with status 2.
    async fn cancel(&self, #[zbus(header)] header: zbus::message::Header<'_>) -> Result<(), BusError> {
        self.only_caller(&header)?;
        self.cancel.notify_one();
        Ok(())
    }

    /// Answers the oldest open `Confirm`: true lets the action happen.
    async fn answer(&self, agreed: bool, #[zbus(header)] header: zbus::message::Header<'_>) -> Result<(), BusError> {
        self.only_caller(&header)?;
        let waiting = self.confirms.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let waiting = waiting.ok_or_else(|| BusError::InvalidArgument("nothing waits for a confirmation".into()))?;
        waiting.send(agreed).map_err(|_| BusError::Cancelled("the request has ended".into()))
    }

    /// The request's updates as lines of JSON on a pipe, from the first one on, and its end: the
    /// way for high rates. Each line is an object with type s ("delta", "event", "confirm",
    /// "finished") and the arguments of the signal of that name. From then on only `Confirm` and
    /// `Finished` also come as signals. Whoever reads slowly gets longer pieces; who reads nothing
    /// for 30 s, or closes the pipe, cancels the request. Open it right after `Ask`: of what was
    /// said before, 128 KiB are kept, and of a request that has ended for 2 s.
    async fn open_stream(&self, #[zbus(header)] header: zbus::message::Header<'_>) -> Result<zbus::OwnedFd, BusError> {
        self.only_caller(&header)?;
        let failed = |e: std::io::Error| BusError::Internal(format!("a pipe could not be made: {e}"));
        let (read, write) = std::io::pipe().map_err(failed)?;
        let (told, taken) = oneshot::channel();
        let ended = || BusError::NotFound("the request has ended; ask again, and open its stream at once".into());
        self.streams.send((write.into(), told)).await.map_err(|_| ended())?;
        taken.await.map_err(|_| ended())??;
        Ok(OwnedFd::from(read).into())
    }

    /// The next piece of text. kind: "answer" or "reasoning".
    #[zbus(signal)]
    pub async fn delta(emitter: &SignalEmitter<'_>, kind: &str, text: &str) -> zbus::Result<()>;

    /// A step on the way. kind: "route", "citation", "tool_call", "tool_result", "progress" or
    /// "notice".
    #[zbus(signal)]
    pub async fn event(emitter: &SignalEmitter<'_>, kind: &str, details: Dict) -> zbus::Result<()>;

    /// The action waits for `Answer`.
    #[zbus(signal)]
    pub async fn confirm(emitter: &SignalEmitter<'_>, action: &str, details: Dict) -> zbus::Result<()>;

    /// The request is over. status: 0 done, 1 failed (result has `error` and `message`), 2 cancelled.
    #[zbus(signal)]
    pub async fn finished(emitter: &SignalEmitter<'_>, status: u32, result: Dict) -> zbus::Result<()>;
}

impl Request {
    fn only_caller(&self, header: &zbus::message::Header<'_>) -> Result<(), BusError> {
        match header.sender() {
            Some(sender) if sender.as_str() != self.caller => {
                Err(BusError::NotFound("this request belongs to another caller".into()))
            }
            _ => Ok(()),
        }
    }
}

/// The path of a caller's request: `<root>/request/<caller>/<token>`, so that the caller can
/// subscribe before it calls.
pub fn path(caller: Option<&UniqueName<'_>>, token: &str) -> Result<OwnedObjectPath, HobError> {
    if token.is_empty() || !token.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || token.len() > 64 {
        return Err(HobError::invalid("option handle_token must be 1 to 64 letters, digits or underscores"));
    }
    let caller = caller.map_or("peer".to_string(), |name| name.trim_start_matches(':').replace('.', "_"));
    let path = format!("{ROOT}/request/{caller}/{token}");
    OwnedObjectPath::try_from(path).map_err(|e| HobError::invalid(format!("option handle_token: {e}")))
}

/// Serves a request object and runs `work` until it ends, is cancelled or its caller leaves.
pub async fn start<W, F>(guest: Guest, place: Place, token: &str, work: W) -> Result<OwnedObjectPath, HobError>
where
    W: FnOnce(mpsc::Sender<Update>) -> F,
    F: Future<Output = Result<Dict, HobError>> + Send + 'static,
{
    let path = path(guest.name(), token)?;
    let (cancel, confirms) = (Arc::new(Notify::new()), Arc::new(Confirms::default()));
    let (streams, opened) = mpsc::channel(1);
    let caller = guest.name().map(ToString::to_string).unwrap_or_default();
    let request = Request { cancel: cancel.clone(), confirms: confirms.clone(), streams, caller };
    serve(&guest, &path, request).await?;
    let mut emitter = SignalEmitter::new(guest.connection(), path.clone()).map_err(failed)?;
    if let Some(caller) = guest.name() {
        emitter = emitter.set_destination(caller.clone().into());
    }
    let (sender, updates) = mpsc::channel(UPDATES);
    let outlet = Outlet::new(emitter, guest.clone(), place);
    let running = Running { guest, path: path.clone(), outlet, opened, confirms, cancel };
    tokio::spawn(running.run(Box::pin(work(sender)), updates));
    Ok(path)
}

async fn serve(guest: &Guest, path: &OwnedObjectPath, request: Request) -> Result<(), HobError> {
    let server = guest.connection().object_server();
    let Some(request) = server.at(path, request).await.map_err(failed)? else { return Ok(()) };
    // The object of a request that has ended makes way.
    if guest.door().claim(path, None) {
        remove(guest, path).await;
        if server.at(path, request).await.map_err(failed)?.is_none() {
            return Ok(());
        }
    }
    Err(HobError::invalid("a request with this handle_token is still running; choose another one"))
}

async fn remove(guest: &Guest, path: &OwnedObjectPath) {
    if let Err(error) = guest.connection().object_server().remove::<Request, &ObjectPath<'_>>(path).await {
        tracing::warn!(%error, "a finished request object stayed");
    }
}

fn failed(error: zbus::Error) -> HobError {
    HobError::internal(format!("the request object: {error}"))
}

/// A request under way.
struct Running {
    guest: Guest,
    path: OwnedObjectPath,
    outlet: Outlet,
    opened: mpsc::Receiver<OpenStream>,
    confirms: Arc<Confirms>,
    cancel: Arc<Notify>,
}

type Work = Pin<Box<dyn Future<Output = Result<Dict, HobError>> + Send>>;

impl Running {
    async fn run(mut self, work: Work, updates: mpsc::Receiver<Update>) {
        let guest = self.guest.clone();
        let mut ours = true;
        tokio::select! {
            () = guest.left() => {}
            () = self.follow_to_the_end(work, updates) => ours = self.linger().await,
        }
        if ours {
            remove(&guest, &self.path).await;
        }
    }

    async fn follow_to_the_end(&mut self, work: Work, updates: mpsc::Receiver<Update>) {
        let ended = self.follow(work, updates).await;
        if ended.is_err() {
            self.outlet.clear();
        }
        let (status, result) = result(ended);
        self.outlet.end(status, result).await;
    }

    /// Runs the work to its end and tells what it says. Returning early drops it, which cancels it.
    async fn follow(&mut self, mut work: Work, mut updates: mpsc::Receiver<Update>) -> Result<Dict, HobError> {
        let mut ended = None;
        let mut silent = false;
        loop {
            if silent && let Some(ended) = ended {
                return ended;
            }
            let due = self.outlet.due(ended.is_none());
            tokio::select! {
                biased;
                () = self.cancel.notified() => return Err(HobError::cancelled()),
                Some(stream) = self.opened.recv() => open(&mut self.outlet, stream),
                told = step(&mut self.outlet, due), if due.is_some() => told?,
                update = updates.recv(), if !silent && self.outlet.has_room() => match update {
                    Some(update) => self.outlet.take(said(update, &self.confirms)),
                    // The work drops its sender when it ends, so nothing can follow.
                    None => silent = true,
                },
                result = &mut work, if ended.is_none() => ended = Some(result),
            }
        }
    }

    /// Lets a stream be opened for a moment more; whether the object is still this request's.
    async fn linger(&mut self) -> bool {
        let (guest, door) = (self.guest.clone(), self.guest.door().clone());
        let (serial, crowded_out) = door.linger(&self.path, MOST_LINGERING);
        if let Some(path) = crowded_out {
            remove(&guest, &path).await;
        }
        tokio::select! {
            () = guest.left() => {}
            () = self.open_late() => {}
        }
        door.claim(&self.path, Some(serial))
    }

    async fn open_late(&mut self) {
        if let Ok(Some(stream)) = tokio::time::timeout(LINGER, self.opened.recv()).await {
            open(&mut self.outlet, stream);
            self.outlet.write_out().await;
        }
    }
}

/// The outlet's next step, when it is due.
async fn step(outlet: &mut Outlet, due: Option<Instant>) -> Result<(), HobError> {
    match due {
        None => Ok(()),
        Some(due) => {
            sleep_until(due).await;
            outlet.step().await
        }
    }
}

fn open(outlet: &mut Outlet, (write, told): OpenStream) {
    if told.send(outlet.open(write)).is_err() {
        tracing::debug!("whoever opened a stream is gone");
    }
}

/// An update as it is told.
fn said(update: Update, confirms: &Confirms) -> Said {
    match update {
        Update::Delta { reasoning, text } => Said::Delta { reasoning, text },
        Update::Event(event) => {
            let (kind, details) = convert::event(event);
            Said::Event { kind, details }
        }
        Update::Confirm { action, call, agreed } => {
            confirms.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(agreed);
            Said::Confirm { action, details: call.map(convert::tool_call).unwrap_or_default() }
        }
    }
}

/// The arguments of `Finished`.
fn result(ended: Result<Dict, HobError>) -> (u32, Dict) {
    match ended {
        Ok(result) => (DONE, result),
        Err(error) => {
            let status = if error.kind == Kind::Cancelled { CANCELLED } else { FAILED };
            let message = error.message.clone();
            let name = BusError::from(error).name().to_string();
            (status, DictBuilder::default().put("error", name).put("message", message).done())
        }
    }
}
