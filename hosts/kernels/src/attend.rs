//! The computing of attention, with any instruction set.
#![allow(unsafe_code)]

use crate::attention::{Attention, MOST_ROWS, PART, Piece};
use crate::floats::Floats;
use crate::seen::{Run, Seen};
use crate::tiles::{LINE, fetch};
use std::cell::RefCell;
use std::ops::Range;

/// Rows that meet a block at once: their scores stay in registers.
const ABREAST: usize = 4;

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

/// Where the tokens of a run are computed, with blocks of `R` registers of keys. Rows are their heads that share keys, all
/// heads of a token together.
struct Work<'a, const R: usize> {
    attention: &'a Attention,
    piece: &'a Piece,
    seen: &'a Seen,
    /// The run's tokens, by their number in the step.
    tokens: Range<usize>,
    /// Where its keys are.
    places: &'a [u32],
    rows: usize,
    /// The keys of a block, turned: number `i` of all of them together.
    keys: *mut f32,
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

/// Computes all parts of a piece, with blocks of `R` registers of keys: four rows meet them at once, and all their scores
/// are to stay in registers.
///
/// # Safety
/// As [`crate::Machine::attend`] and [`Floats`].
#[inline(always)]
pub unsafe fn attend<F: Floats, const R: usize>(attention: &Attention, seen: &Seen, piece: &Piece) {
    let width = attention.width;
    // SAFETY: rows and parts exist; the rest is the caller's word.
    unsafe {
        for run in seen.runs(piece) {
            let mut totals = [NOTHING; MOST_ROWS];
            let mut work = Work::<R>::new::<F>(attention, piece, seen, &run);
            for part in 0..work.places.len().div_ceil(PART) {
                work.part::<F>(part);
                for row in 0..work.rows {
                    let sums = std::slice::from_raw_parts(work.sums.add(row * width), width);
                    let total = std::slice::from_raw_parts_mut(work.totals.add(row * width), width);
                    join(total, &mut totals[row], sums, work.states[row]);
                }
            }
            let before = (run.tokens.start - piece.token) * attention.shared;
            for row in 0..work.rows {
                finish(attention, piece, before + row, work.totals.add(row * width), totals[row]);
            }
        }
    }
}

