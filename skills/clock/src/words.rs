//! Times in words, for the sentences that users read or hear.
//!
//! Owns: wording. Must not know: where a time came from.

use jiff::ZonedDateTime as Zoned;
use jiff::civil::Date;

/// "1 hour and 5 minutes"; exact to the second.
pub fn duration(seconds: i64) -> String {
    let mut rest = seconds.unsigned_abs();
    let mut parts = Vec::new();
    for (unit, length) in [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)] {
        let count = rest / length;
        rest %= length;
        if count > 0 {
            parts.push(counted(count, unit));
        }
    }
    if parts.is_empty() { "0 seconds".into() } else { listed(&parts, "and") }
}

/// "about 4 hours", for what need not be exact: the largest unit and the next one.
pub fn roughly(seconds: i64) -> String {
    let seconds = seconds.abs();
    let unit = match seconds {
        0..3_600 => 1,
        3_600..86_400 => 60,
        _ => 3_600,
    };
    duration(seconds / unit * unit)
}

/// "1 day", "2 days"
pub fn counted(count: u64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// "a", "a and b", "a, b and c"
pub fn listed(parts: &[String], joined_by: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {joined_by} {last}", first.join(", ")),
    }
}

/// "15:42", "15:42 tomorrow", "15:42 on Friday", "15:42 on Friday 4 December", seen from `now`.
pub fn clock(at: &Zoned, now: &Zoned) -> String {
    let time = at.strftime("%H:%M");
    match days_between(now.date(), at.date()) {
        0 => time.to_string(),
        1 => format!("{time} tomorrow"),
        -1 => format!("{time} yesterday"),
        2..7 => format!("{time} on {}", at.strftime("%A")),
        _ => format!("{time} on {}", day(at.date(), now.date())),
    }
}

/// "Thursday 24 December", with the year when it is another one than today's.
pub fn day(date: Date, today: Date) -> String {
    let format = if date.year() == today.year() { "%A %-d %B" } else { "%A %-d %B %Y" };
    date.strftime(format).to_string()
}

/// "Thursday 24 December 2026"
pub fn full_day(date: Date) -> String {
    date.strftime("%A %-d %B %Y").to_string()
}

/// Days from one date to another, negative when that lies before.
pub fn days_between(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn durations_read_well() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (600, "10 minutes"),
            (3_660, "1 hour and 1 minute"),
            (90_061, "1 day, 1 hour, 1 minute and 1 second"),
            (-60, "1 minute"),
        ] {
            assert_eq!(duration(seconds), words);
        }
        assert_eq!(roughly(3_725), "1 hour and 2 minutes");
        assert_eq!(roughly(90_061), "1 day and 1 hour");
        assert_eq!(roughly(59), "59 seconds");
    }

    #[test]
    fn days_are_counted_over_months_and_clock_changes() {
        assert_eq!(days_between(date(2026, 3, 1), date(2026, 4, 1)), 31);
        assert_eq!(days_between(date(2026, 4, 1), date(2026, 3, 31)), -1);
        assert_eq!(days_between(date(2024, 2, 28), date(2024, 3, 1)), 2);
    }
}
