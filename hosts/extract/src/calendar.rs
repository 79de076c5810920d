//! iCalendar: one block per event, to-do or journal entry, its essentials in the first sentence.

use crate::content_line::{ContentLine, one_line, parse};
use crate::dates::{Day, month_name, parse_day};
use crate::draft::Draft;
use crate::error::Skip;

/// Attendees named; a mailing list's worth of them says nothing.
const MAX_ATTENDEES: usize = 20;
/// Longest description kept, in bytes.
const MAX_DESCRIPTION: usize = 8000;

/// Reads a calendar.
pub fn extract(text: &str, draft: &mut Draft) -> Result<(), Skip> {
    let mut entry: Option<Entry> = None;
    let mut calendars = 0;
    for line in parse(text) {
        match (line.name.as_str(), &mut entry) {
            ("BEGIN", None) => {
                calendars += u32::from(line.value.trim().eq_ignore_ascii_case("VCALENDAR"));
                entry = Entry::begin(&line);
            }
            ("BEGIN", Some(open)) => open.nested += 1,
            ("END", Some(open)) if open.nested > 0 => open.nested -= 1,
            ("END", Some(_)) => write(entry.take(), draft),
            ("X-WR-CALNAME" | "NAME", None) => draft.title(&line.text()),
            (_, Some(open)) if open.nested == 0 => open.lines.push(line),
            _ => {}
        }
        if draft.is_full() {
            return Ok(());
        }
    }
    // A cut file still tells about its last entry.
    write(entry, draft);
    match (draft.is_empty(), calendars) {
        (true, 0) => Err(Skip::broken("calendar", "it has no BEGIN:VCALENDAR")),
        (true, _) => Err(Skip::NoText("the calendar has no entries".into())),
        _ => Ok(()),
    }
}

fn write(entry: Option<Entry>, draft: &mut Draft) {
    if let Some(entry) = entry {
        draft.paragraph(&entry.text(), entry.line());
    }
}

/// An event, a to-do or a journal entry.
struct Entry {
    begin: u32,
    todo: bool,
    /// Components open inside this one, e.g. alarms.
    nested: u32,
    lines: Vec<ContentLine>,
}

impl Entry {
    fn begin(line: &ContentLine) -> Option<Self> {
        let kind = line.value.trim().to_ascii_uppercase();
        matches!(kind.as_str(), "VEVENT" | "VTODO" | "VJOURNAL").then(|| Self {
            begin: line.line,
            todo: kind == "VTODO",
            nested: 0,
            lines: Vec::new(),
        })
    }

    fn get(&self, name: &str) -> Option<&ContentLine> {
        self.lines.iter().find(|line| line.name == name)
    }

    fn value(&self, name: &str) -> Option<String> {
        self.get(name).map(|line| one_line(&line.text())).filter(|text| !text.is_empty())
    }

    /// Where the entry's name stands.
    fn line(&self) -> u32 {
        self.get("SUMMARY").map_or(self.begin, |line| line.line)
    }

    fn text(&self) -> String {
        let summary = self.value("SUMMARY");
        if summary.is_none() && self.get("DTSTART").is_none() && self.get("DESCRIPTION").is_none() {
            return String::new();
        }
        let mut text = summary.unwrap_or_else(|| if self.todo { "To-do".into() } else { "Event".into() });
        if self.todo {
            text.insert_str(0, "To-do: ");
        }
        if let Some(when) = self.when() {
            text = format!("{text}, {when}");
        }
        if let Some(due) = self.get("DUE").and_then(Moment::of) {
            text = format!("{text}, due {} ({})", due.text(), due.day.in_words());
        }
        if let Some(place) = self.value("LOCATION") {
            text = format!("{text}, at {place}");
        }
        let mut sentences = vec![text];
        sentences.extend(self.get("RRULE").and_then(|rule| repeats(&rule.value)));
        sentences.extend(self.people());
        sentences.extend(self.status());
        sentences.extend(self.value("CATEGORIES").map(|list| format!("Category: {list}")));
        sentences.extend(self.value("DESCRIPTION").map(|d| crate::draft::floor(&d, MAX_DESCRIPTION).to_string()));
        let full_stop = |s: &String| if s.ends_with(['.', '!', '?', '。']) { s.clone() } else { format!("{s}.") };
        sentences.iter().map(full_stop).collect::<Vec<_>>().join(" ")
    }

