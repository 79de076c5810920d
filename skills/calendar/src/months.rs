//! Whole months: "my appointments in December" is about all of it, though the date that comes out of the words is its first
//! day.
//!
//! Owns: the names of the months. Must not know: events.

use hob_sdk::text::fold;
use jiff::civil::Date;

/// The names of each month, folded; abbreviations are not used for a whole month.
#[rustfmt::skip] // A month a line.
const NAMES: [&[&str]; 12] = [
    &["january", "janeiro", "januar", "janner", "enero", "一月"],
    &["february", "fevereiro", "februar", "febrero", "二月"],
    &["march", "marco", "marz", "marzo", "三月"],
    &["april", "abril", "四月"],
    &["may", "maio", "mai", "mayo", "五月"],
    &["june", "junho", "juni", "junio", "六月"],
    &["july", "julho", "juli", "julio", "七月"],
    &["august", "agosto", "八月"],
    &["september", "setembro", "septiembre", "setiembre", "九月"],
    &["october", "outubro", "oktober", "octubre", "十月"],
    &["november", "novembro", "noviembre", "十一月"],
    &["december", "dezembro", "dezember", "diciembre", "十二月"],
];
/// Words that make a month's name a day of it.
const FIRST: &[&str] = &["first", "primeiro", "erste", "ersten", "erster", "primero"];

/// Whether words that gave `day` name its month and no day of it.
pub fn is_all(said: &str, day: Date) -> bool {
    let names = usize::try_from(day.month() - 1).ok().and_then(|at| NAMES.get(at)).copied().unwrap_or_default();
    let folded = fold(said);
    let words: Vec<&str> = folded.split(|c: char| !c.is_alphanumeric()).collect();
    let named = names.iter().any(|name| if name.is_ascii() { words.contains(name) } else { folded.contains(name) });
    let of_a_day = folded.contains(['号', '日']) || words.iter().any(|word| FIRST.contains(word) || is_day(word));
    day.day() == 1 && named && !of_a_day
}

/// "1", "1st", "01", but not a year.
fn is_day(word: &str) -> bool {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    digits.len() <= 2 && digits.parse::<u8>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_month_s_name_alone_is_all_of_it() {
        for (said, month, all) in [
            ("my appointments for December", 12, true),
            ("what is on in December 2026", 12, true),
            ("was habe ich im März vor", 3, true),
            ("o que tenho em março", 3, true),
            ("qué hay en mayo", 5, true),
            ("十二月有什么安排", 12, true),
            ("what is on on 1 December", 12, false),
            ("what is on on the 1st of December", 12, false),
            ("the first of May", 5, false),
            ("am ersten Mai", 5, false),
            ("十二月一号有什么安排", 12, false),
            ("what may I expect on Tuesday", 12, false),
        ] {
            assert_eq!(is_all(said, date(2026, month, 1)), all, "{said}");
        }
        assert!(!is_all("in December", date(2026, 12, 2)));
    }
}
