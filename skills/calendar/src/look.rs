//! A look into all calendars: which of their events take place in a stretch of time.
//!
//! Owns: what was found there, and how one finding is said and shown. Must not know: what was asked.

use crate::event::{self, Event, Stretch};
use crate::folders::{Folders, Looked};
use crate::rule::Work;
use crate::when::When;
use crate::words;
use hob_sdk::{Context, Outcome, SkillError, file_uri};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, ZonedDateTime};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Steps that the rules of all events together may take.
const STEPS: u32 = 4_000_000;
/// What an event without a name is called.
const NAMELESS: &str = "Something without a name";

/// One taking place of an event.
#[derive(Debug, Clone)]
pub struct Item {
    /// What it is called.
    pub title: String,
    /// Where; may be empty.
    pub place: String,
    /// Its beginning, as the user's clock shows it.
    pub start: DateTime,
    /// Its end, as the user's clock shows it; that of whole days is the midnight after them.
    pub end: DateTime,
    /// It has no time of day.
    pub whole_days: bool,
    /// The beginning as an instant.
    pub instant: Timestamp,
    uid: String,
    file: PathBuf,
}

/// Everything that a look found.
#[derive(Debug)]
pub struct Found {
    /// Soonest first.
    pub items: Vec<Item>,
    looked: Looked,
    unreadable: usize,
    unfollowed: usize,
    short: bool,
}

/// Looks for what takes place in a stretch of time, at most `most` times each, of the events that `wanted` lets through.
pub fn look(
    context: &Context,
    now: &ZonedDateTime,
    within: Stretch,
    most: usize,
    wanted: impl Fn(&Event) -> bool,
) -> Result<Found, SkillError> {
    let (folders, user) = (Folders::calendars(context), now.time_zone());
    let (mut items, mut work) = (Vec::new(), Work::of(STEPS));
    let (mut unreadable, mut unfollowed) = (0, 0);
    let looked = folders.read(|file, bytes| {
        let contents = event::read(bytes, user).ok_or("it holds no calendar")?;
        unreadable += contents.unreadable;
        unfollowed += contents.unfollowed;
        for event in contents.events.iter().filter(|event| wanted(event)) {
            let starts = event.starts(within, most, user, &mut work);
            items.extend(starts.into_iter().map(|start| Item::of(event, &start, file, user)));
        }
        Ok(())
    });
    if looked.found_nothing() {
        return Err(folders.nothing("calendar"));
    }
    items.sort_by(|a, b| (a.instant, !a.whole_days, &a.title).cmp(&(b.instant, !b.whole_days, &b.title)));
    // An invitation may lie in two calendars.
    let mut seen = HashSet::new();
    items.retain(|item| item.uid.is_empty() || seen.insert((item.uid.clone(), item.instant)));
    Ok(Found { items, looked, unreadable, unfollowed, short: work.was_short() })
}

impl Found {
    /// What the answer must say of what was not understood, as sentences with a blank before them.
    pub fn caveat(&self) -> String {
        let mut caveat = self.looked.caveat();
        match self.unreadable {
            0 => {}
            1 => caveat.push_str(" One event has no time that I can read."),
            n => caveat.push_str(&format!(" {n} events have no time that I can read.")),
        }
        match self.unfollowed {
            0 => {}
            1 => caveat.push_str(" One event repeats by a rule that I can't follow; only its first time counts."),
            n => caveat
                .push_str(&format!(" {n} events repeat by rules that I can't follow; only their first times count.")),
        }
        if self.short {
            caveat.push_str(" Some events repeat too often to be counted to the end.");
        }
        caveat
    }

    /// A sentence about what was found, and some of it for scripts.
    pub fn outcome(&self, message: String, shown: usize) -> Outcome {
        let uris = self.items.iter().take(shown).map(|item| file_uri(&item.file));
        Outcome::say(message).with_data(self.data(shown)).with_uris(uris)
    }

    /// For scripts: some of the items, how many there are, their files, what was skipped.
    fn data(&self, shown: usize) -> Value {
        let items = &self.items[..shown.min(self.items.len())];
        json!({
            "events": items.iter().map(Item::data).collect::<Vec<_>>(),
            "total": self.items.len(),
            "skipped": self.looked.skipped(),
        })
    }
}

impl Item {
    fn of(event: &Event, start: &When, file: &Path, user: &TimeZone) -> Self {
        let end = event.end(start, user);
        Self {
            title: if event.title.is_empty() { NAMELESS.into() } else { event.title.clone() },
            place: event.place.clone(),
            start: start.for_user(user),
            end: end.for_user(user),
            whole_days: start.is_day(),
            instant: start.instant(user),
            uid: event.uid.clone(),
            file: file.to_path_buf(),
        }
    }

    /// The last day on which it takes place.
    pub fn last_day(&self) -> Date {
        let midnight = self.end.time() == jiff::civil::Time::midnight() && self.end > self.start;
        let last = self.end.date();
        if midnight { last.saturating_sub(1.day()) } else { last }
    }

    /// "09:00 to 10:00", "all day", "until Friday 4 December", seen on a day.
    pub fn time_on(&self, day: Date, today: Date) -> String {
        let (begins, ends) = (self.start.date() == day, self.last_day() == day);
        let last = || words::day_name(self.last_day(), today);
        match (self.whole_days, begins, ends) {
            (true, _, true) => "all day".into(),
            (true, _, false) => format!("until {}", last()),
            (false, true, true) if self.start == self.end => words::clock(self.start),
            (false, true, true) => format!("{} to {}", words::clock(self.start), words::clock(self.end)),
            (false, true, false) => {
                format!("from {} until {} {}", words::clock(self.start), last(), words::clock(self.end))
            }
            (false, false, true) => format!("until {}", words::clock(self.end)),
            (false, false, false) => format!("until {}", last()),
        }
    }

    /// "Dentist (Am Wall 120)"
    pub fn named(&self) -> String {
        if self.place.is_empty() { self.title.clone() } else { format!("{} ({})", self.title, self.place) }
    }

    fn data(&self) -> Value {
        let shown = |at: DateTime| {
            let format = if self.whole_days { "%Y-%m-%d" } else { "%Y-%m-%dT%H:%M:%S" };
            at.strftime(format).to_string()
        };
        let end = if self.whole_days { self.last_day().to_datetime(self.end.time()) } else { self.end };
        let mut data = json!({
            "title": self.title,
            "start": shown(self.start),
            "end": shown(end),
            "whole_days": self.whole_days,
            "uri": file_uri(&self.file),
        });
        if !self.place.is_empty() {
            data["place"] = self.place.as_str().into();
        }
        data
    }
}
