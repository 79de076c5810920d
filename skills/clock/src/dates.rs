//! Days and the spans between them.
//!
//! Owns: today, and the arithmetic of dates. Must not know: timers.

use crate::slots::{Duration, Moment};
use crate::{named_days, words};
use hob_sdk::{Outcome, SkillError};
use jiff::civil::Date;
use jiff::{Unit, ZonedDateTime as Zoned};
use serde::Deserialize;
use serde_json::json;

/// What day it is.
pub fn today(now: &Zoned) -> Outcome {
    let date = now.date();
    let week = date.iso_week_date().week();
    Outcome::say(format!("Today is {}, week {week}.", words::full_day(date))).with_data(json!({
        "date": date.to_string(),
        "weekday": date.strftime("%A").to_string(),
        "week": week,
        "day_of_year": date.day_of_year(),
    }))
}

/// `date` alone: how far away it is. With `from`: the days between. `offset`: the day that far from
/// `from`, `date` or now.
#[derive(Deserialize)]
pub struct DateMath {
    date: Option<String>,
    from: Option<String>,
    offset: Option<Duration>,
}

/// Answers how far a day is, or which day is that far away.
pub fn date_math(asked: DateMath, request: Option<&str>, now: &Zoned) -> Result<Outcome, SkillError> {
    let date = asked.date.as_deref().map(|text| moment(text, now)).transpose()?;
    let from = asked.from.as_deref().map(|text| moment(text, now)).transpose()?;
    if let Some(offset) = &asked.offset {
        return shifted(from.or(date), offset, now);
    }
    // No slot was filled, but the user may have said a day by its name.
    let named = || request.and_then(|words| named_days::find(words, now.date())).map(Moment::Day);
    let Some(date) = date.or_else(named) else {
        return Err(SkillError::invalid_argument("Which day, or how long from now?")
            .suggest("Say a date or a span, e.g. 24 December or 45 days."));
    };
    match from {
        Some(from) => between(&from, &date, now),
        None => distance(&date, now),
    }
}

fn moment(text: &str, now: &Zoned) -> Result<Moment, SkillError> {
    match named_days::find(text, now.date()) {
        Some(day) => Ok(Moment::Day(day)),
        None => Moment::parse(text, now.time_zone()),
    }
}

fn shifted(from: Option<Moment>, offset: &Duration, now: &Zoned) -> Result<Outcome, SkillError> {
    let span = offset.span()?;
    let has_time = span.get_hours() != 0 || span.get_minutes() != 0 || span.get_seconds() != 0;
    let start = match &from {
        None => now.clone(),
        Some(moment) => instant(moment, now)?,
    };
    let out_of_range =
        |_| SkillError::invalid_argument("That is further away than calendars reach.").suggest("Use a shorter span.");
    let end = start.checked_add(span).map_err(out_of_range)?;
    let day = words::full_day(end.date());
    let message = match (has_time, from) {
        (true, _) => format!("That is {} on {day}.", end.strftime("%H:%M")),
        (false, None) => {
            format!("{} {} {day}.", ago(words::days_between(now.date(), end.date())), is_or_was(now, &end))
        }
        (false, Some(_)) => format!("That is {day}."),
    };
    Ok(Outcome::say(message).with_data(json!({
        "date": end.date().to_string(),
        "time": has_time.then(|| end.strftime("%H:%M:%S").to_string()),
        "weekday": end.strftime("%A").to_string(),
        "days": words::days_between(start.date(), end.date()),
        "from": start.date().to_string(),
    })))
}

fn is_or_was(now: &Zoned, then: &Zoned) -> &'static str {
    if then.date() < now.date() { "was" } else { "is" }
}

fn between(from: &Moment, to: &Moment, now: &Zoned) -> Result<Outcome, SkillError> {
    let (from, to) = (instant(from, now)?.date(), instant(to, now)?.date());
    let days = words::days_between(from, to);
    let count = words::counted(days.unsigned_abs(), "day");
    let message = format!("From {} to {} it's {count}.", words::full_day(from.min(to)), words::full_day(from.max(to)));
    Ok(Outcome::say(message).with_data(distance_data(from, to)))
}

fn distance(moment: &Moment, now: &Zoned) -> Result<Outcome, SkillError> {
    let at = instant(moment, now)?;
    let days = words::days_between(now.date(), at.date());
    let says_time = matches!(moment, Moment::TimeOfDay(_)) || at.time() != jiff::civil::Time::midnight();
    if says_time && days.abs() <= 1 {
        let seconds = at.timestamp().as_second() - now.timestamp().as_second();
        let length = words::roughly(seconds);
        let far = if seconds < 0 { format!("was {length} ago") } else { format!("is in {length}") };
        let mut data = distance_data(now.date(), at.date());
        data["seconds"] = seconds.into();
        return Ok(Outcome::say(format!("{} {far}.", words::clock(&at, now))).with_data(data));
    }
    let day = words::full_day(at.date());
    let message = match days {
        0 => format!("{day} is today."),
        1 => format!("{day} is tomorrow."),
        -1 => format!("{day} was yesterday."),
        2.. => format!("{day} is in {}{}.", words::counted(days.unsigned_abs(), "day"), in_weeks(days)),
        _ => format!("{day} was {} ago{}.", words::counted(days.unsigned_abs(), "day"), in_weeks(days)),
    };
    Ok(Outcome::say(message).with_data(distance_data(now.date(), at.date())))
}

fn distance_data(from: Date, to: Date) -> serde_json::Value {
    json!({
        "date": to.to_string(),
        "weekday": to.strftime("%A").to_string(),
        "days": words::days_between(from, to),
        "from": from.to_string(),
    })
}

/// ", which is 2 weeks and 3 days", where that helps.
fn in_weeks(days: i64) -> String {
    let (weeks, rest) = (days.unsigned_abs() / 7, days.unsigned_abs() % 7);
    match (weeks, rest) {
        (0..2, _) => String::new(),
        (weeks, 0) => format!(" ({weeks} weeks)"),
        (weeks, rest) => format!(" ({weeks} weeks and {})", words::counted(rest, "day")),
    }
}

/// "In 45 days it", "45 days ago it"
fn ago(days: i64) -> String {
    let count = words::counted(days.unsigned_abs(), "day");
    if days < 0 { format!("{count} ago it") } else { format!("In {count} it") }
}

/// A moment as a point in time; a day starts at midnight, a bare time is today's.
fn instant(moment: &Moment, now: &Zoned) -> Result<Zoned, SkillError> {
    let zone = now.time_zone().clone();
    let at = match moment {
        Moment::At(at) => Ok(at.clone()),
        Moment::Day(day) => day.to_zoned_datetime(zone),
        Moment::TimeOfDay(time) => now.date().to_datetime(*time).to_zoned_datetime(zone),
    };
    let at = at.map_err(|_| SkillError::invalid_argument("That day is out of range."))?;
    at.round(Unit::Second).map_err(|_| SkillError::invalid_argument("That day is out of range."))
}
