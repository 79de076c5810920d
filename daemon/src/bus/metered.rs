//! Whether the network costs by what it carries: NetworkManager's word on the system bus.

use zbus::{Connection, Variant};

/// The values of NetworkManager's `Metered` that mean yes (its `NMMetered`: yes, and guessed yes).
const METERED: [u32; 2] = [1, 3];

/// `None` where nobody can tell.
pub async fn is_metered() -> Option<bool> {
    match ask().await {
        Ok(value) => Some(METERED.contains(&value)),
        Err(error) => {
            tracing::debug!(%error, "nobody knows whether the connection is metered");
            None
        }
    }
}

async fn ask() -> zbus::Result<u32> {
    let bus = Connection::system().await?;
    let service = "org.freedesktop.NetworkManager";
    let path = "/org/freedesktop/NetworkManager";
    let properties = Some("org.freedesktop.DBus.Properties");
    let reply = bus.call_method(Some(service), path, properties, "Get", &(service, "Metered")).await?;
    let body = reply.body();
    let value: Variant<'_> = body.deserialize()?;
    u32::try_from(value)
}
