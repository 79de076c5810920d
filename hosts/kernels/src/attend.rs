//! The computing of attention, with any instruction set.
#![allow(unsafe_code)]

use crate::attention::{Attention, MOST_ROWS, PART, Piece};
use crate::floats::Floats;
use std::cell::RefCell;
use std::ops::Range;

/// Registers of keys in a block.
const REGISTERS: usize = 4;
/// Rows that meet a block at once: their scores stay in registers.
const ABREAST: usize = 4;
/// What is in the mask where a token must not look: minus infinity in half precision.
const HIDDEN: u16 = 0xfc00;

/// How far a row is: the largest score so far, and what the weights add up to.
#[derive(Debug, Clone, Copy)]
pub struct State {
    largest: f32,
    weights: f32,
}

const NOTHING: State = State { largest: f32::NEG_INFINITY, weights: 0.0 };

/// A cache line of numbers, so that registers never reach over two.
#[derive(Clone, Copy)]
#[repr(align(64))]
#[allow(dead_code, reason = "read and written through pointers")]
struct Line([f32; 16]);

thread_local! {
    static SCRATCH: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Room for so many numbers, which lasts until this thread asks again.
fn scratch(numbers: usize) -> *mut f32 {
    SCRATCH.with_borrow_mut(|lines| {
        if lines.len() * 16 < numbers {
            lines.resize(numbers.div_ceil(16), Line([0.0; 16]));
        }
        lines.as_mut_ptr().cast()
    })
}

/// Where a piece is computed. Rows are the heads of its tokens that share keys, all heads of a token together.
struct Work<'a> {
    attention: &'a Attention,
    piece: &'a Piece,
    rows: usize,
    /// The keys of a block, turned: number `i` of all of them together.
    keys: *mut f32,
    /// The values of a block.
    values: *mut f32,
    /// Scaled queries, a row each.
    queries: *mut f32,
    /// Scores of a block, later weights, a row each.
    scores: *mut f32,
    /// What a part adds up to, a row each.
    sums: *mut f32,
    /// What all parts so far add up to, a row each.
    totals: *mut f32,
    /// How far the rows are in a part.
    states: [State; MOST_ROWS],
}

/// Computes all parts of a piece.
///
/// # Safety
/// As [`crate::Machine::attend`] and [`Floats`].
#[inline(always)]
pub unsafe fn attend<F: Floats>(attention: &Attention, piece: &Piece, parts: usize) {
    let width = attention.width;
    let mut totals = [NOTHING; MOST_ROWS];
    // SAFETY: rows and parts exist; the rest is the caller's word.
    unsafe {
        let mut work = Work::new::<F>(attention, piece);
        for part in 0..parts {
            work.part::<F>(part);
            for row in 0..work.rows {
                let sums = std::slice::from_raw_parts(work.sums.add(row * width), width);
                let total = std::slice::from_raw_parts_mut(work.totals.add(row * width), width);
                join(total, &mut totals[row], sums, work.states[row]);
            }
        }
        for row in 0..work.rows {
            finish(attention, piece, row, work.totals.add(row * width), totals[row]);
        }
    }
}

/// Computes one part of a piece: for each row its sums and its state, one after another.
///
/// # Safety
/// As [`crate::Machine::attend_part`] and [`Floats`].
#[inline(always)]
pub unsafe fn attend_part<F: Floats>(attention: &Attention, piece: &Piece, part: usize, to: *mut f32) {
    let width = attention.width;
    // SAFETY: the part exists, and there is room for all rows.
    unsafe {
        let mut work = Work::new::<F>(attention, piece);
        work.part::<F>(part);
        for row in 0..work.rows {
            let to = to.add(row * (width + 2));
            to.copy_from_nonoverlapping(work.sums.add(row * width), width);
            *to.add(width) = work.states[row].largest;
            *to.add(width + 1) = work.states[row].weights;
        }
    }
}

