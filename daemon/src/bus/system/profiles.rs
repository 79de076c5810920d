//! Power profiles: whether the user wants to save power. Two names for the same service, older and newer.

use super::{read_properties, text, while_there};
use std::sync::Arc;
use zbus::Connection;

const OLD: (&str, &str, &str) = ("net.hadess.PowerProfiles", "/net/hadess/PowerProfiles", "net.hadess.PowerProfiles");
const NEW: (&str, &str, &str) = (
    "org.freedesktop.UPower.PowerProfiles",
    "/org/freedesktop/UPower/PowerProfiles",
    "org.freedesktop.UPower.PowerProfiles",
);

/// Follows the service under both names. A daemon that has both says the same under both.
pub async fn follow(bus: &Connection, daemon: &Arc<crate::Daemon>) -> zbus::Result<()> {
    tokio::try_join!(follow_one(bus, daemon, OLD), follow_one(bus, daemon, NEW))?;
    Ok(())
}

async fn follow_one(
    bus: &Connection,
    daemon: &Arc<crate::Daemon>,
    at: (&'static str, &'static str, &'static str),
) -> zbus::Result<()> {
    let tell = |profile: Option<String>| daemon.governor.change(|now| now.power_profile = profile);
    let serve = async || read_properties(bus, at, |properties| tell(text(properties, "ActiveProfile"))).await;
    while_there(bus, at.0, serve, || tell(None)).await
}
