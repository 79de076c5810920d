//! The document under construction, and the budget it must stay within.
//!
//! Must not know: where its text comes from.

use hob_link::extract::{Block, Document};

/// What one block costs the daemon in memory besides its text, about, in bytes; on the wire it is less.
const BLOCK_OVERHEAD: usize = 128;
/// What a document may cost whatever the request asks for, in bytes: it has to fit into a frame, and into the daemon's
/// memory when a file consists of the smallest pieces.
const MAX_REPLY: usize = 40 << 20;
/// Longest title, author or date kept, in bytes.
const MAX_FIELD: usize = 500;
/// A longer heading is none, in bytes: headings are kept with everything below them.
const MAX_HEADING: usize = 500;
/// Longest name of a part, in bytes.
const MAX_PART: usize = 200;
/// Longest name of a place in a part, in bytes.
const MAX_SPAN: usize = 120;

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
    part: Option<String>,
}

impl Draft {
    /// An empty document of this kind whose text may have `max_text` bytes.
    pub fn new(kind: &str, max_text: u64) -> Self {
        let doc = Document { kind: kind.into(), ..Document::default() };
        let text_left = usize::try_from(max_text).unwrap_or(usize::MAX);
        Self { doc, text_left, reply_left: MAX_REPLY, lines: 0, part: None }
    }

    /// A second document whose blocks will be appended to this one.
    pub fn part(&self) -> Self {
        Self {
            doc: Document::default(),
            text_left: self.text_left,
            reply_left: self.reply_left,
            lines: self.lines,
            part: None,
        }
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

    /// Says where in the part the block stands that was added last, if it was added.
    pub fn span(&mut self, before: usize, from: &str, to: &str) {
        if self.doc.blocks.len() > before
            && let Some(block) = self.doc.blocks.last_mut()
        {
            let cut = |text: &str| floor(text, MAX_SPAN).to_string();
            block.span = Some((cut(from), cut(to)));
            self.reply_left = self.reply_left.saturating_sub(2 * MAX_SPAN);
        }
    }

    /// How many blocks there are.
    pub fn count(&self) -> usize {
        self.doc.blocks.len()
    }

    /// What follows stands in this part of the file; `None` for what belongs to none.
    pub fn enter(&mut self, part: Option<&str>) {
        self.part = part.map(|part| floor(part, MAX_PART).trim().to_string()).filter(|part| !part.is_empty());
    }

    /// Adds a block as it is.
    pub fn block(&mut self, block: Block) {
        let before = self.count();
        self.push(&block.text, block.line, block.page, block.heading);
        if let Some((from, to)) = &block.span {
            self.span(before, from, to);
        }
    }

    /// Adds a block of a part that has no lines of its own in the file: its lines are counted.
    pub fn recounted(&mut self, block: &Block) {
        let before = self.count();
        self.counted(&block.text, block.page, block.heading);
        if let Some((from, to)) = &block.span {
            self.span(before, from, to);
        }
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
            let part = self.part.clone();
            let cost = cut.len() + BLOCK_OVERHEAD + part.as_ref().map_or(0, String::len);
            self.reply_left = self.reply_left.saturating_sub(cost);
            let heading = heading && cut.len() <= MAX_HEADING;
            self.doc.blocks.push(Block { text: cut.into(), line, page, part, span: None, heading });
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
    fn what_is_too_long_for_a_heading_is_text() {
        let mut draft = Draft::new("markdown", 10_000);
        draft.heading(&"word ".repeat(500), 1);
        draft.heading("Short", 2);
        assert_eq!(draft.finish().blocks.iter().map(|b| b.heading).collect::<Vec<_>>(), [false, true]);
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
