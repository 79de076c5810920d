//! The seam between the store and the way its nearest vectors are found.
//!
//! Up to a million vectors looking at all of them is quick enough (`examples/vectors.rs` measures it), costs no
//! memory besides the file and no time to build. What is to replace it beyond that gives candidates in the same way;
//! the store scores them exactly.

use super::dot::{self, Coarse};
use super::file::RecordFile;
use crate::types::ChunkId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// I have a query: `candidates` gives the chunks that are probably nearest.
pub trait AnnIndex {
    /// About `count` chunks that `wanted` lets through, in no order and each once. Empty for a query without
    /// direction or of another length.
    fn candidates(&self, query: &[f32], count: usize, wanted: &dyn Fn(ChunkId) -> bool) -> Vec<ChunkId>;
}

/// Looks at every vector, in int8.
pub(super) struct Flat<'a> {
    pub(super) file: &'a RecordFile,
    pub(super) slots: &'a [Option<ChunkId>],
    pub(super) dim: usize,
}

impl AnnIndex for Flat<'_> {
    fn candidates(&self, query: &[f32], count: usize, wanted: &dyn Fn(ChunkId) -> bool) -> Vec<ChunkId> {
        let Some((_, values)) = dot::quantise(query).filter(|_| query.len() == self.dim && count > 0) else {
            return Vec::new();
        };
        let coarse = Coarse::of(values);
        let mut best: BinaryHeap<Reverse<(Ordered, ChunkId)>> =
            BinaryHeap::with_capacity(count.min(self.slots.len()) + 1);
        let mut least = f32::MIN;
        for (slot, id) in (0u32..).zip(self.slots) {
            let Some(id) = *id else { continue };
            let (scale, values) = self.file.vector(slot);
            // The query's own scale is the same for all.
            let score = coarse.dot(values) as f32 * scale;
            if score <= least || !wanted(id) {
                continue;
            }
            best.push(Reverse((Ordered(score), id)));
            if best.len() > count {
                best.pop();
                least = best.peek().map_or(f32::MIN, |entry| entry.0.0.0);
            }
        }
        // A chunk may have several vectors.
        let mut ids: Vec<ChunkId> = best.into_iter().map(|entry| entry.0.1).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// A score that can be compared; scores are never NaN because stored vectors are finite.
#[derive(Clone, Copy, PartialEq)]
struct Ordered(f32);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
