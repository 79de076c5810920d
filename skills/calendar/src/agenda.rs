//! What is on, on a day or in a stretch of days.
//!
//! Owns: what "tomorrow", "this week" and "the next three days" mean, and how a list of events is said. Must not know:
//! files.

use crate::event::Stretch;
use crate::look::{Found, Item, look};
use crate::months;
use crate::slots::{Moment, is_of_days, span};
use crate::words;
use hob_sdk::{Context, Outcome, Parameters, SkillError};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, ZonedDateTime};
use serde::Deserialize;

/// Events that are said.
const SAID: usize = 12;
/// Events that scripts get.
const SHOWN: usize = 200;
/// Occurrences of one event in an answer.
const MOST_EACH: usize = 100;
/// Longest stretch of days that is looked at.
const LONGEST_DAYS: i64 = 400;
/// Shortest time ahead that is looked at.
const SHORTEST_MINUTES: i64 = 5;

/// What `AgendaOn` takes.
#[derive(Debug, Default, Deserialize, Parameters)]
pub struct AgendaOn {
    /// The day, e.g. 2026-11-24; with a time of day, from then on; left out: today
    #[param(x_type = "datetime")]
    date: Option<String>,
    /// The last day, e.g. 2026-11-27; left out: one day
    #[param(x_type = "datetime")]
    until: Option<String>,
    /// How far ahead from now, e.g. P3D
    #[param(x_type = "duration")]
    within: Option<String>,
    /// A stretch of days that has a name; what is past of it is left out
    period: Option<Period>,
}

/// A stretch of days that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Parameters)]
#[serde(rename_all = "kebab-case")]
enum Period {
    #[param(synonyms = ["this week", "the week", "rest of the week", "esta semana", "diese woche", "dieser woche", "这周", "本周", "这个星期", "这星期"])]
    ThisWeek,
    #[param(synonyms = ["next week", "the coming week", "próxima semana", "semana que vem", "para a semana", "nächste woche", "nächster woche", "kommende woche", "semana que viene", "下周", "下个星期", "下星期"])]
    NextWeek,
    #[param(synonyms = ["the weekend", "this weekend", "weekends", "fim de semana", "wochenende", "fin de semana", "finde", "周末"])]
    Weekend,
    #[param(synonyms = ["this month", "the month", "este mês", "diesen monat", "diesem monat", "este mes", "这个月", "本月"])]
    ThisMonth,
    #[param(synonyms = ["next month", "próximo mês", "mês que vem", "nächsten monat", "nächstem monat", "próximo mes", "mes que viene", "下个月", "下月"])]
    NextMonth,
}

/// A stretch of time and what it is called.
struct Asked {
    from: DateTime,
    to: DateTime,
    /// "tomorrow, Tuesday 24 November"
    called: String,
}

/// Tells what takes place.
pub fn agenda_on(asked: &AgendaOn, now: &ZonedDateTime, context: &Context) -> Result<Outcome, SkillError> {
    let wanted = asked.stretch(now, context.request.as_deref())?;
    let zone = now.time_zone();
    let within = Stretch { from: instant(wanted.from, zone)?, to: instant(wanted.to, zone)? };
    let found = look(context, now, within, MOST_EACH, |_| true)?;
    let message = match found.items.as_slice() {
        [] => {
            let next = next_after(&wanted, now, context)?.map(|next| format!(" Next: {next}.")).unwrap_or_default();
            format!("Nothing {}.{next}", wanted.called)
        }
        items => format!("{}: {}.", words::sentence(&wanted.called), said(items, &wanted, now)),
    };
    let mut outcome = found.outcome(message + &found.caveat(), SHOWN);
    outcome.data["from"] = shown(wanted.from).into();
    outcome.data["to"] = shown(wanted.to).into();
    Ok(outcome)
}

