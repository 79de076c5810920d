//! Dates as people write them in a query. Days are UTC: the index knows no time zone.
//!
//! Owns: exact dates (`2026-01-31`, `2026-01`, `2026`) and spoken ones ("last week", "in March 2025").
//! Must not know: what a date is used for.

use std::ops::Range;

/// Seconds since the epoch.
pub(crate) type Seconds = i64;

const DAY: Seconds = 86_400;

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Day {
    year: i64,
    month: i64,
    day: i64,
}

const MONTHS: [[&str; 4]; 12] = [
    ["january", "janeiro", "januar", "janvier"],
    ["february", "fevereiro", "februar", "février"],
    ["march", "março", "märz", "mars"],
    ["april", "abril", "april", "avril"],
    ["may", "maio", "mai", "mai"],
    ["june", "junho", "juni", "juin"],
    ["july", "julho", "juli", "juillet"],
    ["august", "agosto", "august", "août"],
    ["september", "setembro", "september", "septembre"],
    ["october", "outubro", "oktober", "octobre"],
    ["november", "novembro", "november", "novembre"],
    ["december", "dezembro", "dezember", "décembre"],
];

/// What a spoken span stands for.
#[derive(Clone, Copy)]
enum Span {
    /// The day so many days ago.
    Day(i64),
    /// The week (from Monday) so many weeks ago.
    Week(i64),
    Month(i64),
    Year(i64),
}

const SPOKEN: [(&str, Span); 24] = [
    ("today", Span::Day(0)),
    ("hoje", Span::Day(0)),
    ("heute", Span::Day(0)),
    ("yesterday", Span::Day(1)),
    ("ontem", Span::Day(1)),
    ("gestern", Span::Day(1)),
    ("this week", Span::Week(0)),
    ("esta semana", Span::Week(0)),
    ("diese woche", Span::Week(0)),
    ("last week", Span::Week(1)),
    ("semana passada", Span::Week(1)),
    ("letzte woche", Span::Week(1)),
    ("this month", Span::Month(0)),
    ("este mês", Span::Month(0)),
    ("diesen monat", Span::Month(0)),
    ("last month", Span::Month(1)),
    ("mês passado", Span::Month(1)),
    ("letzten monat", Span::Month(1)),
    ("this year", Span::Year(0)),
    ("este ano", Span::Year(0)),
    ("dieses jahr", Span::Year(0)),
    ("last year", Span::Year(1)),
    ("ano passado", Span::Year(1)),
    ("letztes jahr", Span::Year(1)),
];

/// The span of a date as it stands behind `after:` or `before:`, or at the start of a document's date:
/// a year, a month or a day. `today`, `yesterday` and the like too, with `-` or a space in between.
pub(crate) fn exact(text: &str, now: Seconds) -> Option<Range<Seconds>> {
    let text = text.trim().to_lowercase();
    let day = text.split(['t', ' ']).next().unwrap_or_default();
    let parts: Vec<Option<i64>> = day.split('-').map(number).collect();
    match parts.as_slice() {
        [Some(year)] if day.len() == 4 => {
            span(Day { year: *year, month: 1, day: 1 }, Day { year: year + 1, month: 1, day: 1 })
        }
        [Some(year), Some(month)] => month_span(*year, *month),
        [Some(year), Some(month), Some(day)] => {
            let from = checked(Day { year: *year, month: *month, day: *day })?;
            Some(from..from + DAY)
        }
        _ => spoken(&text.replace('-', " "), now),
    }
}

/// The day that a document states as its date, RFC 3339 or a part of it; its time zone is not looked at.
pub(crate) fn stated(text: &str) -> Option<Seconds> {
    let text = text.trim();
    text.starts_with(|c: char| c.is_ascii_digit()).then(|| exact(text, 0)).flatten().map(|span| span.start)
}

/// The first spoken date in running text: "last week", "in March 2025", "March 2025". A year alone is a number
/// like others, and a month alone may be a name.
pub(crate) fn in_text(text: &str, now: Seconds) -> Option<Range<Seconds>> {
    let words: Vec<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    for at in 0..words.len() {
        for length in [2, 1] {
            let Some(said) = words.get(at..at + length) else { continue };
            if let Some(found) = spoken(&said.join(" "), now) {
                return Some(found);
            }
        }
        if let (Some(month), Some(year)) = (month_named(&words[at]), words.get(at + 1).and_then(|year| year_of(year))) {
            return month_span(year, month);
        }
        // "março de 2025"
        if let (Some(month), Some("de"), Some(year)) = (
            month_named(&words[at]),
            words.get(at + 1).map(String::as_str),
            words.get(at + 2).and_then(|year| year_of(year)),
        ) {
            return month_span(year, month);
        }
    }
    None
}

