//! What the daemon's dictionaries hold, as Rust types.
//!
//! This file owns the field names; they are those of the D-Bus keys and of the command line's JSON. Every field that the
//! daemon leaves out takes its empty value, so that older daemons can be talked to.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// A whole answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The answer's text.
    pub text: String,
    /// Why it ended: "stop", "length", "tool_calls", "not_found", ...
    pub finish_reason: String,
    /// What handled it: "retrieve", "skill" or "chat".
    pub route: String,
    /// The model that wrote it; `None` when none did.
    #[serde(deserialize_with = "absent_if_empty")]
    pub model: Option<String>,
    /// Where it is taken from.
    pub citations: Vec<Citation>,
    /// What was done for it, and what the model wants done.
    pub tool_calls: Vec<ToolCall>,
    /// What it took.
    pub usage: Usage,
    /// What a reasoning model thought before it answered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    /// How likely each token was; only when option `logprobs` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<TokenLogprob>>,
}

/// How likely a token of an answer was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenLogprob {
    /// The token's text.
    pub text: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// The most likely tokens in its place, best first, with theirs.
    pub top: Vec<(String, f64)>,
}

/// A sentence of a file that an answer rests on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Citation {
    /// Absolute path; empty for an item.
    pub path: String,
    /// Of an item that a program pushed: what, by whom, and where it opens.
    #[serde(flatten)]
    pub item: ItemPlace,
    /// 1-based line.
    pub line: Option<u32>,
    /// The sentence as it stands there.
    pub quote: String,
    /// 1-based page, for paged formats.
    pub page: Option<u32>,
    /// Its place where lines and pages say little: cells of a sheet, an attachment, a function.
    pub place: Option<String>,
    /// The document's title.
    #[serde(deserialize_with = "absent_if_empty")]
    pub title: Option<String>,
}

/// A skill's intent that was carried out, or one of your own tools (option `tools`) that the model wants called: then
/// call it, and ask again with the call and its result in option `messages`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolCall {
    /// The skill's id; empty for a tool of yours.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub skill: String,
    /// The intent's name; empty for a tool of yours.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub intent: String,
    /// Of a tool of yours: tells this call apart from others of the conversation.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Of a tool of yours: its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The arguments' object.
    #[serde(deserialize_with = "embedded_json")]
    pub arguments: Value,
    /// The result's object; null for a tool of yours.
    #[serde(deserialize_with = "embedded_json", skip_serializing_if = "Value::is_null")]
    pub result: Value,
}

/// Tokens and times of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of it that were still in the cache.
    pub cached_tokens: u32,
    /// Tokens written.
    pub completion_tokens: u32,
    /// Milliseconds until the first text.
    pub first_token_ms: u32,
    /// Milliseconds until the end.
    pub total_ms: u32,
    /// Milliseconds until work on it began.
    pub queued_ms: u32,
    /// Milliseconds of reading the prompt.
    pub prompt_ms: u32,
    /// Threads that the last token used.
    pub threads: u32,
    /// How often it made way for somebody who waits.
    pub preempted: u32,
    /// Tokens that were guessed and evaluated before they were chosen.
    pub drafted: u32,
    /// Those of them that were chosen then.
    pub accepted: u32,
}

/// What stands in place of a path when something was pushed by a program and is no file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemPlace {
    /// The program that pushed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// What that program calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

impl ItemPlace {
    /// Where it is, for people: its address, or program and id; `None` for a file.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        let named = self.app.as_ref().zip(self.id.as_ref()).map(|(app, id)| format!("{app} {id}"));
        self.uri.clone().or(named)
    }
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchResult {
    /// The query as given.
    pub query: String,
    /// Milliseconds that the search took in the daemon.
    pub took_ms: f64,
    /// The evidence used: "hybrid", "lexical" or "vector".
    pub mode: String,
    /// Passages that were compared with the query token by token.
    pub reranked: u32,
    /// ISO 639-1 code of the language that the query was taken to be in.
    pub language: String,
    /// The found files, best first.
    pub hits: Vec<Hit>,
}

/// A found file with its best passage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hit {
    /// Absolute path; empty for an item.
    pub path: String,
    /// Of an item that a program pushed: what, by whom, and where it opens.
    #[serde(flatten)]
    pub item: ItemPlace,
    /// The document's title or file name.
    pub title: String,
    /// The part of the passage that matched best, on one line.
    pub snippet: String,
    /// Fused score, 0 to 1; comparable within one search only.
    pub score: f64,
    /// 1-based line of the passage.
    pub line: u32,
    /// 1-based rank by words.
    pub lexical_rank: Option<u32>,
    /// 1-based rank by meaning.
    pub vector_rank: Option<u32>,
    /// Kind of document, e.g. "markdown".
    pub kind: String,
    /// 1-based page, for paged formats.
    pub page: Option<u32>,
    /// 1-based line where the passage ends.
    pub end_line: u32,
    /// The passage's place where lines and pages say little: cells of a sheet, an attachment, a function.
    pub place: Option<String>,
    /// The whole passage.
    pub text: String,
    /// BM25 score.
    pub bm25: Option<f64>,
    /// Cosine similarity to the query.
    pub cosine: Option<f64>,
    /// The cosine is an estimate: the passage has no embedding yet.
    pub imputed: bool,
    /// Who wrote or sent it, when that is stated.
    pub author: Option<String>,
    /// Seconds since the epoch: the date that the document states, else when it was last changed.
    pub date: i64,
    /// The query's words in the snippet: first character and the one after the last, in characters.
    pub highlights: Vec<(u32, u32)>,
    /// Other files whose passage says the same.
    pub duplicates: Vec<String>,
    /// What the score is the sum of, by name; only with option `explain`.
    pub parts: BTreeMap<String, f64>,
}

