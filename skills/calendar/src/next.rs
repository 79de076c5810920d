//! When something takes place next.
//!
//! Owns: which event is meant, and how its time is said. Must not know: files, notation.

use crate::contacts;
use crate::event::Stretch;
use crate::look::{Found, Item, look};
use crate::matching::{Fit, Wanted};
use crate::words;
use hob_sdk::text::fold;
use hob_sdk::{Context, Outcome, Parameters, SkillError};
use jiff::{Timestamp, ToSpan, ZonedDateTime};
use serde::Deserialize;

/// Words around a name (folded) that say nothing about which event is meant.
#[rustfmt::skip] // A word a line would hide them.
const NOISE: &[&str] = &[
    "the", "my", "our", "a", "an", "next", "upcoming", "coming", "with", "of", "at", "in", "o", "os", "as", "meu", "minha",
    "do", "da", "de", "com", "na", "no", "proximo", "proxima", "der", "die", "das", "den", "dem", "mein", "meine", "meinen",
    "nachste", "nachster", "nachsten", "mit", "beim", "im", "el", "la", "los", "las", "mi", "mis", "del", "con", "en",
    "我的", "下一个", "下次", "appointment", "event", "date", "consulta", "compromisso", "evento", "marcacao", "termin",
    "veranstaltung", "ereignis", "cita", "活动", "预约", "安排", "日程",
];
/// Words (folded) for any event, where no event is called so.
#[rustfmt::skip]
const ANY: &[&str] = &[
    "appointment", "appointments", "event", "events", "date", "meeting", "meetings", "thing", "consulta", "compromisso",
    "compromissos", "evento", "eventos", "reuniao", "marcacao", "termin", "termine", "veranstaltung", "ereignis",
    "besprechung", "treffen", "meeting", "cita", "citas", "reunion", "会议", "活动", "预约", "安排", "日程", "会",
];
/// Words (folded) for the day somebody was born on.
const BIRTHDAY: &[&str] =
    &["birthday", "birthdays", "bday", "aniversario", "anos", "geburtstag", "cumpleanos", "cumple", "生日"];

/// How far ahead and back is looked, in years.
const YEARS: i64 = 12;
/// Occurrences of one event that are found.
const MOST_EACH: usize = 3;
/// The same for what is past, of which the last one counts.
const MOST_PAST: usize = 5_000;
/// Events that scripts get.
const SHOWN: usize = 5;

/// What `NextEvent` takes.
#[derive(Debug, Default, Deserialize, Parameters)]
pub struct NextEvent {
    /// Words of the event's name or place; left out: whatever is next
    #[param(x_type = "freetext", copy)]
    name: Option<String>,
}

/// Tells when the event is: the next time, or else the last one.
pub fn next_event(asked: &NextEvent, now: &ZonedDateTime, context: &Context) -> Result<Outcome, SkillError> {
    let said = asked.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let Some(said) = said else { return whatever_is_next(now, context) };
    let wanted = Wanted::new(&apart(said), NOISE);
    if let Some(birthday) = birthday(&wanted, now, context) {
        return Ok(birthday);
    }
    let found = best(look_for(&wanted, now, ahead(now), MOST_EACH, context)?, &wanted);
    match found.items.first() {
        Some(next) => Ok(told(next, &found, now)),
        None if wanted.is_only(ANY) => whatever_is_next(now, context),
        None => last_time(&wanted, said, now, context),
    }
}

fn whatever_is_next(now: &ZonedDateTime, context: &Context) -> Result<Outcome, SkillError> {
    let found = look(context, now, ahead(now), MOST_EACH, |_| true)?;
    // What goes on already is not next, unless nothing else is.
    let next = found.items.iter().find(|item| item.instant >= now.timestamp()).or(found.items.first());
    Ok(match next {
        Some(next) => told(next, &found, now),
        None => found.outcome(format!("Nothing is ahead in your calendar.{}", found.caveat()), 0),
    })
}

fn told(item: &Item, found: &Found, now: &ZonedDateTime) -> Outcome {
    found.outcome(format!("{}.{}", said_of(item, now), found.caveat()), SHOWN)
}

/// Somebody's birthday, whatever language it is called so in: out of the calendar, else out of the contacts.
fn birthday(wanted: &Wanted, now: &ZonedDateTime, context: &Context) -> Option<Outcome> {
    let of_whom = wanted.without(BIRTHDAY).filter(|of_whom| !of_whom.is_empty())?;
    birthday_event(&of_whom, now, context).or_else(|| contacts::birthday_of(&of_whom, now, context))
}

