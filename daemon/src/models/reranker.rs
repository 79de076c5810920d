//! The way to rerank scores: a reranking model, loaded on demand.

use super::Models;
use crate::error::HobError;
use hob_engine::{ModelReply, ModelRequest, Role};

/// Scores how well documents answer a query with the model `id`, or the first reranking model: one
/// score per document, higher is better.
pub async fn rerank(
    models: &Models,
    id: Option<&str>,
    query: String,
    documents: Vec<String>,
    interactive: bool,
) -> Result<Vec<f32>, HobError> {
    let wanted = documents.len();
    let lease = models.lease(id, Role::Reranker).await?;
    match lease.host().ask(ModelRequest::Rerank { query, documents, interactive }).await? {
        ModelReply::Scores(scores) if scores.len() == wanted => Ok(scores),
        ModelReply::Failed(error) => Err(error.into()),
        other => Err(HobError::internal(format!("the model process answered a reranking with {other:.60?}"))),
    }
}