/// What a check of the index came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexReport {
    /// Files and items in the index.
    pub documents: u64,
    /// Passages that can be found by words.
    pub passages: u64,
    /// Passages that have an embedding.
    pub embeddings: u64,
    /// How much disagrees; 0 when all is well.
    pub total: u64,
    /// What disagrees; of very many the first 1,000.
    pub findings: Vec<IndexFinding>,
    /// The index was at work, so that findings may be of what it was doing.
    pub unsettled: bool,
}

/// Something that disagrees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexFinding {
    /// The file, item or store it is about.
    pub path: String,
    /// One sentence.
    pub problem: String,
}

/// Where a text would go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Routing {
    /// "skill", "retrieve" or "chat".
    pub decision: String,
    /// Milliseconds that routing took in the daemon.
    pub took_ms: f64,
    /// The intents that fit, best first.
    pub candidates: Vec<Candidate>,
}

/// An intent that fits a text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Candidate {
    /// The skill's id.
    pub skill: String,
    /// The intent's name.
    pub intent: String,
    /// How well it fits, 0 to 1.
    pub score: f64,
    /// The arguments that the text holds.
    #[serde(deserialize_with = "embedded_json")]
    pub arguments: Value,
    /// Required arguments that it does not hold.
    pub missing: Vec<String>,
}

/// A model on disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelInfo {
    /// Its name in options and commands.
    pub id: String,
    /// "chat", "embedding" or "reranking".
    pub role: String,
    /// "loaded", "unloaded", ...
    pub state: String,
    /// The process that holds it; `None` while unloaded.
    #[serde(deserialize_with = "absent_if_zero")]
    pub pid: Option<u32>,
    /// Memory of that process.
    pub resident_bytes: Option<u64>,
    /// Which build of the compute kernels runs, e.g. "zen4"; `None` while unloaded.
    #[serde(deserialize_with = "absent_if_empty")]
    pub backend: Option<String>,
    /// Size of the file.
    pub size_bytes: u64,
    /// The file.
    pub path: String,
    /// The file's architecture, e.g. "llama".
    pub architecture: String,
    /// Number of weights.
    pub parameters: u64,
    /// How they are stored, e.g. "Q4_1".
    pub quantization: String,
    /// Languages it was made for (ISO 639-1); empty when unknown or many.
    pub languages: Vec<String>,
    /// How it answers from files: "quoting", "generating" or "unchecked".
    pub answers: String,
    /// Share of the check's questions that it got right.
    pub check_score: Option<f64>,
    /// It is the one used when a request names none.
    pub default: bool,
    /// Why it cannot be used.
    #[serde(deserialize_with = "absent_if_empty")]
    pub problem: Option<String>,
    /// Where it was got from.
    #[serde(deserialize_with = "absent_if_empty")]
    pub origin: Option<String>,
    /// Its SHA-256, as far as somebody computed it.
    #[serde(deserialize_with = "absent_if_empty")]
    pub sha256: Option<String>,
    /// That digest is the one that its source promised.
    pub verified: bool,
}

/// An installed skill.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SkillInfo {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// "cdylib", "exec", "mcp" or "dbus".
    pub kind: String,
    /// "idle", "running", ...
    pub state: String,
    /// Its process; `None` while it has none.
    #[serde(deserialize_with = "absent_if_zero")]
    pub pid: Option<u32>,
    /// What it can do.
    pub intents: Vec<String>,
    /// Why it cannot be used.
    #[serde(deserialize_with = "absent_if_empty")]
    pub problem: Option<String>,
}

/// The index's folders and counters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexStatus {
    /// "idle", "indexing", "embedding" or "paused".
    pub state: String,
    /// The indexed folders.
    pub folders: Vec<String>,
    /// Files in the index.
    pub documents: u64,
    /// Passages in the index.
    pub chunks: u64,
    /// Passages that an embedding is wanted for.
    pub embeddable: u64,
    /// Passages that have one.
    pub embedded: u64,
    /// Files still to be looked at.
    pub pending: u64,
    /// Files that could not be indexed.
    pub skipped: u64,
}