/// Puts the parts of a piece together that [`attend_part`] left at `places`, and writes the results.
///
/// # Safety
/// So many parts are there, and nobody else writes these results.
pub unsafe fn put_together(attention: &Attention, piece: &Piece, parts: usize, places: impl Fn(usize) -> *mut f32) {
    let width = attention.width;
    let total = scratch(width);
    for row in 0..piece.tokens * attention.shared {
        let mut state = NOTHING;
        // SAFETY: every part has the sums and the state of each row.
        unsafe {
            for part in 0..parts {
                let from = places(part).add(row * (width + 2));
                let sums = std::slice::from_raw_parts(from, width);
                let of_part = State { largest: *from.add(width), weights: *from.add(width + 1) };
                join(std::slice::from_raw_parts_mut(total, width), &mut state, sums, of_part);
            }
            finish(attention, piece, row, total, state);
        }
    }
}

/// Adds what a part adds up to.
fn join(total: &mut [f32], state: &mut State, sums: &[f32], of_part: State) {
    if of_part.largest == f32::NEG_INFINITY {
        return;
    }
    if state.largest == f32::NEG_INFINITY {
        total.copy_from_slice(sums);
        *state = of_part;
        return;
    }
    let largest = state.largest.max(of_part.largest);
    let (old, new) = ((state.largest - largest).exp(), (of_part.largest - largest).exp());
    for (total, sum) in total.iter_mut().zip(sums) {
        *total = *total * old + sum * new;
    }
    *state = State { largest, weights: state.weights * old + of_part.weights * new };
}

/// Writes the result of a row; zeros for one that saw nothing.
unsafe fn finish(attention: &Attention, piece: &Piece, row: usize, total: *const f32, state: State) {
    let (token, head) = (piece.token + row / attention.shared, piece.head * attention.shared + row % attention.shared);
    let share = if state.weights > 0.0 { 1.0 / state.weights } else { 0.0 };
    // SAFETY: token and head exist, and there is a total for the row.
    unsafe {
        let to = attention.results.add(token * attention.results_stride.0 + head * attention.results_stride.1);
        for at in 0..attention.width {
            *to.add(at) = if share > 0.0 { *total.add(at) * share } else { 0.0 };
        }
    }
}

impl<'a> Work<'a> {
    #[inline(always)]
    unsafe fn new<F: Floats>(attention: &'a Attention, piece: &'a Piece) -> Self {
        let (rows, width, block) = (piece.tokens * attention.shared, attention.width, F::LANES * REGISTERS);
        let keys = scratch(2 * block * width + 3 * rows * width + rows * block);
        // SAFETY: one after another in what was just asked for. Each is a whole number of registers.
        unsafe {
            let values = keys.add(block * width);
            let queries = values.add(block * width);
            let sums = queries.add(rows * width);
            let totals = sums.add(rows * width);
            let scores = totals.add(rows * width);
            for row in 0..rows {
                let (token, head) = (row / attention.shared, row % attention.shared);
                let from = (piece.token + token) * attention.queries_stride.0
                    + (piece.head * attention.shared + head) * attention.queries_stride.1;
                for at in (0..width).step_by(F::LANES) {
                    let query = F::load(attention.queries.add(from + at));
                    query.mul(F::all(attention.scale)).store(queries.add(row * width + at));
                }
            }
            let states = [NOTHING; MOST_ROWS];
            Self { attention, piece, rows, keys, values, queries, scores, sums, totals, states }
        }
    }

    /// Adds up what the keys and values of a part give.
    #[inline(always)]
    unsafe fn part<F: Floats>(&mut self, part: usize) {
        let block = F::LANES * REGISTERS;
        self.states[..self.rows].fill(NOTHING);
        // SAFETY: the sums have so many numbers; blocks end where the memory ends.
        unsafe {
            self.sums.write_bytes(0, self.rows * self.attention.width);
            let end = (PART * (part + 1)).min(self.attention.length);
            for start in (PART * part..end).step_by(block) {
                self.block::<F>(start..end.min(start + block));
            }
        }
    }