    /// Like "2026-03-14 15:00 to 16:00 (Saturday 14 March 2026)".
    fn when(&self) -> Option<String> {
        let start = Moment::of(self.get("DTSTART")?)?;
        let end = match (self.get("DTEND").and_then(Moment::of), self.get("DURATION")) {
            (Some(end), _) => end.inclusive(),
            (None, Some(duration)) => start.after(duration_minutes(duration.value.trim())?).inclusive(),
            (None, None) => start,
        };
        let words = start.day.in_words();
        Some(match (end.day == start.day, end.minute == start.minute) {
            (true, true) => format!("{} ({words})", start.text()),
            (true, false) => format!("{} to {} ({words})", start.text(), end.time().unwrap_or_default()),
            (false, _) => format!("{} to {} ({words} to {})", start.text(), end.text(), end.day.in_words()),
        })
    }

    fn people(&self) -> Option<String> {
        let person = |line: &ContentLine| {
            let name = line.param("CN").filter(|name| !name.is_empty()).map(String::from);
            let value = line.value.trim();
            let address =
                value.get(7..).filter(|_| value.to_ascii_lowercase().starts_with("mailto:")).map(String::from);
            match (name, address) {
                (Some(name), Some(address)) if name != address => Some(format!("{name} <{address}>")),
                (name, address) => name.or(address),
            }
        };
        let organizer = self.get("ORGANIZER").and_then(person).map(|p| format!("Organised by {p}"));
        let all: Vec<String> = self.lines.iter().filter(|l| l.name == "ATTENDEE").filter_map(person).collect();
        let shown = all.iter().take(MAX_ATTENDEES).cloned().collect::<Vec<_>>().join(", ");
        let more =
            if all.len() > MAX_ATTENDEES { format!(" and {} more", all.len() - MAX_ATTENDEES) } else { String::new() };
        let attendees = (!all.is_empty()).then(|| format!("With {shown}{more}"));
        match (organizer, attendees) {
            (Some(o), Some(a)) => Some(format!("{o}. {a}")),
            (o, a) => o.or(a),
        }
    }

    fn status(&self) -> Option<String> {
        let status = self.get("STATUS")?.value.trim().to_ascii_uppercase();
        Some(match status.as_str() {
            "CANCELLED" => "This was cancelled".into(),
            "COMPLETED" => "This is done".into(),
            "IN-PROCESS" => "This is in progress".into(),
            "TENTATIVE" => "This is tentative".into(),
            _ => return None,
        })
    }
}

/// A day, perhaps with a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    day: Day,
    /// Minutes since midnight.
    minute: Option<i64>,
    utc: bool,
    /// An end at midnight or a day's end excludes that day.
    whole_day: bool,
}

impl Moment {
    fn of(line: &ContentLine) -> Option<Self> {
        Self::parse(line.value.trim())
    }

    fn parse(value: &str) -> Option<Self> {
        let day = parse_day(value.get(..8)?)?;
        let Some(time) = value.get(8..).and_then(|rest| rest.strip_prefix('T')) else {
            return Some(Self { day, minute: None, utc: false, whole_day: true });
        };
        let number = |range| time.get(range).and_then(|digits: &str| digits.parse::<i64>().ok());
        let (hour, minute) = (number(0..2)?, number(2..4)?);
        ((0..24).contains(&hour) && (0..60).contains(&minute)).then_some(())?;
        Some(Self { day, minute: Some(hour * 60 + minute), utc: time.ends_with('Z'), whole_day: false })
    }

