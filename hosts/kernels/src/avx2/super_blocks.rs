//! Formats in blocks of 256 weights, whose parts have scales of a few bits.
#![allow(unsafe_code)]

use super::{Block, LANES, common, halves, turn, with_least, words};
use crate::activations::Columns;
use crate::format::Format;
use crate::tiles::{Kernel, Tile};
use std::arch::x86_64::*;

/// See [`Format::Q4K`].
pub struct Q4K;
/// See [`Format::Q6K`].
pub struct Q6K;

/// A block of 256 of each row: where it lies, and its scales.
pub struct Super {
    at: *const u8,
    stride: usize,
    scale: __m256,
    least: __m256,
    scales: [__m256i; 4],
}

/// A block of each row of a tile whose halves have scales of their own.
pub struct Halved {
    weights: [__m256i; 8],
    scales: [__m256; 2],
}

impl Kernel for Q4K {
    const FORMAT: Format = Format::Q4K;
    const GROUP: usize = 8;
    type Group = Super;
    type Block = Block;
    common!();

    #[inline(always)]
    unsafe fn read(tile: &Tile, block: usize, _here: usize) -> Super {
        let stride = tile.stride;
        // SAFETY: two scales of 2 bytes, and 12 bytes of scales of the parts.
        unsafe {
            let at = tile.at.add(block / 8 * 144);
            let (scale, least) = (_mm256_cvtph_ps(halves(at, stride)), _mm256_cvtph_ps(halves(at.add(2), stride)));
            let none = _mm256_setzero_si256();
            let scales = [words(at.add(4), stride), words(at.add(8), stride), words(at.add(12), stride), none];
            Super { at, stride, scale, least, scales }
        }
    }

    #[inline(always)]
    unsafe fn unpack(group: &Super, at: usize) -> Block {
        // SAFETY: the weights of a part are half of 32 bytes; the caller has the instructions.
        unsafe {
            let from = group.at.add(16 + 32 * (at / 2));
            let packed = turn(|row| _mm256_loadu_si256(from.add(row * group.stride).cast()));
            let (shift, low) = (_mm_cvtsi32_si128(4 * (at % 2) as i32), _mm256_set1_epi8(15));
            let mut weights = [low; 8];
            for word in 0..8 {
                weights[word] = _mm256_and_si256(_mm256_srl_epi32(packed[word], shift), low);
            }
            let [first, second, third, _] = group.scales;
            let (scale, least) = scales([first, second, third], at);
            let least = _mm256_sub_ps(_mm256_setzero_ps(), _mm256_mul_ps(group.least, least));
            Block { weights, scale: _mm256_mul_ps(group.scale, scale), least }
        }
    }

    #[inline(always)]
    unsafe fn meet(block: &Block, columns: &Columns, column: usize, at: usize, sum: __m256) -> __m256 {
        // SAFETY: as this function's.
        unsafe { with_least(block, columns, column, at, sum) }
    }
}

/// The scale and least value of part `at`, 6 bits each: those of the first four parts lie in the lower bits of two words,
/// those of the others in a third, with their upper bits in the first two.
#[inline(always)]
unsafe fn scales([first, second, third]: [__m256i; 3], at: usize) -> (__m256, __m256) {
    // SAFETY: the caller has the instructions.
    unsafe {
        let byte = |word, shift: usize| _mm256_srl_epi32(word, _mm_cvtsi32_si128((8 * (at % 4) + shift) as i32));
        let bits = |word, mask| _mm256_and_si256(word, _mm256_set1_epi32(mask));
        let (scale, least) = if at < 4 {
            (bits(byte(first, 0), 63), bits(byte(second, 0), 63))
        } else {
            let upper = |word| _mm256_slli_epi32::<4>(bits(byte(word, 6), 3));
            let scale = _mm256_or_si256(bits(byte(third, 0), 15), upper(first));
            (scale, _mm256_or_si256(bits(byte(third, 4), 15), upper(second)))
        };
        (_mm256_cvtepi32_ps(scale), _mm256_cvtepi32_ps(least))
    }
}

