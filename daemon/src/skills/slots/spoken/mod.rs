//! Durations and points in time as people say them: a small grammar over one table of words per language.
//!
//! Owns: what such words mean. Must not know: slots, schemas, intents. What it does not know it leaves alone; the caller
//! may then ask a larger set of rules.

mod dates;
mod moments;
mod numbers;
mod spans;
mod tokens;
mod words;

use jiff::civil::DateTime;
use std::ops::Range;
use tokens::Sentence;
use words::Lexicon;

pub use spans::Span;

/// The spans of time in a text, in order. `language` is an ISO 639-1 code; where its table finds nothing
/// (a short text taken for another language's), the others are tried. A language without a table is not read.
pub fn spans(text: &str, language: &str) -> Vec<(Range<usize>, Span)> {
    first_that_finds(language, |lexicon| Sentence::new(text, lexicon).spans())
}

/// The points in time in a text, in order, as local times; languages as in [`spans`]. A point without a year, a day or
/// an hour that is told is the next one; a day alone is its midnight.
pub fn moments(text: &str, language: &str, now: DateTime) -> Vec<(Range<usize>, DateTime)> {
    first_that_finds(language, |lexicon| Sentence::new(text, lexicon).moments(now))
}

/// The text with the word before it that makes a bare number a time of day.
pub fn as_time(text: &str, language: &str) -> String {
    let at = match language {
        "de" => "um",
        "pt" => "às",
        "es" => "a las",
        "zh" => return format!("{text}点"),
        _ => "at",
    };
    format!("{at} {text}")
}

fn first_that_finds<T>(language: &str, find: impl Fn(&'static Lexicon) -> Vec<T>) -> Vec<T> {
    let Some(own) = words::ALL.iter().find(|l| l.code == language) else { return Vec::new() };
    let others = words::ALL.iter().filter(|l| l.code != language);
    [own].into_iter().chain(others).map(|lexicon| find(lexicon)).find(|found| !found.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