    fn after(self, minutes: i64) -> Self {
        let total = self.day.number() * 1440 + self.minute.unwrap_or(0) + minutes;
        let day = Day::from_number(total.div_euclid(1440));
        Self { day, minute: self.minute.map(|_| total.rem_euclid(1440)), ..self }
    }

    /// An end of whole days names the day after the last one.
    fn inclusive(self) -> Self {
        if self.whole_day { Self { day: Day::from_number(self.day.number() - 1), ..self } } else { self }
    }

    fn time(&self) -> Option<String> {
        let minute = self.minute?;
        Some(format!("{:02}:{:02}{}", minute / 60, minute % 60, if self.utc { " UTC" } else { "" }))
    }

    fn text(&self) -> String {
        self.time().map_or_else(|| self.day.to_string(), |time| format!("{} {time}", self.day))
    }
}

/// Minutes of `P1DT2H30M`.
fn duration_minutes(text: &str) -> Option<i64> {
    let mut minutes = 0_i64;
    let mut number = String::new();
    for c in text.trim_start_matches('+').strip_prefix('P')?.chars() {
        let unit = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            'T' => continue,
            'W' => 7 * 1440,
            'D' => 1440,
            'H' => 60,
            'M' => 1,
            'S' => 0,
            _ => return None,
        };
        let count: i64 = std::mem::take(&mut number).parse().ok().filter(|n| *n < 100_000)?;
        minutes += count * unit;
    }
    Some(minutes)
}

/// A recurrence rule in words.
fn repeats(rule: &str) -> Option<String> {
    let part = |wanted: &str| {
        rule.split(';').filter_map(|p| p.split_once('=')).find(|(key, _)| key.trim().eq_ignore_ascii_case(wanted))
    };
    let value = |wanted: &str| part(wanted).map(|(_, value)| value.trim().to_ascii_uppercase());
    let unit = match value("FREQ")?.as_str() {
        "DAILY" => "day",
        "WEEKLY" => "week",
        "MONTHLY" => "month",
        "YEARLY" => "year",
        "HOURLY" => "hour",
        _ => return None,
    };
    let every = value("INTERVAL").and_then(|n| n.parse::<u32>().ok()).filter(|n| *n > 1);
    let mut text = every.map_or_else(|| format!("Repeats every {unit}"), |n| format!("Repeats every {n} {unit}s"));
    let days: Vec<String> = value("BYDAY").iter().flat_map(|days| days.split(',')).filter_map(weekday).collect();
    if !days.is_empty() {
        text = format!("{text} on {}", days.join(", "));
    }
    if let Some(days) = value("BYMONTHDAY") {
        text = format!("{text} on day {}", days.replace(',', ", "));
    }
    if let Some(name) = value("BYMONTH").and_then(|m| m.parse().ok()).and_then(month_name) {
        text = format!("{text} in {name}");
    }
    if let Some(until) = value("UNTIL").as_deref().and_then(Moment::parse) {
        text = format!("{text} until {}", until.day);
    } else if let Some(count) = value("COUNT") {
        text = format!("{text}, {count} times");
    }
    Some(text)
}

