//! Inference types: what the daemon asks of a model and what comes back.
//!
//! Owns: the messages of the model host's wire and the reader for untrusted GGUF headers.
//! Must not know: llama.cpp, D-Bus, files other than models.

pub mod gguf;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What the daemon asks of a model host. One host holds one model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ModelRequest {
    /// Load the model; the first request, once per host. Answered by any number of
    /// [`ModelReply::Progress`] and then [`ModelReply::Loaded`].
    Load(LoadSpec),
    /// Generate text: [`ModelReply::Delta`]s, then [`ModelReply::Done`].
    Generate(GenerateSpec),
    /// Embed texts: one [`ModelReply::Vectors`] in the order given.
    Embed {
        /// The texts; each is cut at the model's context length.
        texts: Vec<String>,
        /// A waiting user comes before background batches.
        interactive: bool,
    },
    /// Count the tokens of a text: one [`ModelReply::Tokens`].
    CountTokens {
        /// The text, without any template.
        text: String,
    },
}

/// What a model host answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ModelReply {
    /// Share of the model read so far, 0 to 1.
    Progress(f32),
    /// The model is ready.
    Loaded(ModelInfo),
    /// The next piece of the answer; never splits a character.
    Delta(String),
    /// The generation is over.
    Done {
        /// Why it ended.
        finish: Finish,
        /// What it took.
        usage: Usage,
    },
    /// Unit-length embeddings, row by row.
    Vectors {
        /// Length of one embedding.
        dim: u32,
        /// `texts.len() * dim` values.
        values: Vec<f32>,
    },
    /// A token count.
    Tokens(u32),
    /// The request failed; the host goes on.
    Failed(EngineError),
}

/// What a model is used for; decides how its context is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Text generation.
    Chat,
    /// Text embedding.
    Embedding,
}

/// How to load a model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadSpec {
    /// The GGUF file.
    pub path: PathBuf,
    /// What it is for.
    pub role: Role,
    /// Context length in tokens; 0 takes the smaller of the model's own and 4,096
    /// (embedding: 256, which is what the default model was trained for).
    pub context: u32,
    /// Threads; 0 takes all cores.
    pub threads: u32,
}

/// What a loaded model says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// `general.name` or the file's name.
    pub name: String,
    /// `general.architecture`.
    pub architecture: String,
    /// Parameters.
    pub parameters: u64,
    /// Context length in use, in tokens.
    pub context: u32,
    /// Length of a hidden state or embedding.
    pub embedding_length: u32,
    /// The file carries a chat template.
    pub has_chat_template: bool,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// "system", "user" or "assistant".
    pub role: String,
    /// The text.
    pub content: String,
}

/// What to generate and how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GenerateSpec {
    /// The conversation, rendered by the model's own chat template.
    pub messages: Vec<Message>,
    /// Most tokens to generate; 0 means as many as fit the context.
    pub max_tokens: u32,
    /// Sampling temperature; 0 is greedy.
    pub temperature: f32,
    /// Seed of the sampler; equal seeds give equal answers.
    pub seed: u64,
    /// Texts that end the generation; they are not part of the answer.
    pub stop: Vec<String>,
    /// JSON Schema that the answer must satisfy.
    pub schema: Option<String>,
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finish {
    /// The model ended its turn, or a stop text came.
    Stop,
    /// `max_tokens` or the context was used up.
    Length,
    /// The caller cancelled.
    Cancelled,
}

/// What a generation took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Prompt tokens whose KV was still there from an earlier request.
    pub cached_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
    /// Milliseconds from the request to the first token.
    pub first_token_ms: u32,
    /// Milliseconds from the request to the end.
    pub total_ms: u32,
}

/// Why a model host could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum EngineError {
    /// The file is no usable model.
    #[error("{path} can't be used as a model: {reason}")]
    BadModel {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The prompt does not fit.
    #[error("the prompt has {tokens} tokens, but the model's context holds {limit} including the answer; shorten it")]
    TooLong {
        /// Tokens of the prompt.
        tokens: u32,
        /// Context length.
        limit: u32,
    },
    /// An argument is wrong.
    #[error("{0}")]
    InvalidArgument(String),
    /// Too many requests wait.
    #[error("{0} requests already wait for this model; try again when some have ended")]
    Busy(u32),
    /// The runtime failed.
    #[error("inference failed: {0}")]
    Inference(String),
}
