//! Quantisation to int8 and the two dot products of the vector store.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64 as x86;

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

/// The quantised query, ready for many dot products: fast, for finding candidates.
pub(super) struct Coarse {
    values: Vec<i8>,
    /// 128 times the sum of the values; see [`dot_vnni`].
    offset: i32,
    kernel: Kernel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kernel {
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Plain,
}

impl Kernel {
    /// The best that this processor has.
    fn best() -> Kernel {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512vnni") && std::arch::is_x86_feature_detected!("avx512bw") {
                return Kernel::Vnni;
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                return Kernel::Avx2;
            }
        }
        Kernel::Plain
    }
}

impl Coarse {
    /// Of a quantised query.
    pub(super) fn of(values: Vec<i8>) -> Coarse {
        let offset = 128 * values.iter().map(|&v| i32::from(v)).sum::<i32>();
        Coarse { values, offset, kernel: Kernel::best() }
    }

    /// Dot product with a vector of the store.
    #[inline]
    pub(super) fn dot(&self, values: &[i8]) -> i32 {
        match self.kernel {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Kernel::best` saw that the processor has the features.
            Kernel::Vnni => unsafe { dot_vnni(&self.values, values, self.offset) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kernel::Avx2 => unsafe { dot_avx2(&self.values, values) },
            Kernel::Plain => plain(&self.values, values),
        }
    }
}

/// The instruction multiplies unsigned with signed bytes. So 128 is added to each stored value, by flipping its highest
/// bit, and 128 times the sum of the query's values is taken away at the end.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot_vnni(query: &[i8], values: &[i8], offset: i32) -> i32 {
    let flip = x86::_mm512_set1_epi8(i8::MIN);
    let mut sums = x86::_mm512_setzero_si512();
    let (wide_q, wide_v) = (query.chunks_exact(64), values.chunks_exact(64));
    let (rest_q, rest_v) = (wide_q.remainder(), wide_v.remainder());
    for (q, v) in wide_q.zip(wide_v) {
        // SAFETY: both chunks have 64 bytes, and the loads need no alignment.
        let (q, v) = unsafe { (x86::_mm512_loadu_epi8(q.as_ptr()), x86::_mm512_loadu_epi8(v.as_ptr())) };
        sums = x86::_mm512_dpbusd_epi32(sums, x86::_mm512_xor_si512(v, flip), q);
    }
    // The offset is that of the whole query, so its rest has to get its share back.
    let back: i32 = rest_q.iter().map(|&q| 128 * i32::from(q)).sum();
    x86::_mm512_reduce_add_epi32(sums) - offset + back + plain(rest_q, rest_v)
}

/// Pairs of products of bytes are added in 16 bits, which hold them: 2 x 127 x 127 = 32,258.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dot_avx2(query: &[i8], values: &[i8]) -> i32 {
    let ones = x86::_mm256_set1_epi16(1);
    let mut sums = x86::_mm256_setzero_si256();
    let (wide_q, wide_v) = (query.chunks_exact(32), values.chunks_exact(32));
    let rest = plain(wide_q.remainder(), wide_v.remainder());
    for (q, v) in wide_q.zip(wide_v) {
        // SAFETY: both chunks have 32 bytes, and the loads need no alignment.
        let (q, v) =
            unsafe { (x86::_mm256_loadu_si256(q.as_ptr().cast()), x86::_mm256_loadu_si256(v.as_ptr().cast())) };
        let pairs = x86::_mm256_maddubs_epi16(x86::_mm256_abs_epi8(v), x86::_mm256_sign_epi8(q, v));
        sums = x86::_mm256_add_epi32(sums, x86::_mm256_madd_epi16(pairs, ones));
    }
    let halves = x86::_mm_add_epi32(x86::_mm256_castsi256_si128(sums), x86::_mm256_extracti128_si256::<1>(sums));
    let quarters = x86::_mm_add_epi32(halves, x86::_mm_shuffle_epi32::<0b01_00_11_10>(halves));
    let sum = x86::_mm_add_epi32(quarters, x86::_mm_shuffle_epi32::<0b10_11_00_01>(quarters));
    x86::_mm_cvtsi128_si32(sum) + rest
}

fn plain(query: &[i8], values: &[i8]) -> i32 {
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
        assert!((Coarse::of(values.clone()).dot(&values) as f32 * scale * scale - 1.0).abs() < 1e-2);
    }

    #[test]
    fn every_kernel_of_this_processor_gives_the_same() {
        let mut kernels = vec![Kernel::best(), Kernel::Plain];
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            kernels.push(Kernel::Avx2);
        }
        for dim in [1, 31, 32, 63, 64, 100, 384, 387, 4_096] {
            let a: Vec<i8> = (0..dim).map(|i| (i * 91 % 255 - 127) as i8).collect();
            let b: Vec<i8> = (0..dim).map(|i| (i * 37 % 255 - 127) as i8).collect();
            for (a, b) in [(a, b), (vec![-127; dim as usize], vec![-127; dim as usize])] {
                let right: i32 = a.iter().zip(&b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
                for &kernel in &kernels {
                    let coarse = Coarse { kernel, ..Coarse::of(a.clone()) };
                    assert_eq!(coarse.dot(&b), right, "{kernel:?} {dim}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        for bad in [vec![0.0; 4], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0], vec![1e38; 8]] {
            assert!(quantise(&bad).is_none(), "{bad:?}");
        }
    }
}
