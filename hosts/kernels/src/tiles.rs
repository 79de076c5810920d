//! The way through a matrix, tile by tile: what all instruction sets and formats have in common.
#![allow(unsafe_code)]

use crate::activations::Columns;
use crate::format::{BLOCK, Format, Matrix};
use crate::product::Outputs;
use std::ops::Range;

/// How far ahead weights are called into the second cache, in bytes, unless a tile is larger: about the time that
/// memory takes to answer. The processor does not do it by itself, since many rows at once look like no order to it.
const AHEAD: usize = 16 * 1024;
/// Bytes that come from memory at once.
pub const LINE: usize = 64;

/// Where a thread's share of a matrix ends, and where its share of the next one begins: what is called into the cache
/// beyond the one is taken from the other.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// The first byte beyond the share.
    pub end: *const u8,
    /// The first byte of the next one.
    pub next: *const u8,
}

/// Rows of a matrix that are multiplied together.
#[derive(Debug, Clone, Copy)]
pub struct Tile {
    /// The first row.
    pub at: *const u8,
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Blocks of a row.
    pub blocks: usize,
}

/// Does something with each of up to eight blocks or columns, their number being known when this is compiled: only then
/// does what belongs to them stay in registers.
macro_rules! unrolled {
    ($here:expr, $group:expr, |$at:ident| $body:expr) => {
        unrolled!($here, $group, |$at| $body; 0 1 2 3 4 5 6 7)
    };
    ($here:expr, $group:expr, |$at:ident| $body:expr; $($number:literal)*) => {
        $(if $number < usize::min($group, $here) {
            let $at: usize = $number;
            $body;
        })*
    };
}

/// How the tiles of a format are multiplied with an instruction set.
///
/// # Safety
/// All functions need a processor with that instruction set, and are to be inlined into a function that is compiled
/// for it. Blocks and columns that are asked for exist.
pub trait Kernel {
    const FORMAT: Format;
    /// Rows of a tile.
    const LANES: usize;
    /// Blocks of each row that are read at once.
    const GROUP: usize;
    /// Blocks as they were read, a row's in each lane.
    type Group;
    /// A block of each row, unpacked.
    type Block;
    /// A result for each row.
    type Sum: Copy;

    /// Reads `here` blocks of each row, from one on.
    unsafe fn read(tile: &Tile, block: usize, here: usize) -> Self::Group;
    /// Unpacks one of the blocks that were read.
    unsafe fn unpack(group: &Self::Group, at: usize) -> Self::Block;
    /// No result yet.
    unsafe fn zero() -> Self::Sum;
    /// Adds the product of a block with that block of a column.
    unsafe fn meet(block: &Self::Block, columns: &Columns, column: usize, at: usize, sum: Self::Sum) -> Self::Sum;
    /// Writes the results, without those of the first `skip` rows.
    unsafe fn put(sum: Self::Sum, to: *mut f32, skip: usize);
}

/// Multiplies some rows of a matrix with all columns, `ABREAST` at a time: as many as have their sums in registers.
///
/// # Safety
/// As [`crate::Machine::multiply`] and [`Kernel`].
#[inline(always)]
pub unsafe fn tiles<K: Kernel, const ABREAST: usize>(
    matrix: &Matrix,
    rows: Range<usize>,
    columns: &Columns,
    outputs: Outputs,
    way: Way,
) {
    let mut unpacked = Vec::with_capacity(if columns.count > ABREAST { matrix.blocks } else { 0 });
    for row in rows.step_by(K::LANES) {
        // The last tile begins early enough to be whole, and leaves out what is another's.
        let first = row.min(matrix.rows - K::LANES);
        // SAFETY: the tile's rows are in the matrix; of the outputs, only those in `rows` are written.
        unsafe {
            let tile =
                Tile { at: matrix.data.add(first * matrix.stride), stride: matrix.stride, blocks: matrix.blocks };
            let to = Outputs { data: outputs.data.add(first), stride: outputs.stride };
            if columns.count > ABREAST {
                unpack::<K>(&tile, &mut unpacked, way);
                many::<K, ABREAST>(&unpacked, columns, to, row - first);
            } else {
                few::<K>(&tile, columns, to, row - first, way);
            }
        }
    }
}

/// Few columns: each block meets them as soon as it is unpacked.
#[inline(always)]
unsafe fn few<K: Kernel>(tile: &Tile, columns: &Columns, to: Outputs, skip: usize, way: Way) {
    // SAFETY: so many columns exist; the rest is the caller's word.
    unsafe {
        match columns.count {
            1 => direct::<K, 1>(tile, columns, to, skip, way),
            2 => direct::<K, 2>(tile, columns, to, skip, way),
            3 => direct::<K, 3>(tile, columns, to, skip, way),
            4 => direct::<K, 4>(tile, columns, to, skip, way),
            5 => direct::<K, 5>(tile, columns, to, skip, way),
            6 => direct::<K, 6>(tile, columns, to, skip, way),
            7 => direct::<K, 7>(tile, columns, to, skip, way),
            _ => direct::<K, 8>(tile, columns, to, skip, way),
        }
    }
}

