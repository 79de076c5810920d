//! Dense unit vectors in rows: dot products, centroids, the nearest few. Knows nothing of texts or intents.

use std::ops::Range;

/// Vectors of one length, row after row.
#[derive(Debug, Default, Clone)]
pub struct Rows {
    dim: usize,
    values: Vec<f32>,
}

impl Rows {
    /// Rows of `dim` values each.
    pub fn new(dim: usize) -> Self {
        Self { dim, values: Vec::new() }
    }

    /// Adds a row, at unit length. The caller has checked its length.
    pub fn push(&mut self, vector: &[f32]) {
        debug_assert_eq!(vector.len(), self.dim);
        let length = dot(vector, vector).sqrt();
        let scale = if length > 0.0 { length.recip() } else { 0.0 };
        self.values.extend(vector.iter().map(|v| v * scale));
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Values per row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// One row.
    pub fn row(&self, n: usize) -> &[f32] {
        &self.values[n * self.dim..(n + 1) * self.dim]
    }

    /// The dot product of every row with the query.
    pub fn dots(&self, query: &[f32]) -> Vec<f32> {
        if self.dim == 0 { Vec::new() } else { self.values.chunks_exact(self.dim).map(|row| dot(row, query)).collect() }
    }

    /// The sum of some rows, not normalised.
    pub fn sum(&self, rows: Range<usize>) -> Vec<f32> {
        let mut sum = vec![0.0; self.dim];
        for n in rows {
            sum.iter_mut().zip(self.row(n)).for_each(|(s, v)| *s += v);
        }
        sum
    }

    /// The three largest dot products of some rows with the query.
    pub fn nearest(&self, rows: Range<usize>, query: &[f32]) -> Nearest {
        let mut nearest = Nearest::default();
        rows.for_each(|n| nearest.add(dot(self.row(n), query)));
        nearest
    }
}

/// The three largest of some values.
#[derive(Debug, Clone, Copy)]
pub struct Nearest {
    best: [f32; 3],
    seen: usize,
}

impl Default for Nearest {
    fn default() -> Self {
        Self { best: [f32::NEG_INFINITY; 3], seen: 0 }
    }
}

impl Nearest {
    /// Takes one more value in.
    pub fn add(&mut self, value: f32) {
        self.seen += 1;
        let [a, b, c] = self.best;
        self.best = if value > a {
            [value, a, b]
        } else if value > b {
            [a, value, b]
        } else {
            [a, b, c.max(value)]
        };
    }

    /// The largest; 0 of nothing.
    pub fn largest(&self) -> f32 {
        if self.seen == 0 { 0.0 } else { self.best[0] }
    }

    /// The mean of the (at most) three largest; 0 of nothing.
    pub fn mean(&self) -> f32 {
        let n = self.seen.min(3);
        if n == 0 { 0.0 } else { self.best[..n].iter().sum::<f32>() / n as f32 }
    }
}

/// The dot product, in lanes that the compiler turns into vector instructions.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_exact_for_any_length() {
        for n in [1, 15, 16, 17, 384] {
            let a: Vec<f32> = (0..n).map(|i| i as f32 * 0.5).collect();
            let want: f32 = a.iter().map(|v| v * v).sum();
            assert!((dot(&a, &a) - want).abs() <= want * 1e-5, "{n}");
        }
    }

    #[test]
    fn the_three_nearest_are_kept_in_any_order() {
        let mut nearest = Nearest::default();
        assert_eq!((nearest.largest(), nearest.mean()), (0.0, 0.0));
        [0.1, 0.9, -0.2, 0.3, 0.6].iter().for_each(|v| nearest.add(*v));
        assert_eq!(nearest.largest(), 0.9);
        assert!((nearest.mean() - 0.6).abs() < 1e-6);
    }

    #[test]
    fn rows_are_brought_to_unit_length() {
        let mut rows = Rows::new(2);
        rows.push(&[3.0, 4.0]);
        rows.push(&[0.0, 0.0]);
        assert_eq!(rows.dots(&[1.0, 0.0]), [0.6, 0.0]);
        assert_eq!(rows.len(), 2);
    }
}
