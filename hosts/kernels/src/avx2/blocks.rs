//! Formats in blocks of 32 weights.
#![allow(unsafe_code)]

use super::{Block, LANES, common, halves, narrow, nibbles, scaled, turn, wide, with_least};
use crate::activations::Columns;
use crate::format::Format;
use crate::tiles::{Kernel, Tile};
use std::arch::x86_64::*;

/// A block is unpacked as it is read.
macro_rules! single {
    () => {
        const GROUP: usize = 1;
        type Group = Block;
        type Block = Block;

        #[inline(always)]
        unsafe fn unpack(block: &Block, _at: usize) -> Block {
            *block
        }
    };
}

/// See [`Format::Q4_0`].
pub struct Q4_0;
/// See [`Format::Q4_1`].
pub struct Q4_1;
/// See [`Format::Q8_0`].
pub struct Q8_0;

impl Kernel for Q4_0 {
    const FORMAT: Format = Format::Q4_0;
    single!();
    common!();

    #[inline(always)]
    unsafe fn read(tile: &Tile, block: usize, _here: usize) -> Block {
        // SAFETY: a block has a scale of 2 bytes and 16 bytes of weights.
        unsafe {
            let at = tile.at.add(block * 18);
            let scale = _mm256_cvtph_ps(halves(at, tile.stride));
            Block { weights: nibbles(at.add(2), tile.stride), scale, least: _mm256_setzero_ps() }
        }
    }

    #[inline(always)]
    unsafe fn meet(block: &Block, columns: &Columns, column: usize, at: usize, sum: __m256) -> __m256 {
        // SAFETY: the block of the column exists.
        unsafe {
            let (scale, shift) = columns.scale(column, at);
            scaled(narrow(block, columns.words(column, at), _mm256_set1_epi32(shift)), block, scale, sum)
        }
    }
}

impl Kernel for Q4_1 {
    const FORMAT: Format = Format::Q4_1;
    single!();
    common!();

    #[inline(always)]
    unsafe fn read(tile: &Tile, block: usize, _here: usize) -> Block {
        // SAFETY: a block has a scale and a least value of 2 bytes each and 16 bytes of weights.
        unsafe {
            let at = tile.at.add(block * 20);
            let scale = _mm256_cvtph_ps(halves(at, tile.stride));
            let least = _mm256_cvtph_ps(halves(at.add(2), tile.stride));
            Block { weights: nibbles(at.add(4), tile.stride), scale, least }
        }
    }

    #[inline(always)]
    unsafe fn meet(block: &Block, columns: &Columns, column: usize, at: usize, sum: __m256) -> __m256 {
        // SAFETY: as this function's.
        unsafe { with_least(block, columns, column, at, sum) }
    }
}

impl Kernel for Q8_0 {
    const FORMAT: Format = Format::Q8_0;
    single!();
    common!();

    #[inline(always)]
    unsafe fn read(tile: &Tile, block: usize, _here: usize) -> Block {
        // SAFETY: a block has a scale of 2 bytes and 32 bytes of weights.
        unsafe {
            let at = tile.at.add(block * 34);
            let scale = _mm256_cvtph_ps(halves(at, tile.stride));
            let row = |row: usize| _mm256_loadu_si256(at.add(2 + row * tile.stride).cast());
            Block { weights: turn(row), scale, least: _mm256_setzero_ps() }
        }
    }

    #[inline(always)]
    unsafe fn meet(block: &Block, columns: &Columns, column: usize, at: usize, sum: __m256) -> __m256 {
        // SAFETY: the block of the column exists.
        unsafe { scaled(wide(block, columns.words(column, at)), block, columns.scale(column, at).0, sum) }
    }
}
