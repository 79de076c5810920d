//! What a skill can ask of hob while its call runs: the model, the index, the network, the message bus.
//!
//! Owns: the two descriptors that a [`Context`] names, and the questions asked over them. Must not know: who
//! answers, and whether the user allowed it: a refusal is an error with the reason.
#![allow(unsafe_code)]

use crate::lines::{Answer, FromSkill, LONGEST_LINE, ToSkill, line};
use crate::result::SkillError;
use crate::skill::Context;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recv, recvmsg, send};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

/// The model that hob has loaded. Needs `model = true` under `[permissions]`.
pub struct Model<'c>(&'c Context);

/// How a text is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Completion {
    /// What to do, apart from the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Most tokens; hob caps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// JSON Schema that the text must fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

impl Model<'_> {
    /// Has a text written.
    ///
    /// # Errors
    /// `permission_denied`, `no_model`, `busy`, `cancelled`: with a sentence for the user.
    pub fn complete(&self, prompt: &str, how: &Completion) -> Result<String, SkillError> {
        #[derive(Deserialize)]
        struct Text {
            text: String,
        }
        let mut with = serde_json::to_value(how).map_err(broken)?;
        with["prompt"] = prompt.into();
        Ok(ask::<Text>(self.0, "model.complete", &with)?.text)
    }
}

/// The user's indexed files. Needs `index = true` under `[permissions]`.
pub struct Index<'c>(&'c Context);

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Absolute path.
    pub path: String,
    /// For people.
    pub title: String,
    /// The passage that fits best.
    pub snippet: String,
    /// Where it begins, from 1.
    pub line: u32,
    /// Higher is better.
    pub score: f64,
}

impl Index<'_> {
    /// The best files for a query, best first.
    ///
    /// # Errors
    /// `permission_denied`, `cancelled`: with a sentence for the user.
    pub fn search(&self, query: &str, limit: u32) -> Result<Vec<Found>, SkillError> {
        #[derive(Deserialize)]
        struct Hits {
            hits: Vec<Found>,
        }
        Ok(ask::<Hits>(self.0, "index.search", &json!({"query": query, "limit": limit}))?.hits)
    }
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For the author.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

/// A message bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// The user's.
    Session,
    /// The machine's.
    System,
}

impl Context {
    /// The model.
    pub fn model(&self) -> Model<'_> {
        Model(self)
    }

    /// The user's files.
    pub fn index(&self) -> Index<'_> {
        Index(self)
    }

    /// Whether nobody waits for this call any more; a skill that goes on is ended a second later.
    pub fn is_cancelled(&self) -> bool {
        let (Some(fd), Some(call)) = (self.services, self.call) else { return false };
        let link = link(fd);
        let mut link = lock(&link);
        // Whatever is wrong with the link shows when something is asked.
        while let Ok(Some(message)) = link.next(RecvFlags::DONTWAIT) {
            link.heard(message);
        }
        link.cancelled.contains(&call)
    }

    /// Says how far the call is, for whoever waits: 0 to 1, and what is being done.
    pub fn progress(&self, fraction: f64, text: &str) {
        self.tell(&FromSkill::Progress { fraction: Some(fraction), text: text.into() });
    }

    /// Writes a line to hob's log.
    pub fn log(&self, level: Level, text: &str) {
        let level = format!("{level:?}").to_lowercase();
        self.tell(&FromSkill::Log { level, text: text.into() });
    }

    /// A connection to a host and port that `network` under `[permissions]` lists. Make the standard library's
    /// stream of it, and speak TLS over that if it must.
    ///
    /// # Errors
    /// `permission_denied`, or `unavailable` when nobody answers there.
    pub fn connect(&self, host: &str, port: u16) -> Result<OwnedFd, SkillError> {
        self.outside(&format!("network {host}:{port}"))
    }

    /// A connection to a message bus, on which the names that `dbus` under `[permissions]` lists can be called.
    ///
    /// # Errors
    /// `permission_denied`, or `unavailable` when there is no such bus.
    pub fn message_bus(&self, bus: Bus) -> Result<UnixStream, SkillError> {
        let bus = match bus {
            Bus::Session => "dbus session",
            Bus::System => "dbus system",
        };
        self.outside(bus).map(UnixStream::from)
    }

    fn tell(&self, message: &FromSkill) {
        let Some(fd) = self.services else { return };
        let link = link(fd);
        if let Err(error) = lock(&link).say(message) {
            eprintln!("hob does not listen: {error}");
        }
    }

    fn outside(&self, request: &str) -> Result<OwnedFd, SkillError> {
        let Some(socket) = self.proxy else {
            let why = "This skill may reach nothing outside of it.";
            return Err(SkillError::new("permission_denied", why)
                .suggest("List the host or bus name under [permissions] in skill.toml."));
        };
        // SAFETY: the host keeps the descriptor open as long as the skill is loaded.
        let socket = unsafe { BorrowedFd::borrow_raw(socket) };
        send(socket, request.as_bytes(), SendFlags::NOSIGNAL).map_err(gone)?;
        let (mut bytes, mut space) = ([0u8; 512], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))]);
        let mut attached = RecvAncillaryBuffer::new(&mut space);
        let got = recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut attached, RecvFlags::CMSG_CLOEXEC)
            .map_err(gone)?
            .bytes;
        for message in attached.drain() {
            if let RecvAncillaryMessage::ScmRights(mut descriptors) = message
                && let Some(connection) = descriptors.next()
            {
                return Ok(connection);
            }
        }
        let said = String::from_utf8_lossy(&bytes[..got]);
        let (code, message) = said.split_once(' ').unwrap_or(("unavailable", "The way out is closed."));
        Err(SkillError::new(code, message))
    }
}

