//! OpenDocument text (.odt), spreadsheets (.ods) and presentations (.odp): the same vocabulary, read as one stream.

use crate::archive::Archive;
use crate::draft::Draft;
use crate::error::Skip;
use crate::flow::Flow;
use crate::xml::{Piece, attribute, walk};
use quick_xml::events::BytesStart;

/// Reads an .odt file.
pub fn text(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    extract(bytes, "OpenDocument text", draft)
}

/// Reads an .ods file.
pub fn spreadsheet(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    extract(bytes, "OpenDocument spreadsheet", draft)
}

/// Reads an .odp file.
pub fn presentation(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    extract(bytes, "OpenDocument presentation", draft)
}

fn extract(bytes: &[u8], what: &'static str, draft: &mut Draft) -> Result<(), Skip> {
    let mut archive = Archive::open(bytes, what)?;
    if archive.text("META-INF/manifest.xml")?.is_some_and(|manifest| manifest.contains("encryption-data")) {
        return Err(Skip::Encrypted(what));
    }
    if let Some(meta) = archive.text("meta.xml")? {
        properties(&meta, what, draft)?;
    }
    let content = archive.required("content.xml")?;
    let title = body(&content, what, draft)?;
    if let Some(title) = title {
        draft.title(&title);
    }
    if draft.is_empty() { Err(Skip::NoText(format!("the {what} is empty"))) } else { Ok(()) }
}

fn properties(meta: &str, what: &'static str, draft: &mut Draft) -> Result<(), Skip> {
    let (mut value, mut created) = (String::new(), String::new());
    walk(meta, what, |piece| {
        match piece {
            Piece::Start(..) => value.clear(),
            Piece::Text(text) => value.push_str(&text),
            Piece::End("title") => draft.title(&value),
            Piece::End("creator" | "initial-creator") => draft.author(&value),
            Piece::End("date") => draft.date(&value),
            Piece::End("creation-date") => created = std::mem::take(&mut value),
            Piece::End(_) => {}
        }
        true
    })?;
    draft.date(&created);
    Ok(())
}

/// Reads the content; gives its first heading.
fn body(xml: &str, what: &'static str, draft: &mut Draft) -> Result<Option<String>, Skip> {
    let mut title = None;
    let mut flow = Flow::new(draft);
    // What is not part of the text: changes that were undone, comments, notes' numbers.
    let mut dropped: Option<(String, u32)> = None;
    let mut repeated = 1;
    let mut rows = 1;
    let (mut slide, mut title_frame) = (0, false);
    walk(xml, what, |piece| {
        if let Some((name, depth)) = &mut dropped {
            match piece {
                Piece::Start(start, _) if start == name => *depth += 1,
                Piece::End(end) if end == name => *depth -= 1,
                _ => {}
            }
            if *depth == 0 {
                dropped = None;
            }
            return true;
        }
        match piece {
            Piece::Start(name @ ("tracked-changes" | "annotation" | "note-citation" | "forms"), _) => {
                dropped = Some((name.into(), 1));
            }
            // A text's body has no pages of its own here; a presentation's slides are pages.
            Piece::Start("page", _) => {
                slide += 1;
                flow.turn_to(slide);
            }
            Piece::Start("frame", tag) => title_frame = attribute(tag, "class").is_some_and(|class| class == "title"),
            Piece::End("frame") => title_frame = false,
            Piece::Start("p", _) => flow.begin_paragraph(title_frame),
            Piece::Start("h", _) => flow.begin_paragraph(true),
            Piece::End("p" | "h") => {
                let heading = flow.end_paragraph();
                title = title.take().or(heading);
            }
            Piece::Text(text) => flow.text(&folded(&text)),
            Piece::Start("s", tag) => flow.text(&" ".repeat(number(tag, "c").clamp(1, 20))),
            Piece::Start("tab", _) => flow.text("\t"),
            Piece::Start("line-break", _) => flow.text("\n"),
            Piece::Start("table", tag) => {
                flow.begin_table(&attribute(tag, "name").filter(|_| is_sheet(what)).unwrap_or_default())
            }
            Piece::Start("table-row", tag) => {
                rows = number(tag, "number-rows-repeated");
                flow.begin_row();
            }
            Piece::Start("table-cell" | "covered-table-cell", tag) => {
                repeated = number(tag, "number-columns-repeated");
                flow.begin_cell();
            }
            Piece::End("table-cell" | "covered-table-cell") => flow.end_cell(std::mem::replace(&mut repeated, 1)),
            Piece::End("table-row") => flow.end_row(std::mem::replace(&mut rows, 1)),
            Piece::End("table") => flow.end_table(),
            _ => {}
        }
        !flow.is_full()
    })?;
    Ok(title)
}

/// Only a spreadsheet's tables have names that people gave them.
fn is_sheet(what: &str) -> bool {
    what.ends_with("spreadsheet")
}

fn number(tag: &BytesStart<'_>, name: &str) -> usize {
    attribute(tag, name).and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// White space in the file is layout of the XML; every run of it is one space.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    out
}
