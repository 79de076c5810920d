//! Products, against those computed weight by weight.
#![allow(unsafe_code, clippy::unwrap_used)]

use super::Noise;
use crate::format::BLOCK;
use crate::{Bench, Format, Inputs, Job, Machine, Matrix, Outputs};

const FORMATS: [Format; 5] = [Format::Q4_0, Format::Q4_1, Format::Q8_0, Format::Q4K, Format::Q6K];

/// Weights of a format, and what they stand for.
fn weights(format: Format, count: usize, noise: &mut Noise) -> (Vec<u8>, Vec<f32>) {
    let blocks = (0..count / format.block_weights()).map(|_| match format {
        Format::Q4_0 | Format::Q4_1 => of_4_bits(format == Format::Q4_1, noise),
        Format::Q8_0 => of_8_bits(noise),
        Format::Q4K => of_4_bits_in_256(noise),
        Format::Q6K => of_6_bits_in_256(noise),
    });
    let (bytes, values): (Vec<_>, Vec<_>) = blocks.unzip();
    (bytes.concat(), values.concat())
}

fn bytes(count: usize, noise: &mut Noise) -> Vec<u8> {
    (0..count).map(|_| (noise.next() % 256) as u8).collect()
}

fn of_4_bits(least: bool, noise: &mut Noise) -> (Vec<u8>, Vec<f32>) {
    let (scale, bits) = noise.half();
    let (least, more) = if least { noise.half() } else { (-8.0 * scale, 0) };
    let numbers = bytes(BLOCK / 2, noise);
    let values = numbers.iter().map(|byte| byte & 15).chain(numbers.iter().map(|byte| byte >> 4));
    let values = values.map(|number| scale * f32::from(number) + least).collect();
    let head = [bits.to_le_bytes(), more.to_le_bytes()].concat();
    (if more == 0 { [&head[..2], &numbers].concat() } else { [head, numbers].concat() }, values)
}

fn of_8_bits(noise: &mut Noise) -> (Vec<u8>, Vec<f32>) {
    let (scale, bits) = noise.half();
    let numbers = bytes(BLOCK, noise);
    let values = numbers.iter().map(|number| scale * f32::from(number.cast_signed())).collect();
    ([bits.to_le_bytes().to_vec(), numbers].concat(), values)
}

/// As `dequantize_row_q4_K` reads them.
fn of_4_bits_in_256(noise: &mut Noise) -> (Vec<u8>, Vec<f32>) {
    let ((scale, bits), (second, more)) = (noise.half(), noise.half());
    let (parts, numbers) = (bytes(12, noise), bytes(128, noise));
    let value = |at: usize| {
        let part = at / 32;
        let (of_part, least) = if part < 4 {
            (parts[part] & 63, parts[part + 4] & 63)
        } else {
            let upper = |byte: u8| byte >> 6 << 4;
            (parts[part + 4] & 15 | upper(parts[part - 4]), parts[part + 4] >> 4 | upper(parts[part]))
        };
        let byte = numbers[at / 64 * 32 + at % 32];
        let number = if part.is_multiple_of(2) { byte & 15 } else { byte >> 4 };
        scale * f32::from(of_part) * f32::from(number) - second * f32::from(least)
    };
    let values = (0..256).map(value).collect();
    ([bits.to_le_bytes().to_vec(), more.to_le_bytes().to_vec(), parts, numbers].concat(), values)
}

/// As `dequantize_row_q6_K` reads them.
fn of_6_bits_in_256(noise: &mut Noise) -> (Vec<u8>, Vec<f32>) {
    let (scale, bits) = noise.half();
    let (lower, upper, parts) = (bytes(128, noise), bytes(64, noise), bytes(16, noise));
    let value = |at: usize| {
        let (side, part, place) = (at / 128, at % 128 / 32, at % 32);
        let lower = lower[64 * side + 32 * (part % 2) + place] >> (4 * (part / 2)) & 15;
        let upper = upper[32 * side + place] >> (2 * part) & 3;
        let number = f32::from(lower | upper << 4) - 32.0;
        scale * f32::from(parts[at / 16].cast_signed()) * number
    };
    let values = (0..256).map(value).collect();
    ([lower, upper, parts, bits.to_le_bytes().to_vec()].concat(), values)
}

