//! The nouns of the assistant: options in, updates and an answer out.

use crate::settings::AnswerMode;
use hob_engine::{Lora, Message, Priority, TokenLogprob, ToolChoice, ToolSpec};
use std::path::PathBuf;
use tokio::sync::oneshot;

pub use hob_engine::ToolCall as ClientCall;
pub use hob_engine::Usage;

/// Where an answer may take its facts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ContextMode {
    /// Route: a skill, the files, or the chat model.
    #[default]
    Auto,
    /// The files.
    Index,
    /// Nothing: the chat model alone.
    None,
}

/// Options of `Ask` and `Complete`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AskOptions {
    /// The conversation this belongs to.
    pub session: Option<String>,
    /// A model's id or path instead of the default.
    pub model: Option<String>,
    /// System prompt.
    pub system: Option<String>,
    /// Where facts come from.
    pub context: ContextMode,
    /// How files answer.
    pub answer: AnswerMode,
    /// Only files at or below this folder.
    pub folder: Option<PathBuf>,
    /// Most tokens of the answer; 0 for the default.
    pub max_tokens: u32,
    /// Sampling temperature; `None` for the default.
    pub temperature: Option<f32>,
    /// Seed of the sampler.
    pub seed: u64,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// JSON Schema that the answer must satisfy.
    pub schema: Option<String>,
    /// The text that a schema's or tool's `x-copy` strings are taken from.
    pub copy_from: Option<String>,
    /// Turns before the prompt, which the caller keeps itself. In a session: results of tools alone.
    pub messages: Vec<Message>,
    /// Functions of the caller's that the model may call; the caller carries them out.
    pub tools: Vec<ToolSpec>,
    /// Whether the model may, must or must not call one.
    pub tool_choice: ToolChoice,
    /// Most intents of skills that the model may call for the request; `None` for the setting, which counts once the
    /// model has passed its check.
    pub tool_steps: Option<u32>,
    /// Report how likely each token was, with so many alternatives.
    pub logprobs: Option<u8>,
    /// An adapter for this request.
    pub lora: Option<Lora>,
    /// Who waits for the answer.
    pub priority: Priority,
}

impl AskOptions {
    /// The first option that only the chat model understands: a request with one is an order to the
    /// model and no question to the files.
    pub fn for_the_model(&self) -> Option<&'static str> {
        let given = [
            ("schema", self.schema.is_some()),
            ("system", self.system.is_some()),
            ("messages", !self.messages.is_empty()),
            ("tools", !self.tools.is_empty()),
            ("copy_from", self.copy_from.is_some()),
            ("logprobs", self.logprobs.is_some()),
            ("lora", self.lora.is_some()),
        ];
        given.into_iter().find(|(_, is)| *is).map(|(name, _)| name)
    }
}

/// A task verb of `org.hob.Text1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTask {
    /// Say it shorter.
    Summarize,
    /// Say it differently.
    Rewrite,
    /// Correct spelling and grammar.
    Proofread,
    /// Say it in another language.
    Translate,
}

/// Options of the task verbs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextOptions {
    /// A model's id or path instead of the default.
    pub model: Option<String>,
    /// Take the text from this file instead.
    pub path: Option<PathBuf>,
    /// How to rewrite, in words ("more formal").
    pub instruction: Option<String>,
    /// Target language of a translation, in words or as a code.
    pub language: Option<String>,
    /// Most tokens of the answer; 0 for the default.
    pub max_tokens: u32,
    /// Who waits for the answer.
    pub priority: Priority,
}

/// Something that happened while a request ran.
#[derive(Debug)]
pub enum Update {
    /// The next piece of the answer.
    Delta {
        /// Thinking rather than answer.
        reasoning: bool,
        /// The text.
        text: String,
    },
    /// A step on the way.
    Event(Event),
    /// The user must agree before the request goes on.
    Confirm {
        /// What will happen, in one sentence.
        action: String,
        /// The call in question, where it is one.
        call: Option<ToolCall>,
        /// Takes the user's word; dropped means no.
        agreed: oneshot::Sender<bool>,
    },
}

/// A step on the way to an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// What handles the request: "skill", "retrieve" or "chat".
    Route {
        /// The decision.
        decision: String,
    },
    /// A source of the answer.
    Citation(Citation),
    /// A skill is called.
    ToolCall(ToolCall),
    /// A skill has answered.
    ToolResult(ToolCall),
    /// The model wants one of the caller's tools called.
    ClientCall(ClientCall),
    /// How far a long task is.
    Progress(crate::models::store::Progress),
    /// A sentence for the user that is not part of the answer.
    Notice {
        /// The sentence.
        text: String,
    },
}

/// A source: a sentence that stands in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Citation {
    /// Absolute path; of an item, its name in the index.
    pub path: PathBuf,
    /// Of an item: where it opens, if it was said.
    pub uri: Option<String>,
    /// The document's title.
    pub title: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based page, for paged formats.
    pub page: Option<u32>,
    /// Its place where lines and pages say little, e.g. "Costs!A3:C9" or an attachment's name.
    pub place: Option<String>,
    /// The sentence as it stands there.
    pub quote: String,
}

/// A skill's call and, once there, its result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// The skill's id.
    pub skill: String,
    /// The intent's name.
    pub intent: String,
    /// Arguments as a JSON object.
    pub arguments: String,
    /// Result as a JSON object; empty before it is there.
    pub result: String,
}

/// The whole answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The text.
    pub text: String,
    /// "stop", "length", "tool_calls", "not_found", "skill", "missing_arguments" or "ambiguous".
    pub finish_reason: String,
    /// "skill", "retrieve" or "chat".
    pub route: String,
    /// The chat model's id, when one wrote the answer.
    pub model: String,
    /// Its sources, best first.
    pub citations: Vec<Citation>,
    /// Skills that were called.
    pub tool_calls: Vec<ToolCall>,
    /// Tools of the caller's that the model wants called.
    pub client_calls: Vec<ClientCall>,
    /// What a reasoning model thought before it answered; empty for the others.
    pub reasoning: String,
    /// One per token, when they were asked for.
    pub logprobs: Option<Vec<TokenLogprob>>,
    /// What it took.
    pub usage: Usage,
}
