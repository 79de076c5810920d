//! hob-index: everything the user has, found by words and by meaning.

pub mod analysis;
mod backfill;
mod background;
mod check;
pub mod chunk;
mod facade;
mod indexer;
pub mod items;
pub mod lexical;
mod memory;
mod mounts;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod overflow;
pub mod quote;
mod scan;
pub mod search;
pub mod sentences;
mod shared;
mod snippet;
mod state;
mod stores;
pub mod types;
pub mod vectors;
mod watch;

pub use check::{Finding, Report};
pub use facade::{FileText, Index, IndexOptions, Reader};
pub use indexer::progress::Listener;
pub use scan::pattern_problem;
pub use types::IndexError;
