//! The memory budget: room is set aside before a load begins, and made where there is none.
//!
//! Owns: who has to go, who waits, what is refused. Must not know: how a model is loaded.

use super::catalogue::Entry;
use super::evict::{self, Candidate};
use super::predict::{self, Need};
use super::residency::{Models, lock};
use super::slot::{Loading, ModelHost, Slot};
use super::turn::Taken;
use crate::decisions::Deed;
use crate::error::{HobError, Kind};
use crate::governor::cgroup::Groups;
use crate::governor::{account, memory_total, resident_bytes};
use hob_engine::Role;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long a load waits for models that are answering.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it waits before new requests for other models have to wait for it.
const PATIENCE_FOR_TURN: Duration = Duration::from_secs(3);
/// How long it waits before it takes a shorter context instead.
const PATIENCE_FOR_LENGTH: Duration = Duration::from_secs(10);
/// Contexts are not made shorter than this.
const SHORTEST: u32 = 1_024;

/// Room for a model that is measured or quantized in a process of its own; given back when dropped.
pub struct Reserved<'a> {
    models: &'a Models,
    slot: Arc<Slot>,
}

impl Reserved<'_> {
    /// This process takes the room.
    pub fn runs(&self, host: &Arc<ModelHost>) {
        self.slot.runs(host);
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        lock(&self.models.guests).retain(|guest| !Arc::ptr_eq(guest, &self.slot));
        self.slot.show_unloaded();
    }
}

/// Room that was set aside, and what for.
pub(super) struct Room<'a> {
    pub loading: Loading<'a>,
    pub need: Need,
    /// Tokens; 0 for the host's choice.
    pub context: u32,
}

/// A load that waits for room.
struct Wait<'a> {
    models: &'a Models,
    id: String,
    begin: Instant,
    freed: watch::Receiver<u64>,
    turn: Option<Taken<'a>>,
}

impl<'a> Wait<'a> {
    fn begin(models: &'a Models, slot: &Slot) -> Self {
        let (id, freed) = (slot.entry.id.clone(), models.freed.subscribe());
        Self { models, id, begin: Instant::now(), freed, turn: None }
    }

    /// Until room may have become free, or something else is to be done about it.
    async fn for_room(&mut self) {
        let waited = self.begin.elapsed();
        if waited >= PATIENCE_FOR_TURN && self.turn.is_none() {
            self.turn = self.models.turn.take(&self.id);
        }
        let ends = [PATIENCE_FOR_TURN, PATIENCE_FOR_LENGTH, PATIENCE];
        let until = ends.into_iter().find(|end| *end > waited).unwrap_or(waited);
        // Late or not, it is looked at again.
        let _changed = tokio::time::timeout(until - waited, self.freed.changed()).await.is_ok();
    }
}

impl Models {
    /// What hob may hold, in bytes.
    pub fn budget(&self) -> u64 {
        let machine = if self.how.budget > 0 { self.how.budget } else { memory_total() / 2 };
        Groups::read().limit().map_or(machine, |limit| machine.min(limit))
    }

    /// What the daemon and all its children hold, in bytes.
    pub fn used(&self) -> u64 {
        let children = account::children();
        children.into_iter().map(resident_bytes).sum::<u64>() + resident_bytes(std::process::id())
    }

    /// The same, with what is set aside for models that do not hold it yet.
    fn committed(&self) -> u64 {
        let (mut others, mut models) = (account::children(), 0);
        let mut count = |slot: &Slot| {
            others.remove(&slot.seen().pid);
            models += slot.committed();
        };
        lock(&self.slots).values().for_each(|slot| count(slot));
        lock(&self.guests).iter().for_each(|slot| count(slot));
        others.into_iter().map(resident_bytes).sum::<u64>() + resident_bytes(std::process::id()) + models
    }

