//! The choice of the next token.
//!
//! Owns: penalties, temperature, the random numbers of one answer. Must not know: where scores come from, what is
//! allowed by a schema.
//!
//! The usual chain for chat (repetition penalty, top-k, top-p, min-p, temperature), but in one pass over the
//! vocabulary: only tokens near the top are ever compared, since the penalty can only lower a token.

use crate::probability::logarithms;
use hob_engine::{EngineError, GenerateSpec};
use llama_cpp_2::token::LlamaToken;
use std::collections::VecDeque;

/// Most candidates, share of probability and least relative probability, as is usual for chat.
const TOP_K: usize = 40;
const TOP_P: f32 = 0.95;
const MIN_P: f32 = 0.05;
/// Small models repeat themselves for ever without a penalty. Only the answer counts, so that
/// copying from the prompt stays cheap.
const PENALTY: f32 = 1.1;
const PENALTY_WINDOW: usize = 64;
const HOTTEST: f32 = 5.0;

/// Chooses tokens by their scores.
pub struct Sampler {
    temperature: f32,
    /// Tokens of the answer, the last ones.
    recent: VecDeque<u32>,
    penalises: bool,
    random: Random,
    /// Kept from call to call, so that it is allocated once.
    near_top: Vec<(u32, f32)>,
}

impl Sampler {
    /// The sampler that `spec` asks for.
    pub fn new(spec: &GenerateSpec) -> Result<Self, EngineError> {
        if !(0.0..=HOTTEST).contains(&spec.temperature) {
            let given = spec.temperature;
            return Err(EngineError::InvalidArgument(format!("a temperature of {given} is outside 0 to {HOTTEST}")));
        }
        let recent = VecDeque::with_capacity(PENALTY_WINDOW);
        let random = Random(spec.seed);
        Ok(Self { temperature: spec.temperature, recent, penalises: true, random, near_top: Vec::new() })
    }

    /// Whether what was said becomes less likely. Under a schema nothing should: quotes and commas repeat.
    pub fn penalise(&mut self, penalises: bool) {
        self.penalises = penalises;
    }

    /// Chooses among all tokens by their scores. It counts as taken only after [`Sampler::accept`].
    pub fn choose_any(&mut self, scores: &[f32]) -> Result<LlamaToken, EngineError> {
        highest_of(scores, self.looked_at(), &mut self.near_top);
        self.decide()
    }

    /// Chooses among `candidates`, each a token and its score. It counts as taken only after
    /// [`Sampler::accept`].
    pub fn choose(&mut self, candidates: impl Iterator<Item = (u32, f32)>) -> Result<LlamaToken, EngineError> {
        highest(candidates, self.looked_at(), &mut self.near_top);
        self.decide()
    }

    /// Candidates near the top that are wanted, and as many more as the penalty can lower.
    fn looked_at(&self) -> usize {
        self.wanted() + if self.penalises { self.recent.len() } else { 0 }
    }

    fn wanted(&self) -> usize {
        if self.temperature == 0.0 { 1 } else { TOP_K }
    }

    fn decide(&mut self) -> Result<LlamaToken, EngineError> {
        let wanted = self.wanted();
        if self.penalises {
            for (token, score) in &mut self.near_top {
                if self.recent.contains(token) {
                    *score = if *score > 0.0 { *score / PENALTY } else { *score * PENALTY };
                }
            }
        }
        self.near_top.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        self.near_top.truncate(wanted);
        let best = self.near_top.first().copied();
        let best = best.ok_or_else(|| EngineError::Inference("there is no token to choose from".into()))?;
        let token = if self.temperature == 0.0 { best.0 } else { self.draw(best.1) };
        Ok(LlamaToken(token as i32))
    }

    /// The token became part of the answer.
    pub fn accept(&mut self, token: LlamaToken) {
        if self.recent.len() == PENALTY_WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(token.0 as u32);
    }

    /// Draws from the candidates near the top, of which `best` is the highest score.
    fn draw(&mut self, best: f32) -> u32 {
        let total: f32 = self.near_top.iter().map(|(_, score)| (score - best).exp()).sum();
        let mut seen = 0.0;
        let mut kept = 0;
        for (_, score) in &self.near_top {
            let weight = (score - best).exp();
            if kept > 0 && (seen >= TOP_P * total || weight < MIN_P) {
                break;
            }
            seen += weight;
            kept += 1;
        }
        let candidates = &self.near_top[..kept];
        let heat = |score: f32| ((score - best) / self.temperature).exp();
        let mut left = self.random.next() * candidates.iter().map(|(_, score)| heat(*score)).sum::<f32>();
        for (token, score) in candidates {
            left -= heat(*score);
            if left < 0.0 {
                return *token;
            }
        }
        candidates[kept - 1].0
    }
}

/// The same as [`highest`] over a whole vocabulary. Nearly all stretches of it hold nothing near the top, which is seen
/// by their largest score alone.
fn highest_of(scores: &[f32], n: usize, kept: &mut Vec<(u32, f32)>) {
    const STRETCH: usize = 64;
    kept.clear();
    let mut least = f32::NEG_INFINITY;
    for (at, stretch) in scores.chunks(STRETCH).enumerate() {
        let most = stretch.iter().fold(f32::NEG_INFINITY, |most, score| if *score > most { *score } else { most });
        if most > least {
            let first = (at * STRETCH) as u32;
            least = add_highest((first..).zip(stretch.iter().copied()), n, least, kept);
        }
    }
    if kept.len() > n {
        cut(kept, n);
    }
}

