//! Rules by which events repeat (RFC 5545, section 3.3.10), as days.
//!
//! Owns: `RRULE` with daily, weekly, monthly and yearly frequency. Must not know: times of day, zones, exceptions. A rule
//! that names something else is not followed at all rather than followed wrongly.

use crate::when::When;
use jiff::Span;
use jiff::civil::{Date, Weekday};

/// Longest interval that is believed.
const LONGEST_INTERVAL: i64 = 10_000;
/// Entries of one list in a rule.
const MOST: usize = 400;
/// Steps that one event's rule may take: 500 years of days.
const MOST_STEPS: u32 = 200_000;

/// How often the days of a rule come round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    frequency: Frequency,
    interval: i64,
    /// How many there are in all.
    pub count: Option<u64>,
    until: Option<When>,
    /// Weekdays; with a number, the so-manieth of the month or year, from the end if negative.
    by_day: Vec<(i16, Weekday)>,
    by_month_day: Vec<i8>,
    by_month: Vec<i8>,
    by_position: Vec<i16>,
    week_start: Weekday,
}

/// How much may still be worked out, in periods and days looked at, in a call and for one event of it: what a hostile rule
/// costs is bounded, and the others lose nothing by it.
#[derive(Debug)]
pub struct Work {
    left: u32,
    here: u32,
    short: bool,
}

impl Work {
    /// So much for all.
    pub fn of(left: u32) -> Self {
        Self { left, here: left, short: false }
    }

    /// Goes on to the next event.
    pub fn next_event(&mut self) {
        self.here = self.left.min(MOST_STEPS);
    }

    /// Whether something was left out.
    pub fn was_short(&self) -> bool {
        self.short
    }

    fn take(&mut self, steps: usize) -> bool {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        self.short |= steps > self.here;
        let enough = steps <= self.here;
        (self.here, self.left) = (self.here.saturating_sub(steps), self.left.saturating_sub(steps));
        enough
    }
}

impl Rule {
    /// Reads a rule of an event that begins at `start`; `None` when it can't be followed.
    pub fn parse(value: &str, start: &When) -> Option<Self> {
        let mut rule = Self {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            by_day: Vec::new(),
            by_month_day: Vec::new(),
            by_month: Vec::new(),
            by_position: Vec::new(),
            week_start: Weekday::Monday,
        };
        let value = value.trim().to_ascii_uppercase();
        let mut parts = value.split(';').map(str::trim).filter(|part| !part.is_empty());
        // The one part that no rule can do without.
        let said = value.split(';').any(|part| part.trim().starts_with("FREQ="));
        (said && parts.all(|part| rule.read(part, start).is_some())).then_some(rule)
    }

    fn read(&mut self, part: &str, start: &When) -> Option<()> {
        let (name, value) = part.split_once('=')?;
        match name {
            "FREQ" => self.frequency = frequency(value)?,
            "INTERVAL" => self.interval = value.parse().ok().filter(|n| (1..=LONGEST_INTERVAL).contains(n))?,
            "COUNT" => self.count = Some(value.parse().ok()?),
            "UNTIL" => self.until = Some(When::parse(value, || start.zone.clone().unwrap_or(jiff::tz::TimeZone::UTC))?),
            "WKST" => self.week_start = weekday(value)?,
            "BYDAY" => self.by_day = list(value, numbered_weekday)?,
            "BYMONTHDAY" => self.by_month_day = list(value, |n| n.parse().ok().filter(|n| (-31..=31).contains(n)))?,
            "BYMONTH" => self.by_month = list(value, |n| n.parse().ok().filter(|n| (1..=12).contains(n)))?,
            "BYSETPOS" => self.by_position = list(value, |n| n.parse().ok().filter(|n| *n != 0))?,
            // Some programs repeat what the start says anyway.
            "BYHOUR" => same(value, start.civil.hour())?,
            "BYMINUTE" => same(value, start.civil.minute())?,
            "BYSECOND" => same(value, start.civil.second())?,
            _ => return None,
        }
        Some(())
    }

