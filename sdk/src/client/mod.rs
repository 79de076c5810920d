//! A client of hob's D-Bus API: typed proxies, streamed requests, typed answers and errors.
//!
//! This module owns how a Rust program talks to `hobd`. It must not know how the daemon works, nor anything about the
//! command line; what it can do, any program can do over D-Bus.
//!
//! ```no_run
//! use hob_sdk::client::{Hob, Options, Update};
//!
//! # async fn example() -> Result<(), hob_sdk::client::Error> {
//! let hob = Hob::session().await?;
//! let mut request = hob.ask("When is the dentist?", Options::new().with("context", "index")).await?;
//! while let Some(update) = request.next_update().await {
//!     match update? {
//!         Update::Delta { text, .. } => print!("{text}"),
//!         Update::Finished(end) => println!("\n{} sources", end.into_answer()?.citations.len()),
//!         Update::Event { .. } | Update::Confirm { .. } => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A connection runs on the Tokio runtime that is current when it is made.

mod error;
mod json;
mod options;
mod proxies;
mod request;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod types;

pub use error::{Error, Kind};
pub use json::{details_to_json, from_details, rows_to_json, to_json};
pub use options::Options;
pub use proxies::{
    AssistantProxy, DaemonProxy, IndexProxy, ModelsProxy, Notified, NotifiedArgs, NotifiedStream, RequestProxy,
    SessionProxy, SkillsProxy, TextProxy,
};
pub use request::{DeltaKind, Finished, Request, Status, Update};
pub use types::{
    Answer, Budget, Candidate, Citation, DaemonStatus, Hit, HostProcess, IndexCounters, IndexFinding, IndexReport,
    IndexStatus, ItemPlace, ModelInfo, ModelProcess, Routing, SearchResult, SkillInfo, SkillProcess, SkippedFile,
    TokenLogprob, ToolCall, Usage, UsageRow,
};

use std::collections::HashMap;

use zbus::{Connection, OwnedObjectPath, OwnedVariant};

/// The daemon's name on the bus.
pub const BUS_NAME: &str = "org.hob.Hob1";
/// The object that carries every interface but those of requests and sessions.
pub const ROOT_PATH: &str = "/org/hob/Hob1";

/// A dictionary as it comes from the bus (`a{sv}`).
pub type Details = HashMap<String, OwnedVariant>;

/// What every call of this module returns.
pub type Result<T> = std::result::Result<T, Error>;

/// The task verbs of `org.hob.Text1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTask {
    /// Say the same in fewer words.
    Summarize,
    /// Say the same in other words; option `instruction` says how.
    Rewrite,
    /// Correct spelling and grammar, nothing else.
    Proofread,
    /// Say the same in the language that option `language` names.
    Translate,
}

/// A connection to hob. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hob {
    connection: Connection,
}

impl Hob {
    /// Connects to the session bus. The daemon itself is not spoken to before the first call.
    ///
    /// # Errors
    /// [`Error::NoBus`] when there is no session bus.
    pub async fn session() -> Result<Self> {
        Connection::session().await.map(Self::over).map_err(Error::no_session_bus)
    }

    /// Talks over a connection of yours: the system bus, or a private one.
    #[must_use]
    pub fn over(connection: Connection) -> Self {
        Self { connection }
    }

