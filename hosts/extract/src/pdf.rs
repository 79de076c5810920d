//! PDF, page by page, so that a page which breaks the parser costs that page alone.

use crate::draft::Draft;
use crate::error::Skip;
use pdf_extract::{ConvertToFmt, Dictionary, Document, Object, PlainTextOutput, decode_text_string, output_doc_page};
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Pages after this time are left out and the document counts as cut.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where a PDF's header must stand, in bytes.
const HEADER_WITHIN: usize = 1024;

/// Reads a PDF.
pub fn extract(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    if !bytes[..bytes.len().min(HEADER_WITHIN)].windows(5).any(|w| w == b"%PDF-") {
        return Err(Skip::broken("PDF", "it has no PDF header"));
    }
    let document = Document::load_mem(bytes).map_err(|e| Skip::broken("PDF", e))?;
    // Loading already tried the empty password.
    if document.is_encrypted() {
        return Err(Skip::Encrypted("PDF"));
    }
    information(&document, draft);
    let (started, pages) = (Instant::now(), document.get_pages());
    let mut broken = 0;
    for number in pages.keys() {
        if draft.is_full() {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            draft.cut_short();
            break;
        }
        match page(&document, *number, draft.room()) {
            Some(text) => paragraphs(&text, *number, draft),
            None => broken += 1,
        }
    }
    match (draft.is_empty(), pages.len()) {
        (true, 0) => Err(Skip::broken("PDF", "it has no pages")),
        (true, all) if broken == all => Err(Skip::broken("PDF", "none of its pages could be read")),
        (true, _) => Err(Skip::NoText("the PDF has no text; its pages are probably scanned pictures".into())),
        _ => Ok(()),
    }
}

/// One page's text; `None` when the parser failed on it before any text came.
fn page(document: &Document, number: u32, room: usize) -> Option<String> {
    let mut text = Bounded { text: String::new(), room: room.saturating_add(1) };
    let done =
        catch_unwind(AssertUnwindSafe(|| output_doc_page(document, &mut PlainTextOutput::new(&mut text), number)));
    match done {
        Ok(Ok(())) => Some(text.text),
        Ok(Err(error)) => {
            tracing::debug!(number, %error, "a PDF page broke off");
            Some(text.text).filter(|text| !text.is_empty())
        }
        // The quiet hook has logged it.
        Err(_) => Some(text.text).filter(|text| !text.is_empty()),
    }
}

/// Takes text up to a limit, then refuses: a small file may draw the same form for ever.
struct Bounded {
    text: String,
    room: usize,
}

impl Write for &mut Bounded {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.room = self.room.checked_sub(s.len()).ok_or(fmt::Error)?;
        self.text.push_str(s);
        Ok(())
    }
}

impl<'a> ConvertToFmt for &'a mut Bounded {
    type Writer = &'a mut Bounded;
    fn convert(self) -> Self::Writer {
        self
    }
}

fn paragraphs(text: &str, page: u32, draft: &mut Draft) {
    let mut whole: Vec<String> = Vec::new();
    for paragraph in tidy(text).split("\n\n").map(str::trim).filter(|p| !p.is_empty()) {
        match whole.last_mut() {
            // Generous line spacing looks like a paragraph's end to the parser.
            Some(last) if goes_on(last, paragraph) => {
                last.push('\n');
                last.push_str(paragraph);
            }
            _ => whole.push(paragraph.to_string()),
        }
    }
    for paragraph in &whole {
        draft.counted(paragraph, Some(page), false);
    }
}

/// A sentence that has not ended, and a piece that does not begin one.
fn goes_on(last: &str, next: &str) -> bool {
    let ended = last.ends_with(['.', '!', '?', ':', '。', '！', '？', '"', '”']);
    !ended && next.starts_with(char::is_lowercase)
}

