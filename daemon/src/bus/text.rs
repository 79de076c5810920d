//! `org.hob.Text1`: the task verbs.

use super::dict::{Dict, Options};
use super::error::BusError;
use super::{assistant::request_token, request};
use crate::assistant::{TextOptions, TextTask};
use crate::error::HobError;
use std::path::PathBuf;
use std::sync::Arc;
use zbus::message::Header;
use zbus::{Connection, OwnedObjectPath, interface};

/// The object behind `org.hob.Text1`.
pub struct TextInterface {
    pub(super) daemon: Arc<crate::Daemon>,
}

/// Works on a text. Each verb returns a request object; common options: path s (take the text from
/// this file), model s, max_tokens u, handle_token s.
#[interface(name = "org.hob.Text1")]
impl TextInterface {
    /// Says it in two or three sentences; nothing that the text does not say.
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
        let daemon = self.daemon.clone();
        let work = move |updates| async move { daemon.assistant.text_task(task, &text, &options, &updates).await };
        let name = header.sender().map(|name| name.to_owned());
        Ok(request::start(connection, name, &token, work).await?)
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
    };
    options.end()?;
    Ok((token, parsed))
}
