//! Kernels for AVX2: 8 rows at once, one in each lane.
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

/// Rounds 32 numbers to 8 bits, the largest to 127: gives what a unit of them stands for, and the sums of
/// both halves.
///
/// # Safety
/// As [`crate::Machine::round`].
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn round(from: *const f32, to: *mut i8) -> (f32, [i32; 2]) {
    // SAFETY: 32 numbers, by the caller's word.
    let [a, b, c, d] = unsafe {
        [
            _mm256_loadu_ps(from),
            _mm256_loadu_ps(from.add(8)),
            _mm256_loadu_ps(from.add(16)),
            _mm256_loadu_ps(from.add(24)),
        ]
    };
    let sign = _mm256_set1_ps(-0.0);
    let ab = _mm256_max_ps(_mm256_andnot_ps(sign, a), _mm256_andnot_ps(sign, b));
    let cd = _mm256_max_ps(_mm256_andnot_ps(sign, c), _mm256_andnot_ps(sign, d));
    let scale = largest(_mm256_max_ps(ab, cd)) / 127.0;
    let unit = _mm256_set1_ps(if scale > 0.0 { 1.0 / scale } else { 0.0 });
    let ab = _mm256_packs_epi32(whole_numbers(a, unit), whole_numbers(b, unit));
    let cd = _mm256_packs_epi32(whole_numbers(c, unit), whole_numbers(d, unit));
    // Packing works in halves of the registers, so the words come in the order 0 4 1 5 2 6 3 7.
    let packed = _mm256_packs_epi16(ab, cd);
    let packed = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    let pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), packed);
    let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    // SAFETY: room for 32 numbers, by the caller's word.
    unsafe { _mm256_storeu_si256(to.cast(), packed) };
    (scale, sums(fours))
}

#[target_feature(enable = "avx2")]
#[inline]
fn whole_numbers(of: __m256, unit: __m256) -> __m256i {
    _mm256_cvtps_epi32(_mm256_mul_ps(of, unit))
}

