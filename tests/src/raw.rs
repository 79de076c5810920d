//! A D-Bus client by hand, for what no library would do: it never reads, or sends what is no message.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A connection whose bytes are the test's own affair.
pub struct RawClient {
    socket: UnixStream,
}

impl RawClient {
    /// Connects and says hello to the bus; the bus's answers stay unread.
    pub fn connect(address: &str) -> Result<Self> {
        let path = address.split([',', ';']).find_map(|part| part.strip_prefix("unix:path=")).context("a path")?;
        let mut socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        let user: String = rustix::process::getuid().as_raw().to_string().bytes().map(|b| format!("{b:02x}")).collect();
        socket.write_all(format!("\0AUTH EXTERNAL {user}\r\n").as_bytes())?;
        let mut line = String::new();
        BufReader::new(&socket).read_line(&mut line)?;
        if !line.starts_with("OK ") {
            bail!("the bus refused: {line}");
        }
        socket.write_all(b"BEGIN\r\n")?;
        let mut client = Self { socket };
        let bus = "org.freedesktop.DBus";
        let hello = zbus::Message::method_call("/org/freedesktop/DBus", "Hello").interface(bus).destination(bus);
        client.send(hello.build(&())?.data())?;
        Ok(client)
    }

    /// Writes bytes; waits no longer than `limit` for the bus to take them.
    pub fn send_within(&mut self, bytes: &[u8], limit: Duration) -> Result<()> {
        self.socket.set_write_timeout(Some(limit))?;
        Ok(self.socket.write_all(bytes)?)
    }

    /// Writes bytes.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.send_within(bytes, Duration::from_secs(20))
    }

    /// Reads until the bus closes the connection; false when it does not.
    pub fn is_closed_by_the_bus(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.socket.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}
