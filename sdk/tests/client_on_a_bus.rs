//! The client on a real bus: a private `dbus-daemon`, and a stand-in for hobd.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hob_sdk::client::{Error, Hob, Options, Update};
use tokio::sync::oneshot;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, connection::Builder, interface};

/// A `dbus-daemon` of this test's own, ended with it.
struct Bus {
    child: Child,
    address: String,
    folder: std::path::PathBuf,
}

impl Bus {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hob-sdk-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("bus.conf");
        std::fs::write(&config, configuration(&folder)).unwrap();
        let mut child = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon (Debian package dbus-daemon) is needed for this test");
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned(), folder }
    }

    async fn connect(&self) -> Connection {
        Builder::address(self.address.as_str()).build().await.unwrap()
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

type Details = HashMap<String, OwnedVariant>;

/// Creates requests and leaves them alone; tells the test the path of each.
struct Silent(std::sync::Mutex<Option<oneshot::Sender<String>>>);

#[interface(name = "org.hob.Assistant1")]
impl Silent {
    fn ask(
        &self,
        _prompt: String,
        options: Details,
        #[zbus(header)] header: zbus::message::Header<'_>,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        let token = String::try_from(options["handle_token"].try_clone().unwrap()).unwrap();
        let caller = header.sender().unwrap().trim_start_matches(':').replace('.', "_");
        let path = format!("/org/hob/Hob1/request/{caller}/{token}");
        if let Some(test) = self.0.lock().unwrap().take() {
            test.send(path.clone()).unwrap();
        }
        Ok(path.try_into()?)
    }
}

/// The stand-in, and the path of the first request that it gets.
async fn stand_in(bus: &Bus) -> (Connection, oneshot::Receiver<String>) {
    let (sender, path) = oneshot::channel();
    let service = Builder::address(bus.address.as_str())
        .serve_at("/org/hob/Hob1", Silent(std::sync::Mutex::new(Some(sender))))
        .name("org.hob.Hob1")
        .build()
        .await
        .unwrap();
    (service, path)
}

async fn delta(from: &Connection, to: &Connection, path: &str, text: &str) {
    let to = to.unique_name().unwrap().as_str();
    from.emit_signal(Some(to), path, "org.hob.Request1", "Delta", &("answer", text)).await.unwrap();
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("the request hangs")
}

#[tokio::test]
async fn without_a_daemon_the_error_says_so() {
    let bus = Bus::start("absent");
    let hob = Hob::over(bus.connect().await);
    assert!(matches!(hob.ask("q", Options::new()).await, Err(Error::NotRunning(_))));
    assert!(matches!(hob.status().await, Err(Error::NotRunning(_))));
    assert!(matches!(hob.index_status().await, Err(Error::NotRunning(_))));
}

#[tokio::test]
async fn only_the_daemon_is_heard_and_its_departure_is_noticed() {
    let bus = Bus::start("departure");
    let (service, path) = stand_in(&bus).await;
    let client = bus.connect().await;
    let stranger = bus.connect().await;
    let mut request = soon(Hob::over(client.clone()).ask("q", Options::new())).await.unwrap();
    let path = path.await.unwrap();
    assert_eq!(path, request.path());

    delta(&stranger, &client, &path, "forged").await;
    delta(&service, &client, &path, "true").await;
    match soon(request.next_update()).await {
        Some(Ok(Update::Delta { text, .. })) => assert_eq!(text, "true"),
        other => panic!("{other:?}"),
    }
    delta(&service, &client, &path, "last words").await;
    service.close().await.unwrap();
    match soon(request.next_update()).await {
        Some(Ok(Update::Delta { text, .. })) => assert_eq!(text, "last words"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(soon(request.next_update()).await, Some(Err(Error::Vanished))));
    assert!(soon(request.next_update()).await.is_none());
}

#[tokio::test]
async fn a_bus_that_dies_is_noticed() {
    let bus = Bus::start("death");
    let (_service, _path) = stand_in(&bus).await;
    let mut request = soon(Hob::over(bus.connect().await).ask("q", Options::new())).await.unwrap();
    drop(bus);
    assert!(matches!(soon(request.next_update()).await, Some(Err(Error::Vanished | Error::Connection(_)))));
}
