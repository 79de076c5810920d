//! What a query says besides its words: phrases, fields, and what must not be there.
//!
//! `"exact words"`, `-word`, `-"exact words"`, `kind:`, `from:`, `title:`, `path:`, `after:`, `before:`. Only
//! these names are fields; a colon anywhere else is text, and so is a minus inside a word or before a digit.
//! Must not know: stores, and how anything is ranked.

use super::dates::{self, Seconds};
use crate::types::IndexError;
use std::ops::Range;

/// The names of the fields, each with its synonyms.
const KIND: [&str; 3] = ["kind", "type", "ext"];
const FROM: [&str; 3] = ["from", "author", "by"];
const TITLE: [&str; 2] = ["title", "subject"];
const PATH: [&str; 3] = ["path", "in", "file"];
const AFTER: [&str; 2] = ["after", "since"];
const BEFORE: [&str; 2] = ["before", "until"];

/// A query, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// What is ranked by: the words, those of phrases included, without fields.
    pub text: String,
    /// Words that have to stand side by side; in a question they only count for more.
    pub phrases: Vec<String>,
    /// Words and phrases that must not occur.
    pub without: Vec<String>,
    /// Any of these kinds or file name extensions.
    pub kinds: Vec<String>,
    /// All of these words in the author's name.
    pub authors: Vec<String>,
    /// All of these words in the title.
    pub titles: Vec<String>,
    /// All of these words in the path.
    pub paths: Vec<String>,
    /// Dated in this span.
    pub dated: Option<Range<Seconds>>,
    /// Better dated in this span, which the words speak of.
    pub about: Option<Range<Seconds>>,
}

/// A stretch of a query between spaces, with its quotes taken off.
struct Piece {
    /// Before the colon, lower-cased; empty without one.
    field: String,
    value: String,
    quoted: bool,
    minus: bool,
    /// As it was written.
    raw: String,
}

/// Takes a query apart. The error is for a date that is none.
pub(crate) fn parse(query: &str, now: Seconds) -> Result<Asked, IndexError> {
    let mut asked = Asked::default();
    let mut text: Vec<String> = Vec::new();
    let (mut after, mut before) = (None, None);
    for piece in pieces(query) {
        let is = |names: &[&str]| names.contains(&piece.field.as_str());
        let value = piece.value.clone();
        let known = !piece.field.is_empty();
        if piece.minus && !known {
            asked.without.push(value);
        } else if is(&KIND) {
            asked.kinds.push(value.trim_start_matches('.').to_lowercase());
        } else if is(&FROM) {
            asked.authors.push(value);
        } else if is(&TITLE) {
            asked.titles.push(value);
        } else if is(&PATH) {
            asked.paths.push(value);
        } else if is(&AFTER) {
            after = Some(date(&piece, now)?.start);
        } else if is(&BEFORE) {
            before = Some(date(&piece, now)?.start);
        } else if piece.quoted {
            asked.phrases.push(value.clone());
            text.push(value);
        } else {
            text.push(piece.raw);
        }
    }
    asked.text = text.join(" ");
    if after.is_some() || before.is_some() {
        asked.dated = Some(after.unwrap_or(Seconds::MIN)..before.unwrap_or(Seconds::MAX));
    }
    asked.about = dates::in_text(&asked.text, now);
    if is_question(&asked) {
        // Who quotes within a question names something; who quotes alone wants these very words.
        asked.phrases.clear();
    }
    Ok(asked)
}

/// A sentence that ends in a question mark and has more words than are quoted in it.
fn is_question(asked: &Asked) -> bool {
    let quoted: usize = asked.phrases.iter().map(|phrase| phrase.split_whitespace().count()).sum();
    let words = asked.text.split_whitespace().count();
    asked.text.trim_end().ends_with(['?', '？', '؟']) && words >= quoted + 3
}

fn date(piece: &Piece, now: Seconds) -> Result<Range<Seconds>, IndexError> {
    dates::exact(&piece.value, now).ok_or_else(|| {
        let (field, value) = (&piece.field, &piece.value);
        IndexError::InvalidArgument(format!(
            "\"{value}\" in {field}: is no date; write {field}:2026-01-31, {field}:2026-01, {field}:2026 or {field}:yesterday"
        ))
    })
}

fn is_field(name: &str) -> bool {
    [&KIND[..], &FROM, &TITLE, &PATH, &AFTER, &BEFORE].iter().any(|names| names.contains(&name))
}

fn pieces(query: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = query.trim_start();
    while !rest.is_empty() {
        let (piece, after) = next(rest);
        out.push(piece);
        rest = after.trim_start();
    }
    out
}

