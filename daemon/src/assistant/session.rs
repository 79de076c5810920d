//! Conversations: the turns so far, bounded in number, length and age.
//!
//! Owns: which conversations are open and what was said in them; where a setting allows it they
//! outlive the daemon (`stored.rs`). Must not know: D-Bus, models.

use super::asked::Asked;
use super::stored::Store;
use super::types::Citation;
use crate::error::HobError;
use hob_engine::Message;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Conversations kept.
pub(super) const MAX_SESSIONS: usize = 64;
/// Turns kept of one conversation; the oldest go first.
const MAX_TURNS: usize = 80;
/// Bytes kept of one conversation, for the same reason.
const MAX_BYTES: usize = 64 << 10;
/// Unused for so long, a conversation is forgotten.
pub(super) const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// What stays when a conversation is shortened. A quarter goes at once, so that the next questions
/// find the same beginning: a model that has read it need not read it again.
const KEPT: (usize, usize) = (3, 4);

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// What was said.
    pub message: Message,
    /// Of a turn that holds text of the user's files: what is written to disk in its place.
    pub instead: Option<String>,
}

impl From<Message> for Turn {
    fn from(message: Message) -> Self {
        Self { message, instead: None }
    }
}

impl Turn {
    /// An answer; with citations it holds sentences of files, which are not copied elsewhere.
    pub fn answer(message: Message, citations: &[Citation]) -> Self {
        let places: Vec<String> = citations.iter().map(|c| format!("{}:{}", c.path.display(), c.line)).collect();
        let instead = format!("(This was answered from the user's files: {})", places.join(", "));
        Self { message, instead: (!places.is_empty()).then_some(instead) }
    }

    /// Whether it holds text of the user's files.
    pub fn is_from_files(&self) -> bool {
        self.instead.is_some()
    }

    fn bytes(&self) -> usize {
        let calls = self.message.tool_calls.iter().map(|call| call.name.len() + call.arguments.len());
        self.message.content.len() + calls.sum::<usize>()
    }
}

/// One conversation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Session {
    pub id: String,
    pub turns: VecDeque<Turn>,
    pub used: SystemTime,
    /// A question that the user has not replied to; not written to disk.
    pub asked: Option<Asked>,
}

/// The open conversations, least recently used first.
pub struct Sessions {
    open: Mutex<VecDeque<Session>>,
    store: Option<Store>,
    next: AtomicU64,
    started: u128,
}

impl Sessions {
    /// With a folder, conversations are written there, and those of earlier runs are open again.
    pub fn new(folder: Option<PathBuf>) -> Self {
        let store = folder.map(Store::new);
        let open = store.as_ref().map(Store::read).unwrap_or_default();
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self { open: Mutex::new(open.into()), store, next: AtomicU64::new(1), started }
    }

    /// The open conversations' ids.
    pub fn ids(&self) -> Vec<String> {
        self.lock().iter().map(|session| session.id.clone()).collect()
    }

    /// Opens a conversation: its id, which no other ever had, and those that were closed for it
    /// because they are too old or too many. Empty ones go first.
    pub fn open(&self) -> (String, Vec<String>) {
        let mut open = self.lock();
        let id = loop {
            let id = format!("{:x}_{}", self.started, self.next.fetch_add(1, Ordering::Relaxed));
            if open.iter().all(|session| session.id != id) {
                break id;
            }
        };
        let mut closed: Vec<String> = open.iter().filter(|s| s.is_old()).map(|s| s.id.clone()).collect();
        open.retain(|session| !session.is_old());
        while open.len() >= MAX_SESSIONS {
            let empty = open.iter().position(|session| session.turns.is_empty());
            closed.extend(open.remove(empty.unwrap_or(0)).map(|session| session.id));
        }
        open.push_back(Session { id: id.clone(), turns: VecDeque::new(), used: SystemTime::now(), asked: None });
        drop(open);
        closed.iter().for_each(|id| self.remove(id));
        (id, closed)
    }

    /// Closes a conversation and forgets its turns, on disk too.
    pub fn close(&self, id: &str) {
        self.lock().retain(|session| session.id != id);
        self.remove(id);
    }

    /// An error when there is no such conversation.
    pub fn must_exist(&self, id: &str) -> Result<(), HobError> {
        if self.lock().iter().any(|session| session.id == id) {
            return Ok(());
        }
        Err(HobError::not_found(format!("there is no session {id} (any more); open a new one with OpenSession")))
    }

    /// The turns so far, oldest first.
    pub fn turns(&self, id: &str) -> Vec<Turn> {
        let open = self.lock();
        let session = open.iter().find(|session| session.id == id);
        session.map(|s| s.turns.iter().cloned().collect()).unwrap_or_default()
    }

    /// Adds turns; true when the oldest had to go for them.
    pub fn remember(&self, id: &str, turns: Vec<Turn>) -> bool {
        let mut open = self.lock();
        let Some(at) = open.iter().position(|session| session.id == id) else { return false };
        let Some(mut session) = open.remove(at) else { return false };
        session.turns.extend(turns);
        session.used = SystemTime::now();
        let shortened = session.shorten();
        open.push_back(session);
        shortened
    }

    /// Puts a question to the user.
    pub(super) fn ask(&self, id: &str, asked: Asked) {
        if let Some(session) = self.lock().iter_mut().find(|session| session.id == id) {
            session.asked = Some(asked);
        }
    }

    /// The open question: the next thing the user says may be the reply.
    pub(super) fn take_asked(&self, id: &str) -> Option<Asked> {
        self.lock().iter_mut().find(|session| session.id == id)?.asked.take()
    }