    /// Whether the rule has ended before `at`.
    pub fn is_over(&self, at: &When, user: &jiff::tz::TimeZone) -> bool {
        self.until.as_ref().is_some_and(|until| match at.is_day() || until.is_day() {
            true => at.civil.date() > until.civil.date(),
            false => at.instant(user) > until.instant(user),
        })
    }

    /// Tells `each` the rule's days in order, the event's own first day before all, until it says `false`; none after
    /// `to`. Days long before `from` are passed over, unless the rule counts them.
    pub fn days(&self, start: Date, from: Date, to: Date, work: &mut Work, mut each: impl FnMut(Date) -> bool) {
        let mut period = if self.count.is_some() { 0 } else { self.periods_before(start, from) };
        if period == 0 && !each(start) {
            return;
        }
        while work.take(1) {
            let Some(first) = self.period(start, period).filter(|first| *first <= to) else { return };
            let days = self.days_of(first, start);
            if !work.take(days.len()) {
                return;
            }
            for day in days.into_iter().filter(|day| *day > start) {
                if day > to || !each(day) {
                    return;
                }
            }
            period += 1;
        }
    }

    /// Periods that surely end before `day`.
    fn periods_before(&self, start: Date, day: Date) -> i64 {
        let days = start.duration_until(day).as_hours() / 24;
        let months = (i64::from(day.year()) - i64::from(start.year())) * 12 + i64::from(day.month() - start.month());
        let passed = match self.frequency {
            Frequency::Daily => days,
            Frequency::Weekly => days / 7,
            Frequency::Monthly => months,
            Frequency::Yearly => months / 12,
        };
        (passed / self.interval - 1).max(0)
    }

    /// The first day of a period, by its number.
    fn period(&self, start: Date, number: i64) -> Option<Date> {
        let ahead = number.checked_mul(self.interval)?;
        let (first, span) = match self.frequency {
            Frequency::Daily => (start, Span::new().try_days(ahead)),
            Frequency::Weekly => {
                let back = start.weekday().since(self.week_start);
                (start.checked_sub(Span::new().try_days(back).ok()?).ok()?, Span::new().try_weeks(ahead))
            }
            Frequency::Monthly => (start.first_of_month(), Span::new().try_months(ahead)),
            Frequency::Yearly => (start.first_of_year(), Span::new().try_years(ahead)),
        };
        first.checked_add(span.ok()?).ok()
    }

    /// The days of the period that begins on `first`, in order.
    fn days_of(&self, first: Date, start: Date) -> Vec<Date> {
        let month_fits = |day: &Date| self.by_month.is_empty() || self.by_month.contains(&day.month());
        let mut days: Vec<Date> = match self.frequency {
            Frequency::Daily => {
                let fits = |day: &Date| {
                    self.is_month_day(*day)
                        && (self.by_day.is_empty() || self.by_day.iter().any(|(_, of)| *of == day.weekday()))
                };
                Some(first).filter(fits).into_iter().collect()
            }
            Frequency::Weekly => {
                let wanted = |day: &Date| match self.by_day.as_slice() {
                    [] => day.weekday() == start.weekday(),
                    named => named.iter().any(|(_, of)| *of == day.weekday()),
                };
                first.series(Span::new().days(1)).take(7).filter(wanted).collect()
            }
            Frequency::Monthly => self.days_of_month(first, start),
            Frequency::Yearly => self.days_of_year(first, start),
        };
        days.retain(month_fits);
        self.positioned(days)
    }

    fn days_of_month(&self, first: Date, start: Date) -> Vec<Date> {
        if self.by_month_day.is_empty() && self.by_day.is_empty() {
            return first.with().day(start.day()).build().into_iter().collect();
        }
        let length = i16::from(first.days_in_month());
        let fits = |day: &Date| self.is_month_day(*day) && self.is_weekday(*day, i16::from(day.day()), length);
        first.series(Span::new().days(1)).take(usize::try_from(length).unwrap_or(31)).filter(fits).collect()
    }

