//! All kernels of this processor against what is computed number by number.

mod attention;
mod products;

/// Numbers without an order that anyone would see.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// From -1 to 1.
    fn number(&mut self) -> f32 {
        (self.next() % 2_001) as f32 / 1_000.0 - 1.0
    }

    /// A half-precision number from 1/16 to 1/8, and its bits.
    fn half(&mut self) -> (f32, u16) {
        let fraction = (self.next() % 1_024) as u16;
        ((1.0 + f32::from(fraction) / 1_024.0) / 16.0, 11 << 10 | fraction)
    }
}
