//! What the rules of the `duckling` crate miss in languages that [`super::spoken`] has no table for: half hours in words,
//! and "in …" where the rules know a duration but not its use as a point in time.

use crate::skills::router::text::{fold, words};
use std::ops::Range;

/// Language, folded phrase, seconds. Longer phrases stand first.
const SPANS: &[(&str, &str, i64)] = &[
    ("fr", "trois quarts d'heure", 2_700),
    ("fr", "un quart d'heure", 900),
    ("fr", "une heure et demie", 5_400),
    ("fr", "une demi heure", 1_800),
];

/// What makes a duration a point in time, standing right before it (folded).
const AHEAD: &[&str] = &["in", "within", "daqui a", "dentro de", "em", "en", "dans", "fra", "tra", "over"];
/// The same, standing right after it.
const AFTER: &[&str] = &["from now", "later", "hence", "后", "之 后", "以 后"];

/// The first such span in the text and its seconds.
pub fn span(text: &str, language: &str) -> Option<(Range<usize>, i64)> {
    let words = words(text);
    SPANS.iter().filter(|(code, ..)| *code == language).find_map(|(_, phrase, seconds)| {
        let length = phrase.split(' ').count();
        let window = words.windows(length).find(|w| phrase.split(' ').eq(w.iter().map(|w| w.folded.as_str())))?;
        Some((window[0].range.start..window[length - 1].range.end, *seconds))
    })
}

/// The range widened by the words that make a duration a point in time; `None` if there are none.
pub fn as_point(text: &str, range: &Range<usize>) -> Option<Range<usize>> {
    let before = words(&text[..range.start]);
    let ahead = AHEAD.iter().find_map(|phrase| {
        let length = phrase.split(' ').count();
        let tail = &before[before.len().checked_sub(length)?..];
        phrase.split(' ').eq(tail.iter().map(|w| w.folded.as_str())).then(|| tail[0].range.start)
    });
    if let Some(start) = ahead {
        return Some(start..range.end);
    }
    let rest = fold(&text[range.end..]);
    let follows =
        AFTER.iter().find(|phrase| rest.strip_prefix(**phrase).is_some_and(|r| r.is_empty() || r.starts_with(' ')))?;
    let after = words(&text[range.end..]);
    let last = after.get(follows.split(' ').count() - 1)?;
    Some(range.start..range.end + last.range.end)
}

/// Language, folded words right after a time of day, minutes they add.
const HALVES: &[(&str, &str, i64)] = &[("fr", "et demie", 30), ("fr", "et quart", 15), ("it", "e mezza", 30)];

/// Language and folded word for tomorrow.
const TOMORROW: &[(&str, &str)] =
    &[("de", "morgen"), ("pt", "amanha"), ("es", "manana"), ("fr", "demain"), ("it", "domani"), ("nl", "morgen")];

/// Minutes that the words after a time of day add to it, and the end of those words.
pub fn added_minutes(text: &str, language: &str, range: &Range<usize>) -> Option<(usize, i64)> {
    let after = words(&text[range.end..]);
    HALVES.iter().filter(|(code, ..)| *code == language).find_map(|(_, phrase, minutes)| {
        let length = phrase.split(' ').count();
        let window = after.get(..length)?;
        let says = phrase.split(' ').eq(window.iter().map(|w| w.folded.as_str()));
        says.then(|| (range.end + window[length - 1].range.end, *minutes))
    })
}

/// Where the word for tomorrow starts, standing at most one word before the range ("morgen um 6:30").
pub fn tomorrow_before(text: &str, language: &str, range: &Range<usize>) -> Option<usize> {
    let before = words(&text[..range.start]);
    let near = before.iter().rev().take(2);
    let mut near = near.filter(|w| TOMORROW.iter().any(|(code, word)| *code == language && *word == w.folded));
    near.next().map(|w| w.range.start)
}

/// Words before a date of which the last one is meant, and other words that look back.
const SINCE: &[&str] = &["since", "seit", "desde", "depuis", "dal", "sinds"];
const BACK: &[&str] = &["ago", "passed", "vergangen", "passaram"];

/// Whether the request looks back: "how many days since 1 January".
pub fn looks_back(text: &str) -> bool {
    words(text).iter().any(|w| [SINCE, BACK].iter().any(|list| list.contains(&w.folded.as_str())))
}

/// Where words like "since" stand.
pub fn since(text: &str) -> Vec<Range<usize>> {
    words(text).into_iter().filter(|w| SINCE.contains(&w.folded.as_str())).map(|w| w.range).collect()
}

/// Words between the ends of a span of dates.
const AND: &[&str] =
    &["and", "to", "until", "till", "e", "a", "ate", "und", "bis", "y", "hasta", "et", "au", "到", "和", "至"];

/// Where the second of two dates in an expression starts: at the word between them that is nearest the middle.
pub fn middle(text: &str, range: &Range<usize>) -> usize {
    let middle = range.start.midpoint(range.end);
    let inside = words(&text[range.clone()]).into_iter();
    let between = inside.filter(|w| AND.contains(&w.folded.as_str())).map(|w| range.start + w.range.end);
    between.min_by_key(|at| at.abs_diff(middle)).unwrap_or_else(|| super::boundary(text, middle))
}

/// Words for today.
const TODAY: &[&str] =
    &["today", "hoje", "heute", "hoy", "aujourd'hui", "oggi", "vandaag", "今", "天", "日", "сегодня"];

/// Whether the words name today. Rules of some languages give today for what they can't reckon ("Ano Novo").
pub fn names_today(text: &str) -> bool {
    words(text).iter().any(|w| TODAY.contains(&w.folded.as_str()))
}