#[target_feature(enable = "avx2")]
#[inline]
pub fn largest(of: __m256) -> f32 {
    let four = _mm_max_ps(_mm256_castps256_ps128(of), _mm256_extractf128_ps::<1>(of));
    let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn sums(of: __m256i) -> [i32; 2] {
    let sum = |four| {
        let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
        _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
    };
    [sum(_mm256_castsi256_si128(of)), sum(_mm256_extracti128_si256::<1>(of))]
}

/// Rows of a tile.
const LANES: usize = 8;
/// Columns that are multiplied at once.
const ABREAST: usize = 4;

/// A block of each row of a tile, unpacked.
#[derive(Clone, Copy)]
pub struct Block {
    /// Weights, four of each row in a register, in the order of a column's words.
    weights: [__m256i; 8],
    /// What a unit of them stands for.
    scale: __m256,
    /// What is added to each, in formats that have that.
    least: __m256,
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

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn whole<K: Kernel>(matrix: &Matrix, rows: Range<usize>, columns: &Columns, outputs: Outputs, way: Way) {
    // SAFETY: as this function's.
    unsafe { tiles::<K, ABREAST>(matrix, rows, columns, outputs, way) }
}

/// Reads the mask of an attention.
///
/// # Safety
/// As [`crate::Machine::look`].
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn look(attention: &Attention, seen: &mut Seen) {
    // SAFETY: as this function's.
    unsafe { seen.read::<__m256>(attention) }
}

/// Computes all parts of a piece of an attention.
///
/// # Safety
/// As [`crate::Machine::attend`].
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn attend(attention: &Attention, seen: &Seen, piece: &Piece) {
    // SAFETY: as this function's.
    unsafe { attend::attend::<__m256, 2>(attention, seen, piece) }
}

/// Computes one part of a piece of an attention.
///
/// # Safety
/// As [`crate::Machine::attend_part`].
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn attend_part(attention: &Attention, seen: &Seen, piece: &Piece, part: usize, to: *mut f32) {
    // SAFETY: as this function's.
    unsafe { attend::attend_part::<__m256, 2>(attention, seen, piece, part, to) }
}

/// The product of weights of 4 bits with eight words of a column, added from `start` on.
///
/// Eight times two products of 15 with 127 fit 16 bits, so they are only widened at the end.
#[inline(always)]
unsafe fn narrow(block: &Block, words: *const i32, start: __m256i) -> __m256i {
    // SAFETY: eight words can be read, and the instructions exist, by the caller's word.
    unsafe {
        let mut pairs = _mm256_setzero_si256();
        for word in 0..8 {
            let numbers = _mm256_set1_epi32(*words.add(word));
            pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(block.weights[word], numbers));
        }
        _mm256_add_epi32(start, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }
}

/// The product of signed weights of 8 bits with eight words of a column.
///
/// Two products of unsigned weights with 127 would not fit 16 bits, so the sign of a weight goes to the number.
#[inline(always)]
unsafe fn wide(block: &Block, words: *const i32) -> __m256i {
    // SAFETY: as in `narrow`.
    unsafe {
        let mut fours = _mm256_setzero_si256();
        for word in 0..8 {
            let weights = block.weights[word];
            let numbers = _mm256_sign_epi8(_mm256_set1_epi32(*words.add(word)), weights);
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), numbers);
            fours = _mm256_add_epi32(fours, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
        }
        fours
    }
}

#[inline(always)]
unsafe fn scaled(whole: __m256i, block: &Block, scale: f32, sum: __m256) -> __m256 {
    // SAFETY: the caller has the instructions.
    unsafe {
        let whole = _mm256_mul_ps(_mm256_cvtepi32_ps(whole), block.scale);
        _mm256_fmadd_ps(whole, _mm256_set1_ps(scale), sum)
    }
}

/// Adds the product of a block of 4-bit weights with a least value with that block of a column; both exist.
#[inline(always)]
unsafe fn with_least(block: &Block, columns: &Columns, column: usize, at: usize, sum: __m256) -> __m256 {
    // SAFETY: as this function's.
    unsafe {
        let (scale, shift) = columns.scale(column, at);
        let whole = narrow(block, columns.words(column, at), _mm256_setzero_si256());
        let sum = scaled(whole, block, scale, sum);
        _mm256_fmadd_ps(block.least, _mm256_set1_ps(f32::from_bits(shift.cast_unsigned())), sum)
    }
}

/// What formats have in common.
macro_rules! common {
    () => {
        const LANES: usize = LANES;
        type Sum = __m256;

        #[inline(always)]
        unsafe fn zero() -> __m256 {
            // SAFETY: the caller has the instructions.
            unsafe { _mm256_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn put(sum: __m256, to: *mut f32, skip: usize) {
            // SAFETY: the outputs have room for the rows that are not skipped; the instructions exist.
            unsafe {
                let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                _mm256_maskstore_ps(to, _mm256_cmpgt_epi32(lanes, _mm256_set1_epi32(skip as i32 - 1)), sum);
            }
        }
    };
}
use common;

/// Two bytes of each of 8 rows.
#[inline(always)]
unsafe fn halves(at: *const u8, stride: usize) -> __m128i {
    // SAFETY: the caller has the instructions, and the bytes are the tile's.
    unsafe {
        let half = |row: usize| at.add(row * stride).cast::<i16>().read_unaligned();
        _mm_setr_epi16(half(0), half(1), half(2), half(3), half(4), half(5), half(6), half(7))
    }
}

/// Four bytes of each of 8 rows.
#[inline(always)]
unsafe fn words(at: *const u8, stride: usize) -> __m256i {
    // SAFETY: the caller has the instructions, and the bytes are the tile's.
    unsafe {
        let word = |row: usize| at.add(row * stride).cast::<i32>().read_unaligned();
        _mm256_setr_epi32(word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7))
    }
}

/// Numbers of 4 bits, 16 bytes of each of 8 rows: the lower halves of the bytes come before the upper ones.
#[inline(always)]
unsafe fn nibbles(at: *const u8, stride: usize) -> [__m256i; 8] {
    // SAFETY: the caller has the instructions, and the bytes are the tile's.
    unsafe {
        let row = |row: usize| _mm_loadu_si128(at.add(row * stride).cast());
        let pair = |first: usize| _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(row(first)), row(first + 4));
        let packed = turn4([pair(0), pair(1), pair(2), pair(3)]);
        let low = _mm256_set1_epi8(15);
        let mut weights = [_mm256_setzero_si256(); 8];
        for word in 0..4 {
            weights[word] = _mm256_and_si256(packed[word], low);
            weights[4 + word] = _mm256_and_si256(_mm256_srli_epi16::<4>(packed[word]), low);
        }
        weights
    }
}

/// Turns 8 rows of 8 words: register `i` of the result has word `i` of each row.
#[inline(always)]
unsafe fn turn(row: impl Fn(usize) -> __m256i) -> [__m256i; 8] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let above = turn4([row(0), row(1), row(2), row(3)]);
        let below = turn4([row(4), row(5), row(6), row(7)]);
        let mut turned = [_mm256_setzero_si256(); 8];
        for word in 0..4 {
            turned[word] = _mm256_permute2x128_si256::<0x20>(above[word], below[word]);
            turned[4 + word] = _mm256_permute2x128_si256::<0x31>(above[word], below[word]);
        }
        turned
    }
}

/// Turns 4 rows of 4 words in each half of the registers.
#[inline(always)]
unsafe fn turn4([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
        let (ab_high, cd_high) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
        [
            _mm256_unpacklo_epi64(ab, cd),
            _mm256_unpackhi_epi64(ab, cd),
            _mm256_unpacklo_epi64(ab_high, cd_high),
            _mm256_unpackhi_epi64(ab_high, cd_high),
        ]
    }
}
