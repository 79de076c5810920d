//! Inference types: what the daemon asks of a model and what comes back.
//!
//! Owns: the messages of the model host's wire and the reader for untrusted GGUF headers.
//! Must not know: llama.cpp, D-Bus, files other than models.

pub mod gguf;
pub mod measure;

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
    /// Score how well documents answer a query, with a reranking model: one [`ModelReply::Scores`].
    /// Query and document are put together as the model's file says: by its rerank template, else by
    /// its vocabulary's marks. All tokens are of segment 0, also where a BERT was trained with two.
    Rerank {
        /// What is looked for; cut at half of the model's context.
        query: String,
        /// The candidates; each is cut so that query and candidate fit the model's context.
        documents: Vec<String>,
        /// A waiting user comes before background batches.
        interactive: bool,
    },
    /// Score how alike a query and documents are by their tokens, with an embedding model that is an encoder:
    /// one [`ModelReply::Scores`], the mean over the query's tokens that count of the cosine to the most similar
    /// token of the document, -1 to 1. Documents seen lately cost next to nothing.
    MaxSim {
        /// What is looked for; cut at the model's context length.
        query: String,
        /// The stretches of the query that count, in bytes and in order; none: all of it.
        words: Vec<std::ops::Range<u32>>,
        /// The candidates, at most 64; each is cut at the model's context length.
        documents: Vec<String>,
        /// A waiting user comes before background batches.
        interactive: bool,
    },
    /// Keep to this from now on, with what runs too: one [`ModelReply::Limited`], at once.
    Limits {
        /// Most threads; 0 takes as many as [`LoadSpec::threads`] allows.
        threads: u32,
        /// Generations of background priority go on; without it they rest, with all they have evaluated.
        background: bool,
    },
    /// Give back memory that nothing needs at the moment: one [`ModelReply::Trimmed`].
    Trim {
        /// What is kept of evaluated prompts too; what may go to disk is written down first.
        prompts: bool,
    },
    /// Count the tokens of a text: one [`ModelReply::Tokens`].
    CountTokens {
        /// The text, without any template.
        text: String,
    },
    /// Measure a model, or write it anew: instead of [`ModelRequest::Load`], the first and only request of
    /// a host. Answered by any number of [`ModelReply::Progress`] and then [`ModelReply::Measured`].
    Measure(measure::MeasureSpec),
}

/// What a model host answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ModelReply {
    /// Share of the model read, or of a measurement done, so far: 0 to 1.
    Progress(f32),
    /// The model is ready.
    Loaded(ModelInfo),
    /// The next piece of the answer; never splits a character.
    Delta(String),
    /// The next piece of what a reasoning model thinks before it answers; never splits a character.
    Reasoning(String),
    /// The model calls a tool; comes once per call, when the call is complete.
    ToolCall(ToolCall),
    /// The generation is over.
    Done {
        /// Why it ended.
        finish: Finish,
        /// What it took.
        usage: Usage,
        /// One per generated token, when [`GenerateSpec::logprobs`] asked for them.
        logprobs: Vec<TokenLogprob>,
    },
    /// Unit-length embeddings, row by row.
    Vectors {
        /// Length of one embedding.
        dim: u32,
        /// `texts.len() * dim` values.
        values: Vec<f32>,
    },
    /// One score per document, in the order given, higher is better: the first output of the model's
    /// classification head, or what [`ModelRequest::MaxSim`] says.
    Scores(Vec<f32>),
    /// A token count.
    Tokens(u32),
    /// What a measurement found.
    Measured(measure::Measured),
    /// The limit holds.
    Limited,
    /// The memory is given back.
    Trimmed,
    /// The request failed; the host goes on.
    Failed(EngineError),
}

/// What a model is used for; decides how its context is set up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Text generation.
    #[default]
    Chat,
    /// Text embedding.
    Embedding,
    /// Scoring of query and document pairs.
    Reranker,
}

impl Role {
    /// The word for it in lists and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embedding => "embedding",
            Self::Reranker => "reranking",
        }
    }

    /// Tokens of context where nobody says how many, if the model has as many: a chat model's take memory at once, the
    /// others' are what such models are trained on.
    pub fn usual_context(self) -> u32 {
        match self {
            Self::Chat => 4_096,
            Self::Embedding => 256,
            Self::Reranker => 512,
        }
    }
}