/// Computes one part of a piece: for each row its sums and its state, one after another.
///
/// # Safety
/// As [`crate::Machine::attend_part`] and [`Floats`].
#[inline(always)]
pub unsafe fn attend_part<F: Floats, const R: usize>(
    attention: &Attention,
    seen: &Seen,
    piece: &Piece,
    part: usize,
    to: *mut f32,
) {
    let width = attention.width;
    // SAFETY: the part exists, and there is room for all rows.
    unsafe {
        for run in seen.runs(piece) {
            let mut work = Work::<R>::new::<F>(attention, piece, seen, &run);
            work.part::<F>(part);
            let before = (run.tokens.start - piece.token) * attention.shared;
            for row in 0..work.rows {
                let to = to.add((before + row) * (width + 2));
                to.copy_from_nonoverlapping(work.sums.add(row * width), width);
                *to.add(width) = work.states[row].largest;
                *to.add(width + 1) = work.states[row].weights;
            }
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

impl<'a, const R: usize> Work<'a, R> {
    #[inline(always)]
    unsafe fn new<F: Floats>(attention: &'a Attention, piece: &'a Piece, seen: &'a Seen, run: &Run) -> Self {
        let (tokens, places) = (run.tokens.clone(), seen.places(run));
        let (rows, width, block) = (tokens.len() * attention.shared, attention.width, F::LANES * R);
        let keys = scratch(block * width + 3 * rows * width + rows * block);
        // SAFETY: one after another in what was just asked for. Each is a whole number of registers.
        unsafe {
            let queries = keys.add(block * width);
            let sums = queries.add(rows * width);
            let totals = sums.add(rows * width);
            let scores = totals.add(rows * width);
            for row in 0..rows {
                let (token, head) = (tokens.start + row / attention.shared, row % attention.shared);
                let from = token * attention.queries_stride.0
                    + (piece.head * attention.shared + head) * attention.queries_stride.1;
                for at in (0..width).step_by(F::LANES) {
                    let query = F::load(attention.queries.add(from + at));
                    query.mul(F::all(attention.scale)).store(queries.add(row * width + at));
                }
            }
            let states = [NOTHING; MOST_ROWS];
            Self { attention, piece, seen, tokens, places, rows, keys, queries, scores, sums, totals, states }
        }
    }

    /// Adds up what the keys and values of a part give: [`PART`] of those that the run's tokens look at.
    #[inline(always)]
    unsafe fn part<F: Floats>(&mut self, part: usize) {
        let block = F::LANES * R;
        self.states[..self.rows].fill(NOTHING);
        // SAFETY: the sums have so many numbers.
        unsafe {
            self.sums.write_bytes(0, self.rows * self.attention.width);
            let all = self.places.len();
            for start in (PART * part..all.min(PART * (part + 1))).step_by(block) {
                self.block::<F>(start..all.min(start + block));
            }
        }
    }

    /// Some of the keys, by their number among those that the run's last token looks at.
    #[inline(always)]
    unsafe fn block<F: Floats>(&mut self, keys: Range<usize>) {
        // Every token of a run looks at the first so many of them.
        let first = self.tokens.clone().find(|token| self.seen.count(*token) > keys.start).unwrap_or(self.tokens.end);
        // SAFETY: keys and rows exist.
        unsafe {
            self.unpack::<F>(&self.places[keys.clone()]);
            let rows = (first - self.tokens.start) * self.attention.shared..self.rows;
            let ahead = &self.places[keys.end..self.places.len().min(keys.end + F::LANES * R)];
            let groups = rows.len().div_ceil(ABREAST);
            for (group, row) in rows.step_by(ABREAST).enumerate() {
                self.call(&ahead[ahead.len() * group / groups..ahead.len() * (group + 1) / groups]);
                match self.rows - row {
                    1 => self.meet::<F, 1>(&keys, row),
                    2 => self.meet::<F, 2>(&keys, row),
                    3 => self.meet::<F, 3>(&keys, row),
                    _ => self.meet::<F, ABREAST>(&keys, row),
                }
            }
        }
    }

    /// Calls keys and values into the cache. They lie too far apart for the processor to see an order.
    #[inline(always)]
    fn call(&self, places: &[u32]) {
        let attention = self.attention;
        let keys = attention.keys.wrapping_add(self.piece.head * attention.keys_stride.1);
        let values = attention.values.wrapping_add(self.piece.head * attention.values_stride.1);
        for place in places {
            for at in (0..attention.width).step_by(LINE / size_of::<u16>()) {
                fetch(keys.wrapping_add(*place as usize * attention.keys_stride.0 + at).cast());
                fetch(values.wrapping_add(*place as usize * attention.values_stride.0 + at).cast());
            }
        }
    }

    /// Makes numbers of a block's keys, and turns them. What is missing of a whole block is zero.
    #[inline(always)]
    unsafe fn unpack<F: Floats>(&self, places: &[u32]) {
        let (attention, block) = (self.attention, F::LANES * R);
        let width = attention.width;
        // SAFETY: keys and values are there for these places and this head.
        unsafe {
            let from = attention.keys.add(self.piece.head * attention.keys_stride.1);
            for lane in (0..block).step_by(F::LANES) {
                let places = &places[lane.min(places.len())..places.len().min(lane + F::LANES)];
                for at in (0..width).step_by(F::LANES) {
                    F::turn_half(
                        from.add(at),
                        attention.keys_stride.0,
                        places,
                        self.keys.add(at * block + lane),
                        block,
                    );
                }
            }
        }
    }

    /// Some rows meet the block: scores, weights, and the values they add.
    #[inline(always)]
    unsafe fn meet<F: Floats, const N: usize>(&mut self, keys: &Range<usize>, first: usize) {
        // SAFETY: the rows exist.
        unsafe {
            self.score::<F, N>(first);
            for row in first..first + N {
                let token = self.tokens.start + row / self.attention.shared;
                self.weigh::<F>(row, self.seen.count(token).clamp(keys.start, keys.end) - keys.start);
            }
            let width = self.attention.width;
            let wide = width - width % (R * F::LANES);
            for at in (0..wide).step_by(R * F::LANES) {
                self.add::<F, N, R>(keys, first, at);
            }
            for at in (wide..width).step_by(F::LANES) {
                self.add::<F, N, 1>(keys, first, at);
            }
        }
    }

    /// Products of the rows' queries with all keys of the block.
    #[inline(always)]
    unsafe fn score<F: Floats, const N: usize>(&self, first: usize) {
        let (width, block) = (self.attention.width, F::LANES * R);
        // SAFETY: there is a query and a score for each row, and a key for each lane.
        unsafe {
            let mut scores = [[F::zero(); R]; N];
            for at in 0..width {
                let mut keys = [F::zero(); R];
                for register in 0..R {
                    keys[register] = F::load(self.keys.add(at * block + register * F::LANES));
                }
                for row in 0..N {
                    let query = F::all(*self.queries.add((first + row) * width + at));
                    for register in 0..R {
                        scores[row][register] = keys[register].mul_add(query, scores[row][register]);
                    }
                }
            }
            for row in 0..N {
                for register in 0..R {
                    scores[row][register].store(self.scores.add((first + row) * block + register * F::LANES));
                }
            }
        }
    }

    /// Makes weights of a row's scores, relative to the largest so far; only the first `seen` keys count.
    #[inline(always)]
    unsafe fn weigh<F: Floats>(&mut self, row: usize, seen: usize) {
        let (width, block) = (self.attention.width, F::LANES * R);
        // SAFETY: there are scores and sums for each row.
        unsafe {
            let scores = self.scores.add(row * block);
            if seen == 0 {
                return scores.write_bytes(0, block);
            }
            for key in seen..block {
                *scores.add(key) = f32::NEG_INFINITY;
            }
            let mut largest = F::load(scores);
            for lane in (F::LANES..block).step_by(F::LANES) {
                largest = largest.max(F::load(scores.add(lane)));
            }
            let before = self.states[row];
            let largest = largest.largest().max(before.largest);
            let mut weights = F::zero();
            for lane in (0..block).step_by(F::LANES) {
                let weight = F::load(scores.add(lane)).sub(F::all(largest)).exp();
                weight.store(scores.add(lane));
                weights = weights.add(weight);
            }
            let mut sum = weights.sum();
            if largest == before.largest {
                sum += before.weights;
            } else if before.largest > f32::NEG_INFINITY {
                let old = F::all(before.largest - largest).exp();
                for at in (0..width).step_by(F::LANES) {
                    let sums = self.sums.add(row * width + at);
                    F::load(sums).mul(old).store(sums);
                }
                sum += old.mul(F::all(before.weights)).largest();
            }
            self.states[row] = State { largest, weights: sum };
        }
    }

    /// Adds the weighted values to the rows' sums, `W` registers of them from number `at` on.
    #[inline(always)]
    unsafe fn add<F: Floats, const N: usize, const W: usize>(&self, keys: &Range<usize>, first: usize, at: usize) {
        let (width, block) = (self.attention.width, F::LANES * R);
        // SAFETY: there are weights and sums for each row, and so many values.
        unsafe {
            let mut sums = [[F::zero(); W]; N];
            for row in 0..N {
                for register in 0..W {
                    sums[row][register] = F::load(self.sums.add((first + row) * width + at + register * F::LANES));
                }
            }
            let from = self.attention.values.add(self.piece.head * self.attention.values_stride.1 + at);
            for (key, place) in self.places[keys.clone()].iter().enumerate() {
                let from = from.add(*place as usize * self.attention.values_stride.0);
                let mut values = [F::zero(); W];
                for register in 0..W {
                    values[register] = F::load_half(from.add(register * F::LANES));
                }
                for row in 0..N {
                    let weight = F::all(*self.scores.add((first + row) * block + key));
                    for register in 0..W {
                        sums[row][register] = values[register].mul_add(weight, sums[row][register]);
                    }
                }
            }
            for row in 0..N {
                for register in 0..W {
                    sums[row][register].store(self.sums.add((first + row) * width + at + register * F::LANES));
                }
            }
        }
    }
}
