//! Timers and alarms: set, listed, cancelled, brought back, rung.
//!
//! Owns: the intents about things that ring. Must not know: the file they are kept in.

use crate::slots::{Duration, Moment};
use crate::store::{Entry, Kind, Store, Timers};
use crate::words;
use hob_sdk::text::fold;
use hob_sdk::{Outcome, SkillError, Wake};
use jiff::{Timestamp, ZonedDateTime as Zoned};
use serde::Deserialize;
use serde_json::{Value, json};

/// The longest timer; what is later is an alarm or a calendar's business.
const LONGEST_S: i64 = 366 * 86_400;
/// Characters of a label that are kept.
const LABEL_CHARS: usize = 100;
/// A ring this much later than due says so.
const LATE_S: i64 = 60;
/// Entries that should have rung this long ago are forgotten.
const FORGOTTEN_S: i64 = 7 * 86_400;

#[derive(Deserialize)]
pub struct SetTimer {
    duration: Duration,
    label: Option<String>,
}

/// Starts a countdown.
pub fn set_timer(asked: SetTimer, now: &Zoned, store: &Store) -> Result<Outcome, SkillError> {
    let too_long = || {
        SkillError::invalid_argument("A timer can run for a year at most.").suggest("Set an alarm for the day instead.")
    };
    let at = now.checked_add(asked.duration.span()?).map_err(|_| too_long())?;
    let seconds = at.timestamp().as_second() - now.timestamp().as_second();
    if seconds < 1 {
        return Err(SkillError::invalid_argument("A timer needs at least one second.")
            .suggest("Say how long it shall run, e.g. ten minutes."));
    }
    if seconds > LONGEST_S {
        return Err(too_long());
    }
    let mut timers = load(store, now)?;
    let entry = timers.add(Kind::Timer, label(asked.label), at.timestamp().as_second(), Some(seconds))?;
    store.save(&timers)?;
    let until = if seconds < 120 { at.strftime("%H:%M:%S").to_string() } else { words::clock(&at, now) };
    let message = format!("{} set: {}, until {until}.", title(&entry), words::duration(seconds));
    Ok(Outcome::say(message).with_data(shown(&entry, now)).with_wake(wake(&entry)))
}

#[derive(Deserialize)]
pub struct SetAlarm {
    time: String,
    label: Option<String>,
}

/// Sets something to ring at a point in time.
pub fn set_alarm(asked: SetAlarm, now: &Zoned, store: &Store) -> Result<Outcome, SkillError> {
    let at = match Moment::parse(&asked.time, now.time_zone())? {
        Moment::At(at) => at,
        Moment::TimeOfDay(time) => next(time, now)?,
        Moment::Day(day) => {
            return Err(SkillError::invalid_argument(format!("At what time on {}?", words::full_day(day)))
                .suggest("Say a time too, e.g. seven in the morning."));
        }
    };
    if at.timestamp() <= now.timestamp() {
        return Err(SkillError::invalid_argument(format!("{} is already past.", sentence(&words::clock(&at, now))))
            .suggest("Say a time that is still to come."));
    }
    let mut timers = load(store, now)?;
    let entry = timers.add(Kind::Alarm, label(asked.label), at.timestamp().as_second(), None)?;
    store.save(&timers)?;
    let ahead = words::roughly(at.timestamp().as_second() - now.timestamp().as_second());
    let message = format!("{} set for {}, in {ahead}.", title(&entry), words::clock(&at, now));
    Ok(Outcome::say(message).with_data(shown(&entry, now)).with_wake(wake(&entry)))
}

/// The next time that a clock in the user's zone shows `time`.
fn next(time: jiff::civil::Time, now: &Zoned) -> Result<Zoned, SkillError> {
    let out_of_range = |_| SkillError::invalid_argument("That time is out of range.");
    let today = now.with().time(time).build().map_err(out_of_range)?;
    if today.timestamp() > now.timestamp() {
        return Ok(today);
    }
    let tomorrow = now.date().tomorrow().map_err(out_of_range)?;
    tomorrow.to_datetime(time).to_zoned_datetime(now.time_zone().clone()).map_err(out_of_range)
}

#[derive(Deserialize)]
pub struct List {
    kind: Option<Kind>,
}

