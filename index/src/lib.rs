//! hob-index: everything the user has, found by words and by meaning.

pub mod analysis;
mod backfill;
pub mod chunk;
mod facade;
mod indexer;
pub mod lexical;
mod memory;
pub mod quote;
mod scan;
pub mod search;
pub mod sentences;
mod shared;
mod snippet;
mod state;
pub mod types;
pub mod vectors;
mod watch;

pub use facade::{FileText, Index, IndexOptions};
pub use indexer::progress::Listener;
pub use types::IndexError;
