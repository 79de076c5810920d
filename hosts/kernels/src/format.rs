//! The formats of weights, as they lie in a GGUF file.

/// Weights of a block; they share a scale.
pub const BLOCK: usize = 32;

/// How weights are stored: blocks of 32 in a row (ggml-common.h of llama.cpp has them as `block_q4_0` and so on).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A scale (f16) and 32 numbers of 4 bits; a weight is `scale * (number - 8)`.
    Q4_0,
    /// A scale and a least value (f16 each) and 32 numbers of 4 bits; a weight is `scale * number + least`.
    Q4_1,
    /// A scale (f16) and 32 signed numbers of 8 bits; a weight is `scale * number`.
    Q8_0,
}

impl Format {
    /// Bytes of a block.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q8_0 => 34,
        }
    }

    /// Bytes of a row of `length` weights, a multiple of 32.
    pub const fn row_bytes(self, length: usize) -> usize {
        length / BLOCK * self.block_bytes()
    }
}

/// A matrix of quantised weights, wherever it lies.
#[derive(Debug, Clone, Copy)]
pub struct Matrix {
    pub(crate) format: Format,
    pub(crate) data: *const u8,
    pub(crate) rows: usize,
    pub(crate) blocks: usize,
    pub(crate) stride: usize,
}

impl Matrix {
    /// Least rows that there are kernels for.
    pub const LEAST_ROWS: usize = 16;

    /// `rows` rows of `length` weights each, `stride` bytes apart, from `data` on. `None` for a shape without a kernel:
    /// fewer than [`Matrix::LEAST_ROWS`] rows, a length that is no multiple of 32, or rows that overlap.
    pub fn new(format: Format, data: *const u8, rows: usize, length: usize, stride: usize) -> Option<Self> {
        let fits = rows >= Self::LEAST_ROWS
            && length > 0
            && length.is_multiple_of(BLOCK)
            && stride >= format.row_bytes(length)
            && !data.is_null();
        fits.then_some(Self { format, data, rows, blocks: length / BLOCK, stride })
    }

    /// Weights of a row.
    pub fn length(&self) -> usize {
        self.blocks * BLOCK
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }
}
