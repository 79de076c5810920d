//! Points in time: a day, a time of day, a part of the day, or a span from now, in any order.

use super::dates::Day;
use super::spans::Span;
use super::tokens::Sentence;
use super::words::{Clock, Part};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use std::ops::Range;

const DAY: u32 = 24 * 60;

/// What was said of a point in time.
#[derive(Default, Clone, Copy)]
struct Said {
    day: Option<Day>,
    /// So far ahead, or back.
    distance: Option<(Span, i64)>,
    /// Minutes after midnight.
    minutes: Option<u32>,
    part: Option<Part>,
    /// A bare number: a time of day only beside something that says so.
    bare: bool,
    /// Written as 24 hours would be, or with more than its hour and "half past".
    exact: bool,
}

impl Sentence<'_> {
    /// All points in time.
    pub fn moments(&self, now: DateTime) -> Vec<(Range<usize>, DateTime)> {
        let (mut found, mut at) = (Vec::new(), 0);
        // Who is to be woken at four means the morning.
        let early = (0..self.tokens.len()).any(|at| self.any(at, self.words.waking).is_some());
        while at < self.tokens.len() {
            let moment = self.moment(at).and_then(|(said, next)| Some((said.resolve(now, early)?, next)));
            match moment {
                Some((moment, next)) => {
                    found.push((self.range(at, next), moment));
                    at = next;
                }
                None => at += 1,
            }
        }
        found
    }

    fn moment(&self, at: usize) -> Option<(Said, usize)> {
        let mut said = Said::default();
        let mut end = self.add(at, &mut said)?;
        loop {
            let steps = [Some(end), self.any(end, self.words.links)];
            let second = steps[1].and_then(|next| self.any(next, self.words.links));
            let mut next = steps.into_iter().chain([second]).flatten();
            match next.find_map(|next| self.add(next, &mut said)) {
                Some(next) => end = next,
                None => break,
            }
        }
        let placed = said.day.is_some() || said.part.is_some();
        let stands = said.distance.is_some() || said.day.is_some() || said.minutes.is_some();
        (stands && (!said.bare || placed)).then_some((said, end))
    }

    /// Takes in what stands at a token, if that is not known yet; where it ends.
    fn add(&self, at: usize, said: &mut Said) -> Option<usize> {
        if said.distance.is_none()
            && said.minutes.is_none()
            && let Some((distance, next)) = self.distance(at)
        {
            said.distance = Some(distance);
            return Some(next);
        }
        if said.day.is_none() {
            // "jueves a la mañana", "Freitag Morgen": after a day these are parts of it.
            if let Some((day, next)) = self.day(at) {
                said.day = Some(day);
                if next == at {
                    said.part = self.part_named(self.compound_part(at)?);
                    return Some(at + 1);
                }
                return Some(next);
            }
        }
        if said.minutes.is_none()
            && let Some((clock, next)) = self.clock(at)
        {
            (said.minutes, said.bare, said.exact) = (Some(clock.0), clock.1, clock.2);
            return Some(next);
        }
        if said.part.is_none() {
            let (part, next) = self.longest(at, self.words.parts)?;
            said.part = Some(part);
            if part == Part::Tonight {
                said.day = said.day.or(Some(Day::FromToday(0)));
            }
            return Some(next);
        }
        None
    }

    fn part_named(&self, name: &str) -> Option<Part> {
        self.words.parts.iter().find(|(word, _)| *word == name).map(|(_, part)| *part)
    }

    /// "in 20 minutes", "three days from now", "100 days ago", "20分钟后".
    fn distance(&self, at: usize) -> Option<((Span, i64), usize)> {
        if let Some(start) = self.any(at, self.words.ahead)
            && let Some((span, next)) = self.span(start)
        {
            let next = self.any(next, self.words.from_now).unwrap_or(next);
            return Some(((span, 1), next));
        }
        if let Some(start) = self.any(at, self.words.ago_before)
            && let Some((span, next)) = self.span(start)
        {
            return Some(((span, -1), next));
        }
        let (span, next) = self.span(at)?;
        if let Some(next) = self.any(next, self.words.from_now) {
            return Some(((span, 1), next));
        }
        self.any(next, self.words.ago).map(|next| ((span, -1), next))
    }

    /// Minutes after midnight, whether it is a bare number, whether it is exact; and where it ends.
    fn clock(&self, at: usize) -> Option<((u32, bool, bool), usize)> {
        let marked = self.any(at, self.words.at);
        let start = marked.unwrap_or(at);
        if let Some((minutes, next)) = self.longest(start, self.words.named) {
            let (extra, next) = self.longest(next, self.words.after_noon).unwrap_or((0, next));
            return Some(((minutes + extra, false, true), next));
        }
        if let Some((minutes, next)) = self.digital(start, marked.is_some()) {
            let next = self.any(next, self.words.clock_words).unwrap_or(next);
            return Some(((minutes, false, self.words.code != "en"), next));
        }
        let fits = self.words.clocks.iter().filter_map(|clock| Some((clock, self.fit(start, clock)?)));
        let (clock, (minutes, next)) = fits.max_by_key(|(_, (_, next))| *next)?;
        // "7 days" and "9 June" are no times of day.
        let dated = || self.day(start).is_some_and(|(_, end)| end > next);
        if !clock.strong && (self.longest(next, self.words.units).is_some() || dated()) {
            return None;
        }
        Some(((minutes, !clock.strong && marked.is_none(), false), next))
    }

    /// "6:30", and after a word like "at" also "6.30".
    fn digital(&self, at: usize, marked: bool) -> Option<(u32, usize)> {
        let (hour, minute) = (self.digits(at)?, self.digits(at + 1)?);
        let said = marked || self.any(at + 2, self.words.clock_words).is_some();
        let joined = match self.gap(at + 1) {
            ":" | "：" => true,
            "." => said && !self.gap(at + 2).starts_with('.'),
            _ => false,
        };
        let good = joined && self.text(at + 1).len() == 2 && hour <= 24 && minute < 60;
        good.then_some((hour * 60 + minute, at + 2))
    }

    /// Minutes after midnight of a pattern such as "M past H", if it stands here.
    fn fit(&self, at: usize, clock: &Clock) -> Option<(u32, usize)> {
        let (mut hour, mut minute, mut next) = (0i32, 0i32, at);
        for (n, part) in pieces(clock.pattern).into_iter().enumerate() {
            if matches!(part, "H" | "M") {
                let (number, end) = self.whole(next)?;
                if part == "H" {
                    hour = i32::try_from(number).ok().filter(|h| *h <= 24)?;
                } else {
                    // "seven thirty", but not "seven two"; "at 7 10" only without anything between them.
                    let good =
                        number < 60 && (n == 0 || number >= 10 || clock.strong) && self.gap(next).trim().is_empty();
                    minute = i32::try_from(number).ok().filter(|_| good)?;
                }
                next = end;
            } else {
                next = self.phrase(next, part)?;
            }
        }
        let total = hour * 60 + clock.minutes + clock.sign * minute;
        u32::try_from(if total < 0 { total + 12 * 60 } else { total }).ok().map(|total| (total, next))
    }
}

