//! What an answer probably says next, looked up in what was said before.
//!
//! Owns: the guesses, and how far they are trusted. Must not know: models, steps, how a guess is checked.
//!
//! Where the last few tokens stood before, what followed them there often follows again: a name of the prompt, a quoted
//! passage, the frame of a list (prompt lookup decoding, Saxena 2023,
//! <https://github.com/apoorvumang/prompt-lookup-decoding>). A step that evaluates some guesses along with the last token
//! costs less than a step for each of them, as long as they come true more often than not. Guesses depend on the tokens
//! and on whether the answer is alone, and never on times, so that the same request gives the same answer.

use llama_cpp_2::token::LlamaToken;

/// Common endings that say something; longer ones say no more.
const SHORTEST: usize = 1;
const LONGEST: usize = 6;
/// Most guesses at once.
const MOST: usize = 7;
/// Endings of up to so many tokens are trusted alike.
const KINDS: [usize; 4] = [1, 2, 4, LONGEST];
/// What is believed of them at first in an answer that has to copy, and mostly goes on with what it copies.
const COPYING: [f32; KINDS.len()] = [0.5, 0.8, 0.9, 0.95];

/// When a guess is made.
#[derive(Debug, Clone, Copy)]
struct Odds {
    /// It is at least so likely to come true along with those before it, where the step has one other token.
    first: f32,
    /// The same where it has more.
    further: f32,
    /// What is believed at first.
    trust: [f32; KINDS.len()],
    /// Weight of the newest guess.
    new: f32,
}

/// With llama.cpp's kernels, evaluating one more token costs a third of a step and more where computing is the limit, and
/// less where reading the weights is; the second one of a step costs most, since kernels for one token are other ones.
const DEAR: Odds = Odds { first: 0.7, further: 0.45, trust: [0.15, 0.3, 0.45, 0.6], new: 0.12 };
/// With kernels of our own, which read the weights once for all tokens, it costs a tenth to a sixth.
const CHEAP: Odds = Odds { first: 0.25, further: 0.2, trust: [0.15, 0.35, 0.55, 0.75], new: 0.2 };

/// Guesses for one answer.
pub struct Drafts {
    odds: Odds,
    /// The share of guesses that came true of late, for each kind of ending.
    trust: [f32; KINDS.len()],
    /// What the last guess was, made or not, and its kind.
    expected: Option<(usize, LlamaToken)>,
}

impl Drafts {
    /// For a new answer. `cheap`: one more token of a step costs little. `copies`: it has to copy.
    pub fn new(cheap: bool, copies: bool) -> Self {
        let odds = if cheap { CHEAP } else { DEAR };
        let trust = if copies { COPYING } else { odds.trust };
        Self { odds, trust, expected: None }
    }

    /// What probably follows `tokens`, `most` tokens at most; nothing when it is too uncertain. `alone`: the step has one
    /// other token.
    pub fn next(&mut self, tokens: &[LlamaToken], alone: bool, most: usize) -> Vec<LlamaToken> {
        self.expected = None;
        let Some((start, length)) = seen_before(tokens) else { return Vec::new() };
        let kind = KINDS.iter().position(|longest| length <= *longest).unwrap_or(KINDS.len() - 1);
        self.expected = Some((kind, tokens[start]));
        let trust = self.trust[kind];
        if alone && trust < self.odds.first {
            return Vec::new();
        }
        // Each has to come true with all before it.
        let likely = std::iter::successors(Some(trust), |chance| Some(chance * trust)).take(most.min(MOST));
        let count = likely.take_while(|chance| *chance >= self.odds.further).count();
        tokens[start..].iter().take(count).copied().collect()
    }

    /// Learns what really followed, whether it was guessed or not.
    pub fn learn(&mut self, token: LlamaToken) {
        if let Some((kind, expected)) = self.expected.take() {
            let came_true = if token == expected { 1.0 } else { 0.0 };
            self.trust[kind] += self.odds.new * (came_true - self.trust[kind]);
        }
    }
}

/// Where the longest ending that stood before goes on, the latest of equals, and the length of that ending.
fn seen_before(tokens: &[LlamaToken]) -> Option<(usize, usize)> {
    let same = |at: usize| {
        let pairs = tokens[..at].iter().rev().zip(tokens.iter().rev());
        pairs.take(LONGEST).take_while(|(before, now)| before == now).count()
    };
    let mut best = None;
    for at in (SHORTEST..tokens.len()).rev() {
        let length = same(at);
        if length >= SHORTEST && best.is_none_or(|(_, longest)| length > longest) {
            best = Some((at, length));
            if length == LONGEST {
                break;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<LlamaToken> {
        text.bytes().map(|byte| LlamaToken(i32::from(byte))).collect()
    }

    fn text(tokens: &[LlamaToken]) -> String {
        tokens.iter().map(|token| char::from(token.0 as u8)).collect()
    }

    #[test]
    fn the_longest_ending_leads_and_the_latest_of_equals() {
        let found = |said: &str| seen_before(&tokens(said)).map(|(at, length)| (said[at..].to_string(), length));
        assert_eq!(found("abcX.bcY.abc"), Some(("X.bcY.abc".into(), 3)));
        assert_eq!(found("bcX.bcY.bc"), Some(("Y.bc".into(), 3)));
        assert_eq!(found("abcd"), None);
        assert_eq!(found("aXa"), Some(("Xa".into(), 1)));
        for nothing in ["", "a", "ab"] {
            assert_eq!(found(nothing), None);
        }
        assert_eq!(found("aaaaaaaaaa"), Some(("a".into(), LONGEST)));
    }

    #[test]
    fn trust_grows_with_what_comes_true_and_is_lost_with_what_does_not() {
        let mut drafts = Drafts::new(false, false);
        let said = tokens("the quick brown fox. the quick ");
        assert_eq!(
            (text(&drafts.next(&said, true, 9)), text(&drafts.next(&said, false, 9))),
            (String::new(), "b".into())
        );
        (0..40).for_each(|_| {
            drafts.next(&said, true, 0);
            drafts.learn(LlamaToken(i32::from(b'b')));
        });
        assert_eq!(text(&drafts.next(&said, true, 99)), "brown f");
        assert_eq!(text(&drafts.next(&said, true, 3)), "bro");
        (0..40).for_each(|_| {
            drafts.next(&said, true, 0);
            drafts.learn(LlamaToken(i32::from(b'x')));
        });
        assert_eq!(drafts.next(&said, false, 9), []);
        // Other kinds of endings are another matter.
        assert_eq!(Drafts::new(false, false).trust[0], drafts.trust[0]);
    }

    #[test]
    fn more_is_guessed_where_it_costs_little_and_where_copying_is_a_must() {
        let said = tokens("the quick brown fox. the quick ");
        let guessed = |cheap, copies| text(&Drafts::new(cheap, copies).next(&said, true, 99));
        assert_eq!(guessed(false, false), "");
        assert_eq!(guessed(true, false), "brown");
        assert_eq!(guessed(true, true), "brown f");
    }

    #[test]
    fn without_an_ending_that_was_seen_nothing_is_guessed_or_learnt() {
        let mut drafts = Drafts::new(false, false);
        assert_eq!(drafts.next(&tokens("abc"), false, 9), []);
        drafts.learn(LlamaToken(1));
        assert_eq!(drafts.trust, Drafts::new(false, false).trust);
    }
}
