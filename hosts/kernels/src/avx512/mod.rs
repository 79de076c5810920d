//! Kernels for AVX-512 with VNNI: 16 rows at once, one in each lane.
//!
//! The weights of 16 rows are read in groups of 64 bytes and turned, so that a register holds four neighbouring weights
//! of each row. `vpdpbusd` multiplies these with four numbers of a column, the same for all rows, and adds them up.
#![allow(unsafe_code)]

mod blocks;
mod floats;
mod super_blocks;

use crate::activations::Columns;
use crate::attend;
use crate::attention::{Attention, Piece};
use crate::format::{Format, Matrix};
use crate::product::Outputs;
use crate::seen::Seen;
use crate::tiles::{Kernel, Way, tiles};
use blocks::{Q4_0, Q4_1, Q8_0};
use std::arch::x86_64::*;
use std::ops::Range;
use super_blocks::{Q4K, Q6K};

/// Rows of a tile.
const LANES: usize = 16;
/// Columns that are multiplied at once.
const ABREAST: usize = 8;

/// A block of each row of a tile, unpacked.
#[derive(Clone, Copy)]
pub struct Block {
    /// Unsigned weights, four of each row in a register, in the order of a column's words.
    weights: [__m512i; 8],
    /// What a unit of them stands for.
    scale: __m512,
    /// What is added to each, in formats that have that.
    least: __m512,
}

/// Multiplies some rows of a matrix with all columns.
///
/// # Safety
/// As [`crate::Machine::multiply`].
pub unsafe fn multiply(matrix: &Matrix, rows: Range<usize>, columns: &Columns, outputs: Outputs, way: Way) {
    // SAFETY: as this function's.
    unsafe {
        match matrix.format {
            Format::Q4_0 => whole::<Q4_0>(matrix, rows, columns, outputs, way),
            Format::Q4_1 => whole::<Q4_1>(matrix, rows, columns, outputs, way),
            Format::Q8_0 => whole::<Q8_0>(matrix, rows, columns, outputs, way),
            Format::Q4K => whole::<Q4K>(matrix, rows, columns, outputs, way),
            Format::Q6K => whole::<Q6K>(matrix, rows, columns, outputs, way),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn whole<K: Kernel>(matrix: &Matrix, rows: Range<usize>, columns: &Columns, outputs: Outputs, way: Way) {
    // SAFETY: as this function's.
    unsafe { tiles::<K, ABREAST>(matrix, rows, columns, outputs, way) }
}

/// Reads the mask of an attention.
///
/// # Safety
/// As [`crate::Machine::look`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub unsafe fn look(attention: &Attention, seen: &mut Seen) {
    // SAFETY: as this function's.
    unsafe { seen.read::<__m512>(attention) }
}

/// Computes all parts of a piece of an attention.
///
/// # Safety
/// As [`crate::Machine::attend`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub unsafe fn attend(attention: &Attention, seen: &Seen, piece: &Piece) {
    // SAFETY: as this function's.
    unsafe { attend::attend::<__m512, 4>(attention, seen, piece) }
}

/// Computes one part of a piece of an attention.
///
/// # Safety
/// As [`crate::Machine::attend_part`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub unsafe fn attend_part(attention: &Attention, seen: &Seen, piece: &Piece, part: usize, to: *mut f32) {
    // SAFETY: as this function's.
    unsafe { attend::attend_part::<__m512, 4>(attention, seen, piece, part, to) }
}

/// Adds the product of a block with that block of a column. The products of whole numbers are added from `start` on.
#[inline(always)]
unsafe fn product(block: &Block, words: *const i32, start: __m512i, scale: f32, sum: __m512) -> __m512 {
    // SAFETY: eight words can be read, and the instructions exist, by the caller's word.
    unsafe {
        // Two chains, since each product waits for the one before it.
        let (mut even, mut odd) = (start, _mm512_setzero_si512());
        for word in (0..8).step_by(2) {
            even = _mm512_dpbusd_epi32(even, block.weights[word], _mm512_set1_epi32(*words.add(word)));
            odd = _mm512_dpbusd_epi32(odd, block.weights[word + 1], _mm512_set1_epi32(*words.add(word + 1)));
        }
        let whole = _mm512_cvtepi32_ps(_mm512_add_epi32(even, odd));
        _mm512_fmadd_ps(_mm512_mul_ps(whole, block.scale), _mm512_set1_ps(scale), sum)
    }
}

