//! Which models are resident: finding them, loading on demand, leases.

use super::catalogue::{self, Entry};
use super::checks::Checks;
use super::limits::HostLimits;
use super::predict::{Measured, Need};
use super::slot::{Hold, Lease, Loaded, ModelHost, Slot};
use super::store::Chosen;
use super::turn::Turn;
use crate::decisions::{Decisions, Deed};
use crate::error::{HobError, Kind};
use crate::governor::psi::Gauge;
use crate::governor::resident_bytes;
use futures_util::future::join_all;
use hob_engine::{CacheSpec, LoadSpec, ModelReply, ModelRequest, Role};
use hob_link::supervisor::HostSpec;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

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
    /// Ids of models that stay resident once they are.
    pub pinned: Vec<String>,
    /// A smaller chat model may answer when the default one does not fit.
    pub smaller: bool,
    /// How short memory is.
    pub memory: Gauge,
    /// Where it is kept what models have needed in memory; `None` for nowhere.
    pub measured: Option<PathBuf>,
}

/// All models of this daemon.
pub struct Models {
    pub(super) how: Residency,
    pub(super) slots: Mutex<BTreeMap<String, Arc<Slot>>>,
    checks: Checks,
    pub(super) decisions: Arc<Decisions>,
    pub(super) measured: Measured,
    /// Models that are measured or quantized, each in a process beside those of `slots`.
    pub(super) guests: Mutex<Vec<Arc<Slot>>>,
    /// Held while room is set aside.
    pub(super) room: Mutex<()>,
    /// Whose load the requests for other models give way to.
    pub(super) turn: Turn,
    /// Changes when room may have become free.
    pub(super) freed: Arc<watch::Sender<u64>>,
    /// Memory is so short that contexts are loaded short.
    pub(super) strict: AtomicBool,
    /// The conditions allow a smaller model than the wanted one, whatever the settings say.
    pub(super) saving: AtomicBool,
    /// What the hosts may do for the time being.
    pub(super) limits: HostLimits,
    /// How many leases were ever given.
    leased: watch::Sender<u64>,
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

impl Models {
    /// Looks at the folders; loads nothing.
    pub fn new(how: Residency, checks: Checks, decisions: Arc<Decisions>) -> Self {
        let models = Self {
            measured: Measured::open(how.measured.clone(), how.cache.memory_bytes),
            limits: HostLimits::new(how.threads),
            how,
            slots: Mutex::default(),
            checks,
            decisions,
            guests: Mutex::default(),
            room: Mutex::default(),
            turn: Turn::default(),
            freed: Arc::new(watch::Sender::new(0)),
            strict: AtomicBool::new(false),
            saving: AtomicBool::new(false),
            leased: watch::Sender::new(0),
        };
        models.refresh();
        models
    }

    /// Looks at the folders again: new files appear, vanished ones go unless they are resident.
    pub fn refresh(&self) {
        let mut found = catalogue::scan(&self.how.folders);
        let mut slots = lock(&self.slots);
        slots.retain(|id, slot| match found.get(id) {
            Some(entry) if entry.fingerprint == slot.entry.fingerprint => true,
            _ => slot.seen().state != "unloaded",
        });
        found.retain(|id, _| !slots.contains_key(id));
        slots.extend(found.into_iter().map(|(id, entry)| (id, Arc::new(Slot::new(entry, self.freed.clone())))));
    }

    /// What is known of each model.
    pub fn list(&self) -> Vec<ModelStatus> {
        let defaults = [Role::Chat, Role::Embedding, Role::Reranker].map(|role| self.default_id(role));
        let slots: Vec<_> = lock(&self.slots).values().cloned().collect();
        slots.iter().map(|slot| self.status(slot, &defaults)).collect()
    }

