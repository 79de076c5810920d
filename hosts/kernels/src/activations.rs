//! The inputs of a product, rounded to 8 bits in blocks of 32.
#![allow(unsafe_code)]

use crate::format::{BLOCK, Format};

/// Room for the rounded inputs of a product. The threads that compute it fill it and read it together.
#[derive(Debug)]
pub struct Room {
    numbers: Vec<i8>,
    scales: Vec<f32>,
    shifts: Vec<i32>,
    /// Where the three lie, so that threads that share the room need no `&mut` of it.
    places: Places,
}

#[derive(Debug, Clone, Copy)]
struct Places {
    numbers: *mut i8,
    scales: *mut f32,
    shifts: *mut i32,
}

/// The rounded inputs of a product, one column for each.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    places: Places,
    /// Blocks of a column.
    pub blocks: usize,
    /// Columns.
    pub count: usize,
}

impl Default for Room {
    fn default() -> Self {
        let places =
            Places { numbers: std::ptr::null_mut(), scales: std::ptr::null_mut(), shifts: std::ptr::null_mut() };
        Self { numbers: Vec::new(), scales: Vec::new(), shifts: Vec::new(), places }
    }
}

impl Room {
    /// Makes the room large enough for so many blocks, all columns together.
    pub fn reserve(&mut self, blocks: usize) {
        if self.scales.len() < blocks {
            self.numbers.resize(blocks * BLOCK, 0);
            self.scales.resize(blocks, 0.0);
            self.shifts.resize(blocks, 0);
            self.places = Places {
                numbers: self.numbers.as_mut_ptr(),
                scales: self.scales.as_mut_ptr(),
                shifts: self.shifts.as_mut_ptr(),
            };
        }
    }

    /// Columns in this room, or `None` if it is too small. They are valid until it is made larger or dropped.
    pub fn columns(&self, count: usize, blocks: usize) -> Option<Columns> {
        let fits = self.scales.len() >= count.checked_mul(blocks)?;
        fits.then_some(Columns { places: self.places, blocks, count })
    }
}

impl Columns {
    /// The 32 numbers of a block, as words of four.
    ///
    /// # Safety
    /// `column` and `block` lie below `count` and `blocks`, and the room is still there.
    #[inline(always)]
    pub unsafe fn words(&self, column: usize, block: usize) -> *const i32 {
        // SAFETY: inside the room, by the caller's word.
        unsafe { self.places.numbers.add((column * self.blocks + block) * BLOCK).cast() }
    }

    /// What a number of a block stands for, and its shift, see [`shift`].
    ///
    /// # Safety
    /// As [`Columns::words`].
    #[inline(always)]
    pub unsafe fn scale(&self, column: usize, block: usize) -> (f32, i32) {
        let at = column * self.blocks + block;
        // SAFETY: inside the room, by the caller's word.
        unsafe { (*self.places.scales.add(at), *self.places.shifts.add(at)) }
    }

    /// Rounds a block, given where it goes; gives what a number stands for, and the sum of the numbers.
    ///
    /// # Safety
    /// As [`Columns::words`]; no other thread reads or writes this block meanwhile.
    #[inline(always)]
    pub unsafe fn put(&self, column: usize, block: usize, format: Format, round: impl FnOnce(*mut i8) -> (f32, i32)) {
        let at = column * self.blocks + block;
        // SAFETY: inside the room, by the caller's word.
        unsafe {
            let (scale, sum) = round(self.places.numbers.add(at * BLOCK));
            *self.places.scales.add(at) = scale;
            *self.places.shifts.add(at) = shift(format, scale, sum);
        }
    }
}

/// What makes up for the zero point of a format's weights in the product with a block.
///
/// The instructions multiply unsigned weights with signed inputs, so signed weights are read as unsigned ones with a
/// zero point: 8 for 4 bits, 128 for 8. That makes the whole-number product too large by `zero point * sum`, which this
/// takes off. Weights with a least value have it counted `scale * sum` times: the bits of that `f32`.
#[inline(always)]
fn shift(format: Format, scale: f32, sum: i32) -> i32 {
    match format {
        Format::Q4_0 => -8 * sum,
        Format::Q8_0 => -128 * sum,
        Format::Q4_1 => (scale * sum as f32).to_bits().cast_signed(),
    }
}
