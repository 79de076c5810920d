//! Cuts text into words by script: the tokenizer under all language chains.
//!
//! Must not know languages: what a word's stem or a stop word is comes later in the chain.

use std::ops::Range;
use std::vec::IntoIter;

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// The tokenizer; with `code` identifiers are also given in their parts.
#[derive(Clone, Default)]
pub(super) struct Words {
    pub(super) code: bool,
}

/// The words of one text.
pub(super) struct WordStream {
    words: IntoIter<(Range<usize>, String)>,
    token: Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream {
        WordStream { words: cut(text, self.code).into_iter(), token: Token::default() }
    }
}

impl TokenStream for WordStream {
    fn advance(&mut self) -> bool {
        let Some((range, text)) = self.words.next() else { return false };
        self.token.position = self.token.position.wrapping_add(1);
        (self.token.offset_from, self.token.offset_to, self.token.text) = (range.start, range.end, text);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// What a character does to the word it stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Belongs to a word.
    Letter,
    /// Of a script written without spaces between words: cut into bigrams.
    Unspaced,
    /// Ends a word.
    Other,
}

fn class(c: char, in_word: bool) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Class::Letter } else { Class::Other };
    }
    if unspaced(c) {
        Class::Unspaced
    } else if c.is_alphanumeric() || (in_word && joins(c)) {
        Class::Letter
    } else {
        Class::Other
    }
}

/// Whether the character belongs to a script without spaces (or, like Korean, with particles
/// glued to the words), where bigrams do better than words.
pub(crate) fn unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0E4E | 0x0E80..=0x0ECD // Thai, Lao
        | 0x1000..=0x109F | 0x1780..=0x17D3 // Myanmar, Khmer
        | 0x1100..=0x11FF | 0x3130..=0x318F | 0xAC00..=0xD7AF // Hangul
        | 0x3005..=0x3007 | 0x3041..=0x3096 | 0x309D..=0x309F | 0x30A1..=0x30FA | 0x30FC..=0x30FF // Kana
        | 0x31F0..=0x31FF | 0xFF66..=0xFF9F
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF) // Han
}

/// Marks that stand inside words without being letters.
fn joins(c: char) -> bool {
    matches!(u32::from(c),
        0x00AD | 0x0300..=0x036F | 0x0483..=0x0487 | 0x0591..=0x05C7 | 0x0610..=0x061A | 0x064B..=0x065F
        | 0x0670 | 0x06D6..=0x06ED | 0x0900..=0x0DFF | 0x0F18..=0x0FBC | 0x200C | 0x200D)
}

fn cut(text: &str, code: bool) -> Vec<(Range<usize>, String)> {
    let mut out = Vec::with_capacity(text.len() / 6);
    let mut rest = text.char_indices().peekable();
    while let Some(&(start, c)) = rest.peek() {
        let kind = class(c, false);
        if kind == Class::Other {
            rest.next();
            continue;
        }
        let mut end = start;
        while let Some(&(at, c)) = rest.peek() {
            if class(c, true) != kind && !(code && c == '_' && kind == Class::Letter) && !decimal_point(text, at, c) {
                break;
            }
            end = at + c.len_utf8();
            rest.next();
        }
        let range = start..end;
        match kind {
            Class::Unspaced => bigrams(text, range, &mut out),
            _ if code => identifier(text, range, &mut out),
            _ => word(text, range, &mut out),
        }
    }
    out
}

/// A dot or comma between two digits.
fn decimal_point(text: &str, at: usize, c: char) -> bool {
    let bytes = text.as_bytes();
    (c == '.' || c == ',')
        && at > 0
        && bytes[at - 1].is_ascii_digit()
        && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)
}

