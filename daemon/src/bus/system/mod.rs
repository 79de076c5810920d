//! What services on the system bus say about the machine: UPower, power profiles, LowMemoryMonitor, logind.
//!
//! Owns: following them while they are there. A bus or service that is missing, restarts or goes is no error: what it
//! would say is then unknown, or comes from the kernel's files.

mod logind;
mod low_memory;
mod profiles;
mod upower;

use super::dict::Dict;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use zbus::fdo::{DBusProxy, PropertiesProxy};
use zbus::names::BusName;
use zbus::{Connection, Variant};

/// When there is no system bus, or it goes: how long until it is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Follows all services. Runs until dropped.
pub async fn follow(daemon: &Arc<crate::Daemon>) {
    let mut said = false;
    loop {
        match Connection::system().await {
            Ok(bus) => {
                said = false;
                let all = async {
                    tokio::join!(
                        upower::follow(&bus, daemon),
                        profiles::follow(&bus, daemon),
                        low_memory::follow(&bus, daemon),
                        logind::follow(&bus, daemon)
                    )
                };
                tokio::select! {
                    _ = all => {}
                    () = bus.closed() => tracing::info!("the system bus is gone"),
                }
                nobody_tells(daemon);
            }
            // Once, not every minute.
            Err(error) if !said => {
                said = true;
                tracing::info!(%error, "no system bus; batteries and heat come from the kernel's files");
            }
            Err(_) => {}
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// What only services know is unknown without a bus.
fn nobody_tells(daemon: &crate::Daemon) {
    upower::gone(daemon);
    daemon.governor.change(|now| {
        (now.power_profile, now.user_idle) = (None, None);
        (now.low_memory_warning, now.suspending) = (0, false);
    });
}

/// Serves a service whenever it is on the bus, and says when it has gone. Runs until dropped, or as long as the bus.
async fn while_there(
    bus: &Connection,
    name: &'static str,
    serve: impl AsyncFn() -> zbus::Result<()>,
    gone: impl Fn(),
) -> zbus::Result<()> {
    let proxy = DBusProxy::new(bus).await?;
    // Subscribed before it is asked for, so that no change falls in between.
    let mut owners = proxy.receive_name_owner_changed_with_args(&[(0, name)]).await?;
    let well_known = BusName::try_from(name)?;
    loop {
        if proxy.name_has_owner(well_known.clone()).await? {
            tokio::select! {
                served = serve() => {
                    if let Err(error) = served {
                        tracing::info!(name, %error, "a system service can't be followed");
                    }
                    owners.next().await;
                }
                changed = owners.next() => {
                    if changed.is_none() {
                        return Ok(());
                    }
                }
            }
            gone();
        } else if owners.next().await.is_none() {
            return Ok(());
        }
    }
}

/// Reads an object's properties, and again whenever they change. Ends with the connection.
async fn read_properties(
    bus: &Connection,
    (name, path, interface): (&'static str, &str, &'static str),
    told: impl Fn(&Dict),
) -> zbus::Result<()> {
    let properties = PropertiesProxy::builder(bus).destination(name).path(path.to_string()).build().await?;
    let mut changes = properties.receive_properties_changed_with_args(&[(0, interface)]).await?;
    let interface = zbus::names::InterfaceName::try_from(interface)?;
    loop {
        told(&properties.get_all(interface.clone()).await?);
        if changes.next().await.is_none() {
            return Ok(());
        }
    }
}

fn flag(properties: &Dict, key: &str) -> Option<bool> {
    match properties.get(key).map(|value| &**value) {
        Some(Variant::Bool(value)) => Some(*value),
        _ => None,
    }
}

fn number(properties: &Dict, key: &str) -> Option<f64> {
    match properties.get(key).map(|value| &**value)? {
        Variant::F64(value) => Some(*value),
        Variant::U32(value) => Some(f64::from(*value)),
        Variant::I32(value) => Some(f64::from(*value)),
        Variant::I64(value) => Some(*value as f64),
        Variant::U64(value) => Some(*value as f64),
        _ => None,
    }
}

fn text(properties: &Dict, key: &str) -> Option<String> {
    match properties.get(key).map(|value| &**value) {
        Some(Variant::Str(value)) => Some(value.to_string()),
        _ => None,
    }
}
