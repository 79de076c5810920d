//! hobd: the resident daemon. This crate puts the parts together; it is the only one that knows
//! all the others.
//!
//! Start, wait, stop are in `main.rs`; what a request becomes is in [`assistant`]; what clients
//! see is in [`bus`].

pub mod allocator;
pub mod assistant;
pub mod bus;
pub mod decisions;
pub mod error;
pub mod explain;
pub mod extract;
mod for_skills;
pub mod governor;
mod json_file;
pub mod ledger;
pub mod models;
pub mod mounts;
pub mod paths;
pub mod permissions;
pub mod pressure;
pub mod proposals;
pub mod settings;
pub mod skills;
pub mod steward;

use assistant::{Assistant, AssistantSetup};
use decisions::Decisions;
use extract::HostExtractor;
use for_skills::ForSkills;
use governor::Governor;
use governor::psi::Gauge;
use hob_engine::CacheSpec;
use hob_index::types::IndexStatus;
use hob_index::{Index, IndexOptions};
use hob_sdk::manifest::Start;
use ledger::Ledger;
use models::checks::Checks;
use models::embedder::BlockingEmbedder;
use models::store::{Chosen, Store, StoreSetup};
use models::{Models, Residency};
use paths::Paths;
use permissions::Readers;
use settings::{KeepOnDisk, Settings};
use skills::{Kept, SkillFolder, SkillSetup, Skills};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use steward::Steward;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// The version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that is resident.
pub struct Daemon {
    /// The models.
    pub models: Arc<Models>,
    /// The ways of models into their folder and out of it.
    pub store: Store,
    /// What was chosen as defaults.
    pub chosen: Arc<Chosen>,
    /// The user's files.
    pub index: Index,
    /// The index's counters, watched.
    pub index_status: watch::Receiver<IndexStatus>,
    /// The skills.
    pub skills: Arc<Skills>,
    /// The use case.
    pub assistant: Assistant,
    /// The way to the text of files.
    pub extractor: Arc<HostExtractor>,
    /// What was decided, and why.
    pub decisions: Arc<Decisions>,
    /// The machine's conditions.
    pub governor: Arc<Governor>,
    /// Keeps hob to what they allow.
    pub steward: Arc<Steward>,
    /// What each program had computed.
    pub ledger: Arc<Ledger>,
    /// Who may read pushed items.
    pub readers: Arc<Readers>,
    /// Where things are.
    pub paths: Paths,
    /// When the daemon started.
    pub started: Instant,
    check_after: Duration,
}

impl Daemon {
    /// Puts the parts together. Quick: nothing is loaded, no child is started.
    pub fn start(paths: &Paths, settings: &Settings, runtime: &Handle) -> Result<Arc<Self>, error::HobError> {
        forget_what_is_not_allowed(paths, settings.cache.disk);
        let checks = Checks::open(paths.state.join("checks.json"));
        let decisions = Arc::new(Decisions::default());
        let chosen = Arc::new(Chosen::open(paths.state.join("default-models.json")));
        let residency = residency(paths, settings, chosen.clone());
        let models = Arc::new(Models::new(residency, checks, decisions.clone()));
        let store = Store::new(store_setup(paths, settings), models.clone());
        let extractor =
            Arc::new(HostExtractor::new(paths.host("hob-extract-host"), max_file(settings), runtime.clone()));
        let embedder = Arc::new(BlockingEmbedder::new(models.clone(), runtime.clone()));
        let index = Index::open(index_options(paths, settings), extractor.clone(), embedder)?;
        let (tell, index_status) = watch::channel(index.status());
        index.on_change(Box::new(move |status| {
            tell.send_replace(status.clone());
        }));
        for folder in &settings.index.folders {
            if let Err(error) = index.add_folder(folder.get_ref()) {
                tracing::warn!(folder = %folder.get_ref().display(), %error, "a folder of the settings is not indexed");
            }
        }
        let skills = Arc::new(Skills::new(skill_setup(paths, settings), models.clone()));
        let readers = Arc::new(Readers::new(settings.items.readers.clone(), &paths.host("hob")));
        let setup = AssistantSetup {
            mode: settings.answers.mode,
            keep: settings.cache.disk,
            sessions: paths.sessions(),
            tool_steps: *settings.answers.tool_steps.get_ref(),
            readers: readers.clone(),
        };
        let governor = Arc::new(Governor::new(settings.policy.policy()));
        let steward = Arc::new(Steward::new(governor.clone(), decisions.clone()));
        let ledger = Arc::new(Ledger::open(paths.state.join("usage.json"), governor.policy().sysfs.clone()));
        let (m, i, s, e) = (models.clone(), index.clone(), skills.clone(), extractor.clone());
        let assistant = Assistant::new(m, i, s, e, steward.clone(), ledger.clone(), setup);
        let daemon = Arc::new(Self {
            models,
            store,
            chosen,
            index,
            index_status,
            skills,
            assistant,
            extractor,
            decisions,
            governor,
            steward,
            ledger,
            readers,
            paths: paths.clone(),
            started: Instant::now(),
            check_after: Duration::from_secs(*settings.models.check_after_seconds.get_ref()),
        });
        daemon.skills.set_helper(Arc::new(ForSkills::new(&daemon)));
        Ok(daemon)
    }

