//! The formats of weights, as they lie in a GGUF file.

/// Weights that are multiplied as a block.
pub const BLOCK: usize = 32;

/// How weights are stored, in blocks (ggml-common.h of llama.cpp has them as `block_q4_0` and so on).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Blocks of 32: a scale (f16) and numbers of 4 bits; a weight is `scale * (number - 8)`.
    Q4_0,
    /// Blocks of 32: a scale and a least value (f16 each) and numbers of 4 bits; a weight is `scale * number + least`.
    Q4_1,
    /// Blocks of 32: a scale (f16) and signed numbers of 8 bits; a weight is `scale * number`.
    Q8_0,
    /// Blocks of 256: two scales (f16), for each 32 a scale and a least value of 6 bits, and numbers of 4 bits; a weight is
    /// `scale * scale of the 32 * number - second scale * least of the 32`. llama.cpp's `Q4_K`.
    Q4K,
    /// Blocks of 256: numbers of 6 bits, for each 16 a scale of 8 bits, and a scale (f16); a weight is
    /// `scale * scale of the 16 * (number - 32)`. llama.cpp's `Q6_K`.
    Q6K,
}

impl Format {
    /// Bytes of a block.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q8_0 => 34,
            Self::Q4K => 144,
            Self::Q6K => 210,
        }
    }

    /// Weights of a block.
    pub const fn block_weights(self) -> usize {
        match self {
            Self::Q4_0 | Self::Q4_1 | Self::Q8_0 => 32,
            Self::Q4K | Self::Q6K => 256,
        }
    }

    /// Bytes of a row of `length` weights, a number of whole blocks.
    pub const fn row_bytes(self, length: usize) -> usize {
        length / self.block_weights() * self.block_bytes()
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
    /// fewer than [`Matrix::LEAST_ROWS`] rows, a length that is no number of
    /// whole blocks, or rows that overlap.
    pub fn new(format: Format, data: *const u8, rows: usize, length: usize, stride: usize) -> Option<Self> {
        let fits = rows >= Self::LEAST_ROWS
            && length > 0
            && length.is_multiple_of(format.block_weights())
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
