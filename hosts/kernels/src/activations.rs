//! Room for what threads compute together: above all the inputs of a product, rounded to 8 bits in blocks of 32.
#![allow(unsafe_code)]

use crate::format::{BLOCK, Format};

/// Room for the rounded inputs of a product and the parts of an attention. The threads that compute them fill it and
/// read it together.
#[derive(Debug, Default)]
pub struct Room {
    numbers: Vec<i8>,
    scales: Vec<f32>,
    shifts: Vec<i32>,
    /// Parts of attention that are not yet put together.
    kept: Vec<f32>,
    /// Where they lie, so that threads that share the room need no `&mut` of it.
    places: Places,
}

#[derive(Debug, Clone, Copy)]
struct Places {
    numbers: *mut i8,
    scales: *mut f32,
    shifts: *mut i32,
    kept: *mut f32,
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

impl Default for Places {
    fn default() -> Self {
        let (scales, shifts, kept) = (std::ptr::dangling_mut(), std::ptr::dangling_mut(), std::ptr::dangling_mut());
        Self { numbers: std::ptr::dangling_mut(), scales, shifts, kept }
    }
}

impl Room {
    /// Makes the room large enough for so many blocks, all columns together.
    pub fn reserve(&mut self, blocks: usize) {
        if self.scales.len() < blocks {
            self.numbers.resize(blocks * BLOCK, 0);
            self.scales.resize(blocks, 0.0);
            self.shifts.resize(blocks, 0);
            self.places.numbers = self.numbers.as_mut_ptr();
            self.places.scales = self.scales.as_mut_ptr();
            self.places.shifts = self.shifts.as_mut_ptr();
        }
    }

    /// Makes room for so many numbers that are kept for a while.
    pub fn reserve_kept(&mut self, numbers: usize) {
        if self.kept.len() < numbers {
            self.kept.resize(numbers, 0.0);
            self.places.kept = self.kept.as_mut_ptr();
        }
    }

    /// Where so many numbers can be kept, or `None` if the room is too small.
    pub fn kept(&self, numbers: usize) -> Option<*mut f32> {
        (self.kept.len() >= numbers).then_some(self.places.kept)
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

    /// Has a block rounded by `round`, which is given where it goes, and gives what a number stands for and the sums of
    /// both halves.
    ///
    /// # Safety
    /// As [`Columns::words`]; no other thread reads or writes this block meanwhile.
    #[inline(always)]
    pub unsafe fn put(
        &self,
        column: usize,
        block: usize,
        format: Format,
        round: impl FnOnce(*mut i8) -> (f32, [i32; 2]),
    ) {
        let at = column * self.blocks + block;
        // SAFETY: inside the room, by the caller's word.
        unsafe {
            let (scale, sums) = round(self.places.numbers.add(at * BLOCK));
            *self.places.scales.add(at) = scale;
            *self.places.shifts.add(at) = shift(format, scale, sums);
        }
    }
}

/// What makes up for the zero point of a format's weights in the product with a block.
///
/// The instructions multiply unsigned weights with signed inputs, so signed weights are read as unsigned ones with a
/// zero point: 8 for 4 bits, 128 for 8. That makes the whole-number product too large by `zero point * sum`, which this
/// takes off. Where the halves of a block have scales of their own, both sums are needed, 16 bits each. Weights with a
/// least value have it counted `scale * sum` times: the bits of that `f32`.
#[inline(always)]
fn shift(format: Format, scale: f32, [first, second]: [i32; 2]) -> i32 {
    match format {
        Format::Q4_0 => -8 * (first + second),
        Format::Q8_0 => -128 * (first + second),
        Format::Q4_1 | Format::Q4K => (scale * (first + second) as f32).to_bits().cast_signed(),
        Format::Q6K => second << 16 | first & 0xffff,
    }
}
