//! What the kernel tells of folders: inotify(7).
//!
//! Owns: the numbers of watched folders, the thread that reads events, and what an event says.
//! Must not know: which folders are wanted, and what follows from a change.
//!
//! Asked for is what changes a folder or a file in it, and nothing else. Most watchers of files also hear when one is opened, and
//! would wake hob whenever somebody looks through their pictures.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Events read at once, in bytes.
const SPACE: usize = 16 << 10;

/// What happened.
#[derive(Debug)]
pub(super) enum Told {
    /// Something about this path is different.
    Changed(PathBuf),
    /// It went, has another name, or came as a folder.
    Moved(PathBuf),
    /// More happened than the kernel remembers.
    Lost,
    /// Nothing more will be told.
    Ended(io::Error),
}

/// Watches of single folders; ends with this value.
pub(super) struct Kernel {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

/// Names a watched folder until it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number(i32);

struct Shared {
    queue: OwnedFd,
    /// The watched folders. Held while one is added, so that no event of it comes before it is known.
    folders: Mutex<HashMap<i32, PathBuf>>,
    stopping: AtomicBool,
}

impl Kernel {
    /// Begins to `tell` what happens in the folders that are added.
    pub(super) fn start(tell: impl Fn(Told) + Send + 'static) -> io::Result<Kernel> {
        let queue = inotify::init(CreateFlags::CLOEXEC)?;
        let shared = Arc::new(Shared { queue, folders: Mutex::default(), stopping: AtomicBool::new(false) });
        let its = shared.clone();
        let reader = thread::Builder::new().name("hob-index-watch".to_owned()).spawn(move || its.read(&tell))?;
        Ok(Kernel { shared, reader: Some(reader) })
    }

    /// Whether nothing is told any more.
    pub(super) fn has_ended(&self) -> bool {
        self.reader.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Watches the entries of a folder. One that is watched already keeps its number.
    pub(super) fn add(&self, folder: &Path) -> io::Result<Number> {
        let mut folders = self.shared.folders();
        let number = inotify::add_watch(&self.shared.queue, folder, wanted())?;
        folders.insert(number, folder.to_path_buf());
        Ok(Number(number))
    }

    /// Ends watching a folder, unless its number has come to stand for another name of it.
    pub(super) fn remove(&self, number: Number, folder: &Path) {
        let mut folders = self.shared.folders();
        if folders.get(&number.0).is_none_or(|known| known != folder) {
            return;
        }
        folders.remove(&number.0);
        // A folder that is gone has taken its watch with it.
        if let Err(error) = inotify::remove_watch(&self.shared.queue, number.0) {
            tracing::debug!(%error, "ending a watch");
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // The end of a watch is an event too, and wakes the reader. Not every number that is known still has one: what the
        // kernel said of its end may have been lost.
        let ends = |number| inotify::remove_watch(&self.shared.queue, number).is_ok();
        let other = || inotify::add_watch(&self.shared.queue, "/", wanted()).is_ok_and(ends);
        let woken = self.shared.folders().keys().copied().any(ends) || other();
        if !woken {
            return tracing::debug!("the thread that follows changes sleeps on");
        }
        if self.reader.take().is_some_and(|reader| reader.join().is_err()) {
            tracing::error!("the thread that follows changes ended in a panic");
        }
    }
}

impl Shared {
    fn read(&self, tell: &impl Fn(Told)) {
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut reader = inotify::Reader::new(&self.queue, &mut space);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(error) => return tell(Told::Ended(error.into())),
            };
            if self.stopping.load(Ordering::Acquire) {
                return;
            }
            let told = self.understand(&event);
            told.into_iter().for_each(tell);
        }
    }

