//! Formats whose places are no lines: each block says where in the file it stands.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Folder, media, ods, office, xlsx, zipped};
use hob_link::extract::{Block, Document};

/// Page, part, first and last place in it, text.
type Place<'d> = (Option<u32>, Option<&'d str>, Option<(&'d str, &'d str)>, &'d str);

fn place(block: &Block) -> Place<'_> {
    let span = block.span.as_ref().map(|(from, to)| (from.as_str(), to.as_str()));
    (block.page, block.part.as_deref(), span, block.text.as_str())
}

fn places(document: &Document) -> Vec<Place<'_>> {
    document.blocks.iter().map(place).collect()
}

fn read(name: &str, bytes: impl AsRef<[u8]>) -> Document {
    Folder::new().document(name, bytes)
}

#[test]
fn presentations_by_slide() {
    let doc = read("a.pptx", office::pptx());
    assert_eq!((doc.kind.as_str(), doc.title.as_deref()), ("presentation", Some("Garden plan")));
    let on = |page, text| (Some(page), None, None, text);
    let expected =
        [on(1, "Garden plan"), on(1, "Bed"), on(2, "Harvest"), on(2, "Tomatoes & beans"), on(2, "Mention the rain.")];
    assert_eq!(places(&doc), expected);
    assert_eq!(doc.blocks.iter().map(|b| b.heading).collect::<Vec<_>>(), [true, false, true, false, false]);
    let doc = read("a.odp", office::odp());
    assert_eq!(places(&doc), [on(1, "Harvest"), on(1, "Beans"), on(2, "Thank you")]);
    assert_eq!((doc.title.as_deref(), doc.blocks[0].heading), (Some("Harvest"), true));
}

#[test]
fn spreadsheets_by_cell() {
    let doc = read("a.xlsx", xlsx());
    let at = |from, to, text| (None, Some("Chores"), Some((from, to)), text);
    let rows = [at("A3", "C3", "Chore: Windows; Due: 2026-03-14; Done: yes"), at("A4", "C4", "Chore: 12.5; Done: no")];
    assert_eq!(places(&doc)[1..], rows);
    let doc = read("a.ods", ods());
    assert_eq!(places(&doc)[1], (None, Some("Plants"), Some(("A2", "C2")), "Plant: Fern; Water: daily"));
}

#[test]
fn books_by_chapter() {
    let doc = read("a.epub", office::epub());
    assert_eq!((doc.kind.as_str(), doc.title.as_deref()), ("book", Some("The Lighthouse")));
    assert_eq!((doc.author.as_deref(), doc.date.as_deref()), (Some("Ana Silva"), Some("2020-05-06")));
    let expected = [
        (None, Some("OEBPS/text/ch1.xhtml"), None, "Arrival"),
        (None, Some("OEBPS/text/ch1.xhtml"), None, "The boat came at dusk."),
        (None, Some("OEBPS/text/ch 2.xhtml"), None, "The lamp went out."),
    ];
    assert_eq!(places(&doc), expected);
}

#[test]
fn mail_folders_by_message_with_exact_lines() {
    let text = office::mbox();
    let doc = read("a.mbox", &text);
    assert_eq!(doc.kind, "mail");
    let lines: Vec<&str> = text.lines().collect();
    for (words, part) in [("At eight.", "message 1"), ("At noon.", "message 2"), (">From the market.", "message 2")] {
        let block = doc.blocks.iter().find(|block| block.text.starts_with(words)).unwrap();
        assert_eq!(block.part.as_deref(), Some(part));
        assert_eq!(lines[block.line as usize - 1], words);
    }
    // Without an extension its first bytes tell.
    assert_eq!(read("Inbox", &text).blocks.len(), doc.blocks.len());
}

#[test]
fn attachments_are_read_like_files() {
    let doc = read("a.eml", office::with_attachments());
    let text_of = |part: &str| -> Vec<&str> {
        doc.blocks.iter().filter(|b| b.part.as_deref() == Some(part)).map(|b| b.text.as_str()).collect()
    };
    assert!(text_of("lease.docx").contains(&"The rent is 850 €."));
    assert_eq!(text_of("card.pdf"), ["Two years of warranty."]);
    let chores = doc.blocks.iter().find(|b| b.text.starts_with("Chore: Windows")).unwrap();
    let span = chores.span.clone().unwrap();
    assert_eq!((chores.part.as_deref(), span.0.as_str(), span.1.as_str()), (Some("chores.xlsx, Chores"), "A3", "C3"));
    let message = String::from_utf8(office::with_attachments()).unwrap();
    let lines: Vec<&str> = message.split("\r\n").collect();
    let pdf = doc.blocks.iter().find(|b| b.part.as_deref() == Some("card.pdf")).unwrap();
    assert!(lines[pdf.line as usize - 1].contains("card.pdf"), "{}", lines[pdf.line as usize - 1]);
    assert_eq!(pdf.page, Some(1));
}

#[test]
fn subtitles_by_time() {
    let doc = read("a.srt", media::SRT);
    assert_eq!(doc.kind, "subtitles");
    let at = |from, to, text| (None, None, Some((from, to)), text);
    assert_eq!(
        places(&doc),
        [at("00:00:01", "00:00:03", "Good evening."), at("00:01:02", "00:01:04", "The ferry\nis late.")]
    );
    assert_eq!(doc.blocks.iter().map(|b| b.line).collect::<Vec<_>>(), [3, 7]);
}