fn word(text: &str, range: Range<usize>, out: &mut Vec<(Range<usize>, String)>) {
    let raw = &text[range.clone()];
    if raw.contains(['.', ',']) {
        return number(raw, range.start, out);
    }
    // The "s" of "king's" and the "l" of "l'eau" are no words.
    if raw.len() == 1 && raw.as_bytes()[0].is_ascii_alphabetic() && beside_apostrophe(text, &range) {
        return;
    }
    let plain = if raw.is_ascii() { raw.to_owned() } else { raw.chars().filter(|&c| !droppable(c)).collect() };
    out.push((range, plain));
}

/// Accents written apart from their letter, soft hyphens and joiners: folded away.
fn droppable(c: char) -> bool {
    matches!(u32::from(c), 0x00AD | 0x0300..=0x036F | 0x200C | 0x200D)
}

fn beside_apostrophe(text: &str, range: &Range<usize>) -> bool {
    let apostrophe = |c: char| matches!(c, '\'' | '’' | 'ʼ');
    let before = &text[..range.start];
    let after = &text[range.end..];
    let tail = before.ends_with(apostrophe)
        && before.trim_end_matches(apostrophe).chars().next_back().is_some_and(char::is_alphanumeric);
    let head = after.starts_with(apostrophe)
        && after.trim_start_matches(apostrophe).chars().next().is_some_and(char::is_alphanumeric);
    tail || head
}

/// "1,000" and "1.000" are one thousand, "3,5" is "3.5"; dates, versions and addresses fall apart.
fn number(raw: &str, start: usize, out: &mut Vec<(Range<usize>, String)>) {
    let groups: Vec<&str> = raw.split(['.', ',']).collect();
    let whole = start..start + raw.len();
    let thousands = groups[1..].iter().all(|g| g.len() == 3) && groups[0].len() <= 3;
    if thousands && groups.iter().all(|g| g.bytes().all(|b| b.is_ascii_digit())) {
        return out.push((whole, groups.concat()));
    }
    if groups.len() == 2 {
        return out.push((whole, groups.join(".")));
    }
    let mut at = start;
    for group in groups {
        out.push((at..at + group.len(), group.to_owned()));
        at += group.len() + 1;
    }
}

fn bigrams(text: &str, range: Range<usize>, out: &mut Vec<(Range<usize>, String)>) {
    let starts: Vec<usize> = text[range.clone()].char_indices().map(|(i, _)| range.start + i).collect();
    if starts.len() == 1 {
        return out.push((range.clone(), text[range].to_owned()));
    }
    for (i, &from) in starts.iter().enumerate().take(starts.len() - 1) {
        let to = starts.get(i + 2).copied().unwrap_or(range.end);
        out.push((from..to, text[from..to].to_owned()));
    }
}

/// An identifier whole, and its parts when it has several: `parseHttp` is parse and Http too.
fn identifier(text: &str, range: Range<usize>, out: &mut Vec<(Range<usize>, String)>) {
    let raw = &text[range.clone()];
    let trimmed = raw.trim_matches('_');
    if trimmed.is_empty() {
        return;
    }
    let start = range.start + (raw.len() - raw.trim_start_matches('_').len());
    let parts = parts(trimmed);
    if parts.len() < 2 {
        return word(text, start..start + trimmed.len(), out);
    }
    out.push((start..start + trimmed.len(), trimmed.to_owned()));
    for part in parts {
        out.push((start + part.start..start + part.end, trimmed[part].to_owned()));
    }
}

fn parts(identifier: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let chars: Vec<(usize, char)> = identifier.char_indices().collect();
    for (i, &(at, c)) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|j| chars[j].1);
        let after = chars.get(i + 1).map(|&(_, c)| c);
        // A new part starts at a hump (aB), at the last capital of a run (HTTPServer) and after '_'.
        let hump = c.is_uppercase()
            && before.is_some_and(|b| b.is_lowercase() || (b.is_uppercase() && after.is_some_and(char::is_lowercase)));
        if c == '_' || hump {
            if at > start {
                parts.push(start..at);
            }
            start = if c == '_' { at + 1 } else { at };
        }
    }
    if identifier.len() > start {
        parts.push(start..identifier.len());
    }
    parts
}