/// Asks one thing and waits for its answer.
fn ask<T: DeserializeOwned>(context: &Context, what: &str, with: &Value) -> Result<T, SkillError> {
    let Some(fd) = context.services else {
        return Err(SkillError::unavailable(format!("Nobody answers {what} here.")));
    };
    let link = link(fd);
    let mut link = lock(&link);
    let number = link.asked + 1;
    link.asked = number;
    link.say(&FromSkill::Ask { ask: number, what: what.into(), with: with.clone() })?;
    loop {
        match link.next(RecvFlags::empty())? {
            Some(ToSkill::Answer { ask, answer }) if ask == number => {
                return match answer {
                    Answer::Result(value) => T::deserialize(value).map_err(broken),
                    Answer::Error { code, message } => Err(SkillError::new(code, message)),
                };
            }
            Some(message) => link.heard(message),
            None => return Err(SkillError::unavailable("Hob is gone.")),
        }
        if context.call.is_some_and(|call| link.cancelled.contains(&call)) {
            return Err(SkillError::new("cancelled", "Nobody waits for this any more."));
        }
    }
}

/// The conversation over one descriptor.
struct Link {
    fd: RawFd,
    /// Read, but not yet a whole line.
    unread: Vec<u8>,
    asked: u64,
    cancelled: Vec<u64>,
}

impl Link {
    fn socket(&self) -> BorrowedFd<'_> {
        // SAFETY: the host (or the harness) keeps the descriptor open as long as the skill is loaded.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }

    fn say(&self, message: &FromSkill) -> Result<(), SkillError> {
        let line = line(message)?;
        let mut left = line.as_bytes();
        while !left.is_empty() {
            let sent = send(self.socket(), left, SendFlags::NOSIGNAL).map_err(gone)?;
            left = &left[sent..];
        }
        Ok(())
    }

    /// The next message; `None` when the other end closed, or when nothing is there and that is asked.
    fn next(&mut self, flags: RecvFlags) -> Result<Option<ToSkill>, SkillError> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return serde_json::from_slice(&line).map(Some).map_err(broken);
            }
            if self.unread.len() > LONGEST_LINE {
                return Err(SkillError::failed("Hob sent a line that is too long."));
            }
            let mut bytes = [0u8; 8192];
            match recv(self.socket(), &mut bytes, flags) {
                Ok((_, 0)) | Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Ok((_, read)) => self.unread.extend_from_slice(&bytes[..read]),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(gone(error)),
            }
        }
    }

    fn heard(&mut self, message: ToSkill) {
        // An answer that is not waited for belongs to an ask that was given up.
        if let ToSkill::Cancel { call } = message {
            self.cancelled.push(call);
        }
    }
}

static LINKS: Mutex<BTreeMap<RawFd, Arc<Mutex<Link>>>> = Mutex::new(BTreeMap::new());

fn link(fd: RawFd) -> Arc<Mutex<Link>> {
    let fresh = || Arc::new(Mutex::new(Link { fd, unread: Vec::new(), asked: 0, cancelled: Vec::new() }));
    lock(&LINKS).entry(fd).or_insert_with(fresh).clone()
}

/// Forgets a descriptor that is about to be closed.
pub(crate) fn forget(fd: RawFd) {
    lock(&LINKS).remove(&fd);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn broken(error: serde_json::Error) -> SkillError {
    SkillError::failed(format!("Hob's answer could not be read: {error}."))
}

fn gone(error: rustix::io::Errno) -> SkillError {
    SkillError::unavailable(format!("Hob does not answer: {error}."))
}
