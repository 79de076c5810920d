//! How fast products are, against how fast memory is: `cargo run --release -p hob-kernels --example speed [rows length]`.
//!
//! One thread multiplies matrices that together are too large for the caches, as those of a model are.
#![allow(unsafe_code)]

use hob_kernels::{Bench, Format, Inputs, Machine, Matrix, Outputs};
use std::time::Instant;

/// Bytes of all matrices together.
const BYTES: usize = 100_000_000;
/// Times that everything is measured; the best counts.
const ROUNDS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let (rows, length) = match (arguments.next(), arguments.next()) {
        (Some(Ok(rows)), Some(Ok(length))) => (rows, length),
        _ => (1536, 576),
    };
    println!("matrices of {rows} rows of {length} weights, {} MB of them", BYTES / 1_000_000);
    for machine in Machine::all() {
        for format in [Format::Q4_0, Format::Q4_1, Format::Q8_0] {
            for count in [1, 2, 4, 8, 16, 64, 512] {
                measure(machine, format, rows, length, count);
            }
        }
    }
}

fn measure(machine: Machine, format: Format, rows: usize, length: usize, count: usize) {
    let size = rows * format.row_bytes(length);
    // Half-precision numbers of a harmless size, whatever they are read as.
    let weights: Vec<u8> = (0..BYTES / size * size).map(|at| (at * 7 % 61) as u8).collect();
    let inputs: Vec<f32> = (0..count * length).map(|at| (at % 199) as f32 / 99.0 - 1.0).collect();
    let mut outputs = vec![0.0_f32; count * rows];
    let bench = Bench::new(machine);
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for matrix in weights.chunks_exact(size) {
            let Some(matrix) = Matrix::new(format, matrix.as_ptr(), rows, length, format.row_bytes(length)) else {
                println!("there is no kernel for this shape");
                return;
            };
            let from = Inputs { data: inputs.as_ptr(), stride: length, count };
            let to = Outputs { data: outputs.as_mut_ptr(), stride: rows };
            // SAFETY: the vectors have the sizes told of, and this is the only thread.
            unsafe {
                bench.reserve(count, length);
                bench.run(&matrix, from, to, 0, 1);
            }
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    let gigabytes = weights.len() as f64 / best / 1e9;
    let products = (weights.len() / size * rows * length * count) as f64 / best / 1e9;
    println!("{machine:?} {format:?}, {count:3} tokens: {gigabytes:6.1} GB/s of weights, {products:6.1} G products/s");
}
