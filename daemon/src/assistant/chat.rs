//! Talking: the chat model alone, with the conversation so far.

use super::generate::{Sink, message};
use super::{Answer, Ask, Assistant, Event};
use crate::error::{HobError, Kind};
use hob_engine::{GenerateSpec, Message};

/// Most tokens of an answer when the caller does not say.
const DEFAULT_TOKENS: u32 = 384;
/// Small models wander at higher temperatures.
const DEFAULT_TEMPERATURE: f32 = 0.4;
const SYSTEM: &str = "You are hob, a helpful assistant that runs on the user's own device. Answer briefly and plainly.";

impl Assistant {
    /// Lets the chat model answer.
    pub(super) async fn chat(&self, ask: &Ask<'_>) -> Result<Answer, HobError> {
        let mut turns = ask.options.session.as_deref().map(|id| self.sessions.turns(id)).unwrap_or_default();
        let generated = loop {
            match self.generate(ask.options.model.as_deref(), spec(ask, &turns), Sink::Caller(ask)).await {
                // The oldest turns fall out; a single prompt that is too long is the caller's to mend.
                Err(error) if error.kind == Kind::TooLong && !turns.is_empty() => {
                    turns.drain(..turns.len().min(2));
                    let notice = "The conversation no longer fits the model; its oldest turns are left out.";
                    ask.event(Event::Notice { text: notice.into() }).await;
                }
                other => break other?,
            }
        };
        let mut answer = ask.answer(&generated.text, generated.finish_reason, "chat");
        answer.usage = generated.usage;
        answer.model = generated.model;
        Ok(answer)
    }
}

fn spec(ask: &Ask<'_>, turns: &[Message]) -> GenerateSpec {
    let system = ask.options.system.as_deref().unwrap_or(SYSTEM);
    let mut messages = vec![message("system", system)];
    messages.extend_from_slice(turns);
    messages.push(message("user", ask.prompt));
    GenerateSpec {
        messages,
        max_tokens: if ask.options.max_tokens == 0 { DEFAULT_TOKENS } else { ask.options.max_tokens },
        temperature: ask.options.temperature.unwrap_or(DEFAULT_TEMPERATURE),
        seed: ask.options.seed,
        stop: ask.options.stop.clone(),
        schema: ask.options.schema.clone(),
        ..GenerateSpec::default()
    }
}