impl Kernel for Q6K {
    const FORMAT: Format = Format::Q6K;
    const GROUP: usize = 8;
    type Group = Super;
    type Block = Halved;
    common!();

    #[inline(always)]
    unsafe fn read(tile: &Tile, block: usize, _here: usize) -> Super {
        let stride = tile.stride;
        // SAFETY: 16 bytes of scales of the parts, and one of 2 bytes.
        unsafe {
            let at = tile.at.add(block / 8 * 210);
            let of = |word: usize| words(at.add(192 + 4 * word), stride);
            let scale = _mm256_cvtph_ps(halves(at.add(208), stride));
            Super { at, stride, scale, least: _mm256_setzero_ps(), scales: [of(0), of(1), of(2), of(3)] }
        }
    }

    #[inline(always)]
    unsafe fn unpack(group: &Super, at: usize) -> Halved {
        let (side, part) = (at / 4, at % 4);
        // SAFETY: the lower bits of a part's weights are half of 32 bytes, the upper ones a quarter of others.
        unsafe {
            let by = |count: usize| _mm_cvtsi32_si128(count as i32);
            let (lower, upper) = (group.at.add(64 * side + 32 * (part % 2)), group.at.add(128 + 32 * side));
            let (low, high) = (_mm256_set1_epi8(15), _mm256_set1_epi8(48));
            let lower = turn(|row| _mm256_loadu_si256(lower.add(row * group.stride).cast()));
            let upper = turn(|row| _mm256_loadu_si256(upper.add(row * group.stride).cast()));
            let mut weights = [low; 8];
            for word in 0..8 {
                let lower = _mm256_srl_epi32(lower[word], by(4 * (part / 2)));
                // Two bits of a byte for each part become the weight's bits 4 and 5.
                let upper =
                    _mm256_srl_epi32(_mm256_sll_epi32(upper[word], by([4, 2, 0, 0][part])), by([0, 0, 0, 2][part]));
                weights[word] = _mm256_or_si256(_mm256_and_si256(lower, low), _mm256_and_si256(upper, high));
            }
            let scales = group.scales[2 * side + part / 2];
            let signed = |byte: usize| _mm256_srai_epi32::<24>(_mm256_sll_epi32(scales, by(24 - 8 * byte)));
            let of = |byte| _mm256_mul_ps(group.scale, _mm256_cvtepi32_ps(signed(byte)));
            Halved { weights, scales: [of(2 * (part % 2)), of(2 * (part % 2) + 1)] }
        }
    }

    #[inline(always)]
    unsafe fn meet(block: &Halved, columns: &Columns, column: usize, at: usize, sum: __m256) -> __m256 {
        // SAFETY: the block of the column exists.
        unsafe {
            let words = columns.words(column, at);
            let (scale, shift) = columns.scale(column, at);
            let first = quarter(&block.weights[..4], words, -32 * (shift << 16 >> 16));
            let second = quarter(&block.weights[4..], words.add(4), -32 * (shift >> 16));
            let both = _mm256_fmadd_ps(second, block.scales[1], _mm256_mul_ps(first, block.scales[0]));
            _mm256_fmadd_ps(both, _mm256_set1_ps(scale), sum)
        }
    }
}

/// The product of four words of weights of 6 bits, two of which fit 16 bits when added, from `start` on.
#[inline(always)]
unsafe fn quarter(weights: &[__m256i], words: *const i32, start: i32) -> __m256 {
    // SAFETY: four words can be read; the caller has the instructions.
    unsafe {
        let pairs = |word: usize| _mm256_maddubs_epi16(weights[word], _mm256_set1_epi32(*words.add(word)));
        let ones = _mm256_set1_epi16(1);
        let first = _mm256_madd_epi16(_mm256_add_epi16(pairs(0), pairs(1)), ones);
        let second = _mm256_madd_epi16(_mm256_add_epi16(pairs(2), pairs(3)), ones);
        _mm256_cvtepi32_ps(_mm256_add_epi32(_mm256_set1_epi32(start), _mm256_add_epi32(first, second)))
    }
}
