//! Tells the index when something is mounted or unmounted.
//!
//! Owns: waiting for the kernel's word, which costs nothing while nothing happens. Must not know: what the index does
//! with it.
#![allow(unsafe_code)]

use hob_index::Index;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Becomes ready, with priority, at each change (proc_pid_mountinfo(5)).
const LIST: &str = "/proc/self/mountinfo";
/// `O_NONBLOCK`, by which the runtime's poll never blocks in a read.
const NON_BLOCKING: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;
/// Mounts come in bursts, and a file system that goes is closed by its programs first.
const SETTLE: Duration = Duration::from_millis(500);
/// How often it is looked where the kernel can't be waited for.
const OTHERWISE: Duration = Duration::from_secs(30);

/// Runs until dropped.
pub async fn watch(index: &Index) {
    let list = open();
    if let Err(error) = &list {
        tracing::info!(%error, "mounts can't be waited for and are looked at every {} s", OTHERWISE.as_secs());
    }
    loop {
        match &list {
            Ok(list) => changed(list).await,
            Err(_) => tokio::time::sleep(OTHERWISE).await,
        }
        tokio::time::sleep(SETTLE).await;
        let index = index.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || index.mounts_changed()).await {
            tracing::error!(%error, "a change of mounts was not followed");
        }
    }
}

fn open() -> io::Result<AsyncFd<File>> {
    let file = OpenOptions::new().read(true).custom_flags(NON_BLOCKING).open(LIST)?;
    // SAFETY: the file is open, is moved into the `AsyncFd`, and is never replaced in it, so that its descriptor stays
    // the same and open for as long as it is registered.
    let registered = unsafe { AsyncFd::register_with_interest(file, Interest::PRIORITY) };
    Ok(registered?)
}

async fn changed(list: &AsyncFd<File>) {
    match list.ready(Interest::PRIORITY).await {
        Ok(mut ready) => ready.clear_ready(),
        Err(error) => {
            tracing::warn!(%error, "mounts can't be waited for");
            std::future::pending().await
        }
    }
}
