//! A child's end of the wire: blocking, for plain threads.

use crate::BUILD_ID;
use crate::passing::Receiver;
use crate::sandbox::Report;
use crate::wire::{FromHost, Hello, ToHost, WireError, encode, read_frame};
use rustix::process::{Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit};
use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, BufReader, Write};
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of requests that are taken from the wire at once: a request that brings files is read whole, and nothing of the
/// next one with it.
const READ_AT_ONCE: usize = 64 << 10;
/// Bytes of replies that are held back at most.
const MOST_HELD: usize = 64 << 10;

/// The variable in which the daemon tells a child its own process id.
pub const PARENT_PID: &str = "HOB_PARENT_PID";

/// Limits a child puts on itself before it touches anything foreign.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Address space in bytes (`RLIMIT_AS`), if bounded.
    pub address_space: Option<u64>,
    /// Open files (`RLIMIT_NOFILE`), if bounded.
    pub open_files: Option<u64>,
    /// Added to the kernel's OOM badness, 0 to 1000: children die before the user's apps do.
    pub oom_score_adj: Option<u16>,
    /// Processor time in seconds (`RLIMIT_CPU`), over the whole life of the process, if bounded.
    pub cpu_seconds: Option<u64>,
    /// Largest file that can be written, in bytes (`RLIMIT_FSIZE`), if bounded. Counts for standard error too, when
    /// that is a file: too small a limit ends a process over a line of its log.
    pub file_size: Option<u64>,
    /// Processes and threads that the user may have beside those that run now (`RLIMIT_NPROC`), if bounded. Does
    /// not bind root.
    pub processes: Option<u64>,
}

impl Limits {
    /// No limits.
    pub const NONE: Self = Self {
        address_space: None,
        open_files: None,
        oom_score_adj: None,
        cpu_seconds: None,
        file_size: None,
        processes: None,
    };
}

/// Hardens the calling process: dies with its parent, gains no privileges, dumps no core.
pub fn harden(limits: &Limits) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before the line above; then nobody would ever end us.
    let parent = getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    if std::env::var(PARENT_PID).is_ok_and(|expected| expected != parent.to_string()) {
        return Err(io::Error::other("the daemon ended before its child started"));
    }
    rustix::thread::set_no_new_privs(true)?;
    limit(Resource::Core, Some(0))?;
    limit(Resource::As, limits.address_space)?;
    limit(Resource::Nofile, limits.open_files)?;
    limit(Resource::Cpu, limits.cpu_seconds)?;
    limit(Resource::Fsize, limits.file_size)?;
    if let Some(more) = limits.processes {
        limit(Resource::Nproc, Some(tasks_of_user().saturating_add(more)))?;
    }
    if let Some(adj) = limits.oom_score_adj {
        std::fs::write("/proc/self/oom_score_adj", adj.to_string())?;
    }
    Ok(())
}

/// Threads of the user's processes: what the kernel counts for `RLIMIT_NPROC`.
fn tasks_of_user() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let own = rustix::process::getuid().as_raw();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let of_user = processes.filter(|entry| {
        let numbered = entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit());
        numbered && entry.metadata().is_ok_and(|meta| meta.uid() == own)
    });
    of_user.map(|entry| std::fs::read_dir(entry.path().join("task")).map_or(0, |tasks| tasks.count() as u64)).sum()
}

fn limit(resource: Resource, most: Option<u64>) -> io::Result<()> {
    match most {
        None => Ok(()),
        most => Ok(setrlimit(resource, Rlimit { current: most, maximum: most })?),
    }
}

/// The receiving half. Requests arrive in order; `None` means the daemon is gone or wants us gone.
pub struct Requests<Q> {
    from: BufReader<Receiver>,
    _body: PhantomData<Q>,
}

/// The sending half, shared by the host's threads.
pub struct Replier<R> {
    to: Arc<Mutex<Outgoing>>,
    _body: PhantomData<fn(R)>,
}

