//! One product of a step, computed by all of its threads together.
#![allow(unsafe_code)]

use crate::activations::{Columns, Room};
use crate::format::{BLOCK, Matrix};
use crate::machine::Machine;
use crate::seen::Seen;
use crate::share::{Crew, share};
use crate::tiles::Way;
use std::cell::UnsafeCell;

/// Pieces that each thread should find, so that one that is held up leaves the rest of its share to the others.
const PIECES: usize = 6;
/// Most rows of a piece; it is a multiple of the rows that any machine takes at once.
const MOST_ROWS: usize = 128;
/// Rows that every machine can take at once without a rest.
const TOGETHER: usize = 16;

/// The vectors that are multiplied, one for each token, each as long as a row of the matrix.
#[derive(Debug, Clone, Copy)]
pub struct Inputs {
    /// The first number of the first vector.
    pub data: *const f32,
    /// Numbers from one vector to the next.
    pub stride: usize,
    /// Vectors.
    pub count: usize,
}

/// Where the results go: for each input, a number for each row of the matrix.
#[derive(Debug, Clone, Copy)]
pub struct Outputs {
    /// The first number of the first result.
    pub data: *mut f32,
    /// Numbers from one result to the next.
    pub stride: usize,
}

/// A product to compute.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// The weights.
    pub matrix: Matrix,
    /// What they are multiplied with.
    pub inputs: Inputs,
    /// Whether the bench has just multiplied these very inputs with a matrix of the same format, and so has them rounded.
    pub rounded: bool,
    /// Where the results go.
    pub outputs: Outputs,
    /// The weights that will be multiplied next, which are called into the cache towards the end; where there are none,
    /// the same.
    pub next: Matrix,
}

/// Where the products and attentions of a step are computed, one after another, each by all threads of the step.
#[derive(Debug)]
pub struct Bench {
    machine: Machine,
    room: UnsafeCell<Room>,
    seen: UnsafeCell<Seen>,
    crew: Crew,
}

// SAFETY: the room is only changed in `reserve`, whose caller sees to it that nobody else is here; in `run`, threads
// write to parts of it that are theirs, and read it after all of them have met. What tokens look at is changed by one
// thread while all others wait for it.
unsafe impl Sync for Bench {}
// SAFETY: owns what its pointers point to.
unsafe impl Send for Bench {}

impl Bench {
    /// A bench for the instructions of a machine, which come from [`Machine::all`] or [`Machine::detect`].
    pub fn new(machine: Machine) -> Self {
        Self { machine, room: UnsafeCell::default(), seen: UnsafeCell::default(), crew: Crew::default() }
    }

    /// The instructions it uses.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    pub(crate) fn crew(&self) -> &Crew {
        &self.crew
    }

    pub(crate) fn seen(&self) -> *mut Seen {
        self.seen.get()
    }

    pub(crate) fn room(&self) -> *mut Room {
        self.room.get()
    }

    /// Makes room for products of `count` vectors of `length` numbers.
    ///
    /// # Safety
    /// No thread is in [`Bench::run`].
    pub unsafe fn reserve(&self, count: usize, length: usize) {
        // SAFETY: nobody else is here, by the caller's word.
        unsafe { (*self.room.get()).reserve(count * length.div_ceil(BLOCK)) }
    }

    /// Computes the share of one thread in the product of a matrix and the inputs. `false`: nothing was done, since room
    /// for it was not reserved.
    ///
    /// # Safety
    /// Matrix and inputs can be read and the outputs written, in the whole extent that they tell of, and nobody else
    /// changes them meanwhile. The next matrix is not read. Each of `threads` threads makes the same call with its own
    /// number `thread` from 0 on, and none starts on the next product before all have come back from this one.
    pub unsafe fn run(&self, job: &Job, thread: usize, threads: usize) -> bool {
        let (matrix, inputs) = (&job.matrix, job.inputs);
        // SAFETY: only read here, see `Sync`.
        let columns = unsafe { (*self.room.get()).columns(inputs.count, matrix.blocks) };
        let Some(columns) = columns else { return false };
        if !job.rounded {
            // SAFETY: as this function's.
            unsafe { self.round(job, &columns, thread, threads) };
            self.crew.meet(threads);
        }
        let cut = Cut::new(matrix, threads);
        let way = Way { end: cut.share(thread).1, next: Cut::new(&job.next, threads).share(thread).0 };
        while let Some(taken) = self.crew.take(cut.pieces, thread, threads) {
            let rows = cut.rows * taken..matrix.rows.min(cut.rows * (taken + 1));
            // SAFETY: the inputs are all rounded; every piece of rows is taken once.
            unsafe { self.machine.multiply(matrix, rows, &columns, job.outputs, way) };
        }
        self.crew.leave(threads);
        true
    }

    /// Rounds a thread's share of the inputs.
    ///
    /// # Safety
    /// As [`Bench::run`].
    unsafe fn round(&self, job: &Job, columns: &Columns, thread: usize, threads: usize) {
        let (matrix, inputs) = (&job.matrix, job.inputs);
        let blocks = inputs.count * matrix.blocks;
        for at in blocks * thread / threads..blocks * (thread + 1) / threads {
            let (column, block) = (at / matrix.blocks, at % matrix.blocks);
            // SAFETY: inside the inputs and the columns; each block is in the range of one thread.
            unsafe {
                let from = inputs.data.add(column * inputs.stride + block * BLOCK);
                columns.put(column, block, matrix.format, |to| self.machine.round(from, to));
            }
        }
    }
}

/// How a matrix is cut.
struct Cut<'a> {
    matrix: &'a Matrix,
    threads: usize,
    /// Rows of a piece.
    rows: usize,
    pieces: usize,
}

impl<'a> Cut<'a> {
    fn new(matrix: &'a Matrix, threads: usize) -> Self {
        let rows = matrix.rows.div_ceil(threads * PIECES).next_multiple_of(TOGETHER).min(MOST_ROWS);
        Self { matrix, threads, rows, pieces: matrix.rows.div_ceil(rows) }
    }

    /// Where a thread's share begins, and where it ends.
    fn share(&self, thread: usize) -> (*const u8, *const u8) {
        let pieces = share(self.pieces, thread, self.threads);
        let at = |piece: usize| self.matrix.data.wrapping_add(piece * self.rows * self.matrix.stride);
        (at(pieces.start), at(pieces.end))
    }
}