/// A file that could not be indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedFile {
    /// The file.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// What a program had generated on a day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsageRow {
    /// As 2026-11-25.
    pub day: String,
    /// The program's path; "others" where nobody tells.
    pub app: String,
    /// Requests that were served.
    pub requests: u64,
    /// Tokens that were read.
    pub prompt_tokens: u64,
    /// Tokens that were written.
    pub completion_tokens: u64,
    /// Processor time, in seconds.
    pub cpu_seconds: f64,
    /// Energy in joules, an estimate; 0 where nothing measures it.
    pub joules: f64,
}

/// What `hob status` shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DaemonStatus {
    /// The daemon's version.
    pub version: String,
    /// What it is doing.
    pub state: String,
    /// Memory for models.
    pub budget: Budget,
    /// The models, loaded or not.
    pub models: Vec<ModelProcess>,
    /// The index's counters.
    pub index: IndexCounters,
    /// The skills, running or not.
    pub skills: Vec<SkillProcess>,
    /// Pressure, battery, heat.
    pub conditions: Map<String, Value>,
    /// The daemon's process.
    pub pid: u32,
    /// Its memory.
    pub resident_bytes: u64,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Its child processes.
    pub hosts: Vec<HostProcess>,
    /// What a newer daemon adds.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Memory for models.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// Most that they may take.
    pub limit_bytes: u64,
    /// What they take.
    pub used_bytes: u64,
}

/// A model as `hob status` shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelProcess {
    /// Its id.
    pub id: String,
    /// "loaded", "unloaded", ...
    pub state: String,
    /// Its process.
    #[serde(deserialize_with = "absent_if_zero")]
    pub pid: Option<u32>,
    /// Memory of that process.
    pub resident_bytes: Option<u64>,
    /// What a newer daemon adds.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A skill as `hob status` shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SkillProcess {
    /// Its id.
    pub id: String,
    /// "idle", "running", ...
    pub state: String,
    /// Its process.
    #[serde(deserialize_with = "absent_if_zero")]
    pub pid: Option<u32>,
    /// What a newer daemon adds.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The index as `hob status` shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexCounters {
    /// Files in the index.
    pub documents: u64,
    /// Passages in the index.
    pub chunks: u64,
    /// Passages that have an embedding.
    pub embedded: u64,
    /// Files still to be looked at.
    pub pending: u64,
    /// What a newer daemon adds.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A child process of the daemon.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostProcess {
    /// "model", "skill" or "extract".
    pub kind: String,
    /// Its process id.
    pub pid: u32,
    /// Its memory.
    pub resident_bytes: u64,
    /// What a newer daemon adds.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// D-Bus has no null: an absent process may come as 0.
fn absent_if_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(Option::<u32>::deserialize(deserializer)?.filter(|pid| *pid != 0))
}

/// D-Bus has no null: an absent text may come empty.
fn absent_if_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// JSON travels over D-Bus as text; text that is no JSON stays text.
fn embedded_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_has_the_documented_shape() {
        let answer: Answer = serde_json::from_value(json!({
            "text": "Tuesday.", "finish_reason": "stop", "route": "retrieve",
            "citations": [{"path": "/n.md", "line": 3, "quote": "Tuesday."}],
            "tool_calls": [{"skill": "s", "intent": "I", "arguments": "{\"a\":1}", "result": "not json"}],
        }))
        .unwrap();
        assert_eq!(answer.tool_calls[0].arguments, json!({"a": 1}));
        assert_eq!(answer.tool_calls[0].result, json!("not json"));
        let keys: Vec<String> = serde_json::to_value(&answer).unwrap().as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["text", "finish_reason", "route", "model", "citations", "tool_calls", "usage"]);
        let call = serde_json::to_value(&answer.tool_calls[0]).unwrap();
        assert_eq!(call, json!({"skill": "s", "intent": "I", "arguments": {"a": 1}, "result": "not json"}));
    }

    #[test]
    fn a_call_of_ones_own_tool_has_its_own_keys() {
        let answer: Answer = serde_json::from_value(json!({
            "finish_reason": "tool_calls", "reasoning": "Hm.",
            "tool_calls": [{"id": "c1", "name": "add", "arguments": "{\"a\":1}"}],
            "logprobs": [{"text": "a", "logprob": -0.5, "top": [["a", -0.5], ["b", -1.5]]}],
        }))
        .unwrap();
        let back = serde_json::to_value(&answer).unwrap();
        assert_eq!(back["tool_calls"][0], json!({"id": "c1", "name": "add", "arguments": {"a": 1}}));
        assert_eq!((&back["reasoning"], &back["logprobs"][0]["top"][1]), (&json!("Hm."), &json!(["b", -1.5])));
    }

    #[test]
    fn a_status_keeps_what_it_does_not_know() {
        let status: DaemonStatus =
            serde_json::from_value(json!({"version": "1", "moon": "full", "models": [{"id": "m", "phase": 2}]}))
                .unwrap();
        let back = serde_json::to_value(&status).unwrap();
        assert_eq!(back["moon"], "full");
        assert_eq!(back["models"][0], json!({"id": "m", "state": "", "pid": null, "resident_bytes": null, "phase": 2}));
    }
}
