//! Words that no file has, and what was probably meant.
//!
//! Owns: which word of the index is near enough to a misspelt one. Must not know queries or scores.

use tantivy::schema::Field;
use tantivy::{Searcher, Term};

use super::Lexical;
use crate::types::IndexError;

/// Shorter words have too many neighbours that mean something else.
const LETTERS: usize = 6;
/// Most words of the index compared with one that is missing, in each of its segments.
const MOST_COMPARED: usize = 200_000;

impl Lexical {
    /// The most frequent word of the passages that is one slip away from the word whose forms are
    /// given, if no passage, title or path has any of the forms. A slip is a letter too many, one
    /// missing, a wrong one, or two in the wrong order; the first letter has to be right.
    pub fn meant(&self, forms: &[String]) -> Result<Option<String>, IndexError> {
        let Some(form) = forms.first().filter(|form| is_spelt(form)) else { return Ok(None) };
        let searcher = self.reader.searcher();
        let run = || -> tantivy::Result<Option<String>> {
            let f = &self.fields;
            for field in [f.body, f.heading, f.title, f.place] {
                for form in forms {
                    if searcher.doc_freq(&Term::from_field_text(field, form))? > 0 {
                        return Ok(None);
                    }
                }
            }
            nearest(&searcher, f.body, form)
        };
        run().map_err(|e| self.failed(&e))
    }
}

/// Whether a word is long enough, and of letters only: one number is not a slip of another.
fn is_spelt(word: &str) -> bool {
    word.chars().count() >= LETTERS && word.chars().all(char::is_alphabetic)
}

fn nearest(searcher: &Searcher, field: Field, word: &str) -> tantivy::Result<Option<String>> {
    let mut best: Option<(u32, String)> = None;
    let letters: Vec<char> = word.chars().collect();
    let first = &word[..letters[0].len_utf8()];
    for segment in searcher.segment_readers() {
        let inverted = segment.inverted_index(field)?;
        let mut terms = inverted.terms().range().ge(first).into_stream()?;
        let mut compared = 0;
        while compared < MOST_COMPARED && terms.advance() {
            let Some(other) = std::str::from_utf8(terms.key()).ok().filter(|other| other.starts_with(first)) else {
                break;
            };
            compared += 1;
            let frequency = terms.value().doc_freq;
            if best.as_ref().is_none_or(|(most, _)| frequency > *most) && is_one_slip(&letters, other) {
                best = Some((frequency, other.to_owned()));
            }
        }
    }
    Ok(best.map(|(_, word)| word))
}

/// Whether the two differ by one insertion, deletion, substitution or transposition.
fn is_one_slip(word: &[char], other: &str) -> bool {
    // In bytes, which is quick to know: a letter has at most four.
    if other.len() + 4 < word.len() || other.len() > 4 * (word.len() + 1) {
        return false;
    }
    let other: Vec<char> = other.chars().collect();
    if word.len().abs_diff(other.len()) > 1 {
        return false;
    }
    let same = word.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (a, b) = (&word[same..], &other[same..]);
    match (a, b) {
        ([], []) => false,
        ([_, rest @ ..], b) if a.len() > b.len() => rest == b,
        (a, [_, rest @ ..]) if b.len() > a.len() => rest == a,
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([a1, a2, a @ ..], [b1, b2, b @ ..]) => a1 == b2 && a2 == b1 && a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_one_letter_or_one_swap() {
        let near = |a: &str, b: &str| is_one_slip(&a.chars().collect::<Vec<_>>(), b);
        for (a, b) in [
            ("telnet", "telenet"),
            ("goovern", "govern"),
            ("strengt", "strength"),
            ("destiantion", "destination"),
            ("shirey", "shirly"),
            ("grünenn", "grünen"),
        ] {
            assert!(near(a, b) && near(b, a), "{a} {b}");
        }
        for (a, b) in [("telnet", "telnet"), ("telnet", "telefon"), ("boiler", "bolier2"), ("abcdef", "badcef")] {
            assert!(!near(a, b) && !near(b, a), "{a} {b}");
        }
    }

    #[test]
    fn short_words_and_numbers_are_left_alone() {
        assert!(is_spelt("boiler") && !is_spelt("liver") && !is_spelt("194512") && !is_spelt("nt4471x"));
    }
}
