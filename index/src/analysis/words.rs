//! Cuts text into words by script, before any language's chain of filters.
//!
//! Must not know languages: what a word's stem or a stop word is comes later in the chain.

use std::ops::Range;

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

/// Gives `out` each word with its place in bytes; with `code` identifiers are also given in their parts.
pub(super) fn cut(text: &str, code: bool, out: &mut impl FnMut(Range<usize>, &str)) {
    let mut rest = text.char_indices().peekable();
    while let Some(&(start, c)) = rest.peek() {
        let kind = class(c, false);
        if kind == Class::Other {
            rest.next();
            continue;
        }
        if let Some(end) = plain_word(text, start).filter(|_| !code) {
            out(start..end, &text[start..end]);
            // All of them are single bytes.
            rest.nth(end - start - 1);
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
            Class::Unspaced => bigrams(text, range, out),
            _ if code => identifier(text, range, out),
            _ => word(text, range, out),
        }
    }
}

/// The end of a word at `start` that is nothing but ASCII letters and digits: most words are, and the rules for all others
/// cost more than everything else here.
fn plain_word(text: &str, start: usize) -> Option<usize> {
    let length = text.as_bytes()[start..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let end = start + length;
    let next = text.as_bytes().get(end).map(|&byte| char::from(byte));
    let ends_plainly = next.is_none_or(|next| next.is_ascii() && !decimal_point(text, end, next));
    // A single letter may belong to an apostrophe.
    (length > 1 && ends_plainly).then_some(end)
}

/// A dot or comma between two digits.
fn decimal_point(text: &str, at: usize, c: char) -> bool {
    let bytes = text.as_bytes();
    (c == '.' || c == ',')
        && at > 0
        && bytes[at - 1].is_ascii_digit()
        && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)
}

fn word(text: &str, range: Range<usize>, out: &mut impl FnMut(Range<usize>, &str)) {
    let raw = &text[range.clone()];
    if raw.contains(['.', ',']) {
        return number(raw, range.start, out);
    }
    // The "s" of "king's" and the "l" of "l'eau" are no words.
    if raw.len() == 1 && raw.as_bytes()[0].is_ascii_alphabetic() && beside_apostrophe(text, &range) {
        return;
    }
    if raw.contains(droppable) {
        return out(range, &raw.replace(droppable, ""));
    }
    out(range, raw);
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
fn number(raw: &str, start: usize, out: &mut impl FnMut(Range<usize>, &str)) {
    let groups: Vec<&str> = raw.split(['.', ',']).collect();
    let whole = start..start + raw.len();
    let thousands = groups[1..].iter().all(|g| g.len() == 3) && groups[0].len() <= 3;
    if thousands && groups.iter().all(|g| g.bytes().all(|b| b.is_ascii_digit())) {
        return out(whole, &groups.concat());
    }
    if groups.len() == 2 {
        return out(whole, &groups.join("."));
    }
    let mut at = start;
    for group in groups {
        out(at..at + group.len(), group);
        at += group.len() + 1;
    }
}

fn bigrams(text: &str, range: Range<usize>, out: &mut impl FnMut(Range<usize>, &str)) {
    let starts: Vec<usize> = text[range.clone()].char_indices().map(|(i, _)| range.start + i).collect();
    if starts.len() == 1 {
        return out(range.clone(), &text[range]);
    }
    for (i, &from) in starts.iter().enumerate().take(starts.len() - 1) {
        let to = starts.get(i + 2).copied().unwrap_or(range.end);
        out(from..to, &text[from..to]);
    }
}

/// An identifier whole, and its parts when it has several: `parseHttp` is parse and Http too.
fn identifier(text: &str, range: Range<usize>, out: &mut impl FnMut(Range<usize>, &str)) {
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
    out(start..start + trimmed.len(), trimmed);
    for part in parts {
        out(start + part.start..start + part.end, &trimmed[part]);
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
