//! How long a search of the vector store takes, on one thread, and how many of the truly nearest it finds.
//!
//!     cargo run --release --example vectors -- [VECTORS] [DIMENSIONS]
//!
//! The vectors are random around 1,000 random centres, which is as uneven as passages are; made from a fixed seed.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Instant;

use hob_index::vectors::Vectors;

const QUERIES: usize = 100;
const CENTRES: usize = 1_000;

/// SplitMix64: enough for numbers that only have to look random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// About normally distributed: the sum of four uniform numbers.
    fn normal(&mut self) -> f32 {
        (0..4).map(|_| (self.next() >> 40) as f32 / (1u64 << 24) as f32 - 0.5).sum()
    }

    fn vector(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.normal()).collect()
    }
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= norm);
    vector
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let (count, dim) = (arguments.next().unwrap_or(100_000), arguments.next().unwrap_or(384));
    let mut random = Random(7);
    let centres: Vec<Vec<f32>> = (0..CENTRES).map(|_| random.vector(dim)).collect();
    let near = |random: &mut Random| {
        let centre = &centres[random.next() as usize % CENTRES];
        let own = random.vector(dim);
        unit(centre.iter().zip(own).map(|(a, b)| a + b).collect())
    };
    let all: Vec<(u64, Vec<f32>)> = (0..count as u64).map(|id| (id, near(&mut random))).collect();
    let dir = tempfile::tempdir().unwrap();
    let mut store = Vectors::open(dir.path(), "random", dim).unwrap();
    store.append(&all).unwrap();
    store.flush().unwrap();

    let queries: Vec<Vec<f32>> = (0..QUERIES).map(|_| near(&mut random)).collect();
    let (mut times, mut found) = (Vec::new(), 0);
    for query in &queries {
        let begun = Instant::now();
        let got = store.top(query, 10);
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
        let score = |vector: &[f32]| query.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>();
        let mut exact: Vec<(f32, u64)> = all.iter().map(|(id, vector)| (score(vector), *id)).collect();
        exact.sort_by(|a, b| b.0.total_cmp(&a.0));
        found += exact[..10].iter().filter(|(_, id)| got.iter().any(|(other, _)| other == id)).count();
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{count} vectors of {dim}: median {:.2} ms, p95 {:.2} ms, recall@10 {:.4}",
        times[times.len() / 2],
        times[times.len() * 95 / 100],
        found as f64 / (10 * QUERIES) as f64
    );
}