/// What is set. Asks for all wakes again, which mends a daemon that lost them.
pub fn list(asked: List, now: &Zoned, store: &Store) -> Result<Outcome, SkillError> {
    let mut entries = load(store, now)?.entries;
    entries.retain(|entry| asked.kind.is_none_or(|kind| entry.kind == kind));
    entries.sort_by_key(|entry| entry.at);
    let message = match (entries.as_slice(), asked.kind) {
        ([], None) => "No timers or alarms are set.".to_string(),
        ([], Some(kind)) => format!("No {}s are set.", kind.word()),
        (entries, _) => {
            let lines: Vec<_> = entries.iter().map(|entry| described(entry, now)).collect();
            format!("{}.", sentence(&lines.join("; ")))
        }
    };
    let data = json!({"timers": entries.iter().map(|entry| shown(entry, now)).collect::<Vec<_>>()});
    let mut outcome = Outcome::say(message).with_data(data);
    outcome.wake = entries.iter().map(wake).collect();
    Ok(outcome)
}

#[derive(Default, Deserialize)]
pub struct Cancel {
    id: Option<u64>,
    label: Option<String>,
    kind: Option<Kind>,
    which: Option<Which>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    All,
    Last,
}

/// Takes timers or alarms back: the one with that id, those with that label, the last one set, all,
/// or the only one there is.
pub fn cancel(asked: Cancel, now: &Zoned, store: &Store) -> Result<Outcome, SkillError> {
    let mut timers = load(store, now)?;
    let chosen = chosen(&asked, &timers, now)?;
    timers.entries.retain(|entry| !chosen.contains(entry));
    store.save(&timers)?;
    let message = match chosen.as_slice() {
        [one] => format!("{} cancelled.", title(one)),
        more => format!("{} cancelled.", words::counted(more.len() as u64, noun(more))),
    };
    let mut outcome = Outcome::say(message).with_data(json!({"timers": chosen}));
    outcome.cancel_wake = chosen.iter().map(wake_id).collect();
    Ok(outcome)
}

fn chosen(asked: &Cancel, timers: &Timers, now: &Zoned) -> Result<Vec<Entry>, SkillError> {
    let what = asked.kind.map_or("timer or alarm", Kind::word);
    let of_kind = |entry: &&Entry| asked.kind.is_none_or(|kind| entry.kind == kind);
    let candidates: Vec<Entry> = timers.entries.iter().filter(of_kind).cloned().collect();
    if candidates.is_empty() {
        return Err(SkillError::not_found(format!("No {what} is set, so there is nothing to cancel.")));
    }
    if let Some(id) = asked.id {
        let found: Vec<_> = candidates.into_iter().filter(|entry| entry.id == id).collect();
        let missing =
            || SkillError::not_found(format!("There is no {what} {id}.")).suggest("List the timers to see their ids.");
        return if found.is_empty() { Err(missing()) } else { Ok(found) };
    }
    if let Some(label) = asked.label.as_deref().map(fold).filter(|label| !label.is_empty()) {
        let found: Vec<_> = candidates.iter().filter(|entry| is_labelled(entry, &label)).cloned().collect();
        if found.is_empty() {
            let there = candidates.iter().map(|entry| described(entry, now)).collect::<Vec<_>>().join("; ");
            return Err(
                SkillError::not_found(format!("No {what} is for \"{label}\".")).suggest(format!("There is: {there}."))
            );
        }
        return Ok(found);
    }
    match (asked.which, candidates.as_slice()) {
        (Some(Which::All), _) | (_, [_]) => Ok(candidates),
        (Some(Which::Last), _) => Ok(candidates.into_iter().max_by_key(|entry| entry.id).into_iter().collect()),
        (None, several) => {
            let there = several.iter().map(|entry| described(entry, now)).collect::<Vec<_>>().join("; ");
            Err(SkillError::new("ambiguous", format!("Which one? There is: {there}."))
                .suggest("Name it by its label, or say all or the last one."))
        }
    }
}

fn is_labelled(entry: &Entry, folded: &str) -> bool {
    entry.label.as_deref().map(fold).is_some_and(|own| own == folded || own.contains(folded) || folded.contains(&own))
}

#[derive(Deserialize)]
pub struct Restore {
    timers: Vec<Entry>,
}

/// Brings cancelled ones back, as far as they are still to come. The undo of `CancelTimer`.
pub fn restore(asked: Restore, now: &Zoned, store: &Store) -> Result<Outcome, SkillError> {
    let mut timers = load(store, now)?;
    let mut back = Vec::new();
    for entry in asked.timers {
        let is_ahead = entry.at > now.timestamp().as_second() && Timestamp::from_second(entry.at).is_ok();
        if is_ahead {
            back.push(timers.add(entry.kind, label(entry.label), entry.at, entry.seconds)?);
        }
    }
    if back.is_empty() {
        return Err(SkillError::not_found(
            "What was cancelled would have rung by now, so there is nothing to bring back.",
        ));
    }
    store.save(&timers)?;
    let message = match back.as_slice() {
        [one] => format!("{} is back.", title(one)),
        more => format!("{} are back.", words::counted(more.len() as u64, noun(more))),
    };
    let mut outcome = Outcome::say(message).with_data(json!({"timers": back}));
    outcome.wake = back.iter().map(wake).collect();
    Ok(outcome)
}

