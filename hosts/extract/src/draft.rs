//! The document under construction, and the budget it must stay within.
//!
//! Must not know: where its text comes from.

use hob_link::extract::{Block, Document};

/// What one block costs on the wire besides its text, at most, in bytes.
const BLOCK_OVERHEAD: usize = 18;
/// Longest text of a reply whatever the request asks for, so that the reply fits into a frame.
const MAX_REPLY: usize = 48 << 20;
/// Longest title, author or date kept, in bytes.
const MAX_FIELD: usize = 500;

/// Collects blocks until the budget is used up.
#[derive(Debug)]
pub struct Draft {
    doc: Document,
    /// Bytes of text that may still be added.
    text_left: usize,
    /// Bytes of text and overhead that still fit into one reply.
    reply_left: usize,
    /// Lines of extracted text so far, for formats without lines of their own.
    lines: u32,
}

impl Draft {
    /// An empty document of this kind whose text may have `max_text` bytes.
    pub fn new(kind: &str, max_text: u64) -> Self {
        let doc = Document { kind: kind.into(), ..Document::default() };
        let text_left = usize::try_from(max_text).unwrap_or(usize::MAX);
        Self { doc, text_left, reply_left: MAX_REPLY, lines: 0 }
    }

    /// A second document whose blocks will be appended to this one.
    pub fn part(&self) -> Self {
        Self { doc: Document::default(), text_left: self.text_left, reply_left: self.reply_left, lines: self.lines }
    }

    /// Adds a paragraph that starts at this line of the source.
    pub fn paragraph(&mut self, text: &str, line: u32) {
        self.push(text, line, None, false);
    }

    /// Adds a heading that stands at this line of the source.
    pub fn heading(&mut self, text: &str, line: u32) {
        self.push(text, line, None, true);
    }

    /// Adds a block of a format without lines: they are counted in the extracted text.
    pub fn counted(&mut self, text: &str, page: Option<u32>, heading: bool) {
        let line = self.lines + 1;
        let before = self.doc.blocks.len();
        self.push(text, line, page, heading);
        if let Some(block) = self.doc.blocks.get(before) {
            self.lines += 1 + newlines(&block.text);
        }
    }

    /// Adds a block as it is.
    pub fn block(&mut self, block: Block) {
        self.push(&block.text, block.line, block.page, block.heading);
    }

    fn push(&mut self, text: &str, line: u32, page: Option<u32>, heading: bool) {
        // Empty lines at the start move the start; spaces there may be indentation.
        let lead = text.len() - text.trim_start().len();
        let start = text[..lead].rfind('\n').map_or(0, |at| at + 1);
        let line = line + newlines(&text[..start]);
        let text = text[start..].trim_end();
        if text.trim_start().is_empty() || self.is_full() {
            return;
        }
        let room = self.text_left.min(self.reply_left.saturating_sub(BLOCK_OVERHEAD));
        let cut = if text.len() > room {
            self.doc.truncated = true;
            self.text_left = 0;
            floor(text, room).trim_end()
        } else {
            self.text_left -= text.len();
            text
        };
        if !cut.is_empty() {
            self.reply_left = self.reply_left.saturating_sub(cut.len() + BLOCK_OVERHEAD);
            self.doc.blocks.push(Block { text: cut.into(), line, page, heading });
        }
    }

    /// Nothing more can be added; whoever reads on wastes time.
    pub fn is_full(&self) -> bool {
        self.doc.truncated
    }

    /// Says that there was more text than could be read.
    pub fn cut_short(&mut self) {
        self.doc.truncated = true;
    }

    /// Bytes of text that may still be added.
    pub fn room(&self) -> usize {
        if self.doc.truncated { 0 } else { self.text_left }
    }

    /// Names the document, unless it has a title.
    pub fn title(&mut self, title: &str) {
        set(&mut self.doc.title, title);
    }

    /// Names its author, unless that is known.
    pub fn author(&mut self, author: &str) {
        set(&mut self.doc.author, author);
    }

    /// Dates it, unless it has a date. What is no date is ignored.
    pub fn date(&mut self, date: &str) {
        if let Some(date) = crate::dates::stated(date) {
            set(&mut self.doc.date, &date);
        }
    }

    /// Whether it has a title.
    pub fn has_title(&self) -> bool {
        self.doc.title.is_some()
    }

    /// Whether any text was found.
    pub fn is_empty(&self) -> bool {
        self.doc.blocks.is_empty()
    }

    /// The finished document.
    pub fn finish(self) -> Document {
        self.doc
    }
}

/// How many line breaks `text` holds.
pub fn newlines(text: &str) -> u32 {
    text.bytes().filter(|b| *b == b'\n').count() as u32
}

/// The start of `text`, at most `max` bytes, cut at a character.
pub fn floor(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn set(field: &mut Option<String>, value: &str) {
    if field.is_none() {
        let folded = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let cut = floor(&folded, MAX_FIELD);
        if !cut.is_empty() {
            *field = Some(cut.into());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character_and_nothing_follows() {
        let mut draft = Draft::new("text", 6);
        draft.paragraph("abc", 1);
        draft.paragraph("äöü", 3);
        draft.paragraph("more", 5);
        let doc = draft.finish();
        assert!(doc.truncated);
        assert_eq!(doc.blocks.iter().map(|b| b.text.as_str()).collect::<Vec<_>>(), ["abc", "ä"]);
    }

    #[test]
    fn text_that_just_fits_is_not_truncated() {
        let mut draft = Draft::new("text", 3);
        draft.paragraph("abc", 1);
        assert!(!draft.finish().truncated);
    }

    #[test]
    fn leading_empty_lines_move_the_line_and_indentation_stays() {
        let mut draft = Draft::new("code", 100);
        draft.paragraph("\n  \n    indented\n", 4);
        let doc = draft.finish();
        assert_eq!((doc.blocks[0].text.as_str(), doc.blocks[0].line), ("    indented", 6));
    }

    #[test]
    fn counted_lines_follow_the_extracted_text() {
        let mut draft = Draft::new("pdf", 100);
        draft.counted("one\ntwo", Some(1), false);
        draft.counted("", Some(1), false);
        draft.counted("three", Some(2), false);
        let doc = draft.finish();
        assert_eq!(doc.blocks.iter().map(|b| b.line).collect::<Vec<_>>(), [1, 3]);
    }
}
