//! One streamed request: subscribe, start, follow, cancel.
//!
//! This file owns the life of a request on the client's side. The rule that it keeps: a request always ends, with
//! [`Update::Finished`] or with an error, also when the daemon dies.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::future::try_join;
use zbus::message::Type;
use zbus::names::{OwnedUniqueName, UniqueName};
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath};

use super::{Answer, BUS_NAME, Details, Error, Options, RequestProxy, Result, details_to_json, from_details};

const INTERFACE: &str = "org.hob.Request1";
/// Signals that may wait for a slow reader before the whole connection waits for it. The daemon sends at most some
/// fifty a second, so this is more than a minute.
const QUEUE: NonZeroUsize = NonZeroUsize::new(4096).expect("is not zero");

/// What a running request tells.
#[derive(Debug)]
pub enum Update {
    /// More text.
    Delta {
        /// What the text is.
        kind: DeltaKind,
        /// The text, to be appended to what came before.
        text: String,
    },
    /// Something happened.
    Event {
        /// "route", "citation", "tool_call", "tool_result", "progress", "notice", or what a newer daemon adds.
        kind: String,
        /// More about it.
        details: Details,
    },
    /// The user must agree before the request goes on: call [`Request::answer`].
    Confirm {
        /// A sentence that names what will happen.
        action: String,
        /// More about it.
        details: Details,
    },
    /// The end; nothing follows.
    Finished(Finished),
}

/// What a piece of text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeltaKind {
    /// A part of the answer.
    Answer,
    /// The model's thinking, which is no part of the answer.
    Reasoning,
    /// What a newer daemon adds.
    Other(String),
}

/// How a request ended.
#[derive(Debug)]
pub struct Finished {
    /// Whether it was done.
    pub status: Status,
    /// The result; of a failed request its `error` and `message`.
    pub result: Details,
}

/// Whether a request was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The result is complete.
    Done,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl Finished {
    /// The result of a request that was done.
    ///
    /// # Errors
    /// [`Error::Service`] of a request that failed or was cancelled.
    pub fn into_result(self) -> Result<Details> {
        match self.status {
            Status::Done => Ok(self.result),
            Status::Cancelled => Err(Error::cancelled()),
            Status::Failed => {
                let said = details_to_json(&self.result);
                let text = |key: &str| said.get(key).and_then(|value| value.as_str()).map(str::to_owned);
                let name = text("error").unwrap_or_else(|| "org.hob.Error.Internal".to_owned());
                let message = text("message").unwrap_or_else(|| "the request failed; hobd did not say why".to_owned());
                Err(Error::Service { name, message })
            }
        }
    }

    /// The answer of a request that was done.
    ///
    /// # Errors
    /// As [`Finished::into_result`]; [`Error::Protocol`] when it is no answer.
    pub fn into_answer(self) -> Result<Answer> {
        from_details(&self.into_result()?)
    }
}

