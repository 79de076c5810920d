//! What NetworkManager says.
//!
//! Owns: reading its objects. Must not know: how connections are worded.

use super::{Kind, Link, Network, Reach, missing};
use crate::services::NETWORK_MANAGER;
use hob_sdk::message_bus::{MessageBus, Object, OwnedObjectPath, OwnedVariant, Properties};
use hob_sdk::{Context, SkillError};
use std::collections::HashMap;

const NAME: &str = "org.freedesktop.NetworkManager";
const MANAGER: Object<'static> = Object { name: NAME, path: "/org/freedesktop/NetworkManager", interface: NAME };
/// The number of a connection that is complete.
const ACTIVATED: u32 = 2;
/// Connections that are looked at; more are none of a person's.
const MOST: usize = 16;

/// The network as NetworkManager sees it.
///
/// # Errors
/// When it is not there, or fails.
pub fn ask(context: &Context) -> Result<Network, SkillError> {
    let mut bus = NETWORK_MANAGER.bus(context)?;
    let mut told = bus.properties(&MANAGER).map_err(|error| missing(&error))?;
    let reach = reach(told.take("Connectivity").unwrap_or(0));
    let off = match (told.take("NetworkingEnabled"), told.take("WirelessEnabled")) {
        (Some(false), _) => Some("Networking"),
        (_, Some(false)) => Some("Wi-Fi"),
        _ => None,
    };
    let active: Vec<OwnedObjectPath> = told.take("ActiveConnections").unwrap_or_default();
    let links = active.iter().take(MOST).filter_map(|path| link(&mut bus, path.as_str())).collect();
    Ok(Network { links, reach, off })
}

fn reach(number: u32) -> Reach {
    match number {
        4 => Reach::Internet,
        3 | 1 => Reach::Nearby,
        2 => Reach::Portal,
        _ => Reach::Unknown,
    }
}

/// One active connection; `None` for one that is going, still coming, or of the machine with itself.
fn link(bus: &mut MessageBus, path: &str) -> Option<Link> {
    let mut told = properties(bus, path, "org.freedesktop.NetworkManager.Connection.Active")?;
    if told.take::<u32>("State").is_some_and(|state| state != ACTIVATED) {
        return None;
    }
    let is_vpn = told.take("Vpn") == Some(true);
    let leads_out = told.take("Default") == Some(true);
    let kind = kind(&told.take::<String>("Type")?, is_vpn);
    if kind == Kind::Other && !leads_out {
        return None;
    }
    let mut link = Link { kind, name: told.take("Id").unwrap_or_default(), signal: None, address: None };
    if let Some(config) = told.take::<OwnedObjectPath>("Ip4Config") {
        link.address = address(bus, config.as_str());
    }
    let point = told.take::<OwnedObjectPath>("SpecificObject");
    if let Some(point) = point.filter(|path| kind == Kind::Wifi && path.as_str() != "/") {
        let mut told = properties(bus, point.as_str(), "org.freedesktop.NetworkManager.AccessPoint")?;
        link.signal = told.take("Strength");
        let name: Vec<u8> = told.take("Ssid").unwrap_or_default();
        if !name.is_empty() {
            link.name = String::from_utf8_lossy(&name).into_owned();
        }
    }
    Some(link)
}

fn kind(of: &str, is_vpn: bool) -> Kind {
    match of {
        _ if is_vpn => Kind::Vpn,
        "802-11-wireless" => Kind::Wifi,
        "802-3-ethernet" => Kind::Cable,
        "gsm" | "cdma" => Kind::Mobile,
        "vpn" | "wireguard" => Kind::Vpn,
        _ => Kind::Other,
    }
}

fn address(bus: &mut MessageBus, path: &str) -> Option<String> {
    let mut told = properties(bus, path, "org.freedesktop.NetworkManager.IP4Config")?;
    let all: Vec<HashMap<String, OwnedVariant>> = told.take("AddressData")?;
    Properties::from(all.into_iter().next()?).take("address")
}

fn properties(bus: &mut MessageBus, path: &str, interface: &str) -> Option<Properties> {
    bus.properties(&Object { name: NAME, path, interface }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_types_are_understood() {
        assert_eq!(
            [0, 1, 2, 3, 4].map(reach),
            [Reach::Unknown, Reach::Nearby, Reach::Portal, Reach::Nearby, Reach::Internet]
        );
        assert_eq!(kind("802-11-wireless", false), Kind::Wifi);
        assert_eq!(kind("tun", true), Kind::Vpn);
        assert_eq!(kind("wireguard", false), Kind::Vpn);
        assert_eq!(kind("loopback", false), Kind::Other);
    }
}
