//! The domain's nouns as `a{sv}`, with the keys and types that the API promises.

use super::dict::{Dict, DictBuilder};
use super::items;
use crate::assistant::{Answer, Citation, ClientCall, Event, ToolCall, Usage};
use crate::governor::{Conditions, Limits, PowerSource};
use crate::models::ModelStatus;
use crate::models::store::Progress;
use crate::skills::{Installation, RoutedCall, SkillStatus};
use hob_engine::{Role, TokenLogprob};
use hob_index::items::ItemName;
use hob_index::types::{Hit, IndexState, IndexStatus};
use std::collections::HashMap;
use std::path::Path;

/// A path as the bus carries it.
pub fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The result of a request.
pub fn answer(answer: Answer) -> Dict {
    let of_skills = answer.tool_calls.into_iter().map(tool_call);
    let calls: Vec<Dict> = of_skills.chain(answer.client_calls.into_iter().map(client_call)).collect();
    let logprobs = answer.logprobs.map(|tokens| tokens.into_iter().map(token).collect::<Vec<_>>());
    DictBuilder::default()
        .put("text", answer.text)
        .put("finish_reason", answer.finish_reason)
        .put("route", answer.route)
        .put("model", answer.model)
        .put("citations", answer.citations.into_iter().map(citation).collect::<Vec<_>>())
        .put("tool_calls", calls)
        .put_some("reasoning", Some(answer.reasoning).filter(|text| !text.is_empty()))
        .put_some("logprobs", logprobs)
        .put("usage", usage(answer.usage))
        .done()
}

fn usage(usage: Usage) -> Dict {
    DictBuilder::default()
        .put("prompt_tokens", usage.prompt_tokens)
        .put("cached_tokens", usage.cached_tokens)
        .put("completion_tokens", usage.completion_tokens)
        .put("first_token_ms", usage.first_token_ms)
        .put("total_ms", usage.total_ms)
        .put("queued_ms", usage.queued_ms)
        .put("prompt_ms", usage.prompt_ms)
        .put("threads", usage.threads)
        .put("preempted", usage.preempted)
        .put("drafted", usage.drafted)
        .put("accepted", usage.accepted)
        .done()
}

fn token(token: TokenLogprob) -> Dict {
    let top: Vec<(String, f64)> = token.top.into_iter().map(|(text, logprob)| (text, f64::from(logprob))).collect();
    DictBuilder::default().put("text", token.text).put("logprob", f64::from(token.logprob)).put("top", top).done()
}

fn citation(citation: Citation) -> Dict {
    let place = match ItemName::of(&citation.path) {
        Some(item) => items::place(&item, citation.uri),
        None => DictBuilder::default().put("path", path(&citation.path)),
    };
    place
        .put("title", citation.title)
        .put("line", citation.line)
        .put_some("page", citation.page)
        .put_some("place", citation.place)
        .put("quote", citation.quote)
        .done()
}

/// A skill's call.
pub fn tool_call(call: ToolCall) -> Dict {
    DictBuilder::default()
        .put("skill", call.skill)
        .put("intent", call.intent)
        .put("arguments", call.arguments)
        .put("result", call.result)
        .done()
}

/// A call that the model wants and the caller carries out.
fn client_call(call: ClientCall) -> Dict {
    DictBuilder::default().put("id", call.id).put("name", call.name).put("arguments", call.arguments).done()
}

/// An event's kind and details.
pub fn event(event: Event) -> (&'static str, Dict) {
    match event {
        Event::Route { decision } => ("route", DictBuilder::default().put("decision", decision).done()),
        Event::Citation(source) => ("citation", citation(source)),
        Event::ToolCall(call) => ("tool_call", tool_call(call)),
        Event::ToolResult(call) => ("tool_result", tool_call(call)),
        Event::ClientCall(call) => ("tool_call", client_call(call)),
        Event::Progress(progress) => ("progress", self::progress(progress)),
        Event::Notice { text } => ("notice", DictBuilder::default().put("text", text).done()),
    }
}

fn progress(progress: Progress) -> Dict {
    DictBuilder::default()
        .put("stage", progress.stage)
        .put("text", progress.text)
        .put_some("share", progress.share)
        .put("done_bytes", progress.done)
        .put("total_bytes", progress.total)
        .put("bytes_per_second", progress.rate)
        .put_some("seconds_left", progress.remaining)
        .done()
}

/// A search hit; `explain` adds what its score is made of.
pub fn hit(hit: Hit, explain: bool) -> Dict {
    let parts = explain.then(|| parts(&hit));
    DictBuilder::default()
        .put("path", path(&hit.path))
        .put("title", hit.title)
        .put("kind", hit.kind)
        .put("snippet", hit.snippet)
        .put("text", hit.text)
        .put("score", f64::from(hit.score))
        .put("line", hit.line)
        .put("end_line", hit.end_line)
        .put_some("page", hit.page)
        .put_some("place", hit.place)
        .put_some("lexical_rank", hit.lexical_rank)
        .put_some("vector_rank", hit.vector_rank)
        .put_some("bm25", hit.bm25.map(f64::from))
        .put_some("cosine", hit.cosine.map(f64::from))
        .put("imputed", hit.imputed)
        .put_some("author", hit.author)
        .put("date", hit.date)
        .put("highlights", hit.highlights)
        .put("duplicates", hit.duplicates.iter().map(|file| path(file)).collect::<Vec<_>>())
        .put_some("parts", parts)
        .done()
}

