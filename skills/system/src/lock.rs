//! Locking the screen.
//!
//! Owns: whom to ask, and what can be said of the result. Must not know: how a screen is unlocked; that takes the user,
//! so there is nothing here that undoes it.

use crate::brightness::SESSION;
use crate::services::{LOGIND, SCREEN_SAVER};
use hob_sdk::message_bus::{MessageBus, Object};
use hob_sdk::{Context, Outcome, SkillError};
use serde_json::json;
use std::thread::sleep;
use std::time::Duration;

/// Screen locks that sessions have of their own, where logind's word is not heard.
const SAVERS: [Object<'static>; 3] = [
    Object {
        name: "org.freedesktop.ScreenSaver",
        path: "/org/freedesktop/ScreenSaver",
        interface: "org.freedesktop.ScreenSaver",
    },
    Object { name: "org.freedesktop.ScreenSaver", path: "/ScreenSaver", interface: "org.freedesktop.ScreenSaver" },
    Object { name: "org.gnome.ScreenSaver", path: "/org/gnome/ScreenSaver", interface: "org.gnome.ScreenSaver" },
];
/// How often, and how far apart, the session is asked whether it is locked.
const LOOKS: (u32, Duration) = (10, Duration::from_millis(100));

/// Locks the screen.
///
/// # Errors
/// `unavailable`, when there is neither a log-in service nor a screen lock.
pub fn lock(context: &Context) -> Result<Outcome, SkillError> {
    let told = LOGIND.bus(context).and_then(|mut bus| {
        bus.call::<_, ()>(&SESSION, "Lock", &()).map_err(|error| LOGIND.failed(&error))?;
        Ok(is_locked_soon(&mut bus))
    });
    if let Ok(true) = told {
        return Ok(locked());
    }
    match (by_saver(context), told) {
        (Ok(()), _) => Ok(locked()),
        // Lockers that only listen to logind do not always say that they are done.
        (Err(_), Ok(_)) => {
            let message = "The session was told to lock its screen; nothing confirmed that it did.";
            Ok(Outcome::say(message).with_data(json!({"locked": null})))
        }
        (Err(missing), Err(_)) => Err(missing),
    }
}

fn locked() -> Outcome {
    Outcome::say("The screen is locked.").with_data(json!({"locked": true}))
}

fn is_locked_soon(bus: &mut MessageBus) -> bool {
    let (times, apart) = LOOKS;
    (0..times).any(|look| {
        if look > 0 {
            sleep(apart);
        }
        bus.property::<bool>(&SESSION, "LockedHint").unwrap_or(false)
    })
}

fn by_saver(context: &Context) -> Result<(), SkillError> {
    let mut bus = SCREEN_SAVER.bus(context)?;
    let mut failed = None;
    for saver in SAVERS {
        match bus.call::<_, ()>(&saver, "Lock", &()) {
            Ok(()) => return Ok(()),
            // Of several reasons, "it is not there" says the least.
            Err(error) if failed.is_none() || !error.is_absent() => failed = Some(error),
            Err(_) => {}
        }
    }
    Err(failed.map_or_else(|| SkillError::failed("No screen lock was asked."), |error| SCREEN_SAVER.failed(&error)))
}