    fn status(&self, slot: &Slot, defaults: &[Option<String>]) -> ModelStatus {
        let (state, pid, backend) = {
            let seen = slot.seen();
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

    pub(super) fn default_id(&self, role: Role) -> Option<String> {
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

    /// The entry of that id.
    pub fn entry(&self, id: &str) -> Result<Entry, HobError> {
        self.entry_that(|entry| entry.id == id).ok_or_else(|| unknown(id))
    }

    /// The entry of that id, or of the file at that path.
    pub fn entry_or_file(&self, id: &str) -> Result<Entry, HobError> {
        self.entry_that(|entry| entry.id == id || entry.path.as_os_str() == id).ok_or_else(|| unknown(id))
    }

    pub(super) fn entry_that(&self, fits: impl Fn(&Entry) -> bool) -> Option<Entry> {
        lock(&self.slots).values().map(|slot| &slot.entry).find(|entry| fits(entry)).cloned()
    }

    /// Makes a model resident and keeps it so while the lease lives. `id` may also be the path of
    /// a GGUF file; `None` takes the default of `role`.
    pub async fn lease(&self, id: Option<&str>, role: Role) -> Result<Lease, HobError> {
        let slot = self.find(id, role)?;
        self.leased.send_modify(|count| *count += 1);
        let named = id.is_some_and(|id| !id.is_empty());
        match self.lease_slot(slot.clone(), role).await {
            Err(error) if error.kind == Kind::OutOfBudget && self.may_be_smaller() && !named && role == Role::Chat => {
                let smaller = self.next_smaller(&slot.entry).ok_or(error)?;
                let because = format!("{} did not fit the memory budget", slot.entry.id);
                self.decisions.record(Deed::Replaced, &smaller.entry.id, because, &[]);
                self.lease_slot(smaller, role).await
            }
            leased => leased,
        }
    }

    async fn lease_slot(&self, slot: Arc<Slot>, role: Role) -> Result<Lease, HobError> {
        self.turn.give_way(&slot.entry.id).await;
        // Counted before the load, so that nobody evicts it in between.
        let hold = Hold::of(slot);
        let loaded = self.ensure_loaded(hold.slot(), role).await?;
        Ok(Lease { hold, loaded })
    }

    /// The largest chat model that is smaller than `entry`.
    fn next_smaller(&self, entry: &Entry) -> Option<Arc<Slot>> {
        let slots = lock(&self.slots);
        let fits = |slot: &&Arc<Slot>| {
            slot.entry.role == Role::Chat && slot.entry.header.is_ok() && slot.entry.size < entry.size
        };
        slots.values().filter(fits).max_by_key(|slot| slot.entry.size).cloned()
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
        let slot = lock(&self.slots)
            .entry(entry.id.clone())
            .or_insert_with(|| Arc::new(Slot::new(entry, self.freed.clone())))
            .clone();
        usable(slot, role)
    }

    async fn ensure_loaded(&self, slot: &Arc<Slot>, role: Role) -> Result<Loaded, HobError> {
        let mut loaded = slot.loaded.lock().await;
        if let Some(running) = loaded.as_ref().filter(|l| l.host.is_alive()) {
            return Ok(running.clone());
        }
        if loaded.take().is_some() {
            // Its process died: what was set aside for it is free.
            slot.show_unloaded();
        }
        let room = self.make_room(slot).await?;
        let fresh = self.load(slot, role, room.context, room.need).await?;
        room.loading.done(&fresh);
        let held = resident_bytes(fresh.host.pid());
        let figures = [("need_bytes", room.need.expected as f64), ("resident_bytes", held as f64)];
        self.decisions.record(Deed::Loaded, &slot.entry.id, "somebody asked for it".into(), &figures);
        Ok(loaded.insert(fresh).clone())
    }

    async fn load(&self, slot: &Slot, role: Role, context: u32, need: Need) -> Result<Loaded, HobError> {
        let spec = HostSpec { kind: "model", program: self.how.program.clone(), args: Vec::new() };
        let host = Arc::new(ModelHost::spawn(&spec).await?);
        slot.runs(&host);
        let threads = if role == Role::Chat { self.how.threads } else { 0 };
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
                    self.limits.tell(&host).await;
                    return Ok(Loaded { host, info, need });
                }
                ModelReply::Failed(error) => return Err(error.into()),
                _ => {}
            }
        }
        Err(HobError::internal("the model process ended its reply without a model; see the daemon's log"))
    }

    pub(super) fn idle_slots(&self) -> Vec<Arc<Slot>> {
        lock(&self.slots).values().filter(|slot| slot.is_idle()).cloned().collect()
    }

    /// Unloads one model. Refused while it answers.
    pub async fn unload(&self, id: &str) -> Result<(), HobError> {
        let slot = lock(&self.slots).get(id).cloned();
        let slot = slot.ok_or_else(|| unknown(id))?;
        let was_resident = self.is_resident(id);
        if !slot.unload_unless_used(&self.measured, false).await {
            return Err(HobError::new(Kind::Busy, format!("{id} is answering; try again when it has ended")));
        }
        if was_resident {
            self.decisions.record(Deed::Unloaded, id, "somebody asked for it".into(), &[]);
        }
        Ok(())
    }

    /// The hosts that run; waits for those that are being loaded.
    pub(super) async fn hosts(&self) -> Vec<Arc<ModelHost>> {
        let slots: Vec<_> = lock(&self.slots).values().cloned().collect();
        let hosts = slots.iter().map(|slot| async { slot.loaded.lock().await.as_ref().map(|l| l.host.clone()) });
        join_all(hosts).await.into_iter().flatten().filter(|host| host.is_alive()).collect()
    }

    /// Changes with every lease: somebody wants a model.
    pub fn leased(&self) -> watch::Receiver<u64> {
        self.leased.subscribe()
    }

    pub(super) fn is_pinned(&self, id: &str) -> bool {
        self.how.pinned.iter().any(|pinned| pinned == id)
    }

    /// Whether the model is in memory.
    pub fn is_resident(&self, id: &str) -> bool {
        lock(&self.slots).get(id).is_some_and(|slot| slot.seen().state != "unloaded")
    }

    /// Ends every model's process, all at the same time.
    pub async fn shutdown(&self) {
        let slots: Vec<_> = lock(&self.slots).values().cloned().collect();
        join_all(slots.iter().map(|slot| slot.end())).await;
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

fn unknown(id: &str) -> HobError {
    HobError::not_found(format!("there is no model \"{id}\"; see hob model list"))
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

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
