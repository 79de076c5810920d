//! Plain text, Org mode and reStructuredText: paragraphs with their exact lines.

use crate::draft::{Draft, newlines};

/// A paragraph longer than this is split at a line end, in bytes: logs have no empty lines.
pub const LONG: usize = 4096;

/// A run of lines in the source.
#[derive(Debug, Clone, Copy)]
pub struct Line<'t> {
    /// 1-based.
    pub number: u32,
    /// Byte offset of its first character.
    pub start: usize,
    /// Without its line end.
    pub text: &'t str,
}

impl Line<'_> {
    /// Byte offset behind its last character.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Nothing but white space.
    pub fn is_blank(&self) -> bool {
        self.text.trim_start().is_empty()
    }
}

/// The lines of a text.
pub fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    text.split('\n').zip(1..).map(move |(text, number)| {
        let line = Line { number, start, text };
        start += text.len() + 1;
        line
    })
}

/// A paragraph being collected: a stretch of the source, so that its inner lines stay countable.
#[derive(Debug, Default)]
pub struct Open {
    span: Option<(usize, usize, u32)>,
}

impl Open {
    /// Adds the next line; a paragraph that has grown long is written out before that.
    pub fn add(&mut self, line: &Line<'_>, source: &str, draft: &mut Draft) {
        if let Some((start, _, _)) = self.span
            && line.end() - start > LONG
        {
            self.close(source, draft);
        }
        let (start, _, number) = self.span.unwrap_or((line.start, 0, line.number));
        self.span = Some((start, line.end(), number));
    }

    /// Writes the paragraph out, if there is one.
    pub fn close(&mut self, source: &str, draft: &mut Draft) {
        if let Some((start, end, number)) = self.span.take() {
            draft.paragraph(&source[start..end], number);
        }
    }

    /// Takes the paragraph back when it is one single line, which then is a heading.
    pub fn take_single<'t>(&mut self, source: &'t str) -> Option<(&'t str, u32)> {
        let (start, end, number) = self.span?;
        let text = &source[start..end];
        if newlines(text) > 0 {
            return None;
        }
        self.span = None;
        Some((text.trim(), number))
    }

    /// How many bytes it spans.
    pub fn size(&self) -> usize {
        self.span.map_or(0, |(start, end, _)| end - start)
    }
}

/// Paragraphs, separated by empty lines.
pub fn plain(text: &str, draft: &mut Draft) {
    paragraphs(text, draft, |_, _, _| false);
}

/// Paragraphs, separated by empty lines and by those that `marks` something else: it gets each line
/// with the paragraph before it, and says whether it has dealt with the line.
fn paragraphs(text: &str, draft: &mut Draft, marks: impl Fn(&Line<'_>, &mut Open, &mut Draft) -> bool) {
    let mut open = Open::default();
    for line in lines(text) {
        if !marks(&line, &mut open, draft) {
            if line.is_blank() {
                open.close(text, draft);
            } else {
                open.add(&line, text, draft);
            }
        }
        if draft.is_full() {
            return;
        }
    }
    open.close(text, draft);
}

/// Org mode: headlines start with stars, the file's own data with `#+`.
pub fn org(text: &str, draft: &mut Draft) {
    paragraphs(text, draft, |line, open, draft| {
        if let Some((key, value)) = line.text.strip_prefix("#+").and_then(|rest| rest.split_once(':')) {
            open.close(text, draft);
            org_keyword(&key.to_lowercase(), value.trim(), draft);
        } else if let Some(headline) = org_headline(line.text) {
            open.close(text, draft);
            draft.heading(headline, line.number);
        } else {
            return false;
        }
        true
    });
}

fn org_keyword(key: &str, value: &str, draft: &mut Draft) {
    match key {
        "title" => draft.title(value),
        "author" => draft.author(value),
        "date" => draft.date(value.trim_matches(['<', '>', '[', ']'])),
        _ => {}
    }
}

fn org_headline(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('*');
    (rest.len() < line.len()).then_some(rest)?.strip_prefix(' ').map(str::trim).filter(|t| !t.is_empty())
}

/// reStructuredText: a heading is a line that is underlined.
pub fn restructured(text: &str, draft: &mut Draft) {
    paragraphs(text, draft, |line, open, draft| {
        if !is_underline(line.text) {
            return false;
        }
        match open.take_single(text) {
            Some((heading, number)) => {
                draft.title(heading);
                draft.heading(heading, number);
            }
            // An overline, a transition or a table's border.
            None => open.close(text, draft),
        }
        true
    });
}

fn is_underline(line: &str) -> bool {
    let line = line.trim_end().as_bytes();
    line.len() >= 3 && line[0].is_ascii_punctuation() && line.iter().all(|b| *b == line[0])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hob_link::extract::Document;

    fn read(extract: fn(&str, &mut Draft), text: &str) -> Document {
        let mut draft = Draft::new("text", 1 << 20);
        extract(text, &mut draft);
        draft.finish()
    }

    fn shape(doc: &Document) -> Vec<(u32, &str, bool)> {
        doc.blocks.iter().map(|b| (b.line, b.text.as_str(), b.heading)).collect()
    }

    #[test]
    fn paragraphs_keep_their_lines() {
        let doc = read(plain, "\n\none\ntwo\n \t\nthree\n\n\n");
        assert_eq!(shape(&doc), [(3, "one\ntwo", false), (6, "three", false)]);
    }

    #[test]
    fn long_paragraphs_are_split_at_line_ends_with_exact_lines() {
        let text: String = (1..=1000).map(|n| format!("entry number {n}\n")).collect();
        let doc = read(plain, &text);
        assert!(doc.blocks.len() > 3);
        for block in &doc.blocks {
            assert!(block.text.starts_with(&format!("entry number {}", block.line)), "{}", block.line);
            assert!(block.text.len() <= LONG);
        }
    }

    #[test]
    fn org_and_rst_have_headings() {
        let doc = read(org, "#+TITLE: Garden\n#+DATE: <2026-04-01 Wed>\n* Beds\nTomatoes.\n** \n*bold* text\n");
        assert_eq!((doc.title.as_deref(), doc.date.as_deref()), (Some("Garden"), Some("2026-04-01")));
        assert_eq!(shape(&doc), [(3, "Beds", true), (4, "Tomatoes.\n** \n*bold* text", false)]);
        let doc = read(restructured, "=====\nGuide\n=====\n\nText here.\n\nPart\n----\nmore\n");
        assert_eq!(doc.title.as_deref(), Some("Guide"));
        assert_eq!(shape(&doc), [(2, "Guide", true), (5, "Text here.", false), (7, "Part", true), (9, "more", false)]);
    }
}
