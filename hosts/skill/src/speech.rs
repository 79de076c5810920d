//! The way to a skill by lines of JSON, for libraries and programs alike.
//!
//! Owns: the writing end. Must not know: what is at the other.

use crate::runner::Reach;
use hob_sdk::lines::{Answer, ToSkill, line};
use serde::Serialize;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// A writer that two threads share, line by line.
#[derive(Clone)]
pub struct Speech(Arc<Mutex<Box<dyn Write + Send>>>);

impl Speech {
    /// Over a pipe or socket.
    pub fn over(to: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(to))))
    }

    /// Says one thing.
    pub fn say(&self, message: &impl Serialize) -> io::Result<()> {
        let line = line(message)?;
        let mut to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(line.as_bytes())?;
        to.flush()
    }

    /// Says it to somebody who may be gone, which shows elsewhere.
    pub fn say_if_there(&self, message: &impl Serialize) {
        if let Err(error) = self.say(message) {
            tracing::debug!(%error, "the skill does not listen");
        }
    }
}

impl Reach for Speech {
    fn answer(&self, ask: u64, answer: &str) {
        let broken = |error: serde_json::Error| Answer::Error { code: "internal".into(), message: error.to_string() };
        let answer = serde_json::from_str(answer).unwrap_or_else(broken);
        self.say_if_there(&ToSkill::Answer { ask, answer });
    }

    fn cancel(&self, id: u64) {
        self.say_if_there(&ToSkill::Cancel { call: id });
    }
}
