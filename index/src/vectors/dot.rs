//! Quantisation to int8 and the two dot products of the vector store.

#![allow(unsafe_code)]

/// A vector as int8 with one scale, brought to unit length; `None` if it is zero or not finite.
pub(super) fn quantise(vector: &[f32]) -> Option<(f32, Vec<i8>)> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    let largest = vector.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    if !norm.is_finite() || norm == 0.0 || largest == 0.0 {
        return None;
    }
    let step = largest / 127.0;
    let values = vector.iter().map(|x| (x / step).round().clamp(-127.0, 127.0) as i8).collect();
    Some((step / norm, values))
}

/// Dot product with the query as it is.
pub(super) fn exact(query: &[f32], values: &[i8]) -> f32 {
    query.iter().zip(values).map(|(q, &v)| q * f32::from(v)).sum()
}

/// Dot product with the quantised query: fast, for finding candidates.
pub(super) fn coarse(query: &[i8], values: &[i8]) -> i32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the only requirement of the function.
        return unsafe { coarse_avx2(query, values) };
    }
    sum(query, values)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn coarse_avx2(query: &[i8], values: &[i8]) -> i32 {
    sum(query, values)
}

/// Written so that the compiler turns it into multiply-add instructions of the width it may use.
#[inline(always)]
fn sum(query: &[i8], values: &[i8]) -> i32 {
    query.iter().zip(values).map(|(&q, &v)| i32::from(i16::from(q) * i16::from(v))).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_products_agree() {
        let vector: Vec<f32> = (0..387).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let (scale, values) = quantise(&vector).unwrap();
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        let unit: Vec<f32> = vector.iter().map(|x| x / norm).collect();
        assert!((exact(&unit, &values) * scale - 1.0).abs() < 1e-3);
        assert!((coarse(&values, &values) as f32 * scale * scale - 1.0).abs() < 1e-2);
        assert_eq!(coarse(&values, &values), sum(&values, &values));
        assert_eq!(coarse(&[-127; 4_096], &[-127; 4_096]), 127 * 127 * 4_096);
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        for bad in [vec![0.0; 4], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0], vec![1e38; 8]] {
            assert!(quantise(&bad).is_none(), "{bad:?}");
        }
    }
}
