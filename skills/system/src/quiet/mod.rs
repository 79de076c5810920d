//! Do not disturb: notifications are held back until that is over.
//!
//! Owns: when it begins and ends, and keeping it up where it would end with this process. Must not know: how each
//! notification service is told (that is [`ways`]).

mod ways;

use crate::services::NOTIFICATIONS;
use crate::words;
use hob_sdk::message_bus::MessageBus;
use hob_sdk::{Context, Outcome, SkillError, Wake};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;
use std::sync::{Mutex, MutexGuard, PoisonError};
use ways::Way;

/// Ends it at the time that was said.
const OVER: &str = "quiet-over";
/// Calls this skill before it would be ended for being idle, where it must not be.
const KEEP: &str = "keep-quiet";
/// Seconds from one such call to the next; less than the manifest's `idle_seconds`.
const KEEP_EVERY: i64 = 90;

/// What `DoNotDisturb` takes.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    state: Option<State>,
    duration: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    On,
    Off,
}

/// The connection that holds notifications back, where a service does so only as long as one stands.
#[derive(Default)]
pub struct Quiet {
    held: Mutex<Option<Held>>,
}

struct Held {
    bus: MessageBus,
    cookie: u32,
}

impl Quiet {
    /// Holds notifications back, for a while or until told otherwise, or lets them through again.
    ///
    /// # Errors
    /// `unavailable`, when there is no notification service or none that can do this; `invalid_argument`.
    pub fn switch(&self, asked: &Asked, context: &Context) -> Result<Outcome, SkillError> {
        match asked.state.unwrap_or_default() {
            State::On => self.begin(seconds(asked.duration.as_deref())?, context),
            State::Off => self.end(context),
        }
    }

    /// Sets it as it was before.
    ///
    /// # Errors
    /// As [`Quiet::switch`].
    pub fn put_back(&self, on: bool, context: &Context) -> Result<Outcome, SkillError> {
        if on { self.begin(None, context) } else { self.end(context) }
    }

    /// Goes on holding notifications back; called by the daemon from time to time while this is needed.
    ///
    /// # Errors
    /// When the notification service is gone.
    pub fn keep(&self, context: &Context) -> Result<Outcome, SkillError> {
        let mut held = self.held();
        if let Some(own) = held.as_mut() {
            match ways::is_inhibited(&mut own.bus) {
                Ok(true) => return Ok(Outcome::default().with_wake(keep_wake(context))),
                // The user ended it on the screen.
                Ok(false) => {
                    *held = None;
                    return Ok(Outcome::default().cancelling(OVER).cancelling(KEEP));
                }
                Err(_) => *held = None,
            }
        }
        // This process was ended meanwhile, and what it held with it.
        let mut bus = NOTIFICATIONS.bus(context)?;
        let cookie = ways::inhibit(&mut bus)?;
        *held = Some(Held { bus, cookie });
        Ok(Outcome::default().with_wake(keep_wake(context)))
    }

    fn begin(&self, seconds: Option<i64>, context: &Context) -> Result<Outcome, SkillError> {
        let mut bus = NOTIFICATIONS.bus(context)?;
        let way = ways::find(&mut bus)?;
        let was_on = ways::is_on(way, &mut bus)?;
        let mut held = self.held();
        if way != Way::Inhibit {
            ways::set(way, &mut bus, true)?;
        } else if held.is_none() {
            let cookie = ways::inhibit(&mut bus)?;
            *held = Some(Held { bus, cookie });
        }
        let mut message = "Do not disturb is on".to_string();
        let mut data = json!({"on": true, "before": {"do_not_disturb": {"on": was_on}}});
        let mut outcome = Outcome::default();
        match seconds {
            Some(seconds) => {
                let at = context.now_seconds().saturating_add(seconds);
                message.push_str(&format!(" for {}", words::duration(seconds)));
                data["until"] = at.into();
                let arguments = json!({"state": "off"});
                outcome = outcome.with_wake(Wake { id: OVER.into(), at, intent: "DoNotDisturb".into(), arguments });
            }
            None => outcome = outcome.cancelling(OVER),
        }
        if way == Way::Inhibit {
            outcome = outcome.with_wake(keep_wake(context));
        }
        outcome.message = message + ".";
        Ok(outcome.with_data(data))
    }

    fn end(&self, context: &Context) -> Result<Outcome, SkillError> {
        let mut bus = NOTIFICATIONS.bus(context)?;
        let way = ways::find(&mut bus)?;
        let was_on = ways::is_on(way, &mut bus)?;
        if way != Way::Inhibit {
            ways::set(way, &mut bus, false)?;
        } else if let Some(mut own) = self.held().take() {
            ways::lift(&mut own.bus, own.cookie)?;
        }
        let is_on = ways::is_on(way, &mut bus)?;
        let message = match is_on {
            // Somebody else's is theirs to end.
            true => {
                "Hob holds notifications back no longer, but another program or the desktop's own switch still does."
            }
            false => "Do not disturb is off.",
        };
        let data = json!({"on": is_on, "before": {"do_not_disturb": {"on": was_on}}});
        Ok(Outcome::say(message).with_data(data).cancelling(OVER).cancelling(KEEP))
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep_wake(context: &Context) -> Wake {
    let at = context.now_seconds().saturating_add(KEEP_EVERY);
    Wake { id: KEEP.into(), at, intent: "KeepQuiet".into(), arguments: json!({}) }
}

/// A span of time as the daemon writes it, in seconds.
fn seconds(duration: Option<&str>) -> Result<Option<i64>, SkillError> {
    let Some(text) = duration else { return Ok(None) };
    let wrong =
        || SkillError::invalid_argument(format!("{text} is no span of time.")).suggest("Say how long, e.g. an hour.");
    // Days are no exact time in general, but here they are: nobody means the clock change.
    let text_of_hours = match text.strip_prefix('P').and_then(|rest| rest.strip_suffix('D')) {
        Some(days) => format!("PT{}H", days.parse::<u32>().map_err(|_| wrong())?.saturating_mul(24)),
        None => text.to_string(),
    };
    let span: SignedDuration = text_of_hours.parse().map_err(|_| wrong())?;
    if span.as_secs() <= 0 { Err(wrong()) } else { Ok(Some(span.as_secs())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, wanted) in [("PT1H30M", 5_400), ("PT45S", 45), ("P1D", 86_400)] {
            assert_eq!(seconds(Some(text)).ok().flatten(), Some(wanted), "{text}");
        }
        assert_eq!(seconds(None).ok(), Some(None));
        for bad in ["", "an hour", "-PT5M", "PT0S", "PxD"] {
            assert_eq!(seconds(Some(bad)).expect_err(bad).code, "invalid_argument");
        }
    }
}
