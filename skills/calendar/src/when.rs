//! Points in time as calendars state them: a whole day, or a local time in a zone.
//!
//! Owns: their notation, and what they are as instants. Must not know: events, rules.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp, ToSpan};

/// Years that are believed; what is further away is a slip or a trap.
const YEARS: std::ops::RangeInclusive<i16> = 1..=9_000;
/// Longest event that is believed, in days.
const LONGEST_DAYS: i64 = 3_660;

/// A point in time.
#[derive(Debug, Clone, PartialEq)]
pub struct When {
    /// As clocks in its zone show it; midnight for a whole day.
    pub civil: DateTime,
    /// Where those clocks are; `None` for a whole day, which is a day wherever one is.
    pub zone: Option<TimeZone>,
}

/// How long something lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// So long by a stopwatch.
    Exact(SignedDuration),
    /// So long by the clock on the wall, whatever is done to it in between.
    Civil(SignedDuration),
}

impl When {
    /// Reads `20261124`, `20261124T070000` and `20261124T070000Z`; signs between the digits do no harm. `zone` gives that
    /// of a time that does not say it is UTC.
    pub fn parse(value: &str, zone: impl FnOnce() -> TimeZone) -> Option<Self> {
        let plain: String = value.trim().chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let number = |from: usize, to: usize| -> Option<i16> {
            let digits = plain.get(from..to)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let small = |from: usize| number(from, from + 2).and_then(|n| i8::try_from(n).ok());
        let year = number(0, 4).filter(|year| YEARS.contains(year))?;
        let day = Date::new(year, small(4)?, small(6)?).ok()?;
        if plain.len() == 8 {
            return Some(Self::day(day));
        }
        let at = plain.get(8..9).filter(|t| matches!(*t, "T" | "t" | " ")).and(small(9).zip(small(11)))?;
        // A leap second is the end of its minute.
        let second = small(13).unwrap_or(0).min(59);
        let time = Time::new(at.0, at.1, second, 0).ok()?;
        let zone = if plain.ends_with(['Z', 'z']) { TimeZone::UTC } else { zone() };
        Some(Self { civil: day.to_datetime(time), zone: Some(zone) })
    }

    /// A whole day.
    pub fn day(day: Date) -> Self {
        Self { civil: day.to_datetime(Time::midnight()), zone: None }
    }

    /// Whether it is a whole day.
    pub fn is_day(&self) -> bool {
        self.zone.is_none()
    }

    /// The instant; a whole day begins at midnight of the user's zone. A time that a clock change skipped is read by the
    /// clock before the change.
    pub fn instant(&self, user: &TimeZone) -> Timestamp {
        let zone = self.zone.as_ref().unwrap_or(user);
        zone.to_timestamp(self.civil).unwrap_or(Timestamp::MAX)
    }

    /// As the user's clock shows it; a whole day stays that day.
    pub fn for_user(&self, user: &TimeZone) -> DateTime {
        if self.is_day() { self.civil } else { user.to_datetime(self.instant(user)) }
    }

    /// The same time on another day; `None` when clocks skip it on that day.
    pub fn on(&self, day: Date) -> Option<Self> {
        let civil = day.to_datetime(self.civil.time());
        let skipped = self
            .zone
            .as_ref()
            .is_some_and(|zone| matches!(zone.to_ambiguous_timestamp(civil).offset(), AmbiguousOffset::Gap { .. }));
        (!skipped).then(|| Self { civil, zone: self.zone.clone() })
    }

    /// So much later.
    pub fn after(&self, length: Length, user: &TimeZone) -> Self {
        let zone = self.zone.as_ref().unwrap_or(user);
        let civil = match length {
            Length::Civil(length) => self.civil.saturating_add(length),
            Length::Exact(length) => {
                zone.to_datetime(self.instant(user).saturating_add(length).unwrap_or(Timestamp::MAX))
            }
        };
        Self { civil, zone: self.zone.clone() }
    }
}

impl Length {
    /// From `start` to `end`; nothing when that lies before.
    pub fn between(start: &When, end: &When, user: &TimeZone) -> Self {
        match (start.is_day(), end.is_day()) {
            (false, false) => Self::Exact(bounded(start.instant(user).duration_until(end.instant(user)))),
            _ => Self::Civil(bounded(start.civil.date().duration_until(end.civil.date()))),
        }
    }

