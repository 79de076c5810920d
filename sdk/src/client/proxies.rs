//! The D-Bus interfaces, one proxy each, signature by signature.
//!
//! This file owns names and types of the public D-Bus API as a client sees them, and nothing else. Options are listed
//! with their D-Bus types; unknown ones are refused by the daemon.

use zbus::{OwnedFd, OwnedObjectPath, proxy};

use super::{Details, Options, Result};

/// `org.hob.Assistant1`: questions and conversations.
#[proxy(interface = "org.hob.Assistant1", default_service = "org.hob.Hob1", default_path = "/org/hob/Hob1")]
pub trait Assistant {
    /// Starts a streamed answer and returns its request object; prefer `Hob::ask`, which also listens to it.
    ///
    /// Options: `session o`, `model s`, `system s`, `context s` ("auto", "index", "none"), `answer s` ("auto",
    /// "quote", "generate"), `folder s`, `max_tokens u`, `temperature d`, `seed t`, `schema s` (JSON Schema), `stop as`,
    /// `priority s` ("interactive", "background"), `copy_from s`, `messages s` and `tools s` (JSON arrays as in OpenAI's
    /// chat interface), `tool_choice s` ("auto", "required", "none"), `logprobs u`, `lora s`, `lora_scale d`,
    /// `tool_steps u` (intents that the model may call), `language s`, `handle_token s`. The interface's documentation says
    /// which of them go together.
    async fn ask(&self, prompt: &str, options: &Options) -> Result<OwnedObjectPath>;

    /// The same, waiting for the whole answer: its text, and the details that `Answer` describes.
    async fn complete(&self, prompt: &str, options: &Options) -> Result<(String, Details)>;

    /// Opens a conversation; pass its path as option `session`. Option `resume o` goes on with an earlier one, also
    /// after the daemon was restarted.
    async fn open_session(&self, options: &Options) -> Result<OwnedObjectPath>;

    /// Gets a model ready before it is needed.
    async fn prewarm(&self, options: &Options) -> Result<()>;
}

/// `org.hob.Session1`: one conversation.
#[proxy(interface = "org.hob.Session1", default_service = "org.hob.Hob1")]
pub trait Session {
    /// Ends the conversation and forgets it.
    async fn close(&self) -> Result<()>;
}

/// `org.hob.Text1`: tasks on a text. Options: `language s` (the target's), `instruction s`, `path s` (work on this
/// file; the text is then empty), `max_tokens u`, `model s`, `priority s`, `handle_token s`.
#[proxy(interface = "org.hob.Text1", default_service = "org.hob.Hob1", default_path = "/org/hob/Hob1")]
pub trait Text {
    /// Says the same in fewer words.
    async fn summarize(&self, text: &str, options: &Options) -> Result<OwnedObjectPath>;
    /// Says the same in other words.
    async fn rewrite(&self, text: &str, options: &Options) -> Result<OwnedObjectPath>;
    /// Corrects spelling and grammar.
    async fn proofread(&self, text: &str, options: &Options) -> Result<OwnedObjectPath>;
    /// Says the same in the language that option `language` names.
    async fn translate(&self, text: &str, options: &Options) -> Result<OwnedObjectPath>;
}

/// `org.hob.Request1`: one running request. Its signals arrive through [`super::Request`].
#[proxy(interface = "org.hob.Request1", default_service = "org.hob.Hob1")]
pub trait Request {
    /// Stops the request; its `Finished` follows.
    async fn cancel(&self) -> Result<()>;
    /// Answers a `Confirm`.
    async fn answer(&self, confirmed: bool) -> Result<()>;
    /// The request's updates from the first one on, as lines of JSON on a pipe; prefer [`super::Request::open_stream`].
    async fn open_stream(&self) -> Result<OwnedFd>;
}

