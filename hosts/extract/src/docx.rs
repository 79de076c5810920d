//! Office Open XML text (.docx): paragraphs, headings by style, tables, notes.

use crate::archive::Archive;
use crate::draft::Draft;
use crate::error::Skip;
use crate::flow::Flow;
use crate::xml::{Piece, attribute, walk};
use std::collections::HashSet;

const WHAT: &str = "Word document";

/// Reads a .docx file.
pub fn extract(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    let mut archive = Archive::open(bytes, WHAT)?;
    properties(&mut archive, draft)?;
    let headings = heading_styles(&archive.text("word/styles.xml")?.unwrap_or_default())?;
    let body = archive.required("word/document.xml")?;
    part(&body, &headings, draft)?;
    for notes in ["word/footnotes.xml", "word/endnotes.xml", "word/comments.xml"] {
        if let Some(notes) = archive.text(notes)? {
            part(&notes, &headings, draft)?;
        }
    }
    if draft.is_empty() { Err(Skip::NoText("the document has no text".into())) } else { Ok(()) }
}

/// Title, author and date of any Office Open XML file.
pub fn properties(archive: &mut Archive<'_>, draft: &mut Draft) -> Result<(), Skip> {
    let Some(core) = archive.text("docProps/core.xml")? else { return Ok(()) };
    let (mut value, mut created, mut modified) = (String::new(), String::new(), String::new());
    walk(&core, "Office file", |piece| {
        match piece {
            Piece::Start(..) => value.clear(),
            Piece::Text(text) => value.push_str(&text),
            Piece::End("title") => draft.title(&value),
            Piece::End("creator") => draft.author(&value),
            Piece::End("created") => created = std::mem::take(&mut value),
            Piece::End("modified") => modified = std::mem::take(&mut value),
            Piece::End(_) => {}
        }
        true
    })?;
    draft.date(&modified);
    draft.date(&created);
    Ok(())
}

/// The ids of the styles that make a heading; ids are translated, names are not.
fn heading_styles(styles: &str) -> Result<HashSet<String>, Skip> {
    let mut found = HashSet::new();
    let mut current = String::new();
    walk(styles, WHAT, |piece| {
        match piece {
            Piece::Start("style", tag) => current = attribute(tag, "styleId").unwrap_or_default(),
            Piece::Start("name", tag) => {
                let name = attribute(tag, "val").unwrap_or_default().to_lowercase();
                if name.starts_with("heading") || name == "title" {
                    found.insert(current.clone());
                }
            }
            Piece::Start("outlineLvl", tag) if is_outline(attribute(tag, "val")) => {
                found.insert(current.clone());
            }
            _ => {}
        }
        true
    })?;
    Ok(found)
}

/// Level 9 means body text.
fn is_outline(level: Option<String>) -> bool {
    level.and_then(|l| l.parse::<u32>().ok()).is_some_and(|l| l < 9)
}

fn is_heading(style: Option<String>, headings: &HashSet<String>) -> bool {
    // Documents without a style sheet still use the usual ids.
    style.is_some_and(|id| headings.contains(&id) || id.starts_with("Heading") || id == "Title")
}

fn part(xml: &str, headings: &HashSet<String>, draft: &mut Draft) -> Result<(), Skip> {
    let mut title = None;
    let mut flow = Flow::new(draft);
    let mut in_text = false;
    // Inside an alternative for programs that don't know the first choice.
    let mut fallback = 0_u32;
    walk(xml, WHAT, |piece| {
        match piece {
            Piece::Start("Fallback", _) => fallback += 1,
            Piece::End("Fallback") => fallback = fallback.saturating_sub(1),
            _ if fallback > 0 => {}
            Piece::Start("p", _) => flow.begin_paragraph(false),
            Piece::End("p") => {
                let heading = flow.end_paragraph();
                title = title.take().or(heading);
            }
            Piece::Start("pStyle", tag) if is_heading(attribute(tag, "val"), headings) => flow.make_heading(),
            Piece::Start("outlineLvl", tag) if is_outline(attribute(tag, "val")) => flow.make_heading(),
            Piece::Start("t", _) => in_text = true,
            Piece::End("t") => in_text = false,
            Piece::Text(text) if in_text => flow.text(&text),
            // Tab stops are defined by empty elements of the same name, outside of runs.
            Piece::Start("tab", tag) if attribute(tag, "pos").is_none() => flow.text("\t"),
            Piece::Start("br" | "cr", _) => flow.text("\n"),
            Piece::Start("noBreakHyphen", _) => flow.text("-"),
            Piece::Start("tbl", _) => flow.begin_table(""),
            Piece::Start("tr", _) => flow.begin_row(),
            Piece::Start("tc", _) => flow.begin_cell(),
            Piece::End("tc") => flow.end_cell(1),
            Piece::End("tr") => flow.end_row(1),
            Piece::End("tbl") => flow.end_table(),
            _ => {}
        }
        !flow.is_full()
    })?;
    drop(flow);
    if let Some(title) = title {
        draft.title(&title);
    }
    Ok(())
}
