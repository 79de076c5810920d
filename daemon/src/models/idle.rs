//! What becomes of models that nobody uses.
//!
//! Owns: idle unload, dead processes, unloading under pressure. Must not know: why memory is short.

use super::residency::{Models, lock};
use crate::decisions::Deed;
use futures_util::future::join_all;
use hob_engine::{ModelReply, ModelRequest};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a process may take to give back memory before others are asked for theirs.
const TRIMS_WITHIN: Duration = Duration::from_millis(500);

impl Models {
    /// Ends models that nobody has used for the idle time, and forgets dead ones. Returns when
    /// to look again.
    pub async fn unload_idle(&self) -> Duration {
        self.forget_dead().await;
        let mut next = self.how.idle;
        for slot in self.idle_slots().into_iter().filter(|slot| !self.is_pinned(&slot.entry.id)) {
            let unused = slot.seen().last_used.elapsed();
            if unused >= self.how.idle {
                let because = format!("nobody used it for {} s", unused.as_secs());
                if slot.unload_unless_used(&self.measured, false).await {
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
            if slot.forget_if_dead() {
                self.decisions.record(Deed::Ended, &slot.entry.id, "its process died".into(), &[]);
            }
        }
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
        if slots.values().any(|slot| slot.leases() > 0) {
            return Duration::ZERO;
        }
        slots.values().map(|slot| slot.seen().last_used.elapsed()).min().unwrap_or(Duration::MAX)
    }

    /// Whether any model's process runs.
    pub fn any_resident(&self) -> bool {
        lock(&self.slots).values().any(|slot| slot.seen().state != "unloaded")
    }

    /// Whether hob is about to take memory for a model.
    pub fn any_loading(&self) -> bool {
        let guests = !lock(&self.guests).is_empty();
        guests || lock(&self.slots).values().any(|slot| slot.seen().state == "loading")
    }

    /// Has every model's process give back memory that it can do without, `prompts` it has evaluated among it.
    pub async fn trim(&self, prompts: bool) {
        let slots: Vec<_> = lock(&self.slots).values().cloned().collect();
        // One that is loading has nothing to give back yet.
        let loaded = slots.iter().filter_map(|slot| Some(slot.loaded.try_lock().ok()?.as_ref()?.host.clone()));
        let hosts: Vec<_> = loaded.collect();
        join_all(hosts.iter().map(|host| async move {
            match tokio::time::timeout(TRIMS_WITHIN, host.ask(ModelRequest::Trim { prompts })).await {
                Ok(Ok(ModelReply::Trimmed)) => {}
                Ok(Ok(other)) => tracing::error!(?other, "a model's process gave back something else than memory"),
                Ok(Err(error)) => tracing::debug!(%error, "a model's process ended before it gave back memory"),
                Err(_) => tracing::debug!("a model's process is busy and gives back memory when it can"),
            }
        }))
        .await;
    }

    /// Lets a smaller model than the wanted one answer where that one does not fit, or no longer.
    pub fn allow_smaller(&self, allowed: bool) {
        self.saving.store(allowed, Ordering::Relaxed);
    }

    pub(super) fn may_be_smaller(&self) -> bool {
        self.how.smaller || self.saving.load(Ordering::Relaxed)
    }

    /// Loads contexts short from now on, or no longer.
    pub fn keep_short(&self, short: bool) {
        self.strict.store(short, Ordering::Relaxed);
    }

    /// Unloads every model that nobody uses, all at the same time; pinned ones only if `even_pinned`.
    pub async fn unload_unused(&self, because: &str, even_pinned: bool) {
        let mut slots = self.idle_slots();
        slots.retain(|slot| even_pinned || !self.is_pinned(&slot.entry.id));
        let unload = slots.iter().map(|slot| async move {
            let held = slot.committed();
            if slot.unload_unless_used(&self.measured, true).await {
                let figures = [("held_bytes", held as f64)];
                self.decisions.record(Deed::Unloaded, &slot.entry.id, because.to_string(), &figures);
            }
        });
        join_all(unload).await;
    }

    /// Kills every model's process, whoever waits for its answer, for a load or for a measurement: they are told so.
    pub async fn end_all(&self, because: &str) {
        let mut slots: Vec<_> = lock(&self.slots).values().cloned().collect();
        slots.extend(lock(&self.guests).iter().cloned());
        join_all(slots.iter().map(|slot| async move {
            let (id, held) = (&slot.entry.id, slot.held());
            let told = format!(
                "memory ran out ({because}), so hob ended {id} in the middle of this to free {} MiB; close something or \
                 use a smaller model (hob model list), then ask again",
                held >> 20
            );
            if slot.reclaim(told).await {
                self.decisions.record(Deed::Ended, id, because.to_string(), &[("held_bytes", held as f64)]);
            }
        }))
        .await;
    }
}
