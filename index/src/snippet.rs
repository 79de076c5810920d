//! The part of a passage that shows why it was found.
//!
//! Must not know scores or files: it gets a text and weighed words.

use std::ops::Range;

use crate::analysis::{self, Language, Token};
use crate::sentences;

/// About as many bytes are shown.
const SHOWN: usize = 200;
/// How much context a cut sentence keeps before the first word found.
const BEFORE: usize = 40;

/// A word of the query with what it tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WeighedTerm {
    /// Its forms in the index.
    pub variants: Vec<String>,
    /// Its idf.
    pub weight: f32,
}

/// A part of a passage, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snippet {
    /// With "…" where it was cut.
    pub text: String,
    /// Byte of the passage where the best sentence of it starts.
    pub start: usize,
}

/// The words among `terms` that a text's tokens contain, as positions in `terms`, by token.
pub(crate) fn found_in(tokens: &[Token], terms: &[WeighedTerm]) -> Vec<(Range<usize>, usize)> {
    let mut out = Vec::new();
    for token in tokens {
        if let Some(i) = terms.iter().position(|t| t.variants.contains(&token.text)) {
            out.push((token.range.clone(), i));
        }
    }
    out
}

/// Share of the weight of all `terms` that is among `found`, 0 to 1.
pub(crate) fn share(found: impl Iterator<Item = usize>, terms: &[WeighedTerm]) -> f32 {
    let mut seen = vec![false; terms.len()];
    found.for_each(|i| seen[i] = true);
    let all: f32 = terms.iter().map(|t| t.weight).sum();
    let hit: f32 = terms.iter().zip(&seen).filter(|(_, s)| **s).map(|(t, _)| t.weight).sum();
    if all > 0.0 { hit / all } else { 0.0 }
}

/// White space folded into single spaces.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The sentence with the most telling words of the query, with its neighbours while they fit.
pub(crate) fn snippet(text: &str, language: Language, kind: &str, terms: &[WeighedTerm]) -> Snippet {
    let sentences = sentences::split(text);
    let found = found_in(&analysis::tokens_of_kind(text, language, kind), terms);
    let within = |s: &Range<usize>| {
        let inside = found.iter().filter(|(at, _)| at.start >= s.start && at.end <= s.end);
        share(inside.map(|f| f.1), terms)
    };
    let mut best = (0, f32::MIN);
    for (i, sentence) in sentences.iter().enumerate() {
        let score = within(sentence);
        if score > best.1 {
            best = (i, score);
        }
    }
    let Some(sentence) = sentences.get(best.0) else { return Snippet { text: String::new(), start: 0 } };
    let range = if sentence.len() > SHOWN { window(text, sentence, &found) } else { widened(&sentences, best.0) };
    let mut shown = folded(&text[range.clone()]);
    if range.start > sentences[0].start {
        shown.insert_str(0, "… ");
    }
    if sentences.last().is_some_and(|last| range.end < last.end) {
        shown.push_str(" …");
    }
    Snippet { text: shown, start: sentence.start }
}

/// Where the query's words stand in a snippet: first character and the one after the last, in characters. Words
/// that touch or overlap (the bigrams of scripts without spaces) are one.
pub(crate) fn highlights(snippet: &str, language: Language, kind: &str, terms: &[WeighedTerm]) -> Vec<(u32, u32)> {
    let mut ranges: Vec<Range<usize>> =
        found_in(&analysis::tokens_of_kind(snippet, language, kind), terms).into_iter().map(|found| found.0).collect();
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    let characters = |at: usize| u32::try_from(snippet[..at].chars().count()).unwrap_or(u32::MAX);
    merged.into_iter().map(|range| (characters(range.start), characters(range.end))).collect()
}

/// Adds the sentences after and before as long as they fit.
fn widened(sentences: &[Range<usize>], best: usize) -> Range<usize> {
    let mut range = sentences[best].clone();
    let (mut before, mut after) = (best, best + 1);
    while let Some(next) = sentences.get(after).filter(|s| s.end - range.start <= SHOWN) {
        range.end = next.end;
        after += 1;
    }
    while let Some(i) = before.checked_sub(1).filter(|&i| range.end - sentences[i].start <= SHOWN) {
        range.start = sentences[i].start;
        before = i;
    }
    range
}