/// A birthday that stands in the calendar with these words, if one does.
pub fn birthday_event(of_whom: &Wanted, now: &ZonedDateTime, context: &Context) -> Option<Outcome> {
    let is_birthday = |title: &str| Wanted::new(title, &[]).without(BIRTHDAY).is_some();
    let found =
        look(context, now, ahead(now), 1, |event| is_birthday(&event.title) && of_whom.fit(&event.title).is_some());
    let found = best(found.ok()?, of_whom);
    found.items.first().map(|next| told(next, &found, now))
}

/// "Zahnarzttermin" as "Zahnarzt termin", whose second word says nothing.
fn apart(said: &str) -> String {
    let word = |word: &str| match fold(word).strip_suffix("termin") {
        Some(first) if !first.is_empty() => format!("{first} termin"),
        _ => word.to_string(),
    };
    said.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

fn ahead(now: &ZonedDateTime) -> Stretch {
    Stretch { from: now.timestamp(), to: far(now, YEARS) }
}

fn far(now: &ZonedDateTime, years: i64) -> Timestamp {
    now.saturating_add(years.years()).timestamp()
}

fn look_for(
    wanted: &Wanted,
    now: &ZonedDateTime,
    within: Stretch,
    most: usize,
    context: &Context,
) -> Result<Found, SkillError> {
    look(context, now, within, most, |event| fit(wanted, &event.title, &event.place).is_some())
}

/// How well an event fits: by its name, or, which counts less, by its name and place together.
fn fit(wanted: &Wanted, title: &str, place: &str) -> Option<(bool, Fit)> {
    let by_title = wanted.fit(title).map(|fit| (true, fit));
    by_title.or_else(|| wanted.fit(&format!("{title} {place}")).map(|fit| (false, fit)))
}

/// Only those that fit best.
fn best(mut found: Found, wanted: &Wanted) -> Found {
    // An event that is called so and one that has the words among others are both meant.
    let rate = |item: &Item| fit(wanted, &item.title, &item.place).map(|(by, fit)| (by, fit.min(Fit::Whole)));
    let best = found.items.iter().map(rate).max().flatten();
    found.items.retain(|item| rate(item) == best);
    found
}

/// "Dentist (Am Wall 120) is on Friday 27 November, 09:00 to 10:00, in 4 days"
fn said_of(item: &Item, now: &ZonedDateTime) -> String {
    let (today, clock) = (now.date(), now.datetime());
    // A whole day that is today is on today, rather than going on.
    if item.start <= clock && (item.start.date() < today || !item.whole_days) {
        return format!("{} is going on, {}", item.named(), item.time_on(today, today));
    }
    let day = item.start.date();
    let time = item.time_on(day, today);
    let ahead = match (item.whole_days, words::days_between(today, day)) {
        (true, 0 | 1) => String::new(),
        (true, days) => format!(", in {}", words::counted(days, "day")),
        (false, _) => format!(", {}", words::ahead(clock, item.start)),
    };
    let time = if time == "all day" { String::new() } else { format!(", {time}") };
    format!("{} is {}{time}{ahead}", item.named(), words::on_day(day, today))
}

/// Nothing of that name is ahead: when it last was.
fn last_time(wanted: &Wanted, said: &str, now: &ZonedDateTime, context: &Context) -> Result<Outcome, SkillError> {
    let past = Stretch { from: far(now, -YEARS), to: now.timestamp() };
    let mut found = best(look_for(wanted, now, past, MOST_PAST, context)?, wanted);
    found.items.reverse();
    let Some(last) = found.items.first() else {
        let error = SkillError::not_found(format!("Nothing in your calendar is called \"{said}\".{}", found.caveat()));
        return Err(error.suggest(match nearest(wanted, now, context)? {
            Some(near) => format!("Perhaps you mean: {}.", said_of(&near, now)),
            None => "Say a word of its name, or ask what is on that day.".into(),
        }));
    };
    let message = format!("{}; nothing of that name is ahead.{}", was(last, now), found.caveat());
    Ok(found.outcome(message, SHOWN))
}

/// "Dentist (Am Wall 120) was on Tuesday 18 August, 08:15 to 09:00"
fn was(item: &Item, now: &ZonedDateTime) -> String {
    let (day, today) = (item.start.date(), now.date());
    format!("{} was {}, {}", item.named(), words::on_day(day, today), item.time_on(day, today))
}

/// What is next of the events that have one of the words.
fn nearest(wanted: &Wanted, now: &ZonedDateTime, context: &Context) -> Result<Option<Item>, SkillError> {
    let found = look(context, now, ahead(now), 1, |event| wanted.shares_a_word(&event.title))?;
    Ok(found.items.into_iter().next())
}