    /// Sets room aside for a model: at once, or after unloading others, or when those that answer have ended, or for
    /// a shorter context. What can never fit is refused.
    pub(super) async fn make_room<'a>(&self, slot: &'a Arc<Slot>) -> Result<Room<'a>, HobError> {
        let mut wait = Wait::begin(self, slot);
        let full = self.wanted_context(slot);
        let mut context = self.longest_possible(slot, full)?;
        self.refuse_in_need(slot)?;
        loop {
            wait.freed.mark_unchanged();
            let need = self.measured.need(&slot.entry, context);
            if let Some(loading) = self.set_aside(slot, need) {
                if context < full {
                    self.record_shortened(slot, full, context, need);
                }
                return Ok(Room { loading, need, context: if slot.entry.role == Role::Chat { context } else { 0 } });
            }
            if self.evict_for(slot, need).await {
                continue;
            }
            let (waited, shorter) = (wait.begin.elapsed(), context / 2);
            if waited >= PATIENCE_FOR_LENGTH && shorter >= SHORTEST && slot.entry.role == Role::Chat {
                context = shorter;
            } else if waited >= PATIENCE {
                return Err(self.refuse_busy(slot, need));
            } else {
                wait.for_room().await;
            }
        }
    }

    /// Sets room aside for a model outside the resident ones, which may wait like a load; or says that it will not fit.
    pub async fn reserve(&self, entry: &Entry, need: Need) -> Result<Reserved<'_>, HobError> {
        let slot = Arc::new(Slot::new(entry.clone(), self.freed.clone()));
        let (budget, daemon) = (self.budget(), resident_bytes(std::process::id()));
        if need.total() + daemon > budget {
            return Err(self.refuse_large(&slot, need, daemon, budget));
        }
        self.refuse_in_need(&slot)?;
        let mut wait = Wait::begin(self, &slot);
        lock(&self.guests).push(slot.clone());
        let reserved = Reserved { models: self, slot: slot.clone() };
        loop {
            wait.freed.mark_unchanged();
            if let Some(loading) = self.set_aside(&slot, need) {
                loading.keep();
                return Ok(reserved);
            }
            if self.evict_for(&slot, need).await {
                continue;
            }
            if wait.begin.elapsed() >= PATIENCE {
                return Err(self.refuse_busy(&slot, need));
            }
            wait.for_room().await;
        }
    }

    /// Nothing is loaded while the machine has no memory left: what was just freed would be taken again.
    fn refuse_in_need(&self, slot: &Slot) -> Result<(), HobError> {
        let readings = self.how.memory.read();
        if !readings.is_exhausted() {
            return Ok(());
        }
        let free = readings.free * 100.0;
        let because = format!("only {free:.1}% of the memory was free");
        self.decisions.record(Deed::Refused, &slot.entry.id, because, &[("free_percent", free)]);
        let message = format!(
            "{} is not loaded: only {free:.1}% of the memory is free; close something, then ask again",
            slot.entry.id
        );
        Err(HobError::new(Kind::OutOfBudget, message))
    }

    fn wanted_context(&self, slot: &Slot) -> u32 {
        let wanted = if slot.entry.role == Role::Chat { self.how.context } else { 0 };
        let context = predict::context(&slot.entry, wanted);
        let short = slot.entry.role == Role::Chat && self.strict.load(std::sync::atomic::Ordering::Relaxed);
        if short { context.min((context / 2).max(SHORTEST)) } else { context }
    }

    /// The longest context with which the model fits the budget when nothing else is resident.
    fn longest_possible(&self, slot: &Slot, full: u32) -> Result<u32, HobError> {
        let (budget, daemon) = (self.budget(), resident_bytes(std::process::id()));
        let mut context = full;
        loop {
            let need = self.measured.need(&slot.entry, context);
            if need.total() + daemon <= budget {
                return Ok(context);
            }
            if context / 2 < SHORTEST || slot.entry.role != Role::Chat {
                return Err(self.refuse_large(slot, need, daemon, budget));
            }
            context /= 2;
        }
    }

    /// Sets the need aside if it is free. All who want room come through one lock, so none of it is given twice.
    fn set_aside<'a>(&self, slot: &'a Slot, need: Need) -> Option<Loading<'a>> {
        let _one_at_a_time = lock(&self.room);
        if self.committed() + need.total() > self.budget() {
            return None;
        }
        slot.seen().set_aside = need.total();
        Some(slot.begin())
    }

    /// Unloads the idle model that is worth the least; false when there is none.
    async fn evict_for(&self, wanted: &Arc<Slot>, need: Need) -> bool {
        let slots: Vec<_> = self.idle_slots().into_iter().filter(|s| !Arc::ptr_eq(s, wanted)).collect();
        let defaults = [Role::Chat, Role::Embedding, Role::Reranker].map(|role| self.default_id(role));
        let candidates: Vec<Candidate> = slots
            .iter()
            .map(|slot| Candidate {
                role: slot.entry.role,
                bytes: slot.committed(),
                unused: slot.seen().last_used.elapsed(),
                default: defaults.iter().flatten().any(|id| *id == slot.entry.id),
                pinned: self.is_pinned(&slot.entry.id),
            })
            .collect();
        let Some(at) = evict::choose(&candidates) else { return false };
        let (victim, figures) = (&slots[at], self.figures(need));
        if victim.unload_unless_used(&self.measured, false).await {
            let because = format!("{} needed the room and nobody was using it", wanted.entry.id);
            self.decisions.record(Deed::Unloaded, &victim.entry.id, because, &figures);
        }
        true
    }

    fn record_shortened(&self, slot: &Slot, full: u32, context: u32, need: Need) {
        let because = format!("a context of {full} tokens did not fit the memory budget, {context} tokens did");
        self.decisions.record(Deed::Shortened, &slot.entry.id, because, &self.figures(need));
    }

    fn refuse_large(&self, slot: &Slot, need: Need, daemon: u64, budget: u64) -> HobError {
        let because = format!("it needs more than the memory budget of {} MiB allows", budget >> 20);
        self.decisions.record(Deed::Refused, &slot.entry.id, because, &self.figures(need));
        let message = format!(
            "{} needs about {} MiB, but hob's memory budget is {} MiB, of which hobd itself holds {}; raise \
             memory.budget_mib or use a smaller model",
            slot.entry.id,
            need.total() >> 20,
            budget >> 20,
            daemon >> 20
        );
        HobError::new(Kind::OutOfBudget, message)
    }

    fn refuse_busy(&self, slot: &Slot, need: Need) -> HobError {
        let because = format!("others were answering for {} s and held the room", PATIENCE.as_secs());
        self.decisions.record(Deed::Refused, &slot.entry.id, because, &self.figures(need));
        let message = format!(
            "{} needs about {} MiB; {} of {} MiB are in use by models that are answering or pinned; try again in a \
             moment, or raise memory.budget_mib",
            slot.entry.id,
            need.total() >> 20,
            self.committed() >> 20,
            self.budget() >> 20
        );
        HobError::new(Kind::OutOfBudget, message)
    }

    fn figures(&self, need: Need) -> [(&'static str, f64); 3] {
        let (used, budget) = (self.used(), self.budget());
        [("need_bytes", need.total() as f64), ("used_bytes", used as f64), ("budget_bytes", budget as f64)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governor::psi::Gauge;
    use crate::models::Residency;
    use crate::models::catalogue::Entry;
    use crate::models::checks::Checks;
    use crate::models::slot::Hold;
    use hob_engine::CacheSpec;

    const MIB: u64 = 1 << 20;

    fn models(folder: &std::path::Path, budget: u64) -> Models {
        let how = Residency {
            folders: Vec::new(),
            program: folder.join("none"),
            chosen: Arc::new(crate::models::store::Chosen::open(folder.join("chosen.json"))),
            chat: String::new(),
            embedding: String::new(),
            idle: Duration::from_secs(300),
            context: 0,
            threads: 0,
            budget,
            cache: CacheSpec::default(),
            pinned: Vec::new(),
            smaller: false,
            memory: Gauge::new(std::path::Path::new("/proc")),
            measured: None,
        };
        Models::new(how, Checks::open(folder.join("checks.json")), Arc::default())
    }

    /// A model without a header needs its size and the process's own memory.
    fn slot(models: &Models, id: &str, size: u64) -> Arc<Slot> {
        let entry = Entry {
            id: id.into(),
            path: id.into(),
            size,
            role: Role::Chat,
            header: Err("none".into()),
            languages: Vec::new(),
            fingerprint: id.into(),
        };
        let slot = Arc::new(Slot::new(entry, models.freed.clone()));
        lock(&models.slots).insert(id.into(), slot.clone());
        slot
    }

    #[tokio::test]
    async fn what_never_fits_is_refused_with_the_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        let models = models(folder.path(), 600 * MIB);
        let large = slot(&models, "large", 5_000 * MIB);
        let Err(error) = models.make_room(&large).await else { panic!("it does not fit") };
        assert_eq!(error.kind, Kind::OutOfBudget);
        assert!(error.message.contains("needs about 5022 MiB, but hob's memory budget is 600 MiB"), "{error}");
        assert_eq!(models.decisions.latest(|d| d.deed == Deed::Refused).len(), 1);
    }

    #[tokio::test]
    async fn room_is_set_aside_before_a_load_and_comes_back_with_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let models = models(folder.path(), 1_500 * MIB);
        let (one, two) = (slot(&models, "one", 900 * MIB), slot(&models, "two", 900 * MIB));
        let first = models.make_room(&one).await.expect("room");
        assert!(models.set_aside(&two, models.measured.need(&two.entry, 4_096)).is_none());
        assert!(models.committed() >= 900 * MIB);
        // A load that is dropped before its end gives its room back, and who waits gets it.
        let (second, ()) = tokio::join!(models.make_room(&two), async { drop(first) });
        assert!(second.is_ok());
        assert_eq!(one.seen().set_aside, 0);
    }

    #[tokio::test]
    async fn of_many_loads_at_once_only_so_many_begin_as_fit() {
        let folder = tempfile::tempdir().expect("a folder");
        let models = models(folder.path(), 2_000 * MIB);
        let slots: Vec<_> = (0..8).map(|n| slot(&models, &format!("m{n}"), 600 * MIB)).collect();
        let need = |slot: &Slot| models.measured.need(&slot.entry, 4_096);
        let begun: Vec<_> = std::thread::scope(|scope| {
            let loads: Vec<_> = slots.iter().map(|slot| scope.spawn(|| models.set_aside(slot, need(slot)))).collect();
            loads.into_iter().filter_map(|load| load.join().expect("no panic")).collect()
        });
        assert_eq!(begun.len(), 3);
    }

    #[tokio::test]
    async fn a_load_gets_its_turn_though_somebody_always_asks() {
        let folder = tempfile::tempdir().expect("a folder");
        let models = Arc::new(models(folder.path(), 1_500 * MIB));
        let (one, two) = (slot(&models, "one", 900 * MIB), slot(&models, "two", 900 * MIB));
        models.make_room(&one).await.expect("room").loading.keep();
        one.seen().state = "loaded";
        // Two callers, of which one always has begun before the other ends.
        let callers = [0, 30].map(|offset| {
            let (models, one) = (models.clone(), one.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(offset)).await;
                loop {
                    models.turn.give_way("one").await;
                    let _answering = Hold::of(one.clone());
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
            })
        });
        let room = models.make_room(&two).await;
        callers.iter().for_each(tokio::task::JoinHandle::abort);
        assert!(room.is_ok());
        assert_eq!(one.seen().state, "unloaded");
    }

    #[tokio::test]
    async fn who_finds_all_room_in_use_waits_instead_of_failing() {
        let folder = tempfile::tempdir().expect("a folder");
        let models = models(folder.path(), 1_500 * MIB);
        let (one, two) = (slot(&models, "one", 900 * MIB), slot(&models, "two", 900 * MIB));
        let _answering = Hold::of(one.clone());
        let _room = models.make_room(&one).await.expect("room");
        let waiting = tokio::time::timeout(Duration::from_millis(10), models.make_room(&two)).await;
        assert!(waiting.is_err(), "it waits");
    }
}