fn parts(hit: &Hit) -> HashMap<String, f64> {
    let p = &hit.parts;
    let all = [
        ("words", Some(p.words)),
        ("meaning", Some(p.meaning)),
        ("tokens", p.tokens),
        ("recency", Some(p.recency)),
        ("place", Some(p.place)),
        ("dated", Some(p.dated)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_string(), f64::from(value?)))).collect()
}

/// What the index is doing, as one word.
pub fn index_state(state: IndexState) -> &'static str {
    match state {
        IndexState::Idle => "idle",
        IndexState::Indexing => "indexing",
        IndexState::Embedding => "embedding",
        IndexState::Held => "held",
        IndexState::Paused => "paused",
    }
}

/// The index's counters.
pub fn index(status: &IndexStatus) -> Dict {
    DictBuilder::default()
        .put("documents", status.documents)
        .put("chunks", status.chunks)
        .put("embeddable", status.embeddable)
        .put("embedded", status.embedded)
        .put("pending", status.pending)
        .put("skipped", status.skipped)
        .put("state", index_state(status.state))
        .done()
}

/// A model.
pub fn model(model: ModelStatus) -> Dict {
    let header = model.entry.header.as_ref().ok();
    let answers = match (model.entry.role, model.check) {
        (Role::Embedding | Role::Reranker, _) => "",
        (Role::Chat, None) => "unchecked",
        (Role::Chat, Some(check)) if check.passed() => "generating",
        (Role::Chat, Some(_)) => "quoting",
    };
    DictBuilder::default()
        .put("id", model.entry.id)
        .put("path", path(&model.entry.path))
        .put("role", model.entry.role.name())
        .put("state", model.state)
        .put("pid", model.pid)
        .put("resident_bytes", model.resident)
        .put("backend", model.backend)
        .put("size_bytes", model.entry.size)
        .put("architecture", header.map(|h| h.architecture.clone()).unwrap_or_default())
        .put("parameters", header.map_or(0, |h| h.parameters))
        .put("quantization", header.map(|h| h.quantization.clone()).unwrap_or_default())
        .put("languages", model.entry.languages)
        .put("answers", answers)
        .put_some("check_score", model.check.map(|check| f64::from(check.answered)))
        .put("default", model.default)
        .put_some("problem", model.entry.header.err())
        .done()
}

/// A skill.
pub fn skill(skill: SkillStatus) -> Dict {
    DictBuilder::default()
        .put("id", skill.id)
        .put("title", skill.title)
        .put("version", skill.version)
        .put("kind", skill.kind)
        .put("state", skill.state)
        .put("pid", skill.pid)
        .put("resident_bytes", skill.resident)
        .put("intents", skill.intents)
        .put_some("problem", skill.problem)
        .done()
}

/// What installing a skill means.
pub fn installation(of: Installation) -> Dict {
    DictBuilder::default()
        .put("id", of.id)
        .put("version", of.version)
        .put_some("before", of.before)
        .put("asks", of.asks)
        .put("missing", of.missing)
        .put("warnings", of.warnings)
        .put("installed", of.installed)
        .done()
}

/// A routed intent.
pub fn candidate(call: RoutedCall) -> Dict {
    DictBuilder::default()
        .put("skill", call.skill)
        .put("intent", call.intent)
        .put("score", f64::from(call.score))
        .put("arguments", serde_json::Value::Object(call.arguments).to_string())
        .put("missing", call.missing)
        .done()
}

/// The machine's conditions, and what they leave.
pub fn conditions(now: &Conditions, limits: &Limits) -> Dict {
    let source = match now.power_source {
        PowerSource::Sysfs => "sysfs",
        PowerSource::Upower => "upower",
    };
    DictBuilder::default()
        .put("memory_available_bytes", now.memory_available)
        .put("memory_total_bytes", now.memory_total)
        .put_some("memory_pressure", now.memory_pressure)
        .put_some("cpu_pressure", now.cpu_pressure)
        .put("memory_step", now.memory_step)
        .put("low_memory_warning", now.low_memory_warning)
        .put_some("battery_percent", now.battery_percent)
        .put("on_battery", now.on_battery)
        .put("battery_warning", now.battery_warning.name())
        .put("power_source", source)
        .put_some("power_profile", now.power_profile.clone())
        .put("heat", now.heat.name())
        .put_some("temperature_celsius", now.temperature)
        .put_some("temperature_hot_celsius", now.temperature_hot)
        .put_some("cooling_percent", now.cooling_percent)
        .put_some("user_idle", now.user_idle)
        .put("suspending", now.suspending)
        .put("threads_percent", limits.threads_percent)
        .put("background_allowed", limits.background)
        .put("embedding_allowed", limits.backfill)
        .put("maintenance_allowed", limits.maintenance)
        .put("smaller_model_allowed", limits.smaller_model)
        .done()
}
