//! The child process that runs one model with llama.cpp.
//!
//! Owns: loading a model, its chat template, sampling, prefix reuse, embedding and reranking, and the
//! order in which waiting requests are served. Must not know: the daemon, D-Bus, where models come
//! from, what an answer is for.
//!
//! Two threads: the reader takes messages off the wire into a bounded queue; the worker owns the
//! model and its contexts and does everything else; for an embedding or reranking model it shares
//! the work out among threads of their own. A failed assertion inside llama.cpp ends this process
//! and nothing more.

mod adapters;
mod backend;
mod chat;
mod context;
mod controls;
mod drafts;
mod embed;
mod format;
mod grammar;
mod guide;
mod known;
mod lanes;
mod load;
mod loaded;
mod logs;
mod mapped;
mod marked;
mod measure;
mod memory;
mod output;
mod pace;
mod pieces;
mod pool;
mod probability;
mod products;
mod prompt;
mod read;
mod run;
mod sampling;
mod saved;
mod schedule;
mod sequences;
mod stops;
mod store;
mod template;
mod threads;
mod wire;
mod worker;

use anyhow::Context;
use hob_link::host::{self, Limits};
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

/// The worker's stack: llama.cpp's tokenizers recurse on long words.
const WORKER_STACK: usize = 256 << 20;

#[allow(unsafe_code)]
fn main() -> anyhow::Result<()> {
    // SAFETY: no other thread runs yet. Without this a failing assertion starts a debugger, if there
    // is one, and the daemon learns of the death seconds later.
    unsafe { std::env::set_var("GGML_NO_BACKTRACE", "1") };
    host::harden(&Limits { oom_score_adj: Some(800), ..Limits::default() }).context("hardening the process")?;
    log_to_stderr();
    let (requests, replier) = host::connect("model").context("saying hello to the daemon")?;
    let wire = Arc::new(wire::Wire::new(replier));
    let worker = std::thread::Builder::new().name("model".into()).stack_size(WORKER_STACK).spawn({
        let wire = wire.clone();
        move || worker::run(&wire)
    })?;
    // The reader has no way to be interrupted, so it is not waited for.
    std::thread::Builder::new().name("wire".into()).spawn(move || wire::read_requests(requests, &wire))?;
    worker.join().map_err(|_| anyhow::anyhow!("the worker panicked"))?
}

/// Warnings and errors by default; `HOB_LOG` takes the usual filter directives.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("HOB_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    logs::install();
}
