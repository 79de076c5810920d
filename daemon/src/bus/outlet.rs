//! The way of a request's updates to its caller: signals, or JSON lines on a pipe.
//!
//! Owns: what waits to be told, how much of it may wait, and the rule that a message to the bus is
//! never broken off in the middle, which would cost the daemon its connection. Must not know: how
//! an answer comes about.
//!
//! Signals leave through a task of their own, which outlives a cancelled request by one message. On a
//! pipe the caller's own reading sets the pace: text that waits for it grows together, and a caller
//! that reads nothing for [`PATIENCE`] loses its request.

use super::dict::Dict;
use super::door::{Guest, PATIENCE, Place};
use super::request::Request;
use crate::error::{HobError, Kind};
use hob_sdk::client::details_to_json;
use serde_json::json;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use zbus::object_server::SignalEmitter;

/// Text is sent in signals that are at least this far apart, so that a bus is not flooded.
const COALESCE: Duration = Duration::from_millis(30);
/// Bytes that may wait to be told before the request's work waits too.
const MOST_PENDING: usize = 64 << 10;
/// Bytes kept of what was told by signals, for a pipe that is opened later.
const MOST_BACKLOG: usize = 128 << 10;
/// Signals on their way to the task that sends them.
const SIGNALS: usize = 4;
/// Header and framing of a signal, about.
const SIGNAL_BYTES: usize = 256;

/// One thing to tell.
pub enum Said {
    /// The next piece of text.
    Delta {
        /// Thinking rather than answer.
        reasoning: bool,
        /// The text.
        text: String,
    },
    /// A step on the way.
    Event {
        /// Which.
        kind: &'static str,
        /// More about it.
        details: Dict,
    },
    /// The user's word is needed.
    Confirm {
        /// For what.
        action: String,
        /// More about it.
        details: Dict,
    },
    /// The end.
    Finished {
        /// 0 done, 1 failed, 2 cancelled.
        status: u32,
        /// The result.
        result: Dict,
    },
}

impl Said {
    /// As a line of JSON, with the names of the signal's arguments.
    fn line(&self) -> Vec<u8> {
        let value = match self {
            Self::Delta { reasoning, text } => json!({"type": "delta", "kind": kind(*reasoning), "text": text}),
            Self::Event { kind, details } => {
                json!({"type": "event", "kind": kind, "details": details_to_json(details)})
            }
            Self::Confirm { action, details } => {
                json!({"type": "confirm", "action": action, "details": details_to_json(details)})
            }
            Self::Finished { status, result } => {
                json!({"type": "finished", "status": status, "result": details_to_json(result)})
            }
        };
        let mut line = value.to_string().into_bytes();
        line.push(b'\n');
        line
    }

    /// What must reach a caller that reads a pipe by signal too, so that waiting for the end or for
    /// a question takes no reader.
    fn is_for_everybody(&self) -> bool {
        matches!(self, Self::Confirm { .. } | Self::Finished { .. })
    }

    async fn emit(self, emitter: &SignalEmitter<'_>) -> zbus::Result<()> {
        match self {
            Self::Delta { reasoning, text } => Request::delta(emitter, kind(reasoning), &text).await,
            Self::Event { kind, details } => Request::event(emitter, kind, details).await,
            Self::Confirm { action, details } => Request::confirm(emitter, &action, details).await,
            Self::Finished { status, result } => Request::finished(emitter, status, result).await,
        }
    }
}

fn kind(reasoning: bool) -> &'static str {
    if reasoning { "reasoning" } else { "answer" }
}

/// What waits to be told, and where it goes.
pub struct Outlet {
    signals: mpsc::Sender<(Said, usize)>,
    pipe: Option<Pipe>,
    pending: VecDeque<Said>,
    /// Bytes of the texts among them.
    bytes: usize,
    /// Text alone waits until then.
    flush: Instant,
    /// Everything told so far, as lines; `None` when it is too much.
    backlog: Option<Vec<u8>>,
}

impl Outlet {
    /// Tells by signals until a pipe is opened. The place is kept until the last signal has left.
    pub fn new(emitter: SignalEmitter<'static>, guest: Guest, place: Place) -> Self {
        let (signals, queue) = mpsc::channel(SIGNALS);
        tokio::spawn(send_signals(emitter, queue, guest, place));
        let (pending, backlog) = (VecDeque::new(), Some(Vec::new()));
        Self { signals, pipe: None, pending, bytes: 0, flush: Instant::now(), backlog }
    }

    /// Takes the next thing; text of one kind grows together.
    pub fn take(&mut self, said: Said) {
        if let Said::Delta { reasoning, text } = &said {
            self.bytes += text.len();
            if let Some(Said::Delta { reasoning: of_last, text: last }) = self.pending.back_mut()
                && of_last == reasoning
            {
                return last.push_str(text);
            }
        }
        self.pending.push_back(said);
    }

    /// Whether more may be taken.
    pub fn has_room(&self) -> bool {
        self.bytes < MOST_PENDING
    }

