//! Time zones by the names that calendars give them.
//!
//! Owns: from a `TZID` to a zone: by its IANA name, by such a name at its end, or as the file itself defines it. Must not
//! know: events.

use crate::component::Component;
use crate::when::When;
use jiff::tz::{Offset, TimeZone};
use std::cell::RefCell;
use std::collections::HashMap;

/// The zones of one file.
pub struct Zones {
    user: TimeZone,
    /// The zone of times that name none, where the file says one.
    of_file: Option<TimeZone>,
    defined: HashMap<String, TimeZone>,
    known: RefCell<HashMap<String, TimeZone>>,
}

impl Zones {
    /// Those of a calendar. `user` is the user's own zone: that of times that name none.
    pub fn of(calendar: &Component, user: &TimeZone) -> Self {
        let definitions = calendar.inner.iter().filter(|component| component.name == "VTIMEZONE");
        let defined = definitions.filter_map(|one| Some((one.line("TZID")?.value.trim().to_string(), zone_of(one)?)));
        let of_file = calendar.line("X-WR-TIMEZONE").and_then(|line| by_name(line.value.trim()));
        Self { user: user.clone(), of_file, defined: defined.collect(), known: RefCell::default() }
    }

    /// The user's own.
    pub fn user(&self) -> &TimeZone {
        &self.user
    }

    /// The zone of that name; without a name, or with one that nobody knows, the file's or else the user's own.
    pub fn get(&self, name: Option<&str>) -> TimeZone {
        let usual = || self.of_file.clone().unwrap_or_else(|| self.user.clone());
        let Some(name) = name.map(str::trim) else { return usual() };
        if let Some(zone) = self.known.borrow().get(name) {
            return zone.clone();
        }
        let zone = by_name(name).or_else(|| self.defined.get(name).cloned()).unwrap_or_else(usual);
        self.known.borrow_mut().insert(name.into(), zone.clone());
        zone
    }
}

/// An IANA name, alone or at the end of a longer one: `/citadel.org/20250101_1/Europe/Berlin`.
fn by_name(name: &str) -> Option<TimeZone> {
    let name = name.trim_matches('"');
    let mut rest = name.trim_start_matches('/');
    while !rest.is_empty() {
        // One word alone ("EST", "Cuba") is a zone only if nothing stands before it.
        if (rest.contains('/') || rest == name)
            && let Ok(zone) = TimeZone::get(rest)
        {
            return Some(zone);
        }
        rest = rest.split_once('/').map_or("", |(_, rest)| rest);
    }
    None
}

/// A zone by its definition: the name that it says it stands for, else the rules that it gives last.
fn zone_of(definition: &Component) -> Option<TimeZone> {
    if let Some(zone) = definition.line("X-LIC-LOCATION").and_then(|line| by_name(line.value.trim())) {
        return Some(zone);
    }
    let latest = |name: &str| {
        let all = definition.inner.iter().filter(|part| part.name == name).filter_map(Observance::of);
        all.max_by_key(|observance| observance.since)
    };
    let standard = latest("STANDARD").or_else(|| latest("DAYLIGHT"))?;
    match (latest("DAYLIGHT"), &standard.change) {
        (Some(Observance { change: Some(to_summer), offset, .. }), Some(to_winter)) => TimeZone::posix(&format!(
            "STD{}DST{},{to_summer},{to_winter}",
            posix_offset(standard.offset),
            posix_offset(offset)
        ))
        .ok(),
        _ => Some(TimeZone::fixed(Offset::from_seconds(standard.offset).ok()?)),
    }
}

/// What clocks show in a part of the year.
struct Observance {
    /// When these rules began.
    since: jiff::civil::DateTime,
    /// Seconds ahead of UTC.
    offset: i32,
    /// The change to it every year, as POSIX writes it.
    change: Option<String>,
}

impl Observance {
    fn of(part: &Component) -> Option<Self> {
        let since = When::parse(&part.line("DTSTART")?.value, || TimeZone::UTC)?.civil;
        let offset = offset_seconds(part.line("TZOFFSETTO")?.value.trim())?;
        let day = part.line("RRULE").and_then(|line| yearly_day(&line.value));
        let change = day.map(|day| format!("{day}/{:02}:{:02}:{:02}", since.hour(), since.minute(), since.second()));
        Some(Self { since, offset, change })
    }
}

