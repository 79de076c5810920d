//! The way out that was granted: one socket to a process that opens connections for this skill.
//!
//! Owns: starting that process. Must not know: what it allows in detail (that is `hob-proxy-host`).

use crate::error::LoadError;
use hob_link::host::PARENT_PID;
use hob_link::skill::{Grants, Load};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

/// The socket over which the skill asks for connections; `None` when nothing outside was granted.
pub fn start(load: &Load) -> Result<Option<OwnedFd>, LoadError> {
    let Grants { network, dbus, .. } = &load.grants;
    if network.is_empty() && dbus.is_empty() {
        return Ok(None);
    }
    let program = "hob-proxy-host";
    let failed = |why: String| LoadError::NotStarted { program: program.into(), why };
    // One message is one request: nothing to take apart on either end.
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|e| failed(e.to_string()))?;
    let beside = std::env::current_exe().map_err(|e| failed(e.to_string()))?.with_file_name(program);
    let mut starting = Command::new(beside);
    starting.args(network.iter().map(|entry| format!("--network={entry}")));
    starting.args(dbus.iter().map(|name| format!("--dbus={name}")));
    starting.env(PARENT_PID, std::process::id().to_string());
    starting.stdin(Stdio::from(theirs)).stdout(Stdio::null());
    starting.spawn().map_err(|e| failed(e.to_string()))?;
    Ok(Some(ours))
}