#[inline(always)]
unsafe fn direct<K: Kernel, const N: usize>(tile: &Tile, columns: &Columns, to: Outputs, skip: usize, way: Way) {
    // SAFETY: all blocks are the tile's, and all columns exist; what is called into the cache need not exist.
    unsafe {
        let mut sums = [K::zero(); N];
        for block in (0..tile.blocks).step_by(K::GROUP) {
            let here = K::GROUP.min(tile.blocks - block);
            let group = K::read(tile, block, here);
            unrolled!(here, K::GROUP, |at| {
                call::<K>(tile, block, at, way);
                let unpacked = K::unpack(&group, at);
                unrolled!(N, N, |column| sums[column] = K::meet(&unpacked, columns, column, block + at, sums[column]));
            });
        }
        put::<K, N>(&sums, 0, to, skip);
    }
}

/// Unpacks a whole tile.
#[inline(always)]
unsafe fn unpack<K: Kernel>(tile: &Tile, blocks: &mut Vec<K::Block>, way: Way) {
    blocks.clear();
    for block in (0..tile.blocks).step_by(K::GROUP) {
        let here = K::GROUP.min(tile.blocks - block);
        // SAFETY: all blocks are the tile's; what is called into the cache need not exist.
        unsafe {
            let group = K::read(tile, block, here);
            unrolled!(here, K::GROUP, |at| {
                call::<K>(tile, block, at, way);
                blocks.push(K::unpack(&group, at));
            });
        }
    }
}

/// Many columns: an unpacked tile meets them in groups.
#[inline(always)]
unsafe fn many<K: Kernel, const ABREAST: usize>(blocks: &[K::Block], columns: &Columns, to: Outputs, skip: usize) {
    let mut from = 0;
    // SAFETY: so many columns exist; the rest is the caller's word.
    unsafe {
        while columns.count - from >= ABREAST {
            group::<K, ABREAST>(blocks, columns, from, to, skip);
            from += ABREAST;
        }
        match columns.count - from {
            0 => {}
            1 => group::<K, 1>(blocks, columns, from, to, skip),
            2 => group::<K, 2>(blocks, columns, from, to, skip),
            3 => group::<K, 3>(blocks, columns, from, to, skip),
            4 => group::<K, 4>(blocks, columns, from, to, skip),
            5 => group::<K, 5>(blocks, columns, from, to, skip),
            6 => group::<K, 6>(blocks, columns, from, to, skip),
            _ => group::<K, 7>(blocks, columns, from, to, skip),
        }
    }
}

#[inline(always)]
unsafe fn group<K: Kernel, const N: usize>(
    blocks: &[K::Block],
    columns: &Columns,
    from: usize,
    to: Outputs,
    skip: usize,
) {
    // SAFETY: columns `from` to `from + N` exist, with as many blocks as the tile.
    unsafe {
        let mut sums = [K::zero(); N];
        for (at, block) in blocks.iter().enumerate() {
            unrolled!(N, N, |column| sums[column] = K::meet(block, columns, from + column, at, sums[column]));
        }
        put::<K, N>(&sums, from, to, skip);
    }
}

#[inline(always)]
unsafe fn put<K: Kernel, const N: usize>(sums: &[K::Sum; N], from: usize, to: Outputs, skip: usize) {
    for (column, sum) in (from..).zip(sums) {
        // SAFETY: the outputs have room for the tile's rows of this column.
        unsafe { K::put(*sum, to.data.add(column * to.stride), skip) };
    }
}

/// Calls the weights into the cache that are needed a while after those of block `at` of a group. A few at a time: the
/// processor only remembers so many that are on their way.
#[inline(always)]
unsafe fn call<K: Kernel>(tile: &Tile, block: usize, at: usize, way: Way) {
    let bytes = |blocks: usize| K::LANES * K::FORMAT.row_bytes(blocks * BLOCK);
    let ahead = tile.at.wrapping_add(AHEAD.max(K::LANES * tile.stride) + bytes(block));
    let beyond = (ahead as usize).checked_sub(way.end as usize);
    let ahead = beyond.map_or(ahead, |beyond| way.next.wrapping_add(beyond));
    let lines = bytes(K::GROUP).div_ceil(LINE);
    for line in lines * at / K::GROUP..lines * (at + 1) / K::GROUP {
        fetch(ahead.wrapping_add(line * LINE));
    }
}

/// Calls a line into the second cache.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn fetch(line: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: no address is wrong here, and every x86-64 processor has the instruction.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(line.cast()) };
}

/// There are no kernels for other processors.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub fn fetch(_line: *const u8) {}
