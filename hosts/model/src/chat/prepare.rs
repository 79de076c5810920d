//! From a request to a run: everything that can be known before it is evaluated.
//!
//! Owns: what is refused, and the tokens of the system messages of late. Must not know: contexts, other requests.

use super::Chat;
use crate::format::Reader;
use crate::grammar::Grammars;
use crate::guide::Guide;
use crate::output::Output;
use crate::prompt;
use crate::run::{Means, Prompt, Run};
use crate::saved::common;
use crate::schedule::Request;
use crate::wire::Job;
use hob_engine::{EngineError, GenerateSpec, Message, ModelRequest, Persist, ToolChoice, ToolSpec};
use llama_cpp_2::token::LlamaToken;

/// Most bytes of a conversation; more can't fit any context and would take seconds to count.
const MOST_BYTES: usize = 8 << 20;
/// System messages whose tokens are remembered.
const KNOWN_SYSTEMS: usize = 4;

/// A first message with its tools, and their tokens.
pub(super) type System = (Option<Message>, Vec<ToolSpec>, Vec<LlamaToken>);

impl Chat<'_> {
    /// Everything about a request that can be known before it is evaluated.
    pub(super) fn prepare(&mut self, request: Request, job: Job) -> Result<Run, EngineError> {
        let body = job.body.clone();
        let ModelRequest::Generate(spec) = &*body else {
            return Err(EngineError::InvalidArgument("only generations are scheduled".into()));
        };
        check(spec)?;
        if Guide::is_needed(spec) && self.grammars.is_none() {
            self.grammars = Some(Grammars::new(&self.vocab)?);
        }
        let format = *self.template.format();
        let guide = Guide::new(spec, &format, self.grammars.as_ref(), &self.vocab, self.marked.opener())?;
        let (messages, tools) = (&spec.messages, &spec.tools);
        let known = &mut self.lanes.store().known;
        let prompt = prompt::tokens(&self.vocab, &self.controls, &self.template, known, (messages, tools))?;
        let offered = if spec.tool_choice == ToolChoice::None { &[][..] } else { tools };
        let reader = Reader::new(&format, offered, prompt.opens_thinking).after(messages);
        let stops = spec.stop.iter().cloned().chain(self.template.stops().iter().map(ToString::to_string));
        let means = Means {
            guide,
            output: Output::new(reader, stops.collect()),
            adapter: self.adapters.group(spec.lora.as_ref())?,
            length: self.lanes.length(),
            // An adapter's products are llama.cpp's, which round otherwise for several tokens.
            is_cheap: self.is_cheap && spec.lora.is_none(),
        };
        let system = self.system(spec, &prompt.tokens)?;
        Run::new(job, request, spec, Prompt { tokens: prompt.tokens, system }, means)
    }

    /// How many leading tokens of a prompt are its system message and tools.
    fn system(&mut self, spec: &GenerateSpec, prompt: &[LlamaToken]) -> Result<usize, EngineError> {
        // Nobody asks for it, or it is the same as a moment ago.
        if spec.persist != Persist::System {
            return Ok(0);
        }
        let first = spec.messages.first().cloned();
        if let Some((_, _, tokens)) = self.systems.iter().find(|(m, t, _)| (m, t) == (&first, &spec.tools)) {
            return Ok(common(tokens, prompt));
        }
        let given = (&*spec.messages, &*spec.tools);
        let known = &mut self.lanes.store().known;
        let tokens = prompt::system_tokens(&self.vocab, &self.controls, &self.template, known, given)?;
        let length = common(&tokens, prompt);
        self.systems.truncate(KNOWN_SYSTEMS - 1);
        self.systems.insert(0, (first, spec.tools.clone(), tokens));
        Ok(length)
    }
}

fn check(spec: &GenerateSpec) -> Result<(), EngineError> {
    let wrong = |reason: &str| Err(EngineError::InvalidArgument(reason.into()));
    if spec.messages.is_empty() {
        return wrong("there is no message to answer; give at least one");
    }
    if let Some(message) = spec.messages.iter().find(|m| !matches!(&*m.role, "system" | "user" | "assistant" | "tool"))
    {
        let role: String = message.role.chars().take(32).collect();
        return wrong(&format!("a message has the role {role:?}; use system, user, assistant or tool"));
    }
    let of_calls = |m: &Message| m.tool_calls.iter().map(|call| call.name.len() + call.arguments.len()).sum::<usize>();
    let of_messages: usize = spec.messages.iter().map(|m| m.content.len() + of_calls(m)).sum();
    let of_tools: usize = spec.tools.iter().map(|t| t.name.len() + t.description.len() + t.parameters.len()).sum();
    let bytes = of_messages + of_tools;
    if bytes > MOST_BYTES {
        return wrong(&format!("the conversation has {bytes} bytes, over {MOST_BYTES}; shorten it"));
    }
    Ok(())
}