    fn understand(&self, event: &inotify::Event<'_>) -> Option<Told> {
        let says = event.events();
        if says.contains(ReadFlags::QUEUE_OVERFLOW) {
            return Some(Told::Lost);
        }
        let mut folders = self.folders();
        if says.contains(ReadFlags::IGNORED) {
            folders.remove(&event.wd());
            return None;
        }
        // What comes after the end of a watch is nobody's business any more.
        let mut path = folders.get(&event.wd())?.clone();
        if let Some(name) = event.file_name() {
            path.push(OsStr::from_bytes(name.to_bytes()));
        }
        let goes = ReadFlags::DELETE | ReadFlags::DELETE_SELF | ReadFlags::UNMOUNT;
        let moves = ReadFlags::MOVED_FROM | ReadFlags::MOVED_TO | ReadFlags::MOVE_SELF;
        let is_moved = says.intersects(goes | moves) || says.contains(ReadFlags::CREATE | ReadFlags::ISDIR);
        Some(if is_moved { Told::Moved(path) } else { Told::Changed(path) })
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<i32, PathBuf>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wanted() -> WatchFlags {
    let content = WatchFlags::CREATE | WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::ATTRIB;
    let gone = WatchFlags::DELETE | WatchFlags::DELETE_SELF;
    let moved = WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO | WatchFlags::MOVE_SELF;
    content | gone | moved | WatchFlags::ONLYDIR
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    fn start() -> (Kernel, Receiver<Told>) {
        let (tell, told) = channel();
        (Kernel::start(move |what| drop(tell.send(what))).unwrap(), told)
    }

    fn next(told: &Receiver<Told>) -> Told {
        told.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    #[test]
    fn what_changes_is_told_and_reading_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        fs::write(&old, "x").unwrap();
        let (kernel, told) = start();
        kernel.add(dir.path()).unwrap();
        assert_eq!(fs::read(&old).unwrap(), b"x");
        fs::rename(&old, &new).unwrap();
        fs::create_dir(&old).unwrap();
        fs::write(&new, "y").unwrap();
        assert!(matches!(next(&told), Told::Moved(path) if path == old));
        assert!(matches!(next(&told), Told::Moved(path) if path == new));
        assert!(matches!(next(&told), Told::Moved(path) if path == old));
        assert!(matches!(next(&told), Told::Changed(path) if path == new));
    }

    #[test]
    fn a_folder_with_a_new_name_is_watched_by_that_and_not_ended_by_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        fs::create_dir(&old).unwrap();
        let (kernel, told) = start();
        let before = kernel.add(&old).unwrap();
        fs::rename(&old, &new).unwrap();
        assert!(matches!(next(&told), Told::Moved(path) if path == old));
        assert_eq!(kernel.add(&new).unwrap(), before);
        kernel.remove(before, &old);
        fs::create_dir(new.join("a")).unwrap();
        assert!(matches!(next(&told), Told::Moved(path) if path == new.join("a")));
        kernel.remove(before, &new);
        fs::create_dir(new.join("b")).unwrap();
        drop(kernel);
        assert!(told.recv().is_err(), "what is removed tells nothing, and the thread ends with its owner");
    }

    #[test]
    fn the_thread_ends_though_the_end_of_a_watch_was_never_heard_of() {
        let (kernel, told) = start();
        kernel.shared.folders().insert(7_777, PathBuf::from("/gone"));
        drop(kernel);
        assert!(told.recv().is_err());
    }

    #[test]
    fn a_folder_that_goes_says_so_and_what_is_no_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, file) = (dir.path().join("folder"), dir.path().join("file"));
        fs::create_dir(&folder).unwrap();
        fs::write(&file, "x").unwrap();
        let (kernel, told) = start();
        assert_eq!(kernel.add(&file).unwrap_err().kind(), io::ErrorKind::NotADirectory);
        let number = kernel.add(&folder).unwrap();
        fs::remove_dir(&folder).unwrap();
        assert!(matches!(next(&told), Told::Moved(path) if path == folder));
        kernel.remove(number, &folder);
        assert!(!kernel.has_ended());
    }
}
