//! Nothing stated that does not stand in the sources: numbers, dates and names of a generated
//! sentence must occur in the text it was made from.
//!
//! This is a check of particulars, not of meaning. It catches what small models get wrong most
//! (years, amounts, names) and errs on the side of leaving a sentence out.

use std::collections::HashSet;

/// The particulars of a text: lower-case words and numbers, for looking up.
struct Sources {
    words: HashSet<String>,
}

impl Sources {
    /// From the texts that a sentence may be made of.
    fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let words = texts.into_iter().flat_map(words).map(|word| word.to_lowercase()).collect();
        Self { words }
    }

    /// The first particular of the sentence that no source has.
    fn missing<'s>(&self, sentence: &'s str) -> Option<&'s str> {
        let mut first = true;
        words(sentence).find(|word| {
            // The first word of a sentence is capitalised whatever it is.
            let opens = std::mem::replace(&mut first, false);
            let particular = word.chars().any(char::is_numeric) || !opens && is_name(word);
            particular && !self.holds(word)
        })
    }

    /// Whether a word stands in the sources, itself or without a genitive or plural ending.
    fn holds(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        let bare = word.trim_end_matches("'s").trim_end_matches("’s");
        [word.as_str(), bare, bare.trim_end_matches('s')].iter().any(|form| self.words.contains(*form))
    }
}

/// Words with their inner signs ("3.5", "O'Neill", "10:30"), without surrounding punctuation.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"' | '“' | '”' | '—' | '–' | '/'))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
}

/// A capitalised word that is not the pronoun "I" and its contractions.
fn is_name(word: &str) -> bool {
    word.chars().next().is_some_and(char::is_uppercase)
        && word != "I"
        && !word.starts_with("I'")
        && !word.starts_with("I’")
}

/// Holds streamed text back until a sentence is complete, and lets only backed ones through.
pub(super) struct Verifier {
    sources: Sources,
    pending: String,
    /// Sentences let through, in order.
    pub(super) kept: Vec<String>,
    /// Sentences held back.
    pub(super) dropped: usize,
}

impl Verifier {
    /// Checks against the given texts.
    pub(super) fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self { sources: Sources::new(texts), pending: String::new(), kept: Vec::new(), dropped: 0 }
    }

    /// Takes the next piece of text; returns what may be shown now, spaced to follow what was shown.
    pub(super) fn push(&mut self, piece: &str) -> String {
        self.pending.push_str(piece);
        let complete = take_sentences(&mut self.pending);
        self.admit(complete)
    }

    /// The text has ended; returns what may still be shown. A text that was cut short at its token
    /// limit loses its half sentence, unless nothing else is there.
    pub(super) fn finish(&mut self, cut_short: bool) -> String {
        let last = std::mem::take(&mut self.pending).trim().to_string();
        if cut_short && !self.kept.is_empty() && !ends_sentence(&last) {
            return String::new();
        }
        self.admit(vec![last])
    }

    fn admit(&mut self, sentences: Vec<String>) -> String {
        let mut shown = String::new();
        for sentence in sentences.into_iter().filter(|s| !s.is_empty()) {
            if let Some(invented) = self.sources.missing(&sentence) {
                tracing::debug!(invented, "a sentence without backing is left out");
                self.dropped += 1;
                continue;
            }
            if !self.kept.is_empty() {
                shown.push(' ');
            }
            shown.push_str(&sentence);
            self.kept.push(sentence);
        }
        shown
    }
}

/// Whether the text ends as sentences do, whatever quotes and brackets close after that.
fn ends_sentence(text: &str) -> bool {
    let closing = ['"', '\'', ')', ']', '”', '’', '»', '」', '』', '）'];
    text.trim_end_matches(closing).ends_with(['.', '!', '?', '…', '。', '！', '？'])
}

/// Cuts complete sentences off the front of streamed text; what is unfinished stays.
fn take_sentences(pending: &mut String) -> Vec<String> {
    let mut sentences = Vec::new();
    loop {
        let ranges = hob_index::sentences::split(pending);
        // The last sentence may still grow, so it needs a successor to be complete.
        let [first, second, ..] = ranges.as_slice() else { return sentences };
        let (text, cut) = (pending[first.clone()].trim().to_string(), second.start);
        pending.drain(..cut);
        sentences.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_particulars_are_found() {
        let sources = Sources::new(["The boiler was serviced by Rui Tavares on 14 March 2026 for 120 euros."]);
        assert_eq!(sources.missing("The boiler was serviced on 14 March 2026."), None);
        assert_eq!(sources.missing("Rui's visit cost 120 euros."), None);
        assert_eq!(sources.missing("It cost 130 euros."), Some("130"));
        assert_eq!(sources.missing("It was serviced by Ana Tavares."), Some("Ana"));
        assert_eq!(sources.missing("Cleaning is what I would do."), None);
    }

    #[test]
    fn only_backed_sentences_pass_a_verifier() {
        let mut verifier = Verifier::new(["The boiler was serviced on 14 March 2026 by Rui."]);
        let mut shown = verifier.push("The boiler was serviced on 14 ");
        shown += &verifier.push("March 2026. It cost 500 euros. ");
        shown += &verifier.push("That is all");
        shown += &verifier.finish(false);
        assert_eq!(shown, "The boiler was serviced on 14 March 2026. That is all");
        assert_eq!((verifier.kept.len(), verifier.dropped), (2, 1));
    }

    #[test]
    fn a_text_that_was_cut_short_ends_with_its_last_whole_sentence() {
        let said = |text: &str| {
            let mut verifier = Verifier::new(["The boiler was serviced. It is fine now."]);
            let shown = verifier.push(text);
            shown + &verifier.finish(true)
        };
        assert_eq!(said("The boiler was serviced. It is fine n"), "The boiler was serviced.");
        assert_eq!(said("The boiler was serviced. It is \"fine.\""), "The boiler was serviced. It is \"fine.\"");
        assert_eq!(said("The boiler was serv"), "The boiler was serv");
    }

    #[test]
    fn sentences_are_taken_when_they_are_complete() {
        let mut pending = "It was Monday. The bill came on T".to_string();
        assert_eq!(take_sentences(&mut pending), ["It was Monday."]);
        assert_eq!(pending, "The bill came on T");
        assert!(take_sentences(&mut pending).is_empty());
    }
}
