//! HTML: what a reader sees, in blocks, with the source's lines.
//!
//! Works on the token stream, since the lines get lost in a tree, and since tokens can't nest
//! deeply enough to hurt.

use crate::draft::{Draft, newlines};
use crate::table::row;
use html5ever::TokenizerResult;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use std::cell::RefCell;

/// Reads HTML.
pub fn extract(html: &str, draft: &mut Draft) {
    let sink = Sink(RefCell::new(Page::new(draft)));
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
    tokenizer.end();
    tokenizer.sink.0.borrow_mut().flush();
}

struct Sink<'d>(RefCell<Page<'d>>);

impl TokenSink for Sink<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        match token {
            Token::CharacterTokens(text) => page.characters(&text, line),
            Token::TagToken(tag) => match tag.kind {
                TagKind::StartTag => return page.start(&tag, line),
                TagKind::EndTag => page.end(&tag.name),
            },
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// The page as read so far.
struct Page<'d> {
    draft: &'d mut Draft,
    /// The block being collected, its first line, and the line its end has by its line breaks.
    text: String,
    first: u32,
    accounted: u32,
    /// White space came since the last word.
    gap: bool,
    in_heading: bool,
    in_pre: bool,
    /// The element whose content is dropped, and how often it is nested in itself.
    dropped: Option<(String, u32)>,
    title: Option<String>,
    table: Table,
    breaks: u32,
}

/// The table row being collected.
#[derive(Default)]
struct Table {
    headers: Vec<String>,
    cells: Vec<String>,
    /// Line of the row's first text.
    line: Option<u32>,
    in_cell: bool,
    all_headers: bool,
}

impl<'d> Page<'d> {
    fn new(draft: &'d mut Draft) -> Self {
        Self {
            draft,
            text: String::new(),
            first: 1,
            accounted: 1,
            gap: false,
            in_heading: false,
            in_pre: false,
            dropped: None,
            title: None,
            table: Table::default(),
            breaks: 0,
        }
    }