    /// The connection below.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// `org.hob.Assistant1`: questions and conversations. [`Hob::ask`] is the comfortable way to its `Ask`.
    pub async fn assistant(&self) -> Result<AssistantProxy<'static>> {
        Ok(AssistantProxy::new(&self.connection).await?)
    }

    /// `org.hob.Index1`: search and the indexed folders.
    pub async fn index(&self) -> Result<IndexProxy<'static>> {
        Ok(IndexProxy::new(&self.connection).await?)
    }

    /// `org.hob.Models1`: the models and their memory.
    pub async fn models(&self) -> Result<ModelsProxy<'static>> {
        Ok(ModelsProxy::new(&self.connection).await?)
    }

    /// `org.hob.Skills1`: what hob can do, and doing it.
    pub async fn skills(&self) -> Result<SkillsProxy<'static>> {
        Ok(SkillsProxy::new(&self.connection).await?)
    }

    /// `org.hob.Daemon1`: the daemon's own state.
    pub async fn daemon(&self) -> Result<DaemonProxy<'static>> {
        Ok(DaemonProxy::new(&self.connection).await?)
    }

    /// The session object that [`AssistantProxy::open_session`] named.
    pub async fn session_at(&self, path: OwnedObjectPath) -> Result<SessionProxy<'static>> {
        Ok(SessionProxy::new(&self.connection, path).await?)
    }

    /// Asks, and streams the answer. Options: those of [`AssistantProxy::ask`].
    ///
    /// # Errors
    /// [`Error::NotRunning`] when no daemon answers; [`Error::Service`] when it refuses.
    pub async fn ask(&self, prompt: &str, options: Options) -> Result<Request> {
        Request::begin(&self.connection, options, async |connection, owner, options| {
            let assistant = AssistantProxy::builder(connection).destination(owner).build().await?;
            assistant.ask(prompt, options).await
        })
        .await
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// As [`Hob::ask`], and whatever ended the answer.
    pub async fn complete(&self, prompt: &str, options: &Options) -> Result<Answer> {
        let (text, details) = self.assistant().await?.complete(prompt, options).await?;
        let mut answer: Answer = from_details(&details)?;
        answer.text = text;
        Ok(answer)
    }

    /// Has a text worked on, and streams the result. Options: those of [`TextProxy`].
    ///
    /// # Errors
    /// As [`Hob::ask`].
    pub async fn text(&self, task: TextTask, text: &str, options: Options) -> Result<Request> {
        Request::begin(&self.connection, options, async |connection, owner, options| {
            let verbs = TextProxy::builder(connection).destination(owner).build().await?;
            match task {
                TextTask::Summarize => verbs.summarize(text, options).await,
                TextTask::Rewrite => verbs.rewrite(text, options).await,
                TextTask::Proofread => verbs.proofread(text, options).await,
                TextTask::Translate => verbs.translate(text, options).await,
            }
        })
        .await
    }

    /// Gets a model, and tells how far it is. Options: those of [`ModelsProxy::pull`].
    ///
    /// # Errors
    /// As [`Hob::ask`].
    pub async fn pull(&self, source: &str, options: Options) -> Result<Request> {
        Request::begin(&self.connection, options, async |connection, owner, options| {
            ModelsProxy::builder(connection).destination(owner).build().await?.pull(source, options).await
        })
        .await
    }

    /// Writes a model with smaller weights, and tells how far it is. Options: those of [`ModelsProxy::quantize`].
    ///
    /// # Errors
    /// As [`Hob::ask`].
    pub async fn quantize(&self, id: &str, format: &str, options: Options) -> Result<Request> {
        Request::begin(&self.connection, options, async |connection, owner, options| {
            ModelsProxy::builder(connection).destination(owner).build().await?.quantize(id, format, options).await
        })
        .await
    }

    /// Measures a model's speed, and tells how far it is. Options: those of [`ModelsProxy::bench`].
    ///
    /// # Errors
    /// As [`Hob::ask`].
    pub async fn bench(&self, id: &str, options: Options) -> Result<Request> {
        Request::begin(&self.connection, options, async |connection, owner, options| {
            ModelsProxy::builder(connection).destination(owner).build().await?.bench(id, options).await
        })
        .await
    }

    /// Evaluates a model, and tells how far it is. Options: those of [`ModelsProxy::eval`].
    ///
    /// # Errors
    /// As [`Hob::ask`].
    pub async fn evaluate(&self, id: &str, options: Options) -> Result<Request> {
        Request::begin(&self.connection, options, async |connection, owner, options| {
            ModelsProxy::builder(connection).destination(owner).build().await?.eval(id, options).await
        })
        .await
    }

    /// Searches the indexed files. Options: those of [`IndexProxy::search`].
    ///
    /// # Errors
    /// [`Error::NotRunning`] when no daemon answers; [`Error::Service`] when it refuses.
    pub async fn search(&self, query: &str, options: &Options) -> Result<SearchResult> {
        let (hits, details) = self.index().await?.search(query, options).await?;
        let mut result: SearchResult = from_details(&details)?;
        result.query = query.to_owned();
        result.hits = hits.iter().map(from_details).collect::<Result<_>>()?;
        Ok(result)
    }

    /// What would handle `text`, and with which arguments.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when no daemon answers; [`Error::Service`] when it refuses.
    pub async fn route(&self, text: &str, options: &Options) -> Result<Routing> {
        let (candidates, details) = self.skills().await?.route(text, options).await?;
        let mut routing: Routing = from_details(&details)?;
        routing.candidates = candidates.iter().map(from_details).collect::<Result<_>>()?;
        Ok(routing)
    }

    /// The index's folders and counters, read at one moment.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when no daemon answers.
    pub async fn index_status(&self) -> Result<IndexStatus> {
        let properties = self.index().await?.all_properties().await?;
        // Properties are named in upper case on the bus and in lower case in JSON.
        let named = properties.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
        from_details(&named)
    }

    /// Compares all parts of the index with each other and with the disk.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when no daemon answers; [`Error::Service`] when the index can't be read.
    pub async fn check_index(&self) -> Result<IndexReport> {
        index_report(self.index().await?.check(&Options::new()).await?)
    }

    /// Checks the index, and begins to put right what is found; that is done when [`IndexProxy::wait`] returns.
    ///
    /// # Errors
    /// As of [`Hob::check_index`].
    pub async fn repair_index(&self) -> Result<IndexReport> {
        index_report(self.index().await?.repair(&Options::new()).await?)
    }

    /// What each program had generated on each day, the latest day first.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when no daemon answers.
    pub async fn usage(&self) -> Result<Vec<UsageRow>> {
        self.daemon().await?.usage().await?.iter().map(from_details).collect()
    }

    /// What `hob status` shows.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when no daemon answers.
    pub async fn status(&self) -> Result<DaemonStatus> {
        from_details(&self.daemon().await?.status().await?)
    }
}

fn index_report((findings, details): (Vec<Details>, Details)) -> Result<IndexReport> {
    let mut report: IndexReport = from_details(&details)?;
    report.findings = findings.iter().map(from_details).collect::<Result<_>>()?;
    Ok(report)
}
