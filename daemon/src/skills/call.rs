//! A skill's process: started on the first call, one call at a time, ended when idle.

use super::registry::Installed;
use super::{SkillSetup, Skills};
use crate::error::{HobError, Kind};
use crate::permissions::{CallRecord, Caller};
use hob_link::skill::{SkillReply, SkillRequest};
use hob_link::supervisor::{Host, HostSpec, Supervisor};
use hob_sdk::Wake;
use hob_sdk::manifest::Recycle;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

type SkillHost = Host<SkillRequest, SkillReply>;

/// How long a skill's process may take to end by itself.
const STOP_GRACE: Duration = Duration::from_millis(300);
/// How long a library may take to load.
const LOAD_DEADLINE: Duration = Duration::from_secs(5);

/// Where a call comes from.
pub struct CallOrigin<'a> {
    /// Who asked.
    pub caller: &'a Caller,
    /// What the user said; empty when a program calls.
    pub request: &'a str,
}

/// An installed skill and its process, if it has one.
pub struct SkillProcess {
    /// What is installed.
    pub skill: Installed,
    storage: PathBuf,
    supervisor: Supervisor<SkillRequest, SkillReply>,
    /// Held during a call: a skill does one thing at a time. Holds the process that has loaded it.
    loaded: tokio::sync::Mutex<Option<u32>>,
    pid: AtomicU32,
    last_used: Mutex<Instant>,
}

impl SkillProcess {
    /// Starts nothing.
    pub fn new(skill: Installed, setup: &SkillSetup) -> Self {
        let spec = HostSpec { kind: "skill", program: setup.program.clone(), args: vec![skill.manifest.id.clone()] };
        Self {
            storage: setup.storage.join(&skill.manifest.id),
            skill,
            supervisor: Supervisor::new(spec),
            loaded: tokio::sync::Mutex::new(None),
            pid: AtomicU32::new(0),
            last_used: Mutex::new(Instant::now()),
        }
    }

    /// Its process, 0 without one.
    pub fn pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// Calls an intent with checked arguments; the result object as the skill gave it.
    async fn call(&self, intent: &str, arguments: &Value, request: &str) -> Result<Value, HobError> {
        let mut loaded = self.loaded.lock().await;
        let host = self.ready(&mut loaded).await?;
        let call = SkillRequest::Call {
            intent: intent.into(),
            arguments: arguments.to_string(),
            context: json!({"request": request, "locale": locale(), "time_zone": time_zone()}).to_string(),
        };
        let deadline = Duration::from_millis(u64::from(self.skill.manifest.lifecycle.timeout_ms));
        let reply = self.within(&host, deadline, call).await;
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        if !host.is_alive() {
            self.pid.store(0, Ordering::Relaxed);
            *loaded = None;
        }
        match reply? {
            SkillReply::Result(json) => self.result(&json),
            SkillReply::Failed(reason) => Err(self.failed(reason)),
            SkillReply::Loaded { .. } => Err(self.failed("answered a call with something else".into())),
        }
    }

    /// The process with the library loaded.
    async fn ready(&self, loaded: &mut Option<u32>) -> Result<Arc<SkillHost>, HobError> {
        let host = self.supervisor.host().await.map_err(|e| self.failed(e.to_string()))?;
        if *loaded == Some(host.pid()) {
            return Ok(host);
        }
        *loaded = None;
        std::fs::create_dir_all(&self.storage)
            .map_err(|e| HobError::internal(format!("{}: {e}", self.storage.display())))?;
        let (library, id) = (self.skill.library.clone(), self.skill.manifest.id.clone());
        let load = SkillRequest::Load { library, id, storage: self.storage.clone() };
        match self.within(&host, LOAD_DEADLINE, load).await? {
            SkillReply::Loaded { .. } => {
                *loaded = Some(host.pid());
                self.pid.store(host.pid(), Ordering::Relaxed);
                Ok(host)
            }
            SkillReply::Failed(reason) => Err(self.failed(reason)),
            SkillReply::Result(_) => Err(self.failed("answered its loading with something else".into())),
        }
    }

