//! How full the battery is, as UPower tells.
//!
//! Owns: reading UPower's device for display. Must not know: which batteries that device is made of.

use crate::services::UPOWER;
use crate::words;
use hob_sdk::message_bus::Object;
use hob_sdk::{Context, Outcome, SkillError};
use serde_json::{Value, json};

const NAME: &str = "org.freedesktop.UPower";
/// All batteries together.
const DISPLAY: Object<'static> = Object {
    name: NAME,
    path: "/org/freedesktop/UPower/devices/DisplayDevice",
    interface: "org.freedesktop.UPower.Device",
};
const MANAGER: Object<'static> = Object { name: NAME, path: "/org/freedesktop/UPower", interface: NAME };

/// What the battery does, by UPower's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Charging,
    Discharging,
    Empty,
    Full,
    /// Plugged in, and neither filled nor emptied.
    Held,
    Unknown,
}

#[derive(Debug)]
struct Battery {
    percent: f64,
    state: State,
    /// Seconds; 0 when unknown.
    to_empty: i64,
    /// Seconds; 0 when unknown.
    to_full: i64,
}

/// Tells how full the battery is, and how long it lasts.
///
/// # Errors
/// `unavailable`, when there is no UPower.
pub fn status(context: &Context) -> Result<Outcome, SkillError> {
    let mut bus = UPOWER.bus(context)?;
    let mut told = bus.properties(&DISPLAY).map_err(|error| UPOWER.failed(&error))?;
    if told.take("IsPresent") != Some(true) {
        let message = "This machine has no battery; it runs on mains power.";
        return Ok(Outcome::say(message).with_data(json!({"present": false})));
    }
    let on_battery: Option<bool> = bus.property(&MANAGER, "OnBattery").ok();
    let battery = Battery {
        percent: told.take("Percentage").unwrap_or(0.0),
        state: state(told.take("State").unwrap_or(0)),
        to_empty: told.take("TimeToEmpty").unwrap_or(0),
        to_full: told.take("TimeToFull").unwrap_or(0),
    };
    Ok(Outcome::say(said(&battery)).with_data(data(&battery, on_battery)))
}

fn state(number: u32) -> State {
    match number {
        1 => State::Charging,
        2 | 6 => State::Discharging,
        3 => State::Empty,
        4 => State::Full,
        5 => State::Held,
        _ => State::Unknown,
    }
}

fn said(battery: &Battery) -> String {
    let level = format!("The battery is at {:.0}%", battery.percent);
    match (battery.state, battery.to_full, battery.to_empty) {
        (State::Full, ..) => "The battery is full.".into(),
        (State::Empty, ..) => "The battery is empty.".into(),
        (State::Charging, 1.., _) => {
            format!("{level} and charging; full in about {}.", words::duration(battery.to_full))
        }
        (State::Charging, ..) => format!("{level} and charging."),
        (State::Held, ..) => format!("{level}, plugged in and not charging."),
        (State::Discharging, _, 1..) => format!("{level}; about {} are left.", words::duration(battery.to_empty)),
        _ => format!("{level}."),
    }
}

fn data(battery: &Battery, on_battery: Option<bool>) -> Value {
    let known = |seconds: i64| (seconds > 0).then_some(seconds);
    json!({
        "present": true,
        "percent": battery.percent.round(),
        "charging": battery.state == State::Charging,
        "on_battery": on_battery,
        "seconds_left": known(battery.to_empty),
        "seconds_to_full": known(battery.to_full),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_sentence() {
        let battery = |number, to_empty, to_full| Battery { percent: 81.6, state: state(number), to_empty, to_full };
        for (number, to_empty, to_full, words) in [
            (1, 0, 2_700, "The battery is at 82% and charging; full in about 45 minutes."),
            (1, 0, 0, "The battery is at 82% and charging."),
            (2, 9_000, 0, "The battery is at 82%; about 2 hours and 30 minutes are left."),
            (2, 0, 0, "The battery is at 82%."),
            (3, 0, 0, "The battery is empty."),
            (4, 0, 0, "The battery is full."),
            (5, 0, 0, "The battery is at 82%, plugged in and not charging."),
            (0, 0, 0, "The battery is at 82%."),
        ] {
            assert_eq!(said(&battery(number, to_empty, to_full)), words);
        }
        let shown = data(&battery(2, 60, 0), Some(true));
        assert_eq!((&shown["seconds_left"], &shown["seconds_to_full"]), (&json!(60), &Value::Null));
    }
}
