//! Owns the skills: which are installed and granted, what they are called for, their processes, wakes and events.
//!
//! Must not know: D-Bus, prompts. A skill's code never runs in this process.

mod actions;
pub mod apps;
mod call;
mod events;
mod fitting;
mod followup;
mod grants;
mod health;
pub mod helper;
mod install;
mod kept;
mod late;
mod offered;
mod places;
mod process;
mod registry;
pub mod router;
mod routing;
mod several;
pub mod slots;
mod smalltalk;
mod stage;
mod tools;
mod wakes;
mod watched;

pub use call::CallOrigin;
pub use followup::{Lack, pick};
pub use install::Installation;
pub use kept::Kept;
pub use offered::Offered;
pub use registry::SkillFolder;
pub use routing::{Decision, RoutedCall, Routing};

use crate::error::HobError;
use crate::governor::resident_bytes;
use crate::models::Models;
use crate::permissions::{Caller, Log};
use actions::Actions;
use apps::Apps;
use fitting::Fitting;
use grants::Grants;
use helper::Helper;
use hob_sdk::manifest::{Intent, Risk, nearness};
use late::Late;
use process::{Parts, SkillProcess};
use registry::{Installed, Rejected};
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};
use tools::Tools;

/// Where skills are and what runs them.
#[derive(Debug, Clone)]
pub struct SkillSetup {
    /// Folders that hold skills.
    pub folders: Vec<SkillFolder>,
    /// The one that skills are installed into; among the others.
    pub own_folder: PathBuf,
    /// Ids that are not loaded.
    pub disabled: Vec<String>,
    /// The skill host's program.
    pub program: PathBuf,
    /// The folder that holds each skill's own folder.
    pub storage: PathBuf,
    /// What the user set for single skills, by id.
    pub settings: HashMap<String, Value>,
    /// Failures within a minute that put a skill in quarantine.
    pub crashes_per_minute: u32,
    /// Skills that did not come with hob run even where the kernel can't confine them.
    pub unconfined_allowed: bool,
    /// The log of calls.
    pub log: PathBuf,
    /// The folder for planned calls, grants, and what can be undone.
    pub state: PathBuf,
    /// What routing has worked out.
    pub kept: Kept,
}

/// Something a skill wants the user to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The skill's id.
    pub skill: String,
    /// Its title.
    pub title: String,
    /// One sentence.
    pub text: String,
}

/// A skill as `hob skill list` shows it.
#[derive(Debug, Clone)]
pub struct SkillStatus {
    /// The skill's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// Its kind.
    pub kind: &'static str,
    /// Where it is in its life, or why it has none: "not loaded", "loading", "loaded", "unloadable", "unloading",
    /// "quarantined", "disabled", "not granted", "broken".
    pub state: &'static str,
    /// Its process, 0 without one.
    pub pid: u32,
    /// What that process holds, in bytes.
    pub resident: u64,
    /// What it can do.
    pub intents: Vec<String>,
    /// Why it can't be used.
    pub problem: Option<String>,
}

/// What is installed at one moment.
struct Registry {
    installed: Vec<Arc<SkillProcess>>,
    rejected: Vec<Rejected>,
}

impl Registry {
    fn find(&self, id: &str) -> Option<Arc<SkillProcess>> {
        self.installed.iter().find(|skill| skill.skill.manifest.id == id).cloned()
    }
}

/// All skills of this daemon.
pub struct Skills {
    setup: SkillSetup,
    registry: RwLock<Arc<Registry>>,
    /// Counts changes of what can be called.
    changes: watch::Sender<u64>,
    /// Held while skills come and go.
    installing: tokio::sync::Mutex<()>,
    models: Arc<Models>,
    fitting: Fitting,
    log: Log,
    wakes: wakes::Wakes,
    grants: Grants,
    actions: Actions,
    tools: Tools,
    helper: Arc<Late<dyn Helper>>,
    apps: Arc<Late<dyn Apps>>,
    started: Arc<Notify>,
    notifications: broadcast::Sender<Notification>,
}