struct Outgoing {
    socket: UnixStream,
    /// Frames that wait for the next one.
    held: Vec<u8>,
}

impl Outgoing {
    fn flush(&mut self) -> io::Result<()> {
        // Whatever could not be sent is not sent again: a broken wire has no other end.
        self.socket.write_all(&std::mem::take(&mut self.held))
    }
}

impl<R> Clone for Replier<R> {
    fn clone(&self) -> Self {
        Self { to: self.to.clone(), _body: PhantomData }
    }
}

/// Takes the socket that the daemon passed as standard input and says hello.
pub fn connect<Q: DeserializeOwned, R: Serialize>(kind: &str) -> Result<(Requests<Q>, Replier<R>), WireError> {
    greet(own_socket()?, kind, None)
}

/// The same for a child that has entered a sandbox: the daemon is told which layers hold.
pub fn connect_confined<Q: DeserializeOwned, R: Serialize>(
    kind: &str,
    sandbox: Report,
) -> Result<(Requests<Q>, Replier<R>), WireError> {
    greet(own_socket()?, kind, Some(sandbox))
}

fn own_socket() -> io::Result<UnixStream> {
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// The same over a given socket (tests run a host on a thread this way).
pub fn over<Q: DeserializeOwned, R: Serialize>(
    socket: UnixStream,
    kind: &str,
) -> Result<(Requests<Q>, Replier<R>), WireError> {
    greet(socket, kind, None)
}

fn greet<Q: DeserializeOwned, R: Serialize>(
    socket: UnixStream,
    kind: &str,
    sandbox: Option<Report>,
) -> Result<(Requests<Q>, Replier<R>), WireError> {
    let outgoing = Outgoing { socket: socket.try_clone()?, held: Vec::new() };
    let replier = Replier { to: Arc::new(Mutex::new(outgoing)), _body: PhantomData };
    replier.write(&FromHost::Hello(Hello { build: BUILD_ID.into(), kind: kind.into(), sandbox }))?;
    Ok((Requests { from: BufReader::with_capacity(READ_AT_ONCE, Receiver::new(socket)), _body: PhantomData }, replier))
}

impl<Q: DeserializeOwned> Requests<Q> {
    /// Waits for the next message; `Ok(None)` when the daemon closed the wire.
    pub fn receive(&mut self) -> Result<Option<ToHost<Q>>, WireError> {
        read_frame(&mut self.from)
    }

    /// The next of the open files that came with the messages received so far, for hosts whose requests bring some.
    pub fn take_file(&mut self) -> Option<OwnedFd> {
        self.from.get_mut().take_file()
    }
}

impl<R: Serialize> Replier<R> {
    /// Sends a reply that others follow.
    pub fn send(&self, id: u64, body: R) -> Result<(), WireError> {
        self.write(&FromHost::Reply { id, last: false, body })
    }

    /// Takes a reply that others follow soon, and lets it go with them: each sending wakes the daemon. For hosts that do
    /// nothing else before the next one; what a host that dies has held is lost.
    pub fn hold(&self, id: u64, body: R) -> Result<(), WireError> {
        self.add(&FromHost::Reply { id, last: false, body }, MOST_HELD)
    }

    /// Sends the last reply to request `id`.
    pub fn finish(&self, id: u64, body: R) -> Result<(), WireError> {
        self.write(&FromHost::Reply { id, last: true, body })
    }

    fn write(&self, message: &FromHost<R>) -> Result<(), WireError> {
        self.add(message, 0)
    }

    /// Adds a message to those that are held, and sends all of them when they have at least so many bytes.
    fn add(&self, message: &FromHost<R>, least: usize) -> Result<(), WireError> {
        let frame = encode(message)?;
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        to.held.extend(frame);
        if to.held.len() < least { Ok(()) } else { Ok(to.flush()?) }
    }
}
