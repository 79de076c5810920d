//! What attention needs of an instruction set: a few numbers side by side.
#![allow(unsafe_code)]

/// A register of `f32`.
///
/// # Safety
/// All functions need a processor with the instruction set, and are to be inlined into a function that is compiled for
/// it. What they read and write is there.
pub trait Floats: Copy {
    /// Numbers in a register.
    const LANES: usize;

    /// Zero in all lanes.
    unsafe fn zero() -> Self;
    /// The same number in all lanes.
    unsafe fn all(number: f32) -> Self;
    /// Reads a number for each lane.
    unsafe fn load(from: *const f32) -> Self;
    /// Reads a half-precision number for each lane.
    unsafe fn load_half(from: *const u16) -> Self;
    /// Writes a number for each lane.
    unsafe fn store(self, to: *mut f32);
    /// `self * by + plus`, rounded once.
    unsafe fn mul_add(self, by: Self, plus: Self) -> Self;
    /// `self * by`.
    unsafe fn mul(self, by: Self) -> Self;
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    unsafe fn sub(self, other: Self) -> Self;
    /// The larger of each pair.
    unsafe fn max(self, other: Self) -> Self;
    /// The largest of all lanes.
    unsafe fn largest(self) -> f32;
    /// All lanes added up, in an order of its own.
    unsafe fn sum(self) -> f32;
    /// The nearest whole numbers.
    unsafe fn whole(self) -> Self;
    /// 2 to the power of each, which is a whole number from -126 to 127.
    unsafe fn power_of_two(self) -> Self;
    /// `number` in the lanes that are above `least`, zero in the others.
    unsafe fn where_above(self, least: f32, number: Self) -> Self;
    /// Turns rows, at most as many as there are lanes: at each place, `stride` apart, half-precision numbers for all lanes
    /// are read; number `i` of all rows is written to `to + i * apart`, with zeros for rows that are missing.
    unsafe fn turn_half(from: *const u16, stride: usize, places: &[u32], to: *mut f32, apart: usize);
    /// A bit for each of 64 half-precision numbers that is not [`HIDDEN`](crate::seen::HIDDEN).
    unsafe fn shown(mask: *const u16) -> u64;

    /// `e` to the power of each, which is 0 or less; what is too small for a normal number is 0.
    ///
    /// As usual: with `x = n ln 2 + r`, `exp(x) = 2^n exp(r)`, and for `r`, which is at most half of `ln 2`, the first
    /// terms of the series do; the remainder is below the precision of a number (r^7 / 7!, 1.2e-7).
    #[inline(always)]
    unsafe fn exp(self) -> Self {
        // SAFETY: the caller has the instructions.
        unsafe {
            // Beyond this the result is not a normal number; where the argument was below, it is thrown away.
            let argument = self.max(Self::all(LEAST_EXPONENT));
            let n = argument.mul(Self::all(std::f32::consts::LOG2_E)).whole();
            // In two steps, since n times the first is exact.
            let r = n.mul_add(Self::all(-LN_2_HIGH), argument);
            let r = n.mul_add(Self::all(-LN_2_LOW), r);
            let mut power = Self::all(1.0 / 720.0);
            for term in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
                power = power.mul_add(r, Self::all(term));
            }
            self.where_above(LEAST_EXPONENT, power.mul(n.power_of_two()))
        }
    }
}

const LEAST_EXPONENT: f32 = -87.0;
/// `ln 2` to 11 bits.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
