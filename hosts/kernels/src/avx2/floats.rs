//! Registers of 8 numbers.
#![allow(unsafe_code)]

use super::{largest, turn};
use crate::floats::Floats;
use crate::seen::HIDDEN;
use std::arch::x86_64::*;

// All functions have the caller's word that the instructions exist and that what is pointed to is there.
impl Floats for __m256 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn all(number: f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_set1_ps(number) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, by: Self, plus: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_fmadd_ps(self, by, plus) }
    }

    #[inline(always)]
    unsafe fn mul(self, by: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_mul_ps(self, by) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_sub_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_max_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        // SAFETY: see above.
        unsafe { largest(self) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: see above.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(self), _mm256_extractf128_ps::<1>(self));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    unsafe fn whole(self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_round_ps::<8>(self) }
    }

    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        // SAFETY: see above.
        unsafe {
            let exponent = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(_mm256_add_ps(self, _mm256_set1_ps(127.0))));
            _mm256_castsi256_ps(exponent)
        }
    }

    #[inline(always)]
    unsafe fn where_above(self, least: f32, number: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self, _mm256_set1_ps(least)), number) }
    }

    #[inline(always)]
    unsafe fn turn_half(from: *const u16, stride: usize, places: &[u32], to: *mut f32, apart: usize) {
        // SAFETY: see above; rows that are missing are not read.
        unsafe {
            let read = |row: usize| match places.get(row) {
                Some(place) => _mm256_castps_si256(Self::load_half(from.add(*place as usize * stride))),
                None => _mm256_setzero_si256(),
            };
            let turned = turn(read);
            for at in 0..8 {
                _mm256_storeu_si256(to.add(at * apart).cast(), turned[at]);
            }
        }
    }

    #[inline(always)]
    unsafe fn shown(mask: *const u16) -> u64 {
        // SAFETY: see above.
        unsafe {
            let hidden = _mm256_set1_epi16(HIDDEN.cast_signed());
            let is_hidden = |from: usize| _mm256_cmpeq_epi16(_mm256_loadu_si256(mask.add(from).cast()), hidden);
            let mut bits = 0;
            for from in (0..64).step_by(32) {
                // Packing works in halves of the registers, so the quarters come in the order 0 2 1 3.
                let packed = _mm256_packs_epi16(is_hidden(from), is_hidden(from + 16));
                let ordered = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
                bits |= u64::from(!_mm256_movemask_epi8(ordered).cast_unsigned()) << from;
            }
            bits
        }
    }
}
