//! Cuts a document into passages: the unit that is searched, embedded and cited.
//!
//! A paragraph is a passage as a rule. Short neighbours are packed together, long paragraphs are
//! split at sentence ends. Must not know files, languages or models beyond the length of text
//! that an embedder takes at once.

use std::ops::Range;

use crate::sentences;
use crate::types::{Block, Chunk, Document};

/// Short neighbouring blocks are packed up to this many bytes.
const PACKED: usize = 600;
/// A block below this many bytes is short: a list item, a table row, a line.
const SHORT: usize = 160;
/// A paragraph up to this many bytes stays whole.
const WHOLE: usize = 2_400;
/// What longer ones are cut into, about.
const PIECE: usize = 1_600;
/// A short line before a paragraph (a title, a salutation) joins it up to this many bytes.
const WITH_LEAD: usize = 1_200;
/// A line up to this many bytes can be the title of the only paragraph below it.
const TITLE: usize = 300;
/// More empty lines than this between two blocks keep them apart, so that lines stay exact.
const WIDEST_GAP: u32 = 8;
/// Code is packed up to this many bytes.
const CODE: usize = 1_200;
/// What an embedder for passages reads at once (256 tokens), in bytes of text.
const WINDOW: usize = 1_150;

/// The passages of a document in reading order. Every block is in one of them, or, for headings
/// with text below, in the `heading` of what follows.
pub fn chunk(document: &Document) -> Vec<Chunk> {
    let (code, sheets) = (document.kind == "code", document.kind == "spreadsheet");
    let mut cutter = Cutter { code, sheets, ..Cutter::default() };
    cutter.titled = is_titled_paragraph(document);
    for block in &document.blocks {
        if block.text.trim().is_empty() {
            continue;
        }
        if block.heading { cutter.heading(block) } else { cutter.text(block) }
    }
    cutter.finish()
}

/// Whether the document is a title line and its only paragraph, which belong together.
fn is_titled_paragraph(document: &Document) -> bool {
    let mut texts = document.blocks.iter().filter(|b| !b.heading && !b.text.trim().is_empty());
    let (Some(title), Some(_), None) = (texts.next(), texts.next(), texts.next()) else { return false };
    title.text.len() < TITLE && !title.text.trim().contains('\n')
}

/// The parts of a passage that are embedded: one as a rule, more where an embedder would not read
/// to the end. All have to be given to the vector store, where the best one counts.
pub fn windows(text: &str) -> Vec<&str> {
    pieces(text, WINDOW, WINDOW, &sentences::split(text)).into_iter().map(|r| &text[r]).collect()
}

#[derive(Default)]
struct Cutter {
    code: bool,
    /// See [`is_titled_paragraph`].
    titled: bool,
    headings: Headings,
    open: Option<Chunk>,
    /// Where the open passage stands.
    spot: Spot,
    /// Parts are sheets, and spans are cells.
    sheets: bool,
    /// The open passage consists of short blocks only.
    short: bool,
    done: Vec<Chunk>,
}

impl Cutter {
    fn heading(&mut self, block: &Block) {
        self.close();
        if let Some(unused) = self.headings.enter(block) {
            self.done.push(unused);
        }
    }

    fn text(&mut self, block: &Block) {
        let block = trimmed(block);
        let short = block.text.len() < SHORT;
        if let Some(open) = self.open.as_mut().filter(|_| self.spot.part == block.part) {
            let gap = block.line.saturating_sub(last_line(open));
            let together = open.text.len() + gap as usize + block.text.len();
            let limit = match (self.code, self.short, short) {
                (true, ..) => CODE,
                _ if self.titled => WHOLE,
                (_, true, true) => PACKED,
                // A short lead joins the paragraph below it, not a whole list.
                (_, true, false) if open.text.len() < SHORT => WITH_LEAD,
                _ => 0,
            };
            if open.page == block.page && gap <= WIDEST_GAP && together <= limit {
                for _ in 0..gap.max(1) {
                    open.text.push('\n');
                }
                open.text.push_str(&block.text);
                self.short &= short;
                self.spot.extend(block.span);
                return;
            }
        }
        self.close();
        self.short = short;
        self.spot = Spot { part: block.part, span: block.span };
        let heading = self.headings.path();
        self.open = Some(Chunk { text: block.text, line: block.line, page: block.page, place: None, heading });
    }

