//! What the fuzz targets have in common: data on its way into a parser.
//!
//! A panic that the extract host would turn into a reply counts as found here, since `catch_unwind` does not stop
//! libFuzzer's own hook.

use hob_link::extract::{ExtractReply, ExtractRequest};
use hob_link::wire::{FromHost, ToHost, read_frame};
use std::io::{Cursor, Write};
use std::path::Path;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Text asked for, in bytes.
const MAX_TEXT: u64 = 1 << 20;

/// A file of this name that holds the data.
pub fn extract(name: &str, data: &[u8]) {
    let reply = hob_extract_host::extract_bytes(Path::new(name), data, MAX_TEXT);
    match reply {
        ExtractReply::Document(document) => {
            let text: usize = document.blocks.iter().map(|block| block.text.len()).sum();
            assert!(text as u64 <= MAX_TEXT && document.blocks.iter().all(|block| block.line > 0));
        }
        ExtractReply::Skipped { reason } => assert!(!reason.is_empty() && !reason.contains('\n')),
    }
}

/// An office file in which one part is the data.
pub fn office(name: &str, part: &str, data: &[u8]) {
    extract(name, &zipped(&[(part, data)]));
}

/// A presentation whose only slide is the data.
pub fn slide(data: &[u8]) {
    let order = b"<p:presentation><p:sldId id=\"1\" r:id=\"r1\"/></p:presentation>";
    let relations = b"<Relationships><Relationship Id=\"r1\" Type=\"x/slide\" Target=\"s.xml\"/></Relationships>";
    let entries: [(&str, &[u8]); 3] =
        [("ppt/presentation.xml", order), ("ppt/_rels/presentation.xml.rels", relations), ("ppt/s.xml", data)];
    extract("a.pptx", &zipped(&entries));
}

/// A book whose package is the data, and whose chapter is too.
pub fn book(data: &[u8]) {
    let container = b"<container><rootfile full-path=\"b.opf\"/></container>";
    extract("a.epub", &zipped(&[("META-INF/container.xml", container), ("b.opf", data), ("c.xhtml", data)]));
}

/// Bytes at both ends of the wire.
pub fn frames(data: &[u8]) {
    let mut from = data;
    while let Ok(Some(_)) = read_frame::<ToHost<ExtractRequest>>(&mut from) {}
    let mut from = data;
    while let Ok(Some(_)) = read_frame::<FromHost<ExtractReply>>(&mut from) {}
}

/// A model file's header.
pub fn gguf(data: &[u8]) {
    let _refused_or_not = hob_engine::gguf::read_from(Cursor::new(data), data.len() as u64).is_ok();
}

/// A skill's manifest, and JSON in pieces.
pub fn texts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _manifest = hob_sdk::manifest::Manifest::parse(&text, "skill.toml").is_ok();
    let mut partial = hob_sdk::partial_json::Partial::default();
    for piece in text.split_inclusive(|c: char| c.is_ascii_punctuation()) {
        if partial.push(piece).is_err() {
            return;
        }
        let _so_far = partial.value();
    }
}

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).expect("an entry");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("a zip file").into_inner()
}
