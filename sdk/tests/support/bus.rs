//! A `dbus-daemon` of a test's own, ended with it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use zbus::connection::Builder;

/// A private session bus.
pub struct Bus {
    child: Child,
    /// What `DBUS_SESSION_BUS_ADDRESS` has to be.
    pub address: String,
    folder: PathBuf,
}

impl Bus {
    /// Starts one; `name` must differ from that of other tests of the process.
    pub fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hob-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("bus.conf");
        std::fs::write(&config, configuration(&folder)).unwrap();
        let mut child = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--print-address"])
            .stdout(Stdio::piped())
            // It complains about limits that a test does not need.
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon (Debian package dbus-daemon) is needed for this test");
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned(), folder }
    }

    /// A connection to it, still to be built.
    pub fn builder(&self) -> Builder<'_> {
        Builder::address(self.address.as_str())
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn configuration(folder: &Path) -> String {
    format!(
        "<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
         <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>\
         <allow own=\"*\"/></policy></busconfig>",
        folder.join("bus").display()
    )
}
