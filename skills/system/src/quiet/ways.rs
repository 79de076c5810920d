//! How notification services are told to hold back what comes.
//!
//! Owns: the three ways that are documented: SwayNotificationCenter's and dunst's own switches, and `Inhibit`, which
//! Plasma offers and others may. Must not know: for how long. GNOME's switch is a setting that no service takes from
//! programs but the one that takes all settings, which is more than this skill should be able to change.

use crate::services::NOTIFICATIONS;
use hob_sdk::SkillError;
use hob_sdk::message_bus::{BusError, MessageBus, Object, Variant};
use std::collections::HashMap;

const SERVER: Object<'static> = Object {
    name: "org.freedesktop.Notifications",
    path: "/org/freedesktop/Notifications",
    interface: "org.freedesktop.Notifications",
};
const DUNST: Object<'static> = Object { interface: "org.dunstproject.cmd0", ..SERVER };
const SWAY: Object<'static> = Object {
    name: "org.erikreider.swaync.cc",
    path: "/org/erikreider/swaync/cc",
    interface: "org.erikreider.swaync.cc",
};
/// What a service that knows `Inhibit` counts among its capabilities.
const CAPABILITY: &str = "inhibitions";
/// The one on whose behalf, as its desktop file is named, and why.
const ON_BEHALF: (&str, &str) = ("org.hob.Hob1", "You asked hob not to be disturbed");

/// A way to hold notifications back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// SwayNotificationCenter's switch.
    Sway,
    /// dunst's switch.
    Dunst,
    /// `Inhibit`, which lasts as long as the connection.
    Inhibit,
}

/// The way of the service that runs.
///
/// # Errors
/// `unavailable`, when none runs, or one that has no way.
pub fn find(bus: &mut MessageBus) -> Result<Way, SkillError> {
    if bus.call::<_, bool>(&SWAY, "GetDnd", &()).is_ok() {
        return Ok(Way::Sway);
    }
    let capabilities: Vec<String> = bus.call(&SERVER, "GetCapabilities", &()).map_err(failed)?;
    if capabilities.iter().any(|capability| capability == CAPABILITY) {
        return Ok(Way::Inhibit);
    }
    if bus.property::<bool>(&DUNST, "paused").is_ok() {
        return Ok(Way::Dunst);
    }
    let said: Result<(String, String, String, String), _> = bus.call(&SERVER, "GetServerInformation", &());
    Err(no_way(&said.map_or_else(|_| "This notification service".into(), |(name, ..)| name)))
}

fn no_way(name: &str) -> SkillError {
    let message = format!("{name} has no way for programs to turn do not disturb on or off.");
    SkillError::unavailable(message).suggest("Use the switch beside the desktop's list of notifications.")
}

/// Whether notifications are held back, by whomever.
///
/// # Errors
/// When the service does not tell.
pub fn is_on(way: Way, bus: &mut MessageBus) -> Result<bool, SkillError> {
    match way {
        Way::Sway => bus.call(&SWAY, "GetDnd", &()).map_err(failed),
        Way::Dunst => bus.property(&DUNST, "paused").map_err(failed),
        Way::Inhibit => is_inhibited(bus),
    }
}

/// Turns a switch that stays as it is set.
///
/// # Errors
/// When the service refuses.
pub fn set(way: Way, bus: &mut MessageBus, on: bool) -> Result<(), SkillError> {
    match way {
        Way::Sway => bus.call(&SWAY, "SetDnd", &on).map_err(failed),
        Way::Dunst => bus.set(&DUNST, "paused", Variant::from(on)).map_err(failed),
        Way::Inhibit => Err(no_way("Plasma")),
    }
}

/// Whether anybody inhibits notifications.
///
/// # Errors
/// When the service does not tell.
pub fn is_inhibited(bus: &mut MessageBus) -> Result<bool, SkillError> {
    bus.property(&SERVER, "Inhibited").map_err(failed)
}

/// Inhibits notifications for as long as this connection stands; gives what lifts that.
///
/// # Errors
/// When the service refuses.
pub fn inhibit(bus: &mut MessageBus) -> Result<u32, SkillError> {
    let hints: HashMap<&str, Variant<'_>> = HashMap::new();
    bus.call(&SERVER, "Inhibit", &(ON_BEHALF.0, ON_BEHALF.1, hints)).map_err(failed)
}

/// Lifts it.
///
/// # Errors
/// When the service refuses.
pub fn lift(bus: &mut MessageBus, cookie: u32) -> Result<(), SkillError> {
    bus.call(&SERVER, "UnInhibit", &cookie).map_err(failed)
}

fn failed(error: BusError) -> SkillError {
    NOTIFICATIONS.failed(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_a_way_is_named() {
        let error = no_way("gnome-shell");
        assert_eq!(error.message, "gnome-shell has no way for programs to turn do not disturb on or off.");
        assert!(error.suggestion.is_some_and(|what| what.contains("switch")));
    }
}