    #[inline(always)]
    unsafe fn block<F: Floats>(&mut self, keys: Range<usize>) {
        let mut rows = [0; MOST_ROWS];
        let mut seeing = 0;
        // SAFETY: the tokens, the keys and the rows exist.
        unsafe {
            for token in 0..self.piece.tokens {
                if self.sees(token, &keys) {
                    for head in 0..self.attention.shared {
                        rows[seeing] = token * self.attention.shared + head;
                        seeing += 1;
                    }
                }
            }
            if seeing == 0 {
                return;
            }
            self.unpack::<F>(&keys);
            for rows in rows[..seeing].chunks(ABREAST) {
                match *rows {
                    [a] => self.meet::<F, 1>(&keys, [a]),
                    [a, b] => self.meet::<F, 2>(&keys, [a, b]),
                    [a, b, c] => self.meet::<F, 3>(&keys, [a, b, c]),
                    [a, b, c, d] => self.meet::<F, 4>(&keys, [a, b, c, d]),
                    _ => {}
                }
            }
        }
    }

    /// Whether a token may look at any of these keys.
    #[inline(always)]
    unsafe fn sees(&self, token: usize, keys: &Range<usize>) -> bool {
        if self.attention.mask.is_null() {
            return true;
        }
        // SAFETY: the mask has a number for each token and key.
        let mask = unsafe { std::slice::from_raw_parts(self.mask(token, keys.start), keys.len()) };
        // Without a way out on the way, it is done many at a time.
        mask.iter().fold(0, |seen, hidden| seen | (hidden ^ HIDDEN)) != 0
    }

    #[inline(always)]
    unsafe fn mask(&self, token: usize, key: usize) -> *const u16 {
        // SAFETY: as in `sees`.
        unsafe { self.attention.mask.add((self.piece.token + token) * self.attention.mask_stride + key) }
    }

    /// Makes numbers of a block's keys and values. What is missing of a whole block is zero.
    #[inline(always)]
    unsafe fn unpack<F: Floats>(&self, keys: &Range<usize>) {
        let (attention, block) = (self.attention, F::LANES * REGISTERS);
        let width = attention.width;
        // SAFETY: keys and values are there for the range and this head.
        unsafe {
            let from = |key: usize| {
                attention.keys.add(key * attention.keys_stride.0 + self.piece.head * attention.keys_stride.1)
            };
            for lane in (0..block).step_by(F::LANES) {
                let there = keys.len().saturating_sub(lane).min(F::LANES);
                for at in (0..width).step_by(F::LANES) {
                    let to = self.keys.add(at * block + lane);
                    F::turn_half(
                        from(keys.start + lane.min(keys.len() - 1)).add(at),
                        attention.keys_stride.0,
                        there,
                        to,
                        block,
                    );
                }
            }
            let from = |key: usize| {
                attention.values.add(key * attention.values_stride.0 + self.piece.head * attention.values_stride.1)
            };
            for (key, to) in keys.clone().zip(0..) {
                for at in (0..width).step_by(F::LANES) {
                    F::load_half(from(key).add(at)).store(self.values.add(to * width + at));
                }
            }
        }
    }

    /// Some rows meet the block: scores, weights, and the values they add.
    #[inline(always)]
    unsafe fn meet<F: Floats, const N: usize>(&mut self, keys: &Range<usize>, rows: [usize; N]) {
        // SAFETY: the rows exist.
        unsafe {
            self.score::<F, N>(rows);
            for row in rows {
                self.weigh::<F>(keys, row);
            }
            let width = self.attention.width;
            let wide = width - width % (REGISTERS * F::LANES);
            for at in (0..wide).step_by(REGISTERS * F::LANES) {
                self.add::<F, N, REGISTERS>(keys.len(), rows, at);
            }
            for at in (wide..width).step_by(F::LANES) {
                self.add::<F, N, 1>(keys.len(), rows, at);
            }
        }
    }

