//! Attention of the tokens of a step to what stands before them, computed by all threads of the step together.
//!
//! A token's queries meet the keys of the tokens before it; the values of these are added up, each weighted by the
//! softmax of its score. Keys are taken in blocks whose scores never leave the cache, with a running maximum
//! (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022). Long
//! memories are cut into parts that threads work on at once; the parts are put together in order, so that the result
//! does not depend on who computed which.
#![allow(unsafe_code)]

use crate::attend;
use crate::machine::Machine;
use crate::product::Bench;
use crate::seen::Seen;

/// Keys of a part.
pub(crate) const PART: usize = 256;
/// Rows, a head of a token each, that should meet a block of keys: unpacking it pays with many.
pub(crate) const ROWS: usize = 64;
/// Most of them: all heads that share keys stay together.
pub(crate) const MOST_ROWS: usize = 128;
/// Pieces of work that each thread should find; with fewer, parts of the memory are shared out.
const PIECES: usize = 3;
/// They are only shared out for few tokens: until they are put together they need room.
const FEW_GROUPS: usize = 8;

/// Queries, keys and values of a step, as llama.cpp lays them out. Strides are in numbers of the kind they are for.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// `f32`: `tokens` by `heads` by `width`.
    pub queries: *const f32,
    /// From one token's queries to the next, and from one head's.
    pub queries_stride: (usize, usize),
    /// Half-precision: `keys` by `heads / shared` by `width`.
    pub keys: *const u16,
    /// From one key to the next, and from one head's keys.
    pub keys_stride: (usize, usize),
    /// Half-precision, like the keys.
    pub values: *const u16,
    /// From one value to the next, and from one head's values.
    pub values_stride: (usize, usize),
    /// Half-precision, `tokens` by `keys`: minus infinity where a token must not look, zero elsewhere. Null: it may look
    /// everywhere.
    pub mask: *const u16,
    /// From one token's mask to the next.
    pub mask_stride: usize,
    /// Whether the bench has just read this very mask, for another layer.
    pub looked: bool,
    /// `f32`: `tokens` by `heads` by `width`.
    pub results: *mut f32,
    /// From one token's results to the next, and from one head's.
    pub results_stride: (usize, usize),
    /// What a product of query and key is multiplied with.
    pub scale: f32,
    /// Tokens of the step.
    pub tokens: usize,
    /// Keys in memory.
    pub length: usize,
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of the queries that share one of the keys and values.
    pub shared: usize,
    /// Numbers of a query, key or value.
    pub width: usize,
}

/// A piece of work: a head of keys and values, and some tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    /// Head of the keys and values.
    pub head: usize,
    /// First token.
    pub token: usize,
    /// Tokens.
    pub tokens: usize,
}

/// How the work is cut.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// Tokens of a piece.
    tokens: usize,
    /// Groups of so many tokens.
    groups: usize,
    /// Parts of the memory.
    parts: usize,
    /// Heads times groups.
    pieces: usize,
    /// Whether threads take single parts of a piece.
    apart: bool,
}

impl Attention {
    /// Whether there are kernels for this shape on a machine.
    pub fn fits(&self, machine: Machine) -> bool {
        let whole = self.shared > 0 && self.heads > 0 && self.heads.is_multiple_of(self.shared);
        whole && self.shared <= MOST_ROWS && self.width > 0 && self.width.is_multiple_of(machine.lanes())
    }

    /// Numbers to keep while parts are not yet put together.
    fn kept(&self) -> usize {
        let cut = self.cut(usize::MAX);
        if cut.apart { cut.parts * self.heads * self.tokens * (self.width + 2) } else { 0 }
    }

    fn cut(&self, threads: usize) -> Cut {
        let most = (ROWS / self.shared).clamp(1, self.tokens.max(1));
        // As many tokens in the last one as in the others.
        let tokens = self.tokens.div_ceil(self.tokens.div_ceil(most));
        let (groups, parts) = (self.tokens.div_ceil(tokens), self.length.div_ceil(PART));
        let pieces = self.heads / self.shared * groups;
        let few = pieces < threads.saturating_mul(PIECES);
        Cut { tokens, groups, parts, pieces, apart: few && parts > 1 && groups <= FEW_GROUPS }
    }

    fn piece(&self, cut: &Cut, number: usize) -> Piece {
        let (head, token) = (number / cut.groups, number % cut.groups * cut.tokens);
        Piece { head, token, tokens: cut.tokens.min(self.tokens - token) }
    }
}

impl Bench {
    /// Makes room for attention of this shape.
    ///
    /// # Safety
    /// No thread is in [`Bench::run`] or [`Bench::attend`].
    pub unsafe fn reserve_attention(&self, attention: &Attention) {
        // SAFETY: nobody else is here, by the caller's word.
        unsafe { (*self.room()).reserve_kept(attention.kept()) }
    }

    /// Computes the share of one thread in an attention. `false`: nothing was done, since room for it was not reserved
    /// or there is no kernel for its shape.
    ///
    /// # Safety
    /// As [`Bench::run`]: everything can be read and the results written, each of `threads` threads makes the same call,
    /// and none starts on what comes next before all have come back.
    pub unsafe fn attend(&self, attention: &Attention, thread: usize, threads: usize) -> bool {
        let cut = attention.cut(threads);
        // SAFETY: only read here.
        let kept = unsafe { (*self.room()).kept(if cut.apart { attention.kept() } else { 0 }) };
        let Some(kept) = kept.filter(|_| attention.fits(self.machine())) else { return false };
        // SAFETY: the mask can be read, and all threads come here.
        let seen = unsafe { self.look(attention, thread, threads) };
        let row = attention.width + 2;
        let place = |piece: &Piece, part: usize| {
            // Rows of a piece lie together, piece after piece, part after part.
            let before = attention.tokens * (part * attention.heads + piece.head * attention.shared);
            // SAFETY: inside of what was reserved.
            unsafe { kept.add((before + piece.token * attention.shared) * row) }
        };
        let pieces = if cut.apart { cut.pieces * cut.parts } else { cut.pieces };
        while let Some(taken) = self.crew().take(pieces, thread, threads) {
            let piece = attention.piece(&cut, taken % cut.pieces);
            // SAFETY: the shape has kernels here; every piece is taken once, and has a place of its own.
            unsafe {
                if cut.apart {
                    let part = taken / cut.pieces;
                    self.machine().attend_part(attention, seen, &piece, part, place(&piece, part));
                } else {
                    self.machine().attend(attention, seen, &piece);
                }
            }
        }
        if cut.apart {
            self.crew().meet(threads);
            for number in (thread..cut.pieces).step_by(threads) {
                let piece = attention.piece(&cut, number);
                // SAFETY: all parts are computed; every piece is put together by one thread.
                unsafe { attend::put_together(attention, &piece, cut.parts, |part| place(&piece, part)) };
            }
        }
        self.crew().leave(threads);
        true
    }

    /// What the tokens look at; the first thread reads it when it is new.
    ///
    /// # Safety
    /// As [`Bench::attend`].
    unsafe fn look(&self, attention: &Attention, thread: usize, threads: usize) -> &Seen {
        if !attention.looked {
            if thread == 0 {
                // SAFETY: nobody else looks before all have met.
                unsafe { self.machine().look(attention, &mut *self.seen()) };
            }
            self.crew().meet(threads);
        }
        // SAFETY: only changed above.
        unsafe { &*self.seen() }
    }
}