/// The part of a long sentence with the most words found.
fn window(text: &str, sentence: &Range<usize>, found: &[(Range<usize>, usize)]) -> Range<usize> {
    let inside: Vec<_> = found.iter().filter(|f| f.0.start >= sentence.start && f.0.end <= sentence.end).collect();
    let mut best = (sentence.start, 0);
    for (i, first) in inside.iter().enumerate() {
        let count = inside[i..].iter().take_while(|f| f.0.end <= first.0.start + SHOWN - BEFORE).count();
        if count > best.1 {
            best = (first.0.start, count);
        }
    }
    let mut start = best.0.saturating_sub(BEFORE).max(sentence.start);
    // Near the end of the sentence more is shown before instead.
    start = start.min(sentence.end.saturating_sub(SHOWN)).max(sentence.start);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = (start + SHOWN).min(sentence.end);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    word_bounds(text, start..end, sentence)
}

/// Moves cuts inwards to the nearest white space, if there is any near.
fn word_bounds(text: &str, range: Range<usize>, sentence: &Range<usize>) -> Range<usize> {
    let mut out = range.clone();
    if range.start > sentence.start
        && let Some(i) = text[range.clone()].find(char::is_whitespace).filter(|&i| i < BEFORE)
    {
        out.start = range.start + i;
    }
    if range.end < sentence.end
        && let Some(i) = text[out.start..range.end].rfind(char::is_whitespace).filter(|&i| i > SHOWN / 2)
    {
        out.end = out.start + i;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(words: &[&str]) -> Vec<WeighedTerm> {
        words.iter().map(|w| WeighedTerm { variants: vec![(*w).to_owned()], weight: 1.0 }).collect()
    }

    fn show(text: &str, words: &[&str]) -> Snippet {
        snippet(text, Language::ENGLISH, "text", &terms(words))
    }

    #[test]
    fn a_short_passage_is_shown_whole_on_one_line() {
        assert_eq!(
            show("One two.\n\n  Three four.", &["three"]),
            Snippet { text: "One two. Three four.".into(), start: 12 }
        );
        assert_eq!(show("", &["x"]), Snippet { text: String::new(), start: 0 });
    }

    #[test]
    fn the_best_sentence_is_in_the_middle_of_a_long_passage() {
        let filler = "Nothing to see in this sentence at all, move along now please. ".repeat(6);
        let text = format!("{filler}\nThe Normans built a castle here. {filler}");
        let shown = show(&text, &["norman", "castl"]);
        assert!(shown.text.contains("The Normans built a castle here."), "{}", shown.text);
        assert!(shown.text.starts_with("… ") && shown.text.ends_with(" …"));
        assert!(shown.text.len() < SHOWN + 16);
        assert!(text[shown.start..].starts_with("The Normans"));
    }

    #[test]
    fn a_long_sentence_is_cut_around_its_words() {
        let text = format!("{} needle in hay {}", "straw ".repeat(100), "straw ".repeat(100));
        let shown = show(&text, &["needl"]);
        assert!(shown.text.contains("needle") && shown.text.len() < SHOWN + 16, "{}", shown.text);
        let chinese = format!("{}光荣{}", "字".repeat(150), "字".repeat(150));
        let zh = Language::from_code("zh").unwrap_or(Language::ENGLISH);
        let shown = snippet(&chinese, zh, "text", &terms(&["光荣"]));
        assert!(shown.text.contains("光荣"), "{}", shown.text);
    }

    #[test]
    fn without_any_word_the_beginning_is_shown() {
        let text = "Start here. ".repeat(60);
        let shown = show(&text, &["absent"]);
        assert!(shown.text.starts_with("Start here.") && shown.text.ends_with('…'));
        assert_eq!(shown.start, 0);
    }

    #[test]
    fn highlights_are_the_words_as_they_stand_there() {
        let marked = |text: &str, language: Language, words: &[&str]| -> Vec<String> {
            let cut = |(from, to): (u32, u32)| -> String {
                text.chars().skip(from as usize).take((to - from) as usize).collect()
            };
            highlights(text, language, "text", &terms(words)).into_iter().map(cut).collect()
        };
        assert_eq!(marked("Über Castles and a castle", Language::ENGLISH, &["castl"]), ["Castles", "castle"]);
        let zh = Language::from_code("zh").unwrap_or(Language::ENGLISH);
        assert_eq!(marked("战国无双3是", zh, &["战国", "国无"]), ["战国无"]);
        assert!(marked("nothing", Language::ENGLISH, &["castl"]).is_empty());
    }

    #[test]
    fn the_share_is_weighed_and_counts_each_word_once() {
        let mut all = terms(&["a", "b"]);
        all[0].weight = 3.0;
        assert_eq!(share([0, 0].into_iter(), &all), 0.75);
        assert_eq!(share([].into_iter(), &all), 0.0);
        assert_eq!(share([].into_iter(), &[]), 0.0);
    }
}
