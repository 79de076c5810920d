//! A skill's process: started on the first call, one call at a time, ended when it is of no more use.
//!
//! Owns: the states of one skill, its deadlines and its crashes. Must not know: D-Bus, who asked, what is logged.
//!
//! ```text
//! not loaded -> loading -> loaded (a call runs) <-> unloadable (idle) -> unloading -> not loaded
//! ```

use super::SkillSetup;
use super::health::Health;
use super::helper::{Ask, Helper, answer_json};
use super::registry::{Installed, tool_of};
use crate::error::{HobError, Kind as ErrorKind};
use crate::skills::apps::{AppCall, Apps};
use hob_link::skill::{SkillReply, SkillRequest, Tool};
use hob_link::supervisor::{Host, LinkError, Replies};
use hob_sdk::manifest::{Kind, Recycle};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedMutexGuard, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

mod loading;

type SkillHost = Host<SkillRequest, SkillReply>;
type SkillReplies = Replies<SkillRequest, SkillReply>;

/// How long a skill's process may take to end by itself.
const STOP_GRACE: Duration = Duration::from_millis(300);
/// How long a skill may take to load: a library, and a program or server whose run-time has to start.
const LOAD_DEADLINE: Duration = Duration::from_secs(5);
const PROGRAM_LOAD_DEADLINE: Duration = Duration::from_secs(15);
/// How long a skill may go on after nobody waits for its call.
const CANCEL_GRACE: Duration = Duration::from_secs(1);
/// Things that a skill may want at the same time.
const MOST_ASKS: usize = 4;

/// Where a skill is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No process.
    NotLoaded,
    /// Its process starts.
    Loading,
    /// A call runs.
    Loaded,
    /// Idle; the process may end at any time.
    Unloadable,
    /// Its process ends.
    Unloading,
}

impl State {
    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotLoaded => "not loaded",
            Self::Loading => "loading",
            Self::Loaded => "loaded",
            Self::Unloadable => "unloadable",
            Self::Unloading => "unloading",
        }
    }
}

/// One call, checked.
#[derive(Debug, Clone)]
pub struct Called {
    /// The intent.
    pub intent: String,
    /// Fit its schema.
    pub arguments: Value,
    /// What the user said, if anything.
    pub request: String,
}

/// An installed skill and its process, if it has one.
pub struct SkillProcess {
    /// What is installed.
    pub skill: Installed,
    program: PathBuf,
    storage: PathBuf,
    settings: Value,
    unconfined_allowed: bool,
    crashes_allowed: u32,
    parts: Parts,
    /// Held during a call: a skill does one thing at a time.
    host: Arc<tokio::sync::Mutex<Option<Arc<SkillHost>>>>,
    seen: Mutex<Seen>,
}

/// What a skill's process needs of others.
#[derive(Clone)]
pub struct Parts {
    /// Answers what it asks for.
    pub helper: Arc<dyn Helper>,
    /// Calls it, if it is an app.
    pub apps: Arc<dyn Apps>,
    /// Told whenever a process has started, which may have to end later.
    pub started: Arc<Notify>,
}

/// What others see of it.
struct Seen {
    state: State,
    pid: u32,
    last_used: Instant,
    health: Health,
    unenforced: Vec<String>,
    tools: Vec<Tool>,
}

impl SkillProcess {
    /// Starts nothing.
    pub fn new(skill: Installed, setup: &SkillSetup, parts: Parts) -> Self {
        let id = &skill.manifest.id;
        Self {
            program: setup.program.clone(),
            storage: setup.storage.join(id),
            settings: setup.settings.get(id).cloned().unwrap_or_else(|| json!({})),
            unconfined_allowed: setup.unconfined_allowed,
            crashes_allowed: setup.crashes_per_minute,
            skill,
            parts,
            host: Arc::default(),
            seen: Mutex::new(Seen {
                state: State::NotLoaded,
                pid: 0,
                last_used: Instant::now(),
                health: Health::default(),
                unenforced: Vec::new(),
                tools: Vec::new(),
            }),
        }
    }

    /// Its process, 0 without one.
    pub fn pid(&self) -> u32 {
        self.seen().pid
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        self.seen().state
    }

    /// Why it is in quarantine, if it is.
    pub fn quarantine(&self) -> Option<String> {
        let (reason, seconds) = self.seen().health.quarantine(Instant::now())?;
        Some(format!(
            "it failed too often and rests for {seconds} s (last: {reason}); \"hob skill enable {}\" ends that",
            self.id()
        ))
    }

    /// What the kernel does not enforce for the running process.
    pub fn unenforced(&self) -> Vec<String> {
        self.seen().unenforced.clone()
    }

    /// Lets it be called again at once.
    pub fn forgive(&self) {
        self.seen().health.forgive();
    }

    fn id(&self) -> &str {
        &self.skill.manifest.id
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State, pid: u32) {
        let mut seen = self.seen();
        (seen.state, seen.pid) = (state, pid);
    }

