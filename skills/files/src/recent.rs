//! Files that were changed of late.
//!
//! Owns: what "this week" and "the last three days" mean. Must not know: names.

use crate::home::Home;
use crate::kinds::{self, Kind};
use crate::walk::{Entry, Limits, Walk};
use crate::words;
use hob_sdk::{Context, Outcome, SkillError};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan, ZonedDateTime};
use serde::Deserialize;

/// Files that an answer holds when nobody says how many.
const USUAL: usize = 20;
/// Files that an answer holds at most.
const MOST: usize = 200;
/// How far back "recent" reaches, in days.
const RECENT_DAYS: i32 = 7;

#[derive(Debug, Default, Deserialize)]
pub struct RecentFiles {
    kind: Option<Kind>,
    folder: Option<String>,
    period: Option<Period>,
    within: Option<String>,
    since: Option<String>,
    count: Option<f64>,
}

/// A span of days with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Period {
    Today,
    Yesterday,
    ThisWeek,
    LastWeek,
    ThisMonth,
    LastMonth,
    ThisYear,
}

/// The time of the call in the user's zone.
pub fn now(context: &Context) -> ZonedDateTime {
    let named = context.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    let at = Timestamp::from_second(context.now_seconds()).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned_datetime(named.unwrap_or_else(TimeZone::system))
}

/// What was changed in a span of time, newest first.
pub fn recent_files(asked: RecentFiles, now: &ZonedDateTime, home: &Home) -> Result<Outcome, SkillError> {
    let (from, to, when) = span(&asked, now)?;
    let folder = home.folder(asked.folder.as_deref())?;
    let count = asked.count.map_or(USUAL, |count| (count.max(1.0) as usize).min(MOST));
    let mut walk = Walk::new(&folder, Limits::names());
    let mut found: Vec<(i64, Entry)> = walk
        .by_ref()
        .filter(|entry| asked.kind.map_or(!entry.is_folder, |kind| kind.holds(&entry.name, entry.is_folder)))
        .filter_map(|entry| Some((words::modified(&entry)?, entry)))
        .filter(|(modified, _)| (from..to).contains(modified))
        .collect();
    found.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
    let total = found.len();
    let entries: Vec<Entry> = found.into_iter().take(count).map(|(_, entry)| entry).collect();
    let names = kinds::words(asked.kind);
    let message = match total {
        0 => format!("No {} changed {when}.{}", names.1, walk.caveat()),
        _ => format!(
            "{} changed {when}: {}.{}",
            words::counted(total, names),
            words::listed(&entries, total, home),
            walk.caveat()
        ),
    };
    Ok(words::outcome(message, &entries, total, &walk))
}

/// From when, until when (exclusive, in seconds since the epoch), and how to say it.
fn span(asked: &RecentFiles, now: &ZonedDateTime) -> Result<(i64, i64, String), SkillError> {
    let open_end = i64::MAX;
    if let Some(since) = &asked.since {
        let at = moment(since, now)?;
        let day = at.strftime(if at.year() == now.year() { "%A %-d %B" } else { "%-d %B %Y" });
        return Ok((at.timestamp().as_second(), open_end, format!("since {day}")));
    }
    if let Some(within) = &asked.within {
        let span: Span = within.trim().parse().map_err(|_| {
            SkillError::invalid_argument(format!("\"{within}\" is no duration that I understand."))
                .suggest("Write it like P3D or PT2H.")
        })?;
        let from = now.checked_sub(span.abs()).map_err(out_of_range)?;
        return Ok((from.timestamp().as_second(), open_end, format!("in the last {}", spoken(span))));
    }
    let Some(period) = asked.period else {
        let from = now.checked_sub(RECENT_DAYS.days()).map_err(out_of_range)?;
        return Ok((from.timestamp().as_second(), open_end, format!("in the last {RECENT_DAYS} days")));
    };
    let (first, past, when) = days(period, now.date()).map_err(out_of_range)?;
    let start = |day: Date| day.to_zoned_datetime(now.time_zone().clone()).map(|at| at.timestamp().as_second());
    let from = start(first).map_err(out_of_range)?;
    let to = past.map_or(Ok(open_end), start).map_err(out_of_range)?;
    Ok((from, to, when.into()))
}

/// First day, the day after the last one if that is over, and its name in a sentence. Weeks start on Monday.
fn days(period: Period, today: Date) -> Result<(Date, Option<Date>, &'static str), jiff::Error> {
    let monday = today.checked_sub(i32::from(today.weekday().to_monday_zero_offset()).days())?;
    let first = today.first_of_month();
    Ok(match period {
        Period::Today => (today, None, "today"),
        Period::Yesterday => (today.yesterday()?, Some(today), "yesterday"),
        Period::ThisWeek => (monday, None, "this week"),
        Period::LastWeek => (monday.checked_sub(7.days())?, Some(monday), "last week"),
        Period::ThisMonth => (first, None, "this month"),
        Period::LastMonth => (first.checked_sub(1.month())?, Some(first), "last month"),
        Period::ThisYear => (today.first_of_year(), None, "this year"),
    })
}

fn moment(text: &str, now: &ZonedDateTime) -> Result<ZonedDateTime, SkillError> {
    let wrong = || {
        SkillError::invalid_argument(format!("\"{text}\" is no date that I understand."))
            .suggest("Write it like 2026-11-24.")
    };
    if let Ok(at) = text.trim().parse::<Timestamp>() {
        return Ok(at.to_zoned_datetime(now.time_zone().clone()));
    }
    let local: DateTime = text.trim().parse().map_err(|_| wrong())?;
    local.to_zoned_datetime(now.time_zone().clone()).map_err(|_| wrong())
}

/// "3 days": the largest unit that is there.
fn spoken(span: Span) -> String {
    let span = span.abs();
    let units = [
        (i64::from(span.get_years()), "year"),
        (i64::from(span.get_months()), "month"),
        (i64::from(span.get_weeks()), "week"),
        (i64::from(span.get_days()), "day"),
        (i64::from(span.get_hours()), "hour"),
        (span.get_minutes(), "minute"),
        (span.get_seconds(), "second"),
    ];
    let parts: Vec<_> = units
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| if *n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") })
        .collect();
    parts.join(" and ")
}

fn out_of_range(_: jiff::Error) -> SkillError {
    SkillError::invalid_argument("That is further back than calendars reach.").suggest("Use a shorter span.")
}