fn shown(at: DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// The events, each with its time, and with its day where there are several days.
fn said(items: &[Item], wanted: &Asked, now: &ZonedDateTime) -> String {
    let today = now.date();
    let last = wanted.to.saturating_sub(1.second()).date();
    let one_day = wanted.from.date() == last;
    let one = |item: &Item| {
        let day = item.start.date().max(wanted.from.date());
        let time = item.time_on(day, today);
        let when = if one_day { time } else { format!("{}, {time}", words::day_name(day, today)) };
        format!("{when}: {}", item.named())
    };
    let mut lines: Vec<String> = items.iter().take(SAID).map(one).collect();
    if items.len() > SAID {
        lines.push(format!("and {} more", items.len() - SAID));
    }
    lines.join("; ")
}

/// The first event after a stretch of time in which there is none.
fn next_after(wanted: &Asked, now: &ZonedDateTime, context: &Context) -> Result<Option<String>, SkillError> {
    let zone = now.time_zone();
    let limit = wanted.to.saturating_add(LONGEST_DAYS.days());
    let within = Stretch { from: instant(wanted.to, zone)?, to: instant(limit, zone)? };
    let Found { items, .. } = look(context, now, within, 1, |_| true)?;
    Ok(items.first().map(|item| {
        let day = words::on_day(item.start.date(), now.date());
        format!("{}, {day}, {}", item.named(), item.time_on(item.start.date(), now.date()))
    }))
}

fn instant(at: DateTime, zone: &TimeZone) -> Result<Timestamp, SkillError> {
    zone.to_timestamp(at).map_err(|_| SkillError::invalid_argument("That day is out of range."))
}

impl AgendaOn {
    fn stretch(&self, now: &ZonedDateTime, request: Option<&str>) -> Result<Asked, SkillError> {
        let today = now.date();
        let date = self.date.as_deref().map(|text| Moment::parse(text, now)).transpose()?;
        let until = self.until.as_deref().map(|text| Moment::parse(text, now)).transpose()?;
        match (date, until, self.period) {
            (Some(from), Some(to), _) => between(from.day.min(to.day), from.day.max(to.day), today),
            (None, Some(to), _) => between(today.min(to.day), today.max(to.day), today),
            (None, None, Some(period)) => Ok(period.stretch(today)),
            (Some(Moment { day, time: Some(time) }), None, _) => {
                let called = format!("{} from {} on", words::on_day(day, today), words::clock(day.to_datetime(time)));
                Ok(Asked { from: day.to_datetime(time), to: midnight_after(day), called })
            }
            (Some(Moment { day, time: None }), None, _) => {
                match request.is_some_and(|said| months::is_all(said, day)) {
                    true => between(day.max(today), day.last_of_month(), today),
                    false => Ok(one_day(day, today)),
                }
            }
            (None, None, None) => match self.within.as_deref().map(|length| ahead(length, now)).transpose()? {
                Some(Some(stretch)) => Ok(stretch),
                _ => Ok(one_day(today, today)),
            },
        }
    }
}

fn midnight(day: Date) -> DateTime {
    day.to_datetime(Time::midnight())
}

fn midnight_after(day: Date) -> DateTime {
    midnight(day.saturating_add(1.day()))
}

fn one_day(day: Date, today: Date) -> Asked {
    Asked { from: midnight(day), to: midnight_after(day), called: words::on_day(day, today) }
}

fn between(from: Date, to: Date, today: Date) -> Result<Asked, SkillError> {
    if words::days_between(from, to) > LONGEST_DAYS {
        return Err(SkillError::invalid_argument("That is more than a year of events.")
            .suggest("Ask for a shorter time, e.g. a month."));
    }
    let called = format!("from {} to {}", words::day_name(from, today), words::day_name(to, today));
    Ok(Asked { from: midnight(from), to: midnight_after(to), called })
}

/// The next so many days or hours, from now on; `None` for so short a time that nobody asks about it.
fn ahead(length: &str, now: &ZonedDateTime) -> Result<Option<Asked>, SkillError> {
    let length = span(length)?;
    let from = now.datetime();
    let out_of_range = |_| SkillError::invalid_argument("That is further ahead than calendars reach.");
    let to = from.checked_add(length).map_err(out_of_range)?;
    if words::days_between(from.date(), to.date()) > LONGEST_DAYS {
        return between(from.date(), to.date(), now.date()).map(Some);
    }
    if from.duration_until(to).as_mins() < SHORTEST_MINUTES {
        return Ok(None);
    }
    let called = match is_of_days(&length) {
        true => format!("from now to {}", words::day_name(to.date(), now.date())),
        false => format!("from now to {}, {}", words::clock(to), words::on_day(to.date(), now.date())),
    };
    let to = if is_of_days(&length) { midnight_after(to.date()) } else { to };
    Ok(Some(Asked { from, to, called }))
}

impl Period {
    /// Its days that are not past.
    fn stretch(self, today: Date) -> Asked {
        let monday = today.saturating_sub(i64::from(today.weekday().to_monday_zero_offset()).days());
        let (name, from, to) = match self {
            Self::ThisWeek => ("this week", today, monday.saturating_add(6.days())),
            Self::NextWeek => ("next week", monday.saturating_add(7.days()), monday.saturating_add(13.days())),
            Self::Weekend => {
                ("at the weekend", today.max(monday.saturating_add(5.days())), monday.saturating_add(6.days()))
            }
            Self::ThisMonth => ("this month", today, today.last_of_month()),
            Self::NextMonth => {
                let first = today.last_of_month().saturating_add(1.day());
                ("next month", first, first.last_of_month())
            }
        };
        let days = match from == to {
            true => words::day_name(from, today),
            false => format!("{} to {}", words::day_name(from, today), words::day_name(to, today)),
        };
        Asked { from: midnight(from), to: midnight_after(to), called: format!("{name}, {days}") }
    }
}
