//! One model's place: whether it is resident, who uses it, what was set aside for it.

use super::catalogue::Entry;
use super::predict::{Measured, Need};
use crate::governor::resident_bytes;
use hob_engine::{ModelInfo, ModelReply, ModelRequest, Role};
use hob_link::supervisor::Host;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The link to a model's process.
pub type ModelHost = Host<ModelRequest, ModelReply>;

/// How long a model's process may take to end by itself.
const STOP_GRACE: Duration = Duration::from_millis(500);
/// The same for a chat model, which writes down the prompts that it has evaluated.
const CHAT_STOP_GRACE: Duration = Duration::from_secs(5);
/// The same under pressure, when its memory is wanted now.
const HURRIED_STOP_GRACE: Duration = Duration::from_secs(1);
/// The same when the daemon ends, which has to be gone within 5 s itself.
const LAST_STOP_GRACE: Duration = Duration::from_millis(4_000);

pub(super) struct Slot {
    pub entry: Entry,
    /// Held while loading, so that concurrent requests share one load.
    pub loaded: tokio::sync::Mutex<Option<Loaded>>,
    seen: Mutex<Seen>,
    leases: AtomicUsize,
    /// Told when room may have become free.
    freed: Arc<watch::Sender<u64>>,
}

#[derive(Clone)]
pub(super) struct Loaded {
    pub host: Arc<ModelHost>,
    pub info: ModelInfo,
    pub need: Need,
}

/// What the outside sees of a slot without waiting for a load.
pub(super) struct Seen {
    pub state: &'static str,
    pub pid: u32,
    /// The link to it, from its start on.
    pub host: Weak<ModelHost>,
    /// Which kernels run; empty unless loaded.
    pub backend: String,
    pub last_used: Instant,
    /// Bytes that are set aside for it, from before its load until it is gone.
    pub set_aside: u64,
}

/// Counts as a use while it lives, also of a model that is still to be loaded.
pub(super) struct Hold(Arc<Slot>);

impl Hold {
    pub fn of(slot: Arc<Slot>) -> Self {
        slot.leases.fetch_add(1, Ordering::AcqRel);
        Self(slot)
    }

    pub fn slot(&self) -> &Arc<Slot> {
        &self.0
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.seen().last_used = Instant::now();
        self.0.leases.fetch_sub(1, Ordering::AcqRel);
        self.0.freed.send_modify(|count| *count += 1);
    }
}

/// Keeps a model resident while it is used.
pub struct Lease {
    pub(super) hold: Hold,
    pub(super) loaded: Loaded,
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
        &self.hold.slot().entry
    }

    /// What it was expected to need when it was loaded.
    pub fn need(&self) -> Need {
        self.loaded.need
    }
}

/// A load under way. Dropped before its end, it leaves the slot unloaded.
pub(super) struct Loading<'a> {
    slot: &'a Slot,
    done: bool,
}

impl Loading<'_> {
    /// The slot stays as it is, and whoever has it ends that.
    pub fn keep(mut self) {
        self.done = true;
    }

    pub fn done(mut self, loaded: &Loaded) {
        self.done = true;
        let mut seen = self.slot.seen();
        (seen.state, seen.pid) = ("loaded", loaded.host.pid());
        seen.backend = loaded.info.backend.clone();
        seen.last_used = Instant::now();
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.slot.show_unloaded();
        }
    }
}

impl Slot {
    pub fn new(entry: Entry, freed: Arc<watch::Sender<u64>>) -> Self {
        let seen = Seen {
            state: "unloaded",
            pid: 0,
            host: Weak::new(),
            backend: String::new(),
            last_used: Instant::now(),
            set_aside: 0,
        };
        Self {
            entry,
            loaded: tokio::sync::Mutex::new(None),
            seen: Mutex::new(seen),
            leases: AtomicUsize::new(0),
            freed,
        }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn leases(&self) -> usize {
        self.leases.load(Ordering::Acquire)
    }

    pub fn is_idle(&self) -> bool {
        self.seen().state == "loaded" && self.leases() == 0
    }

    /// What its process holds.
    pub fn held(&self) -> u64 {
        let pid = self.seen().pid;
        if pid == 0 { 0 } else { resident_bytes(pid) }
    }

    /// What it holds, or what is set aside for it where that is more.
    pub fn committed(&self) -> u64 {
        let set_aside = self.seen().set_aside;
        set_aside.max(self.held())
    }

    /// Room has been set aside: from here on the slot counts as loading.
    pub fn begin(&self) -> Loading<'_> {
        self.seen().state = "loading";
        Loading { slot: self, done: false }
    }

    pub fn show_unloaded(&self) {
        {
            let mut seen = self.seen();
            (seen.state, seen.pid, seen.set_aside) = ("unloaded", 0, 0);
            seen.backend.clear();
        }
        self.freed.send_modify(|count| *count += 1);
    }

    /// Ends the model's process and waits until it is gone; false when somebody uses it. Whoever wants
    /// the model meanwhile waits too, and then finds what the process has written down.
    pub async fn unload_unless_used(&self, measured: &Measured, hurry: bool) -> bool {
        let mut loaded = self.loaded.lock().await;
        // Leases are counted before they take the lock, so none can be under way unseen.
        if self.leases() > 0 {
            return false;
        }
        if let Some(gone) = loaded.take() {
            let grace = match (self.entry.role, hurry) {
                (Role::Chat, true) => HURRIED_STOP_GRACE,
                (Role::Chat, false) => CHAT_STOP_GRACE,
                _ => STOP_GRACE,
            };
            let held = resident_bytes(gone.host.pid());
            if gone.host.is_alive() && held > 0 && !hurry {
                measured.put(&self.entry, gone.info.context, held);
            }
            gone.host.stop(grace).await;
        }
        self.show_unloaded();
        true
    }

    /// A process has been started for the model.
    pub fn runs(&self, host: &Arc<ModelHost>) {
        let mut seen = self.seen();
        (seen.pid, seen.host) = (host.pid(), Arc::downgrade(host));
    }

    /// Kills the model's process for its memory, whoever uses or loads it; they are told why. False when there is none.
    pub async fn reclaim(&self, because: String) -> bool {
        let Some(host) = self.seen().host.upgrade().filter(|host| host.is_alive()) else { return false };
        host.reclaim(because).await;
        self.forget_if_dead();
        true
    }

    /// Shows the model as unloaded when its process has died; whether it had. Whoever loads it sees that itself.
    pub fn forget_if_dead(&self) -> bool {
        let Ok(mut loaded) = self.loaded.try_lock() else { return false };
        let is_dead = loaded.as_ref().is_some_and(|loaded| !loaded.host.is_alive());
        if is_dead {
            *loaded = None;
            self.show_unloaded();
        }
        is_dead
    }

    /// Ends the model's process, whoever uses it. One that is still being loaded has nothing to write
    /// down and ends with the daemon.
    pub async fn end(&self) {
        let Ok(mut loaded) = tokio::time::timeout(STOP_GRACE, self.loaded.lock()).await else { return };
        if let Some(gone) = loaded.take() {
            gone.host.stop(if self.entry.role == Role::Chat { LAST_STOP_GRACE } else { STOP_GRACE }).await;
        }
        self.show_unloaded();
    }
}
