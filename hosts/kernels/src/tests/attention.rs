//! Attention, against softmax as it is defined.
#![allow(unsafe_code)]

use super::Noise;
use crate::{Attention, Bench, Machine};

const ZERO: u16 = 0;
const HIDDEN: u16 = 0xfc00;

/// Queries, keys and values, and what they are.
struct Case {
    tokens: usize,
    length: usize,
    kept: usize,
    shared: usize,
    width: usize,
    queries: Vec<f32>,
    keys: Vec<(f32, u16)>,
    values: Vec<(f32, u16)>,
    mask: Vec<u16>,
}

struct Job(Attention);

// SAFETY: points to vectors that outlive the threads, which write to different parts of them.
unsafe impl Sync for Job {}

impl Case {
    /// `kept` heads of keys, each for `shared` of the queries.
    fn new(tokens: usize, length: usize, kept: usize, shared: usize, width: usize) -> Self {
        let mut noise = Noise((tokens * length + width) as u64);
        // Signed and of a size that makes some scores count far more than others.
        let mut halves = |count: usize| -> Vec<(f32, u16)> {
            let signed = |(number, bits): (f32, u16), minus| {
                if minus { (-16.0 * number, (bits + (4 << 10)) | 1 << 15) } else { (16.0 * number, bits + (4 << 10)) }
            };
            (0..count)
                .map(|_| (noise.half(), noise.next().is_multiple_of(2)))
                .map(|(half, minus)| signed(half, minus))
                .collect()
        };
        let (keys, values) = (halves(length * kept * width), halves(length * kept * width));
        let queries = (0..tokens * kept * shared * width).map(|_| noise.number()).collect();
        // Every token sees what stands before it, except for a few, and the first sees nothing in the second block.
        let seen = |token: usize, key: usize| {
            key < length - (tokens - 1 - token).min(length - 1)
                && !(key * 7 + token).is_multiple_of(5)
                && (!(40..=180).contains(&key) || token > 0)
        };
        let mask = (0..tokens).flat_map(|token| (0..length).map(move |key| (token, key)));
        let mask = mask.map(|(token, key)| if seen(token, key) { ZERO } else { HIDDEN }).collect();
        Self { tokens, length, kept, shared, width, queries, keys, values, mask }
    }

    fn run(&self, machine: Machine, threads: usize) -> Vec<f32> {
        self.run_on(&Bench::new(machine), threads, false)
    }

    fn run_on(&self, bench: &Bench, threads: usize, looked: bool) -> Vec<f32> {
        let heads = self.kept * self.shared;
        let bits = |numbers: &[(f32, u16)]| numbers.iter().map(|(_, bits)| *bits).collect::<Vec<_>>();
        let (keys, values) = (bits(&self.keys), bits(&self.values));
        let mut results = vec![f32::NAN; self.queries.len()];
        let job = Job(Attention {
            queries: self.queries.as_ptr(),
            queries_stride: (heads * self.width, self.width),
            keys: keys.as_ptr(),
            keys_stride: (self.kept * self.width, self.width),
            values: values.as_ptr(),
            values_stride: (self.kept * self.width, self.width),
            mask: if self.mask.is_empty() { std::ptr::null() } else { self.mask.as_ptr() },
            mask_stride: self.length,
            looked,
            results: results.as_mut_ptr(),
            results_stride: (heads * self.width, self.width),
            scale: self.scale(),
            tokens: self.tokens,
            length: self.length,
            heads,
            shared: self.shared,
            width: self.width,
        });
        assert!(job.0.fits(bench.machine()));
        // SAFETY: nobody runs yet.
        unsafe { bench.reserve_attention(&job.0) };
        for _ in 0..2 {
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    let job = &job;
                    // SAFETY: the sizes are the vectors', and all threads are here.
                    scope.spawn(move || unsafe { assert!(bench.attend(&job.0, thread, threads)) });
                }
            });
        }
        results
    }

    fn scale(&self) -> f32 {
        2.0 / (self.width as f32).sqrt()
    }

    fn expected(&self) -> Vec<f32> {
        let heads = self.kept * self.shared;
        let mut results = Vec::new();
        for (row, query) in self.queries.chunks(self.width).enumerate() {
            let (token, head) = (row / heads, row % heads / self.shared);
            let of = |numbers: &[(f32, u16)], key: usize, at: usize| {
                f64::from(numbers[(key * self.kept + head) * self.width + at].0)
            };
            let seen = |key: &usize| self.mask.get(token * self.length + key).is_none_or(|mask| *mask == ZERO);
            let keys: Vec<usize> = (0..self.length).filter(seen).collect();
            let score = |key: &usize| {
                let sum: f64 = query.iter().enumerate().map(|(at, q)| f64::from(*q) * of(&self.keys, *key, at)).sum();
                f64::from(self.scale()) * sum
            };
            let scores: Vec<f64> = keys.iter().map(score).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
            let all: f64 = weights.iter().sum();
            for at in 0..self.width {
                let sum: f64 = keys.iter().zip(&weights).map(|(key, weight)| weight * of(&self.values, *key, at)).sum();
                results.push(if all > 0.0 { (sum / all) as f32 } else { 0.0 });
            }
        }
        results
    }
}

