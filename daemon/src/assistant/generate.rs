//! One generation: from messages to a stream of text, on a leased model.

use super::types::{ClientCall, Usage};
use super::verify::Verifier;
use super::{Ask, Assistant, Event};
use crate::error::HobError;
use crate::models::Lease;
use hob_engine::{Finish, GenerateSpec, Message, ModelReply, ModelRequest, Priority, Role, TokenLogprob};

/// What a generation gave.
#[derive(Default)]
pub(super) struct Generated {
    /// The whole text.
    pub text: String,
    /// What the model thought before it.
    pub reasoning: String,
    /// Tools of the caller's that it wants called.
    pub calls: Vec<ClientCall>,
    /// How likely each token was, if that was asked for.
    pub logprobs: Vec<TokenLogprob>,
    /// "stop", "length" or "tool_calls".
    pub finish_reason: &'static str,
    /// The model's id.
    pub model: String,
    /// What it took.
    pub usage: Usage,
}

/// Where generated text goes as it comes.
pub(super) enum Sink<'a> {
    /// Nowhere: only the whole matters.
    Silent,
    /// To the caller.
    Caller(&'a Ask<'a>),
    /// To the caller, sentence by sentence, as far as it is backed. What the model thinks stays
    /// unsaid, since nothing would check it.
    Verified(&'a Ask<'a>, &'a mut Verifier),
}

impl Sink<'_> {
    async fn push(&mut self, text: &str) {
        match self {
            Self::Silent => {}
            Self::Caller(ask) => ask.delta(text).await,
            Self::Verified(ask, verifier) => ask.delta_unless_empty(&verifier.push(text)).await,
        }
    }

    async fn think(&mut self, text: &str) {
        if let Self::Caller(ask) = self {
            ask.think(text).await;
        }
    }

    async fn call(&mut self, call: &ClientCall) {
        if let Self::Caller(ask) = self {
            ask.event(Event::ClientCall(call.clone())).await;
        }
    }
}

/// A turn of a conversation.
pub(super) fn message(role: &str, content: impl Into<String>) -> Message {
    Message::new(role, content)
}

impl Assistant {
    /// Generates, handing each piece of text to `sink` as it comes.
    pub(super) async fn generate(
        &self,
        model: Option<&str>,
        spec: GenerateSpec,
        sink: Sink<'_>,
    ) -> Result<Generated, HobError> {
        let background = spec.priority == Priority::Background;
        let work = async {
            let lease = self.models.lease(model, Role::Chat).await?;
            self.generate_on(&lease, spec, sink).await
        };
        if background { self.steward.in_background(work).await } else { work.await }
    }

    /// Generates on a model that is already leased.
    pub(super) async fn generate_on(
        &self,
        lease: &Lease,
        spec: GenerateSpec,
        mut sink: Sink<'_>,
    ) -> Result<Generated, HobError> {
        let mut counted = self.ledger.count(&spec.caller, lease.host().pid());
        let mut replies = lease.host().request(ModelRequest::Generate(spec)).await?;
        let mut made = Generated { model: lease.entry().id.clone(), ..Generated::default() };
        while let Some(reply) = replies.next().await? {
            match reply {
                ModelReply::Delta(text) => {
                    let text = without_nul(text);
                    sink.push(&text).await;
                    made.text.push_str(&text);
                }
                ModelReply::Reasoning(text) => {
                    let text = without_nul(text);
                    sink.think(&text).await;
                    made.reasoning.push_str(&text);
                }
                ModelReply::ToolCall(ClientCall { id, name, arguments }) => {
                    let [id, name, arguments] = [id, name, arguments].map(without_nul);
                    let call = ClientCall { id, name, arguments };
                    sink.call(&call).await;
                    made.calls.push(call);
                }
                ModelReply::Done { finish, usage, logprobs } => {
                    counted.tokens(usage.prompt_tokens, usage.completion_tokens);
                    let logprobs = logprobs.into_iter().map(clean).collect();
                    return Ok(Generated { finish_reason: reason(finish)?, usage, logprobs, ..made });
                }
                ModelReply::Failed(error) => return Err(error.into()),
                other => return Err(HobError::internal(format!("the model process answered with {other:.60?}"))),
            }
        }
        Err(HobError::internal("the model process ended its reply early; try again"))
    }
}

fn reason(finish: Finish) -> Result<&'static str, HobError> {
    match finish {
        Finish::Stop => Ok("stop"),
        Finish::Length => Ok("length"),
        Finish::ToolCalls => Ok("tool_calls"),
        Finish::Cancelled => Err(HobError::cancelled()),
    }
}

/// A model can generate a NUL, but neither D-Bus nor C programs can take one in a text.
fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn clean(token: TokenLogprob) -> TokenLogprob {
    let top = token.top.into_iter().map(|(text, logprob)| (without_nul(text), logprob)).collect();
    TokenLogprob { text: without_nul(token.text), logprob: token.logprob, top }
}