    /// Puts the open passage away, in pieces if it is too long.
    fn close(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        open.place = std::mem::take(&mut self.spot).place(self.sheets);
        self.headings.used();
        let (most, piece) = if self.code { (CODE, CODE) } else { (WHOLE, PIECE) };
        if open.text.len() <= most {
            return self.done.push(open);
        }
        let bounds = if self.code { lines(&open.text) } else { sentences::split(&open.text) };
        for range in pieces(&open.text, most, piece, &bounds) {
            self.done.push(Chunk {
                line: open.line + newlines(&open.text[..range.start]),
                text: open.text[range].to_owned(),
                page: open.page,
                place: open.place.clone(),
                heading: open.heading.clone(),
            });
        }
    }

    fn finish(mut self) -> Vec<Chunk> {
        self.close();
        self.done.extend(self.headings.leave());
        self.done
    }
}

/// Where a passage stands in a file whose lines say little.
#[derive(Default)]
struct Spot {
    part: Option<String>,
    span: Option<(String, String)>,
}

impl Spot {
    /// Takes in the span of a block that was joined.
    fn extend(&mut self, with: Option<(String, String)>) {
        match (&mut self.span, with) {
            (Some((from, to)), Some((next_from, next_to))) => {
                // Rows begin in different columns; the range has to hold them all.
                if let (Some(a), Some(b)) = (cell(from), cell(&next_from)) {
                    *from = format!("{}{}", a.0.min(b.0).1, a.1);
                }
                *to = match (cell(to), cell(&next_to)) {
                    (Some(a), Some(b)) => format!("{}{}", a.0.max(b.0).1, b.1),
                    _ => next_to,
                };
            }
            (span, with) => *span = span.take().or(with),
        }
    }

    fn place(self, sheets: bool) -> Option<String> {
        let between = if sheets { ":" } else { " – " };
        let span = self.span.map(|(from, to)| if from == to { from } else { format!("{from}{between}{to}") });
        match (self.part, span) {
            (Some(part), Some(span)) if sheets => Some(format!("{part}!{span}")),
            (Some(part), Some(span)) => Some(format!("{part}, {span}")),
            (part, span) => part.or(span),
        }
    }
}

/// A cell's column, comparable, and its row: "AB12" is ((2, "AB"), "12").
fn cell(name: &str) -> Option<((usize, &str), &str)> {
    let letters = name.bytes().take_while(u8::is_ascii_uppercase).count();
    let (column, row) = name.split_at(letters);
    let whole = !column.is_empty() && !row.is_empty() && row.bytes().all(|b| b.is_ascii_digit());
    whole.then_some(((column.len(), column), row))
}

/// The headings that the next passage stands under, with the last one's own passage in case
/// nothing follows it.
#[derive(Default)]
struct Headings {
    /// Level and text.
    path: Vec<(usize, String)>,
    /// The innermost heading, as long as no text stands under it.
    unused: Option<Chunk>,
    seen_text: bool,
}

impl Headings {
    /// Takes in a heading; gives back the one before if nothing stood under it.
    fn enter(&mut self, block: &Block) -> Option<Chunk> {
        let raw = block.text.trim();
        let marks = raw.bytes().take_while(|&b| b == b'#').count();
        let text = raw[marks..].trim();
        let text = if text.is_empty() { raw } else { text }.split_whitespace().collect::<Vec<_>>().join(" ");
        // Without marks the first heading of a document is its title and all others are equal.
        let level = match marks {
            0 if self.path.is_empty() && !self.seen_text => 1,
            0 => 2,
            n => n,
        };
        let outer = self.path.last().is_some_and(|last| last.0 < level);
        self.path.retain(|h| h.0 < level);
        // A heading directly under another is found through the text below both.
        let unused = self.unused.take().filter(|_| !outer);
        let (text_of_own, heading) = (text.clone(), self.path());
        let place = block.part.clone();
        self.unused = Some(Chunk { text: text_of_own, line: block.line, page: block.page, place, heading });
        self.path.push((level, text));
        unused
    }

    fn used(&mut self) {
        self.seen_text = true;
        self.unused = None;
    }

    fn leave(&mut self) -> Option<Chunk> {
        self.unused.take()
    }

    fn path(&self) -> String {
        self.path.iter().map(|h| h.1.as_str()).collect::<Vec<_>>().join(" › ")
    }
}

/// The block without empty lines and spaces around its text, its line moved along.
fn trimmed(block: &Block) -> Block {
    let body = block.text.trim_end();
    let start = body.len() - body.trim_start().len();
    let indent = body[..start].rfind('\n').map_or(0, |i| i + 1);
    Block { text: body[indent..].to_owned(), line: block.line + newlines(&body[..indent]), ..block.clone() }
}

