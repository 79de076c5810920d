//! Spans of time: "an hour and a half", "1h30", "zweieinhalb Stunden", "两个半小时".

use super::tokens::Sentence;
use jiff::civil::DateTime;
use std::ops::Range;

/// Units of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    /// Seconds, or months for what has no fixed length.
    fn size(self) -> (i64, bool) {
        match self {
            Self::Second => (1, false),
            Self::Minute => (60, false),
            Self::Hour => (3_600, false),
            Self::Day => (86_400, false),
            Self::Week => (604_800, false),
            Self::Month => (1, true),
            Self::Year => (12, true),
        }
    }
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Whole months; a year is twelve.
    pub months: i64,
    /// And seconds.
    pub seconds: i64,
}

impl Span {
    fn of(amount: f64, unit: Unit) -> Self {
        match unit.size() {
            (seconds, false) => Self { months: 0, seconds: (amount * seconds as f64).round() as i64 },
            (months, true) => {
                let months = amount * months as f64;
                // Half a month is fifteen days.
                Self { months: months.trunc() as i64, seconds: (months.fract() * 30.0).round() as i64 * 86_400 }
            }
        }
    }

    fn plus(self, other: Self) -> Self {
        Self { months: self.months + other.months, seconds: self.seconds + other.seconds }
    }

    /// `PT1H30M`, `P2D`, `P3M`.
    pub fn iso(self) -> String {
        let part = |n: i64, unit: &str| if n == 0 { String::new() } else { format!("{n}{unit}") };
        let (years, months) = (self.months / 12, self.months % 12);
        let whole_days = self.seconds % 86_400 == 0;
        let days = if whole_days { self.seconds / 86_400 } else { 0 };
        let rest = if whole_days { 0 } else { self.seconds };
        let mut text = format!("P{}{}{}", part(years, "Y"), part(months, "M"), part(days, "D"));
        if text == "P" && rest == 0 {
            text.push_str("0D");
        } else if rest != 0 {
            let (hours, minutes, seconds) = (rest / 3_600, rest % 3_600 / 60, rest % 60);
            let seconds = part(seconds, "S");
            text.push_str(&format!("T{}{}{seconds}", part(hours, "H"), part(minutes, "M")));
        }
        text
    }

    /// The point so far after another, or before it.
    pub fn after(self, start: DateTime, sign: i64) -> Option<DateTime> {
        let months = jiff::Span::new().try_months(sign * self.months).ok()?;
        let seconds = jiff::Span::new().try_seconds(sign * self.seconds).ok()?;
        start.checked_add(months).ok()?.checked_add(seconds).ok()
    }

    /// Whether it is made of days, so that no hour is meant.
    pub fn is_of_days(self) -> bool {
        self.seconds % 86_400 == 0
    }
}

impl Sentence<'_> {
    /// All spans of time.
    pub fn spans(&self) -> Vec<(Range<usize>, Span)> {
        let (mut found, mut at) = (Vec::new(), 0);
        while at < self.tokens.len() {
            match self.span(at).filter(|_| !self.is_inside_clock(at)) {
                Some((span, next)) => {
                    found.push((self.range(at, next), span));
                    at = next;
                }
                None => at += 1,
            }
        }
        found
    }

    /// The "十分" of "三点十分".
    fn is_inside_clock(&self, at: usize) -> bool {
        let hour = |n: usize| {
            n > 0 && (self.digits(n - 1).is_some() || self.words.numbers.iter().any(|(w, _)| *w == self.text(n - 1)))
        };
        at > 0
            && (matches!(self.text(at - 1), "点" | "月")
                || self.text(at - 1) == "时" && hour(at - 1)
                || self.gap(at) == ":")
    }

    /// A span at a token, and where it ends: parts of ever smaller units.
    pub fn span(&self, at: usize) -> Option<(Span, usize)> {
        let (mut sum, mut unit, mut next) = self.span_part(at)?;
        loop {
            let after = self.any(next, self.words.and).unwrap_or(next);
            let part = self.span_part(after).filter(|(_, smaller, _)| *smaller < unit);
            match part {
                Some((span, smaller, end)) => (sum, unit, next) = (sum.plus(span), smaller, end),
                None => return Some((sum, next)),
            }
        }
    }

    fn span_part(&self, at: usize) -> Option<(Span, Unit, usize)> {
        if let Some((seconds, next)) = self.longest(at, self.words.spans) {
            let unit = if seconds >= 1_800 { Unit::Hour } else { Unit::Minute };
            return Some((Span { months: 0, seconds }, unit, next));
        }
        let one = self.any(at, self.words.one).map(|next| (1.0, next));
        let numbered = self.and_a_half(at).map(|n| (n, at + 1)).or_else(|| self.number(at)).or(one);
        let (amount, next) = numbered?;
        if let Some(half) = self.any(next, self.words.half_before)
            && let Some((unit, next)) = self.longest(half, self.words.units)
        {
            return Some((Span::of(amount + 0.5, unit), unit, next));
        }
        let (unit, next) = self.longest(next, self.words.units)?;
        if let Some(next) = self.any(next, self.words.half_after) {
            return Some((Span::of(amount + 0.5, unit), unit, next));
        }
        // "1h30"
        let glued = self.digits(next).filter(|n| *n < 60 && unit == Unit::Hour && self.gap(next).is_empty());
        match glued {
            Some(minutes) => {
                let minutes = Span::of(f64::from(minutes), Unit::Minute);
                let end = self.longest(next + 1, self.words.units).filter(|(u, _)| *u == Unit::Minute);
                Some((Span::of(amount, unit).plus(minutes), Unit::Minute, end.map_or(next + 1, |(_, end)| end)))
            }
            None => Some((Span::of(amount, unit), unit, next)),
        }
    }
}
