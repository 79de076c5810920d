//! Why the service is as it is, in sentences for a person.
//!
//! Owns: which question was meant, and what is said to it. Says only what is recorded or can be seen now; where there
//! is nothing, it says that. Must not know: how decisions are made.

mod answer;
mod present;
mod question;
mod sentences;
#[cfg(test)]
mod tests;

use crate::Daemon;
use crate::decisions::Decision;
use crate::error::HobError;
use crate::governor::{Conditions, Policy};
use hob_index::types::IndexState;
use std::time::SystemTime;

/// What an answer may be built from.
pub struct Facts {
    /// The time of asking.
    pub now: SystemTime,
    /// All decisions, the latest first.
    pub decisions: Vec<Decision>,
    /// The machine.
    pub conditions: Conditions,
    /// The rules in force.
    pub policy: Policy,
    /// The models: id, state, and a sentence about each.
    pub models: Vec<Known>,
    /// The skills.
    pub skills: Vec<Known>,
    /// What the index is doing, and a sentence about it.
    pub index: (IndexState, String),
    /// Sentences about the whole service.
    pub service: Vec<String>,
}

/// Something that has an id.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// Whether it is in memory.
    pub loaded: bool,
    /// How it is.
    pub sentence: String,
}

/// Answers a question: empty for the whole service, an id of a model or skill, or plain words ("why is it slow").
pub fn explain(daemon: &Daemon, what: &str) -> Result<String, HobError> {
    answer::answer(&present::facts(daemon), what).ok_or_else(|| {
        HobError::not_found(format!(
            "nothing is known about \"{what}\"; ask about a model (hob model list), a skill (hob skill list), or why \
             something is slow, unloaded, refused, paused, ended, or what changed"
        ))
    })
}
