//! Scores as log-probabilities.

/// Turns each of `scores` into the natural logarithm of its token's probability at temperature 1.
pub fn logarithms(scores: &[f32]) -> impl Fn(f32) -> f64 + use<> {
    let most = f64::from(scores.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = scores.iter().map(|score| (f64::from(*score) - most).exp()).sum();
    move |score| f64::from(score) - most - sum.ln()
}

/// The natural logarithm of a token's probability at temperature 1.
pub fn log_probability(scores: &[f32], token: usize) -> f64 {
    scores.get(token).map_or(f64::NEG_INFINITY, |score| logarithms(scores)(*score))
}

/// The most likely token.
pub fn best(scores: &[f32]) -> Option<usize> {
    scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_up() {
        let scores = [1.0, 3.0, -2.0, 1_000.0, 999.0];
        let sum: f64 = (0..scores.len()).map(|token| log_probability(&scores, token).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        // Two tokens a score of 1 apart: 1 / (1 + 1/e).
        assert!((log_probability(&scores, 3).exp() - 0.731_058_578_63).abs() < 1e-9);
        assert_eq!((best(&scores), best(&[])), (Some(3), None));
        assert_eq!(log_probability(&scores, 9), f64::NEG_INFINITY);
    }
}