    /// An ISO 8601 duration as iCalendar writes it, counted from `start`.
    pub fn parse(text: &str, start: &When) -> Option<Self> {
        let span: Span = text.trim().parse().ok()?;
        let end = start.civil.checked_add(span).ok()?;
        Some(Self::Civil(bounded(start.civil.duration_until(end))))
    }

    /// Whole days, as midnights that it passes at most.
    pub fn days(self) -> i64 {
        let (Self::Exact(length) | Self::Civil(length)) = self;
        length.as_hours() / 24 + 1
    }

    /// Whether it lasts no time.
    pub fn is_nothing(self) -> bool {
        let (Self::Exact(length) | Self::Civil(length)) = self;
        length.is_zero()
    }

    /// A whole day, which is how long a day lasts of which nothing else is said.
    pub fn one_day() -> Self {
        Self::Civil(SignedDuration::from_hours(24))
    }
}

fn bounded(length: SignedDuration) -> SignedDuration {
    length.clamp(SignedDuration::ZERO, SignedDuration::from_hours(24 * LONGEST_DAYS))
}

/// A day so many days later; the calendar's last one when there is none.
pub fn later(day: Date, days: i64) -> Date {
    day.saturating_add(days.clamp(-4_000_000, 4_000_000).days())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn read(value: &str) -> Option<String> {
        let when = When::parse(value, || zone("Europe/Berlin"))?;
        Some(if when.is_day() { when.civil.date().to_string() } else { when.instant(&TimeZone::UTC).to_string() })
    }

    #[test]
    fn all_notations_and_nothing_else() {
        for (value, wanted) in [
            ("20261124", "2026-11-24"),
            ("2026-11-24", "2026-11-24"),
            ("20261124T070000Z", "2026-11-24T07:00:00Z"),
            ("20261124T070000", "2026-11-24T06:00:00Z"),
            ("20260724T070000", "2026-07-24T05:00:00Z"),
            ("2026-11-24T07:00:00Z", "2026-11-24T07:00:00Z"),
            ("20261231T235960Z", "2026-12-31T23:59:59Z"),
            ("20261124T0700", "2026-11-24T06:00:00Z"),
        ] {
            assert_eq!(read(value).as_deref(), Some(wanted), "{value}");
        }
        for bad in [
            "",
            "x",
            "20261324",
            "20260230",
            "00000101",
            "99990101",
            "20261124T",
            "20261124T2500",
            "２０２６1124",
            "2026112",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn lengths_hold_over_the_clock_change() {
        // Clocks in Berlin go from 2:00 to 3:00 on 29 March 2026.
        let berlin = zone("Europe/Berlin");
        let at = |value: &str| When::parse(value, || berlin.clone()).unwrap();
        let (start, end) = (at("20260321T230000"), at("20260322T070000"));
        let exact = Length::between(&start, &end, &berlin);
        let over = start.on(jiff::civil::date(2026, 3, 28)).unwrap();
        assert_eq!(over.after(exact, &berlin).civil.to_string(), "2026-03-29T08:00:00", "eight hours by a stopwatch");
        let civil = Length::parse("PT8H", &start).unwrap();
        assert_eq!(over.after(civil, &berlin).civil.to_string(), "2026-03-29T07:00:00");
        assert_eq!(at("20260101T023000").on(jiff::civil::date(2026, 3, 29)), None, "no clock shows 2:30 on that day");
        assert_eq!(at("20260329T023000").instant(&berlin).to_string(), "2026-03-29T01:30:00Z");
        assert_eq!(Length::between(&end, &start, &berlin), Length::Exact(SignedDuration::ZERO));
        assert_eq!(Length::parse("P1W", &start).map(Length::days), Some(8));
        assert_eq!(Length::parse("P99999999D", &start), None);
    }
}