    /// Products of the rows' queries with all keys of the block.
    #[inline(always)]
    unsafe fn score<F: Floats, const N: usize>(&self, rows: [usize; N]) {
        let (width, block) = (self.attention.width, F::LANES * REGISTERS);
        // SAFETY: there is a query and a score for each row, and a key for each lane.
        unsafe {
            let mut scores = [[F::zero(); REGISTERS]; N];
            for at in 0..width {
                let mut keys = [F::zero(); REGISTERS];
                for register in 0..REGISTERS {
                    keys[register] = F::load(self.keys.add(at * block + register * F::LANES));
                }
                for row in 0..N {
                    let query = F::all(*self.queries.add(rows[row] * width + at));
                    for register in 0..REGISTERS {
                        scores[row][register] = keys[register].mul_add(query, scores[row][register]);
                    }
                }
            }
            for row in 0..N {
                for register in 0..REGISTERS {
                    scores[row][register].store(self.scores.add(rows[row] * block + register * F::LANES));
                }
            }
        }
    }

    /// Makes weights of a row's scores, relative to the largest so far.
    #[inline(always)]
    unsafe fn weigh<F: Floats>(&mut self, keys: &Range<usize>, row: usize) {
        let (width, block) = (self.attention.width, F::LANES * REGISTERS);
        // SAFETY: there are scores, sums, and a mask for each row.
        unsafe {
            let scores = self.scores.add(row * block);
            for lane in keys.len()..block {
                *scores.add(lane) = f32::NEG_INFINITY;
            }
            let mask = (!self.attention.mask.is_null()).then(|| self.mask(row / self.attention.shared, keys.start));
            let mut largest = F::all(f32::NEG_INFINITY);
            for lane in (0..block).step_by(F::LANES) {
                let mut score = F::load(scores.add(lane));
                if let Some(mask) = mask.filter(|_| lane < keys.len()) {
                    score = score.add(F::load_half_some(mask.add(lane), keys.len() - lane));
                    score.store(scores.add(lane));
                }
                largest = largest.max(score);
            }
            let before = self.states[row];
            let largest = largest.largest().max(before.largest);
            if largest == f32::NEG_INFINITY {
                return self.scores.add(row * block).write_bytes(0, block);
            }
            let mut weights = F::zero();
            for lane in (0..block).step_by(F::LANES) {
                let weight = F::load(scores.add(lane)).sub(F::all(largest)).exp();
                weight.store(scores.add(lane));
                weights = weights.add(weight);
            }
            let mut sum = weights.sum();
            if before.largest > f32::NEG_INFINITY {
                let old = (before.largest - largest).exp();
                sum += before.weights * old;
                if old != 1.0 {
                    for at in (0..width).step_by(F::LANES) {
                        let sums = self.sums.add(row * width + at);
                        F::load(sums).mul(F::all(old)).store(sums);
                    }
                }
            }
            self.states[row] = State { largest, weights: sum };
        }
    }

    /// Adds the weighted values to the rows' sums, `R` registers of them from number `at` on.
    #[inline(always)]
    unsafe fn add<F: Floats, const N: usize, const R: usize>(&self, keys: usize, rows: [usize; N], at: usize) {
        let (width, block) = (self.attention.width, F::LANES * REGISTERS);
        // SAFETY: there are weights and sums for each row, and so many values.
        unsafe {
            let mut sums = [[F::zero(); R]; N];
            for row in 0..N {
                for register in 0..R {
                    sums[row][register] = F::load(self.sums.add(rows[row] * width + at + register * F::LANES));
                }
            }
            for key in 0..keys {
                let mut values = [F::zero(); R];
                for register in 0..R {
                    values[register] = F::load(self.values.add(key * width + at + register * F::LANES));
                }
                for row in 0..N {
                    let weight = F::all(*self.scores.add(rows[row] * block + key));
                    for register in 0..R {
                        sums[row][register] = values[register].mul_add(weight, sums[row][register]);
                    }
                }
            }
            for row in 0..N {
                for register in 0..R {
                    sums[row][register].store(self.sums.add(rows[row] * width + at + register * F::LANES));
                }
            }
        }
    }
}
