//! Which keys the tokens of a step look at.
//!
//! A context holds several sequences, and a token looks at those before it in its own. So keys are taken in the order in
//! which a token sees them, wherever they lie: what lies between costs nothing, and a result does not depend on it. All
//! layers of a model look at the same keys, so the mask is read once in a step.
#![allow(unsafe_code)]

use crate::attention::{Attention, Piece};
use crate::floats::Floats;
use std::ops::Range;

/// Keys of a word.
const WORD: usize = 64;

/// What each token of a step looks at.
#[derive(Debug, Default)]
pub struct Seen {
    /// Keys that each token looks at.
    counts: Vec<usize>,
    runs: Vec<Run>,
    /// Where the keys are that the last token of each run looks at, run after run.
    places: Vec<u32>,
    /// Room for a bit for each key, of two tokens.
    bits: [Vec<u64>; 2],
}

/// Tokens each of which looks at all keys that the one before it does, and maybe at later ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The tokens, by their number in the step.
    pub tokens: Range<usize>,
    /// Where in the list of places those of its keys are.
    places: Range<usize>,
}

impl Seen {
    /// Reads the mask of an attention, in place of what was read before.
    ///
    /// # Safety
    /// As [`Floats`]; the mask has a number for each token and key.
    #[inline(always)]
    pub unsafe fn read<F: Floats>(&mut self, attention: &Attention) {
        self.begin();
        for token in 0..attention.tokens {
            for start in (0..attention.length).step_by(WORD) {
                let keys = WORD.min(attention.length - start);
                let word = if attention.mask.is_null() {
                    u64::MAX >> (WORD - keys)
                } else {
                    // SAFETY: the mask has so many numbers for this token.
                    unsafe {
                        let mask = attention.mask.add(token * attention.mask_stride + start);
                        if keys == WORD { F::shown(mask) } else { shown(std::slice::from_raw_parts(mask, keys)) }
                    }
                };
                self.bits[1].push(word);
            }
            self.next();
        }
        self.end();
    }

    fn begin(&mut self) {
        self.counts.clear();
        self.runs.clear();
        self.places.clear();
        self.bits.iter_mut().for_each(Vec::clear);
    }

    /// The bits of a token are all there.
    fn next(&mut self) {
        let [before, now] = &self.bits;
        let (token, count) = (self.counts.len(), now.iter().map(|word| word.count_ones() as usize).sum());
        let goes_on = goes_on(before, now);
        match self.runs.last_mut() {
            Some(run) if goes_on => run.tokens.end = token + 1,
            _ => {
                self.end();
                self.runs.push(Run { tokens: token..token + 1, places: 0..0 });
            }
        }
        self.counts.push(count);
        self.bits.swap(0, 1);
        self.bits[1].clear();
    }

    /// No more tokens go on with the last run: its keys are those of its last token.
    fn end(&mut self) {
        let Some(run) = self.runs.last_mut() else { return };
        let start = self.places.len();
        for (word, mut bits) in self.bits[0].iter().copied().enumerate() {
            while bits != 0 {
                self.places.push((word * WORD) as u32 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        run.places = start..self.places.len();
    }

    /// Keys that a token looks at.
    pub fn count(&self, token: usize) -> usize {
        self.counts[token]
    }

    /// The runs of a piece's tokens.
    pub fn runs(&self, piece: &Piece) -> impl Iterator<Item = Run> {
        let tokens = piece.token..piece.token + piece.tokens;
        let first = self.runs.partition_point(|run| run.tokens.end <= tokens.start);
        self.runs[first..].iter().map_while(move |run| {
            let here = run.tokens.start.max(tokens.start)..run.tokens.end.min(tokens.end);
            (!here.is_empty()).then(|| Run { tokens: here, places: run.places.clone() })
        })
    }

    /// Where the keys are that the tokens of a run look at: the first so many of them each.
    pub fn places(&self, run: &Run) -> &[u32] {
        let keys = run.tokens.clone().next_back().map_or(0, |last| self.counts[last]);
        &self.places[run.places.clone()][..keys]
    }
}

/// Whether a token looks at what the one before it does, and only at later keys besides.
fn goes_on(before: &[u64], now: &[u64]) -> bool {
    let mut others = false;
    before.iter().zip(now).all(|(before, now)| {
        let more = now & !before;
        let lost = before & !now != 0;
        let behind = (others && *before != 0) || (more != 0 && before >> more.trailing_zeros() != 0);
        others |= more != 0;
        !lost && !behind
    })
}

/// A bit for each key of a mask that is not hidden.
fn shown(mask: &[u16]) -> u64 {
    mask.iter().rev().fold(0, |bits, number| bits << 1 | u64::from(*number != HIDDEN))
}

/// What is in a mask where a token must not look: minus infinity in half precision.
pub const HIDDEN: u16 = 0xfc00;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn seen(rows: &[&[usize]], length: usize) -> Seen {
        let mut seen = Seen::default();
        seen.begin();
        for keys in rows {
            seen.bits[1].resize(length.div_ceil(WORD), 0);
            keys.iter().for_each(|key| seen.bits[1][key / WORD] |= 1 << (key % WORD));
            seen.next();
        }
        seen.end();
        seen
    }

    fn runs(seen: &Seen, token: usize, tokens: usize) -> Vec<Range<usize>> {
        seen.runs(&Piece { head: 0, token, tokens }).map(|run| run.tokens).collect()
    }

    #[test]
    fn tokens_of_a_sequence_go_together() {
        let seen = seen(&[&[0, 3], &[0, 3, 4], &[0, 3, 4, 90], &[1, 70], &[70, 71], &[5, 70, 71], &[]], 100);
        assert_eq!(runs(&seen, 0, 7), [0..3, 3..4, 4..5, 5..6, 6..7]);
        assert_eq!(runs(&seen, 1, 3), [1..3, 3..4]);
        assert_eq!(runs(&seen, 2, 3), [2..3, 3..4, 4..5]);
        let places =
            |token, tokens| seen.places(&seen.runs(&Piece { head: 0, token, tokens }).next().unwrap()).to_vec();
        assert_eq!((places(0, 3), places(0, 2), places(0, 1)), (vec![0, 3, 4, 90], vec![0, 3, 4], vec![0, 3]));
        assert_eq!(
            (places(3, 2), places(5, 1), places(6, 1), seen.count(0)),
            (vec![1, 70], vec![5, 70, 71], vec![], 2)
        );
    }

    #[test]
    fn what_is_not_hidden_is_shown() {
        assert_eq!(shown(&[HIDDEN, 0, HIDDEN, 0x3c00]), 0b1010);
        assert_eq!(shown(&[0; 64]), u64::MAX);
    }
}
