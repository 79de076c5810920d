//! Which kernels this processor can run.
#![allow(unsafe_code)]

use crate::activations::Columns;
use crate::attention::{Attention, Piece};
use crate::format::Matrix;
use crate::product::Outputs;
use crate::seen::Seen;
use crate::tiles::Way;
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};
use std::ops::Range;

/// The instructions that the kernels use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// AVX-512 with products of bytes (VNNI): 16 rows at once.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2: 8 rows at once.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Machine {
    /// The best that this processor has; `None` where there are no kernels for it.
    pub fn detect() -> Option<Self> {
        Self::all().into_iter().next()
    }

    /// All that this processor has, the best first.
    #[cfg(target_arch = "x86_64")]
    pub fn all() -> Vec<Self> {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("fma") && has!("f16c");
        let avx512 = avx2 && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
        let machines = [(avx512 && has!("avx512vnni"), Self::Avx512), (avx2, Self::Avx2)];
        machines.into_iter().filter_map(|(has, machine)| has.then_some(machine)).collect()
    }

    /// All that this processor has.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn all() -> Vec<Self> {
        Vec::new()
    }

    /// `f32` in a register.
    pub(crate) fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 16,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 8,
        }
    }

    /// Rounds 32 numbers to 8 bits: gives what a unit of them stands for, and the sums of both halves.
    ///
    /// # Safety
    /// 32 numbers can be read and written there, and the processor has the machine's instructions.
    pub(crate) unsafe fn round(self, from: *const f32, to: *mut i8) -> (f32, [i32; 2]) {
        match self {
            // SAFETY: as this function's; who has AVX-512 has AVX2.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 | Self::Avx2 => unsafe { avx2::round(from, to) },
        }
    }

    /// Multiplies some rows of a matrix with all columns.
    ///
    /// # Safety
    /// The matrix can be read and the outputs written for these rows, nobody else writes them, the columns are as long
    /// as a row, the matrix has at least 16 rows, and the processor has the machine's instructions.
    pub(crate) unsafe fn multiply(
        self,
        matrix: &Matrix,
        rows: Range<usize>,
        columns: &Columns,
        outputs: Outputs,
        way: Way,
    ) {
        match self {
            // SAFETY: as this function's.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::multiply(matrix, rows, columns, outputs, way) },
            // SAFETY: as this function's.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::multiply(matrix, rows, columns, outputs, way) },
        }
    }

    /// Reads which keys the tokens of an attention look at.
    ///
    /// # Safety
    /// The attention's mask can be read; the processor has the machine's instructions.
    pub(crate) unsafe fn look(self, attention: &Attention, seen: &mut Seen) {
        match self {
            // SAFETY: as this function's.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::look(attention, seen) },
            // SAFETY: as this function's.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::look(attention, seen) },
        }
    }

    /// Computes a piece of an attention whose mask was read.
    ///
    /// # Safety
    /// Everything that the attention tells of can be read, and the piece's results be written, which nobody else does;
    /// its shape has kernels here; the processor has the machine's instructions.
    pub(crate) unsafe fn attend(self, attention: &Attention, seen: &Seen, piece: &Piece) {
        match self {
            // SAFETY: as this function's.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::attend(attention, seen, piece) },
            // SAFETY: as this function's.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::attend(attention, seen, piece) },
        }
    }

    /// Computes one part of a piece, to be put together with the others.
    ///
    /// # Safety
    /// As [`Machine::attend`], with `to` in place of the results: `width + 2` numbers for each row.
    pub(crate) unsafe fn attend_part(
        self,
        attention: &Attention,
        seen: &Seen,
        piece: &Piece,
        part: usize,
        to: *mut f32,
    ) {
        match self {
            // SAFETY: as this function's.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::attend_part(attention, seen, piece, part, to) },
            // SAFETY: as this function's.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::attend_part(attention, seen, piece, part, to) },
        }
    }
}
