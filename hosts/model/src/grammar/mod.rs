//! Answers that satisfy a JSON Schema: tokens that would break it are not chosen.
//!
//! Owns: the way from a caller's schema to the state of one constrained answer. Must not know: how
//! tokens are scored, and what an answer is for.
//!
//! The way: [`reading`] checks every keyword and refuses by name what a grammar can't promise;
//! [`apart`], [`finite`] and [`merging`] refuse what could not be followed or would cost too much;
//! [`drawing_in`] closes what small models get lost in; llguidance compiles the rest, with
//! [`writing`] and [`copying`] for what its JSON compiler lacks.

mod apart;
mod constraint;
mod copying;
mod drawing_in;
mod finite;
mod keywords;
mod limits;
mod merging;
mod numbers;
mod patterns;
mod reading;
mod rebasing;
mod settling;
mod vocabulary;
mod walking;
mod writing;

pub use constraint::Constraint;
#[allow(unused_imports, reason = "for tool calls, which put schemas into schemas")]
pub use rebasing::rebased;

use hob_engine::{EngineError, GenerateSpec};
use llama_cpp_2::vocab::LlamaVocab;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::TokEnv;
use llguidance::{Matcher, ParserFactory};
use serde_json::Value;

/// The text that a request's `x-copy` values are taken from: the one that it gives, or its last user
/// message.
pub fn copied_from(spec: &GenerateSpec) -> &str {
    let last = || spec.messages.iter().rev().find(|message| message.role == "user");
    spec.copy_from.as_deref().unwrap_or_else(|| last().map_or("", |message| &message.content))
}

/// Compiles schemas for one model's vocabulary. Made once per model: it walks all tokens.
pub struct Grammars {
    factory: ParserFactory,
}

impl Grammars {
    /// Prepares the vocabulary.
    pub fn new(vocab: &LlamaVocab<'_>) -> Result<Self, EngineError> {
        Self::over(&vocabulary::environment(vocab))
    }

    fn over(environment: &TokEnv) -> Result<Self, EngineError> {
        let mut factory = ParserFactory::new_simple(environment)
            .map_err(|e| EngineError::Inference(format!("the vocabulary can't be constrained: {e}")))?;
        factory.quiet();
        *factory.limits_mut() = limits::parser();
        Ok(Self { factory })
    }

    /// Compiles a JSON Schema. Values marked `"x-copy": true` are runs of whole words of `copy_from`.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidArgument`], which names what is wrong, not supported or too large.
    pub fn constraint(&self, schema: &str, copy_from: &str) -> Result<Constraint, EngineError> {
        if schema.len() > limits::BYTES {
            return Err(refused(&format!("it has {} bytes, over {}", schema.len(), limits::BYTES)));
        }
        let schema = serde_json::from_str(schema).map_err(|e| refused(&format!("it is no JSON: {e}")))?;
        self.compile(&schema, copy_from, None)
    }

    /// Compiles a schema that is parsed already. `closing` is a text that must follow the JSON, such
    /// as `</tool_call>`; without it the answer ends with the JSON.
    ///
    /// # Errors
    ///
    /// As [`Grammars::constraint`].
    pub fn compile(&self, schema: &Value, copy_from: &str, closing: Option<&str>) -> Result<Constraint, EngineError> {
        let grammar = grammar(schema, copy_from, closing).map_err(|reason| refused(&reason))?;
        let matcher = Matcher::new(self.factory.create_parser(grammar));
        match matcher.get_error() {
            Some(error) => Err(refused(&first_reason(&error))),
            None => Ok(Constraint::new(matcher)),
        }
    }
}

fn grammar(schema: &Value, copy_from: &str, closing: Option<&str>) -> Result<TopLevelGrammar, String> {
    let mut schema = reading::read(schema)?;
    apart::settle(&mut schema)?;
    finite::check(&schema)?;
    merging::check(&schema)?;
    drawing_in::draw_in(&mut schema);
    if closing.is_some() || writing::leads(&schema.root, &writing::copying(&schema)) {
        return writing::write(&schema, copy_from, closing).map(TopLevelGrammar::from_lark);
    }
    match schema.root {
        Value::Object(mut fields) => {
            fields.insert("$defs".into(), Value::Object(schema.definitions));
            fields.insert("x-guidance".into(), writing::spacing());
            Ok(TopLevelGrammar::from_json_schema(Value::Object(fields)))
        }
        _ => Err("it allows no value".into()),
    }
}

fn refused(reason: &str) -> EngineError {
    EngineError::InvalidArgument(format!("the JSON Schema can't be used: {reason}"))
}

/// What went wrong, out of an error that also shows where in the grammar.
fn first_reason(error: &str) -> String {
    let line = error.lines().next().unwrap_or_default();
    let reason: String =
        line.rsplit("failed to compile JSON schema: ").next().unwrap_or(line).chars().take(200).collect();
    let complex = ["fuel", "too big", "too large", "too complex", "exceeded", "Unable to determine"];
    if complex.iter().any(|word| reason.contains(word)) {
        return format!("it is too complex to follow; simplify it ({reason})");
    }
    reason
}

#[cfg(test)]
pub mod tests;
