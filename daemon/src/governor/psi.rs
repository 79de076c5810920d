//! The feed of the pressure ladder: PSI triggers, free memory, the own control group.
//!
//! Owns: where readings come from, and how seldom they are taken. Must not know: what follows from them.
#![allow(unsafe_code)]

use super::cgroup::Groups;
use super::ladder::Readings;
use super::{meminfo_bytes, parse_pressure};
use futures_util::future::select_all;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// 150 ms of waiting within 2 s; other windows need privileges.
const TRIGGER: &[u8] = b"some 150000 2000000\0";
/// `O_NONBLOCK`, by which the runtime's poll never blocks in a read.
const NON_BLOCKING: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// Reads how much memory is free and who waits for it.
#[derive(Debug, Clone)]
pub struct Gauge {
    meminfo: PathBuf,
    pressure: PathBuf,
}

impl Gauge {
    /// Over the kernel's files, which usually are below `/proc`.
    pub fn new(procfs: &Path) -> Self {
        Self { meminfo: procfs.join("meminfo"), pressure: procfs.join("pressure/memory") }
    }

    /// The readings at this moment.
    pub fn read(&self) -> Readings {
        let meminfo = std::fs::read_to_string(&self.meminfo).unwrap_or_default();
        let of = |key: &str| meminfo_bytes(&meminfo, key);
        let (free, all) = (of("MemAvailable:"), of("MemTotal:"));
        let machine = if all == 0 { 1.0 } else { free as f64 / all as f64 };
        let groups = Groups::read();
        let own = groups.pressure.as_deref().filter(|_| groups.is_limited()).map_or(0.0, all_wait);
        Readings {
            stalled: false,
            all_wait: all_wait(&self.pressure).max(own),
            free: machine.min(groups.free()),
            lasts: None,
            limited: groups.is_limited(),
            warning: 0,
        }
    }
}

/// The readings, and events that call for them.
pub struct Feed {
    gauge: Gauge,
    triggers: Vec<AsyncFd<File>>,
}

impl Feed {
    /// Sets the triggers, of the machine and of a limited control group; where the kernel has none, free memory alone
    /// is watched, and the log says so.
    pub fn new(gauge: Gauge) -> Self {
        let groups = Groups::read();
        let own = groups.pressure.clone().filter(|_| groups.is_limited());
        let trigger = |file: PathBuf| match watch(&file) {
            Ok(trigger) => Some(trigger),
            Err(error) => {
                tracing::info!(file = %file.display(), %error, "no PSI trigger for memory; free memory alone is watched");
                None
            }
        };
        let triggers = [Some(gauge.pressure.clone()), own].into_iter().flatten().filter_map(trigger).collect();
        Self { gauge, triggers }
    }

    /// The readings at this moment, without an event.
    pub fn now(&self) -> Readings {
        self.gauge.read()
    }

    /// The readings at the next event: a trigger, or `pause` without one.
    pub async fn next(&self, pause: Duration) -> Readings {
        let stalled = if self.triggers.is_empty() {
            tokio::time::sleep(pause).await;
            false
        } else {
            let any = select_all(self.triggers.iter().map(|trigger| Box::pin(fired(trigger))));
            tokio::time::timeout(pause, any).await.is_ok()
        };
        Readings { stalled, ..self.gauge.read() }
    }
}

/// Of the last 10 s, the share in which all tasks waited, 0 to 100.
fn all_wait(file: &Path) -> f64 {
    parse_pressure(&std::fs::read_to_string(file).unwrap_or_default(), "full").unwrap_or(0.0)
}

fn watch(path: &Path) -> io::Result<AsyncFd<File>> {
    let mut file = OpenOptions::new().read(true).write(true).custom_flags(NON_BLOCKING).open(path)?;
    file.write_all(TRIGGER)?;
    // SAFETY: the file is open, is moved into the `AsyncFd`, and is never replaced in it, so that its descriptor stays
    // the same and open for as long as it is registered.
    let registered = unsafe { AsyncFd::register_with_interest(file, Interest::PRIORITY) };
    Ok(registered?)
}

async fn fired(trigger: &AsyncFd<File>) {
    match trigger.ready(Interest::PRIORITY).await {
        Ok(mut ready) => ready.clear_ready(),
        Err(error) => {
            tracing::warn!(%error, "the PSI trigger can't be waited for");
            std::future::pending().await
        }
    }
}