/// `+0130`, `-0500`, `+013015` as seconds.
fn offset_seconds(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    let part = |from: usize| digits.get(from..from + 2).and_then(|two| two.parse::<u8>().ok()).map(i32::from);
    let (hours, minutes) = (part(0)?, part(2)?);
    (hours < 24 && minutes < 60).then(|| sign * (hours * 3_600 + minutes * 60 + part(4).unwrap_or(0).min(59)))
}

/// POSIX counts what is behind UTC.
fn posix_offset(seconds: i32) -> String {
    let (sign, seconds) = (if seconds > 0 { '-' } else { '+' }, seconds.abs());
    format!("{sign}{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// The day of a rule such as `FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3` as POSIX writes it: `M3.5.0`.
fn yearly_day(rule: &str) -> Option<String> {
    const DAYS: [&str; 7] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
    let rule = rule.to_ascii_uppercase();
    let part = |name: &str| rule.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    if part("FREQ")? != "YEARLY" || part("UNTIL").is_some() || part("COUNT").is_some() {
        return None;
    }
    let month: u8 = part("BYMONTH")?.parse().ok().filter(|month| (1..=12).contains(month))?;
    let by_day = part("BYDAY")?;
    let (ordinal, name) = by_day.split_at_checked(by_day.len().checked_sub(2)?)?;
    let day = DAYS.iter().position(|day| *day == name)?;
    let week = match (ordinal, part("BYMONTHDAY")) {
        // "The Sunday from the 8th to the 14th" is the second one.
        ("", Some(days)) => days.split(',').next()?.parse::<u8>().ok().map(|first| first.div_ceil(7))?,
        ("", None) => return None,
        ("-1", _) => 5,
        (ordinal, _) => ordinal.trim_start_matches('+').parse().ok()?,
    };
    (1..=5).contains(&week).then(|| format!("M{month}.{week}.{day}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::component::components;

    const HOME: &str = "\
BEGIN:VCALENDAR
BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VTIMEZONE
TZID:Eastern
BEGIN:DAYLIGHT
DTSTART:20070311T020000
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=8,9,10,11,12,13,14;BYDAY=SU
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:20071104T020000
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
END:STANDARD
END:VTIMEZONE
BEGIN:VTIMEZONE
TZID:Fixed
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETTO:+0545
END:STANDARD
END:VTIMEZONE
BEGIN:VTIMEZONE
TZID:Nonsense
BEGIN:STANDARD
DTSTART:x
TZOFFSETTO:+99
END:STANDARD
END:VTIMEZONE
END:VCALENDAR
";

    fn noon(name: Option<&str>, month: i8) -> String {
        let file = components(HOME.as_bytes(), |_| true);
        let zones = Zones::of(&file[0], &TimeZone::get("Europe/Lisbon").unwrap());
        let when = When::parse(&format!("2026{month:02}15T120000"), || zones.get(name)).unwrap();
        when.instant(&TimeZone::UTC).strftime("%H:%M").to_string()
    }

    #[test]
    fn zones_by_name_and_by_definition() {
        for (name, winter, summer) in [
            (Some("Europe/Berlin"), "11:00", "10:00"),
            (Some("/citadel.org/20250101_1/Europe/Berlin"), "11:00", "10:00"),
            (Some("W. Europe Standard Time"), "11:00", "10:00"),
            (Some("Eastern"), "17:00", "16:00"),
            (Some("Fixed"), "06:15", "06:15"),
            (Some("Nonsense"), "12:00", "11:00"),
            (Some("../../etc/passwd"), "12:00", "11:00"),
            (None, "12:00", "11:00"),
        ] {
            assert_eq!((noon(name, 1), noon(name, 7)), (winter.into(), summer.into()), "{name:?}");
        }
    }

    #[test]
    fn a_file_may_have_a_zone_of_its_own() {
        let file = components(b"BEGIN:VCALENDAR\nX-WR-TIMEZONE:Asia/Tokyo\nEND:VCALENDAR\n", |_| true);
        let zones = Zones::of(&file[0], &TimeZone::UTC);
        assert_eq!(zones.get(None).iana_name(), Some("Asia/Tokyo"));
    }
}
