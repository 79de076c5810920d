//! Where a bus is: addresses as the D-Bus specification writes them, as far as they name unix sockets.

use super::Bus;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

/// Connects to the bus that the environment names.
pub fn connect(bus: Bus) -> Result<UnixStream, String> {
    let address = match bus {
        Bus::Session => std::env::var("DBUS_SESSION_BUS_ADDRESS")
            .ok()
            .filter(|address| !address.is_empty())
            .or_else(|| std::env::var("XDG_RUNTIME_DIR").ok().map(|folder| format!("unix:path={folder}/bus"))),
        Bus::System => Some(
            std::env::var("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or_else(|_| "unix:path=/run/dbus/system_bus_socket".into()),
        ),
    };
    let address = address.ok_or("DBUS_SESSION_BUS_ADDRESS is not set")?;
    let mut last = format!("{address} names no unix socket");
    for one in address.split(';') {
        match socket(one).map(|at| UnixStream::connect_addr(&at)) {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last = error.to_string(),
            None => {}
        }
    }
    Err(last)
}

fn socket(address: &str) -> Option<SocketAddr> {
    let pairs = address.strip_prefix("unix:")?.split(',').filter_map(|pair| pair.split_once('='));
    for (key, value) in pairs {
        let value = unescaped(value)?;
        match key {
            "path" => return SocketAddr::from_pathname(std::str::from_utf8(&value).ok()?).ok(),
            "abstract" => return SocketAddr::from_abstract_name(value).ok(),
            _ => {}
        }
    }
    None
}

/// `%20` and its like.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_sockets() {
        let path = |address: &str| socket(address)?.as_pathname().map(|p| p.display().to_string());
        assert_eq!(path("unix:path=/run/a%20b,guid=00"), Some("/run/a b".into()));
        assert_eq!(
            socket("unix:abstract=/tmp/x").and_then(|a| a.as_abstract_name().map(<[u8]>::to_vec)),
            Some(b"/tmp/x".to_vec())
        );
        assert!(socket("tcp:host=localhost").is_none() && socket("unix:path=%zz").is_none());
    }
}
