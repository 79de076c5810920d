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

/// A shorter common ending says too little, a longer one no more.
const SHORTEST: usize = 2;
const LONGEST: usize = 6;
/// Most guesses at once.
const MOST: usize = 7;
/// A guess is made when it is at least so likely to come true along with those before it. Evaluating one more token costs
/// a third of a step and more where computing is the limit, and less where reading the weights is;
const LIKELY: f32 = 0.45;
/// the second one of a step costs most, since kernels for one token are other ones.
const FIRST_LIKELY: f32 = 0.7;
/// Weight of the newest guess.
const NEW: f32 = 0.12;
/// What is believed at first of endings of up to so many tokens.
const KINDS: [(usize, f32); 3] = [(2, 0.3), (4, 0.45), (LONGEST, 0.6)];

/// Guesses for one answer.
pub struct Drafts {
    /// The share of guesses that came true of late, for each kind of ending.
    trust: [f32; KINDS.len()],
    /// What the last guess was, made or not, and its kind.
    expected: Option<(usize, LlamaToken)>,
}

impl Default for Drafts {
    fn default() -> Self {
        Self { trust: KINDS.map(|(_, trust)| trust), expected: None }
    }
}

impl Drafts {
    /// What probably follows `tokens`, `most` tokens at most; nothing when it is too uncertain. `alone`: the step has one
    /// other token.
    pub fn next(&mut self, tokens: &[LlamaToken], alone: bool, most: usize) -> Vec<LlamaToken> {
        self.expected = None;
        let Some((start, length)) = seen_before(tokens) else { return Vec::new() };
        let kind = KINDS.iter().position(|(longest, _)| length <= *longest).unwrap_or(KINDS.len() - 1);
        self.expected = Some((kind, tokens[start]));
        let trust = self.trust[kind];
        if alone && trust < FIRST_LIKELY {
            return Vec::new();
        }
        // Each has to come true with all before it.
        let likely = std::iter::successors(Some(trust), |chance| Some(chance * trust)).take(most.min(MOST));
        let count = likely.take_while(|chance| *chance >= LIKELY).count();
        tokens[start..].iter().take(count).copied().collect()
    }

    /// Learns what really followed, whether it was guessed or not.
    pub fn learn(&mut self, token: LlamaToken) {
        if let Some((kind, expected)) = self.expected.take() {
            let came_true = if token == expected { 1.0 } else { 0.0 };
            self.trust[kind] += NEW * (came_true - self.trust[kind]);
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
        for nothing in ["", "a", "ab", "aXa"] {
            assert_eq!(found(nothing), None);
        }
        assert_eq!(found("aaaaaaaaaa"), Some(("a".into(), LONGEST)));
    }

    #[test]
    fn trust_grows_with_what_comes_true_and_is_lost_with_what_does_not() {
        let mut drafts = Drafts::default();
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
        assert_eq!(Drafts::default().trust[0], drafts.trust[0]);
    }

    #[test]
    fn without_an_ending_that_was_seen_nothing_is_guessed_or_learnt() {
        let mut drafts = Drafts::default();
        assert_eq!(drafts.next(&tokens("abc"), false, 9), []);
        drafts.learn(LlamaToken(1));
        assert_eq!(drafts.trust, Drafts::default().trust);
    }
}