/// An input as it is rounded, computed one number after another.
fn rounded(input: &[f32]) -> Vec<f32> {
    let round = |block: &[f32]| {
        let scale = block.iter().fold(0.0_f32, |most, number| most.max(number.abs())) / 127.0;
        let unit = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        block.iter().map(|number| (number * unit).round_ties_even() * scale).collect::<Vec<_>>()
    };
    input.chunks(BLOCK).flat_map(round).collect()
}

struct Case {
    format: Format,
    rows: usize,
    length: usize,
    bytes: Vec<u8>,
    values: Vec<f32>,
}

impl Case {
    fn new(format: Format, rows: usize, length: usize) -> Self {
        let (bytes, values) = weights(format, rows * length, &mut Noise((rows * length) as u64));
        Self { format, rows, length, bytes, values }
    }

    fn run(&self, machine: Machine, at: *const u8, inputs: &[f32], threads: usize) -> Vec<f32> {
        let stride = self.format.row_bytes(self.length);
        let matrix = Matrix::new(self.format, at, self.rows, self.length, stride).unwrap();
        let count = inputs.len() / self.length;
        let mut results = vec![f32::NAN; count * self.rows];
        let bench = Bench::new(machine);
        let job = Shared(Job {
            matrix,
            next: matrix,
            inputs: Inputs { data: inputs.as_ptr(), stride: self.length, count },
            rounded: false,
            outputs: Outputs { data: results.as_mut_ptr(), stride: self.rows },
        });
        // SAFETY: nobody runs yet.
        unsafe { bench.reserve(count, self.length) };
        // Again, since the bench has to be as it was; and with the inputs that it has by then.
        for rounded in [false, false, true] {
            let job = Shared(Job { rounded, ..job.0 });
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    let (job, bench) = (&job, &bench);
                    // SAFETY: the sizes are the vectors', and all threads are here.
                    scope.spawn(move || unsafe {
                        assert!(bench.run(&job.0, thread, threads));
                    });
                }
            });
        }
        results
    }

    fn expected(&self, inputs: &[f32]) -> Vec<f32> {
        let mut results = Vec::new();
        for input in inputs.chunks(self.length) {
            let input = rounded(input);
            for row in self.values.chunks(self.length) {
                let sum: f64 = row.iter().zip(&input).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                results.push(sum as f32);
            }
        }
        results
    }
}

struct Shared(Job);

// SAFETY: points to vectors that outlive the threads, which write to different parts of them.
unsafe impl Sync for Shared {}

fn inputs(count: usize, length: usize) -> Vec<f32> {
    let mut noise = Noise(7);
    (0..count * length).map(|_| noise.number()).collect()
}

#[test]
fn products_are_right_in_all_shapes() {
    for machine in Machine::all() {
        for format in FORMATS {
            for (rows, length, count) in [
                (16, 256, 1),
                (33, 512, 6),
                (50, 768, 19),
                (16, 32, 1),
                (16, 64, 2),
                (17, 96, 3),
                (31, 128, 4),
                (33, 160, 5),
                (64, 224, 8),
                (65, 288, 9),
                (40, 576, 31),
                (300, 96, 70),
            ] {
                if length % format.block_weights() != 0 {
                    continue;
                }
                let case = Case::new(format, rows, length);
                let inputs = inputs(count, length);
                let results = case.run(machine, case.bytes.as_ptr(), &inputs, 1);
                let expected = case.expected(&inputs);
                let size = expected.iter().fold(0.0_f32, |most, number| most.max(number.abs()));
                for (at, (result, expected)) in results.iter().zip(&expected).enumerate() {
                    let off = (result - expected).abs();
                    assert!(off <= size * 1e-5, "{machine:?} {format:?} {rows}x{length} {at}: {result} {expected}");
                }
            }
        }
    }
}

