//! How a skill has been doing: failures that came close together put it in quarantine.
//!
//! Owns: counting. Must not know: what a failure was.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Failures further apart than this have nothing to do with each other.
const WINDOW: Duration = Duration::from_secs(60);
/// How long a quarantine lasts, unless the user ends it.
const QUARANTINE: Duration = Duration::from_secs(600);

/// Failures of one skill.
#[derive(Debug, Default)]
pub struct Health {
    failures: VecDeque<Instant>,
    quarantined: Option<(Instant, String)>,
}

impl Health {
    /// Takes note of a failure; true when it puts the skill in quarantine. `limit` failures within a minute do.
    pub fn failed(&mut self, reason: &str, limit: u32, now: Instant) -> bool {
        self.failures.push_back(now);
        self.failures.retain(|at| now.duration_since(*at) < WINDOW);
        let enough = self.failures.len() >= limit as usize;
        if enough {
            self.failures.clear();
            self.quarantined = Some((now, reason.to_string()));
        }
        enough
    }

    /// Why the skill is not called, and for how many seconds yet.
    pub fn quarantine(&mut self, now: Instant) -> Option<(String, u64)> {
        let (since, reason) = self.quarantined.as_ref()?;
        let passed = now.duration_since(*since);
        if passed >= QUARANTINE {
            self.quarantined = None;
            return None;
        }
        Some((reason.clone(), (QUARANTINE - passed).as_secs() + 1))
    }

    /// Starts anew, as the user or an update asks.
    pub fn forgive(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_minute_are_too_many_and_time_heals() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut health = Health::default();
        assert!(
            !health.failed("one", 3, at(0)) && !health.failed("two", 3, at(70)) && !health.failed("three", 3, at(80))
        );
        assert!(health.quarantine(at(81)).is_none());
        assert!(health.failed("four", 3, at(90)));
        assert_eq!(health.quarantine(at(91)), Some(("four".into(), 600)));
        assert!(health.quarantine(at(90 + 600)).is_none());
        assert!(health.failed("a", 1, at(800)));
        health.forgive();
        assert!(health.quarantine(at(801)).is_none());
    }
}