#[test]
fn attention_is_right_in_all_shapes() {
    for machine in Machine::all() {
        for (tokens, length, kept, shared, width) in [
            (1, 1, 1, 1, 16),
            (1, 64, 3, 3, 64),
            (1, 301, 2, 7, 64),
            (2, 999, 1, 1, 80),
            (4, 512, 2, 5, 96),
            (12, 700, 1, 3, 128),
            (75, 310, 2, 4, 64),
            (3, 70, 1, 40, 32),
        ] {
            let mut case = Case::new(tokens, length, kept, shared, width);
            for masked in [true, false] {
                if !masked {
                    case.mask.clear();
                }
                let (results, expected) = (case.run(machine, 1), case.expected());
                for (at, (result, expected)) in results.iter().zip(&expected).enumerate() {
                    let off = (result - expected).abs();
                    assert!(off < 1e-5, "{machine:?} {tokens} {length} {width} {masked} {at}: {result} {expected}");
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for machine in Machine::all() {
        for tokens in [1, 3, 30, 90] {
            let case = Case::new(tokens, 1_500, 2, 3, 64);
            let alone = case.run(machine, 1);
            for threads in [2, 5, 40] {
                assert_eq!(case.run(machine, threads), alone, "{tokens} {threads}");
            }
        }
    }
}

#[test]
fn a_mask_that_was_read_is_not_read_again_and_a_new_one_is() {
    for machine in Machine::all() {
        let bench = Bench::new(machine);
        for (tokens, length) in [(3, 100), (2, 90)] {
            let case = Case::new(tokens, length, 2, 3, 64);
            let first = case.run_on(&bench, 2, false);
            assert_eq!(first, case.run(machine, 1));
            let blind = Case { mask: vec![HIDDEN; tokens * length], ..case };
            assert_eq!(blind.run_on(&bench, 2, true), first);
            assert!(blind.run_on(&bench, 2, false).iter().all(|number| *number == 0.0));
        }
    }
}

#[test]
fn other_tokens_of_the_step_change_nothing() {
    for machine in Machine::all() {
        let all = Case::new(9, 600, 2, 3, 64);
        let results = all.run(machine, 1);
        let row = all.kept * all.shared * all.width;
        for token in 0..all.tokens {
            let alone = Case {
                tokens: 1,
                queries: all.queries[token * row..][..row].to_vec(),
                mask: all.mask[token * all.length..][..all.length].to_vec(),
                keys: all.keys.clone(),
                values: all.values.clone(),
                ..all
            };
            assert_eq!(alone.run(machine, 2), results[token * row..][..row], "{token}");
        }
    }
}

#[test]
fn the_places_of_keys_change_nothing() {
    let (tokens, length) = (6, 700);
    let plain = Case::new(tokens, length, 2, 3, 64);
    let shown = |token: usize, key: usize| key <= length - tokens + token;
    let mask = |shown: &dyn Fn(usize, usize) -> bool| {
        let all = (0..tokens).flat_map(|token| (0..length).map(move |key| (token, key)));
        all.map(|(token, key)| if shown(token, key) { ZERO } else { HIDDEN }).collect::<Vec<_>>()
    };
    let together = Case { mask: mask(&shown), ..plain };
    // The same keys in the same order, with those of somebody else between them.
    let spread = |numbers: &[(f32, u16)]| {
        let rows = numbers.chunks(together.kept * together.width);
        rows.enumerate()
            .flat_map(|(key, row)| if key % 7 == 0 { [row, row].concat() } else { row.to_vec() })
            .collect::<Vec<_>>()
    };
    let (keys, values) = (spread(&together.keys), spread(&together.values));
    let own: Vec<Option<usize>> =
        (0..length).flat_map(|key| if key % 7 == 0 { vec![Some(key), None] } else { vec![Some(key)] }).collect();
    let mask = (0..tokens).flat_map(|token| own.iter().map(move |key| (token, *key)));
    let mask = mask.map(|(token, key)| if key.is_some_and(|key| shown(token, key)) { ZERO } else { HIDDEN }).collect();
    let apart = Case { mask, keys, values, length: own.len(), queries: together.queries.clone(), ..together };
    for machine in Machine::all() {
        let results = together.run(machine, 2);
        assert_eq!(apart.run(machine, 3), results);
        assert!(results.iter().zip(together.expected()).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

#[test]
fn who_may_look_at_nothing_gets_nothing() {
    for machine in Machine::all() {
        let mut case = Case::new(2, 300, 1, 2, 32);
        case.mask[..300].fill(HIDDEN);
        let results = case.run(machine, 3);
        assert_eq!(results[..64], [0.0; 64]);
        assert!(results[64..].iter().all(|number| number.is_finite() && *number != 0.0));
    }
}

#[test]
fn shapes_without_a_kernel_are_refused() {
    for machine in Machine::all() {
        let case = Case::new(1, 4, 1, 1, 16);
        let attention = |heads, shared, width| {
            let (queries, results) = (case.queries.as_ptr(), std::ptr::dangling_mut());
            let (keys, values, mask) = (std::ptr::dangling(), std::ptr::dangling(), std::ptr::null());
            let strides = (16, 16);
            let (queries_stride, keys_stride, values_stride, results_stride) = (strides, strides, strides, strides);
            let (tokens, length, mask_stride, scale) = (1, 4, 4, 1.0);
            Attention {
                queries,
                queries_stride,
                keys,
                keys_stride,
                values,
                values_stride,
                mask,
                mask_stride,
                results,
                results_stride,
                looked: false,
                scale,
                tokens,
                length,
                heads,
                shared,
                width,
            }
        };
        assert!(attention(6, 3, 64).fits(machine));
        assert!(!attention(6, 4, 64).fits(machine));
        assert!(!attention(6, 3, 60).fits(machine));
        assert!(!attention(1_000, 1_000, 64).fits(machine));
    }
}
