//! The index as a whole: real files, real inotify, real stores; only reading and embedding are simple.
#![allow(clippy::unwrap_used)]

mod embedding;
mod follow;
mod harness;
mod lifecycle;
mod soundness;
mod trouble;
mod watching;
