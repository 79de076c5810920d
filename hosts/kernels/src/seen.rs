//! Which keys the tokens of a piece look at.
//!
//! A context holds several sequences, and a token looks at those before it in its own. So keys are taken in the order in
//! which a token sees them, wherever they lie: what lies between costs nothing, and a result does not depend on it.
#![allow(unsafe_code)]

use crate::attention::{Attention, Piece, ROWS};
use crate::floats::Floats;
use std::ops::Range;

/// Keys of a word.
const WORD: usize = 64;

/// Tokens of a piece, each of which looks at all that the one before it does, and maybe at later keys.
pub type Run = Range<usize>;

/// What each token of a piece looks at.
pub struct Seen {
    tokens: usize,
    /// A bit for each key, `words` words for each token.
    bits: Vec<u64>,
    words: usize,
    /// Keys that each token looks at.
    counts: [usize; ROWS],
}

impl Seen {
    /// Reads the mask.
    ///
    /// # Safety
    /// As [`Floats`]; the mask has a number for each token and key.
    #[inline(always)]
    pub unsafe fn new<F: Floats>(attention: &Attention, piece: &Piece) -> Self {
        let words = attention.length.div_ceil(WORD);
        let mut bits = Vec::with_capacity(piece.tokens * words);
        let mut counts = [0; ROWS];
        for token in 0..piece.tokens {
            for start in (0..attention.length).step_by(WORD) {
                let keys = WORD.min(attention.length - start);
                let all = u64::MAX >> (WORD - keys);
                let word = if attention.mask.is_null() {
                    all
                } else {
                    // SAFETY: the mask has so many numbers for this token.
                    unsafe {
                        let mask = attention.mask.add((piece.token + token) * attention.mask_stride + start);
                        if keys == WORD { F::shown(mask) } else { shown(std::slice::from_raw_parts(mask, keys)) }
                    }
                };
                counts[token] += word.count_ones() as usize;
                bits.push(word);
            }
        }
        Self { tokens: piece.tokens, bits, words, counts }
    }

    /// Keys that a token looks at.
    pub fn count(&self, token: usize) -> usize {
        self.counts[token]
    }

    /// Keys that the tokens of a run look at.
    pub fn keys(&self, run: &Run) -> usize {
        run.clone().next_back().map_or(0, |last| self.counts[last])
    }

    /// The piece's tokens as runs.
    pub fn runs(&self) -> impl Iterator<Item = Run> {
        let mut start = 0;
        std::iter::from_fn(move || {
            let first = start;
            while start < self.tokens {
                start += 1;
                if start == self.tokens || !self.goes_on(start - 1, start) {
                    return Some(first..start);
                }
            }
            None
        })
    }

    /// Whether `next` looks at what `token` does, and only at later keys besides.
    fn goes_on(&self, token: usize, next: usize) -> bool {
        let of = |token: usize| self.bits[token * self.words..(token + 1) * self.words].iter().copied();
        let mut others = false;
        of(token).zip(of(next)).all(|(word, next)| {
            let more = next & !word;
            let lost = word & !next != 0;
            let behind = (others && word != 0) || (more != 0 && word >> more.trailing_zeros() != 0);
            others |= more != 0;
            !lost && !behind
        })
    }

    /// Where some of the keys are, by their number among those that the run's last token looks at.
    pub fn places(&self, run: &Run, keys: Range<usize>, places: &mut [usize]) {
        let Some(last) = run.clone().next_back() else { return };
        let (mut number, mut found) = (0, 0);
        for (word, mut bits) in self.bits[last * self.words..(last + 1) * self.words].iter().copied().enumerate() {
            let count = bits.count_ones() as usize;
            if number + count <= keys.start {
                number += count;
                continue;
            }
            while bits != 0 {
                if number >= keys.end {
                    return;
                }
                if number >= keys.start {
                    places[found] = word * WORD + bits.trailing_zeros() as usize;
                    found += 1;
                }
                bits &= bits - 1;
                number += 1;
            }
        }
    }
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
        let words = length.div_ceil(WORD);
        let mut bits = vec![0; rows.len() * words];
        let mut counts = [0; ROWS];
        for (token, keys) in rows.iter().enumerate() {
            counts[token] = keys.len();
            for key in *keys {
                bits[token * words + key / WORD] |= 1 << (key % WORD);
            }
        }
        Seen { tokens: rows.len(), bits, words, counts }
    }

    #[test]
    fn tokens_of_a_sequence_go_together() {
        let seen = seen(&[&[0, 3], &[0, 3, 4], &[0, 3, 4, 90], &[1, 70], &[70, 71], &[5, 70, 71], &[]], 100);
        assert_eq!(seen.runs().collect::<Vec<_>>(), [0..3, 3..4, 4..5, 5..6, 6..7]);
        assert_eq!((seen.keys(&(0..3)), seen.keys(&(6..7)), seen.count(0)), (4, 0, 2));
    }

    #[test]
    fn keys_are_found_by_their_number() {
        let keys: Vec<usize> = (0..200).filter(|key| key % 3 == 0).collect();
        let seen = seen(&[&keys], 200);
        for range in [0..5, 20..45, 60..67, 66..67] {
            let mut places = [0; WORD];
            seen.places(&(0..1), range.clone(), &mut places);
            assert_eq!(places[..range.len()], keys[range]);
        }
    }

    #[test]
    fn what_is_not_hidden_is_shown() {
        assert_eq!(shown(&[HIDDEN, 0, HIDDEN, 0x3c00]), 0b1010);
        assert_eq!(shown(&[0; 64]), u64::MAX);
    }
}