/// How to load a model.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LoadSpec {
    /// The GGUF file.
    pub path: PathBuf,
    /// What it is for.
    pub role: Role,
    /// Context length in tokens; 0 takes the smaller of the model's own and [`Role::usual_context`].
    pub context: u32,
    /// Threads; 0 takes all cores.
    pub threads: u32,
    /// What is kept of evaluated prompts.
    pub cache: CacheSpec,
}

/// Where evaluated prompts (the KV cache's rows) are kept so that nobody pays for them twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheSpec {
    /// Most bytes of them in memory, besides the context itself.
    pub memory_bytes: u64,
    /// Folder for those that may outlive the process; `None` keeps nothing on disk.
    pub folder: Option<PathBuf>,
    /// Most bytes in that folder; the least recently used go first.
    pub disk_bytes: u64,
    /// Tells the model's weights apart from all others.
    pub fingerprint: String,
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
    /// Which build of the compute kernels runs ("zen4", "haswell"), as the runtime names it.
    pub backend: String,
}

/// One turn of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// "system", "user", "assistant" or "tool".
    pub role: String,
    /// The text.
    pub content: String,
    /// Tools that an assistant's turn called.
    pub tool_calls: Vec<ToolCall>,
    /// Of a "tool" turn: the call whose result it is.
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A turn of text alone.
    pub fn new(role: &str, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into(), ..Self::default() }
    }
}

/// A function that a model may call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name: letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// What it does and when to call it.
    pub description: String,
    /// JSON Schema of its arguments, an object.
    pub parameters: String,
}

/// Whether a model may, must or must not call a tool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// The answer is one call.
    Required,
    /// The tools are shown, but none is called.
    None,
}

/// A model's call of a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Tells the calls of one conversation apart.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments as a JSON object.
    pub arguments: String,
}

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Priority {
    /// A person: goes before background work and interrupts it.
    #[default]
    Interactive,
    /// Nobody: moves when nobody waits, and a little even then.
    Background,
}

/// How much of a prompt may be written to disk, as keys and values that its words can be guessed from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Persist {
    /// Nothing.
    #[default]
    Nothing,
    /// The leading system message with its tools.
    System,
    /// All of the conversation.
    Conversation,
}

/// A low-rank adapter that changes a model's weights for one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lora {
    /// The adapter's GGUF file.
    pub path: PathBuf,
    /// Its strength; 1 is what it was trained for.
    pub scale: f32,
}

/// How likely a generated token was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// The token's text; bytes that are no UTF-8 by themselves show as U+FFFD.
    pub text: String,
    /// Natural logarithm of its probability at temperature 1, before any constraint.
    pub logprob: f32,
    /// The most likely tokens in its place, best first, with theirs.
    pub top: Vec<(String, f32)>,
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
    /// The text that string values marked `"x-copy": true` in a schema (this one, or a tool's) must be a
    /// run of whole words of; `None` takes the last user message.
    pub copy_from: Option<String>,
    /// Tools that the model may call.
    pub tools: Vec<ToolSpec>,
    /// Whether it may or must.
    pub tool_choice: ToolChoice,
    /// How many alternatives to report for each token; `None` reports nothing.
    pub logprobs: Option<u8>,
    /// An adapter for this request.
    pub lora: Option<Lora>,
    /// Who waits.
    pub priority: Priority,
    /// Who asks: requests of different callers take turns.
    pub caller: String,
    /// What of the prompt may be kept on disk.
    pub persist: Persist,
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finish {
    /// The model ended its turn, or a stop text came.
    Stop,
    /// `max_tokens` or the context was used up.
    Length,
    /// The model called tools and waits for their results.
    ToolCalls,
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
    /// Milliseconds from the request until work on it began.
    pub queued_ms: u32,
    /// Milliseconds spent on evaluating the prompt.
    pub prompt_ms: u32,
    /// Threads that the last step used.
    pub threads: u32,
    /// How often it had to make way for somebody who waits.
    pub preempted: u32,
    /// Tokens that were guessed and evaluated before they were chosen.
    pub drafted: u32,
    /// Those of them that were chosen then.
    pub accepted: u32,
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