#[test]
fn a_result_depends_on_nothing_but_its_input() {
    let Some(best) = Machine::detect() else {
        return eprintln!("SKIPPED: there are no kernels for this processor");
    };
    for format in FORMATS {
        let case = Case::new(format, 150, 768);
        let inputs = inputs(21, case.length);
        let all: Vec<Vec<f32>> = Machine::all()
            .into_iter()
            .flat_map(|machine| [1, 2, 5].map(|threads| case.run(machine, case.bytes.as_ptr(), &inputs, threads)))
            .collect();
        for results in &all {
            assert_eq!(results, &all[0]);
        }
        for (input, together) in inputs.chunks(case.length).zip(all[0].chunks(case.rows)) {
            let alone = case.run(best, case.bytes.as_ptr(), input, 1);
            assert_eq!(alone, together);
        }
    }
}

#[test]
fn nothing_beside_the_weights_is_read() {
    // A multiple of every page size.
    let page = 64 * 1024;
    for format in FORMATS {
        let case = Case::new(format, 19, 512);
        let pages = case.bytes.len().div_ceil(page);
        let inputs = inputs(3, case.length);
        let expected = case.expected(&inputs);
        let size = expected.iter().fold(0.0_f32, |most, number| most.max(number.abs()));
        // SAFETY: maps fresh memory; the first and the last page of it can't be touched, the rest is ours.
        unsafe {
            use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
            let mapped = (pages + 2) * page;
            let at = mmap_anonymous(std::ptr::null_mut(), mapped, ProtFlags::empty(), MapFlags::PRIVATE).unwrap();
            let inside = at.cast::<u8>().add(page);
            mprotect(inside.cast(), pages * page, MprotectFlags::READ | MprotectFlags::WRITE).unwrap();
            for place in [inside, inside.add(pages * page - case.bytes.len())] {
                place.copy_from_nonoverlapping(case.bytes.as_ptr(), case.bytes.len());
                for machine in Machine::all() {
                    let results = case.run(machine, place, &inputs, 1);
                    assert!(results.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4 * size), "{results:?}");
                }
            }
            munmap(at, mapped).unwrap();
        }
    }
}

#[test]
fn strange_inputs_do_no_harm() {
    for machine in Machine::all() {
        let case = Case::new(Format::Q4_0, 16, 64);
        let mut inputs = vec![0.0; 3 * case.length];
        inputs[case.length] = f32::INFINITY;
        inputs[2 * case.length] = f32::NAN;
        let results = case.run(machine, case.bytes.as_ptr(), &inputs, 1);
        assert_eq!(results[..case.rows], vec![0.0; case.rows]);
    }
}

#[test]
fn shapes_without_a_kernel_are_refused() {
    let byte = [0_u8];
    let matrix = |rows, length, stride| Matrix::new(Format::Q4_1, byte.as_ptr(), rows, length, stride).is_some();
    assert!(matrix(16, 64, 40));
    assert!(!matrix(15, 64, 40));
    assert!(!matrix(16, 48, 40));
    assert!(!matrix(16, 0, 40));
    assert!(!matrix(16, 64, 39));
    assert!(Matrix::new(Format::Q4_1, std::ptr::null(), 16, 64, 40).is_none());
}

#[test]
fn a_bench_without_room_says_so() {
    let Some(machine) = Machine::detect() else { return };
    let case = Case::new(Format::Q4_1, 16, 32);
    let inputs = inputs(1, 32);
    let matrix = Matrix::new(case.format, case.bytes.as_ptr(), 16, 32, 20).unwrap();
    let from = Inputs { data: inputs.as_ptr(), stride: 32, count: 1 };
    let to = Outputs { data: std::ptr::dangling_mut(), stride: 16 };
    let job = Job { matrix, inputs: from, rounded: false, outputs: to, next: matrix };
    // SAFETY: nothing is written without room.
    assert!(!unsafe { Bench::new(machine).run(&job, 0, 1) });
}
