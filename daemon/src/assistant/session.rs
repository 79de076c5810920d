//! Conversations: the turns so far, bounded in number and length.

use crate::error::HobError;
use hob_engine::Message;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Conversations kept; the one unused longest goes first.
const MAX_SESSIONS: usize = 64;
/// Messages kept of one conversation; the oldest go first.
const MAX_MESSAGES: usize = 40;
/// Bytes kept of one conversation, for the same reason.
const MAX_BYTES: usize = 64 << 10;

/// The open conversations, least recently used first.
#[derive(Default)]
pub struct Sessions {
    open: Mutex<VecDeque<Session>>,
}

struct Session {
    id: String,
    turns: VecDeque<Message>,
}

impl Sessions {
    /// Opens a conversation under `id`, closing the oldest when there are too many.
    pub fn open(&self, id: &str) {
        let mut open = self.lock();
        if open.len() == MAX_SESSIONS {
            open.pop_front();
        }
        open.push_back(Session { id: id.into(), turns: VecDeque::new() });
    }

    /// Closes a conversation and forgets its turns.
    pub fn close(&self, id: &str) {
        self.lock().retain(|session| session.id != id);
    }

    /// An error when there is no such conversation.
    pub fn must_exist(&self, id: &str) -> Result<(), HobError> {
        if self.lock().iter().any(|session| session.id == id) {
            return Ok(());
        }
        Err(HobError::not_found(format!("there is no session {id} (any more); open a new one with OpenSession")))
    }

    /// The turns so far, oldest first.
    pub fn turns(&self, id: &str) -> Vec<Message> {
        self.lock()
            .iter()
            .find(|session| session.id == id)
            .map(|s| s.turns.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Adds a turn and its answer.
    pub fn remember(&self, id: &str, prompt: &str, answer: &str) {
        let mut open = self.lock();
        let Some(at) = open.iter().position(|session| session.id == id) else { return };
        let Some(mut session) = open.remove(at) else { return };
        for (role, content) in [("user", prompt), ("assistant", answer)] {
            session.turns.push_back(Message::new(role, content));
        }
        while session.turns.len() > MAX_MESSAGES || session.bytes() > MAX_BYTES && session.turns.len() > 2 {
            session.turns.pop_front();
        }
        open.push_back(session);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn bytes(&self) -> usize {
        self.turns.iter().map(|turn| turn.content.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_remembered_and_bounded() {
        let sessions = Sessions::default();
        sessions.open("a");
        for i in 0..100 {
            sessions.remember("a", &format!("question {i}"), "answer");
        }
        let turns = sessions.turns("a");
        assert_eq!(turns.len(), MAX_MESSAGES);
        assert_eq!(turns[MAX_MESSAGES - 2].content, "question 99");
        sessions.close("a");
        assert!(sessions.must_exist("a").is_err() && sessions.turns("a").is_empty());
    }

    #[test]
    fn the_longest_unused_conversation_goes_first() {
        let sessions = Sessions::default();
        for i in 0..=MAX_SESSIONS {
            sessions.open(&i.to_string());
            sessions.remember("0", "still", "here");
        }
        assert!(sessions.must_exist("0").is_ok() && sessions.must_exist("1").is_err());
    }
}
