//! Owns the skills: which are installed, what they are called for, their processes and their wakes.
//!
//! Must not know: D-Bus, prompts. A skill's code never runs in this process.

mod call;
mod examples;
mod registry;
pub mod router;
mod routing;
pub mod slots;
mod wakes;

pub use call::CallOrigin;
pub use routing::{Decision, RoutedCall, Routing};

use crate::error::HobError;
use crate::governor::resident_bytes;
use crate::models::Models;
use crate::permissions::{Caller, Log};
use call::SkillProcess;
use hob_sdk::manifest::{Intent, Risk};
use registry::{Installed, Rejected};
use routing::RouterCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// Where skills are and what runs them.
#[derive(Debug, Clone)]
pub struct SkillSetup {
    /// Folders that hold skills.
    pub folders: Vec<PathBuf>,
    /// Ids that are not loaded.
    pub disabled: Vec<String>,
    /// The skill host's program.
    pub program: PathBuf,
    /// The folder that holds each skill's own folder.
    pub storage: PathBuf,
    /// The log of calls.
    pub log: PathBuf,
    /// Where planned calls are kept.
    pub wakes: PathBuf,
    /// Where the examples' embeddings are kept.
    pub vectors: PathBuf,
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
    /// "not loaded", "loaded" or "broken".
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

/// All skills of this daemon.
pub struct Skills {
    setup: SkillSetup,
    installed: Vec<Arc<SkillProcess>>,
    rejected: Vec<Rejected>,
    models: Arc<Models>,
    router: RouterCell,
    log: Log,
    wakes: wakes::Wakes,
    notifications: broadcast::Sender<Notification>,
}

impl Skills {
    /// Reads the manifests; starts nothing.
    pub fn new(setup: SkillSetup, models: Arc<Models>) -> Self {
        let (installed, rejected) = registry::scan(&setup.folders, &setup.disabled);
        let process = |skill: Installed| Arc::new(SkillProcess::new(skill, &setup));
        Self {
            installed: installed.into_iter().map(process).collect(),
            rejected,
            models,
            router: RouterCell::default(),
            log: Log::new(setup.log.clone()),
            wakes: wakes::Wakes::open(setup.wakes.clone()),
            notifications: broadcast::channel(64).0,
            setup,
        }
    }

    /// What skills want the user to know, from now on.
    pub fn notifications(&self) -> broadcast::Receiver<Notification> {
        self.notifications.subscribe()
    }

    /// What is known of each skill.
    pub fn list(&self) -> Vec<SkillStatus> {
        let broken = self.rejected.iter().map(|rejected| SkillStatus {
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
        self.installed.iter().map(|skill| status(skill)).chain(broken).collect()
    }

    /// A skill's manifest as JSON.
    pub fn show(&self, id: &str) -> Result<serde_json::Value, HobError> {
        let manifest = &self.find(id)?.skill.manifest;
        serde_json::to_value(manifest).map_err(|e| HobError::internal(format!("the manifest of {id}: {e}")))
    }

    fn find(&self, id: &str) -> Result<&Arc<SkillProcess>, HobError> {
        if let Some(rejected) = self.rejected.iter().find(|r| r.id == id) {
            return Err(HobError::not_found(format!("the skill {id} can't be used: {}", rejected.problem)));
        }
        self.installed.iter().find(|skill| skill.skill.manifest.id == id).ok_or_else(|| {
            let known: Vec<&str> = self.installed.iter().map(|s| s.skill.manifest.id.as_str()).collect();
            HobError::not_found(format!("there is no skill {id}; installed: {}", known.join(", ")))
        })
    }

    /// Ends processes of skills that have been idle for their manifest's time.
    pub async fn recycle_idle(&self) -> Duration {
        let mut next = Duration::from_secs(600);
        for skill in &self.installed {
            next = next.min(skill.recycle_if_idle().await);
        }
        next
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
        let origin = CallOrigin { caller: &caller, request: "" };
        let title = self.find(&skill).map(|s| s.skill.manifest.title.clone()).unwrap_or_default();
        match self.call(&skill, &wake.intent, &wake.arguments.to_string(), &origin).await {
            Ok(result) => {
                let text = result.get("message").and_then(|m| m.as_str()).unwrap_or_default().to_string();
                // Without listeners there is nobody to tell; the log has the call.
                let _listeners = self.notifications.send(Notification { skill, title, text }).unwrap_or(0);
            }
            Err(error) => tracing::warn!(skill, intent = wake.intent, %error, "a planned call failed"),
        }
    }

    /// Ends all skills' processes.
    pub async fn shutdown(&self) {
        for skill in &self.installed {
            skill.stop().await;
        }
    }
}

fn status(process: &SkillProcess) -> SkillStatus {
    let (manifest, pid) = (&process.skill.manifest, process.pid());
    SkillStatus {
        id: manifest.id.clone(),
        title: manifest.title.clone(),
        version: manifest.version.clone(),
        kind: "cdylib",
        state: if pid == 0 { "not loaded" } else { "loaded" },
        pid,
        resident: if pid == 0 { 0 } else { resident_bytes(pid) },
        intents: manifest.intents.iter().map(|intent| intent.name.clone()).collect(),
        problem: None,
    }
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