    fn days_of_year(&self, first: Date, start: Date) -> Vec<Date> {
        let by_month = |month: i8| {
            let first = first.with().month(month).build();
            first.map(|first| self.days_of_month(first, start)).unwrap_or_default()
        };
        if !self.by_month.is_empty() || !self.by_month_day.is_empty() {
            return (1..=12)
                .filter(|m| self.by_month.is_empty() || self.by_month.contains(m))
                .flat_map(by_month)
                .collect();
        }
        if self.by_day.is_empty() {
            return first.with().month(start.month()).day(start.day()).build().into_iter().collect();
        }
        let length = first.days_in_year();
        let fits = |day: &Date| self.is_weekday(*day, day.day_of_year(), length);
        first.series(Span::new().days(1)).take(usize::try_from(length).unwrap_or(366)).filter(fits).collect()
    }

    fn is_month_day(&self, day: Date) -> bool {
        let from_end = day.day() - day.days_in_month() - 1;
        self.by_month_day.is_empty() || self.by_month_day.iter().any(|n| *n == day.day() || *n == from_end)
    }

    /// Whether a day is a wanted weekday; `number` is the day's in a month or year of that `length`.
    fn is_weekday(&self, day: Date, number: i16, length: i16) -> bool {
        let (from_start, from_end) = ((number - 1) / 7 + 1, -((length - number) / 7 + 1));
        let is =
            |(nth, of): &(i16, Weekday)| *of == day.weekday() && (*nth == 0 || *nth == from_start || *nth == from_end);
        self.by_day.is_empty() || self.by_day.iter().any(is)
    }

    /// Those of a period's days that `BYSETPOS` picks.
    fn positioned(&self, days: Vec<Date>) -> Vec<Date> {
        if self.by_position.is_empty() {
            return days;
        }
        let position = |at: usize| i16::try_from(at).unwrap_or(i16::MAX);
        let picked = |at: usize| {
            self.by_position.iter().any(|n| *n == position(at) + 1 || *n == position(at) - position(days.len()))
        };
        days.iter().enumerate().filter(|(at, _)| picked(*at)).map(|(_, day)| *day).collect()
    }
}

fn frequency(value: &str) -> Option<Frequency> {
    Some(match value {
        "DAILY" => Frequency::Daily,
        "WEEKLY" => Frequency::Weekly,
        "MONTHLY" => Frequency::Monthly,
        "YEARLY" => Frequency::Yearly,
        _ => return None,
    })
}

fn weekday(name: &str) -> Option<Weekday> {
    let number = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"].iter().position(|day| *day == name)?;
    Weekday::from_monday_zero_offset(i8::try_from(number).ok()?).ok()
}

