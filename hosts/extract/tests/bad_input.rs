//! Everything that is wrong with files gets one clear sentence, and never a panic.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Folder, all, assemble, of, pdf, xlsx_with, zipped};
use hob_extract_host::{extract, extract_bytes};
use hob_link::extract::{ExtractReply, ToRead};
use std::path::Path;

fn reason(path: &Path) -> String {
    match of(path) {
        ExtractReply::Skipped { reason } => reason,
        ExtractReply::Document(document) => panic!("was read: {document:?}"),
    }
}

#[test]
fn files_that_are_none_or_hold_nothing() {
    let folder = Folder::new();
    assert_eq!(folder.reason("a.txt", ""), "the file is empty");
    assert_eq!(folder.reason("a.jpg", ""), "the file is empty");
    assert_eq!(folder.reason("b.txt", " \n\n\t\n"), "there is no text in it");
    assert_eq!(reason(folder.path()), "this is a folder, not a regular file");
    assert_eq!(reason(Path::new("/dev/null")), "this is a device, not a regular file");
    assert_eq!(reason(&folder.path().join("gone.txt")), "No such file or directory (os error 2)");
    let pipe = folder.path().join("pipe.txt");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(reason(&pipe), "this is a pipe, not a regular file");
    let socket = folder.path().join("socket.txt");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_eq!(reason(&socket), "this is a socket, not a regular file");
    let looped = folder.path().join("loop.txt");
    std::os::unix::fs::symlink(&looped, &looped).unwrap();
    assert!(reason(&looped).contains("symbolic links"));
}

#[test]
fn names_that_are_no_utf8_are_fine() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.txt"));
    std::fs::write(&path, "ok").unwrap();
    assert!(matches!(of(&path), ExtractReply::Document(_)));
}

#[test]
fn files_that_are_too_large_name_both_sizes() {
    let folder = Folder::new();
    let large = folder.path().join("large.txt");
    std::fs::File::create(&large).unwrap().set_len(200_000_000).unwrap();
    let wanted = ToRead { name: "large.txt".into(), max_bytes: 50_000_000, max_text: 1000 };
    let ExtractReply::Skipped { reason } = extract(&wanted, std::fs::File::open(large).unwrap()) else { panic!() };
    assert_eq!(reason, "the file has 200.0 MB and only files up to 50.0 MB are read");
}

#[test]
fn binary_data_under_any_name() {
    let folder = Folder::new();
    let noise: Vec<u8> = (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for name in ["a.txt", "a.md", "a.html", "a.rs", "a.csv", "a.ics", "a.vcf", "noext"] {
        let reason = folder.reason(name, &noise);
        assert!(reason.starts_with("looks like binary data, not text ("), "{name}: {reason}");
    }
    assert_eq!(folder.reason("film.mp4", &noise), "no text can be read from .mp4 files yet");
    assert_eq!(folder.reason("data.xyz", &noise), "no text can be read from .xyz files yet");
}

#[test]
fn broken_files_say_what_they_are_not() {
    let folder = Folder::new();
    for (name, start) in [
        ("a.pdf", "not a readable PDF: "),
        ("a.docx", "not a readable Word document: "),
        ("a.odt", "not a readable OpenDocument text: "),
        ("a.ods", "not a readable OpenDocument spreadsheet: "),
        ("a.xlsx", "not a readable Excel file: "),
        ("a.eml", "not a readable mail message: "),
        ("a.ics", "not a readable calendar: "),
        ("a.vcf", "not a readable contact file: "),
    ] {
        let reason = folder.reason(name, "This is just a sentence\nand another one.\n");
        assert!(reason.starts_with(start), "{name}: {reason}");
    }
    let whole = pdf(&["Text."]);
    let reason = folder.reason("cut.pdf", &whole[..whole.len() / 2]);
    assert!(reason.starts_with("not a readable PDF: "), "{reason}");
    assert!(folder.reason("x.docx", zipped(&[("other.xml", b"<a/>")])).contains("word/document.xml is missing"));
    assert!(
        folder
            .reason("y.docx", zipped(&[("word/document.xml", b"<w:p><w:r></w:p>")]))
            .starts_with("not a readable Word document: ")
    );
    let compound = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more";
    assert!(folder.reason("z.xls", compound).starts_with("not a readable Excel file: "));
}

#[test]
fn protected_and_textless_documents() {
    let folder = Folder::new();
    let compound = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more";
    assert!(folder.reason("a.docx", compound).contains("protected with a password"));
    let manifest = b"<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>";
    assert!(
        folder
            .reason("a.odt", zipped(&[("META-INF/manifest.xml", manifest), ("content.xml", b"x")]))
            .contains("password")
    );
    let key = "0123456789abcdef0123456789abcdef";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_string(),
        "<< /Type /Pages /Kids [] /Count 0 >>".to_string(),
        format!("<< /Filter /Standard /V 1 /R 2 /P -4 /O ({key}) /U ({key}) >>"),
    ];
    let locked = assemble(&objects, "/Encrypt 3 0 R /ID [(a) (b)]");
    assert!(folder.reason("a.pdf", locked).contains("protected with a password"));
    assert!(folder.reason("b.pdf", pdf(&[""])).contains("scanned"));
    assert_eq!(folder.reason("c.docx", zipped(&[("word/document.xml", b"<w:document/>")])), "the document has no text");
}

