//! What the models' processes may do for the time being: how many threads, and background work or not.
//!
//! Owns: the limits, and that every process knows them: those that run when they change and those that start later.

use super::{ModelHost, Models};
use futures_util::future::join_all;
use hob_engine::{ModelReply, ModelRequest};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The limits: threads in percent of those that the settings allow, and whether background work rests.
pub(super) struct HostLimits {
    most: u32,
    percent: AtomicU32,
    held: AtomicBool,
}

impl HostLimits {
    /// No limit; `set` is the settings' number of threads, 0 for all cores.
    pub(super) fn new(set: u32) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        Self { most: if set == 0 { cores() } else { set }, percent: AtomicU32::new(100), held: AtomicBool::new(false) }
    }

    /// The number of threads that the limit leaves; 0 when there is none.
    fn allowed(&self) -> u32 {
        match self.percent.load(Ordering::Acquire) {
            100.. => 0,
            percent => (self.most * percent / 100).max(1),
        }
    }

    /// Tells a process. One that has just been started needs it only when there is a limit.
    pub(super) async fn tell(&self, host: &ModelHost) {
        if self.allowed() != 0 || self.held.load(Ordering::Acquire) {
            self.send(host).await;
        }
    }

    async fn send(&self, host: &ModelHost) {
        let limits = ModelRequest::Limits { threads: self.allowed(), background: !self.held.load(Ordering::Acquire) };
        match host.ask(limits).await {
            Ok(ModelReply::Limited) => {}
            Ok(other) => tracing::error!(?other, "a model's process answered a limit with something else"),
            // Its death is told to those who wait for its answers.
            Err(error) => tracing::debug!(%error, "a model's process has ended before it heard of a limit"),
        }
    }
}

impl Models {
    /// Lets all models' processes use so many percent of the threads that the settings allow, and do background work or
    /// not; returns when they know.
    pub async fn limit(&self, threads_percent: u32, background: bool) {
        self.limits.percent.store(threads_percent, Ordering::Release);
        self.limits.held.store(!background, Ordering::Release);
        // A process that is loaded meanwhile reads the new limits or is waited for here.
        let hosts = self.hosts().await;
        join_all(hosts.iter().map(|host| self.limits.send(host))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_threads_is_at_least_one() {
        let allowed = |most, percent| {
            let threads = HostLimits::new(most);
            threads.percent.store(percent, Ordering::Release);
            threads.allowed()
        };
        assert_eq!([allowed(8, 100), allowed(8, 50), allowed(8, 25), allowed(1, 50), allowed(3, 50)], [0, 4, 2, 1, 1]);
    }
}
