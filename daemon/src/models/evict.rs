//! Which model has to go when another needs its room.
//!
//! Owns: the score. Must not know: how models are unloaded.

use hob_engine::Role;
use std::time::Duration;

/// After so long without use, it is half as likely that a model is wanted again soon.
const HALF_LIFE: f64 = 120.0;
/// Embedding and reranking models up to this size share a pool that chat models do not claim without need.
pub const POOL: u64 = 160 << 20;

/// A resident model that nobody uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// What it is for.
    pub role: Role,
    /// What goes free with it, which is also what loading it again costs.
    pub bytes: u64,
    /// How long nobody has used it.
    pub unused: Duration,
    /// It is the one that is taken when none is named.
    pub default: bool,
    /// The settings want it to stay.
    pub pinned: bool,
}

impl Candidate {
    fn in_pool(&self) -> bool {
        self.role != Role::Chat && self.bytes <= POOL
    }

    /// Cost to load it again, times the likelihood that somebody wants it, times its priority.
    fn worth(&self) -> f64 {
        let likelihood = 0.5f64.powf(self.unused.as_secs_f64() / HALF_LIFE);
        self.bytes as f64 * likelihood * if self.default { 2.0 } else { 1.0 }
    }
}

/// The place of the one to unload first: pinned ones never, those of the pool last.
pub fn choose(candidates: &[Candidate]) -> Option<usize> {
    let free = candidates.iter().enumerate().filter(|(_, candidate)| !candidate.pinned);
    let key = |candidate: &Candidate| (candidate.in_pool(), candidate.worth());
    free.min_by(|(_, a), (_, b)| {
        let ((a_pool, a_worth), (b_pool, b_worth)) = (key(a), key(b));
        a_pool.cmp(&b_pool).then(a_worth.total_cmp(&b_worth))
    })
    .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(mib: u64, unused: u64) -> Candidate {
        let unused = Duration::from_secs(unused);
        Candidate { role: Role::Chat, bytes: mib << 20, unused, default: false, pinned: false }
    }

    #[test]
    fn what_is_cheap_unlikely_and_unimportant_goes_first() {
        assert_eq!(choose(&[]), None);
        assert_eq!(choose(&[chat(600, 1), chat(200, 1)]), Some(1));
        assert_eq!(choose(&[chat(600, 900), chat(200, 1)]), Some(0));
        assert_eq!(choose(&[Candidate { default: true, ..chat(200, 1) }, chat(300, 1)]), Some(1));
    }

    #[test]
    fn pinned_models_stay_and_the_pool_goes_last() {
        let embedder = Candidate { role: Role::Embedding, ..chat(90, 3_000) };
        assert_eq!(choose(&[embedder, chat(600, 1)]), Some(1));
        assert_eq!(choose(&[embedder, Candidate { pinned: true, ..chat(600, 1) }]), Some(0));
        assert_eq!(choose(&[Candidate { pinned: true, ..embedder }]), None);
        // A large embedding model is no small pool.
        assert_eq!(choose(&[Candidate { bytes: 2 << 30, ..embedder }, chat(600, 1)]), Some(0));
    }
}
