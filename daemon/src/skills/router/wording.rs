//! How a text is worded, as features for whoever learns what each of them tells: its words and their stems, which of them
//! stand side by side, and what they are spelt with. Knows texts, nothing of intents or embeddings.
//!
//! Unlike in [`super::lexical`], rarity counts nothing: rare features would outweigh all else, and what a feature tells is
//! learned. Chosen on public intent sets.

use super::lexical::{Sparse, hash, ngrams, unit};
use super::text::words;

/// What stretches of letters weigh beside words: there are many of them in each word.
const LETTERS: f32 = 0.5;
/// Endings that a stem is without, the first that fits; English, where the head learns from.
const ENDINGS: [&str; 7] = ["ing", "ies", "ed", "es", "ly", "s", "e"];
/// A stem has at least this many characters.
const SHORTEST: usize = 3;

/// Kinds of features, apart from each other in their hashes; 1 is that of [`ngrams`].
const WORD: u8 = 0;
const PAIR: u8 = 3;
const SKIPPING_ONE: u8 = 4;
const STEM: u8 = 5;
const STEM_PAIR: u8 = 6;

/// The text's features as a unit vector.
pub fn wording(text: &str) -> Sparse {
    let words: Vec<String> = words(text).into_iter().map(|word| word.folded).collect();
    let stems: Vec<&str> = words.iter().map(|word| stem(word)).collect();
    let (words_in_a_row, stems_in_a_row) =
        (between_ends(words.iter().map(String::as_str)), between_ends(stems.iter().copied()));
    let mut said: Vec<u32> = words.iter().map(|word| hash(WORD, word)).collect();
    said.extend(stems.iter().map(|stem| hash(STEM, stem)));
    said.extend(pairs(PAIR, &words_in_a_row, 1).chain(pairs(SKIPPING_ONE, &words_in_a_row, 2)));
    said.extend(pairs(STEM_PAIR, &stems_in_a_row, 1));
    let mut spelt = Vec::new();
    words.iter().for_each(|word| ngrams(word, &[3], &mut spelt));
    let weighed = [(said, 1.0), (spelt, LETTERS)].into_iter();
    let mut found: Sparse =
        weighed.flat_map(|(features, weight)| features.into_iter().map(move |f| (f, weight))).collect();
    found.sort_unstable_by_key(|(feature, _)| *feature);
    found.dedup_by_key(|(feature, _)| *feature);
    unit(found)
}

/// The first and the last word stand beside the text's ends.
fn between_ends<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    std::iter::once("^").chain(words).chain(["$"]).collect()
}

/// Hashes of the words that stand so far apart.
fn pairs(kind: u8, words: &[&str], apart: usize) -> impl Iterator<Item = u32> {
    words.iter().zip(words.iter().skip(apart)).map(move |(word, other)| hash(kind, &format!("{word} {other}")))
}

fn stem(word: &str) -> &str {
    let without = |ending: &&str| word.strip_suffix(*ending).filter(|rest| rest.chars().count() >= SHORTEST);
    ENDINGS.iter().find_map(without).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many features both have, and how many the first has alone.
    fn compared(one: &str, other: &str) -> (usize, usize) {
        let (one, other) = (wording(one), wording(other));
        let same = one.iter().filter(|(feature, _)| other.iter().any(|(f, _)| f == feature)).count();
        (same, one.len() - same)
    }

    #[test]
    fn stems_are_cut_once_and_stay_long_enough() {
        let cut =
            [("playing", "play"), ("plays", "play"), ("cities", "cit"), ("sing", "sing"), ("bee", "bee"), ("é", "é")];
        cut.iter().for_each(|(word, wanted)| assert_eq!(stem(word), *wanted));
    }

    #[test]
    fn order_counts_and_so_do_words_forms() {
        // Two words, two stems, six trigrams; three pairs, two with one left out, three pairs of stems.
        assert_eq!(compared("turn left", "turn left").1, 0);
        let (same, alone) = compared("turn left", "left turn");
        assert_eq!((same, alone), (2 + 2 + 8, 3 + 2 + 3));
        assert!(compared("cancel timers", "cancelled timer").0 > compared("cancel timers", "open folders").0 + 8);
    }

    #[test]
    fn every_text_has_its_wording() {
        for text in ["", "?!", "十分钟", "x"] {
            let wording = wording(text);
            let length: f32 = wording.iter().map(|(_, weight)| weight * weight).sum();
            assert!(
                (length - 1.0).abs() < 1e-5 && wording.is_sorted_by_key(|(feature, _)| *feature),
                "{text}: {length}"
            );
        }
    }
}
