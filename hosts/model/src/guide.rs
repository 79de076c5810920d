//! What an answer must look like: which constraint holds at which point of it.
//!
//! Owns: the schema of the answer, the schema of a tool call that the model has opened, and when each applies. Must not
//! know: how a constraint works (`grammar`), how tokens are scored.
//!
//! A model may think before a schema binds it; a model that may call tools may open a call instead of answering, and
//! then its arguments are bound. A call that is required is opened for it.

use crate::format::Format;
use crate::grammar::{Constraint, Grammars, copied_from};
use crate::prompt;
use hob_engine::{EngineError, GenerateSpec, ToolChoice};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;

/// The constraints of one answer.
#[derive(Default)]
pub struct Guide {
    constraint: Option<Constraint>,
    /// The constraint is that of a call within the answer, which goes on after it.
    within: bool,
    /// Calls that the model opens are to be constrained.
    calls: bool,
    /// The constraint may still be left for a call that opens with this token.
    opener: Option<LlamaToken>,
    /// Text and tokens that start a required call and are not written yet.
    opening: Option<(&'static str, Vec<LlamaToken>)>,
    copy_from: String,
}

impl Guide {
    /// What `spec` asks for.
    pub fn new(
        spec: &GenerateSpec,
        format: &Format,
        grammars: Option<&Grammars>,
        vocab: &LlamaVocab<'_>,
        opener: Option<LlamaToken>,
    ) -> Result<Self, EngineError> {
        let mut guide = Self { copy_from: copied_from(spec).to_string(), ..Self::default() };
        let Some(grammars) = grammars else { return Ok(guide) };
        if let Some(schema) = &spec.schema {
            guide.constraint = Some(grammars.constraint(schema, &guide.copy_from)?);
        }
        match (spec.tools.is_empty(), spec.tool_choice) {
            (true, _) | (_, ToolChoice::None) => {}
            (_, ToolChoice::Auto) => {
                guide.calls = format.calls_are_json();
                guide.opener = opener;
                // Compiled now, so that a schema that can't be followed is refused before anything is generated.
                grammars.compile(&format.call_schema(&spec.tools), &guide.copy_from, format.call_closes())?;
            }
            (_, ToolChoice::Required) => {
                if spec.schema.is_some() {
                    let reason = "an answer can't be a tool call and follow a schema of its own; leave one out";
                    return Err(EngineError::InvalidArgument(reason.into()));
                }
                let schema = format.call_schema(&spec.tools);
                guide.constraint = Some(grammars.compile(&schema, &guide.copy_from, format.call_closes())?);
                guide.opening = format.call_opens().map(|text| (text, prompt::marker(vocab, text)));
            }
        }
        Ok(guide)
    }

    /// Whether a request needs grammars at all: they walk the whole vocabulary once.
    pub fn is_needed(spec: &GenerateSpec) -> bool {
        spec.schema.is_some() || (!spec.tools.is_empty() && spec.tool_choice != ToolChoice::None)
    }

    /// What must be written first now, once.
    pub fn opening(&mut self) -> Option<(&'static str, Vec<LlamaToken>)> {
        self.opening.take()
    }

    /// The constraint that holds now.
    pub fn constraint(&mut self) -> Option<&mut Constraint> {
        self.constraint.as_mut()
    }

    /// The token with which the answer may turn into a call, while it may.
    pub fn opener(&self) -> Option<LlamaToken> {
        self.opener
    }

    /// Takes note of a token of the answer. `true`: the answer is complete.
    pub fn wrote(&mut self, token: LlamaToken) -> bool {
        if self.opener.take() == Some(token) {
            self.constraint = None;
        }
        let complete = self.constraint.as_ref().is_some_and(Constraint::is_complete);
        if complete && self.within {
            (self.constraint, self.within) = (None, false);
            return false;
        }
        complete
    }

    /// A call that is to be constrained has been opened, and is not yet.
    pub fn wants_call(&self) -> bool {
        self.calls && self.constraint.is_none()
    }

    /// Constrains a call that the model has opened, of which `body` is there. A body that does not fit is left alone:
    /// it is no call then, and is shown as text.
    pub fn call(
        &mut self,
        spec: &GenerateSpec,
        format: &Format,
        grammars: &Grammars,
        vocab: &LlamaVocab<'_>,
        body: &str,
    ) -> Result<(), EngineError> {
        let schema = format.call_schema(&spec.tools);
        let mut constraint = grammars.compile(&schema, &self.copy_from, format.call_closes())?;
        let written = prompt::plain(vocab, body.trim_start());
        // Once for each call: what did not fit does not fit later either.
        if written.into_iter().all(|token| constraint.accept(token).is_ok()) {
            (self.constraint, self.within) = (Some(constraint), true);
        } else {
            self.calls = false;
        }
        Ok(())
    }
}