/// The first piece, and what comes after it.
fn next(text: &str) -> (Piece, &str) {
    let negated = text.strip_prefix('-').filter(|rest| rest.starts_with(|c: char| c.is_alphabetic() || is_quote(c)));
    let body = negated.unwrap_or(text);
    let name: String = body.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    let value = body[name.len()..]
        .strip_prefix(':')
        .filter(|value| negated.is_none() && is_field(&name) && value.starts_with(|c: char| !c.is_whitespace()));
    let (field, value) = value.map_or((String::new(), body), |value| (name, value));
    if let Some((inside, after)) = quoted(value) {
        let raw = text[..text.len() - after.len()].to_owned();
        return (Piece { field, value: inside.to_owned(), quoted: true, minus: negated.is_some(), raw }, after);
    }
    let end = value.find(char::is_whitespace).unwrap_or(value.len());
    let after = &value[end..];
    let raw = text[..text.len() - after.len()].to_owned();
    (Piece { field, value: value[..end].to_owned(), quoted: false, minus: negated.is_some(), raw }, after)
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '„' | '«')
}

/// What stands in quotes at the start of a text, and what comes after; without a closing mark nothing is quoted.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let open = text.chars().next().filter(|&c| is_quote(c))?;
    let body = &text[open.len_utf8()..];
    let closes: &[char] = match open {
        '"' => &['"'],
        '«' => &['»'],
        _ => &['”', '“', '"'],
    };
    let end = body.find(closes)?;
    let close = body[end..].chars().next()?;
    let inside = body[..end].trim();
    (!inside.is_empty()).then(|| (inside, &body[end + close.len_utf8()..]))
}

/// Text as phrases are compared: lower-case words with one space around each, characters of scripts without
/// spaces apart.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(' ');
    for c in text.chars().flat_map(char::to_lowercase) {
        let alone = crate::analysis::is_unspaced(c);
        if !c.is_alphanumeric() || alone {
            if !out.ends_with(' ') {
                out.push(' ');
            }
            if !alone {
                continue;
            }
        }
        out.push(c);
        if alone {
            out.push(' ');
        }
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOW: Seconds = 1_795_608_000;

    fn asked(query: &str) -> Asked {
        parse(query, NOW).unwrap()
    }

    /// Whether anything but the words limits what is found.
    fn is_limited(asked: &Asked) -> bool {
        let lists = [&asked.phrases, &asked.without, &asked.kinds, &asked.authors, &asked.titles, &asked.paths];
        asked.dated.is_some() || lists.iter().any(|list| !list.is_empty())
    }

    fn day(text: &str) -> Seconds {
        dates::exact(text, NOW).unwrap().start
    }

    #[test]
    fn fields_are_taken_out_of_the_text() {
        let found = asked(
            "boiler kind:pdf from:\"Ana Souza\" invoice after:2026-01 before:2026-03 path:house title:bill ext:.docx",
        );
        assert_eq!(found.text, "boiler invoice");
        assert_eq!((found.kinds, found.authors), (vec!["pdf".into(), "docx".into()], vec!["Ana Souza".to_owned()]));
        assert_eq!((found.paths, found.titles), (vec!["house".to_owned()], vec!["bill".to_owned()]));
        assert_eq!(found.dated, Some(day("2026-01-01")..day("2026-03-01")));
        assert_eq!(asked("after:yesterday").dated, Some(day("2026-11-24")..Seconds::MAX));
    }

    #[test]
    fn phrases_are_ranked_by_and_required() {
        let found = asked("\"gas boiler\" -\"central heating\" -summer warm-up");
        assert_eq!(found.text, "gas boiler warm-up");
        assert_eq!(found.phrases, ["gas boiler"]);
        assert_eq!(found.without, ["central heating", "summer"]);
        assert!(is_limited(&found));
    }

    #[test]
    fn a_question_that_quotes_something_is_a_question() {
        let found = asked("Who wrote the book \"On Liberty\"?");
        assert!(!is_limited(&found) && found.text == "Who wrote the book On Liberty ?");
        assert_eq!(asked("\"On Liberty\"?").phrases, ["On Liberty"]);
    }

    #[test]
    fn what_only_looks_like_syntax_is_text() {
        for text in [
            "C: drive at 10:30",
            "temperature -5 to -10",
            "std::vec http://x.org",
            "note: buy milk",
            "a \"b",
            "kind: x",
            "- -",
            "title:",
        ] {
            let found = asked(text);
            assert!(!is_limited(&found), "{found:?}");
            assert_eq!(found.text, text);
        }
    }

    #[test]
    fn a_date_that_is_none_is_refused_with_an_example() {
        let error = parse("x after:someday", NOW).unwrap_err().to_string();
        assert!(error.contains("someday") && error.contains("after:2026-01-31"), "{error}");
    }

    #[test]
    fn folding_makes_phrases_comparable() {
        assert!(folded("The Gas-Boiler, old").contains(&folded("gas boiler")));
        assert!(!folded("gas boilers").contains(&folded("gas boiler")));
        assert!(folded("苏州运河图绘制").contains(&folded("运河图")));
    }

    #[test]
    fn spoken_dates_stay_in_the_text() {
        let found = asked("mail from last week");
        assert_eq!((found.text.as_str(), found.dated), ("mail from last week", None));
        assert_eq!(found.about, Some(day("2026-11-16")..day("2026-11-23")));
    }
}
