//! Small files that unpack to far too much, and files that hold no text at all.

use super::Dice;
use super::seeds::{epub, zipped};
use anyhow::Result;
use flate2::{Compression, write::GzEncoder};
use std::io::{self, Read};

/// Gzip around what is read.
pub fn gzipped(from: &mut impl Read) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    io::copy(from, &mut encoder)?;
    Ok(encoder.finish()?)
}

/// The header of a tar entry.
pub fn tar_header(name: &str, size: u64) -> [u8; 512] {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[156] = b'0';
    header[257..262].copy_from_slice(b"ustar");
    header
}

/// Nothing can be read out of any of these.
pub fn all() -> Result<Vec<(String, Vec<u8>)>> {
    let blanks = vec![b' '; 66 << 20];
    let entry = &blanks[..60 << 20];
    let many: Vec<String> = (0..10_001).map(|n| format!("word/{n}.xml")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let sheets: Vec<String> = (0..4).map(|n| format!("xl/worksheets/sheet{n}.xml")).collect();
    let sheets: Vec<(&str, &[u8])> = sheets.iter().map(|name| (name.as_str(), entry)).collect();
    let mut found: Vec<(String, Vec<u8>)> = vec![
        ("bomb.docx".into(), zipped(&[("word/document.xml", &blanks)])?),
        ("bomb.odt".into(), zipped(&[("content.xml", &blanks)])?),
        ("bomb.odp".into(), zipped(&[("content.xml", &blanks)])?),
        ("bomb.pptx".into(), zipped(&[("ppt/presentation.xml", &blanks)])?),
        ("bomb.epub".into(), epub(&[&blanks])?),
        ("bomb-spread.xlsx".into(), zipped(&sheets)?),
        ("bomb-many.docx".into(), zipped(&many)?),
        // No tar header is in it, however long one looks.
        ("bomb.tar.gz".into(), gzipped(&mut io::repeat(0).take(400 << 20))?),
        ("blank.pdf".into(), super::seeds::pdf("BT ET")),
        ("nul.txt".into(), vec![0; 100_000]),
        ("nul-inside.md".into(), b"words\0and\0more\0words".repeat(500)),
        ("not.docx".into(), b"this is no archive".to_vec()),
        ("not.pdf".into(), b"%PDF-1.7\n".to_vec()),
        ("empty.pdf".into(), Vec::new()),
        ("not.epub".into(), zipped(&[("mimetype", b"application/epub+zip")])?),
        ("not.pptx".into(), zipped(&[("ppt/presentation.xml", b"<p:presentation>")])?),
        ("not.xlsx".into(), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 not really".to_vec()),
        ("not.rtf".into(), b"{\\rt".to_vec()),
        ("not.mbox".into(), b"no line begins as it should".to_vec()),
    ];
    let mut dice = Dice::new(77);
    for name in ["txt", "md", "csv", "html", "json", "srt", "rtf", "pdf", "zip", "jpg", "mp3", "eml", "ics", "epub"] {
        let noise = |dice: &mut Dice| -> Vec<u8> { (0..5000).map(|_| dice.below(256) as u8).collect() };
        found.push((format!("noise.{name}"), noise(&mut dice)));
        // The mark of UTF-16, and nothing of the kind behind it.
        found.push((format!("noise-marked.{name}"), [b"\xff\xfe".to_vec(), noise(&mut dice)].concat()));
    }
    let samples: Vec<u8> = (0..8000_u32).flat_map(|n| ((n * n % 251) as u16).to_le_bytes()).collect();
    found.push(("samples.txt".into(), samples));
    Ok(found)
}
