//! From words to arguments: the values that an intent declares, found in the request by typed rules.
//!
//! Owns: which part of a request fills which parameter. Must not know: skills, processes, models. Nothing is invented:
//! a required parameter that the request does not state is reported as missing.

pub mod by_model;
mod choice;
mod free;
mod idiom;
mod schema;
mod spoken;
mod typed;

use super::router::text::{Word, is_unspaced, words};
use jiff::ZonedDateTime;
use schema::{Kind, Slot};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::ops::Range;

pub use typed::warm_up;

/// Requests are read up to here, in bytes: what somebody says to a skill is a sentence, and the time rules take longer
/// than linear time.
const READ_BYTES: usize = 600;

/// What somebody says, with the parts that fill parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotated {
    /// The sentence, without marks.
    pub text: String,
    /// Parameter and place in bytes, in order, not overlapping.
    pub slots: Vec<(String, Range<usize>)>,
}

/// The arguments found in a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filled {
    /// By parameter. Durations as ISO 8601 (`PT10M`), points in time as local `YYYY-MM-DDTHH:MM:SS`.
    pub arguments: Map<String, Value>,
    /// Required parameters that the request does not state.
    pub missing: Vec<String>,
    /// Where each argument was read, in bytes of the request.
    pub spans: Vec<(String, Range<usize>)>,
}

/// A request being read: which of its bytes are taken.
struct Request<'a> {
    text: &'a str,
    language: &'a str,
    now: &'a ZonedDateTime,
    taken: Vec<Taken>,
}

/// A part of the request that fills a parameter.
#[derive(Debug, Clone, PartialEq)]
struct Taken {
    slot: String,
    range: Range<usize>,
    value: Value,
}

impl Request<'_> {
    fn is_free(&self, range: &Range<usize>) -> bool {
        self.taken.iter().all(|t| t.range.end <= range.start || range.end <= t.range.start)
    }
}

/// Fills the parameters of an intent from a request. `language` is its ISO 639-1 code (see
/// [`language`](super::router::text::language)), `now` the user's clock, `parameters` the intent's JSON Schema with
/// `x-type`, `x-copy` and `x-synonyms`, `examples` the intent's annotated examples.
pub fn fill(text: &str, language: &str, now: &ZonedDateTime, parameters: &Value, examples: &[Annotated]) -> Filled {
    let text = &text[..boundary(text, READ_BYTES)];
    let slots = schema::slots(parameters);
    let mut request = Request { text, language, now, taken: Vec::new() };
    let unspaced = |text: &str| text.chars().any(is_unspaced);
    // What stands where is learned per kind of script: a sentence's start means nothing across them.
    let examples: Vec<Annotated> = examples.iter().filter(|e| unspaced(&e.text) == unspaced(text)).cloned().collect();
    let frame = Frame::of(&examples);
    choice::fill(&mut request, &slots, &frame);
    typed::fill(&mut request, &slots, &examples, &frame);
    free::fill(&mut request, &slots, &examples, &frame);
    collect(request, &slots)
}

/// The value of one parameter in a reply to the question for it, where fewer words will do than in a request: "seven"
/// is a time of day, and of free text all of it is the value.
pub fn reply(
    text: &str,
    language: &str,
    now: &ZonedDateTime,
    (parameters, name): (&Value, &str),
    examples: &[Annotated],
) -> Option<Value> {
    let text = &text[..boundary(text, READ_BYTES)];
    let slot = schema::slots(parameters).into_iter().find(|slot| slot.name == name)?;
    let read = |text: &str| fill(text, language, now, parameters, examples).arguments.remove(name);
    match slot.kind {
        Kind::Free => Some(text.trim().trim_end_matches(['.', '!', '。'])).filter(|t| !t.is_empty()).map(Value::from),
        Kind::Datetime => read(text).or_else(|| read(&spoken::as_time(text, language))),
        _ => read(text),
    }
}

/// What would fill a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// A date, a time of day, or both.
    Datetime,
    /// A span of time.
    Duration,
    /// A number.
    Number,
    /// One of these.
    Choice(Vec<String>),
    /// Words.
    Words,
}

/// What would fill a parameter of an intent; `None` for one that words can't fill.
pub fn wanted(parameters: &Value, name: &str) -> Option<Wanted> {
    let slot = schema::slots(parameters).into_iter().find(|slot| slot.name == name)?;
    Some(match slot.kind {
        Kind::Datetime => Wanted::Datetime,
        Kind::Duration => Wanted::Duration,
        Kind::Number => Wanted::Number,
        Kind::Choice(choices) => Wanted::Choice(choices.iter().filter_map(|c| c.names.first().cloned()).collect()),
        Kind::Free => Wanted::Words,
    })
}

/// The last place at or before this one that does not cut a character.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The examples' words outside all marks.
struct Frame {
    plain: HashSet<String>,
}

impl Frame {
    fn of(examples: &[Annotated]) -> Self {
        let mut plain = HashSet::new();
        for example in examples {
            let marked = |w: &Word| example.slots.iter().any(|(_, r)| r.start <= w.range.start && w.range.end <= r.end);
            plain.extend(words(&example.text).into_iter().filter(|w| !marked(w)).map(|w| w.folded));
        }
        for example in examples {
            let marked = example.slots.iter().filter_map(|(_, r)| example.text.get(r.clone()));
            marked.flat_map(words).for_each(|w| {
                plain.remove(&w.folded);
            });
        }
        Self { plain }
    }

