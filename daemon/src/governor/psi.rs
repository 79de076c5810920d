//! The feed of the pressure ladder: PSI triggers, free memory, the own control group.
//!
//! Owns: where readings come from, and how seldom they are taken. Must not know: what follows from them.
#![allow(unsafe_code)]

use super::ladder::Readings;
use super::{cgroup, meminfo_bytes, parse_pressure};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// 150 ms of waiting within 2 s; other windows need privileges.
const TRIGGER: &[u8] = b"some 150000 2000000\0";
/// The kernel's own file for the machine.
const MACHINE: &str = "/proc/pressure/memory";
/// `O_NONBLOCK`, by which the runtime's poll never blocks in a read.
const NON_BLOCKING: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// Takes readings.
pub struct Feed {
    trigger: Option<AsyncFd<File>>,
}

impl Feed {
    /// Sets the trigger; without PSI in the kernel, free memory alone is watched, and the log says so.
    pub fn new() -> Self {
        let trigger = watch(MACHINE);
        if let Err(error) = &trigger {
            tracing::info!(%error, "no PSI trigger for memory; free memory alone is watched");
        }
        Self { trigger: trigger.ok() }
    }

    /// The readings at this moment, without an event.
    pub fn now() -> Readings {
        read(false)
    }

    /// The readings at the next event: a trigger, or `pause` without one.
    pub async fn next(&self, pause: Duration) -> Readings {
        let stalled = match &self.trigger {
            None => {
                tokio::time::sleep(pause).await;
                false
            }
            Some(trigger) => tokio::time::timeout(pause, fired(trigger)).await.is_ok_and(|fired| fired),
        };
        read(stalled)
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

fn watch(path: &str) -> io::Result<AsyncFd<File>> {
    let mut file = OpenOptions::new().read(true).write(true).custom_flags(NON_BLOCKING).open(path)?;
    file.write_all(TRIGGER)?;
    // SAFETY: the file is open, is moved into the `AsyncFd`, and is never replaced in it, so that its descriptor stays
    // the same and open for as long as it is registered.
    let registered = unsafe { AsyncFd::register_with_interest(file, Interest::PRIORITY) };
    Ok(registered?)
}

async fn fired(trigger: &AsyncFd<File>) -> bool {
    match trigger.ready(Interest::PRIORITY).await {
        Ok(mut ready) => {
            ready.clear_ready();
            true
        }
        Err(error) => {
            tracing::warn!(%error, "the PSI trigger can't be waited for");
            std::future::pending().await
        }
    }
}

fn read(stalled: bool) -> Readings {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let of = |key: &str| meminfo_bytes(&meminfo, key);
    let share = |free: u64, all: u64| if all == 0 { 1.0 } else { free as f64 / all as f64 };
    let machine = share(of("MemAvailable:"), of("MemTotal:"));
    let group = cgroup::memory().map_or(1.0, |group| share(group.limit.saturating_sub(group.used), group.limit));
    let text = std::fs::read_to_string(MACHINE).unwrap_or_default();
    let all_wait = parse_pressure(&text, "full").unwrap_or(0.0);
    Readings { stalled, all_wait, free: machine.min(group), warning: 0 }
}