/// A running request: a stream of [`Update`]s that ends after [`Update::Finished`] or an error.
///
/// Dropping it before its end cancels it. Don't keep it without reading it: after some thousand unread updates the
/// connection waits for them.
#[must_use = "a request that is dropped is cancelled"]
pub struct Request {
    connection: Connection,
    /// Whom the request was made to; `None` without a bus, where the peer is the daemon.
    owner: Option<OwnedUniqueName>,
    path: OwnedObjectPath,
    signals: MessageStream,
    departures: Option<MessageStream>,
    ended: bool,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("path", &self.path()).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Request {
    /// Subscribes to a new request object, then lets `start` make the call that creates it.
    ///
    /// Everything goes to and is taken from one unique bus name: signals of strangers are not heard, and a daemon that is
    /// replaced in the middle is noticed.
    pub(super) async fn begin<F>(connection: &Connection, options: Options, start: F) -> Result<Self>
    where
        F: AsyncFnOnce(&Connection, zbus::names::BusName<'static>, &Options) -> Result<OwnedObjectPath>,
    {
        let owner = if connection.is_bus() { Some(daemon_owner(connection).await?) } else { None };
        let token = options.text("handle_token").map_or_else(new_token, str::to_owned);
        let options = options.with("handle_token", token.clone());
        let path = request_path(connection.unique_name().map(|name| name.as_str()), &token)?;
        let (signals, departures) = subscribe(connection, owner.as_ref(), &path).await?;
        let destination = match &owner {
            Some(name) => name.clone().into_inner().into(),
            None => zbus::names::BusName::from_static_str(BUS_NAME)?,
        };
        let mut request = Self { connection: connection.clone(), owner, path, signals, departures, ended: false };
        match start(connection, destination, &options).await {
            Ok(created) if created == request.path => Ok(request),
            Ok(created) => {
                let expected = std::mem::replace(&mut request.path, created);
                Err(Error::Protocol(format!("request object {} instead of {expected}", request.path)))
            }
            Err(error) => {
                // There is nothing to cancel.
                request.ended = true;
                Err(error)
            }
        }
    }

    /// The request object's path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    /// The next update; `None` after the end.
    pub async fn next_update(&mut self) -> Option<Result<Update>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Reads to the end and returns it, dropping what comes before.
    ///
    /// # Errors
    /// [`Error::Vanished`] when the daemon leaves before the end.
    pub async fn finish(mut self) -> Result<Finished> {
        while let Some(update) = self.next_update().await {
            if let Update::Finished(end) = update? {
                return Ok(end);
            }
        }
        Err(Error::Vanished)
    }

    /// Asks the daemon to stop; [`Update::Finished`] follows.
    ///
    /// # Errors
    /// When the daemon is gone or the request has ended already.
    pub async fn cancel(&self) -> Result<()> {
        self.proxy().await?.cancel().await
    }

    /// Answers [`Update::Confirm`].
    ///
    /// # Errors
    /// When the daemon is gone or asked nothing.
    pub async fn answer(&self, confirmed: bool) -> Result<()> {
        self.proxy().await?.answer(confirmed).await
    }

    /// Opens a pipe with the request's updates as lines of JSON, from the first one on: the way for high rates, at the
    /// reader's own pace. From then on only [`Update::Confirm`] and [`Update::Finished`] come here. A pipe that nobody
    /// reads for 30 s, or that is closed, cancels the request.
    ///
    /// # Errors
    /// When it is too late: open it right after asking.
    pub async fn open_stream(&self) -> Result<std::os::fd::OwnedFd> {
        Ok(self.proxy().await?.open_stream().await?.into())
    }

    /// Cancels without waiting for anything.
    fn cancel_unheard(&self) {
        // Without a runtime nothing can be sent any more; the daemon then cancels when the connection closes.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (connection, owner, path) = (self.connection.clone(), self.owner.clone(), self.path.clone());
        runtime.spawn(async move {
            // A connection that fails here has closed, which cancels too.
            if let Ok(message) = cancel_message(owner, &path) {
                connection.send(&message).await.ok();
            }
        });
    }

    async fn proxy(&self) -> Result<RequestProxy<'static>> {
        let builder = RequestProxy::builder(&self.connection).path(self.path.clone());
        let builder = match &self.owner {
            Some(owner) => builder.destination(owner.clone().into_inner()),
            None => builder,
        };
        Ok(builder.build().await?)
    }

    /// What a signal of the request object says; `None` for signals that this version does not know.
    fn read(message: &Message) -> Result<Option<Update>> {
        let header = message.header();
        let body = message.body();
        Ok(match header.member().map(|member| member.as_str()) {
            Some("Delta") => {
                let (kind, text): (String, String) = body.deserialize()?;
                let kind = match kind.as_str() {
                    "answer" => DeltaKind::Answer,
                    "reasoning" => DeltaKind::Reasoning,
                    _ => DeltaKind::Other(kind),
                };
                Some(Update::Delta { kind, text })
            }
            Some("Event") => {
                let (kind, details) = body.deserialize()?;
                Some(Update::Event { kind, details })
            }
            Some("Confirm") => {
                let (action, details) = body.deserialize()?;
                Some(Update::Confirm { action, details })
            }
            Some("Finished") => {
                let (status, result): (u32, Details) = body.deserialize()?;
                let status = match status {
                    0 => Status::Done,
                    2 => Status::Cancelled,
                    _ => Status::Failed,
                };
                Some(Update::Finished(Finished { status, result }))
            }
            _ => None,
        })
    }

    /// The next signal, skipping unknown ones. `Ready(None)`: the connection has ended.
    fn poll_signals(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Update>>> {
        loop {
            match Pin::new(&mut self.signals).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(Some(Ok(message))) => match Self::read(&message) {
                    Ok(Some(update)) => return Poll::Ready(Some(Ok(update))),
                    Ok(None) => {}
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
            }
        }
    }

    /// Ready when the daemon's unique name has left the bus.
    fn poll_departure(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(departures) = &mut self.departures else { return Poll::Pending };
        // Unique names are never given twice: any change of this one's owner is its end.
        Pin::new(departures).poll_next(context).map(|_| ())
    }
}

impl Stream for Request {
    type Item = Result<Update>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let mut next = this.poll_signals(context);
        if next.is_pending() && this.poll_departure(context).is_ready() {
            // What the daemon sent before it left may have come in between the two looks.
            next = match this.poll_signals(context) {
                Poll::Pending => Poll::Ready(None),
                ready => ready,
            };
        }
        match next {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                this.ended = true;
                Poll::Ready(Some(Err(Error::Vanished)))
            }
            Poll::Ready(Some(update)) => {
                if update.is_err() {
                    // Nothing more will be read, so nothing more needs to be written.
                    this.cancel_unheard();
                }
                this.ended = matches!(update, Err(_) | Ok(Update::Finished(_)));
                Poll::Ready(Some(update))
            }
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.ended {
            self.cancel_unheard();
        }
    }
}

fn cancel_message(owner: Option<OwnedUniqueName>, path: &OwnedObjectPath) -> zbus::Result<Message> {
    let builder = Message::method_call(path.as_str(), "Cancel")
        .interface(INTERFACE)
        .with_flags(zbus::message::Flags::NO_REPLY_EXPECTED);
    match owner {
        Some(owner) => builder.destination(owner.into_inner()).build(&()),
        None => builder.build(&()),
    }
}

/// The unique name behind the daemon's name, started by the bus if need be.
async fn daemon_owner(connection: &Connection) -> Result<OwnedUniqueName> {
    let bus = zbus::fdo::DBusProxy::new(connection).await?;
    match bus.get_name_owner(BUS_NAME.try_into()?).await {
        Err(zbus::fdo::Error::NameHasNoOwner(_)) => {
            bus.start_service_by_name(BUS_NAME.try_into()?, 0).await?;
            Ok(bus.get_name_owner(BUS_NAME.try_into()?).await?)
        }
        owner => Ok(owner?),
    }
}

async fn subscribe(
    connection: &Connection,
    owner: Option<&OwnedUniqueName>,
    path: &OwnedObjectPath,
) -> Result<(MessageStream, Option<MessageStream>)> {
    let rule = MatchRule::builder().msg_type(Type::Signal).interface(INTERFACE).path(path.as_str());
    let Some(owner) = owner else {
        return Ok((MessageStream::for_match_rule(rule.build()?, connection, Some(QUEUE)).await?, None));
    };
    let owner: &UniqueName<'_> = owner;
    let signals = MessageStream::for_match_rule(rule.sender(owner.clone()).build()?, connection, Some(QUEUE));
    let departure = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender("org.freedesktop.DBus")
        .interface("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg(0, owner.as_str())
        .build()?;
    let departures = MessageStream::for_match_rule(departure, connection, None);
    let (signals, departures) = try_join(signals, departures).await?;
    Ok((signals, Some(departures)))
}

/// Where the daemon puts the request object of a caller and a token.
fn request_path(caller: Option<&str>, token: &str) -> Result<OwnedObjectPath> {
    let fits = !token.is_empty() && token.len() <= 64 && token.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !fits {
        return Err(Error::Service {
            name: "org.hob.Error.InvalidArgument".to_owned(),
            message: format!("option handle_token is {token:?}, but must be 1 to 64 letters, digits or underscores"),
        });
    }
    let caller = caller.unwrap_or(":peer").trim_start_matches(':').replace('.', "_");
    Ok(OwnedObjectPath::try_from(format!("/org/hob/Hob1/request/{caller}/{token}"))?)
}

/// A token that no other request of this process has.
fn new_token() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("hob{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_portal_convention() {
        assert_eq!(request_path(Some(":1.42"), "t1").unwrap().as_str(), "/org/hob/Hob1/request/1_42/t1");
        assert_eq!(request_path(None, "t1").unwrap().as_str(), "/org/hob/Hob1/request/peer/t1");
        assert!(request_path(Some(":1.42"), "not a token").is_err());
        assert!(request_path(Some(":1.42"), "").is_err());
    }

    #[test]
    fn tokens_differ() {
        assert_ne!(new_token(), new_token());
    }

    #[test]
    fn a_failed_end_carries_its_error() {
        let text = |text: &str| zbus::Variant::from(text.to_owned()).try_into_owned().unwrap();
        let result = Details::from([
            ("error".to_owned(), text("org.hob.Error.NoModel")),
            ("message".to_owned(), text("add a model")),
        ]);
        let error = Finished { status: Status::Failed, result }.into_result().unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (super::super::Kind::NoModel, "add a model"));
        let error = Finished { status: Status::Failed, result: Details::new() }.into_result().unwrap_err();
        assert_eq!(error.kind(), super::super::Kind::Internal);
    }
}
