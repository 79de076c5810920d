//! How fast products are, against how fast memory is:
//! `cargo run --release -p hob-kernels --example speed [rows length [threads]]`.
//!
//! The matrices are together too large for the caches, as those of a model are.
#![allow(unsafe_code)]

mod together;

use hob_kernels::{Bench, Format, Inputs, Job, Machine, Matrix, Outputs};

/// Bytes of all matrices together.
const BYTES: usize = 100_000_000;
/// Times that everything is measured; the best counts.
const ROUNDS: usize = 5;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let (rows, length) = if let [rows, length, ..] = numbers[..] { (rows, length) } else { (1536, 768) };
    let threads = numbers.get(2).copied().unwrap_or(1);
    println!("{} MB of matrices of {rows} rows of {length} weights, {threads} threads", BYTES / 1_000_000);
    for machine in Machine::all() {
        for format in [Format::Q4_0, Format::Q4_1, Format::Q8_0, Format::Q4K, Format::Q6K] {
            for count in [1, 4, 16, 64, 512] {
                measure(machine, format, (rows, length), count, threads);
            }
        }
    }
}

/// A job that all threads see.
struct Shared(Job);

// SAFETY: points to vectors that outlive the threads, which write to different parts of them.
unsafe impl Sync for Shared {}

fn measure(machine: Machine, format: Format, (rows, length): (usize, usize), count: usize, threads: usize) {
    let size = rows * format.row_bytes(length);
    // Half-precision numbers of a harmless size, whatever they are read as.
    let weights: Vec<u8> = (0..BYTES / size * size).map(|at| (at * 7 % 61) as u8).collect();
    let inputs: Vec<f32> = (0..count * length).map(|at| (at % 199) as f32 / 99.0 - 1.0).collect();
    let mut outputs = vec![0.0_f32; count * rows];
    let matrix = |weights: &[u8]| Matrix::new(format, weights.as_ptr(), rows, length, format.row_bytes(length));
    let Some(matrices) = weights.chunks_exact(size).map(matrix).collect::<Option<Vec<_>>>() else {
        println!("there is no kernel for this shape");
        return;
    };
    let (inputs, outputs) =
        (Inputs { data: inputs.as_ptr(), stride: length, count }, Outputs { data: outputs.as_mut_ptr(), stride: rows });
    let next = matrices.iter().cycle().skip(1);
    let jobs: Vec<Shared> = matrices
        .iter()
        .zip(next)
        .map(|(matrix, next)| Shared(Job { matrix: *matrix, inputs, rounded: false, outputs, next: *next }))
        .collect();
    let bench = Bench::new(machine);
    // SAFETY: nobody runs yet.
    unsafe { bench.reserve(count, length) };
    let best = together::best(threads, ROUNDS, |thread, meeting| {
        for job in &jobs {
            // SAFETY: the vectors have the sizes told of, and all threads come and wait for each other.
            unsafe { bench.run(&job.0, thread, threads) };
            meeting.wait();
        }
    });
    let gigabytes = weights.len() as f64 / best / 1e9;
    let products = (matrices.len() * rows * length * count) as f64 / best / 1e9;
    println!("{machine:?} {format:?}, {count:3} tokens: {gigabytes:6.1} GB/s of weights, {products:6.1} G products/s");
}