    fn start(&mut self, tag: &Tag, line: u32) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        match name {
            "script" => return self.drop_content(name, RawKind::ScriptData),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => return self.drop_content(name, RawKind::Rawtext),
            "textarea" => return self.drop_content(name, RawKind::Rcdata),
            "title" => {
                // Drawings have titles too; those are dropped with the drawing.
                if self.dropped.is_none() && !self.draft.has_title() {
                    self.title = Some(String::new());
                }
                return TokenSinkResult::RawData(RawKind::Rcdata);
            }
            _ => {}
        }
        if let Some((dropped, depth)) = &mut self.dropped {
            *depth += u32::from(dropped == name && !tag.self_closing);
            return TokenSinkResult::Continue;
        }
        self.open(name, tag, line);
        TokenSinkResult::Continue
    }

    fn drop_content(&mut self, name: &str, kind: RawKind) -> TokenSinkResult<()> {
        if self.dropped.is_none() {
            self.dropped = Some((name.into(), 1));
        }
        TokenSinkResult::RawData(kind)
    }

    fn open(&mut self, name: &str, tag: &Tag, line: u32) {
        match name {
            "noscript" | "template" | "svg" | "select" | "object" | "audio" | "video" | "canvas" | "datalist"
                if !tag.self_closing =>
            {
                self.dropped = Some((name.into(), 1));
            }
            "meta" => self.meta(tag),
            "br" => {
                self.breaks += 1;
                self.gap = true;
                if self.breaks > 1 && !self.table.in_cell {
                    self.flush();
                }
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                self.in_heading = true;
            }
            "pre" => {
                self.flush();
                self.in_pre = true;
            }
            "table" => {
                self.flush();
                self.table = Table::default();
            }
            "tr" => {
                self.end_row();
                self.flush();
                self.table.all_headers = true;
                self.table.line = Some(line);
            }
            "td" | "th" if self.table.line.is_some() => {
                self.end_cell();
                self.table.in_cell = true;
                self.table.all_headers &= name == "th";
            }
            name if is_block(name) => self.flush(),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if let Some((dropped, depth)) = &mut self.dropped {
            if dropped == name {
                *depth -= 1;
                if *depth == 0 {
                    self.dropped = None;
                    self.gap = true;
                }
            }
            return;
        }
        match name {
            "title" => {
                if let Some(title) = self.title.take() {
                    self.draft.title(&title);
                }
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                self.in_heading = false;
            }
            "pre" => {
                self.flush();
                self.in_pre = false;
            }
            "td" | "th" => self.end_cell(),
            "tr" => self.end_row(),
            "table" => {
                self.end_row();
                self.flush();
                self.table = Table::default();
            }
            name if is_block(name) => self.flush(),
            _ => {}
        }
    }

    fn characters(&mut self, text: &str, end: u32) {
        if self.dropped.is_some() || self.draft.is_full() {
            return;
        }
        if let Some(title) = &mut self.title {
            title.push_str(text);
            return;
        }
        // The tokenizer names the line on which the token ends.
        let line = end.saturating_sub(newlines(text)).max(1);
        if self.in_pre {
            if self.text.is_empty() {
                (self.first, self.accounted) = (line, line);
            }
            self.text.push_str(text);
            self.accounted += newlines(text);
            return;
        }
        for (at, text) in (0..).zip(text.split('\n')) {
            self.gap |= at > 0 || text.starts_with(char::is_whitespace);
            for word in text.split_whitespace() {
                self.word(word, line + at);
                self.gap = true;
            }
            let ends_in_word = text.ends_with(|c: char| !c.is_whitespace());
            self.gap &= !ends_in_word;
        }
    }

    /// Adds a word that stands on this line. Tags may span lines, so the block's line breaks can
    /// lag behind; every gap between words is a chance to catch up.
    fn word(&mut self, word: &str, line: u32) {
        self.breaks = 0;
        if self.text.is_empty() {
            self.first = line;
            self.accounted = line;
        } else if self.gap && line > self.accounted {
            self.text.push('\n');
            self.accounted += 1;
        } else if self.gap {
            self.text.push(' ');
        }
        self.text.push_str(word);
    }

    /// Ends the block. Within a table cell a block is only a gap.
    fn flush(&mut self) {
        self.breaks = 0;
        self.gap = true;
        if self.table.in_cell {
            return;
        }
        let text = std::mem::take(&mut self.text);
        if self.in_heading {
            let folded = text.replace('\n', " ");
            self.draft.title(&folded);
            self.draft.heading(&folded, self.first);
        } else {
            self.draft.paragraph(&text, self.first);
        }
    }

    fn end_cell(&mut self) {
        if std::mem::take(&mut self.table.in_cell) {
            let text = std::mem::take(&mut self.text);
            if self.table.cells.iter().all(String::is_empty) && !text.is_empty() {
                self.table.line = Some(self.first);
            }
            self.table.cells.push(text);
        }
    }

    fn end_row(&mut self) {
        self.end_cell();
        let (cells, line) = (std::mem::take(&mut self.table.cells), self.table.line.take());
        let Some(line) = line.filter(|_| cells.iter().any(|c| !c.is_empty())) else { return };
        // A table of one row and cell, or of long cells, is layout, not data.
        if self.table.all_headers && cells.len() > 1 && self.table.headers.is_empty() {
            self.table.headers = cells;
        } else if cells.iter().any(|c| c.len() > 400) || cells.len() == 1 {
            cells.iter().for_each(|cell| self.draft.paragraph(cell, line));
        } else {
            self.draft.paragraph(&row(&self.table.headers, &cells), line);
        }
    }

    fn meta(&mut self, tag: &Tag) {
        let get = |name: &str| tag.attrs.iter().find(|a| &*a.name.local == name).map(|a| a.value.to_string());
        let Some(content) = get("content") else { return };
        match get("name").or_else(|| get("property")).unwrap_or_default().to_lowercase().as_str() {
            "author" | "article:author" | "dc.creator" => self.draft.author(&content),
            "date" | "article:published_time" | "dc.date" | "dcterms.date" => self.draft.date(&content),
            _ => {}
        }
    }
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "body"
            | "button"
            | "caption"
            | "center"
            | "dd"
            | "details"
            | "dialog"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "head"
            | "header"
            | "hgroup"
            | "hr"
            | "html"
            | "legend"
            | "li"
            | "main"
            | "menu"
            | "nav"
            | "ol"
            | "option"
            | "p"
            | "section"
            | "summary"
            | "tbody"
            | "tfoot"
            | "thead"
            | "ul"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hob_link::extract::Document;

    fn read(html: &str) -> Document {
        let mut draft = Draft::new("html", 1 << 20);
        extract(html, &mut draft);
        draft.finish()
    }

    fn shape(doc: &Document) -> Vec<(u32, &str, bool)> {
        doc.blocks.iter().map(|b| (b.line, b.text.as_str(), b.heading)).collect()
    }

    #[test]
    fn what_a_reader_sees_with_lines() {
        let doc = read(
            "<!doctype html>\n<html><head><title>The &amp; Page</title>\n<meta name=author content='Ana'>\n\
             <style>p { x }</style><script>if (a < b) '<p>no'</script></head>\n<body>\n<h1>A <em>big</em>\nheading</h1>\n\
             <p>One <b>bold</b>word,\n  two\nlines.<p>Next.\n<svg><title>no</title><text>no</text></svg><ul><li>x<li>y</ul>",
        );
        assert_eq!((doc.title.as_deref(), doc.author.as_deref()), (Some("The & Page"), Some("Ana")));
        assert_eq!(
            shape(&doc),
            [
                (6, "A big heading", true),
                (8, "One boldword,\ntwo\nlines.", false),
                (10, "Next.", false),
                (11, "x", false),
                (11, "y", false)
            ]
        );
    }

    #[test]
    fn a_tag_over_several_lines_loses_no_line_for_long() {
        let doc = read("<p>See <a\n href='x'\n class='y'\n>the very good long page</a> now</p>");
        assert_eq!(shape(&doc), [(1, "See\nthe\nvery\ngood long page now", false)]);
    }

    #[test]
    fn table_rows_name_their_columns() {
        let doc = read(
            "<table><tr><th>Name<th>Phone</tr>\n<tr><td>Ana<td><p>12</p><p>34</p></tr>\n<tr><td>Bo</td><td></td></tr></table>\n\
             <table><tr><td>layout <p>only</table>end",
        );
        assert_eq!(
            shape(&doc),
            [
                (2, "Name: Ana; Phone: 12 34", false),
                (3, "Name: Bo", false),
                (4, "layout only", false),
                (4, "end", false)
            ]
        );
    }

    #[test]
    fn preformatted_text_keeps_its_shape_and_double_breaks_split() {
        let doc = read("<pre>a  b\n\n  c</pre>one<br>two<br><br/>three");
        assert_eq!(shape(&doc), [(1, "a  b\n\n  c", false), (3, "one two", false), (3, "three", false)]);
    }

    #[test]
    fn nonsense_is_survived() {
        for html in
            ["<", "<p", "</", "<!--", "<table><tr><td>", "</td></tr></table>", "<title>x", "<svg><svg></svg>", "&#x;&"]
        {
            read(html);
        }
    }
}
