//! How models write tool calls and reasoning, and how to tell these from the answer.
//!
//! Owns: the conventions of the model families, which of them a template shows, and the JSON Schema
//! of a call. Must not know: tokens, Jinja.
//!
//! The conventions are those that the models' own templates and makers' pages describe.

mod body;
mod calls;
mod families;
mod literal;
mod python;
mod reader;
mod schema;

#[cfg(test)]
pub mod samples;
#[cfg(test)]
mod tests;

pub use families::Calls;
pub use python::{json_text, python_json};
pub use reader::{Out, Reader};

use families::{CHANNEL, HARMONY, Syntax, THINK, THINK_BRACKETS, THOUGHT, Thinking};
use hob_engine::ToolSpec;
use serde_json::{Value, json};

/// The conventions of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    calls: Calls,
    thinking: &'static Thinking,
}

impl Format {
    /// The conventions that a template's source shows. `shows_tools`: the template lists the tools
    /// it is given; if not, the model has to be told what it may call, and how: in the way that its
    /// makers trained, where they say so, else as plain JSON.
    pub fn detect(source: &str, shows_tools: bool) -> Self {
        let calls = if shows_tools { Calls::native(source) } else { Calls::taught(source) };
        Self { calls, thinking: thinking(source) }
    }

    /// The convention of the calls.
    #[cfg(test)]
    pub fn calls(&self) -> Calls {
        self.calls
    }

    /// The model knows this convention from its own template.
    pub fn is_native(&self) -> bool {
        self.calls != Calls::Plain
    }

    /// Texts that mean something to [`Reader`]. Many are control tokens, which are decoded as
    /// nothing by default: their text must reach the reader all the same.
    pub fn markers(&self) -> Vec<&'static str> {
        self.syntax().markers.iter().chain(self.thinking.opens).chain(self.thinking.closes).copied().collect()
    }

    /// Texts, mostly control tokens, with which the model ends its turn to wait for results.
    pub fn ends(&self) -> &'static [&'static str] {
        self.syntax().ends
    }

    /// Text that starts a call whose body [`Format::call_schema`] describes; `None` where the body
    /// starts by itself. Tokenize it with control tokens.
    pub fn call_opens(&self) -> Option<&'static str> {
        self.syntax().opens
    }

    /// Text that ends such a call.
    pub fn call_closes(&self) -> Option<&'static str> {
        self.syntax().closes
    }

    /// Models of this family write JSON into their calls of their own accord, so the schema may be
    /// imposed once a call was opened. Others have a notation of their own, which [`Reader`] reads;
    /// JSON it reads in any case, so for them the schema fits calls that are forced from the start.
    pub fn calls_are_json(&self) -> bool {
        self.syntax().json
    }

    /// JSON Schema of what stands between [`Format::call_opens`] and [`Format::call_closes`] when
    /// the model calls one of `tools`.
    pub fn call_schema(&self, tools: &[ToolSpec]) -> Value {
        schema::of_calls(tools, self.key(), self.syntax().list)
    }

    /// A call as the model could have written it. `arguments`: a JSON object.
    pub fn write_call(&self, name: &str, arguments: &str) -> String {
        let arguments = serde_json::from_str(arguments).unwrap_or_else(|_| Value::from(arguments));
        let syntax = self.syntax();
        let call = match (&arguments, self.calls) {
            (Value::Object(fields), Calls::Lfm2) => {
                let fields: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", json_text(v))).collect();
                format!("{name}({})", fields.join(", "))
            }
            _ => json_text(&json!({"name": name, self.key(): arguments})),
        };
        let body = if syntax.list { format!("[{call}]") } else { call };
        format!("{}{body}{}", syntax.opens.unwrap_or_default(), syntax.closes.unwrap_or_default())
    }

    /// The prompt ends inside a reasoning block, so the answer starts with reasoning.
    pub fn opens_thinking(&self, prompt: &str) -> bool {
        let prompt = prompt.trim_end();
        self.thinking.opens.iter().any(|opens| prompt.ends_with(opens))
    }

    fn key(&self) -> &'static str {
        if self.syntax().parameters { "parameters" } else { "arguments" }
    }

    fn syntax(&self) -> &'static Syntax {
        self.calls.syntax()
    }
}

/// How a model sets its reasoning apart; nearly all use the same tags, whether or not their
/// templates mention them.
fn thinking(source: &str) -> &'static Thinking {
    if source.contains("<|channel|>") && source.contains("<|message|>") {
        &HARMONY
    } else if source.contains("<|channel>") {
        &CHANNEL
    } else if source.contains("[THINK]") {
        &THINK_BRACKETS
    } else if source.contains("</thought>") && !source.contains("</think>") {
        &THOUGHT
    } else {
        &THINK
    }
}
