//! What hob decided and why: the last thousand decisions, as facts that an explanation can be built from.
//!
//! Owns: the record. Must not know: how a decision is made, and how it is told.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Decisions that are remembered; older ones are forgotten.
pub const REMEMBERED: usize = 1_000;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// A model was loaded.
    Loaded,
    /// A model was unloaded.
    Unloaded,
    /// A request or a load was refused.
    Refused,
    /// A model got a shorter context than the settings ask for.
    Shortened,
    /// Another model was taken than the wanted one.
    Replaced,
    /// Something gave back memory that it can do without.
    Trimmed,
    /// Background work was stopped for a while.
    Paused,
    /// It goes on.
    Resumed,
    /// Work goes on with fewer threads.
    Slowed,
    /// All threads may be used again.
    Freed,
    /// Something that ran was ended before it was done.
    Ended,
}

/// One decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// When.
    pub at: SystemTime,
    /// What was done.
    pub deed: Deed,
    /// To what: a model's id, "indexing", "background work".
    pub subject: String,
    /// Why, as a clause that follows "because": "nobody used it for 300 s".
    pub because: String,
    /// The figures that it was decided by, each with its unit in its name: `("budget_bytes", 3e9)`.
    pub figures: Vec<(&'static str, f64)>,
}

/// The record of decisions, oldest first.
#[derive(Debug, Default)]
pub struct Decisions {
    ring: Mutex<VecDeque<Decision>>,
}

impl Decisions {
    /// Writes down a decision that was taken now, and logs it.
    pub fn record(&self, deed: Deed, subject: &str, because: String, figures: &[(&'static str, f64)]) {
        tracing::info!(?deed, subject, because, ?figures, "decided");
        let (subject, figures) = (subject.to_string(), figures.to_vec());
        let decision = Decision { at: SystemTime::now(), deed, subject, because, figures };
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() == REMEMBERED {
            ring.pop_front();
        }
        ring.push_back(decision);
    }

    /// All that is remembered and passes `wanted`, the latest first.
    pub fn latest(&self, wanted: impl Fn(&Decision) -> bool) -> Vec<Decision> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.iter().rev().filter(|decision| wanted(decision)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_come_first_and_the_oldest_are_forgotten() {
        let decisions = Decisions::default();
        for nth in 0..=REMEMBERED {
            decisions.record(Deed::Unloaded, "m", format!("reason {nth}"), &[("unused_seconds", nth as f64)]);
        }
        let all = decisions.latest(|decision| decision.deed == Deed::Unloaded);
        assert_eq!((all.len(), &*all[0].because), (REMEMBERED, "reason 1000"));
        assert!(decisions.latest(|decision| decision.subject == "other").is_empty());
    }
}
