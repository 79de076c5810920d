//! What becomes of models that nobody uses.
//!
//! Owns: idle unload, dead processes, unloading under pressure. Must not know: why memory is short.

use super::residency::{Models, lock};
use crate::decisions::Deed;
use futures_util::future::join_all;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
            // A slot that is loading is busy and certainly not forgotten.
            if let Ok(mut loaded) = slot.loaded.try_lock()
                && loaded.as_ref().is_some_and(|l| !l.host.is_alive())
            {
                *loaded = None;
                slot.show_unloaded();
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

    /// Ends every model's process, whoever waits for its answer.
    pub async fn end_all(&self, because: &str) {
        let slots: Vec<_> = lock(&self.slots).values().filter(|slot| slot.seen().pid != 0).cloned().collect();
        join_all(slots.iter().map(|slot| async move {
            slot.end().await;
            self.decisions.record(Deed::Ended, &slot.entry.id, because.to_string(), &[]);
        }))
        .await;
    }
}
