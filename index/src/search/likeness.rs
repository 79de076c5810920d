//! Whether two passages say the same, word for word but for little.
//!
//! Must not know files and scores.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Words that are compared as one.
const SHINGLE: usize = 3;
/// From this share of common shingles on (Jaccard) two passages are one.
const SAME: f32 = 0.95;

/// What is compared of a passage: the hashes of all runs of three words, sorted.
pub(super) struct Shingles(Vec<u64>);

impl Shingles {
    /// Of a text; `folded` makes "Gas-Boiler" and "gas boiler" alike.
    pub(super) fn of(text: &str) -> Shingles {
        let folded = super::syntax::folded(text);
        let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
        let hash = |words: &[&str]| {
            let mut hasher = DefaultHasher::new();
            words.hash(&mut hasher);
            hasher.finish()
        };
        // A text shorter than a shingle is one.
        let mut all: Vec<u64> =
            if words.len() < SHINGLE { vec![hash(&words)] } else { words.windows(SHINGLE).map(hash).collect() };
        all.sort_unstable();
        all.dedup();
        Shingles(all)
    }

    /// Whether both say the same.
    pub(super) fn is_like(&self, other: &Shingles) -> bool {
        let (a, b) = (self.0.len(), other.0.len());
        // What differs much in length needs no closer look.
        if (a.min(b) as f32) < SAME * a.max(b) as f32 {
            return false;
        }
        let (mut i, mut j, mut common) = (0, 0, 0);
        while i < a && j < b {
            match self.0[i].cmp(&other.0[j]) {
                std::cmp::Ordering::Less => i += 1,
                std::cmp::Ordering::Greater => j += 1,
                std::cmp::Ordering::Equal => (i, j, common) = (i + 1, j + 1, common + 1),
            }
        }
        common as f32 >= SAME * (a + b - common) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(a: &str, b: &str) -> bool {
        Shingles::of(a).is_like(&Shingles::of(b))
    }

    #[test]
    fn copies_are_alike_and_versions_are_not() {
        let text = "The boiler in the cellar was serviced in October by the firm that had installed it. ".repeat(3);
        assert!(alike(&text, &text.to_uppercase().replace(' ', "  ")));
        assert!(!alike(&text, &text.replace("October", "May")));
        assert!(alike("Two words", "two  words!") && !alike("Two words", "Two birds"));
        assert!(alike("", " ") && !alike("", "a"));
    }

    #[test]
    fn one_word_in_a_long_text_makes_no_other() {
        let text: String = (0..200).map(|i| format!("word{i} ")).collect();
        assert!(alike(&text, &text.replace("word77", "other")));
    }
}