/// Cuts a pattern into its words, and H and M.
fn pieces(pattern: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    for word in pattern.split(' ') {
        let mut rest = word;
        while let Some(at) = rest.find(['H', 'M']) {
            if at > 0 {
                pieces.push(&rest[..at]);
            }
            pieces.push(&rest[at..=at]);
            rest = &rest[at + 1..];
        }
        if !rest.is_empty() {
            pieces.push(rest);
        }
    }
    pieces
}

impl Said {
    fn resolve(self, now: DateTime, early: bool) -> Option<DateTime> {
        if let Some((span, sign)) = self.distance {
            let start = match self.day {
                Some(day) => day.resolve(now.date(), false)?.to_datetime(now.time()),
                None => now,
            };
            let point = span.after(start, sign)?;
            return match self.minutes {
                _ if !span.is_of_days() => Some(point),
                Some(minutes) => at_minute(point.date(), self.of_day(minutes, early)),
                None => {
                    self.part.map_or_else(|| at_minute(point.date(), 0), |part| at_minute(point.date(), part.begins()))
                }
            };
        }
        let minutes = match (self.minutes, self.part) {
            (Some(minutes), _) => self.of_day(minutes, early),
            (None, Some(part)) => part.begins(),
            (None, None) => return at_minute(self.day?.resolve(now.date(), false)?, 0),
        };
        match self.day {
            None => {
                let today = at_minute(now.date(), minutes)?;
                if today > now { Some(today) } else { today.checked_add(1.day()).ok() }
            }
            // "today at six", said in the afternoon.
            Some(Day::FromToday(0)) => {
                let point = at_minute(now.date(), minutes)?;
                let evening = point <= now && minutes < DAY / 2 && self.part.is_none();
                if evening { point.checked_add(12.hours()).ok() } else { Some(point) }
            }
            Some(day) => {
                let first = at_minute(day.resolve(now.date(), false)?, minutes)?;
                if first > now { Some(first) } else { at_minute(day.resolve(now.date(), true)?, minutes) }
            }
        }
    }

    /// The minutes after midnight that are meant by those of a clock's face.
    fn of_day(self, minutes: u32, early: bool) -> u32 {
        let hour = minutes / 60;
        match self.part {
            Some(Part::Morning) if hour == 12 => minutes - DAY / 2,
            Some(Part::Afternoon | Part::Evening | Part::Tonight) if hour < 12 => minutes + DAY / 2,
            Some(Part::Night) if (6..12).contains(&hour) => minutes + DAY / 2,
            Some(Part::Night | Part::Evening | Part::Tonight) if hour == 12 => minutes + DAY / 2,
            // Nobody is reminded at three in the night unless they say so.
            None if !self.exact && !early && (1..5).contains(&hour) => minutes + DAY / 2,
            _ => minutes,
        }
    }
}

fn at_minute(date: Date, minutes: u32) -> Option<DateTime> {
    date.to_datetime(jiff::civil::Time::midnight()).checked_add(i64::from(minutes).minutes()).ok()
}
