//! Times and lists in words, for the sentences that users read or hear.
//!
//! Owns: wording. Must not know: where a time came from.

use jiff::civil::{Date, DateTime};

/// "today, Monday 23 November"; "tomorrow, …"; "on Friday 27 November", with the year when it is another one.
pub fn on_day(day: Date, today: Date) -> String {
    match days_between(today, day) {
        0 => format!("today, {}", day_name(day, today)),
        1 => format!("tomorrow, {}", day_name(day, today)),
        -1 => format!("yesterday, {}", day_name(day, today)),
        _ => format!("on {}", day_name(day, today)),
    }
}

/// "Monday 23 November", with the year when it is another one than today's.
pub fn day_name(day: Date, today: Date) -> String {
    let format = if day.year() == today.year() { "%A %-d %B" } else { "%A %-d %B %Y" };
    day.strftime(format).to_string()
}

/// "09:00"
pub fn clock(at: DateTime) -> String {
    at.strftime("%H:%M").to_string()
}

/// Days from one day to another, negative when that lies before.
pub fn days_between(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours() / 24
}

/// "in 3 days", "in 2 hours", "in 5 minutes"; the largest unit alone.
pub fn ahead(now: DateTime, at: DateTime) -> String {
    let minutes = now.duration_until(at).as_mins();
    match (days_between(now.date(), at.date()), minutes) {
        (2.., _) => format!("in {}", counted(days_between(now.date(), at.date()), "day")),
        (_, 60..) => format!("in {}", counted(minutes / 60, "hour")),
        (_, 1..) => format!("in {}", counted(minutes, "minute")),
        _ => "now".into(),
    }
}

/// "1 day", "2 days"
pub fn counted(count: i64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// With a capital first letter.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn days_and_distances_read_well() {
        let today = date(2026, 11, 23);
        assert_eq!(on_day(today, today), "today, Monday 23 November");
        assert_eq!(on_day(date(2026, 11, 24), today), "tomorrow, Tuesday 24 November");
        assert_eq!(on_day(date(2027, 1, 4), today), "on Monday 4 January 2027");
        let now = today.at(15, 32, 0, 0);
        for (at, wanted) in [
            (today.at(15, 40, 0, 0), "in 8 minutes"),
            (today.at(17, 0, 0, 0), "in 1 hour"),
            (date(2026, 11, 24).at(9, 0, 0, 0), "in 17 hours"),
            (date(2026, 11, 26).at(9, 0, 0, 0), "in 3 days"),
            (now, "now"),
        ] {
            assert_eq!(ahead(now, at), wanted);
        }
        assert_eq!((counted(1, "day"), sentence("on")), ("1 day".into(), "On".into()));
    }
}