    /// Whether these words only ever frame a value, or are too common to be one.
    fn holds(&self, text: &str) -> bool {
        let common = |w: &Word| [free::ARTICLES, free::JOINTS].iter().any(|list| list.contains(&w.folded.as_str()));
        let framing = |w: &Word| self.plain.contains(&w.folded) && !w.folded.chars().any(|c| c.is_ascii_digit());
        words(text).iter().all(|w| common(w) || framing(w))
    }
}

fn collect(mut request: Request<'_>, slots: &[Slot]) -> Filled {
    let mut filled = Filled::default();
    for slot in slots {
        if let Some(at) = request.taken.iter().position(|t| t.slot == slot.name) {
            let taken = request.taken.swap_remove(at);
            filled.arguments.insert(slot.name.clone(), taken.value);
            filled.spans.push((slot.name.clone(), taken.range));
        } else if slot.required {
            filled.missing.push(slot.name.clone());
        }
    }
    filled
}

/// Gives found values, in the request's order, to the open parameters of a kind.
fn assign(
    request: &mut Request<'_>,
    slots: &[Slot],
    kind: &Kind,
    found: Vec<(Range<usize>, Value)>,
    examples: &[Annotated],
) {
    let is_open = |s: &&Slot| s.kind == *kind && request.taken.iter().all(|t| t.slot != s.name);
    let mut open: Vec<&Slot> = slots.iter().filter(is_open).collect();
    let mut sequence = sequence(&open, found.len(), examples);
    for (range, value) in found {
        if open.is_empty() || !request.is_free(&range) {
            continue;
        }
        let named = if sequence.is_empty() { None } else { Some(sequence.remove(0)) };
        let at = named
            .and_then(|name| open.iter().position(|s| s.name == name))
            .unwrap_or_else(|| likeliest(&open, request, &range, examples));
        let slot = open.remove(at);
        request.taken.push(Taken { slot: slot.name.clone(), range, value });
    }
}

/// In which order an example with as many values of the kind has them.
fn sequence(open: &[&Slot], wanted: usize, examples: &[Annotated]) -> Vec<String> {
    let names = |e: &Annotated| -> Vec<String> {
        let of_kind = e.slots.iter().filter(|(name, _)| open.iter().any(|s| s.name == *name));
        of_kind.map(|(name, _)| name.clone()).collect()
    };
    if wanted < 2 { Vec::new() } else { examples.iter().map(names).find(|n| n.len() == wanted).unwrap_or_default() }
}

/// The open parameter that the examples put after the same word; of several the one that they have together with what
/// is filled already; of several the commonest.
fn likeliest(open: &[&Slot], request: &Request<'_>, range: &Range<usize>, examples: &[Annotated]) -> usize {
    let before = word_before(request.text, range.start);
    let first = words(&request.text[range.clone()]).first().map(|w| w.folded.clone());
    let rate = |slot: &&Slot| {
        let after_word = affinity(&slot.name, &before, first.as_deref(), examples);
        let with_taken = examples.iter().filter(|e| {
            let has = |name: &str| e.slots.iter().any(|(n, _)| n == name);
            has(&slot.name) && request.taken.iter().all(|t| has(&t.slot))
        });
        let alone = examples
            .iter()
            .filter(|e| e.slots.iter().any(|(n, _)| *n == slot.name) && e.slots.len() == request.taken.len() + 1);
        (after_word, alone.count(), with_taken.count())
    };
    let rates: Vec<_> = open.iter().map(rate).collect();
    let best = rates.iter().max().copied().unwrap_or_default();
    rates.iter().position(|r| *r == best).unwrap_or(0)
}

/// The last word before a place.
fn word_before(text: &str, at: usize) -> String {
    words(&text[..at]).last().map(|w| w.folded.clone()).unwrap_or_default()
}

/// The first word after a place.
fn word_after(text: &str, at: usize) -> String {
    words(&text[at..]).into_iter().next().map(|w| w.folded).unwrap_or_default()
}

/// How often the examples have this parameter before this word.
fn affinity_after(slot: &str, after: &str, examples: &[Annotated]) -> usize {
    let marked =
        examples.iter().flat_map(|e| e.slots.iter().filter(|(name, _)| name == slot).map(move |(_, range)| (e, range)));
    let fits = |(example, range): &(&Annotated, &Range<usize>)| {
        example.text.is_char_boundary(range.end) && !after.is_empty() && word_after(&example.text, range.end) == after
    };
    marked.filter(fits).count()
}

/// How often the examples have this parameter after this word, or begin its value with that one. A sentence's start is
/// no evidence.
fn affinity(slot: &str, before: &str, first: Option<&str>, examples: &[Annotated]) -> usize {
    let marked =
        examples.iter().flat_map(|e| e.slots.iter().filter(|(name, _)| name == slot).map(move |(_, range)| (e, range)));
    let fits = |(example, range): &(&Annotated, &Range<usize>)| {
        let Some(value) = example.text.get((*range).clone()) else { return false };
        let joint = |word: &str| free::JOINTS.contains(&word);
        let begins = words(value).first().is_some_and(|w| joint(&w.folded) && first == Some(&w.folded));
        begins || !before.is_empty() && word_before(&example.text, range.start) == before
    };
    marked.filter(fits).count()
}

#[cfg(test)]
mod tests;
