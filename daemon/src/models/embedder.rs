//! The index's and the router's way to embeddings: the default embedding model, loaded on demand.

use super::catalogue::Entry;
use super::{Models, reranker};
use crate::error::HobError;
use hob_engine::{ModelReply, ModelRequest, Role};
use hob_index::types::{EmbedderInfo, Urgency};
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Embeds texts with the default embedding model: one unit-length vector per text.
pub async fn embed(
    models: &Models,
    id: Option<&str>,
    texts: Vec<String>,
    interactive: bool,
) -> Result<Vec<Vec<f32>>, HobError> {
    let wanted = texts.len();
    let lease = models.lease(id, Role::Embedding).await?;
    match lease.host().ask(ModelRequest::Embed { texts, interactive }).await? {
        ModelReply::Vectors { dim, values } if dim > 0 && values.len() == wanted * dim as usize => {
            Ok(values.chunks(dim as usize).map(<[f32]>::to_vec).collect())
        }
        ModelReply::Failed(error) => Err(error.into()),
        other => Err(HobError::internal(format!("the model process answered an embedding with {other:.60?}"))),
    }
}

/// Compares a query with documents by the default embedding model's token vectors: see [`ModelRequest::MaxSim`].
async fn max_sim(
    models: &Models,
    query: String,
    words: &[Range<usize>],
    documents: Vec<String>,
) -> Result<Vec<f32>, HobError> {
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let words = words.iter().map(|word| narrow(word.start)..narrow(word.end)).collect();
    let wanted = documents.len();
    let lease = models.lease(None, Role::Embedding).await?;
    match lease.host().ask(ModelRequest::MaxSim { query, words, documents, interactive: true }).await? {
        ModelReply::Scores(scores) if scores.len() == wanted => Ok(scores),
        ModelReply::Failed(error) => Err(error.into()),
        other => Err(HobError::internal(format!("the model process answered a comparison with {other:.60?}"))),
    }
}

/// [`embed`] for the index's own threads, which block.
pub struct BlockingEmbedder {
    models: Arc<Models>,
    runtime: Handle,
}

impl BlockingEmbedder {
    /// Runs on `runtime`; must not be called from its threads.
    pub fn new(models: Arc<Models>, runtime: Handle) -> Self {
        Self { models, runtime }
    }

    /// The installed embedding model that made these vectors; most often the default one.
    fn entry_of(&self, id: &str) -> Option<Entry> {
        let default = self.models.default_entry(Role::Embedding).filter(|entry| vectors_of(entry) == id);
        default.or_else(|| self.models.entry_that(|entry| entry.role == Role::Embedding && vectors_of(entry) == id))
    }
}

/// What the index calls a model's vectors: they change with its weights.
fn vectors_of(entry: &Entry) -> String {
    format!("{}-{}", entry.id, entry.fingerprint)
}

fn info(entry: &Entry) -> Option<EmbedderInfo> {
    let dim = entry.header.as_ref().ok()?.embedding_length as usize;
    Some(EmbedderInfo { id: vectors_of(entry), dim, languages: entry.languages.clone() })
}

impl hob_index::types::Embedder for BlockingEmbedder {
    fn info(&self) -> Option<EmbedderInfo> {
        info(&self.models.default_entry(Role::Embedding)?)
    }

    fn info_of(&self, id: &str) -> Option<EmbedderInfo> {
        info(&self.entry_of(id)?)
    }

    fn embed_as(&self, id: &str, texts: &[String]) -> Result<Vec<Vec<f32>>, String> {
        let entry = self.entry_of(id).ok_or_else(|| format!("the embedding model {id} is not there any more"))?;
        let embedded = self.runtime.block_on(embed(&self.models, Some(&entry.id), texts.to_vec(), true));
        embedded.map_err(|e| e.to_string())
    }

    fn embed(&self, texts: &[String], urgency: Urgency) -> Result<Vec<Vec<f32>>, String> {
        let interactive = urgency == Urgency::Interactive;
        let embedded = self.runtime.block_on(embed(&self.models, None, texts.to_vec(), interactive));
        embedded.map_err(|e| e.to_string())
    }

    /// By a cross-encoder if one is installed, else by the embedding model's token vectors.
    fn compare(&self, query: &str, words: &[Range<usize>], documents: &[String]) -> Result<Vec<f32>, String> {
        let (query, documents) = (query.to_owned(), documents.to_vec());
        let compared = self.runtime.block_on(async {
            match self.models.default_entry(Role::Reranker) {
                Some(_) => reranker::rerank(&self.models, None, query, documents, true).await,
                None => max_sim(&self.models, query, words, documents).await,
            }
        });
        compared.map_err(|e| e.to_string())
    }
}
