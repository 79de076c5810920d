//! How this machine is connected: as NetworkManager tells, else by which of the kernel's interfaces are up.
//!
//! Owns: the sentence about connections. Must not know: how each source puts them.

mod interfaces;
mod manager;

use crate::services::NETWORK_MANAGER;
use crate::words;
use hob_sdk::{Context, Outcome, SkillError};
use serde_json::{Value, json};
use std::path::Path;

/// By what a connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Wifi,
    Cable,
    Mobile,
    Vpn,
    Other,
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    kind: Kind,
    /// The network's name, as far as it has one; else the connection's or the interface's.
    name: String,
    /// Of the radio, in percent.
    signal: Option<u8>,
    /// The machine's own, IPv4.
    address: Option<String>,
}

/// How far the connections reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Internet,
    /// Somebody has to sign in first.
    Portal,
    Nearby,
    Unknown,
}

/// All that is known.
#[derive(Debug)]
struct Network {
    links: Vec<Link>,
    reach: Reach,
    /// What is switched off, in words.
    off: Option<&'static str>,
}

/// Tells how this machine is connected.
///
/// # Errors
/// `unavailable`, when neither NetworkManager nor the kernel tells.
pub fn status(context: &Context, sysfs: &Path) -> Result<Outcome, SkillError> {
    let missing = match manager::ask(context) {
        Ok(network) => return Ok(told(&network, "")),
        Err(error) => error,
    };
    let links = interfaces::up(sysfs).map_err(|_| missing.clone())?;
    let network = Network { links, reach: Reach::Unknown, off: None };
    Ok(told(&network, &format!(" {}", missing.message)))
}

/// The error for when NetworkManager can't be asked.
fn missing(error: &hob_sdk::message_bus::BusError) -> SkillError {
    NETWORK_MANAGER.failed(error)
}

fn told(network: &Network, remark: &str) -> Outcome {
    let links: Vec<Value> = network.links.iter().map(shown).collect();
    let data = json!({
        "connected": !network.links.is_empty(),
        "internet": match network.reach {
            Reach::Internet => Some(true),
            Reach::Portal | Reach::Nearby => Some(false),
            Reach::Unknown => None,
        },
        "sign_in_needed": network.reach == Reach::Portal,
        "connections": links,
    });
    Outcome::say(said(network) + remark).with_data(data)
}

fn shown(link: &Link) -> Value {
    let kind = match link.kind {
        Kind::Wifi => "wifi",
        Kind::Cable => "cable",
        Kind::Mobile => "mobile",
        Kind::Vpn => "vpn",
        Kind::Other => "other",
    };
    json!({"kind": kind, "name": link.name, "signal_percent": link.signal, "address": link.address})
}

fn said(network: &Network) -> String {
    if network.links.is_empty() {
        let off = network.off.map(|off| format!(" {off} is switched off.")).unwrap_or_default();
        return format!("This machine is not connected to any network.{off}");
    }
    let parts: Vec<String> = network.links.iter().map(named).collect();
    let reach = match network.reach {
        Reach::Internet => " The internet is within reach.",
        Reach::Portal => " The network wants you to sign in first: open any page in a browser.",
        Reach::Nearby => " The internet is not within reach.",
        Reach::Unknown => "",
    };
    format!("Connected {}.{reach}", words::listed(&parts))
}

fn named(link: &Link) -> String {
    let name = &link.name;
    match (link.kind, link.signal) {
        (Kind::Wifi, Some(signal)) => format!("by Wi-Fi to {name} (signal {signal}%)"),
        (Kind::Wifi, None) => format!("by Wi-Fi to {name}"),
        (Kind::Cable, _) => format!("by cable ({name})"),
        (Kind::Mobile, _) => format!("by mobile network ({name})"),
        (Kind::Vpn, _) => format!("through the VPN {name}"),
        (Kind::Other, _) => format!("by {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(kind: Kind, name: &str) -> Link {
        Link { kind, name: name.into(), signal: None, address: None }
    }

    #[test]
    fn connections_are_told_in_a_sentence() {
        let wifi = Link { signal: Some(72), address: Some("10.0.0.7".into()), ..link(Kind::Wifi, "Home") };
        let network = |links: Vec<Link>, reach| Network { links, reach, off: None };
        for (network, words) in [
            (
                network(vec![wifi.clone(), link(Kind::Vpn, "Work")], Reach::Internet),
                "Connected by Wi-Fi to Home (signal 72%) and through the VPN Work. The internet is within reach.",
            ),
            (network(vec![link(Kind::Cable, "eth0")], Reach::Unknown), "Connected by cable (eth0)."),
            (
                network(vec![link(Kind::Wifi, "Hotel")], Reach::Portal),
                "Connected by Wi-Fi to Hotel. The network wants you to sign in first: open any page in a browser.",
            ),
            (
                network(vec![link(Kind::Mobile, "Vodafone")], Reach::Nearby),
                "Connected by mobile network (Vodafone). The internet is not within reach.",
            ),
            (
                Network { links: Vec::new(), reach: Reach::Nearby, off: Some("Wi-Fi") },
                "This machine is not connected to any network. Wi-Fi is switched off.",
            ),
        ] {
            assert_eq!(said(&network), words);
        }
        let outcome = told(&network(vec![wifi], Reach::Internet), "");
        assert_eq!(outcome.data["connections"][0]["address"], "10.0.0.7");
        assert_eq!(outcome.data["internet"], true);
    }
}
