//! New events: a file each in the user's own calendar folder, and taking one back.
//!
//! Owns: what is written, and that nothing else is ever touched. Must not know: what is read of calendars.

use crate::folders::OWN_CALENDAR;
use crate::lines::one_line;
use crate::slots::{Moment, is_of_days, span};
use crate::words;
use hob_sdk::{Context, Outcome, Parameters, SkillError, file_uri};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan, ZonedDateTime};
use serde::Deserialize;
use serde_json::json;
use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

/// How long an event lasts if nobody says so, in minutes.
const USUAL_MINUTES: i64 = 60;
/// Longest event, in days.
const LONGEST_DAYS: i64 = 366;
/// Characters of a title that are kept.
const TITLE_CHARS: usize = 200;
/// Bytes of a line as iCalendar wants it.
const LINE_BYTES: usize = 75;
/// Entries of a folder that are looked at for a calendar in it.
const MOST_ENTRIES: usize = 2_000;

/// What `AddEvent` takes.
#[derive(Debug, Deserialize, Parameters)]
pub struct AddEvent {
    /// What it is called
    #[param(x_type = "freetext", copy)]
    title: String,
    /// When it begins, e.g. 2026-11-24T09:00:00; a day alone is a whole day
    #[param(x_type = "datetime")]
    start: String,
    /// How long it lasts, e.g. PT1H30M or P2D; left out: an hour, or the day
    #[param(x_type = "duration")]
    duration: Option<String>,
}

/// What `RemoveEvent` takes: what `AddEvent` gave.
#[derive(Debug, Deserialize, Parameters)]
pub struct RemoveEvent {
    /// The file below the calendar folder
    file: String,
    /// What was written into it
    written: String,
}

/// What the user sets for this skill.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The folder below the calendar folder that new events go to.
    add_to: Option<String>,
}

/// The time that an event takes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Times {
    /// From one local time to another.
    Timed(DateTime, DateTime),
    /// From one day to the one after the last.
    Days(Date, Date),
}

/// Writes a new event.
pub fn add_event(asked: &AddEvent, now: &ZonedDateTime, context: &Context) -> Result<Outcome, SkillError> {
    let title: String = one_line(&asked.title).chars().take(TITLE_CHARS).collect();
    if title.is_empty() {
        return Err(SkillError::invalid_argument("What shall the event be called?").suggest("Say a name for it."));
    }
    let times = times(Moment::parse(&asked.start, now)?, asked.duration.as_deref(), now)?;
    let own = context.place(OWN_CALENDAR)?;
    let folder = folder(own, context.settings::<Settings>()?.add_to.as_deref())?;
    let uid = new_uid(now);
    let written = calendar(&uid, &title, times, now.timestamp(), now.time_zone())?;
    let path = folder.join(format!("{uid}.ics"));
    write(&path, &written)?;
    let file = path.strip_prefix(own).unwrap_or(&path).to_string_lossy().into_owned();
    let place = match folder.strip_prefix(own) {
        Ok(rest) if rest.as_os_str().is_empty() => String::new(),
        _ => format!(" ({})", folder.file_name().unwrap_or_default().to_string_lossy()),
    };
    let message = format!("{title} is in your calendar{place}, {}.", times.said(now.date()));
    let uri = file_uri(&path);
    Ok(Outcome::say(message)
        .with_data(json!({
            "title": title,
            "start": times.start(),
            "end": times.end(),
            "whole_days": matches!(times, Times::Days(..)),
            "uid": uid,
            "uri": uri,
            "file": file,
            "written": written,
        }))
        .with_uris([uri]))
}

fn times(start: Moment, duration: Option<&str>, now: &ZonedDateTime) -> Result<Times, SkillError> {
    let length = duration.map(span).transpose()?;
    let too_long = || SkillError::invalid_argument("An event can last a year at most.").suggest("Say a shorter time.");
    let ends = |length: Span| start.civil().checked_add(length).map_err(|_| too_long());
    let times = match (start.time, length) {
        (Some(_), length) => Times::Timed(start.civil(), ends(length.unwrap_or(USUAL_MINUTES.minutes()))?),
        (None, None) => Times::Days(start.day, start.day.saturating_add(1.day())),
        (None, Some(length)) if is_of_days(&length) => Times::Days(start.day, ends(length)?.date()),
        (None, Some(_)) => {
            return Err(SkillError::invalid_argument(format!(
                "At what time {}?",
                words::on_day(start.day, now.date())
            ))
            .suggest("Say when it begins, e.g. at nine."));
        }
    };
    let days = match times {
        Times::Timed(from, to) => words::days_between(from.date(), to.date()),
        Times::Days(from, to) => words::days_between(from, to),
    };
    if days > LONGEST_DAYS { Err(too_long()) } else { Ok(times) }
}

impl Times {
    fn start(self) -> String {
        match self {
            Self::Timed(from, _) => from.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            Self::Days(from, _) => from.to_string(),
        }
    }

    /// The end; of whole days the last one.
    fn end(self) -> String {
        match self {
            Self::Timed(_, to) => to.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            Self::Days(_, to) => to.saturating_sub(1.day()).to_string(),
        }
    }

    /// "on Friday 27 November, 09:00 to 10:00"
    fn said(self, today: Date) -> String {
        match self {
            Self::Timed(from, to) => {
                let day = words::on_day(from.date(), today);
                let until = match from.date() == to.date() {
                    true => words::clock(to),
                    false => format!("{} {}", words::day_name(to.date(), today), words::clock(to)),
                };
                format!("{day}, {} to {until}", words::clock(from))
            }
            Self::Days(from, to) => {
                let last = to.saturating_sub(1.day());
                let until = if last == from { String::new() } else { format!(" to {}", words::day_name(last, today)) };
                format!("{}{until}, all day", words::on_day(from, today))
            }
        }
    }
}

