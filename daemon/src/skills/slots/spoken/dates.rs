//! Days: today, weekdays, dates of the calendar, feasts.

use super::tokens::Sentence;
use super::words::{Feast, Which};
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

/// A day as it was said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Day {
    /// So many days from today.
    FromToday(i64),
    /// A weekday: the coming one, or of this, the next, the last week.
    Weekday(i8, Which),
    /// Day, month, and a year if one was said.
    Date(i8, i8, Option<i16>),
    /// A day of this month or the next.
    OfMonth(i8),
    /// The Sunday after the first full moon of spring, and so many days.
    Easter(i64),
}

impl Day {
    /// The day on or after a day; `later` leaves today out, where its hour is over.
    pub fn resolve(self, today: Date, later: bool) -> Option<Date> {
        let first = if later { today.tomorrow().ok()? } else { today };
        match self {
            Self::FromToday(days) => today.checked_add(days.days()).ok(),
            Self::Weekday(day, which) => weekday(today, first, Weekday::from_monday_zero_offset(day).ok()?, which),
            Self::Date(day, month, Some(year)) => Date::new(year, month, day).ok(),
            // The 29th of February may be years away.
            Self::Date(day, month, None) => {
                let years = first.year()..first.year().saturating_add(9);
                years.filter_map(|year| Date::new(year, month, day).ok()).find(|date| *date >= first)
            }
            Self::OfMonth(day) => {
                let months = (0..12i64).filter_map(|n| first.first_of_month().checked_add(n.months()).ok());
                months.filter_map(|m| Date::new(m.year(), m.month(), day).ok()).find(|date| *date >= first)
            }
            Self::Easter(days) => {
                let of = |year| easter(year)?.checked_add(days.days()).ok();
                (first.year()..=first.year() + 1).filter_map(of).find(|date| *date >= first)
            }
        }
    }
}

fn weekday(today: Date, first: Date, wanted: Weekday, which: Which) -> Option<Date> {
    let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
    let in_week = |weeks: i64| {
        let days = weeks * 7 + i64::from(wanted.to_monday_zero_offset());
        monday.checked_add(days.days()).ok()
    };
    match which {
        Which::Coming => first.yesterday().ok()?.nth_weekday(1, wanted).ok(),
        Which::ThisWeek => in_week(0),
        Which::NextWeek => in_week(1),
        Which::Last => today.nth_weekday(-1, wanted).ok(),
    }
}

