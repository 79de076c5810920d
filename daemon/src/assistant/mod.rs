//! The use case: `Request -> Route -> Hits -> Prompt -> TokenStream -> Answer`.
//!
//! Owns: what a request becomes, sessions, prompts, and the rule that nothing is stated about the
//! user's files that does not stand in them. Must not know: D-Bus, processes, where models live.
//!
//! A request is a future. Dropping it cancels everything it has under way: leases are given back,
//! and a dropped reply stream cancels its generation in the model's process.

mod act;
mod asked;
mod chat;
pub mod check;
mod generate;
mod grounded;
pub mod limits;
mod quote;
mod session;
mod stored;
mod text;
mod tool_loop;
pub mod types;
mod verify;

pub use session::Sessions;
pub use text::check_text_task;
pub use types::{
    Answer, AskOptions, Citation, ClientCall, ContextMode, Event, TextOptions, TextTask, ToolCall, Update, Usage,
};

use crate::error::HobError;
use crate::ledger::Ledger;
use crate::models::Models;
use crate::permissions::{Caller, Readers};
use crate::settings::{AnswerMode, KeepOnDisk};
use crate::skills::{Decision, Skills};
use crate::steward::Steward;
use asked::Reply;
use hob_engine::{GenerateSpec, Message, Persist, Role};
use hob_index::Index;
use session::Turn;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Where a request's updates go. Bounded: a caller that does not read slows its own request.
pub type Updates = mpsc::Sender<Update>;

/// Answers requests with the parts the daemon owns.
pub struct Assistant {
    models: Arc<Models>,
    index: Index,
    skills: Arc<Skills>,
    sessions: Arc<Sessions>,
    extractor: Arc<dyn hob_index::types::Extractor>,
    steward: Arc<Steward>,
    ledger: Arc<Ledger>,
    setup: AssistantSetup,
}

/// What the settings say about answering.
#[derive(Debug, Clone)]
pub struct AssistantSetup {
    /// How questions about the files are answered.
    pub mode: AnswerMode,
    /// What of prompts and conversations may be written to disk.
    pub keep: KeepOnDisk,
    /// The folder for conversations that may.
    pub sessions: PathBuf,
    /// Most intents that the chat model may call for one request; 0 for none.
    pub tool_steps: u32,
    /// Who may read pushed items.
    pub readers: Arc<Readers>,
}