impl Skills {
    /// Reads the manifests; starts nothing.
    pub fn new(setup: SkillSetup, models: Arc<Models>) -> Self {
        let skills = Self {
            registry: RwLock::new(Arc::new(Registry { installed: Vec::new(), rejected: Vec::new() })),
            changes: watch::channel(0).0,
            installing: tokio::sync::Mutex::default(),
            models,
            fitting: Fitting::default(),
            log: Log::new(setup.log.clone()),
            wakes: wakes::Wakes::open(setup.state.join("wakes.json")),
            grants: Grants::open(setup.state.join("skills.json")),
            actions: Actions::open(setup.state.join("actions.json")),
            tools: Tools::open(setup.state.join("skill-tools.json")),
            helper: Arc::default(),
            apps: Arc::default(),
            started: Arc::default(),
            notifications: broadcast::channel(64).0,
            setup,
        };
        let _replaced = skills.read_again();
        skills
    }

    /// Who answers what skills ask for; without anybody, they are told so.
    pub fn set_helper(&self, helper: Arc<dyn Helper>) {
        self.helper.set(helper);
    }

    /// The way to skills that are apps.
    pub fn set_apps(&self, apps: Arc<dyn Apps>) {
        self.apps.set(apps);
    }

    fn registry(&self) -> Arc<Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the folders again. Skills that are as they were keep their processes; gives those that are not.
    fn read_again(&self) -> Vec<Arc<SkillProcess>> {
        let (installed, rejected) = registry::scan(&self.setup.folders, &|id| self.tools.of(id));
        let before = self.registry();
        let parts = Parts { helper: self.helper.clone(), apps: self.apps.clone(), started: self.started.clone() };
        let process = |skill: Installed| {
            let same = |p: &&Arc<SkillProcess>| {
                let old = &p.skill;
                old.manifest == skill.manifest && old.folder == skill.folder && old.stamp == skill.stamp
            };
            let kept = before.installed.iter().find(same).cloned();
            kept.unwrap_or_else(|| Arc::new(SkillProcess::new(skill, &self.setup, parts.clone())))
        };
        let installed: Vec<_> = installed.into_iter().map(process).collect();
        let replaced = before.installed.iter().filter(|old| !installed.iter().any(|new| Arc::ptr_eq(new, old)));
        let replaced = replaced.cloned().collect();
        *self.registry.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Registry { installed, rejected });
        self.changed();
        replaced
    }

    /// Reads the folders again and ends the processes of what has changed.
    pub async fn reload(&self) {
        for replaced in self.read_again() {
            replaced.stop().await;
        }
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Changes of what can be called, from now on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn generation(&self) -> u64 {
        *self.changes.borrow()
    }

    /// What skills want the user to know, from now on.
    pub fn notifications(&self) -> broadcast::Receiver<Notification> {
        self.notifications.subscribe()
    }

    /// What is known of each skill.
    pub fn list(&self) -> Vec<SkillStatus> {
        let registry = self.registry();
        let broken = registry.rejected.iter().map(|rejected| SkillStatus {
            id: rejected.id.clone(),
            title: String::new(),
            version: String::new(),
            kind: "",
            state: "broken",
            pid: 0,
            resident: 0,
            intents: Vec::new(),
            problem: Some(rejected.problem.clone()),
        });
        registry.installed.iter().map(|skill| self.status(skill)).chain(broken).collect()
    }

    fn status(&self, process: &SkillProcess) -> SkillStatus {
        let (manifest, pid) = (&process.skill.manifest, process.pid());
        let (state, problem) = match self.obstacle(process) {
            Some((state, error)) => (state, Some(error.message)),
            None => (process.state().name(), unenforced(process)),
        };
        SkillStatus {
            id: manifest.id.clone(),
            title: manifest.title.clone(),
            version: manifest.version.clone(),
            kind: manifest.kind.name(),
            state,
            pid,
            resident: if pid == 0 { 0 } else { resident_bytes(pid) },
            intents: manifest.intents.iter().map(|intent| intent.name.clone()).collect(),
            problem,
        }
    }

    /// A skill's manifest as JSON.
    pub fn show(&self, id: &str) -> Result<Value, HobError> {
        let process = self.find(id)?;
        let shown = serde_json::to_value(&process.skill.manifest);
        shown.map_err(|e| HobError::internal(format!("the manifest of {id}: {e}")))
    }

    fn find(&self, id: &str) -> Result<Arc<SkillProcess>, HobError> {
        self.registry().find(id).ok_or_else(|| self.unknown(id))
    }

    fn unknown(&self, id: &str) -> HobError {
        let registry = self.registry();
        if let Some(rejected) = registry.rejected.iter().find(|r| r.id == id) {
            return HobError::not_found(format!("the skill {id} can't be used: {}", rejected.problem));
        }
        let known: Vec<&str> = registry.installed.iter().map(|s| s.skill.manifest.id.as_str()).collect();
        HobError::not_found(format!("there is no skill {id}; installed: {}", known.join(", ")))
    }

    /// The skill, if the user lets it be called.
    fn usable(&self, id: &str) -> Result<Arc<SkillProcess>, HobError> {
        let process = self.find(id)?;
        match self.obstacle(&process) {
            // A call finds out about a quarantine by itself.
            Some((state, error)) if state != "quarantined" => Err(error),
            _ => Ok(process),
        }
    }

    fn is_usable(&self, process: &SkillProcess) -> bool {
        self.obstacle(process).is_none()
    }

    /// What keeps a skill from being called: the state's name and the error that a call gets.
    fn obstacle(&self, process: &SkillProcess) -> Option<(&'static str, HobError)> {
        let manifest = &process.skill.manifest;
        let id = &manifest.id;
        if self.setup.disabled.contains(id) || self.grants.is_disabled(id) {
            let message = format!("{id} is switched off; \"hob skill enable {id}\" switches it on");
            return Some(("disabled", HobError::new(crate::error::Kind::PermissionDenied, message)));
        }
        if let Some(missing) = self.grants.missing(manifest).filter(|_| !process.skill.trusted) {
            return Some(("not granted", install::not_granted(id, &missing)));
        }
        let why = process.quarantine()?;
        Some(("quarantined", HobError::new(crate::error::Kind::SkillFailed, why)))
    }

    /// Ends processes of skills that have been idle for their manifest's time; runs until dropped. Without processes it
    /// sleeps.
    pub async fn run_recycling(&self) {
        loop {
            let mut next: Option<Duration> = None;
            for skill in &self.registry().installed {
                if let Some(wait) = skill.recycle_if_idle().await {
                    next = Some(next.map_or(wait, |other| other.min(wait)));
                }
            }
            tokio::select! {
                () = self.started.notified() => {}
                () = sleep_or_forever(next) => {}
            }
        }
    }

    /// Ends all processes that no call needs, since memory is short.
    pub async fn unload_idle(&self) {
        for skill in &self.registry().installed {
            skill.stop_if_idle().await;
        }
    }

    /// Makes the calls that skills planned, as they come due; runs until dropped.
    pub async fn run_wakes(&self) {
        loop {
            let now = jiff::Timestamp::now().as_second();
            for planned in self.wakes.take_due(now) {
                self.wake(planned).await;
            }
            tokio::select! {
                () = self.wakes.changed() => {}
                () = sleep_or_forever(self.wakes.wait(now)) => {}
            }
        }
    }

    async fn wake(&self, planned: wakes::Planned) {
        let (skill, wake) = (planned.skill, planned.wake);
        let caller = Caller::daemon();
        let origin = CallOrigin { caller: &caller, request: "", confirmed: false };
        let title = self.find(&skill).map(|s| s.skill.manifest.title.clone()).unwrap_or_default();
        match self.call(&skill, &wake.intent, &wake.arguments.to_string(), &origin).await {
            Ok(result) => self.tell(&skill, &title, &result),
            Err(error) => tracing::warn!(skill, intent = wake.intent, %error, "a planned call failed"),
        }
    }

    /// Ends all skills' processes.
    pub async fn shutdown(&self) {
        let registry = self.registry();
        futures_util::future::join_all(registry.installed.iter().map(|skill| skill.stop())).await;
    }
}

/// What the kernel does not enforce, for the user.
fn unenforced(process: &SkillProcess) -> Option<String> {
    let unenforced = process.unenforced();
    (!unenforced.is_empty()).then(|| format!("it runs without some of its sandbox: {}", unenforced.join("; ")))
}

/// Whether an intent must be confirmed before it runs.
fn needs_confirmation(intent: &Intent) -> bool {
    matches!(intent.risk, Risk::Destructive | Risk::External)
}

async fn sleep_or_forever(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