    /// Drops what was not told yet.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.bytes = 0;
    }

    /// When [`Outlet::step`] has something to do; `None` when nothing waits. `more`: more may come,
    /// so that it pays to wait a little for it.
    pub fn due(&self, more: bool) -> Option<Instant> {
        let now = Instant::now();
        match (&self.pipe, self.pending.front()) {
            (Some(pipe), _) if !pipe.is_empty() => Some(now),
            (None, Some(Said::Delta { .. })) if more && self.pending.len() == 1 => Some(self.flush),
            (_, front) => front.map(|_| now),
        }
    }

    /// Tells a little of what waits. Nothing is lost when this is dropped half-way.
    pub async fn step(&mut self) -> Result<(), HobError> {
        if let Some(pipe) = self.pipe.as_mut().filter(|pipe| !pipe.is_empty()) {
            let written = pipe.write().await;
            if written.is_err() {
                // The end is told by signal.
                self.pipe = None;
            }
            return written;
        }
        let by_signal = self.pipe.is_none() || self.pending.front().is_some_and(Said::is_for_everybody);
        let slot = if by_signal { Some(self.signals.reserve().await.map_err(|_| stalled())?) } else { None };
        let Some(said) = self.pending.pop_front() else { return Ok(()) };
        if let Said::Delta { text, .. } = &said {
            self.bytes -= text.len();
            self.flush = Instant::now() + COALESCE;
        }
        let line = said.line();
        let bytes = line.len() + SIGNAL_BYTES;
        match &mut self.pipe {
            Some(pipe) => pipe.fill(line),
            None => remember(&mut self.backlog, line),
        }
        if let Some(slot) = slot {
            slot.send((said, bytes));
        }
        Ok(())
    }

    /// Tells the end, after everything else. By signal at once: nobody should have to wait for
    /// whoever reads the pipe.
    pub async fn end(&mut self, status: u32, result: Dict) {
        while self.pipe.is_none() && !self.pending.is_empty() {
            if self.step().await.is_err() {
                return;
            }
        }
        let last = Said::Finished { status, result };
        let line = last.line();
        let bytes = line.len() + SIGNAL_BYTES;
        if let Ok(slot) = self.signals.reserve().await {
            slot.send((last, bytes));
        }
        match &mut self.pipe {
            Some(pipe) => {
                self.pending.drain(..).for_each(|said| pipe.fill(said.line()));
                pipe.fill(line);
                self.write_out().await;
            }
            None => remember(&mut self.backlog, line),
        }
    }

    /// Tells by this pipe from now on, and through it what was told before.
    pub fn open(&mut self, write: OwnedFd) -> Result<(), HobError> {
        let Some(told) = self.backlog.take() else {
            let what = if self.pipe.is_some() { "the request has its stream already" } else { "too much was said" };
            return Err(HobError::invalid(format!("{what}; open a request's stream once, right after Ask")));
        };
        let pipe = pipe::Sender::from_owned_fd(write).map_err(|e| HobError::internal(format!("the stream: {e}")))?;
        let mut pipe = Pipe { pipe, waiting: Vec::new(), written: 0, progress: Instant::now() };
        pipe.fill(told);
        self.pipe = Some(pipe);
        Ok(())
    }

    /// Writes what the pipe has still to take.
    pub async fn write_out(&mut self) {
        while let Some(pipe) = self.pipe.as_mut().filter(|pipe| !pipe.is_empty()) {
            if let Err(error) = pipe.write().await {
                tracing::debug!(%error, "a stream did not get its end");
                self.pipe = None;
            }
        }
    }
}

/// Keeps a line for a pipe that is opened later, or gives up keeping any.
fn remember(backlog: &mut Option<Vec<u8>>, line: Vec<u8>) {
    match backlog {
        Some(told) if told.len() + line.len() <= MOST_BACKLOG => told.extend(line),
        _ => *backlog = None,
    }
}

/// The write end of a caller's pipe.
struct Pipe {
    pipe: pipe::Sender,
    waiting: Vec<u8>,
    written: usize,
    /// When the caller last took something, or had nothing to take.
    progress: Instant,
}

impl Pipe {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn fill(&mut self, line: Vec<u8>) {
        if self.is_empty() {
            (self.waiting, self.progress) = (line, Instant::now());
        } else {
            self.waiting.extend(line);
        }
    }

