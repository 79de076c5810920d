//! Events of a calendar file, and when they take place.
//!
//! Owns: what an event's properties say together: its times, its rule, the exceptions. Must not know: folders, what is
//! asked.

use crate::component::{Component, components};
use crate::lines::Line;
use crate::rule::{Rule, Work};
use crate::when::{Length, When, later};
use crate::zones::Zones;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::{HashMap, HashSet};

/// Properties that are read; the rest of an event need not be kept.
#[rustfmt::skip] // A word a line would hide them.
const READ: [&str; 15] = [
    "UID", "SUMMARY", "LOCATION", "STATUS", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID",
    "TZID", "TZOFFSETTO", "X-LIC-LOCATION", "X-WR-TIMEZONE",
];
/// Dates that are read of one list.
const MOST_DATES: usize = 5_000;

/// An event, which may take place many times.
#[derive(Debug, Clone)]
pub struct Event {
    /// The same in all copies; empty if the file says none.
    pub uid: String,
    /// What it is called; empty if the file does not say.
    pub title: String,
    /// Where; empty if the file does not say.
    pub place: String,
    start: When,
    length: Length,
    rule: Option<Rule>,
    further: Vec<When>,
    left_out: Except,
}

/// Times at which an event does not take place.
#[derive(Debug, Clone, Default)]
struct Except {
    days: HashSet<Date>,
    instants: HashSet<Timestamp>,
}

impl Except {
    fn add(&mut self, at: &When, of_days: bool, user: &TimeZone) {
        if at.is_day() || of_days {
            self.days.insert(at.civil.date());
        } else {
            self.instants.insert(at.instant(user));
        }
    }

    fn holds(&self, at: &When, user: &TimeZone) -> bool {
        self.days.contains(&at.civil.date()) || !at.is_day() && self.instants.contains(&at.instant(user))
    }
}

/// A stretch of time: from its first instant to the one that follows its last.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

/// What a calendar file holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// In the file's order.
    pub events: Vec<Event>,
    /// Events that have no time that can be read.
    pub unreadable: usize,
    /// Events whose rule can't be followed; they are there once.
    pub unfollowed: usize,
}

/// Reads a calendar; `None` when the bytes are no calendar at all.
pub fn read(bytes: &[u8], user: &TimeZone) -> Option<Contents> {
    let whole = components(bytes, |name| READ.contains(&name));
    let mut calendars = whole.iter().filter(|component| component.name == "VCALENDAR").peekable();
    calendars.peek()?;
    let mut contents = Contents::default();
    for calendar in calendars {
        let zones = Zones::of(calendar, user);
        let events = calendar.inner.iter().filter(|component| component.name == "VEVENT");
        let moved = moved(events.clone(), &zones);
        events.for_each(|event| contents.add(event, &zones, &moved));
    }
    Some(contents)
}

/// By event, the times of single occurrences that stand in the file on their own.
fn moved<'c>(events: impl Iterator<Item = &'c Component>, zones: &Zones) -> HashMap<String, Vec<When>> {
    let mut moved = HashMap::<String, Vec<When>>::new();
    for event in events {
        if let (Some(uid), Some(at)) =
            (event.text("UID"), event.line("RECURRENCE-ID").and_then(|line| when(line, zones)))
        {
            moved.entry(uid).or_default().push(at);
        }
    }
    moved
}

