//! Likeness by letters and words: character n-grams and whole words, weighted by rarity. Works for every language and
//! without a model. Knows texts and their groups, nothing of intents or embeddings.

use super::text::{Word, is_unspaced, words};
use std::collections::HashMap;

/// A sparse unit vector: feature and weight, sorted by feature.
pub type Sparse = Vec<(u32, f32)>;

/// How many groups hold a feature, as weights for later texts.
#[derive(Debug, Default)]
pub struct Rarity {
    holders: HashMap<u32, u32>,
    texts: u32,
}

impl Rarity {
    /// Counts a text's features.
    pub fn add(&mut self, text: &str) {
        self.texts += 1;
        for feature in features(text) {
            *self.holders.entry(feature).or_default() += 1;
        }
    }

    /// The text as a unit vector. A feature never seen weighs most: what nobody's examples hold speaks against all.
    pub fn vector(&self, text: &str) -> Sparse {
        let weigh = |feature: u32| {
            let holders = self.holders.get(&feature).copied().unwrap_or(0);
            (feature, (1.0 + (self.texts as f32 + 1.0) / (holders as f32 + 1.0)).ln())
        };
        unit(features(text).into_iter().map(weigh).collect())
    }
}

/// The mean of several vectors, at unit length again.
pub fn centroid(vectors: &[&Sparse]) -> Sparse {
    let mut sum: HashMap<u32, f32> = HashMap::new();
    for (feature, weight) in vectors.iter().flat_map(|v| v.iter()) {
        *sum.entry(*feature).or_default() += weight;
    }
    let mut sum: Sparse = sum.into_iter().collect();
    sum.sort_unstable_by_key(|(feature, _)| *feature);
    unit(sum)
}

/// Sparse vectors turned around: per feature, who holds it.
#[derive(Debug, Default)]
pub struct Inverted {
    features: Vec<u32>,
    /// Where each feature's holders start in `holders`; one more at the end.
    starts: Vec<u32>,
    holders: Vec<(u32, f32)>,
    rows: usize,
}

impl Inverted {
    /// An index of rows 0, 1, 2, …
    pub fn new<'a>(vectors: impl Iterator<Item = &'a Sparse>) -> Self {
        let mut all: Vec<(u32, u32, f32)> = Vec::new();
        let mut rows = 0;
        for vector in vectors {
            all.extend(vector.iter().map(|&(feature, weight)| (feature, rows as u32, weight)));
            rows += 1;
        }
        all.sort_unstable_by_key(|&(feature, row, _)| (feature, row));
        let mut index = Self { rows, ..Self::default() };
        for (feature, row, weight) in all {
            if index.features.last() != Some(&feature) {
                index.features.push(feature);
                index.starts.push(index.holders.len() as u32);
            }
            index.holders.push((row, weight));
        }
        index.starts.push(index.holders.len() as u32);
        index
    }

    /// The cosine of every row with the query.
    pub fn cosines(&self, query: &Sparse) -> Vec<f32> {
        let mut cosines = vec![0.0; self.rows];
        for (feature, weight) in query {
            let Ok(at) = self.features.binary_search(feature) else { continue };
            for &(row, held) in &self.holders[self.starts[at] as usize..self.starts[at + 1] as usize] {
                cosines[row as usize] += weight * held;
            }
        }
        cosines
    }
}

/// The vector at unit length.
pub fn unit(mut vector: Sparse) -> Sparse {
    let length = vector.iter().map(|(_, w)| w * w).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|(_, w)| *w /= length);
    }
    vector
}

/// Hashes of the text's words, of the 3- and 4-grams inside them, and of neighbours in scripts without spaces.
fn features(text: &str) -> Vec<u32> {
    let words = words(text);
    let mut found = Vec::with_capacity(words.len() * 8);
    for (n, word) in words.iter().enumerate() {
        found.push(hash(0, &word.folded));
        if word.folded.chars().all(is_unspaced) {
            if let Some(next) = words.get(n + 1).filter(|next| adjoins(word, next)) {
                found.push(hash(2, &format!("{}{}", word.folded, next.folded)));
            }
        } else {
            ngrams(&word.folded, &[3, 4], &mut found);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn adjoins(word: &Word, next: &Word) -> bool {
    word.range.end == next.range.start && next.folded.chars().all(is_unspaced)
}

/// Hashes of the stretches of so many characters of a word between spaces.
pub fn ngrams(word: &str, lengths: &[usize], found: &mut Vec<u32>) {
    let padded: String = std::iter::once(' ').chain(word.chars()).chain([' ']).collect();
    let starts: Vec<usize> = padded.char_indices().map(|(at, _)| at).chain([padded.len()]).collect();
    for &n in lengths {
        for window in starts.windows(n + 1) {
            found.push(hash(1, &padded[window[0]..window[n]]));
        }
    }
}

/// FNV-1a; the kind keeps words and n-grams apart.
pub fn hash(kind: u8, part: &str) -> u32 {
    std::iter::once(kind).chain(part.bytes()).fold(0x811c_9dc5, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(texts: &[&str]) -> (Rarity, Inverted) {
        let mut rarity = Rarity::default();
        texts.iter().for_each(|t| rarity.add(t));
        let vectors: Vec<Sparse> = texts.iter().map(|t| rarity.vector(t)).collect();
        (rarity, Inverted::new(vectors.iter()))
    }

    #[test]
    fn the_same_words_are_nearest_and_inflection_is_forgiven() {
        let (rarity, index) = index(&["cancel the timer", "open the folder", "quantos dias faltam"]);
        let cosines = index.cosines(&rarity.vector("cancelled timers"));
        assert!(cosines[0] > 0.3 && cosines[1] < 0.1 && cosines[2] < 0.1, "{cosines:?}");
        assert!((index.cosines(&rarity.vector("open the folder"))[1] - 1.0).abs() < 1e-5);
    }

    #[test]
    fn chinese_is_compared_by_pairs_of_characters() {
        let (rarity, index) = index(&["设置十分钟的计时器", "打开下载文件夹"]);
        let cosines = index.cosines(&rarity.vector("五分钟计时器"));
        assert!(cosines[0] > 3.0 * cosines[1], "{cosines:?}");
    }

    #[test]
    fn unknown_words_speak_against_everything() {
        let (rarity, index) = index(&["cancel the timer", "open the folder"]);
        let plain = index.cosines(&rarity.vector("cancel the timer"))[0];
        let foreign = index.cosines(&rarity.vector("the hormone regulates circadian timer genes"))[0];
        assert!(foreign < 0.5 * plain);
    }
}