/// `MO` is Monday, `2TU` the second Tuesday, `-1FR` the last Friday.
fn weekday(code: &str) -> Option<String> {
    let code = code.trim();
    let split = code.len().checked_sub(2).filter(|at| code.is_char_boundary(*at))?;
    let name = match &code[split..] {
        "MO" => "Monday",
        "TU" => "Tuesday",
        "WE" => "Wednesday",
        "TH" => "Thursday",
        "FR" => "Friday",
        "SA" => "Saturday",
        "SU" => "Sunday",
        _ => return None,
    };
    Some(match code[..split].trim_start_matches('+') {
        "" => name.into(),
        "1" => format!("the first {name}"),
        "2" => format!("the second {name}"),
        "3" => format!("the third {name}"),
        "4" => format!("the fourth {name}"),
        "-1" => format!("the last {name}"),
        other => format!("{name} number {other}"),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u32, String)> {
        let mut draft = Draft::new("calendar", 1 << 20);
        extract(text, &mut draft).unwrap();
        draft.finish().blocks.into_iter().map(|b| (b.line, b.text)).collect()
    }

    #[test]
    fn an_event_with_everything() {
        let text = "BEGIN:VCALENDAR\nX-WR-CALNAME:Home\nBEGIN:VTIMEZONE\nBEGIN:STANDARD\nDTSTART:19700101T000000\nEND:STANDARD\nEND:VTIMEZONE\n\
            BEGIN:VEVENT\nDTSTART;TZID=Europe/Lisbon:20260314T150000\nDTEND;TZID=Europe/Lisbon:20260314T160000\n\
            SUMMARY:Dentist\\, check-up\nLOCATION:Rua Augusta 12\nRRULE:FREQ=MONTHLY;INTERVAL=6;BYDAY=2SA;UNTIL=20271231T000000Z\n\
            ATTENDEE;CN=\"Silva, Ana\":mailto:ana@example.org\nORGANIZER:mailto:praxis@example.org\n\
            BEGIN:VALARM\nDESCRIPTION:Alarm\nEND:VALARM\nDESCRIPTION:Bring the card.\\nAsk about\n  the bill\nEND:VEVENT\nEND:VCALENDAR\n";
        assert_eq!(
            read(text),
            [(
                11,
                "Dentist, check-up, 2026-03-14 15:00 to 16:00 (Saturday 14 March 2026), at Rua Augusta 12. \
                 Repeats every 6 months on the second Saturday until 2027-12-31. Organised by praxis@example.org. \
                 With Silva, Ana <ana@example.org>. Bring the card. Ask about the bill."
                    .to_string()
            )]
        );
    }

    #[test]
    fn whole_days_durations_and_todos() {
        let one = |body: &str| read(&format!("BEGIN:VCALENDAR\n{body}\nEND:VCALENDAR")).remove(0).1;
        assert_eq!(
            one("BEGIN:VEVENT\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20260501\nDTEND;VALUE=DATE:20260503\nEND:VEVENT"),
            "Fair, 2026-05-01 to 2026-05-02 (Friday 1 May 2026 to Saturday 2 May 2026)."
        );
        assert_eq!(
            one("BEGIN:VEVENT\nSUMMARY:Call\nDTSTART:20261231T233000Z\nDURATION:PT1H\nSTATUS:CANCELLED\nEND:VEVENT"),
            "Call, 2026-12-31 23:30 UTC to 2027-01-01 00:30 UTC (Thursday 31 December 2026 to Friday 1 January 2027). \
             This was cancelled."
        );
        assert_eq!(
            one(
                "BEGIN:VEVENT\nSUMMARY:Mia's birthday!\nDTSTART;VALUE=DATE:20200229\nDURATION:P1D\nRRULE:FREQ=YEARLY\nEND:VEVENT"
            ),
            "Mia's birthday!, 2020-02-29 (Saturday 29 February 2020). Repeats every year."
        );
        assert_eq!(
            one("BEGIN:VTODO\nSUMMARY:Tax return\nDUE;VALUE=DATE:20260731\nSTATUS:COMPLETED\nEND:VTODO"),
            "To-do: Tax return, due 2026-07-31 (Friday 31 July 2026). This is done."
        );
    }

    #[test]
    fn broken_calendars_say_so_and_cut_ones_give_what_they_have() {
        let mut draft = Draft::new("calendar", 1000);
        assert!(matches!(extract("hello\nworld", &mut draft), Err(Skip::Broken { .. })));
        assert!(matches!(extract("BEGIN:VCALENDAR\nEND:VCALENDAR", &mut draft), Err(Skip::NoText(_))));
        assert_eq!(read("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Half\nDTSTART:2026"), [(3, "Half.".to_string())]);
    }
}