/// The folder that new events go to: the one that is set; the calendar folder itself, if it is empty or has events; else
/// the one below it that has most of them.
fn folder(own: &Path, set: Option<&str>) -> Result<PathBuf, SkillError> {
    if let Some(name) = set {
        let folder = below(own, name).filter(|folder| folder.is_dir());
        return folder.ok_or_else(|| {
            SkillError::not_found(format!("There is no folder {name} in {OWN_CALENDAR}, where new events should go."))
                .suggest("Mend add_to under [skills.settings.\"org.hob.calendar\"] in hob.toml.")
        });
    }
    let entries = || fs::read_dir(own).into_iter().flatten().flatten().take(MOST_ENTRIES);
    if entries().any(|entry| is_event(&entry.path())) {
        return Ok(own.to_path_buf());
    }
    let count = |folder: &PathBuf| {
        let files = fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_ENTRIES);
        files.filter(|file| is_event(&file.path())).count()
    };
    let folders = entries().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
    let mut counted: Vec<(usize, PathBuf)> =
        folders.map(|folder| (count(&folder), folder)).filter(|(n, _)| *n > 0).collect();
    counted.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    Ok(counted.into_iter().next().map_or_else(|| own.to_path_buf(), |(_, folder)| folder))
}

fn is_event(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("ics"))
}

/// A path below a folder by plain names only, none of them hidden.
fn below(folder: &Path, path: &str) -> Option<PathBuf> {
    let plain = |part: Component<'_>| match part {
        Component::Normal(name) => !name.to_string_lossy().starts_with('.'),
        _ => false,
    };
    (!path.is_empty() && Path::new(path).components().all(plain)).then(|| folder.join(path))
}

/// Unlike any other, in this calendar or elsewhere: the time, and 64 bits of chance.
fn new_uid(now: &ZonedDateTime) -> String {
    let chance = RandomState::new().build_hasher().finish();
    format!("hob-{}-{chance:016x}", now.strftime("%Y%m%dT%H%M%S"))
}

/// The file's text. Times are in UTC, which every program understands without a definition of a zone.
fn calendar(uid: &str, title: &str, times: Times, now: Timestamp, zone: &TimeZone) -> Result<String, SkillError> {
    let utc = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let instant = |at: DateTime| {
        let out_of_range = |_| SkillError::invalid_argument("That time is out of range.");
        zone.to_timestamp(at).map_err(out_of_range).map(utc)
    };
    let (start, end) = match times {
        Times::Timed(from, to) => (format!("DTSTART:{}", instant(from)?), format!("DTEND:{}", instant(to)?)),
        Times::Days(from, to) => {
            let day = |day: Date| day.strftime("%Y%m%d").to_string();
            (format!("DTSTART;VALUE=DATE:{}", day(from)), format!("DTEND;VALUE=DATE:{}", day(to)))
        }
    };
    let lines = [
        "BEGIN:VCALENDAR".to_string(),
        "VERSION:2.0".into(),
        "PRODID:-//hob//calendar skill//EN".into(),
        "BEGIN:VEVENT".into(),
        format!("UID:{uid}"),
        format!("DTSTAMP:{}", utc(now)),
        start,
        end,
        format!("SUMMARY:{}", escaped(title)),
        "END:VEVENT".into(),
        "END:VCALENDAR".into(),
    ];
    Ok(lines.iter().map(|line| folded(line) + "\r\n").collect())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | ';' | ',') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A line, continued where it would be too long, never within a character.
fn folded(line: &str) -> String {
    let (mut folded, mut length) = (String::with_capacity(line.len()), 0);
    for c in line.chars() {
        if length + c.len_utf8() > LINE_BYTES {
            folded.push_str("\r\n ");
            length = 1;
        }
        folded.push(c);
        length += c.len_utf8();
    }
    folded
}

/// Writes a new file in one step: whoever reads the folder meanwhile sees all of it or nothing.
fn write(path: &Path, text: &str) -> Result<(), SkillError> {
    let failed = |error: std::io::Error| {
        SkillError::failed(format!("The event can't be written to {}: {error}.", path.display()))
            .suggest("Check that the disk is not full and the folder is yours; nothing was changed.")
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.tmp"));
    let written = File::create_new(&fresh).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let placed = written.and_then(|()| match path.try_exists()? {
        true => Err(ErrorKind::AlreadyExists.into()),
        false => fs::rename(&fresh, path),
    });
    placed.map_err(|error| {
        // A half-written file is no event; that it can't be removed either is said by the first error.
        let _gone = fs::remove_file(&fresh).is_ok();
        failed(error)
    })
}

/// Takes an event back that [`add_event`] wrote, unless somebody has changed it since.
pub fn remove_event(asked: &RemoveEvent, context: &Context) -> Result<Outcome, SkillError> {
    let own = context.place(OWN_CALENDAR)?;
    let Some(path) = below(own, &asked.file).filter(|path| is_event(path)) else {
        return Err(SkillError::invalid_argument(format!("{} is no file of an event.", asked.file)));
    };
    let there = match fs::read(&path) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(SkillError::not_found("That event is not in your calendar any more."));
        }
        Err(error) => return Err(error.into()),
    };
    if there != asked.written.as_bytes() {
        return Err(SkillError::new("changed", "That event was changed since; nothing was taken back.")
            .suggest("Open your calendar to remove it."));
    }
    fs::remove_file(&path)?;
    Ok(Outcome::say("The event is taken out of your calendar again.").with_data(json!({"file": asked.file})))
}
