//! One generation: from messages to a stream of text, on a leased model.

use super::verify::Verifier;
use super::{Ask, Assistant, Usage};
use crate::error::HobError;
use crate::models::Lease;
use hob_engine::{Finish, GenerateSpec, Message, ModelReply, ModelRequest, Role};

/// What a generation gave.
pub(super) struct Generated {
    /// The whole text.
    pub text: String,
    /// "stop" or "length".
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
    /// To the caller, sentence by sentence, as far as it is backed.
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
        let lease = self.models.lease(model, Role::Chat).await?;
        self.generate_on(&lease, spec, sink).await
    }

    /// Generates on a model that is already leased.
    pub(super) async fn generate_on(
        &self,
        lease: &Lease,
        spec: GenerateSpec,
        mut sink: Sink<'_>,
    ) -> Result<Generated, HobError> {
        let mut replies = lease.host().request(ModelRequest::Generate(spec)).await?;
        let mut text = String::new();
        while let Some(reply) = replies.next().await? {
            match reply {
                ModelReply::Delta(delta) => {
                    sink.push(&delta).await;
                    text.push_str(&delta);
                }
                ModelReply::Done { finish, usage, .. } => {
                    let model = lease.entry().id.clone();
                    return Ok(Generated { text, finish_reason: reason(finish)?, model, usage: convert(usage) });
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

fn convert(usage: hob_engine::Usage) -> Usage {
    Usage {
        prompt_tokens: usage.prompt_tokens,
        cached_tokens: usage.cached_tokens,
        completion_tokens: usage.completion_tokens,
        first_token_ms: usage.first_token_ms,
        total_ms: usage.total_ms,
    }
}
