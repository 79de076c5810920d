//! From slot values to times: durations, moments, now.
//!
//! Owns: the formats that the SDK promises, read leniently. Must not know: what they are for.

use hob_sdk::{Context, SkillError};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ZonedDateTime as Zoned};
use serde::Deserialize;

/// A duration as the slot extractor or a script writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Duration {
    /// Seconds.
    Seconds(f64),
    /// ISO 8601 (`PT10M`), or English words (`10 minutes`).
    Text(String),
}

impl Duration {
    /// As a span, which keeps months and days apart from seconds.
    pub fn span(&self) -> Result<Span, SkillError> {
        let wrong = |what: String| {
            SkillError::invalid_argument(format!("{what} is no duration that I understand."))
                .suggest("Write it like PT10M, PT1H30M or P3D, or as a number of seconds.")
        };
        match self {
            Self::Text(text) => text.trim().parse().map_err(|_| wrong(format!("\"{text}\""))),
            Self::Seconds(seconds) => SignedDuration::try_from_secs_f64(*seconds)
                .map_err(|_| wrong(seconds.to_string()))
                .and_then(|exact| Span::try_from(exact).map_err(|_| wrong(seconds.to_string()))),
        }
    }
}

/// What a `datetime` slot means.
#[derive(Debug, Clone)]
pub enum Moment {
    /// A point in time.
    At(Zoned),
    /// A day, with no time said.
    Day(Date),
    /// A time of day, with no day said.
    TimeOfDay(Time),
}

impl Moment {
    /// Reads RFC 3339, a local date and time, a date or a time.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, SkillError> {
        let text = text.trim();
        let local = |at: DateTime| at.to_zoned_datetime(zone.clone()).ok().map(Self::At);
        let has_time = text.len() > 10 && text.is_char_boundary(10) && text[10..].starts_with(['T', 't', ' ']);
        let read = if has_time {
            let instant = text.parse::<Timestamp>().ok();
            instant.map(|at| Self::At(at.to_zoned_datetime(zone.clone()))).or_else(|| local(text.parse().ok()?))
        } else if text.contains(':') {
            text.trim_start_matches(['T', 't']).parse().ok().map(Self::TimeOfDay)
        } else {
            text.parse().ok().map(Self::Day)
        };
        read.ok_or_else(|| {
            SkillError::invalid_argument(format!("\"{text}\" is no date or time that I understand."))
                .suggest("Write it like 2026-11-24T07:00:00, 2026-11-24 or 07:00.")
        })
    }
}

/// The time of the call in the user's time zone.
pub fn now(context: &Context) -> Result<Zoned, SkillError> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lisbon() -> TimeZone {
        TimeZone::get("Europe/Lisbon").unwrap()
    }

    #[test]
    fn durations_come_in_three_ways() {
        let seconds = |json: &str| {
            let duration: Duration = serde_json::from_str(json).unwrap();
            duration
                .span()
                .map(|span| span.total(jiff::SpanTotal::from(jiff::Unit::Second).days_are_24_hours()).unwrap())
        };
        for (json, expected) in [
            ("\"PT10M\"", 600.0),
            ("\"PT1H30M\"", 5400.0),
            ("\"P1DT1S\"", 86_401.0),
            ("\"PT0.5H\"", 1800.0),
            ("\"-PT1M\"", -60.0),
            ("\"10 minutes\"", 600.0),
            ("90", 90.0),
            ("1.5", 1.5),
        ] {
            assert_eq!(seconds(json).unwrap(), expected, "{json}");
        }
        for bad in ["\"\"", "\"soon\"", "\"PT\"", "1e300"] {
            assert_eq!(seconds(bad).unwrap_err().code, "invalid_argument", "{bad}");
        }
    }

    #[test]
    fn moments_come_in_four_ways() {
        let at = |text: &str| match Moment::parse(text, &lisbon()) {
            Ok(Moment::At(at)) => at.timestamp().to_string(),
            Ok(Moment::Day(day)) => day.to_string(),
            Ok(Moment::TimeOfDay(time)) => time.to_string(),
            Err(error) => error.code,
        };
        assert_eq!(at("2026-07-01T07:00:00"), "2026-07-01T06:00:00Z");
        assert_eq!(at("2026-07-01T07:00:00Z"), "2026-07-01T07:00:00Z");
        assert_eq!(at("2026-07-01T07:00:00+02:00"), "2026-07-01T05:00:00Z");
        assert_eq!(at("2026-07-01 07:00"), "2026-07-01T06:00:00Z");
        assert_eq!(at("2026-07-01"), "2026-07-01");
        assert_eq!(at("07:00"), "07:00:00");
        for bad in ["", "tomorrow", "2026-13-01", "25:00", "2026-07-01T99:00", "明天早上七点"] {
            assert_eq!(at(bad), "invalid_argument", "{bad}");
        }
    }
}
