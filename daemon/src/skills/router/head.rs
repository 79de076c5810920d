//! A linear head over embeddings and letters: softmax regression that starts at the intents' centroids and takes a few
//! steps. Trained in the background, after the registry is already routing by similarity. Knows vectors and labels, no
//! texts.

use super::lexical::Sparse;
use super::vectors::{Rows, dot};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Steepness of the softmax at the start. Enough to tell near intents apart, little enough not to learn examples by heart.
const STEEPNESS: f32 = 10.0;
/// What letters weigh beside meaning, per cosine.
const LETTERS: f32 = 0.65;
/// Measured on public intent sets: with more steps it learns the examples by heart.
const STEPS: usize = 8;
const RATE: f32 = 0.3;
const MOMENTUM: f32 = 0.9;
/// Rows times labels from which training would take more than about ten seconds; similarity has to do there.
const TOO_LARGE: usize = 2_000_000;
/// Weights of letters from which they would take more than 32 MiB, twice that while training.
const TOO_MANY: usize = 8_000_000;

/// An example or a request, both ways.
#[derive(Debug, Clone, Copy)]
pub struct Both<'a> {
    /// Its embedding, at unit length.
    pub meaning: &'a [f32],
    /// Its letters and words, at unit length.
    pub letters: &'a Sparse,
}

/// Trained weights.
#[derive(Debug, Serialize, Deserialize)]
pub struct Head {
    weights: Weights,
    /// Where each feature's weights are, in multiples of the number of labels.
    features: HashMap<u32, usize>,
}

/// One weight for each dimension and label, and for each feature of letters and label.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Weights {
    labels: usize,
    dim: usize,
    /// A row for each label.
    meaning: Vec<f32>,
    /// A row for each feature: a request has few of them.
    letters: Vec<f32>,
}

/// An example's features as places in [`Weights::letters`].
type Placed = Vec<(usize, f32)>;

impl Head {
    /// Learns which label each row has; `letters` and `labels` go with `rows`. `None` when there is too little or too
    /// much to learn from.
    pub fn train(rows: &Rows, letters: &[Sparse], labels: &[usize], count: usize) -> Option<Self> {
        if count < 2 || labels.is_empty() || labels.len() * count > TOO_LARGE {
            return None;
        }
        let features = features(letters, TOO_MANY / count);
        let placed: Vec<Placed> = letters.iter().map(|sparse| place(sparse, &features)).collect();
        let mut weights = Weights::centroids(rows, &placed, labels, (count, features.len()));
        let mut speed = weights.zeros();
        for _ in 0..STEPS {
            let slope = weights.slope(rows, &placed, labels);
            speed.advance(MOMENTUM, -RATE, &slope);
            weights.advance(1.0, 1.0, &speed);
        }
        weights.is_finite().then_some(Self { weights, features })
    }

    /// Whether its parts belong together and are for so many labels and dimensions.
    pub fn fits(&self, labels: usize, dim: usize) -> bool {
        let Weights { meaning, letters, .. } = &self.weights;
        let places = self.features.values().all(|place| *place < self.features.len());
        let sizes = meaning.len() == labels * dim && letters.len() == labels * self.features.len();
        (self.weights.labels, self.weights.dim) == (labels, dim) && sizes && places
    }

    /// How well the request fits each label, about on the scale of a cosine.
    pub fn scores(&self, request: Both<'_>) -> Vec<f32> {
        let mut scores = self.weights.scores(request.meaning, &place(request.letters, &self.features));
        scores.iter_mut().for_each(|score| *score /= STEEPNESS);
        scores
    }
}

/// The features of `letters` and a place for each: those that more than one example has where there are more than
/// `most`, none where those are still too many.
fn features(letters: &[Sparse], most: usize) -> HashMap<u32, usize> {
    let mut holders: HashMap<u32, usize> = HashMap::new();
    for (feature, _) in letters.iter().flatten() {
        *holders.entry(*feature).or_default() += 1;
    }
    for least in [1, 2] {
        let mut kept: Vec<u32> = holders.iter().filter(|(_, n)| **n >= least).map(|(feature, _)| *feature).collect();
        if kept.len() <= most {
            kept.sort_unstable();
            return kept.into_iter().zip(0..).collect();
        }
    }
    HashMap::new()
}

fn place(sparse: &Sparse, features: &HashMap<u32, usize>) -> Placed {
    sparse.iter().filter_map(|(feature, weight)| Some((*features.get(feature)?, weight * LETTERS))).collect()
}

impl Weights {
    /// The mean of each label's rows, both halves at their full length.
    fn centroids(rows: &Rows, placed: &[Placed], labels: &[usize], (count, features): (usize, usize)) -> Self {
        let dim = rows.dim();
        let mut weights =
            Self { labels: count, dim, meaning: vec![0.0; count * dim], letters: vec![0.0; count * features] };
        for (n, label) in labels.iter().enumerate() {
            weights.meaning[label * dim..][..dim].iter_mut().zip(rows.row(n)).for_each(|(w, v)| *w += v);
            placed[n].iter().for_each(|(at, v)| weights.letters[at * count + label] += v);
        }
        let mut lengths = vec![0.0f32; count];
        for row in weights.letters.chunks_exact(count) {
            lengths.iter_mut().zip(row).for_each(|(length, w)| *length += w * w);
        }
        let scale = |length: f32, to: f32| if length > 0.0 { STEEPNESS * to / length.sqrt() } else { 0.0 };
        for row in weights.meaning.chunks_exact_mut(dim.max(1)) {
            let by = scale(dot(row, row), 1.0);
            row.iter_mut().for_each(|w| *w *= by);
        }
        for row in weights.letters.chunks_exact_mut(count) {
            row.iter_mut().zip(&lengths).for_each(|(w, length)| *w *= scale(*length, LETTERS));
        }
        weights
    }