    /// Writes as much as the pipe takes, waiting for it to take something.
    async fn write(&mut self) -> Result<(), HobError> {
        match timeout_at(self.progress + PATIENCE, self.pipe.writable()).await {
            Err(_) => return Err(stalled()),
            Ok(Err(error)) => return Err(closed(&error)),
            Ok(Ok(())) => {}
        }
        match self.pipe.try_write(&self.waiting[self.written..]) {
            Ok(count) => {
                self.written += count;
                self.progress = Instant::now();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(closed(&error)),
        }
        if self.written == self.waiting.len() {
            self.waiting.clear();
            self.written = 0;
        }
        Ok(())
    }
}

fn stalled() -> HobError {
    let message = format!("the request was cancelled, since nobody read its updates for {} s", PATIENCE.as_secs());
    HobError::new(Kind::Cancelled, message)
}

fn closed(error: &std::io::Error) -> HobError {
    HobError::new(Kind::Cancelled, format!("the request was cancelled, since its stream was closed ({error})"))
}

/// Sends signals until there are no more, or until the caller stops reading.
async fn send_signals(
    emitter: SignalEmitter<'static>,
    mut queue: mpsc::Receiver<(Said, usize)>,
    guest: Guest,
    place: Place,
) {
    let _place = Arc::new(place);
    while let Some((said, bytes)) = queue.recv().await {
        if !guest.reads(bytes).await {
            tracing::info!(caller = guest.caller.program, "a caller does not read its signals; its request ends");
            return;
        }
        // A signal that could not be sent means that the bus is gone, which ends the daemon elsewhere.
        if let Err(error) = said.emit(&emitter).await {
            tracing::debug!(%error, "a signal was not sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    /// An outlet, and the signals that it sends.
    fn outlet() -> (Outlet, mpsc::Receiver<(Said, usize)>) {
        let (signals, queue) = mpsc::channel(SIGNALS);
        let (pending, backlog) = (VecDeque::new(), Some(Vec::new()));
        (Outlet { signals, pipe: None, pending, bytes: 0, flush: Instant::now(), backlog }, queue)
    }

    fn delta(reasoning: bool, text: &str) -> Said {
        Said::Delta { reasoning, text: text.into() }
    }

    #[tokio::test(start_paused = true)]
    async fn text_grows_together_for_a_moment_and_keeps_its_order() {
        let (mut outlet, mut signals) = outlet();
        assert!(outlet.due(true).is_none());
        outlet.take(delta(false, "a"));
        assert!(outlet.due(true).is_some_and(|due| due <= Instant::now()), "the first text goes at once");
        outlet.step().await.expect("told");
        outlet.take(delta(false, "b"));
        outlet.take(delta(false, "c"));
        assert!(outlet.due(true).is_some_and(|due| due > Instant::now()));
        assert!(outlet.due(false).is_some_and(|due| due <= Instant::now()), "at the end nothing waits");
        outlet.take(delta(true, "hm"));
        outlet.take(Said::Event { kind: "notice", details: Dict::new() });
        while outlet.due(true).is_some() {
            outlet.step().await.expect("told");
        }
        let mut told = Vec::new();
        while let Ok((said, _)) = signals.try_recv() {
            told.push(String::from_utf8(said.line()).expect("UTF-8"));
        }
        let texts: Vec<&str> = told.iter().map(|line| line.split("\"text\":").nth(1).unwrap_or("notice")).collect();
        assert_eq!(texts, ["\"a\"}\n", "\"bc\"}\n", "\"hm\"}\n", "notice"]);
    }

    #[tokio::test]
    async fn a_pipe_gets_everything_and_the_end_comes_by_signal_too() {
        let (mut outlet, mut signals) = outlet();
        outlet.take(delta(false, "before"));
        outlet.step().await.expect("told");
        let (read, write) = std::io::pipe().expect("a pipe");
        outlet.open(write.into()).expect("opened");
        let (_other, again) = std::io::pipe().expect("a pipe");
        assert!(outlet.open(again.into()).is_err(), "one stream");
        outlet.take(delta(false, "after"));
        outlet.end(0, Dict::new()).await;
        drop(outlet);
        let lines: Vec<String> = BufReader::new(read).lines().collect::<Result<_, _>>().expect("lines");
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].contains("before") && lines[1].contains("after") && lines[2].contains("finished"),
            "{lines:?}"
        );
        assert!(matches!(signals.try_recv(), Ok((Said::Delta { .. }, _))));
        assert!(matches!(signals.try_recv(), Ok((Said::Finished { status: 0, .. }, _))));
        assert!(signals.try_recv().is_err(), "what came after the pipe was opened was told there alone");
    }

    #[tokio::test]
    async fn a_stream_is_refused_once_too_much_was_said() {
        let (mut outlet, mut signals) = outlet();
        for _ in 0..3 {
            outlet.take(delta(false, &"x".repeat(MOST_BACKLOG / 2)));
            outlet.step().await.expect("told");
            signals.try_recv().expect("a signal");
        }
        let (_read, write) = std::io::pipe().expect("a pipe");
        assert!(outlet.open(write.into()).expect_err("too late").message.contains("right after Ask"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pipe_that_nobody_reads_is_given_up_and_holds_no_more_than_it_may() {
        let (mut outlet, _signals) = outlet();
        let (read, write) = std::io::pipe().expect("a pipe");
        outlet.open(write.into()).expect("opened");
        let started = Instant::now();
        let mut taken = 0;
        let error = loop {
            if outlet.has_room() {
                outlet.take(delta(false, &"x".repeat(10_000)));
                taken += 10_000;
            } else if let Err(error) = outlet.step().await {
                break error;
            }
        };
        assert_eq!(error.kind, Kind::Cancelled);
        let waited = started.elapsed();
        assert!(waited >= PATIENCE && waited < PATIENCE + Duration::from_secs(2), "{waited:?}");
        assert!(taken < 2 * MOST_PENDING + (128 << 10), "{taken} bytes were taken");
        drop(read);
    }
}
