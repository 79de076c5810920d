//! Which models are resident: loading on demand, leases, idle unload, the memory budget.

use super::catalogue::{self, Entry};
use super::checks::Checks;
use super::store::Chosen;
use super::threads::HostThreads;
use crate::decisions::{Decisions, Deed};
use crate::error::{HobError, Kind};
use crate::governor::{Conditions, resident_bytes};
use futures_util::future::join_all;
use hob_engine::{CacheSpec, LoadSpec, ModelInfo, ModelReply, ModelRequest, Role};
use hob_link::supervisor::{Host, HostSpec};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The link to a model's process.
pub type ModelHost = Host<ModelRequest, ModelReply>;

/// How long a model's process may take to end by itself.
const STOP_GRACE: Duration = Duration::from_millis(500);
/// The same for a chat model, which writes down the prompts that it has evaluated.
const CHAT_STOP_GRACE: Duration = Duration::from_secs(5);
/// The same when the daemon ends, which has to be gone within 5 s itself.
const LAST_STOP_GRACE: Duration = Duration::from_millis(4_000);
/// Weights are mapped; KV, compute buffers and repacked weights come on top (measured on Q4 files).
const OVERHEAD: f64 = 1.4;

/// How models are found, loaded and dropped.
#[derive(Debug, Clone)]
pub struct Residency {
    /// Folders with GGUF files, strongest first.
    pub folders: Vec<PathBuf>,
    /// The model host's program.
    pub program: PathBuf,
    /// What the user chose, before the settings.
    pub chosen: Arc<Chosen>,
    /// Id of the wanted chat model; empty for the largest.
    pub chat: String,
    /// Id of the wanted embedding model; empty for the first.
    pub embedding: String,
    /// Unused for so long, a model is unloaded.
    pub idle: Duration,
    /// Context length in tokens; 0 for the host's choice.
    pub context: u32,
    /// Threads for generating; 0 for all.
    pub threads: u32,
    /// Most bytes that hob's processes may hold; 0 for half of the machine's memory.
    pub budget: u64,
    /// What chat models keep of evaluated prompts; the fingerprint is each model's own.
    pub cache: CacheSpec,
}

/// All models of this daemon.
pub struct Models {
    how: Residency,
    slots: Mutex<BTreeMap<String, Arc<Slot>>>,
    checks: Checks,
    decisions: Arc<Decisions>,
    /// How many threads the hosts may use for the time being.
    pub(super) threads: HostThreads,
    /// How many leases were ever given.
    leased: watch::Sender<u64>,
}

struct Slot {
    entry: Entry,
    /// Held while loading, so that concurrent requests share one load.
    loaded: tokio::sync::Mutex<Option<Loaded>>,
    seen: Mutex<Seen>,
    leases: AtomicUsize,
}

#[derive(Clone)]
struct Loaded {
    host: Arc<ModelHost>,
    info: ModelInfo,
}

/// What the outside sees of a slot without waiting for a load.
struct Seen {
    state: &'static str,
    pid: u32,
    /// Which kernels run; empty unless loaded.
    backend: String,
    last_used: Instant,
}

/// A model as `hob model list` shows it.
#[derive(Debug, Clone)]
pub struct ModelStatus {
    /// The file it is.
    pub entry: Entry,
    /// "unloaded", "loading" or "loaded".
    pub state: &'static str,
    /// Its process, 0 without one.
    pub pid: u32,
    /// What that process holds, in bytes.
    pub resident: u64,
    /// Which build of the compute kernels runs, as the runtime names it; empty unless loaded.
    pub backend: String,
    /// The one that is used when no model is named.
    pub default: bool,
    /// The grounded-QA check's result, when it has run.
    pub check: Option<super::checks::CheckResult>,
}

/// Keeps a model resident while it is used.
pub struct Lease {
    slot: Arc<Slot>,
    loaded: Loaded,
}

impl Lease {
    /// The link to the model's process.
    pub fn host(&self) -> &ModelHost {
        &self.loaded.host
    }

    /// What the model says of itself.
    pub fn info(&self) -> &ModelInfo {
        &self.loaded.info
    }

