//! `org.hob.Text1`: the task verbs.

use super::ask_options::{priority, request_token};
use super::dict::{Dict, Options};
use super::door::Door;
use super::error::BusError;
use super::{convert, request};
use crate::assistant::{TextOptions, TextTask, check_text_task};
use crate::error::HobError;
use std::path::PathBuf;
use std::sync::Arc;
use zbus::message::Header;
use zbus::{Connection, OwnedObjectPath, interface};

/// The object behind `org.hob.Text1`.
pub struct TextInterface {
    pub(super) daemon: Arc<crate::Daemon>,
    pub(super) door: Arc<Door>,
}

/// Works on a text. Each verb returns a request object; common options: path s (take the text from
/// this file), model s, max_tokens u, priority s ("interactive", "background"), handle_token s.
#[interface(name = "org.hob.Text1")]
impl TextInterface {
    /// Says it in two or three sentences; nothing that the text does not say. Options of every verb:
    /// path s (take the text from this file), model s, max_tokens u, priority s ("interactive",
    /// "background"), handle_token s.
    async fn summarize(
        &self,
        text: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        self.start(TextTask::Summarize, text, options, &header, connection).await
    }

    /// Says it differently. Further option: instruction s, e.g. "more formal".
    async fn rewrite(
        &self,
        text: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        self.start(TextTask::Rewrite, text, options, &header, connection).await
    }

    /// Corrects spelling and grammar.
    async fn proofread(
        &self,
        text: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        self.start(TextTask::Proofread, text, options, &header, connection).await
    }

    /// Says it in another language. Needed option: language s, e.g. "German".
    async fn translate(
        &self,
        text: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        self.start(TextTask::Translate, text, options, &header, connection).await
    }
}

impl TextInterface {
    async fn start(
        &self,
        task: TextTask,
        text: String,
        options: Dict,
        header: &Header<'_>,
        connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        let (token, options) = parse(options)?;
        check_text_task(&text)?;
        let guest = self.door.meet(header, connection).await?;
        let place = guest.take_place(text.len()).await?;
        let (daemon, caller) = (self.daemon.clone(), guest.caller.clone());
        let work = move |updates| async move {
            daemon.assistant.text_task(task, &text, &options, &caller, &updates).await.map(convert::answer)
        };
        Ok(request::start(guest, place, &token, work).await?)
    }
}

fn parse(options: Dict) -> Result<(String, TextOptions), HobError> {
    let mut options = Options::new(options);
    let token = options.string("handle_token")?.unwrap_or_else(request_token);
    let parsed = TextOptions {
        model: options.string("model")?,
        path: options.string("path")?.map(PathBuf::from),
        instruction: options.string("instruction")?,
        language: options.string("language")?,
        max_tokens: options.number32("max_tokens")?.unwrap_or(0),
        priority: priority(&mut options)?,
    };
    options.end()?;
    Ok((token, parsed))
}