    /// What happens without being asked: idle children end, planned calls are made, new models are
    /// checked.
    pub async fn housekeeping(&self) {
        let check = self.assistant.check_new_models(self.check_after);
        let works = || self.models.any_resident();
        let (look, keep) =
            (self.governor.look_now_and_then(works, self.models.leased()), self.steward.run(&self.models, &self.index));
        let skills = async {
            tokio::join!(
                self.skills.run_wakes(),
                self.skills.run_events(),
                self.skills.run_recycling(),
                self.skills.run_fitting(),
                self.plugged_in()
            )
        };
        let maintain = self.steward.maintain(&self.index);
        let mounts = mounts::watch(&self.index);
        tokio::join!(self.recycle(), skills, check, look, keep, maintain, pressure::watch(self), mounts);
    }

    /// Tells the skills when the machine gets power.
    async fn plugged_in(&self) {
        let mut conditions = self.governor.watch();
        let mut on_battery = conditions.borrow_and_update().on_battery;
        while conditions.changed().await.is_ok() {
            let now = conditions.borrow_and_update().on_battery;
            if on_battery && !now {
                self.skills.happened(|start| *start == Start::PowerPlugged).await;
            }
            on_battery = now;
        }
    }

    async fn recycle(&self) {
        loop {
            let models = self.models.unload_idle().await;
            let extract = self.extractor.recycle_if_idle().await;
            self.index.release_memory();
            self.save_ledger().await;
            tokio::time::sleep(models.min(extract).max(Duration::from_secs(5))).await;
        }
    }

    async fn save_ledger(&self) {
        // A thread started for nothing would be a wake-up at rest.
        if !self.ledger.has_changed() {
            return;
        }
        let ledger = self.ledger.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || ledger.save()).await {
            tracing::error!(%error, "the ledger was not stored");
        }
    }

    /// Commits, and ends all children.
    pub async fn stop(&self) {
        let index = self.index.clone();
        let closed = tokio::task::spawn_blocking(move || index.shutdown());
        let (closed, (), (), ()) =
            tokio::join!(closed, self.models.shutdown(), self.skills.shutdown(), self.extractor.stop());
        self.save_ledger().await;
        if let Err(error) = closed {
            tracing::error!(%error, "the index did not close");
        }
    }
}

fn store_setup(paths: &Paths, settings: &Settings) -> StoreSetup {
    StoreSetup {
        folder: paths.models(),
        fetch_host: paths.host("hob-fetch-host"),
        model_host: paths.host("hob-model-host"),
        catalogues: paths.catalogues(),
        pull: settings.pull.clone(),
    }
}

