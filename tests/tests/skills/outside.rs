//! The way out: a message bus of which only the granted names are there, and hosts that were granted.

use hob_tests::{Scene, programs};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketFlags, SocketType, recvmsg,
    send, socketpair,
};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use zbus::interface;

/// The proxy, asked as a skill asks it.
struct Proxy {
    socket: OwnedFd,
    child: Child,
}

impl Proxy {
    fn start(scene: &Scene, granted: &[&str]) -> Self {
        let (socket, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("a pair");
        let mut command = scene.command(programs().join("hob-proxy-host"));
        let child = command.args(granted).stdin(Stdio::from(theirs)).spawn().expect("the proxy");
        Self { socket, child }
    }

    /// A connection, or what is said instead.
    fn ask(&self, request: &str) -> Result<OwnedFd, String> {
        send(&self.socket, request.as_bytes(), SendFlags::empty()).expect("asked");
        let (mut bytes, mut space) = ([0u8; 512], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))]);
        let mut attached = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let got = recvmsg(&self.socket, &mut parts, &mut attached, RecvFlags::empty()).expect("answered").bytes;
        for message in attached.drain() {
            if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
                return Ok(descriptors.next().expect("a connection"));
            }
        }
        Err(String::from_utf8_lossy(&bytes[..got]).into_owned())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("the proxy did not end: {error}");
        }
    }
}

struct Echo;

#[interface(name = "org.example.Echo")]
impl Echo {
    fn say(&self, text: String) -> String {
        text
    }

    #[zbus(signal)]
    async fn said(emitter: &zbus::object_server::SignalEmitter<'_>, text: &str) -> zbus::Result<()>;
}

async fn app(scene: &Scene, name: &'static str) -> zbus::Connection {
    let app = zbus::connection::Builder::address(scene.address.as_str()).serve_at("/a", Echo).name(name);
    app.build().await.expect("an app")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skill_s_bus_has_the_granted_names_only() {
    let scene = Scene::bus_only(None).expect("a bus");
    let (allowed, _other) = (app(&scene, "org.example.Allowed").await, app(&scene, "org.example.Other").await);
    let proxy = Proxy::start(&scene, &["--dbus=org.example.Allowed"]);
    let stream = UnixStream::from(proxy.ask("dbus session").expect("a bus"));
    stream.set_nonblocking(true).expect("set");
    let bus = zbus::connection::Builder::unix_stream(stream).build().await.expect("connected");
    let say = async |name: &str| {
        let reply = bus.call_method(Some(name), "/a", Some("org.example.Echo"), "Say", &"hello").await;
        reply.and_then(|reply| reply.body().deserialize::<String>()).map_err(|error| error.to_string())
    };
    assert_eq!(say("org.example.Allowed").await.as_deref(), Ok("hello"));
    let refused = say("org.example.Other").await.expect_err("not granted");
    assert!(refused.contains("may not talk to org.example.Other"), "{refused}");
    let other = _other.unique_name().expect("a name").to_string();
    assert!(say(&other).await.is_err(), "its other name is not granted either");
    let names = zbus::fdo::DBusProxy::new(&bus).await.expect("a proxy").list_names().await;
    assert!(names.is_err(), "nobody is listed");
    let mine = bus.request_name("org.example.Mine").await;
    assert!(mine.is_err(), "a skill takes no name");

    // Signals of the granted name arrive.
    let rule = zbus::MatchRule::builder().msg_type(zbus::message::Type::Signal).sender("org.example.Allowed");
    let rule = rule.interface("org.example.Echo").build().expect("a rule");
    let mut signals = zbus::MessageStream::for_match_rule(rule, &bus, None).await.expect("subscribed");
    let emitter = zbus::object_server::SignalEmitter::new(&allowed, "/a").expect("an emitter");
    Echo::said(&emitter, "news").await.expect("emitted");
    let next = futures_util::StreamExt::next(&mut signals);
    let heard =
        tokio::time::timeout(hob_tests::PATIENCE, next).await.expect("in time").expect("a signal").expect("good");
    assert_eq!(heard.body().deserialize::<String>().expect("a text"), "news");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_granted_family_all_can_be_seen_and_nobody_else() {
    let scene = Scene::bus_only(None).expect("a bus");
    let (_one, _two) = (app(&scene, "org.example.Player.one").await, app(&scene, "org.example.Player.two").await);
    let _other = app(&scene, "org.example.Other").await;
    let proxy = Proxy::start(&scene, &["--dbus=org.example.Player.*"]);
    let stream = UnixStream::from(proxy.ask("dbus session").expect("a bus"));
    let mut bus = hob_sdk::message_bus::MessageBus::over(stream).expect("let in");
    let mut names = bus.names().expect("names");
    names.sort();
    assert_eq!(names, ["org.example.Player.one", "org.example.Player.two"]);
    let mut say = |name: &str| {
        let echo = hob_sdk::message_bus::Object { name, path: "/a", interface: "org.example.Echo" };
        bus.call::<_, String>(&echo, "Say", &"hello").map_err(|error| error.to_string())
    };
    assert_eq!(say("org.example.Player.two").as_deref(), Ok("hello"));
    let refused = say("org.example.Other").expect_err("not granted");
    assert!(refused.contains("may not talk to org.example.Other"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_granted_is_refused_with_a_reason() {
    let scene = Scene::bus_only(None).expect("a bus");
    let proxy = Proxy::start(&scene, &["--network=localhost:1"]);
    for (request, says) in [
        ("dbus session", "permission_denied This skill may use no message bus"),
        ("network example.org:443", "permission_denied This skill may not reach example.org:443"),
        ("network localhost", "invalid_argument Name a host and port"),
        ("network localhost:1", "unavailable localhost:1 does not answer"),
        ("disk /etc/passwd", "invalid_argument Ask for"),
    ] {
        let said = proxy.ask(request).expect_err(request);
        assert!(said.starts_with(says), "{request}: {said}");
    }
}

/// Notes what it is asked to show.
struct Manager(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

#[interface(name = "org.freedesktop.FileManager1")]
impl Manager {
    fn show_folders(&self, folders: Vec<String>, _startup_id: String) {
        self.0.lock().expect("a lock").extend(folders);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_skill_shows_a_folder_through_its_bus() {
    let scene = Scene::start(None).await.expect("a scene");
    scene.write("Papers/lease.txt", "x").expect("written");
    let open = ["skill", "call", "org.hob.files", "OpenLocation", r#"{"file": "lease.txt"}"#];
    let absent = scene.hob_json(&open).expect("a result");
    assert_eq!(absent["code"], "unavailable", "{absent}");
    let shown = std::sync::Arc::default();
    let manager = zbus::connection::Builder::address(scene.address.as_str())
        .serve_at("/org/freedesktop/FileManager1", Manager(std::sync::Arc::clone(&shown)))
        .name("org.freedesktop.FileManager1");
    let _manager = manager.build().await.expect("a file manager");
    let opened = scene.hob_json(&open).expect("a result");
    assert_eq!(opened["status"], "success", "{opened}");
    let papers = scene.folder().join("home/Papers").canonicalize().expect("a folder");
    assert_eq!(*shown.lock().expect("a lock"), [format!("file://{}", papers.display())]);
    let free = scene.hob_json(&["skill", "call", "org.hob.files", "DiskUse"]).expect("a result");
    assert_eq!(free["status"], "success", "the sandbox lets it measure: {free}");
}
