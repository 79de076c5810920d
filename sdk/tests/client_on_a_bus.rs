//! The client on a real bus: a private `dbus-daemon`, and a stand-in for hobd.
#![allow(clippy::unwrap_used)]

#[path = "support/bus.rs"]
mod bus;

use std::collections::HashMap;
use std::time::Duration;

use bus::Bus;
use hob_sdk::client::{Error, Hob, Options, Update};
use tokio::sync::oneshot;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, interface};

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
    let service = bus
        .builder()
        .serve_at("/org/hob/Hob1", Silent(std::sync::Mutex::new(Some(sender))))
        .name("org.hob.Hob1")
        .build()
        .await
        .unwrap();
    (service, path)
}

async fn connect(bus: &Bus) -> Connection {
    bus.builder().build().await.unwrap()
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
    let hob = Hob::over(connect(&bus).await);
    assert!(matches!(hob.ask("q", Options::new()).await, Err(Error::NotRunning(_))));
    assert!(matches!(hob.status().await, Err(Error::NotRunning(_))));
    assert!(matches!(hob.index_status().await, Err(Error::NotRunning(_))));
}

#[tokio::test]
async fn only_the_daemon_is_heard_and_its_departure_is_noticed() {
    let bus = Bus::start("departure");
    let (service, path) = stand_in(&bus).await;
    let client = connect(&bus).await;
    let stranger = connect(&bus).await;
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
    let mut request = soon(Hob::over(connect(&bus).await).ask("q", Options::new())).await.unwrap();
    drop(bus);
    assert!(matches!(soon(request.next_update()).await, Some(Err(Error::Vanished | Error::Connection(_)))));
}