    /// Calls an intent with checked arguments; the result object as the skill gave it. Dropping this cancels the call.
    pub async fn call(self: &Arc<Self>, called: Called) -> Result<Value, HobError> {
        if let Some(why) = self.quarantine() {
            return Err(HobError::new(ErrorKind::SkillFailed, format!("the skill {} is not called: {why}", self.id())));
        }
        if let Kind::Dbus { bus_name, object } = &self.skill.manifest.kind {
            return self.call_app(bus_name, object, &called).await;
        }
        // The call outlives whoever asked, so that its process is in order for the next one.
        let (given_up, nobody_waits) = oneshot::channel::<()>();
        let work = tokio::spawn(self.clone().carry_out(called, nobody_waits));
        let result = work.await.map_err(|e| HobError::internal(format!("a call of {} broke off: {e}", self.id())))?;
        drop(given_up);
        result
    }

    async fn call_app(&self, bus_name: &str, object: &str, called: &Called) -> Result<Value, HobError> {
        let call = AppCall {
            bus_name: bus_name.into(),
            object: object.into(),
            intent: called.intent.clone(),
            arguments: called.arguments.to_string(),
            context: self.context(&called.request).to_string(),
            timeout: Duration::from_millis(u64::from(self.skill.manifest.lifecycle.timeout_ms)),
        };
        let answer = self.parts.apps.call(call).await.map_err(|error| self.failed(error.to_string()))?;
        hob_sdk::CallResult::parse(&answer)
            .map_err(|why| self.failed(format!("it gave no valid result: {why}")))
            .and_then(|result| self.object(&result.to_json()))
    }

    async fn carry_out(
        self: Arc<Self>,
        called: Called,
        mut nobody_waits: oneshot::Receiver<()>,
    ) -> Result<Value, HobError> {
        let lock = self.host.clone().lock_owned();
        let mut slot = tokio::select! {
            slot = lock => slot,
            _ = &mut nobody_waits => return Err(HobError::cancelled()),
        };
        let host = self.ready(&mut slot).await?;
        self.set(State::Loaded, host.pid());
        let reply = self.converse(&host, &called, nobody_waits).await;
        self.seen().last_used = Instant::now();
        self.after(&mut slot, &host, &reply).await;
        match reply? {
            SkillReply::Result(json) => self.result(&called.intent, &json),
            SkillReply::Failed(reason) => Err(self.failed(reason)),
            other => Err(self.failed(format!("it answered a call with {other:.60?}"))),
        }
    }

    /// What a call leaves behind: an idle process, or none.
    async fn after(
        &self,
        slot: &mut OwnedMutexGuard<Option<Arc<SkillHost>>>,
        host: &Arc<SkillHost>,
        reply: &Result<SkillReply, HobError>,
    ) {
        if let Err(error) = reply {
            self.note_failure(&error.message);
        }
        if !host.is_alive() || reply.is_err() {
            host.kill().await;
            **slot = None;
            self.set(State::NotLoaded, 0);
        } else if self.skill.manifest.lifecycle.recycle == Recycle::Immediately {
            self.unload(slot).await;
        } else {
            self.set(State::Unloadable, host.pid());
        }
    }

    fn note_failure(&self, reason: &str) {
        let quarantined = self.seen().health.failed(reason, self.crashes_allowed, Instant::now());
        if quarantined {
            tracing::warn!(skill = self.id(), reason, "the skill failed too often and is in quarantine");
        }
    }

    /// Makes the call and answers what the skill asks for meanwhile. A death, a late answer and a cancelled call that
    /// goes on are errors; the process is then of no more use.
    async fn converse(
        &self,
        host: &Arc<SkillHost>,
        called: &Called,
        mut nobody_waits: oneshot::Receiver<()>,
    ) -> Result<SkillReply, HobError> {
        let request = SkillRequest::Call {
            intent: self.name_for_skill(&called.intent),
            arguments: called.arguments.to_string(),
            context: self.context(&called.request).to_string(),
        };
        let limit = Duration::from_millis(u64::from(self.skill.manifest.lifecycle.timeout_ms));
        let mut end = tokio::time::Instant::now() + limit;
        let mut replies = host.request(request).await.map_err(|e| self.broken(&e))?;
        let (mut asks, mut cancelled) = (JoinSet::new(), false);
        loop {
            tokio::select! {
                reply = next(&mut replies) => match reply.map_err(|e| self.broken(&e))? {
                    SkillReply::Ask { ask, what, with } => self.help(host, Ask { ask, what, with }, &mut asks),
                    SkillReply::Progress(json) => tracing::debug!(skill = self.id(), json, "a skill's progress"),
                    SkillReply::Said(line) => tracing::info!(skill = self.id(), "{line}"),
                    last => return Ok(last),
                },
                Some(_) = asks.join_next() => {}
                _ = &mut nobody_waits, if !cancelled => {
                    cancelled = true;
                    replies.cancel();
                    asks.abort_all();
                    end = tokio::time::Instant::now() + CANCEL_GRACE;
                }
                () = sleep_until(end) => {
                    let (id, ms) = (self.id(), limit.as_millis());
                    let message = match cancelled {
                        false => format!("the skill {id} did not answer within {ms} ms and was ended; try again"),
                        true => format!("the skill {id} went on after its call was cancelled, and was ended"),
                    };
                    return Err(HobError::new(ErrorKind::Timeout, message));
                }
            }
        }
    }

