//! The clock skill: timers, alarms, the time in a place, date arithmetic.
//!
//! Owns: which intent is answered by which part. Must not know: how a bell sounds; the daemon
//! calls `TimerRang` at the right time and shows what it says, so an idle clock holds no memory.

mod dates;
mod named_days;
mod places;
mod places_table;
mod slots;
mod store;
mod timers;
mod words;

use hob_sdk::{Call, Context, Outcome, Skill, SkillError};
use store::Store;

/// The skill itself; all its state is in its storage folder.
struct Clock;

impl Skill for Clock {
    fn new(_: &Context) -> Result<Self, SkillError> {
        Ok(Self)
    }

    fn call(&self, call: &Call) -> Result<Outcome, SkillError> {
        let now = slots::now(&call.context)?;
        let store = Store::at(&call.context.storage);
        match call.intent.as_str() {
            "SetTimer" => timers::set_timer(call.arguments()?, &now, &store),
            "SetAlarm" => timers::set_alarm(call.arguments()?, &now, &store),
            "ListTimers" => timers::list(call.arguments()?, &now, &store),
            "CancelTimer" => timers::cancel(call.arguments()?, &now, &store),
            "RestoreTimers" => timers::restore(call.arguments()?, &now, &store),
            "TimerRang" => timers::rang(call.arguments()?, &now, &store),
            "WhatTime" => places::what_time(call.arguments()?, &now),
            "Today" => Ok(dates::today(&now)),
            "DateMath" => dates::date_math(call.arguments()?, call.context.request.as_deref(), &now),
            other => Err(SkillError::unknown_intent(other)),
        }
    }
}

hob_sdk::export_skill!(Clock, "org.hob.clock", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests;
