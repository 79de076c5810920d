//! A sentence as numbers, words and single characters of scripts without spaces, and how phrases are found in it.

use super::words::Lexicon;
use crate::skills::router::text::{fold, is_unspaced};
use std::ops::Range;

/// A part of a sentence.
#[derive(Debug)]
pub struct Token {
    /// Lower case, without accents.
    pub text: String,
    /// Its bytes.
    pub range: Range<usize>,
    /// Made of digits.
    pub digits: bool,
}

/// A sentence being read with one language's words.
pub struct Sentence<'t> {
    pub source: &'t str,
    pub tokens: Vec<Token>,
    pub words: &'static Lexicon,
}

#[derive(PartialEq, Clone, Copy)]
enum Sort {
    Digit,
    Letter,
    Single,
    Gap,
}

impl<'t> Sentence<'t> {
    /// Cuts the text up. Digits and letters are parted: "7am", "1h30", "45天".
    pub fn new(source: &'t str, words: &'static Lexicon) -> Self {
        let mut tokens = Vec::new();
        let mut open: Option<(usize, Sort)> = None;
        let ends = source.char_indices().map(|(at, c)| (at, sort(source, at, c))).chain([(source.len(), Sort::Gap)]);
        for (at, sort) in ends {
            if let Some((start, of)) = open.filter(|(_, of)| *of != sort || *of == Sort::Single) {
                let text = fold(&source[start..at]);
                tokens.push(Token { text, range: start..at, digits: of == Sort::Digit });
                open = None;
            }
            if sort != Sort::Gap && open.is_none() {
                open = Some((at, sort));
            }
        }
        Self { source, tokens, words }
    }

    pub fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |t| &t.text)
    }

    /// The whole number that a token of digits is.
    pub fn digits(&self, at: usize) -> Option<u32> {
        self.tokens.get(at).filter(|t| t.digits && t.text.len() <= 6)?.text.parse().ok()
    }

    /// What stands between a token and the one before it.
    pub fn gap(&self, at: usize) -> &str {
        match (at.checked_sub(1).and_then(|before| self.tokens.get(before)), self.tokens.get(at)) {
            (Some(before), Some(token)) => &self.source[before.range.end..token.range.start],
            (Some(before), None) => &self.source[before.range.end..],
            _ => "",
        }
    }

    /// Where a phrase that starts at a token ends. In scripts without spaces a phrase is written without.
    pub fn phrase(&self, at: usize, phrase: &str) -> Option<usize> {
        let (mut next, mut rest) = (at, phrase);
        while !rest.is_empty() {
            let text = self.text(next);
            rest = rest.strip_prefix(text).filter(|_| !text.is_empty())?;
            if !rest.is_empty() && !text.chars().all(is_unspaced) {
                rest = rest.strip_prefix(' ')?;
            }
            next += 1;
        }
        Some(next)
    }

    /// The longest of some phrases at a token, and where it ends.
    pub fn longest<T: Copy>(&self, at: usize, phrases: &[(&str, T)]) -> Option<(T, usize)> {
        let found = phrases.iter().filter_map(|(phrase, value)| Some((*value, self.phrase(at, phrase)?)));
        found.max_by_key(|(_, next)| *next)
    }

    /// Where the longest of some phrases at a token ends.
    pub fn any(&self, at: usize, phrases: &[&str]) -> Option<usize> {
        phrases.iter().filter_map(|phrase| self.phrase(at, phrase)).max()
    }

    /// The bytes of some tokens.
    pub fn range(&self, from: usize, to: usize) -> Range<usize> {
        self.tokens[from].range.start..self.tokens[to - 1].range.end
    }
}

fn sort(source: &str, at: usize, c: char) -> Sort {
    let joins = matches!(c, '\'' | '’')
        && source[..at].ends_with(char::is_alphabetic)
        && source[at + c.len_utf8()..].starts_with(char::is_alphabetic);
    match c {
        _ if c.is_ascii_digit() => Sort::Digit,
        _ if is_unspaced(c) => Sort::Single,
        // Combining accents belong to the letter before them.
        '\u{300}'..='\u{36f}' => Sort::Letter,
        'º' | 'ª' => Sort::Gap,
        _ if c.is_alphabetic() || joins => Sort::Letter,
        _ => Sort::Gap,
    }
}