fn residency(paths: &Paths, settings: &Settings, chosen: Arc<Chosen>) -> Residency {
    let mut folders = vec![paths.models()];
    folders.extend(settings.models.folders.iter().map(|f| f.get_ref().clone()));
    Residency {
        folders,
        program: paths.host("hob-model-host"),
        chosen,
        chat: settings.models.chat.clone(),
        embedding: settings.models.embedding.clone(),
        idle: Duration::from_secs(*settings.models.idle_unload_seconds.get_ref()),
        context: *settings.models.context.get_ref(),
        threads: *settings.models.threads.get_ref(),
        budget: *settings.memory.budget_mib.get_ref() << 20,
        cache: cache(paths, settings),
        pinned: settings.models.pinned.clone(),
        smaller: settings.memory.smaller_model,
        memory: Gauge::new(settings.policy.procfs.get_ref()),
        measured: Some(paths.state.join("memory.json")),
    }
}

/// How model hosts keep evaluated prompts; which weights they belong to is filled in by model.
fn cache(paths: &Paths, settings: &Settings) -> CacheSpec {
    let cache = &settings.cache;
    CacheSpec {
        memory_bytes: *cache.memory_mib.get_ref() << 20,
        folder: (cache.disk != KeepOnDisk::Off).then(|| paths.evaluated_prompts()),
        disk_bytes: *cache.disk_mib.get_ref() << 20,
        fingerprint: String::new(),
    }
}

/// Deletes what earlier settings let onto the disk. A folder of sessions shows that they were
/// allowed, and then evaluated prompts may hold conversations too.
fn forget_what_is_not_allowed(paths: &Paths, keep: KeepOnDisk) {
    let (sessions, prompts) = (paths.sessions(), paths.evaluated_prompts());
    let had_sessions = sessions.exists();
    if keep == KeepOnDisk::Sessions {
        return;
    }
    forget(&sessions);
    if keep == KeepOnDisk::Off || had_sessions {
        forget(&prompts);
    }
}

fn forget(folder: &Path) {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::error!(folder = %folder.display(), %error, "what the settings no longer allow stays on disk");
        }
        _ => {}
    }
}

fn index_options(paths: &Paths, settings: &Settings) -> IndexOptions {
    let mut exclude: Vec<PathBuf> = paths.own();
    exclude.extend(settings.index.exclude.iter().map(|f| f.get_ref().clone()));
    let mut options = IndexOptions::new(paths.index());
    options.exclude = exclude;
    options.items = paths.data.join("items");
    options.max_file_bytes = max_file(settings);
    options.exclude_names = settings.index.exclude_names.iter().map(|p| p.get_ref().clone()).collect();
    options.network = settings.index.network;
    options.removable = settings.index.removable;
    options
}

fn max_file(settings: &Settings) -> u64 {
    *settings.index.max_file_mib.get_ref() << 20
}

fn skill_setup(paths: &Paths, settings: &Settings) -> SkillSetup {
    let own_folder = paths.own_skills();
    let folder = |trusted: bool| move |path: PathBuf| SkillFolder { path, trusted };
    let mut folders: Vec<SkillFolder> = paths.shipped_skills().into_iter().map(folder(true)).collect();
    let others = settings.skills.folders.iter().map(|f| f.get_ref().clone());
    folders.extend(std::iter::once(own_folder.clone()).chain(others).map(folder(false)));
    SkillSetup {
        folders,
        own_folder,
        disabled: settings.skills.disabled.clone(),
        program: paths.host("hob-skill-host"),
        storage: paths.data.join("skill-data"),
        settings: settings.skills.settings.clone(),
        crashes_per_minute: *settings.skills.crashes_per_minute.get_ref(),
        unconfined_allowed: settings.skills.unconfined,
        log: paths.state.join("calls.log"),
        state: paths.state.clone(),
        kept: Kept::new(paths.cache.join("routing")),
    }
}