    /// The file it is.
    pub fn entry(&self) -> &Entry {
        &self.slot.entry
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        lock(&self.slot.seen).last_used = Instant::now();
        self.slot.leases.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Models {
    /// Looks at the folders; loads nothing.
    pub fn new(how: Residency, checks: Checks, decisions: Arc<Decisions>) -> Self {
        let threads = HostThreads::new(how.threads);
        let models = Self { how, slots: Mutex::default(), checks, decisions, threads, leased: watch::Sender::new(0) };
        models.refresh();
        models
    }

    /// Looks at the folders again: new files appear, vanished ones go unless they are resident.
    pub fn refresh(&self) {
        let mut found = catalogue::scan(&self.how.folders);
        let mut slots = lock(&self.slots);
        slots.retain(|id, slot| match found.get(id) {
            Some(entry) if entry.fingerprint == slot.entry.fingerprint => true,
            _ => lock(&slot.seen).state != "unloaded",
        });
        found.retain(|id, _| !slots.contains_key(id));
        slots.extend(found.into_iter().map(|(id, entry)| (id, Arc::new(Slot::new(entry)))));
    }

    /// What is known of each model.
    pub fn list(&self) -> Vec<ModelStatus> {
        let defaults = [Role::Chat, Role::Embedding, Role::Reranker].map(|role| self.default_id(role));
        let slots: Vec<_> = lock(&self.slots).values().cloned().collect();
        slots.iter().map(|slot| self.status(slot, &defaults)).collect()
    }

    fn status(&self, slot: &Slot, defaults: &[Option<String>]) -> ModelStatus {
        let (state, pid, backend) = {
            let seen = lock(&slot.seen);
            (seen.state, seen.pid, seen.backend.clone())
        };
        ModelStatus {
            state,
            pid,
            backend,
            resident: if pid == 0 { 0 } else { resident_bytes(pid) },
            default: defaults.iter().flatten().any(|id| *id == slot.entry.id),
            check: self.checks.get(&slot.entry.fingerprint),
            entry: slot.entry.clone(),
        }
    }

    /// Results of the grounded-QA check.
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// The entry that is used for `role` when none is named: the wanted one, else the largest chat
    /// model or the first embedding or reranking model.
    pub fn default_entry(&self, role: Role) -> Option<Entry> {
        let id = self.default_id(role)?;
        lock(&self.slots).get(&id).map(|slot| slot.entry.clone())
    }

    fn default_id(&self, role: Role) -> Option<String> {
        let setting = if role == Role::Chat { &self.how.chat } else { &self.how.embedding };
        let chosen = self.how.chosen.get(role);
        let wanted = chosen.as_ref().unwrap_or(setting);
        let slots = lock(&self.slots);
        let usable = || slots.values().map(|s| &s.entry).filter(|e| e.role == role && e.header.is_ok());
        if let Some(entry) = usable().find(|e| e.id == *wanted) {
            return Some(entry.id.clone());
        }
        let best = if role == Role::Chat { usable().max_by_key(|e| e.size) } else { usable().next() };
        best.map(|e| e.id.clone())
    }

    /// Makes a model resident and keeps it so while the lease lives. `id` may also be the path of
    /// a GGUF file; `None` takes the default of `role`.
    pub async fn lease(&self, id: Option<&str>, role: Role) -> Result<Lease, HobError> {
        let slot = self.find(id, role)?;
        // Counted before the load, so that nobody evicts it in between.
        slot.leases.fetch_add(1, Ordering::AcqRel);
        self.leased.send_modify(|count| *count += 1);
        match self.ensure_loaded(&slot, role).await {
            Ok(loaded) => Ok(Lease { slot, loaded }),
            Err(error) => {
                slot.leases.fetch_sub(1, Ordering::AcqRel);
                if error.kind == Kind::OutOfBudget {
                    self.decisions.record(Deed::Refused, &slot.entry.id, error.message.clone(), &[]);
                }
                Err(error)
            }
        }
    }

    fn find(&self, id: Option<&str>, role: Role) -> Result<Arc<Slot>, HobError> {
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            let id = self.default_id(role).ok_or_else(|| no_model(role, &self.how.folders))?;
            return self.find(Some(&id), role);
        };
        if let Some(slot) = lock(&self.slots).get(id) {
            return usable(slot.clone(), role);
        }
        let path = PathBuf::from(id);
        if !path.is_absolute() {
            let known: Vec<_> = lock(&self.slots).keys().cloned().collect();
            let message = format!("there is no model \"{id}\"; known: {}", known.join(", "));
            return Err(HobError::not_found(message));
        }
        let entry = catalogue::describe(&path).map_err(|e| HobError::not_found(format!("{}: {e}", path.display())))?;
        if let Err(problem) = &entry.header {
            return Err(HobError::invalid(format!("{} can't be used as a model: {problem}", path.display())));
        }
        let slot = lock(&self.slots).entry(entry.id.clone()).or_insert_with(|| Arc::new(Slot::new(entry))).clone();
        usable(slot, role)
    }

    async fn ensure_loaded(&self, slot: &Arc<Slot>, role: Role) -> Result<Loaded, HobError> {
        let mut loaded = slot.loaded.lock().await;
        if let Some(running) = loaded.as_ref().filter(|l| l.host.is_alive()) {
            return Ok(running.clone());
        }
        *loaded = None;
        self.make_room(slot).await?;
        slot.show("loading", 0);
        let fresh = self.load(slot, role).await;
        match &fresh {
            Ok(fresh) => slot.show_loaded(fresh),
            Err(_) => slot.show("unloaded", 0),
        }
        let fresh = fresh?;
        self.decisions.record(Deed::Loaded, &slot.entry.id, "somebody wanted it".into(), &[]);
        Ok(loaded.insert(fresh).clone())
    }

    async fn load(&self, slot: &Slot, role: Role) -> Result<Loaded, HobError> {
        let spec = HostSpec { kind: "model", program: self.how.program.clone(), args: Vec::new() };
        let host = Arc::new(ModelHost::spawn(&spec).await?);
        slot.show("loading", host.pid());
        let (context, threads) = match role {
            Role::Chat => (self.how.context, self.how.threads),
            Role::Embedding | Role::Reranker => (0, 0),
        };
        let cache = match role {
            Role::Chat => CacheSpec { fingerprint: slot.entry.fingerprint.clone(), ..self.how.cache.clone() },
            Role::Embedding | Role::Reranker => CacheSpec::default(),
        };
        let spec = LoadSpec { path: slot.entry.path.clone(), role, context, threads, cache };
        let mut replies = host.request(ModelRequest::Load(spec)).await?;
        while let Some(reply) = replies.next().await? {
            match reply {
                ModelReply::Loaded(info) => {
                    let (pid, context, backend) = (host.pid(), info.context, &info.backend);
                    tracing::info!(id = slot.entry.id, pid, context, backend, "model loaded");
                    self.threads.tell(&host).await;
                    return Ok(Loaded { host, info });
                }
                ModelReply::Failed(error) => return Err(error.into()),
                _ => {}
            }
        }
        Err(HobError::internal("the model process ended its reply without a model; see the daemon's log"))
    }

    /// Refuses what can't fit; unloads idle models until the new one does.
    async fn make_room(&self, wanted: &Arc<Slot>) -> Result<(), HobError> {
        let budget = self.budget();
        let need = (wanted.entry.size as f64 * OVERHEAD) as u64;
        if need > budget {
            let message = format!(
                "{} needs about {} MiB, but hob's memory budget is {} MiB; raise memory.budget_mib or use a smaller model",
                wanted.entry.id,
                need >> 20,
                budget >> 20
            );
            return Err(HobError::new(Kind::OutOfBudget, message));
        }
        while self.used() + need > budget {
            let idle = self
                .idle_slots()
                .into_iter()
                .filter(|s| !Arc::ptr_eq(s, wanted))
                .min_by_key(|s| lock(&s.seen).last_used);
            let Some(victim) = idle else {
                let message = format!(
                    "{} needs about {} MiB; {} of {} MiB are in use by models that are answering; try again in a moment",
                    wanted.entry.id,
                    need >> 20,
                    self.used() >> 20,
                    budget >> 20
                );
                return Err(HobError::new(Kind::OutOfBudget, message));
            };
            let because = format!("{} needed the room and nobody was using it", wanted.entry.id);
            let figures =
                [("need_bytes", need as f64), ("used_bytes", self.used() as f64), ("budget_bytes", budget as f64)];
            if victim.unload_unless_used().await {
                self.decisions.record(Deed::Unloaded, &victim.entry.id, because, &figures);
            }
        }
        Ok(())
    }

    /// What hob may hold, in bytes.
    pub fn budget(&self) -> u64 {
        if self.how.budget > 0 { self.how.budget } else { Conditions::read().memory_total / 2 }
    }

    /// What hob's models and the daemon hold, in bytes.
    pub fn used(&self) -> u64 {
        let pids: Vec<u32> = lock(&self.slots).values().map(|slot| lock(&slot.seen).pid).filter(|p| *p != 0).collect();
        pids.into_iter().map(resident_bytes).sum::<u64>() + resident_bytes(std::process::id())
    }

    fn idle_slots(&self) -> Vec<Arc<Slot>> {
        let idle = |slot: &&Arc<Slot>| lock(&slot.seen).state == "loaded" && slot.leases.load(Ordering::Acquire) == 0;
        lock(&self.slots).values().filter(idle).cloned().collect()
    }

    /// Unloads one model. Refused while it answers.
    pub async fn unload(&self, id: &str) -> Result<(), HobError> {
        let slot = lock(&self.slots).get(id).cloned();
        let slot =
            slot.ok_or_else(|| HobError::not_found(format!("there is no model \"{id}\"; see hob model list")))?;
        let was_resident = self.is_resident(id);
        if !slot.unload_unless_used().await {
            return Err(HobError::new(Kind::Busy, format!("{id} is answering; try again when it has ended")));
        }
        if was_resident {
            self.decisions.record(Deed::Unloaded, id, "somebody asked for it".into(), &[]);
        }
        Ok(())
    }

    /// Ends models that nobody has used for the idle time, and forgets dead ones. Returns when
    /// to look again.
    pub async fn unload_idle(&self) -> Duration {
        self.forget_dead().await;
        let mut next = self.how.idle;
        for slot in self.idle_slots() {
            let unused = lock(&slot.seen).last_used.elapsed();
            if unused >= self.how.idle {
                let because = format!("nobody used it for {} s", unused.as_secs());
                if slot.unload_unless_used().await {
                    let figures = [("unused_seconds", unused.as_secs_f64())];
                    self.decisions.record(Deed::Unloaded, &slot.entry.id, because, &figures);
                }
            } else {
                next = next.min(self.how.idle - unused);
            }
        }
        next.max(Duration::from_secs(1))
    }

    async fn forget_dead(&self) {
        let slots: Vec<_> = lock(&self.slots).values().cloned().collect();
        for slot in slots {
            // A slot that is loading is busy and certainly not forgotten.
            if let Ok(mut loaded) = slot.loaded.try_lock()
                && loaded.as_ref().is_some_and(|l| !l.host.is_alive())
            {
                *loaded = None;
                slot.show("unloaded", 0);
                self.decisions.record(Deed::Ended, &slot.entry.id, "its process died".into(), &[]);
            }
        }
    }

    /// The hosts that run; waits for those that are being loaded.
    pub(super) async fn hosts(&self) -> Vec<Arc<ModelHost>> {
        let slots: Vec<_> = lock(&self.slots).values().cloned().collect();
        let hosts = slots.iter().map(|slot| async { slot.loaded.lock().await.as_ref().map(|l| l.host.clone()) });
        join_all(hosts).await.into_iter().flatten().filter(|host| host.is_alive()).collect()
    }

    /// Unloads all models that nobody uses at this moment, whatever they were used for before.
    pub async fn unload_unused(&self, because: &str) {
        join_all(self.idle_slots().iter().map(|slot| async {
            if slot.unload_unless_used().await {
                self.decisions.record(Deed::Unloaded, &slot.entry.id, because.to_string(), &[]);
            }
        }))
        .await;
    }

    /// Whether any model is in memory.
    pub fn any_resident(&self) -> bool {
        lock(&self.slots).values().any(|slot| lock(&slot.seen).state != "unloaded")
    }

    /// Changes with every lease: somebody wants a model.
    pub fn leased(&self) -> watch::Receiver<u64> {
        self.leased.subscribe()
    }

    /// Waits until nobody has used any model for `long`.
    pub async fn quiet(&self, long: Duration) {
        loop {
            let unused = self.unused();
            if unused >= long {
                return;
            }
            tokio::time::sleep(long - unused).await;
        }
    }

    fn unused(&self) -> Duration {
        let slots = lock(&self.slots);
        if slots.values().any(|slot| slot.leases.load(Ordering::Acquire) > 0) {
            return Duration::ZERO;
        }
        slots.values().map(|slot| lock(&slot.seen).last_used.elapsed()).min().unwrap_or(Duration::MAX)
    }

    /// Whether the model is in memory.
    pub fn is_resident(&self, id: &str) -> bool {
        lock(&self.slots).get(id).is_some_and(|slot| lock(&slot.seen).state != "unloaded")
    }

    /// Ends every model's process, all at the same time.
    pub async fn shutdown(&self) {
        let slots: Vec<_> = lock(&self.slots).values().cloned().collect();
        join_all(slots.iter().map(|slot| slot.end())).await;
    }
}

impl Slot {
    fn new(entry: Entry) -> Self {
        let seen = Seen { state: "unloaded", pid: 0, backend: String::new(), last_used: Instant::now() };
        Self { entry, loaded: tokio::sync::Mutex::new(None), seen: Mutex::new(seen), leases: AtomicUsize::new(0) }
    }

