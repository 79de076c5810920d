//! The use case: `Request -> Route -> Hits -> Prompt -> TokenStream -> Answer`.
//!
//! Owns: what a request becomes, sessions, prompts, and the rule that nothing is stated about the
//! user's files that does not stand in them. Must not know: D-Bus, processes, where models live.
//!
//! A request is a future. Dropping it cancels everything it has under way: leases are given back,
//! and a dropped reply stream cancels its generation in the model's process.

mod act;
mod chat;
pub mod check;
mod generate;
mod grounded;
mod quote;
mod session;
mod text;
pub mod types;
mod verify;

pub use session::Sessions;
pub use types::{Answer, AskOptions, Citation, ContextMode, Event, TextOptions, TextTask, ToolCall, Update, Usage};

use crate::error::HobError;
use crate::models::Models;
use crate::permissions::Caller;
use crate::settings::AnswerMode;
use crate::skills::{Decision, Skills};
use hob_engine::Role;
use hob_index::Index;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Longest prompt accepted at the door, in bytes. Models hold far less; this only keeps absurd
/// input from being copied around.
pub const MAX_PROMPT: usize = 1 << 20;

/// Where a request's updates go. Bounded: a caller that does not read slows its own request.
pub type Updates = mpsc::Sender<Update>;

/// Answers requests with the parts the daemon owns.
pub struct Assistant {
    models: Arc<Models>,
    index: Index,
    skills: Arc<Skills>,
    sessions: Sessions,
    extractor: Arc<dyn hob_index::types::Extractor>,
    mode: AnswerMode,
}

/// What a request's stages share.
pub(crate) struct Ask<'a> {
    prompt: &'a str,
    options: &'a AskOptions,
    updates: &'a Updates,
    started: Instant,
}

impl Assistant {
    /// Puts the parts together.
    pub fn new(
        models: Arc<Models>,
        index: Index,
        skills: Arc<Skills>,
        extractor: Arc<dyn hob_index::types::Extractor>,
        mode: AnswerMode,
    ) -> Self {
        Self { models, index, skills, sessions: Sessions::default(), extractor, mode }
    }

    /// Open conversations.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Answers one request, streaming what happens to `updates`.
    pub async fn ask(
        &self,
        prompt: &str,
        options: &AskOptions,
        caller: &Caller,
        updates: &Updates,
    ) -> Result<Answer, HobError> {
        check_prompt(prompt)?;
        let ask = Ask { prompt, options, updates, started: Instant::now() };
        if let Some(id) = &options.session {
            self.sessions.must_exist(id)?;
        }
        let decision = self.decide(&ask).await?;
        ask.event(Event::Route { decision: decision.name().into() }).await;
        let answer = match decision {
            Decision::Skill(call) => self.act(&ask, call, caller).await?,
            Decision::Retrieve => self.retrieve(&ask).await?,
            Decision::Chat => self.chat(&ask).await?,
        };
        if let Some(id) = &options.session {
            self.sessions.remember(id, prompt, &answer.text);
        }
        Ok(answer)
    }

    async fn decide(&self, ask: &Ask<'_>) -> Result<Decision, HobError> {
        match ask.options.context {
            ContextMode::None => Ok(Decision::Chat),
            ContextMode::Index => Ok(Decision::Retrieve),
            // A schema or a system prompt is an order to the model, not a question to the files.
            ContextMode::Auto if ask.options.schema.is_some() || ask.options.system.is_some() => Ok(Decision::Chat),
            ContextMode::Auto => self.skills.decide(ask.prompt).await,
        }
    }

    /// Answers from the user's files: by quoting, or by a model that has earned it.
    async fn retrieve(&self, ask: &Ask<'_>) -> Result<Answer, HobError> {
        let found = self.sentences(ask).await?;
        let quotes = quote::choose(&found);
        if quotes.is_empty() {
            return self.not_found(ask).await;
        }
        if self.may_generate(ask.options) {
            return self.generate_grounded(ask, &found).await;
        }
        Ok(self.quoted(ask, quotes).await)
    }

    /// In a conversation the chat model may go on; a single question gets an honest no.
    async fn not_found(&self, ask: &Ask<'_>) -> Result<Answer, HobError> {
        if ask.options.session.is_some() && self.models.default_entry(Role::Chat).is_some() {
            let notice = "Nothing in your files answers this; what follows is the model's own word.";
            ask.event(Event::Notice { text: notice.into() }).await;
            return self.chat(ask).await;
        }
        let text = if self.index.status().documents == 0 {
            "Not found in your files: nothing is indexed yet. Add a folder with: hob index add FOLDER"
        } else {
            "Not found in your files."
        };
        ask.delta(text).await;
        Ok(ask.answer(text, "not_found", "retrieve"))
    }

    fn may_generate(&self, options: &AskOptions) -> bool {
        let wanted = if options.answer == AnswerMode::Auto { self.mode } else { options.answer };
        match wanted {
            AnswerMode::Quote => false,
            AnswerMode::Generate => true,
            AnswerMode::Auto => {
                let entry = self.models.default_entry(Role::Chat);
                entry.and_then(|e| self.models.checks().get(&e.fingerprint)).is_some_and(|result| result.passed())
            }
        }
    }
}

impl Ask<'_> {
    /// Sends text of the answer. A gone receiver means that the request is being dropped.
    async fn delta(&self, text: &str) {
        send(self.updates, Update::Delta { reasoning: false, text: text.into() }).await;
    }

    async fn delta_unless_empty(&self, text: &str) {
        if !text.is_empty() {
            self.delta(text).await;
        }
    }

    async fn event(&self, event: Event) {
        send(self.updates, Update::Event(event)).await;
    }

    fn elapsed_ms(&self) -> u32 {
        u32::try_from(self.started.elapsed().as_millis()).unwrap_or(u32::MAX)
    }

    /// An answer without model, citations or tool calls yet.
    fn answer(&self, text: &str, finish_reason: &str, route: &str) -> Answer {
        let ms = self.elapsed_ms();
        Answer {
            text: text.into(),
            finish_reason: finish_reason.into(),
            route: route.into(),
            usage: Usage { first_token_ms: ms, total_ms: ms, ..Usage::default() },
            ..Answer::default()
        }
    }
}

/// Sends an update; nobody listening is no error, the request ends by being dropped.
async fn send(updates: &Updates, update: Update) {
    if updates.send(update).await.is_err() {
        tracing::trace!("an update found no listener");
    }
}

fn check_prompt(prompt: &str) -> Result<(), HobError> {
    if prompt.trim().is_empty() {
        return Err(HobError::invalid("the prompt is empty; say what you want to know or have done"));
    }
    if prompt.len() > MAX_PROMPT {
        let message = format!(
            "the prompt has {} bytes, the limit is {MAX_PROMPT}; index the text and ask about it instead",
            prompt.len()
        );
        return Err(HobError::new(crate::error::Kind::TooLong, message));
    }
    if prompt.contains('\0') {
        return Err(HobError::invalid("the prompt contains a NUL byte; remove it"));
    }
    Ok(())
}
