//! What a child takes from itself before it touches anything foreign.
//!
//! Owns: the order of the layers and which of them hold. Must not know: who is confined, and why.
//!
//! [`Sandbox::new`] allows computing on what is open already, and nothing else: no file, no socket, no process, no
//! signal to others. The methods open it up. [`Sandbox::enter`] then closes the door behind the calling process:
//! limits, death with the parent, no new privileges, Landlock for what paths and ports are concerned, and at last
//! seccomp with a list of the system calls that remain. Each layer lets things through that the next one stops:
//! Landlock knows neither UDP nor unix sockets with a path, seccomp knows no paths.
//!
//! ```no_run
//! # use hob_link::sandbox::{Network, Sandbox};
//! # use hob_link::host::Limits;
//! let report = Sandbox::new(Limits { address_space: Some(1 << 30), ..Limits::NONE })
//!     .libraries()
//!     .read("/usr/share/dict")
//!     .write("/home/ana/.local/state/hob/skills/notes")
//!     .network(Network::None)
//!     .enter()?;
//! assert!(report.is_tight(), "{report}");
//! # Ok::<(), hob_link::sandbox::SandboxError>(())
//! ```

mod calls;
mod files;
mod report;

pub use report::Report;

use crate::host::{Limits, harden};
use std::io;
use std::path::{Path, PathBuf};

/// Where programs find shared libraries, time zones and the two devices that everybody opens.
const LIBRARIES: [&str; 10] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/dev/urandom",
    "/dev/zero",
];

/// Which sockets the process may open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    /// None at all.
    #[default]
    None,
    /// Unix sockets, to talk with other programs of the user: the session bus, too.
    Unix,
    /// IPv4 and IPv6 as a client, to any address; no unix sockets, and nobody can connect to the process.
    Internet,
}

/// Why the process could not be confined. It must not go on then.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The limits, or the ties to the parent.
    #[error("the process could not limit itself: {0}")]
    Harden(#[source] io::Error),
    /// Landlock and seccomp bind a thread and those that it starts, not its siblings.
    #[error("the sandbox has to be entered before the process starts threads, and it has {0}")]
    Threads(usize),
    /// A path that is to be allowed exists but can't be opened.
    #[error("{path} can't be allowed: {reason}")]
    Path {
        /// The path.
        path: String,
        /// The system's reason.
        reason: String,
    },
    /// The kernel refused a rule that it should know.
    #[error("Landlock refused the rules: {0}")]
    Landlock(String),
    /// The filter of system calls is wrong, or was refused by a kernel that has seccomp.
    #[error("the filter of system calls was refused: {0}")]
    Seccomp(String),
}

/// What stays allowed. Nothing but computing at first.
#[derive(Debug, Clone, Default)]
pub struct Sandbox {
    limits: Limits,
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    execute: Vec<PathBuf>,
    alone: bool,
    given_sockets: bool,
    network: Network,
    extra: Vec<i64>,
}

impl Sandbox {
    /// Allows memory, threads, clocks, and reading and writing what is open already.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Allows reading the file, or everything below the folder. A path that does not exist is left out.
    pub fn read(mut self, path: impl AsRef<Path>) -> Self {
        self.read.push(path.as_ref().into());
        self
    }

    /// Allows reading, writing, creating and removing at and below the path. Modes, owners and times can't be
    /// changed anywhere, since Landlock does not watch over them.
    pub fn write(mut self, path: impl AsRef<Path>) -> Self {
        self.write.push(path.as_ref().into());
        self
    }

    /// Allows starting the program, or every program below the folder, and with it processes and signals among
    /// them. What is started is in the same sandbox.
    pub fn execute(mut self, path: impl AsRef<Path>) -> Self {
        self.execute.push(path.as_ref().into());
        self
    }

    /// Takes starting processes away again: the process may become what [`Sandbox::execute`] allows, and may start
    /// threads, but it stays one process. So nothing it does multiplies, and it has nobody to send signals to.
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Allows asking about and tuning sockets that are handed to the process, which otherwise it can only read and
    /// write.
    pub fn given_sockets(mut self) -> Self {
        self.given_sockets = true;
        self
    }

    /// Allows reading what dynamic linking and time zones need.
    pub fn libraries(mut self) -> Self {
        self.read.extend(LIBRARIES.iter().map(PathBuf::from));
        // A program that is started wants to throw its output away.
        self.write.push("/dev/null".into());
        self
    }

    /// Allows sockets.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Allows further system calls by number (`libc::SYS_*`), whatever their arguments.
    pub fn calls(mut self, numbers: &[i64]) -> Self {
        self.extra.extend(numbers);
        self
    }

    /// Whether any path may be opened.
    fn opens(&self) -> bool {
        !(self.read.is_empty() && self.write.is_empty() && self.execute.is_empty())
    }

    /// Confines the calling process, for good. Says which layers hold; those that the kernel lacks are missing.
    pub fn enter(self) -> Result<Report, SandboxError> {
        harden(&self.limits).map_err(SandboxError::Harden)?;
        match threads() {
            // Without /proc nobody can count; the caller has been told.
            None | Some(1) => {}
            Some(many) => return Err(SandboxError::Threads(many)),
        }
        let landlock_abi = files::restrict(&self)?;
        let calls = calls::restrict(&self, landlock_abi)?;
        Ok(Report { landlock_abi, calls, needs_landlock: self.opens() || self.network != Network::None })
    }
}

fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}