/// Ligatures resolved, lines trimmed, words that were hyphenated at a line's end joined.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines().map(str::trim) {
        let line: String = line.chars().filter(|c| !c.is_control() && *c != '\u{ad}').collect();
        let line = without_leaders(&line);
        let mut line = line.as_str();
        let hyphenated = out.strip_suffix("-\n").is_some_and(|before| before.ends_with(char::is_alphabetic));
        if hyphenated && line.starts_with(char::is_lowercase) {
            let word = line.find(char::is_whitespace).unwrap_or(line.len());
            out.truncate(out.len() - 2);
            push_plain(&mut out, &line[..word]);
            out.push('\n');
            line = line[word..].trim_start();
            if line.is_empty() {
                continue;
            }
        }
        push_plain(&mut out, line);
        out.push('\n');
    }
    out
}

/// The dots between an entry of a table of contents and its page number.
fn without_leaders(line: &str) -> String {
    let Some(start) = line.find(". . . .").or_else(|| line.find(".....")) else { return line.to_string() };
    let rest = line[start..].trim_start_matches(['.', ' ']);
    format!("{} {rest}", line[..start].trim_end()).trim().to_string()
}

fn push_plain(out: &mut String, line: &str) {
    for c in line.chars() {
        match c {
            'ﬀ' => out.push_str("ff"),
            'ﬁ' => out.push_str("fi"),
            'ﬂ' => out.push_str("fl"),
            'ﬃ' => out.push_str("ffi"),
            'ﬄ' => out.push_str("ffl"),
            '\u{a0}' => out.push(' '),
            c => out.push(c),
        }
    }
}

/// Title, author and date, where the writer set them.
fn information(document: &Document, draft: &mut Draft) {
    let Some(info) = info_dictionary(document) else { return };
    let get = |key: &[u8]| info.get(key).ok().and_then(|value| decode(document, value));
    if let Some(title) = get(b"Title").filter(|title| is_title(title)) {
        draft.title(&title);
    }
    if let Some(author) = get(b"Author") {
        draft.author(&author);
    }
    // "D:20260314120000+01'00'"
    let created = get(b"CreationDate").and_then(|date| crate::dates::parse_day(date.strip_prefix("D:")?.get(..8)?));
    if let Some(day) = created {
        draft.date(&day.to_string());
    }
}

fn info_dictionary(document: &Document) -> Option<&Dictionary> {
    match document.trailer.get(b"Info").ok()? {
        Object::Reference(id) => document.get_dictionary(*id).ok(),
        Object::Dictionary(info) => Some(info),
        _ => None,
    }
}

fn decode(document: &Document, value: &Object) -> Option<String> {
    let value = document.dereference(value).ok()?.1;
    decode_text_string(value).ok().map(|text| text.trim().to_string())
}

/// Print drivers put file names there.
fn is_title(title: &str) -> bool {
    let lower = title.to_lowercase();
    let file_like =
        [".doc", ".docx", ".odt", ".tex", ".dvi", ".indd", ".pdf", ".html"].iter().any(|e| lower.ends_with(e));
    !(lower.is_empty() || file_like || lower.starts_with("untitled") || lower.starts_with("microsoft word"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyphens_and_ligatures_are_resolved_and_lines_stay() {
        assert_eq!(tidy("the exam-\nple of a ﬁne\nself-\nMade \u{ad}end"), "the example\nof a fine\nself-\nMade end\n");
    }

    #[test]
    fn leaders_in_a_table_of_contents_are_dropped() {
        assert_eq!(
            tidy("2.1 Syntax. . . . . . . 12\nEnd ..... 3\nWait... what\n"),
            "2.1 Syntax 12\nEnd 3\nWait... what\n"
        );
    }

    #[test]
    fn sentences_torn_by_line_spacing_are_joined() {
        let mut draft = Draft::new("pdf", 1000);
        paragraphs("One sentence\n\nthat goes on.\n\nAnother.", 3, &mut draft);
        let doc = draft.finish();
        let shape: Vec<_> = doc.blocks.iter().map(|b| (b.line, b.page, b.text.as_str())).collect();
        assert_eq!(shape, [(1, Some(3), "One sentence\nthat goes on."), (3, Some(3), "Another.")]);
    }
}