/// Leaves the `n` highest candidates in `kept`, in no order; what is no number is left out.
fn highest(candidates: impl Iterator<Item = (u32, f32)>, n: usize, kept: &mut Vec<(u32, f32)>) {
    kept.clear();
    add_highest(candidates, n, f32::NEG_INFINITY, kept);
    if kept.len() > n {
        cut(kept, n);
    }
}

/// Adds candidates above `least` to `kept`, which is cut to the `n` highest now and then; returns what is the least now.
fn add_highest(
    candidates: impl Iterator<Item = (u32, f32)>,
    n: usize,
    mut least: f32,
    kept: &mut Vec<(u32, f32)>,
) -> f32 {
    for (token, score) in candidates {
        if score > least {
            kept.push((token, score));
            if kept.len() >= n * 2 + 16 {
                least = cut(kept, n);
            }
        }
    }
    least
}

/// Keeps the `n` highest and returns the lowest of them.
fn cut(kept: &mut Vec<(u32, f32)>, n: usize) -> f32 {
    // Of equal scores the smaller token stays, so that the choice does not depend on the order of this pass.
    kept.select_nth_unstable_by(n - 1, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    kept.truncate(n);
    kept[n - 1].1
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere for a seed.
struct Random(u64);

impl Random {
    /// The next number from 0 up to 1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 24) as f32
    }
}

/// Natural logarithms of the probabilities that `scores` stand for, less than 0, for one token and the best `n`.
pub fn logprobs(scores: &[f32], token: LlamaToken, n: usize) -> (f32, Vec<(u32, f32)>) {
    let logarithm = logarithms(scores);
    let of = |score| logarithm(score) as f32;
    let mut top = Vec::new();
    if n > 0 {
        highest_of(scores, n, &mut top);
        top.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    }
    let own = usize::try_from(token.0).ok().and_then(|at| scores.get(at)).copied().unwrap_or(f32::NEG_INFINITY);
    (of(own), top.into_iter().map(|(token, score)| (token, of(score))).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sampler(temperature: f32, seed: u64, schema: bool) -> Sampler {
        let mut sampler = Sampler::new(&GenerateSpec { temperature, seed, ..GenerateSpec::default() }).unwrap();
        sampler.penalise(!schema);
        sampler
    }

    fn choose(sampler: &mut Sampler, scores: &[f32]) -> i32 {
        sampler.choose((0..).zip(scores.iter().copied())).unwrap().0
    }

    #[test]
    fn greedy_takes_the_highest_and_the_first_of_equals() {
        let mut greedy = sampler(0.0, 0, true);
        let mut scores = vec![0.0; 5_000];
        scores[4_321] = 2.0;
        scores[77] = 2.0;
        scores[9] = f32::NAN;
        assert_eq!(choose(&mut greedy, &scores), 77);
        assert!(greedy.choose(std::iter::empty()).is_err());
        assert!(greedy.choose([(1, f32::NAN)].into_iter()).is_err());
    }

    #[test]
    fn what_was_said_is_less_likely_except_under_a_schema() {
        let scores = [3.0, 2.9, -1.0];
        let mut free = sampler(0.0, 0, false);
        free.accept(LlamaToken(0));
        assert_eq!(choose(&mut free, &scores), 1);
        let mut strict = sampler(0.0, 0, true);
        strict.accept(LlamaToken(0));
        assert_eq!(choose(&mut strict, &scores), 0);
    }

    #[test]
    fn draws_follow_the_seed_and_the_probabilities() {
        let scores = [2.0, 1.0, -9.0];
        let draws = |seed| {
            let mut sampler = sampler(1.0, seed, true);
            (0..4_000).map(|_| choose(&mut sampler, &scores)).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        let first = draws(3).iter().filter(|token| **token == 0).count() as f64 / 4_000.0;
        // e / (e + 1), since the third is far too unlikely.
        assert!((first - 0.731).abs() < 0.03, "{first}");
        assert!(!draws(3).contains(&2));
    }

    #[test]
    fn the_highest_are_found_in_any_order() {
        let mut random = Random(5);
        let scores: Vec<f32> = (0..3_000).map(|_| random.next()).collect();
        let mut kept = Vec::new();
        highest((0..).zip(scores.iter().copied()), 40, &mut kept);
        let mut sorted = scores.clone();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        let mut found: Vec<f32> = kept.iter().map(|(_, score)| *score).collect();
        found.sort_unstable_by(|a, b| b.total_cmp(a));
        assert_eq!(found, sorted[..40]);
        let one_by_one = kept.clone();
        highest_of(&scores, 40, &mut kept);
        kept.sort_unstable_by_key(|(token, _)| *token);
        let mut expected = one_by_one;
        expected.sort_unstable_by_key(|(token, _)| *token);
        assert_eq!(kept, expected);
    }

    #[test]
    fn log_probabilities_sum_to_one() {
        let scores = [1.0, 2.0, 3.0];
        let (own, top) = logprobs(&scores, LlamaToken(1), 3);
        assert_eq!(top.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [2, 1, 0]);
        assert!((top.iter().map(|(_, p)| p.exp()).sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(own, top[1].1);
        assert!(logprobs(&scores, LlamaToken(0), 0).1.is_empty());
    }

    #[test]
    fn absurd_temperatures_are_refused() {
        for temperature in [-1.0, 6.0, f32::NAN, f32::INFINITY] {
            let spec = GenerateSpec { temperature, ..GenerateSpec::default() };
            assert!(matches!(Sampler::new(&spec), Err(EngineError::InvalidArgument(_))));
        }
    }
}