    fn show(&self, state: &'static str, pid: u32) {
        *lock(&self.seen) = Seen { state, pid, backend: String::new(), last_used: Instant::now() };
    }

    fn show_loaded(&self, loaded: &Loaded) {
        let (pid, backend) = (loaded.host.pid(), loaded.info.backend.clone());
        *lock(&self.seen) = Seen { state: "loaded", pid, backend, last_used: Instant::now() };
    }

    /// Ends the model's process and waits until it is gone; false when somebody uses it. Whoever wants
    /// the model meanwhile waits too, and then finds what the process has written down.
    async fn unload_unless_used(&self) -> bool {
        let mut loaded = self.loaded.lock().await;
        // Leases are counted before they take the lock, so none can be under way unseen.
        if self.leases.load(Ordering::Acquire) > 0 {
            return false;
        }
        if let Some(gone) = loaded.take() {
            gone.host.stop(if self.entry.role == Role::Chat { CHAT_STOP_GRACE } else { STOP_GRACE }).await;
        }
        self.show("unloaded", 0);
        true
    }

    /// Ends the model's process, whoever uses it. One that is still being loaded has nothing to write
    /// down and ends with the daemon.
    async fn end(&self) {
        let Ok(mut loaded) = tokio::time::timeout(STOP_GRACE, self.loaded.lock()).await else { return };
        if let Some(gone) = loaded.take() {
            gone.host.stop(if self.entry.role == Role::Chat { LAST_STOP_GRACE } else { STOP_GRACE }).await;
        }
        self.show("unloaded", 0);
    }
}

fn usable(slot: Arc<Slot>, role: Role) -> Result<Arc<Slot>, HobError> {
    let id = &slot.entry.id;
    if let Err(problem) = &slot.entry.header {
        return Err(HobError::invalid(format!("{id} can't be used as a model: {problem}")));
    }
    if slot.entry.role != role {
        let (is, wanted) = (slot.entry.role.name(), role.name());
        return Err(HobError::invalid(format!("{id} is a model for {is}, not for {wanted}; see hob model list")));
    }
    Ok(slot)
}

fn no_model(role: Role, folders: &[PathBuf]) -> HobError {
    let what = role.name();
    let folder = folders.first().map(|f| f.display().to_string()).unwrap_or_default();
    // None of the default models scores documents.
    let hint = if role == Role::Reranker { "" } else { " (make models gets the default ones)" };
    let message =
        format!("there is no {what} model; get one by hob model pull, or put a GGUF file into {folder}{hint}");
    HobError::new(Kind::NoModel, message)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
