//! Dates: what files state, and the little arithmetic that calendars need.

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// 1 to 9999.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

impl Day {
    /// The day, when there is one.
    pub fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        let made = Self { year, month, day };
        let plausible = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        (plausible && Self::from_number(made.number()) == made).then_some(made)
    }

    /// Days since 1970-01-01 (the civil-calendar formula over 400-year eras that start in March).
    pub fn number(self) -> i64 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * ((i64::from(self.month) + 9) % 12) + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// The day with this number.
    pub fn from_number(number: i64) -> Self {
        let shifted = number + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let march_month = (5 * of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        Self { year: (year + era * 400 + i64::from(month <= 2)) as i32, month: month as u32, day: day as u32 }
    }

    /// Like "Saturday 14 March 2026".
    pub fn in_words(self) -> String {
        format!("{} {} {} {}", self.weekday(), self.day, self.month_name(), self.year)
    }

    /// Like "14 March", for what comes back every year.
    pub fn without_year(self) -> String {
        format!("{} {}", self.day, self.month_name())
    }

    fn weekday(self) -> &'static str {
        WEEKDAYS[(self.number() + 3).rem_euclid(7) as usize]
    }

    fn month_name(self) -> &'static str {
        month_name(self.month).unwrap_or_default()
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A month's English name, 1 to 12.
pub fn month_name(month: u32) -> Option<&'static str> {
    MONTHS.get((month as usize).checked_sub(1)?).copied()
}

/// A date as documents state it: RFC 3339 stays, anything that starts with `YYYY-MM-DD` is cut
/// to that, the rest is no date.
pub fn stated(text: &str) -> Option<String> {
    let text = text.trim();
    let day = parse_day(text.get(..10)?)?;
    let rest = text.as_bytes().get(10..).unwrap_or_default();
    Some(if is_rfc3339_time(rest) { text.to_string() } else { day.to_string() })
}

/// A day from `YYYY-MM-DD` or `YYYYMMDD`.
pub fn parse_day(text: &str) -> Option<Day> {
    let digits: String = match text.len() {
        8 => text.into(),
        10 if text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-') => text.replace('-', ""),
        _ => return None,
    };
    if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Day::new(digits[..4].parse().ok()?, digits[4..6].parse().ok()?, digits[6..].parse().ok()?)
}

/// `THH:MM:SS[.fraction](Z|+HH:MM)`.
fn is_rfc3339_time(rest: &[u8]) -> bool {
    let [b'T' | b't', h1, h2, b':', m1, m2, b':', s1, s2, zone @ ..] = rest else { return false };
    let digits = [h1, h2, m1, m2, s1, s2].iter().all(|b| b.is_ascii_digit());
    let zone = match zone {
        [b'.', fraction @ ..] => {
            let end = fraction.iter().position(|b| !b.is_ascii_digit()).unwrap_or(fraction.len());
            &fraction[end..]
        }
        zone => zone,
    };
    digits
        && match zone {
            [b'Z' | b'z'] => true,
            [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|x| x.is_ascii_digit()),
            _ => false,
        }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn days_count_both_ways() {
        assert_eq!(Day::new(1970, 1, 1).unwrap().number(), 0);
        assert_eq!(Day::new(2000, 2, 29).unwrap().number(), 11_016);
        for number in [-719_162, -1, 0, 59, 60, 11_016, 20_526, 2_932_896] {
            assert_eq!(Day::from_number(number).number(), number);
        }
        assert_eq!(Day::new(2026, 2, 29), None);
        assert_eq!(Day::new(2026, 3, 14).unwrap().in_words(), "Saturday 14 March 2026");
    }

    #[test]
    fn only_dates_are_dates() {
        assert_eq!(stated("2026-03-14").as_deref(), Some("2026-03-14"));
        assert_eq!(stated("2026-03-14T10:00:00Z").as_deref(), Some("2026-03-14T10:00:00Z"));
        assert_eq!(stated("2026-03-14T10:00:00.125+01:00").as_deref(), Some("2026-03-14T10:00:00.125+01:00"));
        assert_eq!(stated("2026-03-14 10:00").as_deref(), Some("2026-03-14"));
        for bad in ["", "yesterday", "2026-13-01", "14/03/2026", "2026-02-30", "äöüäöü"] {
            assert_eq!(stated(bad), None, "{bad}");
        }
    }
}