    /// Asks, and kills the process when the answer is late: nothing else ends foreign code.
    async fn within(
        &self,
        host: &SkillHost,
        deadline: Duration,
        request: SkillRequest,
    ) -> Result<SkillReply, HobError> {
        match tokio::time::timeout(deadline, host.ask(request)).await {
            Ok(reply) => reply.map_err(|e| self.failed(e.to_string())),
            Err(_) => {
                host.kill().await;
                self.pid.store(0, Ordering::Relaxed);
                let id = &self.skill.manifest.id;
                let message = format!(
                    "the skill {id} did not answer within {} ms and was ended; try again",
                    deadline.as_millis()
                );
                Err(HobError::new(Kind::Timeout, message))
            }
        }
    }

    fn result(&self, json: &str) -> Result<Value, HobError> {
        match serde_json::from_str::<Value>(json) {
            Ok(value) if value.is_object() => Ok(value),
            _ => Err(self.failed("gave a result that is no JSON object".into())),
        }
    }

    fn failed(&self, reason: String) -> HobError {
        HobError::new(Kind::SkillFailed, format!("the skill {} failed: {reason}", self.skill.manifest.id))
    }

    /// Ends the process if it has been idle for the manifest's time; when to look again.
    pub async fn recycle_if_idle(&self) -> Duration {
        let lifecycle = &self.skill.manifest.lifecycle;
        let most = match lifecycle.recycle {
            Recycle::Immediately => Duration::ZERO,
            Recycle::Idle | Recycle::LowMemory => Duration::from_secs(u64::from(lifecycle.idle_seconds)),
        };
        let idle = self.last_used.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        if self.pid() == 0 || idle < most {
            return most.saturating_sub(idle).max(Duration::from_secs(1));
        }
        self.stop().await;
        most.max(Duration::from_secs(1))
    }

    /// Ends the process after the call that may be running.
    pub async fn stop(&self) {
        let mut loaded = self.loaded.lock().await;
        self.supervisor.stop(STOP_GRACE).await;
        self.pid.store(0, Ordering::Relaxed);
        *loaded = None;
    }
}

impl Skills {
    /// Calls an intent: arguments checked before, the call logged after, wakes taken over.
    pub async fn call(
        &self,
        skill: &str,
        intent: &str,
        arguments: &str,
        origin: &CallOrigin<'_>,
    ) -> Result<Value, HobError> {
        let process = self.find(skill)?;
        let manifest = &process.skill.manifest;
        if manifest.intent(intent).is_none() {
            let known: Vec<&str> = manifest.intents.iter().map(|i| i.name.as_str()).collect();
            return Err(HobError::not_found(format!("{skill} has no intent {intent}; it has: {}", known.join(", "))));
        }
        let checked = process.skill.checked_arguments(intent, arguments);
        let checked = checked.map_err(|problem| HobError::invalid(format!("{intent} of {skill}: {problem}")))?;
        let started = Instant::now();
        let called = process.call(intent, &checked, origin.request).await;
        let called = called.and_then(|result| self.take_wakes(skill, result));
        self.record(skill, intent, arguments, origin, &called, started.elapsed());
        called
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

    fn record(
        &self,
        skill: &str,
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
        let record = CallRecord {
            at: jiff::Timestamp::now().to_string(),
            caller: origin.caller,
            request: origin.request,
            skill,
            intent,
            arguments,
            outcome: &outcome,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            left_device: &[],
        };
        if let Err(error) = self.log.append(&record) {
            tracing::error!(%error, "a skill's call could not be logged");
        }
    }
}

fn locale() -> String {
    let set =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    set.unwrap_or_else(|| "C".into())
}

fn time_zone() -> String {
    jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_string()
}
