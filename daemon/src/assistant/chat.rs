//! Talking: the chat model alone, with the conversation so far.

use super::generate::{Generated, Sink, message};
use super::session::{Turn, oldest};
use super::{Answer, Ask, Assistant, Event};
use crate::error::HobError;
use hob_engine::{GenerateSpec, Message, Persist};

/// Most tokens of an answer when the caller does not say.
const DEFAULT_TOKENS: u32 = 384;
/// Small models wander at higher temperatures.
const DEFAULT_TEMPERATURE: f32 = 0.4;
const SYSTEM: &str = "You are hob, a helpful assistant that runs on the user's own device. Answer briefly and plainly.";

impl Assistant {
    /// Lets the chat model answer.
    pub(super) async fn chat(&self, ask: &Ask<'_>) -> Result<Answer, HobError> {
        let generated = match ask.options.session.as_deref() {
            Some(id) => self.chat_in_session(ask, id).await?,
            None => self.generate_chat(ask, &[]).await?,
        };
        let mut answer = ask.answer(&generated.text, generated.finish_reason, "chat");
        answer.usage = generated.usage;
        answer.model = generated.model;
        answer.reasoning = generated.reasoning;
        answer.client_calls = generated.calls;
        answer.logprobs = ask.options.logprobs.map(|_| generated.logprobs);
        Ok(answer)
    }

    /// When the conversation outgrows the model, its oldest turns fall out: for good, and enough of
    /// them that the next questions find the same beginning, which the model then need not read again.
    async fn chat_in_session(&self, ask: &Ask<'_>, id: &str) -> Result<Generated, HobError> {
        let mut turns = self.sessions.turns(id);
        loop {
            let error = match self.generate_chat(ask, &turns).await {
                Ok(generated) => return Ok(generated),
                Err(error) => error,
            };
            // A single prompt that is too long is the caller's to mend.
            let Some(overflow) = error.overflow.filter(|_| !turns.is_empty()) else { return Err(error) };
            let more = ask.prompt.len() + ask.options.messages.iter().map(|m| m.content.len()).sum::<usize>();
            let count = oldest(&turns, more, overflow.tokens, overflow.limit);
            turns.drain(..count);
            self.sessions.forget_oldest(id, count);
            let notice = "The conversation no longer fits the model; its oldest turns are left out.";
            ask.event(Event::Notice { text: notice.into() }).await;
        }
    }

    async fn generate_chat(&self, ask: &Ask<'_>, turns: &[Turn]) -> Result<Generated, HobError> {
        let persist = self.persist_chat(ask, turns);
        self.generate(ask.options.model.as_deref(), spec(ask, turns, persist), Sink::Caller(ask)).await
    }
}

fn spec(ask: &Ask<'_>, turns: &[Turn], persist: Persist) -> GenerateSpec {
    let options = ask.options;
    GenerateSpec {
        messages: messages(ask, turns),
        max_tokens: if options.max_tokens == 0 { DEFAULT_TOKENS } else { options.max_tokens },
        temperature: options.temperature.unwrap_or(DEFAULT_TEMPERATURE),
        stop: options.stop.clone(),
        schema: options.schema.clone(),
        copy_from: options.copy_from.clone(),
        tools: options.tools.clone(),
        tool_choice: options.tool_choice,
        logprobs: options.logprobs,
        lora: options.lora.clone(),
        ..ask.spec(persist)
    }
}

/// The whole conversation. A caller that gives its own turns gives its own system turn, or none.
fn messages(ask: &Ask<'_>, turns: &[Turn]) -> Vec<Message> {
    let options = ask.options;
    let own = options.session.is_none() && !options.messages.is_empty();
    let system = options.system.as_deref().or((!own).then_some(SYSTEM));
    let mut messages: Vec<Message> = system.map(|text| message("system", text)).into_iter().collect();
    messages.extend(turns.iter().map(|turn| turn.message.clone()));
    messages.extend_from_slice(&options.messages);
    if !ask.prompt.trim().is_empty() {
        messages.push(message("user", ask.prompt));
    }
    messages
}
