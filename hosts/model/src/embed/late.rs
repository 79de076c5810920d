//! Late interaction: a query's token vectors against a document's.
//!
//! Owns: token vectors as int8, their similarity (MaxSim, as in ColBERT: each token of the query takes
//! the token of the document that is most like it), and a bounded memory of documents' token vectors,
//! which are what takes the time. Must not know: batches, threads and wires.
//!
//! The vectors are those of an embedding model that was trained to be pooled. That they order
//! passages better than the pooled ones is measured (`bench/retrieval.py`), not promised by theory.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// Most bytes of remembered token vectors: about 400 passages of 150 tokens and 384 dimensions.
const MOST_BYTES: usize = 24 << 20;

/// The token vectors of one text, each of length one, as int8 with one scale each.
#[derive(Debug, Default)]
pub struct Tokens {
    dim: usize,
    scales: Vec<f32>,
    values: Vec<i8>,
}

impl Tokens {
    /// From rows of `dim` values; `None` when one is no number.
    pub fn of(rows: &[f32], dim: usize) -> Option<Self> {
        let mut out = Self { dim, scales: Vec::new(), values: Vec::with_capacity(rows.len()) };
        for row in rows.chunks_exact(dim.max(1)) {
            let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            if !length.is_finite() {
                return None;
            }
            let step = row.iter().fold(0.0f32, |most, v| most.max(v.abs())) / 127.0;
            // A vector of zeros is like nothing.
            let scale = if length > 0.0 && step > 0.0 { step / length } else { 0.0 };
            out.scales.push(scale);
            out.values.extend(row.iter().map(|v| if step > 0.0 { (v / step).round() as i8 } else { 0 }));
        }
        Some(out)
    }

    fn bytes(&self) -> usize {
        self.values.len() + 4 * self.scales.len()
    }

    fn rows(&self) -> impl Iterator<Item = (f32, &[i8])> {
        self.scales.iter().copied().zip(self.values.chunks_exact(self.dim.max(1)))
    }

    /// The mean over this query's tokens of the cosine to the document's token that is most like
    /// each; −1 to 1. 0 for an empty document. Only tokens that `count`, or all where none does.
    pub fn max_sim(&self, document: &Self, count: &[bool]) -> f32 {
        if self.scales.is_empty() || document.scales.is_empty() {
            return 0.0;
        }
        let all = !count.iter().take(self.scales.len()).any(|counts| *counts);
        let counts = |at: usize| all || count.get(at).copied().unwrap_or(false);
        let best = |(scale, row): (f32, &[i8])| {
            document.rows().map(|(other, values)| dot(row, values) as f32 * other).fold(f32::MIN, f32::max) * scale
        };
        let (mut sum, mut tokens) = (0.0, 0.0f32);
        for (_, row) in self.rows().enumerate().filter(|(at, _)| counts(*at)) {
            sum += best(row);
            tokens += 1.0;
        }
        sum / tokens.max(1.0)
    }
}

fn dot(a: &[i8], b: &[i8]) -> i32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[allow(unsafe_code)]
        // SAFETY: the processor has AVX2, the only requirement of the function.
        return unsafe { dot_avx2(a, b) };
    }
    sum(a, b)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dot_avx2(a: &[i8], b: &[i8]) -> i32 {
    sum(a, b)
}

/// Written so that the compiler turns it into multiply-add instructions of the width it may use.
#[inline(always)]
fn sum(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(i16::from(a) * i16::from(b))).sum()
}

/// Remembered token vectors, those used last.
#[derive(Default)]
pub struct Memory(Mutex<Held>);

#[derive(Default)]
struct Held {
    clock: u64,
    bytes: usize,
    texts: HashMap<Key, (u64, Arc<Tokens>)>,
}

/// A text by its length and hash. The hash is keyed by nothing, so that somebody who writes files
/// could make two texts collide; what that gains is a wrong place in a list of 20.
type Key = (usize, u64);

fn key(text: &str) -> Key {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    (text.len(), hasher.finish())
}

impl Memory {
    /// A text's token vectors, if they are remembered.
    pub fn get(&self, text: &str) -> Option<Arc<Tokens>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.clock += 1;
        let now = held.clock;
        let (used, tokens) = held.texts.get_mut(&key(text))?;
        *used = now;
        Some(tokens.clone())
    }

    /// Remembers a text's token vectors; the longest unused ones give way.
    pub fn put(&self, text: &str, tokens: Arc<Tokens>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.clock += 1;
        let now = held.clock;
        held.bytes += tokens.bytes();
        if let Some((_, old)) = held.texts.insert(key(text), (now, tokens)) {
            held.bytes -= old.bytes();
        }
        while held.bytes > MOST_BYTES {
            // A few hundred entries: looking at all of them costs less than keeping an order.
            let Some(oldest) = held.texts.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key) else {
                return;
            };
            held.bytes -= held.texts.remove(&oldest).map_or(0, |(_, tokens)| tokens.bytes());
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Held::default();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_token_of_the_query_takes_its_best_match() {
        let query = Tokens::of(&[1.0, 0.0, 0.0, 2.0], 2).unwrap();
        let same = Tokens::of(&[0.0, 3.0, 5.0, 0.0, 1.0, 1.0], 2).unwrap();
        assert!((query.max_sim(&same, &[]) - 1.0).abs() < 0.01);
        let half = Tokens::of(&[4.0, 0.0], 2).unwrap();
        assert!((query.max_sim(&half, &[]) - 0.5).abs() < 0.01);
        assert!((query.max_sim(&half, &[true, false]) - 1.0).abs() < 0.01, "the second token does not count");
        assert!((query.max_sim(&half, &[false, false]) - 0.5).abs() < 0.01, "all count where none does");
        let none = Tokens::default();
        assert_eq!((query.max_sim(&none, &[]), none.max_sim(&query, &[])), (0.0, 0.0));
    }

    #[test]
    fn zeros_are_like_nothing_and_what_is_no_number_is_refused() {
        let zero = Tokens::of(&[0.0, 0.0], 2).unwrap();
        assert_eq!(zero.max_sim(&Tokens::of(&[1.0, 0.0], 2).unwrap(), &[]), 0.0);
        assert!(Tokens::of(&[f32::NAN, 0.0], 2).is_none());
    }

    #[test]
    fn the_products_agree() {
        let a: Vec<i8> = (0..387).map(|i| (i * 37 % 255 - 127) as i8).collect();
        let b: Vec<i8> = (0..387).map(|i| (i * 91 % 255 - 127) as i8).collect();
        assert_eq!(dot(&a, &b), a.iter().zip(&b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>());
    }

    #[test]
    fn what_was_not_used_for_longest_gives_way() {
        let memory = Memory::default();
        let large = Arc::new(Tokens::of(&vec![1.0; MOST_BYTES / 3], 1 << 10).unwrap());
        memory.put("a", large.clone());
        memory.put("b", large.clone());
        memory.get("a").unwrap();
        memory.put("c", large);
        assert!(memory.get("a").is_some() && memory.get("b").is_none() && memory.get("c").is_some());
        memory.clear();
        assert!(memory.get("a").is_none());
    }
}