/// `org.hob.Index1`: search and the indexed folders.
#[proxy(interface = "org.hob.Index1", default_service = "org.hob.Hob1", default_path = "/org/hob/Hob1")]
pub trait Index {
    /// The best files for a query. Options: `limit u`, `folder s`, `kind s`, `mode s` ("hybrid", "lexical", "vector"),
    /// `rerank b`, `explain b`, `recency b`, `places b`, `fold b`.
    async fn search(&self, query: &str, options: &Options) -> Result<(Vec<Details>, Details)>;
    /// Indexes a folder (absolute path) and follows its changes.
    async fn add_folder(&self, path: &str, options: &Options) -> Result<()>;
    /// Folders that could be added, as `path s` and `what s`.
    async fn proposals(&self, options: &Options) -> Result<Vec<Details>>;
    /// Forgets a folder.
    async fn remove_folder(&self, path: &str) -> Result<()>;
    /// Looks at every file of a folder again; "" means all folders.
    async fn rescan(&self, path: &str) -> Result<()>;
    /// Stops indexing until `resume`.
    async fn pause(&self) -> Result<()>;
    /// Goes on indexing.
    async fn resume(&self) -> Result<()>;
    /// Keeps a text of yours and finds it from then on. Meta: `title s`, `uri s`, `kind s`, `author s`, `date s`.
    async fn put(&self, id: &str, text: &str, meta: &Options) -> Result<()>;
    /// Takes items of yours back.
    async fn delete(&self, ids: &[&str]) -> Result<()>;
    /// Compares all parts of the index with each other and with the disk. Findings: `path s`, `problem s`.
    async fn check(&self, options: &Options) -> Result<(Vec<Details>, Details)>;
    /// Checks, and begins to put right what is found.
    async fn repair(&self, options: &Options) -> Result<(Vec<Details>, Details)>;
    /// Returns when everything is indexed. Options: `lexical b`: do not wait for embeddings.
    async fn wait(&self, options: &Options) -> Result<()>;
    /// Files that could not be indexed, with the reason; at most `limit`.
    async fn skipped_files(&self, limit: u32) -> Result<Vec<(String, String)>>;

    /// The indexed folders.
    #[zbus(property)]
    fn folders(&self) -> Result<Vec<String>>;
    /// Files in the index.
    #[zbus(property)]
    fn documents(&self) -> Result<u64>;
    /// Passages in the index.
    #[zbus(property)]
    fn chunks(&self) -> Result<u64>;
    /// Passages that an embedding is wanted for.
    #[zbus(property)]
    fn embeddable(&self) -> Result<u64>;
    /// Passages that have one.
    #[zbus(property)]
    fn embedded(&self) -> Result<u64>;
    /// Files still to be looked at.
    #[zbus(property)]
    fn pending(&self) -> Result<u64>;
    /// Files that could not be indexed.
    #[zbus(property)]
    fn skipped(&self) -> Result<u64>;
    /// "idle", "indexing", "embedding" or "paused".
    #[zbus(property)]
    fn state(&self) -> Result<String>;
}

impl IndexProxy<'_> {
    /// Every property by name, in one call.
    ///
    /// # Errors
    /// As every call.
    pub async fn all_properties(&self) -> Result<Details> {
        let inner = self.inner();
        let properties = zbus::fdo::PropertiesProxy::builder(inner.connection())
            .destination(inner.destination().to_owned())
            .path(inner.path().to_owned())
            .build()
            .await?;
        Ok(properties.get_all(inner.interface().to_owned()).await?)
    }
}

/// `org.hob.Models1`: the models and their memory.
#[proxy(interface = "org.hob.Models1", default_service = "org.hob.Hob1", default_path = "/org/hob/Hob1")]
pub trait Models {
    /// Every model that was found; `ModelInfo` names the keys.
    async fn list(&self) -> Result<Vec<Details>>;
    /// Loads a model; returns what `list` says about it.
    async fn load(&self, id: &str, options: &Options) -> Result<Details>;
    /// Frees a model's memory.
    async fn unload(&self, id: &str) -> Result<()>;
    /// Starts getting a model and returns its request object; prefer `Hob::pull`, which also listens to it. Options:
    /// `name s`, `sha256 s`, `replace b`, `kib_per_second u`, `metered b`, `endpoint s`, `token s`, `plain_http b`,
    /// `handle_token s`.
    async fn pull(&self, source: &str, options: &Options) -> Result<OwnedObjectPath>;
    /// Takes over models of other programs without copying them. Options: `name s`, `dry_run b`.
    async fn import(&self, path: &str, options: &Options) -> Result<Vec<Details>>;
    /// Removes a model's file; says what that frees. Options: `dry_run b`.
    async fn remove(&self, id: &str, options: &Options) -> Result<Details>;
    /// Starts writing a model with smaller weights; prefer `Hob::quantize`. Options: `name s`, `requantize b`,
    /// `threads u`, `handle_token s`.
    async fn quantize(&self, id: &str, format: &str, options: &Options) -> Result<OwnedObjectPath>;
    /// Starts measuring a model's speed; prefer `Hob::bench`. Options: `prompt_tokens u`, `answer_tokens u`, `rounds u`,
    /// `threads u`, `priority s`, `handle_token s`.
    async fn bench(&self, id: &str, options: &Options) -> Result<OwnedObjectPath>;
    /// Starts evaluating a model; prefer `Hob::evaluate`. Options: `text s` with `window u`, or `questions s`;
    /// `threads u`, `priority s`, `handle_token s`.
    async fn eval(&self, id: &str, options: &Options) -> Result<OwnedObjectPath>;
    /// Makes a model the default of its role.
    async fn set_default(&self, id: &str, options: &Options) -> Result<()>;
    /// Which models suit this machine, and why.
    async fn recommend(&self, options: &Options) -> Result<Details>;
    /// The models that are known by name.
    async fn catalogue(&self) -> Result<Vec<Details>>;
    /// Asks the model questions whose answers stand in a given text, and stores how many it got right: a model that
    /// does well may generate answers from files.
    async fn check(&self, id: &str, options: &Options) -> Result<Details>;
    /// One embedding per text, each a little-endian `f32` vector as bytes.
    async fn embed(&self, texts: &[&str], options: &Options) -> Result<Vec<Vec<u8>>>;
    /// How well each document answers a query: one score each, higher is better. Options: `model s`, `priority s`
    /// ("interactive", "background").
    async fn rerank(&self, query: &str, documents: &[&str], options: &Options) -> Result<Vec<f64>>;
    /// How many tokens a text is for a model.
    async fn count_tokens(&self, text: &str, options: &Options) -> Result<u32>;

