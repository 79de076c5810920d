//! From arguments to times: now, moments, lengths.
//!
//! Owns: the formats that the SDK promises for slots. Must not know: what they are for.

use hob_sdk::{Context, SkillError};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ZonedDateTime};

/// The time of the call in the user's zone.
pub fn now(context: &Context) -> Result<ZonedDateTime, SkillError> {
    let zone = match context.time_zone.as_deref() {
        None => TimeZone::system(),
        Some(name) => TimeZone::get(name).map_err(|_| {
            SkillError::invalid_argument(format!("The time zone {name} is unknown."))
                .suggest("Set an IANA name like Europe/Lisbon.")
        })?,
    };
    let instant = Timestamp::from_second(context.now_seconds())
        .map_err(|_| SkillError::invalid_argument("The time of the call is out of range."))?;
    Ok(instant.to_zoned_datetime(zone))
}

/// A day, with a time of day if one was said. Midnight is a day of which no time was said: that is how a day comes out
/// of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The day.
    pub day: Date,
    /// The time of day.
    pub time: Option<Time>,
}

impl Moment {
    /// Reads RFC 3339, a local date and time, a date, or a time of today.
    pub fn parse(text: &str, now: &ZonedDateTime) -> Result<Self, SkillError> {
        let text = text.trim();
        let read = match text.get(10..11) {
            Some("T" | "t" | " ") => {
                let instant = text.parse::<Timestamp>().map(|at| now.time_zone().to_datetime(at));
                instant.ok().or_else(|| text.parse::<DateTime>().ok())
            }
            _ if text.contains(':') => text.parse().ok().map(|time| now.date().to_datetime(time)),
            _ => text.parse::<Date>().ok().map(|day| day.to_datetime(Time::midnight())),
        };
        let at = read.filter(|at| (1..9_000).contains(&at.year())).ok_or_else(|| {
            SkillError::invalid_argument(format!("\"{text}\" is no date or time that I understand."))
                .suggest("Write it like 2026-11-24T07:00:00 or 2026-11-24.")
        })?;
        Ok(Self { day: at.date(), time: Some(at.time()).filter(|time| *time != Time::midnight()) })
    }

    /// As a local time; a day begins at midnight.
    pub fn civil(self) -> DateTime {
        self.day.to_datetime(self.time.unwrap_or(Time::midnight()))
    }
}

/// A length of time, which is longer than nothing.
pub fn span(text: &str) -> Result<Span, SkillError> {
    let read = text.trim().parse::<Span>().ok().filter(|span| span.is_positive());
    read.ok_or_else(|| {
        SkillError::invalid_argument(format!("\"{text}\" is no length of time that I understand."))
            .suggest("Write it like PT1H30M or P3D.")
    })
}

/// Whether a span is one of whole days or longer units.
pub fn is_of_days(span: &Span) -> bool {
    span.get_hours() == 0 && span.get_minutes() == 0 && span.get_seconds() == 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_in_four_ways() {
        let now: ZonedDateTime = "2026-11-23T15:32:00+00:00[Europe/Lisbon]".parse().unwrap();
        let read = |text: &str| Moment::parse(text, &now).map(|at| (at.civil().to_string(), at.time.is_some()));
        for (text, civil, timed) in [
            ("2026-07-01T07:00:00", "2026-07-01T07:00:00", true),
            ("2026-07-01T07:00:00Z", "2026-07-01T08:00:00", true),
            ("2026-07-01T00:00:00", "2026-07-01T00:00:00", false),
            ("2026-07-01", "2026-07-01T00:00:00", false),
            (" 18:30 ", "2026-11-23T18:30:00", true),
        ] {
            assert_eq!(read(text), Ok((civil.to_string(), timed)), "{text}");
        }
        for bad in ["", "tomorrow", "2026-13-01", "25:00", "2026-07-01T99:00", "明天早上七点", "9999-12-31"] {
            assert_eq!(read(bad).unwrap_err().code, "invalid_argument", "{bad}");
        }
    }

    #[test]
    fn lengths_are_of_days_or_not() {
        assert!(is_of_days(&span("P3D").unwrap()) && !is_of_days(&span("P1DT2H").unwrap()));
        for bad in ["", "soon", "PT0S", "-PT5M", "P99999999Y"] {
            assert_eq!(span(bad).unwrap_err().code, "invalid_argument", "{bad}");
        }
    }
}
