//! Enums: a value or one of its synonyms, as written, else nearly so.

use super::schema::{Choice, Kind, Slot};
use super::{Annotated, Request, Taken};
use crate::skills::router::text::{Word, words};
use std::ops::Range;

/// Words shorter than this must be exact: nearly every short word is near another.
const FUZZY_LETTERS: usize = 5;
/// Share of letters that must agree.
const FUZZY_LIKENESS: f64 = 0.8;

/// Fills enum parameters.
pub fn fill(request: &mut Request<'_>, slots: &[Slot], _examples: &[Annotated]) {
    let words = words(request.text);
    for slot in slots {
        let Kind::Choice(choices) = &slot.kind else { continue };
        if let Some((choice, range)) = best(choices, &words, |range| request.is_free(range)) {
            request.taken.push(Taken { slot: slot.name.clone(), range, value: choice.value.clone() });
        }
    }
}

/// The likest name; of equally like ones the longest, then the first in the request.
fn best<'c>(
    choices: &'c [Choice],
    words: &[Word],
    free: impl Fn(&Range<usize>) -> bool,
) -> Option<(&'c Choice, Range<usize>)> {
    let mut best: Option<(f64, usize, &Choice, Range<usize>)> = None;
    for (choice, name) in choices.iter().flat_map(|c| c.names.iter().map(move |n| (c, n))) {
        let length = name.split(' ').count();
        for window in words.windows(length) {
            let range = window[0].range.start..window[length - 1].range.end;
            let likeness = likeness(name, window);
            let better = best.as_ref().is_none_or(|(l, n, _, _)| (likeness, name.len()) > (*l, *n));
            if likeness >= FUZZY_LIKENESS && better && free(&range) {
                best = Some((likeness, name.len(), choice, range));
            }
        }
    }
    best.map(|(_, _, choice, range)| (choice, range))
}

fn likeness(name: &str, window: &[Word]) -> f64 {
    let said = window.iter().map(|w| w.folded.as_str()).collect::<Vec<_>>().join(" ");
    if said == name {
        return 1.0;
    }
    if said.chars().count() < FUZZY_LETTERS
        || name.chars().count() < FUZZY_LETTERS
        || said.chars().any(|c| c.is_ascii_digit())
    {
        return 0.0;
    }
    strsim::normalized_damerau_levenshtein(name, &said)
}
