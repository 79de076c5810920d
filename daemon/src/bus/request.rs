//! `org.hob.Request1`: a running request, its signals, its end.
//!
//! Signals go to the caller alone. The request ends when it is finished, when `Cancel` is called,
//! or when its caller leaves the bus.

use super::dict::{Dict, DictBuilder};
use super::error::BusError;
use super::{ROOT, convert};
use crate::assistant::{Answer, Update};
use crate::error::{HobError, Kind};
use futures_util::StreamExt;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use zbus::names::UniqueName;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, DBusError, ObjectPath, OwnedObjectPath, interface};

/// Text is sent in pieces that are at least this far apart, so that a bus is not flooded.
const COALESCE: Duration = Duration::from_millis(30);
/// Updates that may wait for the bus.
const UPDATES: usize = 64;
/// `Finished` status: done.
const DONE: u32 = 0;
/// `Finished` status: failed.
const FAILED: u32 = 1;
/// `Finished` status: cancelled.
const CANCELLED: u32 = 2;

/// The object of one running request.
pub struct Request {
    cancel: std::sync::Arc<Notify>,
    /// Confirmations that wait for `Answer`, oldest first.
    confirms: std::sync::Arc<Confirms>,
    caller: String,
}

#[derive(Default)]
struct Confirms(Mutex<VecDeque<oneshot::Sender<bool>>>);

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

    /// The next piece of text. kind: "answer" or "reasoning".
    #[zbus(signal)]
    async fn delta(emitter: &SignalEmitter<'_>, kind: &str, text: &str) -> zbus::Result<()>;

    /// A step on the way. kind: "route", "citation", "tool_call", "tool_result" or "notice".
    #[zbus(signal)]
    async fn event(emitter: &SignalEmitter<'_>, kind: &str, details: Dict) -> zbus::Result<()>;

    /// The action waits for `Answer`.
    #[zbus(signal)]
    async fn confirm(emitter: &SignalEmitter<'_>, action: &str, details: Dict) -> zbus::Result<()>;

    /// The request is over. status: 0 done, 1 failed (result has `error` and `message`), 2 cancelled.
    #[zbus(signal)]
    async fn finished(emitter: &SignalEmitter<'_>, status: u32, result: Dict) -> zbus::Result<()>;
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
pub async fn start<W, F>(
    connection: &Connection,
    caller: Option<UniqueName<'static>>,
    token: &str,
    work: W,
) -> Result<OwnedObjectPath, HobError>
where
    W: FnOnce(mpsc::Sender<Update>) -> F,
    F: Future<Output = Result<Answer, HobError>> + Send + 'static,
{
    let path = path(caller.as_ref(), token)?;
    let cancel = std::sync::Arc::new(Notify::new());
    let confirms = std::sync::Arc::new(Confirms::default());
    let name = caller.as_ref().map(ToString::to_string).unwrap_or_default();
    let request = Request { cancel: cancel.clone(), confirms: confirms.clone(), caller: name };
    let failed = |e: zbus::Error| HobError::internal(format!("the request object: {e}"));
    if connection.object_server().at(&path, request).await.map_err(failed)?.is_some() {
        return Err(HobError::invalid("a request with this handle_token is still running; choose another one"));
    }
    let mut emitter = SignalEmitter::new(connection, path.clone()).map_err(failed)?;
    if let Some(caller) = &caller {
        emitter = emitter.set_destination(caller.clone().into());
    }
    let (sender, updates) = mpsc::channel(UPDATES);
    let work = work(sender);
    let connection = connection.clone();
    let object = path.clone();
    tokio::spawn(async move {
        let ended = tokio::select! {
            ended = follow(work, updates, &emitter, &confirms) => ended,
            () = cancel.notified() => Err(HobError::cancelled()),
            () = caller_left(&connection, caller) => Err(HobError::cancelled()),
        };
        finish(&emitter, ended).await;
        let removed = connection.object_server().remove::<Request, &ObjectPath<'_>>(&object).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "a finished request object stayed");
        }
    });
    Ok(path)
}

/// Runs the work and sends what it says, text coalesced.
async fn follow(
    work: impl Future<Output = Result<Answer, HobError>>,
    mut updates: mpsc::Receiver<Update>,
    emitter: &SignalEmitter<'_>,
    confirms: &Confirms,
) -> Result<Answer, HobError> {
    let mut work = std::pin::pin!(work);
    let mut ended = None;
    let mut text = String::new();
    let mut flush = tokio::time::interval(COALESCE);
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            update = updates.recv() => match update {
                Some(Update::Delta { reasoning: false, text: piece }) => text.push_str(&piece),
                Some(update) => {
                    say(emitter, &mut text).await;
                    pass_on(emitter, update, confirms).await;
                }
                None => break,
            },
            result = &mut work, if ended.is_none() => ended = Some(result),
            _ = flush.tick(), if !text.is_empty() => say(emitter, &mut text).await,
        }
        // The work drops its sender when it ends, so the channel drains and closes after it.
        if ended.is_some() && updates.is_empty() {
            break;
        }
    }
    say(emitter, &mut text).await;
    match ended {
        Some(result) => result,
        None => work.await,
    }
}

async fn say(emitter: &SignalEmitter<'_>, text: &mut String) {
    if !text.is_empty() {
        told(Request::delta(emitter, "answer", text).await);
        text.clear();
    }
}

async fn pass_on(emitter: &SignalEmitter<'_>, update: Update, confirms: &Confirms) {
    match update {
        Update::Delta { text, .. } => told(Request::delta(emitter, "reasoning", &text).await),
        Update::Event(event) => {
            let (kind, details) = convert::event(event);
            told(Request::event(emitter, kind, details).await);
        }
        Update::Confirm { action, call, agreed } => {
            confirms.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(agreed);
            told(Request::confirm(emitter, &action, convert::tool_call(call)).await);
        }
    }
}

async fn finish(emitter: &SignalEmitter<'_>, ended: Result<Answer, HobError>) {
    let (status, result) = match ended {
        Ok(answer) => (DONE, convert::answer(answer)),
        Err(error) => {
            let status = if error.kind == Kind::Cancelled { CANCELLED } else { FAILED };
            let message = error.message.clone();
            let name = BusError::from(error).name().to_string();
            (status, DictBuilder::default().put("error", name).put("message", message).done())
        }
    };
    told(Request::finished(emitter, status, result).await);
}

/// A signal that could not be sent means that the bus is gone, which ends the daemon elsewhere.
fn told(sent: zbus::Result<()>) {
    if let Err(error) = sent {
        tracing::debug!(%error, "a signal was not sent");
    }
}

/// Completes when the caller's connection ends; never on a peer-to-peer connection.
pub async fn caller_left(connection: &Connection, caller: Option<UniqueName<'static>>) {
    let Some(caller) = caller.filter(|_| connection.is_bus()) else { return std::future::pending().await };
    if let Err(error) = wait_until_left(connection, &caller).await {
        tracing::warn!(%error, "the caller can't be watched; its request runs to the end");
        std::future::pending::<()>().await;
    }
}

async fn wait_until_left(connection: &Connection, caller: &UniqueName<'_>) -> zbus::Result<()> {
    let bus = zbus::fdo::DBusProxy::new(connection).await?;
    let mut left = bus.receive_name_owner_changed_with_args(&[(0, caller.as_str()), (2, "")]).await?;
    // It may have left before the subscription was there.
    if !bus.name_has_owner(caller.clone().into()).await? {
        return Ok(());
    }
    left.next().await;
    Ok(())
}
