//! Connections to hosts on the network.

use crate::granted::{Granted, address};
use crate::socket::Answer;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, if that was granted. The skill gets the connection itself: it can't point it elsewhere, since it may
/// call neither `connect` nor `socket`.
pub fn connect(wanted: &str, granted: &Granted) -> Answer {
    let Some((host, port)) = address(wanted) else {
        return Answer::refused("invalid_argument", "Name a host and port like api.example.org:443.");
    };
    if !granted.allows(&host, port) {
        return Answer::denied(&format!(
            "This skill may not reach {host}:{port}: network under [permissions] does not list it."
        ));
    }
    let addresses = match (host.as_str(), port).to_socket_addrs() {
        Ok(addresses) => addresses,
        Err(error) => return Answer::refused("unavailable", &format!("{host} can't be found: {error}.")),
    };
    let mut last = format!("{host} has no address.");
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Answer::Connection(stream.into()),
            Err(error) => last = format!("{host}:{port} does not answer: {error}."),
        }
    }
    Answer::refused("unavailable", &last)
}