/// `MO`, `2MO`, `-1FR`.
fn numbered_weekday(text: &str) -> Option<(i16, Weekday)> {
    let (number, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let number =
        if number.is_empty() { 0 } else { number.parse().ok().filter(|n| (-53..=53).contains(n) && *n != 0)? };
    Some((number, weekday(name)?))
}

fn list<T>(value: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let all: Option<Vec<T>> = value.split(',').take(MOST).map(|one| read(one.trim())).collect();
    all.filter(|list| !list.is_empty())
}

fn same(value: &str, of_start: i8) -> Option<()> {
    (value.parse::<i8>().ok()? == of_start).then_some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    /// The first days of a rule, from a day on, as month and day.
    fn from(start: Date, rule: &str, from: Date, most: usize) -> String {
        let rule = Rule::parse(rule, &When::day(start)).unwrap();
        let (mut found, mut left) = (Vec::new(), rule.count.unwrap_or(u64::MAX));
        rule.days(start, from, date(2040, 1, 1), &mut Work::of(1_000_000), |day| {
            if left == 0 || rule.is_over(&When::day(day), &TimeZone::UTC) {
                return false;
            }
            left -= 1;
            if day >= from {
                found.push(day.strftime("%y%m%d").to_string());
            }
            found.len() < most
        });
        found.join(" ")
    }

    #[test]
    fn frequencies_intervals_counts_and_ends() {
        let monday = date(2026, 1, 5);
        let days = |rule: &str| from(monday, rule, monday, 5);
        for (rule, wanted) in [
            ("FREQ=DAILY;COUNT=3", "260105 260106 260107"),
            ("FREQ=DAILY;INTERVAL=10;UNTIL=20260126", "260105 260115 260125"),
            ("FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=4", "260105 260107 260109 260112"),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=MO", "260105 260111 260119 260125 260202"),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU", "260105 260118 260119 260201 260202"),
            ("FREQ=MONTHLY;BYDAY=-1FR", "260105 260130 260227 260327 260424"),
            ("FREQ=MONTHLY;BYDAY=1MO,3MO;COUNT=4", "260105 260119 260202 260216"),
            ("FREQ=MONTHLY;BYMONTHDAY=31", "260105 260131 260331 260531 260731"),
            ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", "260105 260131 260228"),
            ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3", "260105 260130 260227"),
            ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "260105 260213 260313 261113 270813"),
            ("FREQ=YEARLY;COUNT=3", "260105 270105 280105"),
            ("FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU", "260105 260329 261025 270328 271031"),
            ("FREQ=YEARLY;BYDAY=20MO;COUNT=3", "260105 260518 270517"),
            ("FREQ=YEARLY;INTERVAL=2;BYMONTH=1;BYMONTHDAY=5;COUNT=2", "260105 280105"),
            ("freq=daily;byhour=0;byday=sa,su;count=3", "260105 260110 260111"),
            ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "260105"),
        ] {
            assert_eq!(days(rule), wanted, "{rule}");
        }
    }

    #[test]
    fn a_leap_day_comes_every_four_years_and_the_31st_in_long_months() {
        assert_eq!(from(date(2024, 2, 29), "FREQ=YEARLY", date(2025, 1, 1), 2), "280229 320229");
        assert_eq!(from(date(2026, 1, 31), "FREQ=MONTHLY", date(2026, 2, 1), 3), "260331 260531 260731");
    }

    #[test]
    fn what_is_long_past_is_passed_over_but_counted_where_it_counts() {
        let start = date(1, 1, 1);
        let rule = Rule::parse("FREQ=DAILY", &When::day(start)).unwrap();
        let mut work = Work::of(50);
        let mut seen = 0;
        rule.days(start, date(2026, 1, 1), date(2026, 1, 3), &mut work, |_| {
            seen += 1;
            true
        });
        assert!(!work.was_short() && seen < 10, "{seen}");
        assert_eq!(from(date(2026, 1, 1), "FREQ=DAILY;COUNT=10", date(2026, 1, 9), 9), "260109 260110");
        let mut work = Work::of(1_000);
        rule.days(start, date(2026, 1, 1), date(9000, 1, 1), &mut work, |_| true);
        assert!(work.was_short(), "it ends");
    }

    #[test]
    fn rules_that_can_t_be_followed_are_known() {
        let start = When::parse("20260105T090000Z", || TimeZone::UTC).unwrap();
        for rule in [
            "",
            "COUNT=3",
            "FREQ=HOURLY",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=DAILY;INTERVAL=99999999999999999999",
            "FREQ=DAILY;BYHOUR=9,17",
            "FREQ=YEARLY;BYWEEKNO=20",
            "FREQ=YEARLY;BYEASTER=0",
            "FREQ=MONTHLY;BYDAY=0MO",
            "FREQ=MONTHLY;BYDAY=é",
            "FREQ=WEEKLY;UNTIL=soon",
            "FREQ",
        ] {
            assert_eq!(Rule::parse(rule, &start), None, "{rule}");
        }
        assert!(Rule::parse("FREQ=DAILY;BYHOUR=9;BYMINUTE=0", &start).is_some());
    }
}
