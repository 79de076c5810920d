//! Enums: a value or one of its synonyms, as written, else nearly so.

use super::free::{ARTICLES, JOINTS};
use super::schema::{Choice, Kind, Slot};
use super::{Frame, Request, Taken};
use crate::skills::router::text::{Word, is_unspaced, words};
use std::ops::Range;

/// Words shorter than this must be exact: nearly every short word is near another, as "files" is to "films".
const FUZZY_LETTERS: usize = 6;
/// Share of letters that must agree.
const FUZZY_LIKENESS: f64 = 0.8;

/// A name found in the request: how like, whether named rather than placed, how many words.
struct Match<'c> {
    rate: (f64, bool, usize),
    choice: &'c Choice,
    range: Range<usize>,
}

/// Fills enum parameters.
pub fn fill(request: &mut Request<'_>, slots: &[Slot], frame: &Frame) {
    let words = words(request.text);
    for slot in slots {
        let Kind::Choice(choices) = &slot.kind else { continue };
        let usable = |range: &Range<usize>| request.is_free(range) && stands_alone(request.text, range);
        if let Some((choice, range)) = best(choices, &words, usable, frame) {
            request.taken.push(Taken { slot: slot.name.clone(), range, value: choice.value.clone() });
        }
    }
}

/// The likest name; of equally like ones one that no "in" or "of" makes a place, then the longest, then the first.
fn best<'c>(
    choices: &'c [Choice],
    words: &[Word],
    usable: impl Fn(&Range<usize>) -> bool,
    frame: &Frame,
) -> Option<(&'c Choice, Range<usize>)> {
    let mut best: Option<Match> = None;
    for (choice, name) in choices.iter().flat_map(|c| c.names.iter().map(move |n| (c, n))) {
        let length = name.split(' ').count();
        for (at, window) in words.windows(length).enumerate() {
            let range = window[0].range.start..window[length - 1].range.end;
            let before = words[..at].iter().rev().find(|w| !ARTICLES.contains(&w.folded.as_str()));
            let named = before.is_none_or(|w| !JOINTS.contains(&w.folded.as_str()));
            let rate = (likeness(name, window, frame), named, length);
            let better = best.as_ref().is_none_or(|b| rate > b.rate || rate == b.rate && range.start < b.range.start);
            if rate.0 >= FUZZY_LIKENESS && better && usable(&range) {
                best = Some(Match { rate, choice, range });
            }
        }
    }
    best.map(|b| (b.choice, b.range))
}

/// Not the "pdf" of "report.pdf".
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let glue = |c: Option<char>| matches!(c, Some('.' | '/' | '_' | '-'));
    let (before, after) = (&text[..range.start], &text[range.end..]);
    let glued_after = glue(after.chars().next()) && after.chars().nth(1).is_some_and(char::is_alphanumeric);
    !glue(before.chars().next_back()) && !glued_after
}

fn likeness(name: &str, window: &[Word], frame: &Frame) -> f64 {
    let said = window.iter().map(|w| w.folded.as_str()).collect::<Vec<_>>().join(" ");
    if said == name {
        return 1.0;
    }
    let long = |text: &str| text.chars().count() >= FUZZY_LETTERS;
    let foreign =
        said.chars().any(|c| c.is_ascii_digit() || is_unspaced(c)) || said.chars().next() != name.chars().next();
    // A word of the examples' own frame is spelt right: it is itself, not another word.
    if !long(&said) || !long(name) || foreign || window.iter().all(|w| frame.plain.contains(&w.folded)) {
        return 0.0;
    }
    strsim::normalized_damerau_levenshtein(name, &said)
}
