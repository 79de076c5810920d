//! Kernels for AVX-512 with VNNI: 16 rows at once, one in each lane.
//!
//! The weights of 16 rows are read in groups of 64 bytes and turned, so that a register holds four neighbouring weights
//! of each row. `vpdpbusd` multiplies these with four numbers of a column, the same for all rows, and adds them up.
#![allow(unsafe_code)]

use crate::activations::Columns;
use crate::attend;
use crate::attention::{Attention, Piece};
use crate::floats::Floats;
use crate::format::{Format, Matrix};
use crate::product::Outputs;
use crate::tiles::{Kernel, Tile, Way, tiles};
use std::arch::x86_64::*;
use std::ops::Range;

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
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn whole<K: Kernel>(matrix: &Matrix, rows: Range<usize>, columns: &Columns, outputs: Outputs, way: Way) {
    // SAFETY: as this function's.
    unsafe { tiles::<K, ABREAST>(matrix, rows, columns, outputs, way) }
}

/// Computes all parts of a piece of an attention.
///
/// # Safety
/// As [`crate::Machine::attend`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub unsafe fn attend(attention: &Attention, piece: &Piece, parts: usize) {
    // SAFETY: as this function's.
    unsafe { attend::attend::<__m512>(attention, piece, parts) }
}

/// Computes one part of a piece of an attention.
///
/// # Safety
/// As [`crate::Machine::attend_part`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
pub unsafe fn attend_part(attention: &Attention, piece: &Piece, part: usize, to: *mut f32) {
    // SAFETY: as this function's.
    unsafe { attend::attend_part::<__m512>(attention, piece, part, to) }
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

/// What formats have in common.
macro_rules! common {
    () => {
        const LANES: usize = LANES;
        type Group = [__m512i; 16];
        type Block = Block;
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

struct Q4_0;
struct Q4_1;
struct Q8_0;

impl Kernel for Q4_1 {
    const FORMAT: Format = Format::Q4_1;
    const GROUP: usize = 3;
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
        // SAFETY: the block of the column exists.
        unsafe {
            let (scale, shift) = columns.scale(column, at);
            let sum = product(block, columns.words(column, at), _mm512_setzero_si512(), scale, sum);
            _mm512_fmadd_ps(block.least, _mm512_set1_ps(f32::from_bits(shift.cast_unsigned())), sum)
        }
    }
}

impl Kernel for Q4_0 {
    const FORMAT: Format = Format::Q4_0;
    const GROUP: usize = 3;
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
            let scale = half(if at % 2 == 0 { pair } else { _mm512_srli_epi32::<16>(pair) });
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
    unsafe fn load_half_some(from: *const u16, lanes: usize) -> Self {
        let lanes = ((1_u32 << lanes.min(16)) - 1) as u16;
        // SAFETY: see above; only these lanes are read.
        unsafe { _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, from.cast())) }
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
    unsafe fn turn_half(from: *const u16, stride: usize, rows: usize, to: *mut f32, apart: usize) {
        // SAFETY: see above; rows that are missing are not read.
        unsafe {
            let read = |row: usize| {
                if row < rows {
                    _mm512_castps_si512(Self::load_half(from.add(row * stride)))
                } else {
                    _mm512_setzero_si512()
                }
            };
            let turned = turn(read);
            for at in 0..16 {
                _mm512_storeu_si512(to.add(at * apart).cast(), turned[at]);
            }
        }
    }
}