#[test]
fn data_by_pointer_and_code_by_name() {
    let doc = read("a.json", office::JSON);
    assert_eq!(doc.kind, "data");
    assert_eq!(
        places(&doc),
        [(None, None, Some(("/name", "/stops/1/at")), "name: Ferry\n\nat: Lagos; min: 5\nat: Faro")]
    );
    assert_eq!(doc.blocks[0].line, 2);
    let doc = read("a.py", "import os\n\ndef water(bed):\n    return bed\n");
    assert_eq!(doc.blocks[0].span.as_ref().map(|(from, _)| from.as_str()), Some("def water"));
}

#[test]
fn rich_text() {
    let doc = read("a.rtf", office::RTF);
    assert_eq!(
        (doc.kind.as_str(), doc.title.as_deref(), doc.author.as_deref()),
        ("document", Some("Lease"), Some("Ana"))
    );
    assert_eq!(doc.blocks.iter().map(|b| b.text.as_str()).collect::<Vec<_>>(), ["The rent is 850 €.", "Café below."]);
}

#[test]
fn pictures_by_what_they_say() {
    let doc = read("a.jpg", media::jpeg());
    assert_eq!((doc.kind.as_str(), doc.title.as_deref()), ("image", Some("Harbour at dusk")));
    assert_eq!((doc.author.as_deref(), doc.date.as_deref()), (Some("Ana Silva"), Some("2026-03-14")));
    let expected = "Harbour at dusk\nBy Ana Silva\nTaken 2026-03-14 18:30 (Saturday 14 March 2026)\nCamera: Nokon D90\nPlace: 38.71390, -9.13940";
    assert_eq!(doc.blocks[0].text, expected);
    assert_eq!(read("a.png", media::png()).blocks[0].text, "Description: Map of the harbour\nAuthor: Sónia");
    let folder = Folder::new();
    assert!(folder.reason("b.jpg", b"\xff\xd8\xff\xd9").contains("says nothing of itself"));
}

#[test]
fn recordings_by_their_tags() {
    let doc = read("a.mp3", media::mp3());
    assert_eq!(
        (doc.kind.as_str(), doc.title.as_deref(), doc.author.as_deref()),
        ("audio", Some("Saudade"), Some("Ana & Rui"))
    );
    assert_eq!(doc.blocks[0].text, "Title: Saudade\nArtist: Ana & Rui\nAlbum: Maré");
    assert_eq!(doc.blocks[1].text, "first line\nsecond line");
    for (name, bytes) in [("a.flac", media::flac()), ("a.ogg", media::ogg())] {
        let doc = read(name, bytes);
        assert_eq!(
            (doc.title.as_deref(), doc.author.as_deref(), doc.date.as_deref()),
            (Some("Barco"), Some("Sónia"), Some("2019-02-03"))
        );
    }
    assert_eq!(read("a.m4a", media::m4a()).blocks[0].text, "Title: Farol\nArtist: Rui");
    let old = [&[0_u8; 300][..], b"TAG", b"Old song", &[0; 22], b"Somebody", &[0; 22 + 65]].concat();
    assert_eq!(read("b.mp3", old).title.as_deref(), Some("Old song"));
}

#[test]
fn archives_by_the_names_in_them() {
    let doc = read("a.zip", zipped(&[("trip/tickets.pdf", b"x"), ("trip/map.png", b"y")]));
    assert_eq!((doc.kind.as_str(), doc.blocks[0].text.as_str()), ("archive", "trip/tickets.pdf\ntrip/map.png"));
    for (name, bytes) in [("a.tar", media::tar()), ("a.tar.gz", media::tar_gz()), ("a.tgz", media::tar_gz())] {
        let doc = read(name, bytes);
        let lines: Vec<&str> = doc.blocks[0].text.lines().collect();
        assert_eq!(lines[..2], ["letters/", "letters/to-ana.txt"], "{name}");
        assert!(lines[2].starts_with("letters/very-very-") && lines[2].ends_with("very-.txt") && lines.len() == 3);
    }
}

#[test]
fn numbers_that_look_like_utf16_are_no_text() {
    let folder = Folder::new();
    let noise: Vec<u8> = (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    for mark in [b"\xff\xfe".as_slice(), b"\xfe\xff", b""] {
        let reason = folder.reason("a.txt", [mark, noise.as_slice()].concat());
        assert!(reason.starts_with("looks like binary data"), "{reason}");
        let samples: Vec<u8> = (0..4000_i32)
            .flat_map(|n| ((f64::from(n) / 9.0).sin() * 120.0).round().to_le_bytes()[6..].to_vec())
            .collect();
        assert!(folder.reason("b.txt", [mark, samples.as_slice()].concat()).starts_with("looks like binary data"));
    }
    let text: Vec<u8> = [0xfeff]
        .into_iter()
        .chain("今天下午三点在办公室开会，请大家准时参加。".encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    assert!(folder.document("c.txt", text).blocks[0].text.starts_with("今天下午"));
}
