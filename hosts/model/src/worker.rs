//! The worker: takes requests one after another and answers each.
//!
//! Owns: the order of loading and serving, and who may interrupt whom. Must not know: how text is
//! generated or embedded.

use crate::backend;
use crate::chat::{Chat, Listener};
use crate::embed::Embedder;
use crate::loaded::Loaded;
use crate::prompt;
use crate::wire::{Job, Wire, cancelled};
use anyhow::Context;
use hob_engine::{EngineError, LoadSpec, ModelReply, ModelRequest, Role};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::vocab::LlamaVocab;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Serves requests until the wire closes.
pub fn run(wire: &Arc<Wire>) -> anyhow::Result<()> {
    let kernels = backend::load().map_err(|error| EngineError::Inference(error.to_string()));
    let backend = LlamaBackend::init().context("starting llama.cpp")?;
    while let Some(job) = wire.next() {
        match &job.body {
            ModelRequest::Load(spec) => {
                match kernels.clone().and_then(|()| load(&backend, spec, &job, wire)) {
                    Ok(loaded) => serve(&backend, &loaded, spec.role, &job, wire),
                    Err(error) => wire.finish(&job, ModelReply::Failed(error)),
                }
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
fn serve(backend: &LlamaBackend, loaded: &Loaded, role: Role, job: &Job, wire: &Arc<Wire>) {
    let ready = |own_template| ModelReply::Loaded(loaded.info(own_template));
    match role {
        Role::Chat => match Chat::new(loaded) {
            Ok(mut chat) => {
                wire.finish(job, ready(chat.has_own_template()));
                while let Some(job) = wire.next() {
                    serve_chat(&mut chat, &job, wire);
                }
            }
            Err(error) => wire.finish(job, ModelReply::Failed(error)),
        },
        Role::Embedding | Role::Reranker => match Embedder::new(backend, loaded) {
            Ok(mut embedder) => {
                wire.finish(job, ready(loaded.header.chat_template.is_some()));
                while let Some(job) = wire.next() {
                    serve_embedding(&mut embedder, &job, wire);
                }
            }
            Err(error) => wire.finish(job, ModelReply::Failed(error)),
        },
    }
}

fn serve_chat(chat: &mut Chat<'_>, job: &Job, wire: &Wire) {
    if job.is_cancelled() {
        return wire.finish(job, cancelled(&job.body));
    }
    let reply = match &job.body {
        ModelRequest::Generate(spec) => {
            let mut listener = OnWire { job, wire };
            match chat.generate(spec, job.received, &mut listener) {
                Ok((finish, usage)) => ModelReply::Done { finish, usage, logprobs: Vec::new() },
                Err(error) => ModelReply::Failed(error),
            }
        }
        _ => small_or_invalid(&job.body, chat.vocab()),
    };
    wire.finish(job, reply);
}

fn serve_embedding(embedder: &mut Embedder<'_>, job: &Job, wire: &Wire) {
    let ModelRequest::Embed { texts, interactive } = &job.body else {
        return wire.finish(job, small_or_invalid(&job.body, embedder.vocab()));
    };
    let mut plan = embedder.plan(texts);
    while !plan.is_done() {
        if job.is_cancelled() {
            return wire.finish(job, cancelled(&job.body));
        }
        // A waiting user goes first; two waiting users take turns, not precedence.
        while !interactive && let Some(urgent) = wire.next_urgent() {
            serve_embedding(embedder, &urgent, wire);
        }
        if let Err(error) = embedder.step(&mut plan) {
            return wire.finish(job, ModelReply::Failed(error));
        }
    }
    let (dim, values) = plan.into_vectors();
    wire.finish(job, ModelReply::Vectors { dim, values });
}

/// Answers what every model can do, and names what this one can't.
fn small_or_invalid(body: &ModelRequest, vocab: &LlamaVocab<'_>) -> ModelReply {
    match body {
        ModelRequest::CountTokens { text } => ModelReply::Tokens(prompt::count(vocab, text)),
        ModelRequest::Load(_) => invalid("this process already holds a model; start another for a second one"),
        ModelRequest::Embed { .. } => invalid("this is a chat model; load an embedding model to embed texts"),
        ModelRequest::Rerank { .. } => invalid("this is no reranking model; load one to score documents"),
        ModelRequest::Generate(_) => invalid("this is an embedding model; load a chat model to generate text"),
    }
}

fn invalid(reason: &str) -> ModelReply {
    ModelReply::Failed(EngineError::InvalidArgument(reason.into()))
}

/// A generation's way to its caller.
struct OnWire<'a> {
    job: &'a Job,
    wire: &'a Wire,
}

impl Listener for OnWire<'_> {
    fn cancelled(&self) -> Arc<AtomicBool> {
        self.job.cancel_flag()
    }

    fn piece(&mut self, text: String) {
        self.wire.send(self.job, ModelReply::Delta(text));
    }

    fn between(&mut self, vocab: &LlamaVocab<'_>) {
        while let Some(urgent) = self.wire.next_urgent() {
            self.wire.finish(&urgent, small_or_invalid(&urgent.body, vocab));
        }
    }
}