/// Easter Sunday of the Gregorian calendar, by the anonymous algorithm of 1876 (Nature, vol. 13).
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (b - (b + 8) / 25 + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let l = (32 + 2 * e + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Date::new(year, i8::try_from(n / 31).ok()?, i8::try_from(n % 31 + 1).ok()?).ok()
}

impl Sentence<'_> {
    /// A day at a token, and where it ends.
    pub fn day(&self, at: usize) -> Option<(Day, usize)> {
        let named = self.longest(at, self.words.days).map(|(days, next)| (Day::FromToday(days), next));
        let feast = self.longest(at, self.words.feasts).map(|(feast, next)| {
            let day = match feast {
                Feast::Fixed(day, month) => Day::Date(day, month, None),
                Feast::Easter(days) => Day::Easter(days),
            };
            (day, next)
        });
        let all = [named, feast, self.weekday(at), self.calendar(at)];
        all.into_iter().flatten().max_by_key(|(_, next)| *next)
    }

    fn weekday(&self, at: usize) -> Option<(Day, usize)> {
        let before = self.longest(at, self.words.which_before);
        let (which, start) = before.unwrap_or((Which::Coming, at));
        let (day, next) = self.longest(start, self.words.weekdays).or_else(|| self.compound_weekday(start))?;
        let (which, next) = self.longest(next, self.words.which_after).unwrap_or((which, next));
        Some((Day::Weekday(day, which), next))
    }

    /// The "Freitag" of "Freitagabend": the token is not used up, its end is a part of the day.
    fn compound_weekday(&self, at: usize) -> Option<(i8, usize)> {
        let parts = self.words.parts;
        let ends = |rest: &str| parts.iter().any(|(part, _)| *part == rest);
        let text = self.text(at);
        let of = |(name, day): &(&str, i8)| text.strip_prefix(name).filter(|r| ends(r)).map(|_| (*day, at));
        if self.words.code == "de" { self.words.weekdays.iter().find_map(of) } else { None }
    }

    /// The part of the day that a compound weekday ends with.
    pub fn compound_part(&self, at: usize) -> Option<&str> {
        if self.words.code != "de" {
            return None;
        }
        self.words
            .weekdays
            .iter()
            .find_map(|(name, _)| self.text(at).strip_prefix(name))
            .filter(|rest| !rest.is_empty())
    }

    /// A date: "24 December", "December 24th, 2027", "24.12.", "24/12/2027", "2026-12-24", "12月24日", "the 15th".
    fn calendar(&self, at: usize) -> Option<(Day, usize)> {
        if self.words.code == "zh" {
            return self.chinese_date(at);
        }
        let by_number = self.numeric_date(at).or_else(|| self.of_month(at));
        self.day_and_month(at).or_else(|| self.month_and_day(at)).or(by_number)
    }

    fn day_of_month(&self, at: usize) -> Option<(i8, usize)> {
        let at = self.any(at, self.words.before_day).unwrap_or(at);
        let (day, next) = self.ordinal(at).or_else(|| self.whole(at))?;
        (1..=31).contains(&day).then_some((day as i8, next))
    }

    fn day_and_month(&self, at: usize) -> Option<(Day, usize)> {
        let (day, next) = self.day_of_month(at)?;
        let next = self.any(next, self.words.of).unwrap_or(next);
        let (month, next) = self.longest(next, self.words.months)?;
        Some(self.with_year(day, month, next))
    }

    fn month_and_day(&self, at: usize) -> Option<(Day, usize)> {
        let (month, next) = self.longest(at, self.words.months).filter(|_| self.words.code == "en")?;
        let (day, next) = self.day_of_month(next)?;
        Some(self.with_year(day, month, next))
    }

    fn with_year(&self, day: i8, month: i8, next: usize) -> (Day, usize) {
        let after = self.any(next, self.words.of).unwrap_or(next);
        match self.year(after) {
            Some(year) => (Day::Date(day, month, Some(year)), after + 1),
            None => (Day::Date(day, month, None), next),
        }
    }

    fn year(&self, at: usize) -> Option<i16> {
        let year = self.digits(at).filter(|year| (1900..2200).contains(year))?;
        i16::try_from(year).ok()
    }

    fn numeric_date(&self, at: usize) -> Option<(Day, usize)> {
        let at = self.any(at, self.words.before_day).unwrap_or(at);
        let separator = self.gap(at + 1);
        if !matches!(separator, "." | "/" | "-" | ". ") {
            return None;
        }
        let (first, second) = (self.digits(at)?, self.digits(at + 1)?);
        if separator == "-" {
            let (year, day) = (self.year(at)?, self.digits(at + 2).filter(|_| self.gap(at + 2) == "-")?);
            return Some((Day::Date(i8::try_from(day).ok()?, i8::try_from(second).ok()?, Some(year)), at + 3));
        }
        // "6.30" is a time; a date written with points ends with one, or with a year.
        let third = self.year(at + 2).filter(|_| self.gap(at + 2).trim_end() == separator.trim_end());
        if separator.starts_with('.') && third.is_none() && !self.gap(at + 2).starts_with('.') {
            return None;
        }
        let american = self.words.code == "en" && separator == "/" && first <= 12 || second > 12;
        let (day, month) = if american { (second, first) } else { (first, second) };
        let good = (1..=31).contains(&day) && (1..=12).contains(&month);
        let day = good.then_some(Day::Date(day as i8, month as i8, third))?;
        Some((day, if third.is_some() { at + 3 } else { at + 2 }))
    }

    /// "the 15th", "am 15.", "dia 15", "el 15".
    fn of_month(&self, at: usize) -> Option<(Day, usize)> {
        let start = self.any(at, self.words.before_day)?;
        // Of "the second folder" nobody knows the month.
        self.digits(start)?;
        let romance = matches!(self.words.code, "pt" | "es");
        let (day, next) = self.ordinal(start).or_else(|| self.whole(start).filter(|_| romance))?;
        let counts = self.longest(next, self.words.units).is_some();
        ((1..=31).contains(&day) && !counts).then_some((Day::OfMonth(day as i8), next))
    }

    fn chinese_date(&self, at: usize) -> Option<(Day, usize)> {
        let (mut first, mut next) = self.whole(at)?;
        let mut year = None;
        if self.text(next) == "年" {
            year = self.year(at);
            (first, next) = self.whole(next + 1)?;
        }
        let ends = |n: usize| if matches!(self.text(n), "号" | "日") { n + 1 } else { n };
        if self.text(next) == "月" {
            let (day, next) = self.whole(next + 1)?;
            let good = (1..=31).contains(&day) && (1..=12).contains(&first);
            return good.then_some((Day::Date(day as i8, first as i8, year), ends(next)));
        }
        let of_month = self.text(next) == "号" && (1..=31).contains(&first);
        of_month.then_some((Day::OfMonth(first as i8), next + 1))
    }
}