impl Contents {
    fn add(&mut self, component: &Component, zones: &Zones, moved: &HashMap<String, Vec<When>>) {
        let Some(start) = component.line("DTSTART").and_then(|line| when(line, zones)) else {
            self.unreadable += 1;
            return;
        };
        if component.text("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED")) {
            return;
        }
        let alone = component.line("RECURRENCE-ID").is_some();
        let said = component.line("RRULE").filter(|_| !alone);
        let rule = said.and_then(|line| Rule::parse(&line.value, &start));
        self.unfollowed += usize::from(said.is_some() && rule.is_none());
        let uid = component.text("UID").unwrap_or_default();
        let mut left_out = Except::default();
        let others = moved.get(&uid).filter(|_| !alone);
        for at in
            component.all("EXDATE").flat_map(|line| dates(line, zones)).chain(others.into_iter().flatten().cloned())
        {
            left_out.add(&at, start.is_day(), zones.user());
        }
        self.events.push(Event {
            title: component.text("SUMMARY").unwrap_or_default(),
            place: component.text("LOCATION").unwrap_or_default(),
            length: length(component, &start, zones),
            further: component.all("RDATE").filter(|_| !alone).flat_map(|line| dates(line, zones)).collect(),
            uid,
            start,
            rule,
            left_out,
        });
    }
}

fn when(line: &Line, zones: &Zones) -> Option<When> {
    When::parse(&line.value, || zones.get(line.parameter("TZID")))
}

/// A list of times. Of a period (`start/end`) the start counts.
fn dates(line: &Line, zones: &Zones) -> Vec<When> {
    let zone = || zones.get(line.parameter("TZID"));
    let one = |text: &str| When::parse(text.split('/').next().unwrap_or_default(), zone);
    line.value.split(',').take(MOST_DATES).filter_map(one).collect()
}

fn length(component: &Component, start: &When, zones: &Zones) -> Length {
    let until_end = || {
        let end = component.line("DTEND").and_then(|line| when(line, zones))?;
        Some(Length::between(start, &end, zones.user()))
    };
    let stated = || Length::parse(&component.line("DURATION")?.value, start);
    let usual = if start.is_day() { Length::one_day() } else { Length::between(start, start, zones.user()) };
    match until_end().or_else(stated) {
        // A whole day lasts a day, even where its end is said to be its start.
        Some(length) if start.is_day() && length.is_nothing() => usual,
        Some(length) => length,
        None => usual,
    }
}

impl Event {
    /// When it ends, if it starts at `start`.
    pub fn end(&self, start: &When, user: &TimeZone) -> When {
        start.after(self.length, user)
    }

    /// The first `most` times in a stretch of time at which it starts, soonest first; one that began before and still
    /// goes on counts.
    pub fn starts(&self, within: Stretch, most: usize, user: &TimeZone, work: &mut Work) -> Vec<When> {
        work.next_event();
        let zone = self.start.zone.as_ref().unwrap_or(user);
        let from = later(zone.to_datetime(within.from).date(), -(self.length.days() + 1));
        let to = later(zone.to_datetime(within.to).date(), 1);
        let mut found: Vec<When> = Vec::new();
        let keep = |at: &When| self.overlaps(at, within, user) && !self.left_out.holds(at, user);
        match &self.rule {
            None => found.extend(Some(self.start.clone()).filter(keep)),
            Some(rule) => {
                let mut left = rule.count.unwrap_or(u64::MAX);
                rule.days(self.start.civil.date(), from, to, work, |day| {
                    let first = day == self.start.civil.date();
                    // A time that clocks skip on that day is no occurrence; the first one is there in any case.
                    let Some(at) = self.start.on(day).or_else(|| first.then(|| self.start.clone())) else {
                        return true;
                    };
                    if left == 0 || !first && rule.is_over(&at, user) {
                        return false;
                    }
                    left -= 1;
                    found.extend(Some(at).filter(keep));
                    found.len() < most
                });
            }
        }
        found.extend(self.further.iter().filter(|at| keep(at)).cloned());
        found.sort_by_key(|at| at.instant(user));
        found.dedup_by_key(|at| at.instant(user));
        found.truncate(most);
        found
    }

    fn overlaps(&self, start: &When, within: Stretch, user: &TimeZone) -> bool {
        let (begins, ends) = (start.instant(user), self.end(start, user).instant(user));
        begins < within.to && (ends > within.from || begins >= within.from)
    }
}

#[cfg(test)]
mod tests;
