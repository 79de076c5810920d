//! Registers of 16 numbers.
#![allow(unsafe_code)]

use super::turn;
use crate::floats::Floats;
use crate::seen::HIDDEN;
use std::arch::x86_64::*;

// All functions have the caller's word that the instructions exist and that what is pointed to is there.
impl Floats for __m512 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn all(number: f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_set1_ps(number) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, by: Self, plus: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_ps(self, by, plus) }
    }

    #[inline(always)]
    unsafe fn mul(self, by: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_mul_ps(self, by) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_sub_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_max_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        // SAFETY: see above.
        unsafe { _mm512_reduce_max_ps(self) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: see above.
        unsafe { _mm512_reduce_add_ps(self) }
    }

    #[inline(always)]
    unsafe fn whole(self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_roundscale_ps::<8>(self) }
    }

    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        // SAFETY: see above.
        unsafe {
            let exponent = _mm512_slli_epi32::<23>(_mm512_cvtps_epi32(_mm512_add_ps(self, _mm512_set1_ps(127.0))));
            _mm512_castsi512_ps(exponent)
        }
    }

    #[inline(always)]
    unsafe fn where_above(self, least: f32, number: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self, _mm512_set1_ps(least)), number) }
    }

    #[inline(always)]
    unsafe fn turn_half(from: *const u16, stride: usize, places: &[u32], to: *mut f32, apart: usize) {
        // SAFETY: see above; rows that are missing are not read.
        unsafe {
            let read = |row: usize| match places.get(row) {
                Some(place) => _mm512_castps_si512(Self::load_half(from.add(*place as usize * stride))),
                None => _mm512_setzero_si512(),
            };
            let turned = turn(read);
            for at in 0..16 {
                _mm512_storeu_si512(to.add(at * apart).cast(), turned[at]);
            }
        }
    }

    #[inline(always)]
    unsafe fn shown(mask: *const u16) -> u64 {
        // SAFETY: see above.
        unsafe {
            let hidden = _mm512_set1_epi16(HIDDEN.cast_signed());
            let some =
                |from: usize| u64::from(_mm512_cmpneq_epu16_mask(_mm512_loadu_si512(mask.add(from).cast()), hidden));
            some(0) | some(32) << 32
        }
    }
}
