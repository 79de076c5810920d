//! `org.hob.Assistant1` and `org.hob.Session1`: asking and conversing.

use super::ask_options::{parse, session_id};
use super::dict::{Dict, Options};
use super::door::Door;
use super::error::BusError;
use super::{ROOT, convert, request};
use crate::assistant::AskOptions;
use crate::error::{HobError, Kind};
use hob_engine::Role;
use std::sync::Arc;
use tokio::sync::mpsc;
use zbus::message::Header;
use zbus::{Connection, ObjectServer, OwnedObjectPath, interface};

/// The object behind `org.hob.Assistant1`.
pub struct AssistantInterface {
    pub(super) daemon: Arc<crate::Daemon>,
    pub(super) door: Arc<Door>,
}

/// Asks the machine.
#[interface(name = "org.hob.Assistant1")]
impl AssistantInterface {
    /// Starts a request and returns its object (`org.hob.Request1`), which streams the answer.
    ///
    /// Options of every request: model s, context s ("auto", "index", "none"), answer s ("auto",
    /// "quote", "generate"), folder s, session o, max_tokens u, temperature d, seed t, stop as, route s
    /// ("auto", "local"), priority s ("interactive", "background"), language s, handle_token s, tool_steps u (0 to
    /// 16: so many intents of skills the chat model may call where rules alone leave a request open; without it the
    /// setting answers.tool_steps counts, for a model that has passed its check).
    ///
    /// Options for the chat model, which any of them sends the request to: system s; schema s (JSON
    /// Schema that the answer satisfies); copy_from s (what a schema's `"x-copy": true` strings are
    /// taken from); messages s (JSON array of turns: role, content, tool_calls, tool_call_id; they
    /// come before the prompt, which may then be empty); tools s (JSON array of functions: name,
    /// description, parameters); tool_choice s ("auto", "required", "none"); logprobs u (alternatives
    /// per token, 0 to 20); lora s (absolute path of an adapter); lora_scale d.
    ///
    /// They are refused with context "index". tools and schema exclude each other unless tool_choice
    /// is "none". In a session, messages takes results of tools alone.
    ///
    /// The result: text s, finish_reason s ("stop", "length", "tool_calls", "not_found", "skill",
    /// "missing_arguments", "ambiguous"), route s, model s, citations aa{sv}, tool_calls aa{sv} (of skills: skill s,
    /// intent s, arguments s, result s; of the caller's tools, for the caller to carry out: id s,
    /// name s, arguments s), reasoning s, logprobs aa{sv} (text s, logprob d, top a(sd)), usage a{sv}
    /// (prompt_tokens u, cached_tokens u, completion_tokens u, first_token_ms u, total_ms u,
    /// queued_ms u, prompt_ms u, threads u, preempted u, drafted u, accepted u).
    ///
    /// Busy: one caller may have 64 requests under way, all together 256.
    async fn ask(
        &self,
        prompt: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        let (token, options) = parse(&prompt, options)?;
        let guest = self.door.meet(&header, connection).await?;
        let place = guest.take_place(size(&prompt, &options)).await?;
        let (daemon, caller) = (self.daemon.clone(), guest.caller.clone());
        let work = move |updates| async move {
            daemon.assistant.ask(&prompt, &options, &caller, &updates).await.map(convert::answer)
        };
        Ok(request::start(guest, place, &token, work).await?)
    }

    /// The same, waiting for the whole answer, for clients that can't stream. The details have the
    /// keys of `Finished`'s result.
    #[zbus(out_args("text", "details"))]
    async fn complete(
        &self,
        prompt: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(String, Dict), BusError> {
        let (_, options) = parse(&prompt, options)?;
        let guest = self.door.meet(&header, connection).await?;
        let _place = guest.take_place(size(&prompt, &options)).await?;
        let (updates, mut seen) = mpsc::channel(64);
        let drain = async { while seen.recv().await.is_some() {} };
        let caller = &guest.caller;
        let work = async move { self.daemon.assistant.ask(&prompt, &options, caller, &updates).await };
        let answer = tokio::select! {
            (answer, ()) = async { tokio::join!(work, drain) } => answer?,
            () = guest.left() => return Err(HobError::cancelled().into()),
        };
        guest.was_sent(answer.text.len() * 2 + answer.reasoning.len());
        Ok((answer.text.clone(), convert::answer(answer)))
    }

    /// Opens a conversation and returns its object (`org.hob.Session1`), which is what the option
    /// `session` names. Unless the settings say otherwise it outlives the daemon: the object is there
    /// again, under the same path, and goes on where it was. It is closed after 30 days without use,
    /// or when there are more than 64. Options: resume o (go on with this one; NotFound when it is
    /// gone).
    async fn open_session(
        &self,
        options: Dict,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> Result<OwnedObjectPath, BusError> {
        let mut options = Options::new(options);
        let resume = options.string("resume")?;
        options.end()?;
        let sessions = self.daemon.assistant.sessions();
        if let Some(path) = resume {
            sessions.must_exist(session_id(&path).unwrap_or(&path))?;
            return session_path(session_id(&path).unwrap_or_default());
        }
        let (id, closed) = sessions.open();
        for id in &closed {
            if let Err(error) = server.remove::<Session, _>(&session_path(id)?).await {
                tracing::debug!(id, %error, "a closed session had no object any more");
            }
        }
        let path = session_path(&id)?;
        server.at(&path, Session { id, daemon: self.daemon.clone() }).await?;
        Ok(path)
    }

    /// Loads the models that a question needs, so that it need not wait. Options: model s.
    async fn prewarm(&self, options: Dict) -> Result<(), BusError> {
        let mut options = Options::new(options);
        let model = options.string("model")?;
        options.end()?;
        self.daemon.models.lease(model.as_deref(), Role::Chat).await?;
        match self.daemon.models.lease(None, Role::Embedding).await {
            Err(error) if error.kind != Kind::NoModel => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// A conversation.
pub struct Session {
    pub(super) id: String,
    pub(super) daemon: Arc<crate::Daemon>,
}

/// A conversation: later questions see the earlier turns.
#[interface(name = "org.hob.Session1")]
impl Session {
    /// Ends the conversation and forgets its turns, on disk too.
    async fn close(&self, #[zbus(object_server)] server: &ObjectServer) -> Result<(), BusError> {
        self.daemon.assistant.sessions().close(&self.id);
        server.remove::<Session, _>(&session_path(&self.id)?).await?;
        Ok(())
    }
}

/// Where a session's object is.
pub(super) fn session_path(id: &str) -> Result<OwnedObjectPath, BusError> {
    OwnedObjectPath::try_from(format!("{ROOT}/session/{id}")).map_err(|e| BusError::Internal(e.to_string()))
}

/// Bytes of a request's texts, about.
fn size(prompt: &str, options: &AskOptions) -> usize {
    let turns: usize = options.messages.iter().map(|m| m.content.len()).sum();
    let tools: usize = options.tools.iter().map(|t| t.description.len() + t.parameters.len()).sum();
    let texts = [&options.system, &options.schema, &options.copy_from];
    prompt.len() + turns + tools + texts.into_iter().flatten().map(String::len).sum::<usize>()
}