    /// Most memory that models may take, in bytes.
    #[zbus(property)]
    fn budget_bytes(&self) -> Result<u64>;
    /// Memory that models take, in bytes.
    #[zbus(property)]
    fn used_bytes(&self) -> Result<u64>;
    /// The chat model that is used when a request names none; "" without one.
    #[zbus(property, name = "Default")]
    fn default_model(&self) -> Result<String>;
}

/// `org.hob.Skills1`: what hob can do, and doing it.
#[proxy(interface = "org.hob.Skills1", default_service = "org.hob.Hob1", default_path = "/org/hob/Hob1")]
pub trait Skills {
    /// Every skill; `SkillInfo` names the keys.
    async fn list(&self) -> Result<Vec<Details>>;
    /// One skill's manifest as JSON.
    async fn show(&self, id: &str) -> Result<String>;
    /// What would handle a text; prefer `Hob::route`.
    async fn route(&self, text: &str, options: &Options) -> Result<(Vec<Details>, Details)>;
    /// Carries out an intent with a JSON object of arguments; returns the result as JSON. Options: `confirmed b`, which
    /// intents that destroy or reach outside need.
    async fn call(&self, skill: &str, intent: &str, arguments: &str, options: &Options) -> Result<String>;

    /// Takes an action back, the latest for ""; returns the result as JSON.
    async fn undo(&self, action: &str, options: &Options) -> Result<String>;
    /// Installs or updates the skill in a folder (absolute path). Options: `granted b`: the user agreed to what it asks
    /// for; `dry_run b`: only say what that is. Returns `id`, `version`, `before`, `asks`, `missing`, `warnings`,
    /// `installed`.
    async fn install(&self, path: &str, options: &Options) -> Result<Details>;
    /// Removes an installed skill with its data.
    async fn remove(&self, id: &str) -> Result<()>;
    /// Lets a skill be called, and ends its quarantine. Options: `granted b`.
    async fn enable(&self, id: &str, options: &Options) -> Result<()>;
    /// Calls a skill no more.
    async fn disable(&self, id: &str) -> Result<()>;

    /// A skill has something to tell the user.
    #[zbus(signal)]
    fn notified(&self, skill: &str, title: &str, text: &str) -> Result<()>;
}

/// `org.hob.Daemon1`: the daemon's own state.
#[proxy(interface = "org.hob.Daemon1", default_service = "org.hob.Hob1", default_path = "/org/hob/Hob1")]
pub trait Daemon {
    /// All of `hob status`; `DaemonStatus` names the keys.
    async fn status(&self) -> Result<Details>;
    /// Why something is slow, unloaded, refused or paused; "" asks about everything.
    async fn explain(&self, what: &str) -> Result<String>;
    /// What each program had generated, by day; `UsageRow` names the keys.
    async fn usage(&self) -> Result<Vec<Details>>;
    /// Reads the settings again.
    async fn reload(&self) -> Result<()>;

    /// The daemon's version.
    #[zbus(property)]
    fn version(&self) -> Result<String>;
    /// What it is doing.
    #[zbus(property)]
    fn state(&self) -> Result<String>;
    /// Pressure, battery, heat.
    #[zbus(property)]
    fn conditions(&self) -> Result<Details>;
}