fn newlines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|&b| b == b'\n').count()).unwrap_or(u32::MAX)
}

fn last_line(chunk: &Chunk) -> u32 {
    chunk.line.saturating_add(newlines(&chunk.text))
}

fn lines(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let kept = line.trim_end();
        let mut from = start;
        let end = start + kept.len();
        while end - from > CODE {
            let mut cut = from + CODE;
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            out.push(from..cut);
            from = cut;
        }
        if !kept.trim().is_empty() {
            out.push(from..end);
        }
        start += line.len();
    }
    out
}

/// Groups units (sentences or lines) into pieces of about equal size; one piece if all fits `most`.
fn pieces(text: &str, most: usize, piece: usize, units: &[Range<usize>]) -> Vec<Range<usize>> {
    let (Some(first), Some(last)) = (units.first(), units.last()) else { return Vec::new() };
    let length = last.end - first.start;
    let whole = text.len() <= most || length <= most;
    let target = length / length.div_ceil(piece);
    let mut out: Vec<Range<usize>> = vec![if whole { first.start..last.end } else { first.clone() }];
    for unit in units.iter().skip(1).filter(|_| !whole) {
        let Some(open) = out.last_mut() else { break };
        let with = unit.end - open.start;
        // Past the target only if that comes closer to it than stopping here.
        if with <= most && with.saturating_sub(target) < target.saturating_sub(open.end - open.start).max(1) {
            open.end = unit.end;
        } else {
            out.push(unit.clone());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(line: u32, text: &str) -> Block {
        Block { text: text.to_owned(), line, ..Block::default() }
    }

    fn heading(line: u32, text: &str) -> Block {
        Block { heading: true, ..block(line, text) }
    }

    fn cut(kind: &str, blocks: Vec<Block>) -> Vec<Chunk> {
        chunk(&Document { kind: kind.to_owned(), blocks, ..Document::default() })
    }

    fn paragraph(bytes: usize) -> String {
        "This sentence has forty characters in it. ".repeat(bytes / 42 + 1)[..bytes].trim_end().to_owned()
    }

    #[test]
    fn a_paragraph_is_a_passage() {
        let found =
            cut("text", vec![block(1, &paragraph(500)), block(3, &paragraph(400)), block(5, &paragraph(2_300))]);
        assert_eq!(found.iter().map(|c| c.line).collect::<Vec<_>>(), [1, 3, 5]);
    }

    #[test]
    fn a_title_joins_the_only_paragraph_and_lines_stay_exact() {
        let found = cut("text", vec![block(1, "Roles of histone"), block(3, &paragraph(2_000))]);
        assert_eq!(found.len(), 1);
        assert!(found[0].text.starts_with("Roles of histone\n\nThis"));
        let long_title = "A very long title of a very long paper ".repeat(6);
        assert_eq!(cut("text", vec![block(1, &long_title), block(3, &paragraph(2_000))]).len(), 1);
        assert_eq!(cut("text", vec![block(1, &paragraph(500)), block(3, &paragraph(500))]).len(), 2);
    }

    #[test]
    fn short_neighbours_are_packed_with_their_gaps() {
        let items: Vec<Block> = (0..40).map(|i| block(1 + 2 * i, &format!("- item number {i} of the list"))).collect();
        let found = cut("markdown", items);
        assert!(found.len() > 1 && found.iter().all(|c| c.text.len() <= PACKED), "{}", found.len());
        for c in &found {
            let n: u32 = c.text.split_whitespace().nth(3).and_then(|w| w.parse().ok()).unwrap_or(u32::MAX);
            assert_eq!(c.line, 1 + 2 * n);
            assert_eq!(newlines(&c.text) % 2, 0);
        }
    }

    #[test]
    fn pages_are_not_mixed() {
        let on = |page, line| Block { page: Some(page), ..block(line, "short") };
        let found = cut("pdf", vec![on(1, 1), on(2, 1)]);
        assert_eq!(found.iter().map(|c| c.page).collect::<Vec<_>>(), [Some(1), Some(2)]);
    }

    #[test]
    fn passages_know_their_cells_parts_and_names() {
        let row = |line: u32, from: &str, to: &str| Block {
            part: Some("Costs".into()),
            span: Some((from.into(), to.into())),
            ..block(line, "Item: paint; Price: 12")
        };
        let found = cut("spreadsheet", vec![row(1, "B3", "C3"), row(2, "A4", "AB4"), row(3, "B5", "D5")]);
        assert_eq!(found.iter().map(|c| c.place.as_deref()).collect::<Vec<_>>(), [Some("Costs!A3:AB5")]);
        let of = |part: &str| Block { part: Some(part.into()), ..block(1, "short") };
        let found = cut("mail", vec![block(1, "short"), of("menu.txt"), of("menu.txt"), of("map.pdf")]);
        assert_eq!(
            found.iter().map(|c| c.place.as_deref()).collect::<Vec<_>>(),
            [None, Some("menu.txt"), Some("map.pdf")]
        );
        let function = |line, name: &str| Block { span: Some((name.into(), name.into())), ..block(line, "x = 1") };
        let found = cut("code", vec![function(1, "fn a"), function(3, "fn b")]);
        assert_eq!(found[0].place.as_deref(), Some("fn a – fn b"));
    }

    #[test]
    fn long_paragraphs_split_at_sentence_ends_with_their_lines() {
        let text = (0..100).map(|i| format!("Sentence number {i} is standing on its line here.")).collect::<Vec<_>>();
        let found = cut("text", vec![block(10, &text.join("\n"))]);
        assert!(found.len() >= 3);
        for c in &found {
            assert!(c.text.len() <= WHOLE && c.text.ends_with('.'), "{}", c.text.len());
            let n: u32 = c.text.split(' ').nth(2).and_then(|w| w.parse().ok()).unwrap_or(u32::MAX);
            assert_eq!(c.line, 10 + n);
        }
    }

    #[test]
    fn headings_nest_and_a_lonely_one_is_kept() {
        let found = cut(
            "markdown",
            vec![heading(1, "# War"), heading(3, "## Causes"), block(5, &paragraph(300)), heading(9, "## End")],
        );
        assert_eq!(found[0].heading, "War › Causes");
        assert_eq!((found[1].text.as_str(), found[1].heading.as_str(), found[1].line), ("End", "War", 9));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn headings_without_marks_stand_under_the_first() {
        let found = cut(
            "docx",
            vec![heading(1, "Report"), heading(2, "Costs"), block(3, "much"), heading(4, "Staff"), block(5, "few")],
        );
        assert_eq!(found.iter().map(|c| c.heading.as_str()).collect::<Vec<_>>(), ["Report › Costs", "Report › Staff"]);
    }

    #[test]
    fn a_document_of_headings_only_is_findable() {
        let found = cut("markdown", vec![heading(1, "Alpha"), heading(2, "Beta"), heading(3, "Gamma")]);
        let all: String = found.iter().map(|c| format!("{} {} ", c.heading, c.text)).collect();
        assert!(["Alpha", "Beta", "Gamma"].iter().all(|w| all.contains(w)), "{all}");
    }

    #[test]
    fn code_is_cut_by_lines() {
        let source = (0..200).map(|i| format!("    let value_{i} = compute({i});")).collect::<Vec<_>>().join("\n");
        let found = cut("code", vec![block(1, &source)]);
        assert!(found.len() > 3);
        for c in &found {
            assert!(c.text.len() <= CODE && c.text.trim_start().starts_with("let"));
            let n: u32 = c.text.trim_start()[10..].split(' ').next().and_then(|w| w.parse().ok()).unwrap_or(u32::MAX);
            assert_eq!(c.line, 1 + n);
        }
    }

    #[test]
    fn nothing_is_lost_from_text_without_spaces() {
        let found = cut("text", vec![block(1, &"x".repeat(10_000))]);
        assert_eq!(found.iter().map(|c| c.text.len()).sum::<usize>(), 10_000);
        assert!(cut("text", vec![block(1, "  \n ")]).is_empty());
        let code = cut("code", vec![block(1, &"é".repeat(5_000))]);
        assert_eq!(code.iter().map(|c| c.text.len()).sum::<usize>(), 10_000);
    }

    #[test]
    fn windows_cover_the_passage() {
        assert_eq!(windows(&paragraph(900)).len(), 1);
        let long = paragraph(2_400);
        let parts = windows(&long);
        assert!(parts.len() >= 2 && parts.iter().all(|w| w.len() <= WINDOW));
        assert_eq!(parts.iter().map(|w| w.split_whitespace().count()).sum::<usize>(), long.split_whitespace().count());
    }
}
