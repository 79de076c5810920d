//! `org.hob.Models1`: which models are there, which are resident.

use super::convert;
use super::dict::{Dict, DictBuilder, Options};
use super::error::BusError;
use crate::error::HobError;
use crate::models::{embedder, reranker};
use hob_engine::{ModelReply, ModelRequest, Role};
use std::sync::Arc;
use zbus::interface;
use zbus::object_server::SignalEmitter;

/// Texts of one `Embed`, documents of one `Rerank`.
const MAX_TEXTS: usize = 4_096;
/// Bytes of all of them.
const MAX_BYTES: usize = 8 << 20;

/// The object behind `org.hob.Models1`.
pub struct ModelsInterface {
    pub(super) daemon: Arc<crate::Daemon>,
}

/// The models and their memory.
#[interface(name = "org.hob.Models1")]
impl ModelsInterface {
    /// All models: id s, path s, role s ("chat", "embedding", "reranking"), state s ("unloaded", "loading",
    /// "loaded"), pid u, resident_bytes t, backend s (which build of the compute kernels runs, e.g. "zen4"; empty
    /// unless loaded), size_bytes t, architecture s, parameters t, quantization s, languages as, answers s
    /// ("generating", "quoting", "unchecked"; empty for models that don't chat), check_score d, default b, problem s.
    async fn list(&self) -> Result<Vec<Dict>, BusError> {
        self.daemon.models.refresh();
        Ok(self.daemon.models.list().into_iter().map(convert::model).collect())
    }

    /// Makes a model resident; `id` may also be the absolute path of a GGUF file. Options: none.
    /// Returns id s, name s, architecture s, parameters t, context u, backend s, pid u, resident_bytes t,
    /// predicted_bytes t (what it was expected to hold, before it was loaded).
    async fn load(&self, id: String, options: Dict) -> Result<Dict, BusError> {
        Options::new(options).end()?;
        self.daemon.models.refresh();
        let lease = match self.daemon.models.lease(Some(&id), Role::Chat).await {
            // Other models are as welcome; only their own error is worth telling.
            Err(error) => match self.role_of(&id) {
                Some(Role::Chat) | None => return Err(error.into()),
                Some(role) => self.daemon.models.lease(Some(&id), role).await?,
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
        let vectors = embedder::embed(&self.daemon.models, model.as_deref(), texts, interactive).await?;
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
        let scores = reranker::rerank(&self.daemon.models, model.as_deref(), query, documents, interactive).await?;
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
    fn role_of(&self, id: &str) -> Option<Role> {
        let listed = self.daemon.models.list().into_iter().map(|m| m.entry);
        listed.into_iter().find(|entry| entry.id == id || entry.path.as_os_str() == id).map(|entry| entry.role)
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