/// The same for a block and column that exist, of a format with a zero point.
#[inline(always)]
unsafe fn shifted(block: &Block, columns: &Columns, column: usize, at: usize, sum: __m512) -> __m512 {
    // SAFETY: as this function's.
    unsafe {
        let (scale, shift) = columns.scale(column, at);
        product(block, columns.words(column, at), _mm512_set1_epi32(shift), scale, sum)
    }
}

/// The same for a format whose weights have a least value.
#[inline(always)]
unsafe fn with_least(block: &Block, columns: &Columns, column: usize, at: usize, sum: __m512) -> __m512 {
    // SAFETY: as this function's.
    unsafe {
        let (scale, shift) = columns.scale(column, at);
        let sum = product(block, columns.words(column, at), _mm512_setzero_si512(), scale, sum);
        _mm512_fmadd_ps(block.least, _mm512_set1_ps(f32::from_bits(shift.cast_unsigned())), sum)
    }
}

/// What formats have in common.
macro_rules! common {
    () => {
        const LANES: usize = LANES;
        type Sum = __m512;

        #[inline(always)]
        unsafe fn zero() -> __m512 {
            // SAFETY: the caller has the instructions.
            unsafe { _mm512_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn put(sum: __m512, to: *mut f32, skip: usize) {
            // SAFETY: the outputs have room for the rows that are not skipped.
            unsafe { _mm512_mask_storeu_ps(to, u16::MAX << skip, sum) }
        }
    };
}
use common;

/// The lower half of each word as a half-precision number.
#[inline(always)]
unsafe fn half(words: __m512i) -> __m512 {
    // SAFETY: the caller has the instructions.
    unsafe { _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words)) }
}

/// Numbers of 4 bits: the lower halves of 16 bytes come before the upper ones.
#[inline(always)]
unsafe fn nibbles(packed: [__m512i; 4]) -> [__m512i; 8] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let low = _mm512_set1_epi8(15);
        let mut weights = [low; 8];
        for word in 0..4 {
            weights[word] = _mm512_and_si512(packed[word], low);
            weights[4 + word] = _mm512_and_si512(_mm512_srli_epi16::<4>(packed[word]), low);
        }
        weights
    }
}

/// Turns 16 rows of 16 words: register `i` of the result has word `i` of each row.
#[inline(always)]
unsafe fn turn(read: impl Fn(usize) -> __m512i) -> [__m512i; 16] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let mut turned = [_mm512_setzero_si512(); 16];
        let mut words = [[_mm512_setzero_si512(); 4]; 4];
        for four in 0..4 {
            words[four] = turn4([read(4 * four), read(4 * four + 1), read(4 * four + 2), read(4 * four + 3)]);
        }
        // Quarter `q` of `words[four][i]` has word `4 * q + i` of rows `4 * four` to `4 * four + 3`.
        for i in 0..4 {
            let [a, b, c, d] = [words[0][i], words[1][i], words[2][i], words[3][i]];
            let (ab, cd) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d));
            turned[i] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
            turned[4 + i] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
            let (ab, cd) = (_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d));
            turned[8 + i] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
            turned[12 + i] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        }
        turned
    }
}

/// Turns 4 rows of 4 words in each quarter of the registers.
#[inline(always)]
unsafe fn turn4([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
        let (ab_high, cd_high) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
        [
            _mm512_unpacklo_epi64(ab, cd),
            _mm512_unpackhi_epi64(ab, cd),
            _mm512_unpacklo_epi64(ab_high, cd_high),
            _mm512_unpackhi_epi64(ab_high, cd_high),
        ]
    }
}