    /// Answers an ask in the background of the call.
    fn help(&self, host: &Arc<SkillHost>, ask: Ask, asks: &mut JoinSet<()>) {
        let number = ask.ask;
        let refused = (asks.len() >= MOST_ASKS)
            .then(|| ("busy".to_string(), format!("At most {MOST_ASKS} things may be asked for at a time.")));
        let (helper, host, manifest) = (self.parts.helper.clone(), host.clone(), self.skill.manifest.clone());
        asks.spawn(async move {
            let answer = match refused {
                Some(refused) => Err(refused),
                None => helper.help(&manifest, ask).await,
            };
            let answer = SkillRequest::Answer { ask: number, answer: answer_json(answer) };
            if let Err(error) = host.ask(answer).await {
                tracing::debug!(%error, "a skill ended before its answer came");
            }
        });
    }

    fn name_for_skill(&self, intent: &str) -> String {
        match (&self.skill.manifest.kind, self.skill.manifest.intent(intent)) {
            (Kind::Mcp { .. }, Some(intent)) => tool_of(intent),
            _ => intent.into(),
        }
    }

    fn result(&self, intent: &str, json: &str) -> Result<Value, HobError> {
        let value = self.object(json)?;
        let failed = value["status"] != "success";
        match self.skill.wrong_result(intent, value.get("data").unwrap_or(&Value::Null)).filter(|_| !failed) {
            None => Ok(value),
            Some(why) => Err(self.failed(format!("its result does not fit the schema of {intent}: {why}"))),
        }
    }

    fn object(&self, json: &str) -> Result<Value, HobError> {
        match serde_json::from_str::<Value>(json) {
            Ok(value) if value.is_object() => Ok(value),
            _ => Err(self.failed("it gave a result that is no JSON object".into())),
        }
    }

    fn failed(&self, reason: String) -> HobError {
        HobError::new(ErrorKind::SkillFailed, format!("the skill {} failed: {reason}", self.id()))
    }

    fn broken(&self, error: &LinkError) -> HobError {
        self.failed(match error {
            LinkError::Stalled => "it said more than anybody could read, and was ended".into(),
            other => other.to_string(),
        })
    }

    /// Loads the skill without calling it, e.g. to see whether it starts. Gives the tools of a server.
    pub async fn preload(&self) -> Result<Vec<Tool>, HobError> {
        if matches!(self.skill.manifest.kind, Kind::Dbus { .. }) {
            return Ok(Vec::new());
        }
        let mut slot = self.host.lock().await;
        self.ready(&mut slot).await?;
        Ok(self.seen().tools.clone())
    }

    /// Ends the process if it has been idle for the manifest's time; when to look again.
    pub async fn recycle_if_idle(&self) -> Option<Duration> {
        let lifecycle = &self.skill.manifest.lifecycle;
        let most = match lifecycle.recycle {
            Recycle::Immediately => Duration::ZERO,
            Recycle::Idle => Duration::from_secs(u64::from(lifecycle.idle_seconds)),
            // The pressure ladder sees to those.
            Recycle::LowMemory => return None,
        };
        let (idle, pid) = {
            let seen = self.seen();
            (seen.last_used.elapsed(), seen.pid)
        };
        if pid == 0 {
            return None;
        }
        if idle >= most {
            self.stop_if_idle().await;
            return None;
        }
        Some(most - idle)
    }

    /// Ends the process unless a call runs.
    pub async fn stop_if_idle(&self) {
        if let Ok(mut slot) = self.host.try_lock() {
            self.unload(&mut slot).await;
        }
    }

    /// Ends the process after the call that may be running.
    pub async fn stop(&self) {
        let mut slot = self.host.lock().await;
        self.unload(&mut slot).await;
    }

    async fn unload(&self, slot: &mut Option<Arc<SkillHost>>) {
        if let Some(host) = slot.take() {
            self.set(State::Unloading, host.pid());
            host.stop(STOP_GRACE).await;
        }
        self.set(State::NotLoaded, 0);
    }
}

/// The next reply; a stream that ends without its last reply is a death.
async fn next(replies: &mut SkillReplies) -> Result<SkillReply, LinkError> {
    replies.next().await?.ok_or(LinkError::Died { kind: "skill", how: "it fell silent".into() })
}
