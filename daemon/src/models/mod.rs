//! Owns the models: which there are, which are resident, and what they may hold of the memory.
//!
//! One process per model. A [`Lease`] keeps a model resident while it is used; without leases it
//! is unloaded after a while, and at once when another model needs its room.
//! Must not know: D-Bus, prompts, the index.

mod budget;
pub mod catalogue;
pub mod checks;
pub mod embedder;
pub mod evict;
mod idle;
mod limits;
pub mod predict;
pub mod reranker;
mod residency;
mod slot;
pub mod store;
mod turn;

pub use budget::Reserved;
pub use residency::{ModelStatus, Models, Residency};
pub use slot::{Lease, ModelHost};
