//! Power profiles, as power-profiles-daemon and tuned-ppd offer them.
//!
//! Owns: the service under its new and its old name. Must not know: what a profile does to the machine.

use crate::services::POWER_PROFILES;
use crate::words;
use hob_sdk::message_bus::{MessageBus, Object, OwnedVariant, Properties, Variant};
use hob_sdk::{Context, Outcome, SkillError};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;

/// The name of today, and the one that older systems have.
const HOMES: [Object<'static>; 2] = [
    Object {
        name: "org.freedesktop.UPower.PowerProfiles",
        path: "/org/freedesktop/UPower/PowerProfiles",
        interface: "org.freedesktop.UPower.PowerProfiles",
    },
    Object {
        name: "net.hadess.PowerProfiles",
        path: "/net/hadess/PowerProfiles",
        interface: "net.hadess.PowerProfiles",
    },
];

/// What `SetPowerProfile` takes.
#[derive(Debug, Deserialize)]
pub struct Asked {
    profile: String,
}

/// The service, and what it said.
struct Profiles {
    bus: MessageBus,
    home: Object<'static>,
    active: String,
    offered: Vec<String>,
    /// Why performance is held back, if it is.
    degraded: String,
}

/// Tells which profile is active, and which others there are.
///
/// # Errors
/// `unavailable`, when there is no such service.
pub fn tell(context: &Context) -> Result<Outcome, SkillError> {
    let profiles = ask(context)?;
    let data = json!({"profile": profiles.active, "offered": profiles.offered});
    Ok(Outcome::say(said(&profiles.active, &profiles.offered, &profiles.degraded)).with_data(data))
}

/// Chooses a profile; the result holds what it was.
///
/// # Errors
/// `unavailable`; `not_found`, when this machine does not offer it.
pub fn set(asked: &Asked, context: &Context) -> Result<Outcome, SkillError> {
    choose(&asked.profile, context)
}

/// The same by its name.
///
/// # Errors
/// As [`set`].
pub fn choose(wanted: &str, context: &Context) -> Result<Outcome, SkillError> {
    let mut profiles = ask(context)?;
    if !profiles.offered.iter().any(|offered| offered == wanted) {
        let message = format!("This machine does not offer {}.", title(wanted));
        return Err(SkillError::not_found(message).suggest(format!("There is {}.", titles(&profiles.offered))));
    }
    let set = profiles.bus.set(&profiles.home, "ActiveProfile", Variant::from(wanted));
    set.map_err(|error| POWER_PROFILES.failed(&error))?;
    let before = json!({"profile": profiles.active});
    let message = format!("The power profile is {} now.", title(wanted));
    Ok(Outcome::say(message).with_data(json!({"profile": wanted, "before": before})))
}

fn ask(context: &Context) -> Result<Profiles, SkillError> {
    let mut bus = POWER_PROFILES.bus(context)?;
    let mut failed = None;
    for home in HOMES {
        match bus.properties(&home) {
            Ok(mut told) => {
                let active = told.take("ActiveProfile").unwrap_or_default();
                let degraded = told.take("PerformanceDegraded").unwrap_or_default();
                return Ok(Profiles { offered: offered(&mut told), bus, home, active, degraded });
            }
            // The new name may be taken by an UPower that has no profiles; the first reason counts.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.map_or_else(|| SkillError::failed("No service was asked."), |error| POWER_PROFILES.failed(&error)))
}

fn offered(told: &mut Properties) -> Vec<String> {
    let all: Vec<HashMap<String, OwnedVariant>> = told.take("Profiles").unwrap_or_default();
    all.into_iter().filter_map(|one| Properties::from(one).take("Profile")).collect()
}

/// A profile's name for people.
fn title(profile: &str) -> String {
    match profile {
        "power-saver" => "power saver".into(),
        other => other.replace('-', " "),
    }
}

fn titles(profiles: &[String]) -> String {
    words::listed(&profiles.iter().map(|profile| title(profile)).collect::<Vec<_>>())
}

fn said(active: &str, offered: &[String], degraded: &str) -> String {
    let others: Vec<String> = offered.iter().filter(|offered| *offered != active).cloned().collect();
    let mut message = format!("The power profile is {}", title(active));
    if !others.is_empty() {
        message.push_str(&format!("; there is also {}", titles(&others)));
    }
    message.push('.');
    match degraded {
        "" => {}
        "lap-detected" => message.push_str(" Performance is held back while the machine lies on a lap."),
        "high-operating-temperature" => message.push_str(" Performance is held back because the machine is hot."),
        other => message.push_str(&format!(" Performance is held back ({other}).")),
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_named_for_people() {
        let all = ["power-saver", "balanced", "performance"].map(String::from);
        assert_eq!(
            said("balanced", &all, ""),
            "The power profile is balanced; there is also power saver and performance."
        );
        assert_eq!(
            said("performance", &all[2..], "high-operating-temperature"),
            "The power profile is performance. Performance is held back because the machine is hot."
        );
    }
}
