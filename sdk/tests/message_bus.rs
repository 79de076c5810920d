//! A skill's calls on a real bus: a private `dbus-daemon` with a service on it.
#![allow(clippy::unwrap_used)]

#[path = "support/bus.rs"]
mod bus;

use bus::Bus;
use hob_sdk::message_bus::{BusError, MessageBus, Object, OwnedObjectPath, Variant};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use zbus::interface;

const LAMP: Object<'static> = Object { name: "org.example.Lamp", path: "/lamp", interface: "org.example.Lamp" };

struct Lamp {
    level: u32,
}

#[interface(name = "org.example.Lamp")]
impl Lamp {
    fn describe(&self, room: String, floor: i32) -> (String, u32) {
        (format!("{room} on floor {floor}"), self.level)
    }

    async fn sleep(&self) {
        std::future::pending::<()>().await;
    }

    fn fail(&self) -> zbus::fdo::Result<()> {
        Err(zbus::fdo::Error::Failed("the bulb is broken".into()))
    }

    #[zbus(property)]
    fn level(&self) -> u32 {
        self.level
    }

    #[zbus(property)]
    fn set_level(&mut self, level: u32) {
        self.level = level;
    }

    #[zbus(property)]
    fn rooms(&self) -> Vec<OwnedObjectPath> {
        vec!["/kitchen".try_into().unwrap(), "/cellar".try_into().unwrap()]
    }
}

fn connect(bus: &Bus) -> MessageBus {
    let path = bus.address.split(',').find_map(|part| part.strip_prefix("unix:path=")).unwrap().to_string();
    MessageBus::over(UnixStream::connect(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_properties_and_names() {
    let running = Bus::start("message-bus");
    let lamp = running.builder().serve_at("/lamp", Lamp { level: 40 }).name("org.example.Lamp");
    let lamp = lamp.build().await.unwrap();
    let mut bus = connect(&running);
    let said: (String, u32) = bus.call(&LAMP, "Describe", &("Kitchen", 2)).unwrap();
    assert_eq!(said, ("Kitchen on floor 2".to_string(), 40));
    bus.set(&LAMP, "Level", Variant::from(70u32)).unwrap();
    assert_eq!(bus.property::<u32>(&LAMP, "Level").unwrap(), 70);
    let mut all = bus.properties(&LAMP).unwrap();
    let rooms: Vec<OwnedObjectPath> = all.take("Rooms").unwrap();
    assert_eq!(rooms.iter().map(|room| room.as_str()).collect::<Vec<_>>(), ["/kitchen", "/cellar"]);
    assert_eq!((all.take::<String>("Level"), all.take::<u32>("Level")), (None, None), "what is taken is gone");
    assert!(bus.names().unwrap().contains(&"org.example.Lamp".to_string()));
    assert_eq!(Some(bus.owner("org.example.Lamp").unwrap().as_str()), lamp.unique_name().map(|name| name.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_is_missing_and_leave_the_connection_usable() {
    let running = Bus::start("message-bus-errors");
    let lamp = running.builder().serve_at("/lamp", Lamp { level: 1 }).name("org.example.Lamp");
    let _lamp = lamp.build().await.unwrap();
    let mut bus = connect(&running).patience(Duration::from_millis(300));
    let nobody = Object { name: "org.example.Nobody", ..LAMP };
    assert!(bus.property::<u32>(&nobody, "Level").unwrap_err().is_absent());
    assert!(bus.property::<u32>(&LAMP, "Colour").unwrap_err().is_unknown());
    assert!(bus.call::<_, ()>(&LAMP, "Explode", &()).unwrap_err().is_unknown());
    assert!(bus.call::<_, ()>(&Object { path: "/attic", ..LAMP }, "Fail", &()).unwrap_err().is_unknown());
    assert_eq!(bus.call::<_, ()>(&LAMP, "Fail", &()).unwrap_err().to_string(), "the bulb is broken");
    assert!(matches!(bus.property::<String>(&LAMP, "Level"), Err(BusError::Misfit(_))));
    let started = Instant::now();
    assert!(matches!(bus.call::<_, ()>(&LAMP, "Sleep", &()), Err(BusError::Silent(_))));
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(bus.property::<u32>(&LAMP, "Level").unwrap(), 1, "the next call is answered");
}
