//! Products of quantised weights with the tokens of a step, on the processor.
//!
//! Owns: how a matrix in one of llama.cpp's quantised formats is multiplied with a few vectors, and how the threads of a
//! step share that. Must not know: llama.cpp, what the matrices mean, how many threads there should be.
//!
//! llama.cpp multiplies a matrix with several tokens as if each were alone: it unpacks every weight once for each of
//! them, one row at a time. Here the weights of several rows are unpacked side by side, a row in each lane of a vector
//! register, and meet all tokens before the next are read. They are used as they lie in the file, so that it stays
//! mapped, shared, and given back when memory is short: no second copy is laid out anew.
//!
//! The inputs are rounded to 8 bits in blocks of 32, as llama.cpp rounds them. The result of a token depends neither on
//! how many others are in the step nor on the number of threads.

// Registers are counted: an iterator over them that the compiler does not see through moves them to memory.
#![allow(clippy::needless_range_loop)]
// Without kernels for a processor, what they would need is not used.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, unreachable_code, unused_variables, unused_imports))]

mod activations;
mod attend;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod floats;
mod format;
mod machine;
mod product;
mod seen;
mod share;
#[cfg(test)]
mod tests;
mod tiles;

pub use attention::Attention;
pub use format::{Format, Matrix};
pub use machine::Machine;
pub use product::{Bench, Inputs, Job, Outputs};
