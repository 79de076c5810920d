//! Services of the system bus, played by python-dbusmock on a private bus.
//!
//! Owns: the processes that play them. Every wait is for something that the bus or the daemon says.

use crate::{NAME, PATIENCE, ROOT, Scene};
use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use zbus::names::BusName;
use zbus::{Connection, OwnedVariant};

/// Runs the mocks: Debian's package is for this Python alone.
const PYTHON: &str = "/usr/bin/python3";

/// Whether dbusmock is there; says loudly that the test is skipped when it is not.
pub fn has_dbusmock() -> bool {
    let found = Command::new(PYTHON).args(["-c", "import dbusmock"]).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        eprintln!("SKIPPED: python3-dbusmock is not installed");
    }
    found
}

/// A service that is played. It leaves the bus when this is dropped.
pub struct Mock {
    child: Child,
    bus: Connection,
    name: &'static str,
    path: &'static str,
}

impl Mock {
    /// Plays a service by one of dbusmock's templates; returns when it owns its name.
    pub async fn template(scene: &Scene, template: &str, name: &'static str, path: &'static str) -> Result<Self> {
        Self::start(scene, &["--template", template], name, path).await
    }

    /// Plays an empty service, to which properties can be added; returns when it owns its name.
    pub async fn empty(scene: &Scene, name: &'static str, path: &'static str) -> Result<Self> {
        Self::start(scene, &["--system", name, path, name], name, path).await
    }

    async fn start(scene: &Scene, arguments: &[&str], name: &'static str, path: &'static str) -> Result<Self> {
        let bus = scene.connect().await?;
        let proxy = zbus::fdo::DBusProxy::new(&bus).await?;
        let mut owners = proxy.receive_name_owner_changed_with_args(&[(0, name)]).await?;
        let mut command = Command::new(PYTHON);
        command.args(["-m", "dbusmock"]).args(arguments);
        command.env("DBUS_SYSTEM_BUS_ADDRESS", &scene.address).env("DBUS_SESSION_BUS_ADDRESS", &scene.address);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().context("python-dbusmock")?;
        let mock = Self { child, bus, name, path };
        if proxy.name_has_owner(BusName::try_from(name)?).await? {
            return Ok(mock);
        }
        tokio::time::timeout(PATIENCE, owners.next()).await.ok().flatten().context("the mock took no name")?;
        Ok(mock)
    }

    /// Calls one of dbusmock's own methods on the main object.
    pub async fn control<B>(&self, method: &str, body: &B) -> Result<()>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let interface = Some("org.freedesktop.DBus.Mock");
        self.bus.call_method(Some(self.name), self.path, interface, method, body).await?;
        Ok(())
    }

    /// Adds an object with properties and methods: each its name, its signatures in and out, and what it does in Python.
    pub async fn add_object(
        &self,
        path: &str,
        interface: &str,
        properties: &[(&str, zbus::Variant<'_>)],
        methods: &[(&str, &str, &str, &str)],
    ) -> Result<()> {
        let properties: HashMap<&str, &zbus::Variant<'_>> = properties.iter().map(|(name, of)| (*name, of)).collect();
        self.control("AddObject", &(path, interface, properties, methods)).await
    }

    /// Adds methods to an interface of the main object.
    pub async fn add_methods(&self, interface: &str, methods: &[(&str, &str, &str, &str)]) -> Result<()> {
        self.control("AddMethods", &(interface, methods)).await
    }

    /// Adds properties to an interface of the main object.
    pub async fn add_properties(&self, interface: &str, properties: &[(&str, zbus::Variant<'_>)]) -> Result<()> {
        let properties: HashMap<&str, &zbus::Variant<'_>> = properties.iter().map(|(name, of)| (*name, of)).collect();
        self.control("AddProperties", &(interface, properties)).await
    }

    /// A property as it is now.
    pub async fn get(&self, path: &str, interface: &str, property: &str) -> Result<OwnedVariant> {
        let properties = Some("org.freedesktop.DBus.Properties");
        let reply = self.bus.call_method(Some(self.name), path, properties, "Get", &(interface, property)).await?;
        Ok(reply.body().deserialize()?)
    }

    /// Sets a property, which is told to all.
    pub async fn set(&self, path: &str, interface: &str, property: &str, value: zbus::Variant<'_>) -> Result<()> {
        let body = (interface, property, value);
        let properties = Some("org.freedesktop.DBus.Properties");
        self.bus.call_method(Some(self.name), path, properties, "Set", &body).await?;
        Ok(())
    }

    /// Calls a method of the service that returns an array's length, for what only it knows.
    pub async fn inhibitors(&self) -> Result<usize> {
        let interface = Some("org.freedesktop.login1.Manager");
        let reply = self.bus.call_method(Some(self.name), self.path, interface, "ListInhibitors", &()).await?;
        let list: Vec<(String, String, String, String, u32, u32)> = reply.body().deserialize()?;
        Ok(list.len())
    }

    /// Ends the service.
    pub fn stop(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("a mock did not end: {error}");
        }
    }
}

/// The conditions as hobd tells them, followed.
pub struct Seen {
    properties: zbus::fdo::PropertiesProxy<'static>,
    changes: zbus::fdo::PropertiesChangedStream,
}

impl Seen {
    /// Follows a scene's daemon.
    pub async fn of(scene: &Scene) -> Result<Self> {
        let bus = scene.connect().await?;
        let properties = zbus::fdo::PropertiesProxy::builder(&bus).destination(NAME).path(ROOT).build().await?;
        let changes = properties.receive_properties_changed_with_args(&[(0, "org.hob.Daemon1")]).await?;
        Ok(Self { properties, changes })
    }

    /// The conditions now, as JSON.
    pub async fn now(&self) -> Result<serde_json::Value> {
        let interface = zbus::names::InterfaceName::try_from("org.hob.Daemon1")?;
        let value = self.properties.get(interface, "Conditions").await?;
        let dict: HashMap<String, OwnedVariant> = value.try_into()?;
        Ok(serde_json::to_value(hob_sdk::client::from_details::<serde_json::Map<String, serde_json::Value>>(&dict)?)?)
    }

    /// Waits until all of these hold.
    pub async fn until(&mut self, wanted: serde_json::Value) -> Result<()> {
        let started = Instant::now();
        loop {
            let now = self.now().await?;
            let wanted = wanted.as_object().context("an object")?;
            if wanted.iter().all(|(key, value)| now.get(key) == Some(value)) {
                return Ok(());
            }
            let left = PATIENCE.saturating_sub(started.elapsed());
            if tokio::time::timeout(left, self.changes.next()).await.ok().flatten().is_none() {
                bail!("wanted {wanted:?}, is {now:#}");
            }
        }
    }
}
