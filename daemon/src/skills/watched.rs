//! Files and folders whose changes start skills.
//!
//! Owns: one queue of the kernel's. Must not know: which skill waits for what.
#![allow(unsafe_code)]

use super::places;
use hob_sdk::manifest::Start;
use rustix::fs::inotify;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use tokio::io::unix::AsyncFd;

/// Changes of files and of what lies directly in folders.
pub struct Watch {
    queue: AsyncFd<OwnedFd>,
    places: BTreeMap<i32, String>,
}

impl Watch {
    /// Watches those that exist.
    pub fn new(starts: &[Start]) -> std::io::Result<Self> {
        let queue = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let mut places = BTreeMap::new();
        for start in starts {
            let Start::FileChanged { path } = start else { continue };
            let found: Option<PathBuf> = places::path(path).filter(|path| path.exists());
            let Some(found) = found else {
                tracing::warn!(path, "a skill waits for changes of what does not exist");
                continue;
            };
            let changes = inotify::WatchFlags::CLOSE_WRITE
                | inotify::WatchFlags::MOVED_TO
                | inotify::WatchFlags::MOVED_FROM
                | inotify::WatchFlags::DELETE
                | inotify::WatchFlags::MOVE_SELF;
            places.insert(inotify::add_watch(&queue, found.as_path(), changes)?, path.clone());
        }
        // SAFETY: the descriptor is owned by what is registered, so it is open until that is dropped.
        let queue = unsafe { AsyncFd::register(queue) }?;
        Ok(Self { queue, places })
    }

    /// Waits for a change; what changed, as the manifests write it.
    pub async fn changed(&self) -> std::io::Result<Vec<String>> {
        loop {
            let mut ready = self.queue.readable().await?;
            let changed = self.more();
            if changed.is_empty() {
                ready.clear_ready();
            } else {
                return Ok(changed);
            }
        }
    }

    /// What has changed meanwhile.
    pub fn more(&self) -> Vec<String> {
        let mut space = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(self.queue.get_ref(), &mut space);
        let mut changed = Vec::new();
        while let Ok(event) = reader.next() {
            changed.extend(self.places.get(&event.wd()).cloned());
        }
        changed
    }
}
