//! Office Open XML presentations (.pptx): slide by slide, each slide's title as its heading, its notes after it.

use crate::archive::Archive;
use crate::draft::Draft;
use crate::error::Skip;
use crate::xml::{Piece, attribute, walk};
use std::collections::HashMap;

const WHAT: &str = "PowerPoint file";
/// Slides read; more of them are no talk.
const MAX_SLIDES: usize = 2000;

/// Reads a .pptx file.
pub fn extract(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    let mut archive = Archive::open(bytes, WHAT)?;
    crate::docx::properties(&mut archive, draft)?;
    let order = archive.required("ppt/presentation.xml")?;
    let targets = relations(&mut archive, "ppt/_rels/presentation.xml.rels", "slide")?;
    let mut slides = Vec::new();
    walk(&order, WHAT, |piece| {
        if let Piece::Start("sldId", tag) = piece {
            // "id" is a number of the slide's own; the relation is "r:id".
            slides.extend(prefixed_id(tag).and_then(|id| targets.get(&id).cloned()));
        }
        slides.len() < MAX_SLIDES
    })?;
    for (slide, number) in slides.iter().zip(1..) {
        let path = inside("ppt", slide);
        let Some(text) = archive.text(&path)? else { continue };
        shapes(&text, number, false, draft)?;
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let notes = relations(&mut archive, &format!("{folder}/_rels/{name}.rels"), "notesSlide")?;
        for target in notes.values() {
            if let Some(text) = archive.text(&inside(folder, target))? {
                shapes(&text, number, true, draft)?;
            }
        }
        if draft.is_full() {
            break;
        }
    }
    if draft.is_empty() { Err(Skip::NoText("the presentation has no text".into())) } else { Ok(()) }
}

/// The targets of the relations of one type, by their ids.
fn relations(archive: &mut Archive<'_>, path: &str, kind: &str) -> Result<HashMap<String, String>, Skip> {
    let mut found = HashMap::new();
    let Some(text) = archive.text(path)? else { return Ok(found) };
    walk(&text, WHAT, |piece| {
        if let Piece::Start("Relationship", tag) = piece
            && attribute(tag, "Type").is_some_and(|of| of.rsplit('/').next() == Some(kind))
            && let (Some(id), Some(target)) = (attribute(tag, "Id"), attribute(tag, "Target"))
        {
            found.insert(id, target);
        }
        true
    })?;
    Ok(found)
}

fn prefixed_id(tag: &quick_xml::events::BytesStart<'_>) -> Option<String> {
    for found in tag.attributes().with_checks(false).flatten() {
        if found.key.prefix().is_some() && found.key.local_name().as_ref() == "id" {
            return Some(found.value.to_string());
        }
    }
    None
}

/// A relation's target, which is relative to the folder of the part that names it.
pub fn inside(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.into();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The paragraphs of a slide's shapes, or of its notes.
fn shapes(xml: &str, number: u32, notes: bool, draft: &mut Draft) -> Result<(), Skip> {
    let (mut text, mut title, mut field, mut in_text) = (String::new(), false, false, false);
    walk(xml, WHAT, |piece| {
        match piece {
            Piece::Start("sp", _) | Piece::End("sp") => (title, field) = (false, false),
            Piece::Start("ph", tag) => match attribute(tag, "type").as_deref() {
                Some("title" | "ctrTitle") => title = !notes,
                // The slide's number, date and footer say nothing, and notes repeat them.
                Some("sldNum" | "dt" | "ftr" | "hdr") => field = true,
                _ => {}
            },
            Piece::Start("p", _) => text.clear(),
            Piece::Start("t", _) => in_text = true,
            Piece::End("t") => in_text = false,
            Piece::Text(piece) if in_text => text.push_str(&piece),
            Piece::Start("br", _) => text.push('\n'),
            Piece::End("p") if !field => {
                let text = text.trim();
                if title && !text.is_empty() {
                    draft.title(text);
                }
                draft.counted(text, Some(number), title);
            }
            _ => {}
        }
        !draft.is_full()
    })
}