    /// Forgets the `count` oldest turns.
    pub fn forget_oldest(&self, id: &str, count: usize) {
        if let Some(session) = self.lock().iter_mut().find(|session| session.id == id) {
            session.turns.drain(..count.min(session.turns.len()));
        }
    }

    /// Writes a conversation to disk, where that is allowed. Returns when it is safe there.
    pub async fn save(self: &Arc<Self>, id: &str) {
        if self.store.is_none() {
            return;
        }
        let (this, id) = (self.clone(), id.to_string());
        let written = tokio::task::spawn_blocking(move || this.write(&id)).await;
        if let Err(error) = written {
            tracing::error!(%error, "writing a session ended early");
        }
    }

    fn write(&self, id: &str) {
        let Some(store) = &self.store else { return };
        // Looked up by the writer whose turn it is, so that the newest state is the last one written.
        let newest = || self.lock().iter().find(|session| session.id == id).cloned();
        if let Err(error) = store.write(newest) {
            tracing::warn!(id, %error, "a session could not be written; it ends with the daemon");
        }
    }

    fn remove(&self, id: &str) {
        if let Some(Err(error)) = self.store.as_ref().map(|store| store.remove(id)) {
            tracing::warn!(id, %error, "a closed session could not be removed from disk");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is_old(&self) -> bool {
        // A clock that was set back makes nothing old.
        self.used.elapsed().is_ok_and(|unused| unused > MAX_AGE)
    }

    /// Drops the oldest exchanges when there is too much; true when something went.
    fn shorten(&mut self) -> bool {
        let bytes: usize = self.turns.iter().map(Turn::bytes).sum();
        if self.turns.len() <= MAX_TURNS && bytes <= MAX_BYTES {
            return false;
        }
        let (part, whole) = KEPT;
        let least = self.turns.len().saturating_sub(MAX_TURNS * part / whole);
        let excess = bytes.saturating_sub(MAX_BYTES * part / whole);
        let count = border(self.turns.make_contiguous(), least, excess);
        self.turns.drain(..count);
        true
    }
}

/// How many of the oldest turns must go so that a conversation of `tokens` tokens fits a model that
/// holds `limit`, with room for an answer. `more` is what else the prompt holds, in bytes.
pub(super) fn oldest(turns: &[Turn], more: usize, tokens: u32, limit: u32) -> usize {
    let (part, whole) = KEPT;
    let bytes = (turns.iter().map(Turn::bytes).sum::<usize>() + more) as u64;
    let target = u64::from(limit) * part as u64 / whole as u64;
    let excess = u64::from(tokens).saturating_sub(target) * bytes / u64::from(tokens.max(1));
    border(turns, 1, excess as usize)
}

/// The first turn after which an exchange begins, with at least `least` turns and `excess` bytes
/// before it.
fn border(turns: &[Turn], least: usize, excess: usize) -> usize {
    let mut bytes = 0;
    for (at, turn) in turns.iter().enumerate() {
        if at >= least && at > 0 && bytes >= excess && turn.message.role == "user" {
            return at;
        }
        bytes += turn.bytes();
    }
    turns.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(question: &str, answer: &str) -> Vec<Turn> {
        vec![Message::new("user", question).into(), Message::new("assistant", answer).into()]
    }

    #[test]
    fn turns_are_remembered_and_bounded() {
        let sessions = Sessions::new(None);
        let (id, _) = sessions.open();
        let shortened = (0..100).filter(|i| sessions.remember(&id, exchange(&format!("question {i}"), "answer")));
        let shortened = shortened.count();
        let turns = sessions.turns(&id);
        assert!(turns.len() <= MAX_TURNS && turns.len().is_multiple_of(2));
        assert_eq!(turns[turns.len() - 2].message.content, "question 99");
        // A quarter goes at once, not a turn at every question.
        assert!((1..=10).contains(&shortened), "{shortened}");
        sessions.remember(&id, exchange(&"x".repeat(MAX_BYTES), "y"));
        assert!(sessions.turns(&id).is_empty(), "what alone is too long is not kept");
        sessions.close(&id);
        assert!(sessions.must_exist(&id).is_err() && sessions.turns(&id).is_empty());
    }

    #[test]
    fn empty_and_then_the_longest_unused_conversations_go_first() {
        let sessions = Sessions::new(None);
        let ids: Vec<String> = (0..MAX_SESSIONS).map(|_| sessions.open().0).collect();
        for id in ids.iter().filter(|id| **id != ids[7]) {
            sessions.remember(id, exchange("a", "b"));
        }
        let (_, closed) = sessions.open();
        assert_eq!(closed, [ids[7].clone()], "the empty one");
        sessions.remember(&ids[0], exchange("still", "here"));
        let (newest, _) = sessions.open();
        sessions.remember(&newest, exchange("a", "b"));
        let (_, closed) = sessions.open();
        assert_eq!(closed, [ids[1].clone()]);
    }

    #[test]
    fn whole_exchanges_fall_out_until_a_quarter_is_free() {
        let mut turns: Vec<Turn> = (0..10).flat_map(|_| exchange(&"q".repeat(100), &"a".repeat(300))).collect();
        // 4,400 bytes of 1,100 tokens in a context of 1,000: 350 tokens or 1,400 bytes must go.
        assert_eq!(oldest(&turns, 400, 1_100, 1_000), 8);
        turns[8].message.role = "tool".into();
        assert_eq!(oldest(&turns, 400, 1_100, 1_000), 10, "no exchange is cut in two");
        assert_eq!(oldest(&turns[..2], 9_000, 5_000, 1_000), 2);
        assert_eq!(oldest(&turns, 0, 1_000, 1_000_000), 2, "something always goes");
    }
}
