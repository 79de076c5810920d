//! Calling an intent: checked before, logged after, wakes and undo taken over.

use super::process::{Called, SkillProcess};
use super::{Skills, needs_confirmation};
use crate::error::{HobError, Kind};
use crate::permissions::{CallRecord, Caller};
use hob_sdk::Wake;
use hob_sdk::manifest::{Intent, Risk};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where a call comes from.
pub struct CallOrigin<'a> {
    /// Who asked.
    pub caller: &'a Caller,
    /// What the user said; empty when a program calls.
    pub request: &'a str,
    /// The user has agreed to what this call does.
    pub confirmed: bool,
}

impl Skills {
    /// Calls an intent: arguments checked before, the call logged after, wakes taken over. What destroys or reaches
    /// outside needs a confirmed origin.
    pub async fn call(
        &self,
        skill: &str,
        intent: &str,
        arguments: &str,
        origin: &CallOrigin<'_>,
    ) -> Result<Value, HobError> {
        let process = self.usable(skill)?;
        let found = intent_of(&process, intent)?;
        let checked = process.skill.checked_arguments(intent, arguments);
        let checked = checked.map_err(|problem| HobError::invalid(format!("{intent} of {skill}: {problem}")))?;
        if needs_confirmation(found) && !origin.confirmed {
            let what = match found.risk {
                Risk::External => "reaches outside of this machine",
                _ => "destroys something",
            };
            let message = format!("{} ({intent} of {skill}) {what}; say that it is confirmed", found.title);
            return Err(HobError::new(Kind::Confirmation, message));
        }
        let started = Instant::now();
        let call = Called { intent: intent.into(), arguments: checked, request: origin.request.into() };
        let called = process.call(call).await;
        let called = called.and_then(|result| self.take_wakes(skill, result));
        let called = called.map(|result| self.note_undo(skill, found, result));
        self.record(&process, intent, arguments, origin, &called, started.elapsed());
        called
    }

    /// Takes an action back: the one of that id, or the latest for an empty one.
    pub async fn undo(&self, id: &str, origin: &CallOrigin<'_>) -> Result<Value, HobError> {
        let action = self.actions.find(id).ok_or_else(|| match id {
            "" => HobError::not_found("there is nothing that could be undone"),
            id => HobError::not_found(format!("there is no action {id} that could be undone; results name theirs")),
        })?;
        // The user asks for it by name, which confirms it.
        let origin = CallOrigin { confirmed: true, ..*origin };
        let arguments = Value::Object(action.arguments.clone()).to_string();
        let result = self.call(&action.skill, &action.undo, &arguments, &origin).await?;
        if result["status"] == "success" {
            self.actions.taken_back(&action.id);
        }
        Ok(result)
    }

    /// Takes the planned calls out of a result: they are the daemon's business, not the caller's.
    fn take_wakes(&self, skill: &str, mut result: Value) -> Result<Value, HobError> {
        let nonsense =
            |e: serde_json::Error| HobError::new(Kind::SkillFailed, format!("the skill {skill} plans nonsense: {e}"));
        let Some(object) = result.as_object_mut() else { return Ok(result) };
        let wakes = object.remove("wake").unwrap_or(Value::Array(Vec::new()));
        let cancelled = object.remove("cancel_wake").unwrap_or(Value::Array(Vec::new()));
        let wakes: Vec<Wake> = serde_json::from_value(wakes).map_err(nonsense)?;
        let cancelled: Vec<String> = serde_json::from_value(cancelled).map_err(nonsense)?;
        self.wakes.update(skill, wakes, &cancelled).map_err(|e| HobError::new(Kind::SkillFailed, e))?;
        Ok(result)
    }

    /// Remembers how a successful call is taken back; its result then names the action.
    fn note_undo(&self, skill: &str, intent: &Intent, mut result: Value) -> Value {
        let undo = intent.undo.as_ref().and_then(|name| self.find(skill).ok()?.skill.manifest.intent(name).cloned());
        let (Some(undo), true) = (undo, result["status"] == "success") else { return result };
        let Some(object) = result.as_object_mut() else { return result };
        let data = object.get("data").and_then(Value::as_object);
        let named = |name: String| Some((name.clone(), data?.get(&name)?.clone()));
        let arguments: Map<String, Value> = undo.parameters().into_iter().filter_map(|p| named(p.name)).collect();
        let id = self.actions.add(skill, &intent.name, &undo.name, arguments);
        object.insert("action".into(), id.into());
        result
    }

    fn record(
        &self,
        process: &SkillProcess,
        intent: &str,
        arguments: &str,
        origin: &CallOrigin<'_>,
        called: &Result<Value, HobError>,
        took: Duration,
    ) {
        let outcome = match called {
            Ok(result) => result.get("status").and_then(Value::as_str).unwrap_or("success").to_string(),
            Err(error) => error.to_string(),
        };
        let manifest = &process.skill.manifest;
        // What a skill may reach it may have told everything: the log says so rather than guess.
        let left: Vec<&str> = manifest.permissions.network.iter().map(String::as_str).collect();
        let record = CallRecord {
            at: jiff::Timestamp::now().to_string(),
            caller: origin.caller,
            request: origin.request,
            skill: &manifest.id,
            intent,
            arguments,
            outcome: &outcome,
            action: called.as_ref().ok().and_then(|result| result.get("action")?.as_str()),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            left_device: &left,
        };
        if let Err(error) = self.log.append(&record) {
            tracing::error!(%error, "a skill's call could not be logged");
        }
    }
}

fn intent_of<'a>(process: &'a Arc<SkillProcess>, intent: &str) -> Result<&'a Intent, HobError> {
    let manifest = &process.skill.manifest;
    manifest.intent(intent).ok_or_else(|| {
        let known: Vec<&str> = manifest.intents.iter().map(|i| i.name.as_str()).collect();
        HobError::not_found(format!("{} has no intent {intent}; it has: {}", manifest.id, known.join(", ")))
    })
}