/// What a request's stages share.
pub(crate) struct Ask<'a> {
    prompt: &'a str,
    options: &'a AskOptions,
    caller: &'a Caller,
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
        steward: Arc<Steward>,
        ledger: Arc<Ledger>,
        setup: AssistantSetup,
    ) -> Self {
        let folder = Some(setup.sessions.clone()).filter(|_| setup.keep == KeepOnDisk::Sessions);
        Self { models, index, skills, sessions: Arc::new(Sessions::new(folder)), extractor, steward, ledger, setup }
    }

    /// Open conversations.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Answers one request that has passed [`limits::check_ask`], streaming what happens to `updates`.
    pub async fn ask(
        &self,
        prompt: &str,
        options: &AskOptions,
        caller: &Caller,
        updates: &Updates,
    ) -> Result<Answer, HobError> {
        let ask = Ask { prompt, options, caller, updates, started: Instant::now() };
        if let Some(id) = &options.session {
            self.sessions.must_exist(id)?;
        }
        let answer = match self.reply(&ask).await? {
            Some(Reply::Call(call)) => self.follow(&ask, Decision::Skill(call)).await?,
            Some(Reply::Other(decision)) => self.begin(&ask, decision).await?,
            Some(Reply::Dropped) => self.dropped(&ask).await,
            None => self.begin(&ask, self.decide(&ask).await?).await?,
        };
        if let Some(id) = &options.session {
            self.remember(&ask, id, &answer).await;
        }
        Ok(answer)
    }

    /// A request of its own: where the rules left it open, the model may try before the user is asked.
    async fn begin(&self, ask: &Ask<'_>, decision: Decision) -> Result<Answer, HobError> {
        match self.by_model(ask, &decision).await? {
            Some(answer) => Ok(answer),
            None => self.follow(ask, decision).await,
        }
    }

    async fn follow(&self, ask: &Ask<'_>, decision: Decision) -> Result<Answer, HobError> {
        ask.route(decision.name()).await;
        match decision {
            Decision::Skill(call) => self.act(ask, call).await,
            Decision::Several(calls) => self.act_on_all(ask, calls).await,
            Decision::Which(calls) => Ok(self.ask_which(ask, calls).await),
            Decision::Retrieve => self.retrieve(ask).await,
            Decision::Chat => self.chat(ask).await,
        }
    }

    /// Adds what was said to the conversation, in memory and on disk.
    async fn remember(&self, ask: &Ask<'_>, id: &str, answer: &Answer) {
        let mut turns: Vec<Turn> = ask.options.messages.iter().cloned().map(Turn::from).collect();
        if !ask.prompt.trim().is_empty() {
            turns.push(Message::new("user", ask.prompt).into());
        }
        let message = Message { tool_calls: answer.client_calls.clone(), ..Message::new("assistant", &answer.text) };
        turns.push(Turn::answer(message, &answer.citations));
        if self.sessions.remember(id, turns) {
            let notice = "The conversation has grown long; its oldest turns are left out from now on.";
            ask.event(Event::Notice { text: notice.into() }).await;
        }
        self.sessions.save(id).await;
    }

    /// As much as the settings allow of what may be kept of a prompt.
    fn persist(&self, most: Persist) -> Persist {
        match (self.setup.keep, most) {
            (KeepOnDisk::Off, _) | (_, Persist::Nothing) => Persist::Nothing,
            (KeepOnDisk::Sessions, Persist::Conversation) => Persist::Conversation,
            _ => Persist::System,
        }
    }

    /// A session may be kept as a whole, unless it holds text of the user's files.
    fn persist_chat(&self, ask: &Ask<'_>, turns: &[Turn]) -> Persist {
        let whole = ask.options.session.is_some() && !turns.iter().any(Turn::is_from_files);
        self.persist(if whole { Persist::Conversation } else { Persist::System })
    }

    async fn decide(&self, ask: &Ask<'_>) -> Result<Decision, HobError> {
        match ask.options.context {
            ContextMode::None => Ok(Decision::Chat),
            ContextMode::Index => Ok(Decision::Retrieve),
            ContextMode::Auto if ask.options.for_the_model().is_some() => Ok(Decision::Chat),
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
        let wanted = if options.answer == AnswerMode::Auto { self.setup.mode } else { options.answer };
        match wanted {
            AnswerMode::Quote => false,
            AnswerMode::Generate => true,
            AnswerMode::Auto => self.has_passed_check(None),
        }
    }

    /// Whether a chat model, or the default one, has shown that it can be trusted to answer.
    fn has_passed_check(&self, model: Option<&str>) -> bool {
        let entry = match model {
            Some(id) => self.models.entry_or_file(id).ok(),
            None => self.models.default_entry(Role::Chat),
        };
        entry.and_then(|e| self.models.checks().get(&e.fingerprint)).is_some_and(|result| result.passed())
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

    /// Sends what the model thinks before it answers.
    async fn think(&self, text: &str) {
        send(self.updates, Update::Delta { reasoning: true, text: text.into() }).await;
    }

    /// Says what handles the request.
    async fn route(&self, decision: &str) {
        self.event(Event::Route { decision: decision.into() }).await;
    }

    async fn event(&self, event: Event) {
        send(self.updates, Update::Event(event)).await;
    }

    /// A generation on this request's behalf, without its messages yet.
    fn spec(&self, persist: Persist) -> GenerateSpec {
        GenerateSpec {
            seed: self.options.seed,
            priority: self.options.priority,
            caller: self.caller.identity(),
            persist,
            ..GenerateSpec::default()
        }
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
