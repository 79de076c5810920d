//! Formats in blocks of 32 weights.
#![allow(unsafe_code)]

use super::{Block, LANES, common, half, nibbles, shifted, turn, with_least};
use crate::activations::Columns;
use crate::format::Format;
use crate::tiles::{Kernel, Tile};
use std::arch::x86_64::*;

/// See [`Format::Q4_0`].
pub struct Q4_0;
/// See [`Format::Q4_1`].
pub struct Q4_1;
/// See [`Format::Q8_0`].
pub struct Q8_0;

impl Kernel for Q4_1 {
    const FORMAT: Format = Format::Q4_1;
    const GROUP: usize = 3;
    type Group = [__m512i; 16];
    type Block = Block;
    common!();

    #[inline(always)]
    unsafe fn read(tile: &Tile, block: usize, here: usize) -> [__m512i; 16] {
        // SAFETY: only the words of `here` blocks, five each, are read.
        unsafe {
            let words = ((1_u32 << (5 * here)) - 1) as u16;
            turn(|row| _mm512_maskz_loadu_epi32(words, tile.at.add(row * tile.stride + block * 20).cast()))
        }
    }

    #[inline(always)]
    unsafe fn unpack(group: &[__m512i; 16], at: usize) -> Block {
        // SAFETY: the caller has the instructions.
        unsafe {
            let scale = half(group[5 * at]);
            let least = half(_mm512_srli_epi32::<16>(group[5 * at]));
            let packed = [group[5 * at + 1], group[5 * at + 2], group[5 * at + 3], group[5 * at + 4]];
            Block { weights: nibbles(packed), scale, least }
        }
    }

    #[inline(always)]
    unsafe fn meet(block: &Block, columns: &Columns, column: usize, at: usize, sum: __m512) -> __m512 {
        // SAFETY: as this function's.
        unsafe { with_least(block, columns, column, at, sum) }
    }
}

impl Kernel for Q4_0 {
    const FORMAT: Format = Format::Q4_0;
    const GROUP: usize = 3;
    type Group = [__m512i; 16];
    type Block = Block;
    common!();

    #[inline(always)]
    unsafe fn read(tile: &Tile, block: usize, here: usize) -> [__m512i; 16] {
        // SAFETY: only the half-words of `here` blocks, nine each, are read.
        unsafe {
            let halves = (1_u32 << (9 * here)) - 1;
            // The scales of the three blocks, then their weights, so that these begin at a word.
            let order = _mm512_set_epi16(
                31, 31, 31, 31, 26, 25, 24, 23, 22, 21, 20, 19, 17, 16, 15, 14, 13, 12, 11, 10, 8, 7, 6, 5, 4, 3, 2, 1,
                31, 18, 9, 0,
            );
            turn(|row| {
                let read = _mm512_maskz_loadu_epi16(halves, tile.at.add(row * tile.stride + block * 18).cast());
                _mm512_permutexvar_epi16(order, read)
            })
        }
    }

    #[inline(always)]
    unsafe fn unpack(group: &[__m512i; 16], at: usize) -> Block {
        // SAFETY: the caller has the instructions.
        unsafe {
            let pair = group[at / 2];
            let scale = half(if at.is_multiple_of(2) { pair } else { _mm512_srli_epi32::<16>(pair) });
            let packed = [group[4 * at + 2], group[4 * at + 3], group[4 * at + 4], group[4 * at + 5]];
            Block { weights: nibbles(packed), scale, least: _mm512_setzero_ps() }
        }
    }

    #[inline(always)]
    unsafe fn meet(block: &Block, columns: &Columns, column: usize, at: usize, sum: __m512) -> __m512 {
        // SAFETY: as this function's.
        unsafe { shifted(block, columns, column, at, sum) }
    }
}

impl Kernel for Q8_0 {
    const FORMAT: Format = Format::Q8_0;
    const GROUP: usize = 1;
    type Group = [__m512i; 16];
    type Block = Block;
    common!();

    #[inline(always)]
    unsafe fn read(tile: &Tile, block: usize, _here: usize) -> [__m512i; 16] {
        // SAFETY: only the 17 half-words of the block are read; the one before it, which lets the weights begin at a
        // word, is left out.
        unsafe {
            let halves = 0x3_fffe;
            turn(|row| {
                let at = tile.at.add(row * tile.stride + block * 34).wrapping_sub(2);
                _mm512_maskz_loadu_epi16(halves, at.cast())
            })
        }
    }

    #[inline(always)]
    unsafe fn unpack(group: &[__m512i; 16], _at: usize) -> Block {
        // SAFETY: the caller has the instructions.
        unsafe {
            let scale = half(_mm512_srli_epi32::<16>(group[0]));
            let unsigned = _mm512_set1_epi8(-128);
            let mut weights = [unsigned; 8];
            for word in 0..8 {
                weights[word] = _mm512_xor_si512(group[word + 1], unsigned);
            }
            Block { weights, scale, least: _mm512_setzero_ps() }
        }
    }

    #[inline(always)]
    unsafe fn meet(block: &Block, columns: &Columns, column: usize, at: usize, sum: __m512) -> __m512 {
        // SAFETY: as this function's.
        unsafe { shifted(block, columns, column, at, sum) }
    }
}
