//! hob-proxy-host: opens connections for one skill, which can open none itself.
//!
//! Owns: the requests of that skill and the lists of what was granted. Must not know: what a skill is, nor what
//! travels over a connection, except on a message bus ([`dbus`]).
//!
//! Standard input is a socket of whole messages. `network HOST:PORT` and `dbus session` (or `system`) are answered
//! by one message that carries the connection, or by a code and a sentence. The process ends when the socket does.

mod dbus;
mod granted;
mod network;
mod socket;

use anyhow::Context as _;
use granted::Granted;
use hob_link::host::{Limits, harden};
use socket::Answer;
use std::io;
use std::os::fd::AsFd;

/// Connections and threads of one skill need no more.
const LIMITS: Limits =
    Limits { address_space: Some(1 << 30), open_files: Some(128), oom_score_adj: Some(700), ..Limits::NONE };

fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HOB_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    harden(&LIMITS).context("hardening the way out")?;
    let granted = Granted::from_arguments(std::env::args().skip(1)).map_err(anyhow::Error::msg)?;
    let stdin = io::stdin();
    let socket = stdin.as_fd();
    while let Some(request) =
        socket::receive(socket).context("hob-proxy-host is started by a skill's host, not by hand")?
    {
        socket::answer(socket, &answer(&request, &granted))?;
    }
    Ok(())
}

fn answer(request: &str, granted: &Granted) -> Answer {
    match request.split_once(' ') {
        Some(("network", address)) => network::connect(address, granted),
        Some(("dbus", "session")) if granted.has_names() => dbus::connect(dbus::Bus::Session, granted),
        Some(("dbus", "system")) if granted.has_names() => dbus::connect(dbus::Bus::System, granted),
        Some(("dbus", _)) => {
            Answer::denied("This skill may use no message bus: dbus under [permissions] lists no name.")
        }
        _ => Answer::refused("invalid_argument", "Ask for network HOST:PORT, dbus session or dbus system."),
    }
}
