//! Whose business a request is: the calibrated step from likeness to a decision. Knows numbers only.

use super::{Compared, Outcome};

/// What the likenesses were taken from: they are not comparable with each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence {
    /// What a head has learned from embeddings and letters.
    Learned {
        /// The evidence from which a request is in scope.
        threshold: f32,
    },
    /// Embeddings, helped by letters.
    Meaning,
    /// Letters and words alone.
    Letters,
}

/// From here on a skill is meant.
const IN_SCOPE: f32 = 0.5;
/// A lead over the second intent, as scores differ, from which the first one is meant. On public sets of 55 to 150
/// intents the first one is then right nine times in ten, and without that lead one time in two.
const LEAD: f32 = 0.06;
/// How much of the examples may fall below the threshold, had they not been examples.
const UNLIKE_ANY: f32 = 0.025;
/// Examples that are all alike, or none like another, say little: the threshold stays between these.
const THRESHOLDS: (f32, f32) = (0.75, 1.1);
/// Without examples enough to learn it from.
pub const USUAL: f32 = 0.95;
/// What being near to the background costs, per cosine.
const BACKGROUND: f32 = 2.0;
/// Log odds per evidence.
const STEEPNESS: f32 = 6.0;
/// What being nearer to a counter-example costs, in log odds per cosine.
const COUNTER: f32 = 10.0;

/// How much speaks for the best intent, where a head has learned.
pub fn evidence(compared: &Compared) -> Option<f32> {
    let best = compared.best.first()?;
    Some(best.centroid + best.mean + best.head - BACKGROUND * compared.background.mean())
}

/// The threshold that nearly all examples pass, from the evidence for each had it not been one: what is far from
/// everything in a registry of many intents may be near in one of few.
pub fn threshold(mut held_out: Vec<f32>) -> f32 {
    held_out.retain(|evidence| evidence.is_finite());
    if held_out.is_empty() {
        return USUAL;
    }
    let at = (held_out.len() as f32 * UNLIKE_ANY) as usize;
    let (_, threshold, _) = held_out.select_nth_unstable_by(at, f32::total_cmp);
    threshold.clamp(THRESHOLDS.0, THRESHOLDS.1)
}

/// How probable it is that a skill is meant, by logistic regression on the best intent's likeness and on the nearness
/// of the background. Fitted on registries of 5 to 150 intents against general questions and claims, then moved
/// towards refusing: a question that is taken for a command does something, a command that is taken for a question
/// only finds nothing.
pub fn in_scope(compared: &Compared) -> f32 {
    let Some(best) = compared.best.first() else { return 0.0 };
    let background = &compared.background;
    let odds = match compared.by {
        Evidence::Learned { threshold } => STEEPNESS * (evidence(compared).unwrap_or(0.0) - threshold),
        Evidence::Meaning => {
            9.27 * (best.centroid + best.mean) + 5.49 * best.letters - 18.77 * background.mean() - 3.95
        }
        Evidence::Letters => {
            22.34 * best.centroid + 13.38 * best.nearest - 10.05 * best.mean - 7.98 * background.largest() - 6.4
        }
    };
    (1.0 + (COUNTER * best.crossed - odds).exp()).recip()
}

/// Confident, open among the best, or nobody's.
pub fn outcome(compared: &Compared, in_scope: f32) -> Outcome {
    let Some(best) = compared.best.first().filter(|_| in_scope >= IN_SCOPE) else { return Outcome::Nobody };
    let lead = compared.best.get(1).map_or(f32::INFINITY, |second| best.score - second.score);
    if lead >= LEAD { Outcome::Confident(best.index) } else { Outcome::Ambiguous }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_lets_nearly_all_examples_pass() {
        let held_out: Vec<f32> = (0..100).rev().map(|n| n as f32 / 50.0).collect();
        assert_eq!(threshold(held_out), 0.75, "few are below 0.04, which is too little");
        let usual = threshold((0..100).map(|n| 0.9 + n as f32 / 50.0).collect());
        assert!((usual - 0.94).abs() < 1e-5, "{usual}");
        assert_eq!(threshold(vec![3.0; 9]), 1.1);
        assert_eq!(threshold(vec![f32::NAN]), USUAL);
    }
}
