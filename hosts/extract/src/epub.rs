//! Electronic books (EPUB): the chapters in reading order, each named by its file in the book.

use crate::archive::Archive;
use crate::draft::Draft;
use crate::error::Skip;
use crate::pptx::inside;
use crate::xml::{Piece, attribute, walk};
use crate::{charset, html};
use std::borrow::Cow;
use std::collections::HashMap;

const WHAT: &str = "electronic book";
/// Chapters read.
const MAX_CHAPTERS: usize = 5000;

/// Reads an .epub file.
pub fn extract(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    let mut archive = Archive::open(bytes, WHAT)?;
    if archive.text("META-INF/encryption.xml")?.is_some_and(|e| e.contains("EncryptedData") && !is_fonts_only(&e)) {
        return Err(Skip::Encrypted(WHAT));
    }
    let container = archive.required("META-INF/container.xml")?;
    let mut package = None;
    walk(&container, WHAT, |piece| {
        if let Piece::Start("rootfile", tag) = piece {
            package = attribute(tag, "full-path");
        }
        package.is_none()
    })?;
    let path = package.ok_or_else(|| Skip::broken(WHAT, "its container names no content"))?;
    let package = archive.required(&path)?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for chapter in chapters(&package, draft)? {
        let name = inside(folder, &percent_decoded(&chapter));
        let Some(text) = archive.text(&name)? else { continue };
        let mut own = draft.part();
        html::extract(&charset::tidy(Cow::Borrowed(&text)), &mut own);
        let own = own.finish();
        draft.enter(Some(&name));
        for block in &own.blocks {
            draft.recounted(block);
        }
        if draft.is_full() {
            break;
        }
    }
    draft.enter(None);
    if draft.is_empty() { Err(Skip::NoText("the book has no text".into())) } else { Ok(()) }
}

/// Scrambled fonts are no protection of the text.
fn is_fonts_only(encryption: &str) -> bool {
    let all = encryption.matches("CipherReference").count();
    let fonts: usize = [".ttf", ".otf", ".woff"].iter().map(|end| encryption.matches(end).count()).sum();
    fonts > 0 && fonts >= all
}

/// Takes in what the package says of the book; gives the chapters' files in reading order.
fn chapters(package: &str, draft: &mut Draft) -> Result<Vec<String>, Skip> {
    let (mut value, mut files, mut order) = (String::new(), HashMap::new(), Vec::new());
    walk(package, WHAT, |piece| {
        match piece {
            Piece::Start("item", tag) => {
                if let (Some(id), Some(file)) = (attribute(tag, "id"), attribute(tag, "href")) {
                    files.insert(id, file);
                }
            }
            Piece::Start("itemref", tag) => order.extend(attribute(tag, "idref")),
            Piece::Start(..) => value.clear(),
            Piece::Text(text) => value.push_str(&text),
            Piece::End("title") => draft.title(&value),
            Piece::End("creator") => draft.author(&value),
            Piece::End("date") => draft.date(&value),
            Piece::End(_) => {}
        }
        order.len() < MAX_CHAPTERS
    })?;
    Ok(order.iter().filter_map(|id| files.get(id).cloned()).collect())
}

fn percent_decoded(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let coded = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match coded.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