#[test]
fn decompression_bombs_are_noticed() {
    let folder = Folder::new();
    let zeros = vec![b' '; 65 << 20];
    let bomb = zipped(&[("word/document.xml", &zeros)]);
    assert!(bomb.len() < 1 << 20);
    assert!(folder.reason("a.docx", &bomb).contains("decompression bomb"));
    let spread: Vec<(String, &[u8])> =
        (0..4).map(|n| (format!("xl/worksheets/sheet{n}.xml"), &zeros[..60 << 20])).collect();
    let spread: Vec<(&str, &[u8])> = spread.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    assert!(folder.reason("a.xlsx", zipped(&spread)).contains("decompression bomb"));
    let many: Vec<String> = (0..10_001).map(|n| format!("{n}")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert!(folder.reason("b.odt", zipped(&many)).contains("it holds 10001 files"));
}

#[test]
fn deep_nesting_ends() {
    let folder = Folder::new();
    let mail = format!("Subject: Deep\n{}text", "Content-Type: message/rfc822\n\n".repeat(50_000));
    assert!(folder.reason("a.eml", mail).contains("messages inside it"));
    let markup = format!("{}deep", "<div><b>".repeat(200_000));
    assert_eq!(folder.document("a.html", markup).blocks[0].text, "deep");
    let (open, close) = ("<w:p>".repeat(100_000), "</w:p>".repeat(100_000));
    let parts = format!("<w:document>{open}{close}</w:document>");
    assert_eq!(folder.reason("a.docx", zipped(&[("word/document.xml", parts.as_bytes())])), "the document has no text");
    let ics = format!("BEGIN:VCALENDAR\n{}", "BEGIN:VEVENT\n".repeat(100_000));
    assert_eq!(folder.reason("a.ics", ics), "the calendar has no entries");
}

#[test]
fn one_string_named_a_million_times_stays_within_the_limit() {
    let row = |n: u32| format!(r#"<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>"#);
    let rows: String = (1..200_000).map(row).collect();
    let doc = Folder::new().document("a.xlsx", xlsx_with(&rows));
    assert!(doc.truncated);
    assert!(doc.blocks.iter().map(|b| b.text.len()).sum::<usize>() <= 1_000_000);
}

/// Small, fast and the same everywhere (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

#[test]
fn damaged_parts_of_sound_zip_files_always_get_a_reply() {
    let body = "<office:document-content><text:h>H</text:h><text:p>a<text:s text:c=\"3\"/>b</text:p><table:table table:name=\"T\">\
        <table:table-row table:number-rows-repeated=\"2\"><table:table-cell table:number-columns-repeated=\"2\"><text:p>c</text:p>\
        </table:table-cell></table:table-row></table:table><draw:page><text:p>&lt;d&#33;</text:p></draw:page></office:document-content>";
    let word = "<w:document><w:p><w:pPr><w:pStyle w:val=\"Heading1\"/></w:pPr><w:r><w:t>a</w:t><w:tab/></w:r></w:p><w:tbl><w:tr><w:tc>\
        <w:p><w:t>b</w:t></w:p></w:tc></w:tr></w:tbl></w:document>";
    let mut dice = Dice(0x1234_5678_9abc_def1);
    let mut replies = 0;
    for (name, part, whole) in [
        ("a.odt", "content.xml", body),
        ("a.ods", "content.xml", body),
        ("a.odp", "content.xml", body),
        ("a.docx", "word/document.xml", word),
    ] {
        for round in 0..400 {
            let mut xml = whole.as_bytes().to_vec();
            let (from, to) = (dice.below(xml.len()), dice.below(xml.len()));
            match round % 4 {
                0 => xml.truncate(from),
                1 => xml[from] = b"<>/&;\"=x9 "[dice.below(10)],
                2 => drop(xml.drain(from.min(to)..from.max(to))),
                _ => {
                    let piece = xml[from.min(to)..from.max(to)].to_vec();
                    xml.splice(from..from, piece);
                }
            }
            let reply = extract_bytes(Path::new(name), &zipped(&[(part, &xml)]), 10_000);
            if let ExtractReply::Skipped { reason } = &reply {
                assert!(!reason.is_empty() && !reason.contains("did not survive"), "{name}: {reason}");
            }
            replies += 1;
        }
    }
    assert_eq!(replies, 1600);
}

#[test]
fn damaged_files_always_get_a_reply() {
    let folder = Folder::new();
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut read = 0;
    let (mut replies, rounds) = (0, 300);
    for (name, whole) in all() {
        for round in 0..rounds {
            let mut bytes = whole.clone();
            match round % 3 {
                0 => bytes.truncate(1 + dice.below(whole.len() - 1)),
                1 => (0..=dice.below(8)).for_each(|_| bytes[dice.below(whole.len())] ^= 1 << dice.below(8)),
                _ => {
                    let (from, to) = (dice.below(whole.len()), dice.below(whole.len()));
                    bytes.copy_within(
                        from..(from + dice.below(40)).min(whole.len()),
                        to.min(whole.len() - 40.min(whole.len())),
                    );
                }
            }
            match folder.reply(name, &bytes) {
                ExtractReply::Document(doc) => {
                    read += 1;
                    assert!(doc.blocks.iter().all(|b| b.line > 0 && !b.text.is_empty()), "{name}");
                }
                ExtractReply::Skipped { reason } => {
                    assert!(!reason.is_empty() && !reason.contains('\n'), "{name}: {reason}")
                }
            }
            replies += 1;
        }
    }
    assert_eq!(replies, all().len() * rounds);
    assert!(read > replies / 4, "only {read} of {replies} damaged files could still be read");
}
