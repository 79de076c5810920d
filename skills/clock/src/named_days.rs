//! Days that people call by name.
//!
//! Owns: the names, in a few languages. Must not know: what is asked about the day.

use hob_sdk::text::fold;
use jiff::ToSpan;
use jiff::civil::{Date, date};

/// Month, day and folded names of days that fall on the same date every year. Longer names come
/// before those that they contain.
#[rustfmt::skip] // A row a line.
const FIXED: &[(i8, i8, &[&str])] = &[
    (12, 24, &["christmas eve", "xmas eve", "vespera de natal", "heiligabend", "heiliger abend", "nochebuena", "平安夜"]),
    (12, 25, &["christmas day", "christmas", "xmas", "dia de natal", "natal", "weihnachten", "navidad", "圣诞节", "圣诞"]),
    (12, 26, &["boxing day", "zweiter weihnachtstag"]),
    (12, 31, &["new year's eve", "new years eve", "new year’s eve", "vespera de ano novo", "silvester", "nochevieja", "除夕夜"]),
    (1, 1, &["new year's day", "new year’s day", "new years day", "new year", "ano novo", "neujahr", "ano nuevo", "元旦", "新年"]),
    (2, 14, &["valentine's day", "valentine’s day", "valentines day", "valentinstag", "san valentin", "情人节"]),
    (3, 8, &["women's day", "dia da mulher", "frauentag", "dia de la mujer", "妇女节"]),
    (3, 17, &["st patrick's day", "saint patrick's day"]),
    (5, 1, &["labour day", "may day", "dia do trabalhador", "tag der arbeit", "dia del trabajador", "劳动节"]),
    (10, 31, &["halloween", "万圣节"]),
];

/// Names of Easter Sunday.
const EASTER: &[&str] =
    &["easter sunday", "easter", "pascoa", "domingo de resurreccion", "pascua", "ostersonntag", "ostern", "复活节"];

/// The first day of that name in `text`, from `today` on.
pub fn find(text: &str, today: Date) -> Option<Date> {
    let text = fold(text);
    let fixed = FIXED.iter().find(|(_, _, names)| names.iter().any(|name| holds(&text, name)));
    if let Some(&(month, day, _)) = fixed {
        return coming(today, |year| date(year, month, day));
    }
    EASTER.iter().any(|name| holds(&text, name)).then(|| coming(today, easter))?
}

/// Whether `name` stands in `text` on its own, not within a longer Latin word.
fn holds(text: &str, name: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let latin = name.is_ascii() || name.contains('’');
    text.match_indices(name).any(|(at, _)| {
        !latin || !is_letter(text[..at].chars().next_back()) && !is_letter(text[at + name.len()..].chars().next())
    })
}

fn coming(today: Date, in_year: impl Fn(i16) -> Date) -> Option<Date> {
    let this_year = in_year(today.year());
    if this_year >= today {
        return Some(this_year);
    }
    let next = today.checked_add(1.year()).ok()?;
    Some(in_year(next.year()))
}

/// Easter Sunday of the Gregorian calendar, by the rule of the church: the Sunday after the full
/// moon that falls on or after 21 March, with the moon's age taken from the 19-year cycle.
fn easter(year: i16) -> Date {
    let year = i32::from(year);
    let golden = year % 19;
    let century = year / 100;
    let skipped_leap_days = century - century / 4;
    let moon_correction = (8 * century + 13) / 25;
    let epact = (19 * golden + skipped_leap_days - moon_correction + 15) % 30;
    // The two cases in which the tables put the full moon one day earlier.
    let full_moon = epact - (epact / 28) * (1 - (29 / (epact + 1)) * ((21 - golden) / 11));
    let weekday = (year + year / 4 + full_moon + 2 - skipped_leap_days) % 7;
    let days_after_march_21 = full_moon - weekday + 7;
    date(year as i16, 3, 21).saturating_add((days_after_march_21).days())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn easter_is_where_the_calendar_has_it() {
        for (year, month, day) in [
            (1943, 4, 25),
            (2000, 4, 23),
            (2008, 3, 23),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2027, 3, 28),
            (2038, 4, 25),
        ] {
            assert_eq!(easter(year), date(year, month, day), "{year}");
        }
    }

    #[test]
    fn names_are_found_in_sentences_and_lie_ahead() {
        let today = date(2026, 11, 23);
        for (text, expected) in [
            ("how many days until Christmas?", Some(date(2026, 12, 25))),
            ("days to christmas eve", Some(date(2026, 12, 24))),
            ("quantos dias faltam para o Natal", Some(date(2026, 12, 25))),
            ("离圣诞节还有多少天", Some(date(2026, 12, 25))),
            ("when is easter", Some(date(2027, 3, 28))),
            ("New Year's Eve", Some(date(2026, 12, 31))),
            ("new year", Some(date(2027, 1, 1))),
            ("the northeastern coast", None),
            ("beaster", None),
            ("", None),
        ] {
            assert_eq!(find(text, today), expected, "{text}");
        }
        assert_eq!(find("christmas", date(2026, 12, 25)), Some(date(2026, 12, 25)));
    }
}
