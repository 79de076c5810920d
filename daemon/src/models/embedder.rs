//! The index's and the router's way to embeddings: the default embedding model, loaded on demand.

use super::Models;
use crate::error::HobError;
use hob_engine::{ModelReply, ModelRequest, Role};
use hob_index::types::{EmbedderInfo, Urgency};
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
}

impl hob_index::types::Embedder for BlockingEmbedder {
    fn info(&self) -> Option<EmbedderInfo> {
        let entry = self.models.default_entry(Role::Embedding)?;
        let dim = entry.header.as_ref().ok()?.embedding_length as usize;
        Some(EmbedderInfo { id: format!("{}-{}", entry.id, entry.fingerprint), dim, languages: entry.languages })
    }

    fn embed(&self, texts: &[String], urgency: Urgency) -> Result<Vec<Vec<f32>>, String> {
        let interactive = urgency == Urgency::Interactive;
        let embedded = self.runtime.block_on(embed(&self.models, None, texts.to_vec(), interactive));
        embedded.map_err(|e| e.to_string())
    }
}
