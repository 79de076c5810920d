//! The worker: takes requests one after another and answers each.
//!
//! Owns: the order of loading and serving, and who may interrupt whom. Must not know: how text is
//! generated or embedded.

use crate::backend;
use crate::chat::Chat;
use crate::embed;
use crate::loaded::Loaded;
use crate::measure;
use crate::memory;
use crate::prompt;
use crate::wire::{Job, Wire};
use anyhow::Context;
use hob_engine::{EngineError, LoadSpec, ModelReply, ModelRequest, Role};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::vocab::LlamaVocab;
use std::sync::Arc;

/// Serves requests until the wire closes.
pub fn run(wire: &Arc<Wire>) -> anyhow::Result<()> {
    let kernels = backend::load().map_err(|error| EngineError::Inference(error.to_string()));
    let backend = LlamaBackend::init().context("starting llama.cpp")?;
    while let Some(job) = wire.next() {
        match &*job.body {
            ModelRequest::Load(spec) => match kernels.clone().and_then(|()| load(&backend, spec, &job, wire)) {
                Ok(loaded) => serve(&loaded, spec, &job, wire),
                Err(error) => wire.finish(&job, ModelReply::Failed(error)),
            },
            ModelRequest::Measure(spec) => {
                let measured = kernels.clone().and_then(|()| measure::run(&backend, spec, &job, wire));
                wire.finish(&job, measured.map_or_else(ModelReply::Failed, ModelReply::Measured));
            }
            _ => wire.finish(&job, invalid("no model is loaded in this process yet; load one first")),
        }
    }
    Ok(())
}

fn load(backend: &LlamaBackend, spec: &LoadSpec, job: &Job, wire: &Arc<Wire>) -> Result<Loaded, EngineError> {
    let mut told = -1.0f32;
    let (to, job) = (wire.clone(), job.clone());
    Loaded::open(backend, spec, move |share| {
        // Every call would be hundreds of messages.
        if share - told >= 0.02 || share >= 1.0 {
            told = share;
            to.send(&job, ModelReply::Progress(share.clamp(0.0, 1.0)));
        }
        !job.is_cancelled()
    })
}

/// Serves one loaded model until the wire closes. Comes back early only when its context can't be
/// set up; then another model may be tried.
fn serve(loaded: &Loaded, spec: &LoadSpec, job: &Job, wire: &Arc<Wire>) {
    let ready = |own_template| ModelReply::Loaded(loaded.info(own_template));
    match spec.role {
        Role::Chat => match Chat::new(loaded, spec, wire) {
            Ok(mut chat) => {
                wire.finish(job, ready(chat.has_own_template()));
                chat.serve(small_or_invalid);
            }
            Err(error) => wire.finish(job, ModelReply::Failed(error)),
        },
        Role::Embedding | Role::Reranker => embed::serve(loaded, spec.role, job, wire),
    }
}

/// Answers what every model can do, and names what this one can't.
pub fn small_or_invalid(body: &ModelRequest, vocab: &LlamaVocab<'_>) -> ModelReply {
    match body {
        ModelRequest::CountTokens { text } => ModelReply::Tokens(prompt::count(vocab, text)),
        ModelRequest::Measure(_) => invalid("this process holds a model already; start another to measure one"),
        // Whoever computes has taken note of it before.
        ModelRequest::Limits { .. } => ModelReply::Limited,
        ModelRequest::Trim { .. } => {
            memory::trim();
            ModelReply::Trimmed
        }
        ModelRequest::Load(_) => invalid("this process already holds a model; start another for a second one"),
        ModelRequest::Embed { .. } => invalid("this is no embedding model; load one to embed texts"),
        ModelRequest::MaxSim { .. } => {
            invalid("this is no embedding model that reads a text as a whole; load one to compare token vectors")
        }
        ModelRequest::Rerank { .. } => invalid("this is no reranking model; load one to score documents"),
        ModelRequest::Generate(_) => invalid("this is no chat model; load one to generate text"),
    }
}

fn invalid(reason: &str) -> ModelReply {
    ModelReply::Failed(EngineError::InvalidArgument(reason.into()))
}
