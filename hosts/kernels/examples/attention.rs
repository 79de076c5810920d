//! How fast attention is: `cargo run --release -p hob-kernels --example attention [keys [threads [kept shared width]]]`.
//!
//! Each round goes through the memories of a model's layers, which together are too large for the second cache.
#![allow(unsafe_code)]

mod together;

use hob_kernels::{Attention, Bench, Machine};

/// Layers of a model.
const LAYERS: usize = 30;
/// Times that everything is measured; the best counts.
const ROUNDS: usize = 20;
/// 1.0 and minus infinity in half precision.
const ONE: u16 = 0x3c00;
const HIDDEN: u16 = 0xfc00;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let number = |at: usize, usual: usize| numbers.get(at).copied().unwrap_or(usual);
    let (keys, threads) = (number(0, 1000), number(1, 1));
    let shape = [number(2, 3), number(3, 3), number(4, 64)];
    println!("{LAYERS} layers of {keys} keys, {threads} threads, heads, shared by, width: {shape:?}");
    for machine in Machine::all() {
        for tokens in [1, 4, 20, 64, 128] {
            measure(machine, tokens, keys, shape, threads);
        }
    }
}

/// An attention that all threads see.
struct Shared(Attention);

// SAFETY: points to vectors that outlive the threads, which write to different parts of them.
unsafe impl Sync for Shared {}

fn measure(machine: Machine, tokens: usize, keys: usize, [kept, shared, width]: [usize; 3], threads: usize) {
    let heads = kept * shared;
    let layer = keys * kept * width;
    let halves: Vec<u16> = (0..2 * LAYERS * layer).map(|at| ONE - (at * 7 % 2011) as u16).collect();
    let queries: Vec<f32> = (0..tokens * heads * width).map(|at| (at % 199) as f32 / 99.0 - 1.0).collect();
    let hidden = |token: usize, key: usize| key >= keys - (tokens - 1 - token).min(keys - 1);
    let mask: Vec<u16> = (0..tokens * keys).map(|at| if hidden(at / keys, at % keys) { HIDDEN } else { 0 }).collect();
    let mut results = vec![0.0_f32; queries.len()];
    let mut attention = |(at, layer): (usize, &[u16])| {
        let (keys, values) = layer.split_at(layer.len() / 2);
        Attention {
            queries: queries.as_ptr(),
            queries_stride: (heads * width, width),
            keys: keys.as_ptr(),
            keys_stride: (kept * width, width),
            values: values.as_ptr(),
            values_stride: (kept * width, width),
            mask: mask.as_ptr(),
            mask_stride: mask.len() / tokens,
            looked: at > 0,
            results: results.as_mut_ptr(),
            results_stride: (heads * width, width),
            scale: 0.125,
            tokens,
            length: mask.len() / tokens,
            heads,
            shared,
            width,
        }
    };
    let layers: Vec<Shared> =
        halves.chunks_exact(2 * layer).enumerate().map(|layer| Shared(attention(layer))).collect();
    let bench = Bench::new(machine);
    // SAFETY: nobody runs yet.
    unsafe { bench.reserve_attention(&layers[0].0) };
    let best = together::best(threads, ROUNDS, |thread, meeting| {
        for layer in &layers {
            // SAFETY: the vectors have the sizes told of, and all threads come and wait for each other.
            unsafe { bench.attend(&layer.0, thread, threads) };
            meeting.wait();
        }
    });
    let bytes = size_of_val(&halves[..]);
    let products = 2 * LAYERS * tokens * heads * width * keys;
    let (milliseconds, gigabytes, products) = (1e3 * best, bytes as f64 / best / 1e9, products as f64 / best / 1e9);
    println!(
        "{machine:?}, {tokens:3} tokens: {milliseconds:7.2} ms, {gigabytes:5.1} GB/s, {products:6.1} G products/s"
    );
}
