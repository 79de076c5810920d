//! Formats in blocks of 256 weights, whose parts have scales of a few bits.
#![allow(unsafe_code)]

use super::{Block, LANES, common, half, turn, with_least};
use crate::activations::Columns;
use crate::format::Format;
use crate::tiles::{Kernel, Tile};
use std::arch::x86_64::*;

/// See [`Format::Q4K`].
pub struct Q4K;
/// See [`Format::Q6K`].
pub struct Q6K;

/// A block of each row of a tile whose halves have scales of their own.
pub struct Halved {
    weights: [__m512i; 8],
    scales: [__m512; 2],
}

impl Kernel for Q4K {
    const FORMAT: Format = Format::Q4K;
    const GROUP: usize = 8;
    type Group = [[__m512i; 16]; 3];
    type Block = Block;
    common!();

    #[inline(always)]
    unsafe fn read(tile: &Tile, block: usize, _here: usize) -> Self::Group {
        // SAFETY: only the 36 words of the block of 256 are read.
        unsafe {
            let at = tile.at.add(block / 8 * 144);
            let words = |from: usize| turn(|row| _mm512_loadu_epi32(at.add(row * tile.stride + from).cast()));
            [words(0), words(64), turn(|row| _mm512_maskz_loadu_epi32(0xf, at.add(row * tile.stride + 128).cast()))]
        }
    }

    #[inline(always)]
    unsafe fn unpack(group: &Self::Group, at: usize) -> Block {
        let word = |at: usize| group[at / 16][at % 16];
        // SAFETY: the caller has the instructions.
        unsafe {
            let (scale, least) = scales([word(1), word(2), word(3)], at);
            let scale = _mm512_mul_ps(half(word(0)), scale);
            let least = _mm512_mul_ps(half(_mm512_srli_epi32::<16>(word(0))), least);
            let (shift, low) = (_mm_cvtsi32_si128(4 * (at % 2) as i32), _mm512_set1_epi8(15));
            let mut weights = [low; 8];
            for (number, weights) in weights.iter_mut().enumerate() {
                *weights = _mm512_and_si512(_mm512_srl_epi32(word(4 + 8 * (at / 2) + number), shift), low);
            }
            Block { weights, scale, least: _mm512_sub_ps(_mm512_setzero_ps(), least) }
        }
    }

    #[inline(always)]
    unsafe fn meet(block: &Block, columns: &Columns, column: usize, at: usize, sum: __m512) -> __m512 {
        // SAFETY: as this function's.
        unsafe { with_least(block, columns, column, at, sum) }
    }
}

/// The scale and least value of part `at`, 6 bits each: those of the first four parts lie in the lower bits of two words,
/// those of the others in a third, with their upper bits in the first two.
#[inline(always)]
unsafe fn scales([first, second, third]: [__m512i; 3], at: usize) -> (__m512, __m512) {
    // SAFETY: the caller has the instructions.
    unsafe {
        let byte = |word, shift: usize| _mm512_srl_epi32(word, _mm_cvtsi32_si128((8 * (at % 4) + shift) as i32));
        let bits = |word, mask| _mm512_and_si512(word, _mm512_set1_epi32(mask));
        let (scale, least) = if at < 4 {
            (bits(byte(first, 0), 63), bits(byte(second, 0), 63))
        } else {
            let upper = |word| _mm512_slli_epi32::<4>(bits(byte(word, 6), 3));
            let scale = _mm512_or_si512(bits(byte(third, 0), 15), upper(first));
            (scale, _mm512_or_si512(bits(byte(third, 4), 15), upper(second)))
        };
        (_mm512_cvtepi32_ps(scale), _mm512_cvtepi32_ps(least))
    }
}

impl Kernel for Q6K {
    const FORMAT: Format = Format::Q6K;
    const GROUP: usize = 8;
    type Group = [[__m512i; 16]; 4];
    type Block = Halved;
    common!();

    #[inline(always)]
    unsafe fn read(tile: &Tile, block: usize, _here: usize) -> Self::Group {
        // SAFETY: only the 105 half-words of the block of 256 are read.
        unsafe {
            let at = tile.at.add(block / 8 * 210);
            let words = |from: usize| turn(|row| _mm512_loadu_epi32(at.add(row * tile.stride + from).cast()));
            let rest = turn(|row| _mm512_maskz_loadu_epi16(0x1ff, at.add(row * tile.stride + 192).cast()));
            [words(0), words(64), words(128), rest]
        }
    }

    #[inline(always)]
    unsafe fn unpack(group: &Self::Group, at: usize) -> Halved {
        let word = |at: usize| group[at / 16][at % 16];
        let (side, part) = (at / 4, at % 4);
        // SAFETY: the caller has the instructions.
        unsafe {
            let by = |count: usize| _mm_cvtsi32_si128(count as i32);
            let (low, high) = (_mm512_set1_epi8(15), _mm512_set1_epi8(48));
            let mut weights = [low; 8];
            for (number, weights) in weights.iter_mut().enumerate() {
                let lower = _mm512_srl_epi32(word(16 * side + 8 * (part % 2) + number), by(4 * (part / 2)));
                // Two bits of a byte for each part become the weight's bits 4 and 5.
                let upper = _mm512_sll_epi32(word(32 + 8 * side + number), by([4, 2, 0, 0][part]));
                let upper = _mm512_srl_epi32(upper, by([0, 0, 0, 2][part]));
                *weights = _mm512_or_si512(_mm512_and_si512(lower, low), _mm512_and_si512(upper, high));
            }
            let scales = word(48 + 2 * side + part / 2);
            let signed = |byte: usize| _mm512_srai_epi32::<24>(_mm512_sll_epi32(scales, by(24 - 8 * byte)));
            let scale = half(word(52));
            let of = |byte| _mm512_mul_ps(scale, _mm512_cvtepi32_ps(signed(byte)));
            Halved { weights, scales: [of(2 * (part % 2)), of(2 * (part % 2) + 1)] }
        }
    }

    #[inline(always)]
    unsafe fn meet(block: &Halved, columns: &Columns, column: usize, at: usize, sum: __m512) -> __m512 {
        // SAFETY: the block of the column exists.
        unsafe {
            let words = columns.words(column, at);
            let (scale, shift) = columns.scale(column, at);
            let mut whole = [_mm512_set1_epi32(-32 * (shift << 16 >> 16)), _mm512_set1_epi32(-32 * (shift >> 16))];
            for word in 0..4 {
                whole[0] = _mm512_dpbusd_epi32(whole[0], block.weights[word], _mm512_set1_epi32(*words.add(word)));
                let (weights, word) = (block.weights[word + 4], *words.add(word + 4));
                whole[1] = _mm512_dpbusd_epi32(whole[1], weights, _mm512_set1_epi32(word));
            }
            let first = _mm512_mul_ps(_mm512_cvtepi32_ps(whole[0]), block.scales[0]);
            let both = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[1]), block.scales[1], first);
            _mm512_fmadd_ps(both, _mm512_set1_ps(scale), sum)
        }
    }
}