fn number(text: &str) -> Option<i64> {
    (text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn year_of(word: &str) -> Option<i64> {
    number(word).filter(|year| word.len() == 4 && (1900..2100).contains(year))
}

fn month_named(word: &str) -> Option<i64> {
    MONTHS.iter().position(|names| names.contains(&word)).and_then(|at| i64::try_from(at + 1).ok())
}

fn month_span(year: i64, month: i64) -> Option<Range<Seconds>> {
    let next =
        if month == 12 { Day { year: year + 1, month: 1, day: 1 } } else { Day { year, month: month + 1, day: 1 } };
    span(Day { year, month, day: 1 }, next)
}

fn spoken(said: &str, now: Seconds) -> Option<Range<Seconds>> {
    let span_said = SPOKEN.iter().find(|(words, _)| *words == said)?.1;
    let today = now.div_euclid(DAY);
    let day = civil(today);
    match span_said {
        Span::Day(ago) => Some((today - ago) * DAY..(today - ago + 1) * DAY),
        Span::Week(ago) => {
            // The epoch was a Thursday.
            let monday = today - (today + 3).rem_euclid(7) - 7 * ago;
            Some(monday * DAY..(monday + 7) * DAY)
        }
        Span::Month(ago) => {
            let months = day.year * 12 + day.month - 1 - ago;
            month_span(months.div_euclid(12), months.rem_euclid(12) + 1)
        }
        Span::Year(ago) => {
            let year = day.year - ago;
            span(Day { year, month: 1, day: 1 }, Day { year: year + 1, month: 1, day: 1 })
        }
    }
}

fn span(from: Day, to: Day) -> Option<Range<Seconds>> {
    Some(checked(from)?..checked(to)?)
}

/// Midnight of a day that exists.
fn checked(day: Day) -> Option<Seconds> {
    if !(1..=12).contains(&day.month) || !(1..=31).contains(&day.day) {
        return None;
    }
    let days = days(day);
    (civil(days) == day).then_some(days * DAY)
}

/// Days since the epoch; the year is taken to begin in March, so that the leap day comes last.
fn days(day: Day) -> i64 {
    let year = if day.month <= 2 { day.year - 1 } else { day.year };
    let of_year = (153 * ((day.month + 9) % 12) + 2) / 5 + day.day - 1;
    let (century, of_century) = (year.div_euclid(400), year.rem_euclid(400));
    century * 146_097 + of_century * 365 + of_century / 4 - of_century / 100 + of_year - 719_468
}

/// The day of so many days since the epoch.
fn civil(days: i64) -> Day {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let of_century = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_century + of_century / 4 - of_century / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    Day { year: era * 400 + of_century + i64::from(month <= 2), month, day }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// 2026-11-25, a Wednesday, at noon.
    const NOW: Seconds = 1_795_608_000;

    fn day(text: &str) -> Seconds {
        exact(text, NOW).unwrap().start
    }

    #[test]
    fn days_and_dates_go_both_ways() {
        for n in (-800_000..800_000).step_by(37) {
            assert_eq!(days(civil(n)), n);
        }
        assert_eq!(day("1970-01-01"), 0);
        assert_eq!(day("2026-11-25"), NOW - DAY / 2);
    }

    #[test]
    fn exact_dates_are_years_months_or_days() {
        assert_eq!(exact("2024-02", NOW), Some(day("2024-02-01")..day("2024-03-01")));
        assert_eq!(exact("2024", NOW), Some(day("2024-01-01")..day("2025-01-01")));
        assert_eq!(exact("2024-12", NOW).unwrap().end, day("2025-01-01"));
        assert_eq!(exact("2024-02-29T10:00:00Z", NOW), exact("2024-02-29", NOW));
        for bad in ["2023-02-29", "2024-13", "24", "", "soon", "2024-00-10", "1-2-3-4"] {
            assert_eq!(exact(bad, NOW), None, "{bad}");
        }
    }

    #[test]
    fn spoken_dates_follow_the_calendar() {
        assert_eq!(exact("last-week", NOW), Some(day("2026-11-16")..day("2026-11-23")));
        assert_eq!(in_text("the invoice from yesterday", NOW), exact("2026-11-24", NOW));
        assert_eq!(in_text("What did Ana send in March 2025?", NOW), exact("2025-03", NOW));
        assert_eq!(in_text("contrato de março de 2025", NOW), exact("2025-03", NOW));
        assert_eq!(in_text("photos of last month", NOW), exact("2026-10", NOW));
        assert_eq!(in_text("Steuer letztes Jahr", NOW), exact("2025", NOW));
    }

    #[test]
    fn numbers_and_names_are_no_dates() {
        for text in ["the oil crisis of 1973", "Mai Tai", "may I", "a week of rain", ""] {
            assert_eq!(in_text(text, NOW), None, "{text}");
        }
    }
}