#[derive(Deserialize)]
pub struct Rang {
    id: u64,
}

/// The daemon's call when a wake is due.
pub fn rang(asked: Rang, now: &Zoned, store: &Store) -> Result<Outcome, SkillError> {
    let mut timers = store.load()?;
    let Some(place) = timers.entries.iter().position(|entry| entry.id == asked.id) else {
        return Err(SkillError::not_found(format!("Timer {} is no longer set.", asked.id)));
    };
    let entry = timers.entries.remove(place);
    store.save(&timers)?;
    let due = zoned(&entry, now);
    let late = now.timestamp().as_second() - entry.at;
    let mut message = match (entry.kind, entry.seconds) {
        (Kind::Timer, Some(seconds)) => format!("{}: {} are up.", title(&entry), words::duration(seconds)),
        (Kind::Timer, None) => format!("{} is up.", title(&entry)),
        (Kind::Alarm, _) => format!("{}: it's {}.", title(&entry), due.strftime("%H:%M")),
    };
    if let (Kind::Timer, Some(1 | 60 | 3_600 | 86_400)) = (entry.kind, entry.seconds) {
        message = message.replace(" are up.", " is up.");
    }
    if late > LATE_S {
        message = format!("{} was due at {}, {} ago.", title(&entry), words::clock(&due, now), words::roughly(late));
    }
    let mut data = shown(&entry, now);
    data["late_seconds"] = late.max(0).into();
    Ok(Outcome::say(message).with_data(data))
}

/// The stored entries without those that nobody rang for a week.
fn load(store: &Store, now: &Zoned) -> Result<Timers, SkillError> {
    let mut timers = store.load()?;
    timers.entries.retain(|entry| now.timestamp().as_second() - entry.at < FORGOTTEN_S);
    Ok(timers)
}

fn wake_id(entry: &Entry) -> String {
    format!("timer-{}", entry.id)
}

fn wake(entry: &Entry) -> Wake {
    Wake { id: wake_id(entry), at: entry.at, intent: "TimerRang".into(), arguments: json!({"id": entry.id}) }
}

/// A label fit for sentences and the file: one line, not too long, not empty.
fn label(said: Option<String>) -> Option<String> {
    let plain: String = said?.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LABEL_CHARS).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    (!plain.is_empty()).then_some(plain)
}

/// "Timer for pasta"
fn title(entry: &Entry) -> String {
    let kind = sentence(entry.kind.word());
    entry.label.as_ref().map_or(kind.clone(), |label| format!("{kind} for {label}"))
}

/// "timer for pasta, 4 minutes left"
fn described(entry: &Entry, now: &Zoned) -> String {
    let named = entry
        .label
        .as_ref()
        .map_or(entry.kind.word().to_string(), |label| format!("{} for {label}", entry.kind.word()));
    let left = entry.at - now.timestamp().as_second();
    let at = zoned(entry, now);
    match (entry.kind, left) {
        (_, ..=0) => format!("{named}, due since {}", words::clock(&at, now)),
        (Kind::Timer, left) => format!("{named}, {} left", words::duration(left)),
        (Kind::Alarm, _) => format!("{named} at {}", words::clock(&at, now)),
    }
}

/// What scripts see of an entry.
fn shown(entry: &Entry, now: &Zoned) -> Value {
    let mut data = json!({
        "id": entry.id,
        "kind": entry.kind,
        "at": zoned(entry, now).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        "seconds_left": (entry.at - now.timestamp().as_second()).max(0),
    });
    // Left out rather than null: undo passes them on as arguments.
    if let Some(label) = &entry.label {
        data["label"] = label.as_str().into();
    }
    if let Some(seconds) = entry.seconds {
        data["seconds"] = seconds.into();
    }
    data
}

/// When it rings, in the user's zone; a time out of range (a file written by hand) reads as now.
fn zoned(entry: &Entry, now: &Zoned) -> Zoned {
    Timestamp::from_second(entry.at).map_or_else(|_| now.clone(), |at| at.to_zoned_datetime(now.time_zone().clone()))
}

fn noun(entries: &[Entry]) -> &'static str {
    match entries {
        all if all.iter().all(|entry| entry.kind == Kind::Timer) => "timer",
        all if all.iter().all(|entry| entry.kind == Kind::Alarm) => "alarm",
        _ => "timers and alarm", // At least two, so the plural of `counted` completes it.
    }
}

/// With a capital first letter.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
