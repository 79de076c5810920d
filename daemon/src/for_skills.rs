//! What skills get of the daemon during a call: texts of the model, hits of the index.
//!
//! Owns: the details of both asks and their results. Must not know: how a skill asked.

use crate::Daemon;
use crate::assistant::{AskOptions, ContextMode};
use crate::error::HobError;
use crate::permissions::Caller;
use crate::skills::helper::{Ask, Helped, Helper, Quota};
use hob_index::types::Query;
use hob_sdk::manifest::Manifest;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use tokio::sync::mpsc;

/// Most tokens of a text that a skill has written.
const MOST_TOKENS: u32 = 1024;
/// Most hits of a search.
const MOST_HITS: usize = 20;

/// Answers skills, as long as the daemon lives.
pub struct ForSkills {
    daemon: Weak<Daemon>,
    quota: Quota,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Complete {
    prompt: String,
    system: Option<String>,
    max_tokens: Option<u32>,
    schema: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    query: String,
    limit: Option<usize>,
}

impl ForSkills {
    /// For this daemon.
    pub fn new(daemon: &Arc<Daemon>) -> Self {
        Self { daemon: Arc::downgrade(daemon), quota: Quota::default() }
    }

    async fn answer(&self, skill: &Manifest, ask: Ask) -> Helped {
        self.quota.allows(skill, &ask.what)?;
        let daemon = self.daemon.upgrade().ok_or(("unavailable".to_string(), "Hob is ending.".to_string()))?;
        match ask.what.as_str() {
            "model.complete" => complete(&daemon, skill, read(&ask)?).await,
            _ => search(&daemon, read(&ask)?).await,
        }
    }
}

impl Helper for ForSkills {
    fn help<'a>(&'a self, skill: &'a Manifest, ask: Ask) -> Pin<Box<dyn Future<Output = Helped> + Send + 'a>> {
        Box::pin(self.answer(skill, ask))
    }
}

fn read<T: DeserializeOwned>(ask: &Ask) -> Result<T, (String, String)> {
    serde_json::from_str(&ask.with).map_err(|e| ("invalid_argument".into(), format!("{}: {e}.", ask.what)))
}

async fn complete(daemon: &Daemon, skill: &Manifest, wanted: Complete) -> Helped {
    let options = AskOptions {
        context: ContextMode::None,
        system: wanted.system,
        max_tokens: wanted.max_tokens.unwrap_or(0).min(MOST_TOKENS),
        schema: wanted.schema.map(|schema| schema.to_string()),
        ..AskOptions::default()
    };
    crate::assistant::limits::check_ask(&wanted.prompt, &options).map_err(refused)?;
    let caller = Caller { program: format!("skill:{}", skill.id), ..Caller::default() };
    // The skill gets the whole text; its pieces are of no use to it.
    let (updates, mut pieces) = mpsc::channel(64);
    let ignored = async { while pieces.recv().await.is_some() {} };
    let asked = async {
        let answer = daemon.assistant.ask(&wanted.prompt, &options, &caller, &updates).await;
        drop(updates);
        answer
    };
    let (answer, ()) = tokio::join!(asked, ignored);
    let answer = answer.map_err(refused)?;
    Ok(json!({"text": answer.text, "finish_reason": answer.finish_reason}))
}

async fn search(daemon: &Daemon, wanted: Search) -> Helped {
    let (index, limit) = (daemon.index.clone(), wanted.limit.unwrap_or(5).clamp(1, MOST_HITS));
    // Files alone: items belong to the programs that pushed them.
    let hidden = index.hidden_from(&daemon.readers.of(&Caller::default()));
    let query = Query { text: wanted.query, limit, hidden, ..Query::default() };
    let found = tokio::task::spawn_blocking(move || index.search(&query)).await;
    let found = found.map_err(|e| ("internal".to_string(), e.to_string()))?;
    let found = found.map_err(|e| refused(e.into()))?;
    let hit = |hit: hob_index::types::Hit| json!({"path": hit.path.to_string_lossy(), "title": hit.title, "snippet": hit.snippet, "line": hit.line, "score": hit.score});
    Ok(json!({"hits": found.hits.into_iter().map(hit).collect::<Vec<_>>()}))
}

fn refused(error: HobError) -> (String, String) {
    (error.kind.code().to_string(), error.message)
}
