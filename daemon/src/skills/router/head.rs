//! A linear head over embeddings: softmax regression that starts at the intents' centroids and takes a few steps.
//! Trained in the background, after the registry is already routing by similarity. Knows vectors and labels, no texts.

use super::vectors::{Rows, dot};

/// Steepness of the softmax at the start. Enough to tell near intents apart, little enough not to learn examples by heart.
const STEEPNESS: f32 = 10.0;
/// Measured on public intent sets: more steps bring nothing and cost seconds.
const STEPS: usize = 15;
const RATE: f32 = 0.3;
const MOMENTUM: f32 = 0.9;
/// Rows times labels from which training would take more than about ten seconds; similarity has to do there.
const TOO_LARGE: usize = 2_000_000;

/// Trained weights: one row per label.
#[derive(Debug)]
pub struct Head {
    dim: usize,
    weights: Vec<f32>,
}

impl Head {
    /// Learns which label each row has. `None` when there is too little or too much to learn from.
    pub fn train(rows: &Rows, labels: &[usize], centroids: &Rows) -> Option<Self> {
        let (dim, count) = (rows.dim(), centroids.len());
        if count < 2 || labels.is_empty() || labels.len() * count > TOO_LARGE {
            return None;
        }
        let mut weights: Vec<f32> = (0..count).flat_map(|n| centroids.row(n).iter().map(|v| v * STEEPNESS)).collect();
        let mut speed = vec![0.0f32; weights.len()];
        for _ in 0..STEPS {
            let slope = slope(rows, labels, &weights, dim);
            for ((weight, speed), slope) in weights.iter_mut().zip(&mut speed).zip(slope) {
                *speed = MOMENTUM * *speed - RATE * slope;
                *weight += *speed;
            }
        }
        weights.iter().all(|w| w.is_finite()).then_some(Self { dim, weights })
    }

    /// How well the query fits each label, on the scale of a cosine; the labels' mean is 0.
    pub fn scores(&self, query: &[f32]) -> Vec<f32> {
        let mut scores: Vec<f32> = self.weights.chunks_exact(self.dim).map(|w| dot(w, query) / STEEPNESS).collect();
        let mean = scores.iter().sum::<f32>() / scores.len() as f32;
        scores.iter_mut().for_each(|s| *s -= mean);
        scores
    }
}

/// The slope of the cross entropy, summed over all rows.
fn slope(rows: &Rows, labels: &[usize], weights: &[f32], dim: usize) -> Vec<f32> {
    let mut slope = vec![0.0f32; weights.len()];
    for (n, label) in labels.iter().enumerate() {
        let row = rows.row(n);
        let mut shares: Vec<f32> = weights.chunks_exact(dim).map(|w| dot(w, row)).collect();
        softmax(&mut shares);
        shares[*label] -= 1.0;
        for (share, part) in shares.iter().zip(slope.chunks_exact_mut(dim)) {
            // Most labels are far off and get nothing: skipping them halves the time.
            if share.abs() > 1e-4 {
                part.iter_mut().zip(row).for_each(|(s, v)| *s += share * v);
            }
        }
    }
    slope
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
        let centroids = rows(&[[1.0, 0.2, 0.3], [1.0, -0.2, -0.3]]);
        let head = Head::train(&examples, &[0, 0, 1, 1], &centroids).unwrap();
        let scores = head.scores(&[0.97, 0.24, 0.0]);
        assert!(scores[0] > scores[1], "{scores:?}");
        assert!((scores[0] + scores[1]).abs() < 1e-5);
    }

    #[test]
    fn nothing_to_tell_apart_is_no_head() {
        let examples = rows(&[[1.0, 0.0, 0.0]]);
        assert!(Head::train(&examples, &[0], &examples).is_none());
        assert!(Head::train(&Rows::new(3), &[], &rows(&[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])).is_none());
    }
}