    fn zeros(&self) -> Self {
        Self { meaning: vec![0.0; self.meaning.len()], letters: vec![0.0; self.letters.len()], ..*self }
    }

    /// `keep` times these weights plus `share` times others.
    fn advance(&mut self, keep: f32, share: f32, other: &Self) {
        let step = |(w, o): (&mut f32, &f32)| *w = keep * *w + share * o;
        self.meaning.iter_mut().zip(&other.meaning).for_each(step);
        self.letters.iter_mut().zip(&other.letters).for_each(step);
    }

    fn scores(&self, meaning: &[f32], placed: &Placed) -> Vec<f32> {
        let mut scores: Vec<f32> = match self.dim {
            0 => vec![0.0; self.labels],
            dim => self.meaning.chunks_exact(dim).map(|w| dot(w, meaning)).collect(),
        };
        for (at, value) in placed {
            let row = &self.letters[at * self.labels..][..self.labels];
            scores.iter_mut().zip(row).for_each(|(score, w)| *score += w * value);
        }
        scores
    }

    /// The slope of the cross entropy, summed over all rows.
    fn slope(&self, rows: &Rows, placed: &[Placed], labels: &[usize]) -> Self {
        let mut slope = self.zeros();
        for (n, label) in labels.iter().enumerate() {
            let row = rows.row(n);
            let mut shares = self.scores(row, &placed[n]);
            softmax(&mut shares);
            shares[*label] -= 1.0;
            for (share, part) in shares.iter().zip(slope.meaning.chunks_exact_mut(self.dim.max(1))) {
                // Most labels are far off and get nothing: skipping them halves the time.
                if share.abs() > 1e-4 {
                    part.iter_mut().zip(row).for_each(|(s, v)| *s += share * v);
                }
            }
            for (at, value) in &placed[n] {
                let part = &mut slope.letters[at * self.labels..][..self.labels];
                part.iter_mut().zip(&shares).for_each(|(s, share)| *s += share * value);
            }
        }
        slope
    }

    fn is_finite(&self) -> bool {
        self.meaning.iter().chain(&self.letters).all(|w| w.is_finite())
    }
}

fn softmax(values: &mut [f32]) {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values.iter_mut().for_each(|v| *v = (*v - largest).exp());
    let sum: f32 = values.iter().sum();
    values.iter_mut().for_each(|v| *v /= sum);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rows(values: &[[f32; 3]]) -> Rows {
        let mut rows = Rows::new(3);
        values.iter().for_each(|v| rows.push(v));
        rows
    }

    #[test]
    fn learns_what_centroids_miss() {
        // Both labels share a strong first direction; only the weak second one tells them apart.
        let examples = rows(&[[1.0, 0.2, 0.0], [1.0, 0.2, 0.6], [1.0, -0.2, 0.0], [1.0, -0.2, -0.6]]);
        let silent = vec![Sparse::new(); 4];
        let head = Head::train(&examples, &silent, &[0, 0, 1, 1], 2).unwrap();
        let scores = head.scores(Both { meaning: &[0.97, 0.24, 0.0], letters: &silent[0] });
        assert!(scores[0] > scores[1], "{scores:?}");
    }

    #[test]
    fn letters_decide_where_meaning_does_not() {
        let same = rows(&[[1.0, 0.0, 0.0]; 4]);
        let letters = [vec![(7, 1.0)], vec![(7, 0.8), (9, 0.6)], vec![(8, 1.0)], vec![(8, 0.8), (9, 0.6)]];
        let head = Head::train(&same, &letters, &[0, 0, 1, 1], 2).unwrap();
        let score = |letters: &Sparse| head.scores(Both { meaning: &[1.0, 0.0, 0.0], letters });
        assert!(score(&vec![(8, 1.0)])[1] > score(&vec![(8, 1.0)])[0] + 0.2);
        let unknown = score(&vec![(1, 1.0)]);
        assert!((unknown[0] - unknown[1]).abs() < 1e-5, "{unknown:?}");
    }

    #[test]
    fn features_of_single_examples_go_first_where_there_are_too_many() {
        let letters = [vec![(1, 0.5), (2, 0.5)], vec![(2, 1.0)], vec![(3, 1.0)]];
        let kept = |most| {
            let mut kept: Vec<u32> = features(&letters, most).into_keys().collect();
            kept.sort_unstable();
            kept
        };
        assert_eq!((kept(3), kept(2), kept(0)), (vec![1, 2, 3], vec![2], vec![]));
    }

    #[test]
    fn nothing_to_tell_apart_is_no_head() {
        assert!(Head::train(&rows(&[[1.0, 0.0, 0.0]]), &[Sparse::new()], &[0], 1).is_none());
        assert!(Head::train(&Rows::new(3), &[], &[], 2).is_none());
    }
}
