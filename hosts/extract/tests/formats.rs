//! Each format, whole files in, documents out.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{CODE, CSV, EML, Folder, HTML, ICS, MARKDOWN, VCF, docx, ods, odt, pdf, shape, xlsx, xlsx_with};
use hob_link::extract::ExtractReply;

#[test]
fn texts_with_lines() {
    let folder = Folder::new();
    let doc = folder.document("a.txt", "\u{feff}One.\r\n\r\n\r\nTwo\r\nlines.\r\n");
    assert_eq!((doc.kind.as_str(), doc.truncated), ("text", false));
    assert_eq!(shape(&doc), [(1, "One.", false), (4, "Two\nlines.", false)]);
    let doc = folder.document("README", "No extension.");
    assert_eq!((doc.kind.as_str(), shape(&doc)), ("text", vec![(1, "No extension.", false)]));
    let doc = folder.document("strange.xyz", "Unknown, but text.");
    assert_eq!(doc.kind, "text");
    let doc = folder.document("latin.txt", b"Gr\xfc\xdfe aus K\xf6ln, viele Gr\xfc\xdfe an alle Freunde.");
    assert_eq!(doc.blocks[0].text, "Grüße aus Köln, viele Grüße an alle Freunde.");
}

#[test]
fn markdown_html_and_code() {
    let folder = Folder::new();
    let doc = folder.document("a.md", MARKDOWN);
    assert_eq!(
        (doc.kind.as_str(), doc.title.as_deref(), doc.date.as_deref()),
        ("markdown", Some("Garden"), Some("2026-04-05"))
    );
    assert_eq!(
        shape(&doc),
        [(5, "Beds", true), (7, "Tomatoes need\nsun.", false), (11, "make water", false), (15, "End", true)]
    );
    let doc = folder.document("a.html", HTML);
    assert_eq!((doc.kind.as_str(), doc.title.as_deref()), ("html", Some("Bread")));
    assert_eq!(shape(&doc), [(3, "Bread", true), (4, "Bake for\n40 minutes.", false), (7, "A: 1; B: 2", false)]);
    let doc = folder.document("a.rs", CODE);
    assert_eq!((doc.kind.as_str(), shape(&doc)), ("code", vec![(1, CODE.trim_end(), false)]));
}

#[test]
fn tables_calendars_and_contacts() {
    let folder = Folder::new();
    let doc = folder.document("a.csv", CSV);
    assert_eq!(
        (doc.kind.as_str(), shape(&doc)),
        ("table", vec![(2, "Name: Ana; Paid: 12,50", false), (3, "Name: Bo; Paid: 3 4", false)])
    );
    let doc = folder.document("a.ics", ICS);
    let event = "Dentist, 2026-03-14 15:00 to 16:00 (Saturday 14 March 2026), at Rua Augusta 12.";
    assert_eq!((doc.kind.as_str(), shape(&doc)), ("calendar", vec![(7, event, false)]));
    let doc = folder.document("a.vcf", VCF);
    assert_eq!((doc.kind.as_str(), doc.title.as_deref()), ("contact", Some("Ana Silva")));
    assert_eq!(shape(&doc), [(3, "Ana Silva; phone (mobile): +351 912", false)]);
}

#[test]
fn mail_with_attachments_and_a_message_inside() {
    let doc = Folder::new().document("a.eml", EML);
    assert_eq!((doc.kind.as_str(), doc.title.as_deref()), ("mail", Some("Jantar no sábado")));
    assert_eq!((doc.author.as_deref(), doc.date.as_deref()), (Some("Ana Silva"), Some("2026-03-14T10:30:00+01:00")));
    let expected = [
        ("Jantar no sábado", true),
        ("From: Ana Silva <ana@example.org>", false),
        ("To: rui@example.org, Bo B. <bo@example.org>", false),
        ("Date: 2026-03-14 10:30 (Saturday 14 March 2026)", false),
        ("Hello Rui,", false),
        ("we meet at eight, at the little place behind the market. Bring Sónia.", false),
        ("Ana", false),
        ("Attachments: menu.txt, map.jpg", false),
        ("menu.txt", true),
        ("Soup\nCod", false),
        ("Table for six", true),
        ("From: Carla <carla@example.org>", false),
        ("Booked for 20:00.", false),
    ];
    let found: Vec<(&str, bool)> = doc.blocks.iter().map(|b| (b.text.as_str(), b.heading)).collect();
    assert_eq!(found, expected);
    // Every line is where a word of the block stands in the raw file.
    let raw: Vec<&str> = EML.split("\r\n").collect();
    let words =
        ["Subject:", "From:", "To:", "Date:", "Hello", "we meet", "Ana", "", "", "Soup", "Subject:", "From:", "Booked"];
    for (block, word) in doc.blocks.iter().zip(words) {
        assert!(raw[block.line as usize - 1].contains(word), "line {} for {:?}", block.line, block.text);
    }
}

#[test]
fn mail_without_structure_and_in_base64() {
    let folder = Folder::new();
    let doc = folder.document("plain.eml", "Subject: Hi\nFrom: a@b\n\nFirst.\n\nSecond\nline.\n");
    assert_eq!(
        shape(&doc),
        [(1, "Hi", true), (2, "From: a@b", false), (4, "First.", false), (6, "Second\nline.", false)]
    );
    let doc =
        folder.document("html.eml", "Subject: Hi\nContent-Type: text/html\n\n<html><body>\n<p>Only <i>HTML</i>.</p>\n");
    assert_eq!(shape(&doc), [(1, "Hi", true), (5, "Only HTML.", false)]);
    let base64 =
        "Subject: Hi\nContent-Type: text/plain; charset=gbk\nContent-Transfer-Encoding: base64\n\nxOO6w8rAvec=\n";
    assert_eq!(folder.document("b.eml", base64).blocks[1].text, "你好世界");
    let invitation = "Subject: Meet\nContent-Type: text/calendar\n\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Talk\nEND:VEVENT\nEND:VCALENDAR\n";
    assert_eq!(folder.document("i.eml", invitation).blocks[1].text, "Talk.");
}

#[test]
fn pdf_by_page() {
    let doc = Folder::new().document("a.pdf", pdf(&["The kettle has a warranty\nof two years.", "Keep the receipt."]));
    assert_eq!((doc.kind.as_str(), doc.title.as_deref()), ("pdf", Some("Warranty card")));
    assert_eq!((doc.author.as_deref(), doc.date.as_deref()), (Some("Kettle Works"), Some("2025-06-07")));
    let found: Vec<_> = doc.blocks.iter().map(|b| (b.page, b.line, b.text.as_str())).collect();
    assert_eq!(found, [(Some(1), 1, "The kettle has a warranty\nof two years."), (Some(2), 3, "Keep the receipt.")]);
}

#[test]
fn office_texts() {
    let folder = Folder::new();
    let doc = folder.document("a.docx", docx());
    assert_eq!((doc.kind.as_str(), doc.title.as_deref()), ("document", Some("Flat in Porto")));
    assert_eq!((doc.author.as_deref(), doc.date.as_deref()), (Some("Ana"), Some("2025-02-03T04:05:06Z")));
    assert_eq!(
        shape(&doc),
        [
            (1, "Lease", true),
            (2, "The rent is 850 €.", false),
            (3, "A\tB\nC", false),
            (5, "Room: Kitchen; Size: 12 m²", false),
            (6, "Boxed.", false),
            (7, "Around.", false),
            (8, "Payable by the 3rd.", false)
        ]
    );
    let doc = folder.document("a.odt", odt());
    assert_eq!(
        (doc.title.as_deref(), doc.author.as_deref(), doc.date.as_deref()),
        (Some("Recipe"), Some("Rui"), Some("2026-01-02"))
    );
    assert_eq!(
        shape(&doc),
        [
            (1, "Recipe", true),
            (2, "Large ones.", false),
            (3, "Take  two eggs,\nwhisk&rest.", false),
            (5, "Item: Flour; Grams: 250", false)
        ]
    );
}

#[test]
fn spreadsheets_with_and_without_lies_about_their_size() {
    let folder = Folder::new();
    let doc = folder.document("a.xlsx", xlsx());
    assert_eq!(doc.kind, "spreadsheet");
    assert_eq!(
        shape(&doc),
        [
            (1, "Chores", true),
            (2, "Chore: Windows; Due: 2026-03-14; Done: yes", false),
            (3, "Chore: 12.5; Done: no", false)
        ]
    );
    // One cell in each far corner: the full rectangle would take terabytes.
    let corners = r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c><c r="B1048576"><v>3</v></c></row>"#;
    assert_eq!(
        shape(&folder.document("b.xlsx", xlsx_with(corners))),
        [(1, "Chores", true), (2, "1", false), (3, "3", false)]
    );
    let doc = folder.document("a.ods", ods());
    assert_eq!(shape(&doc), [(1, "Plants", true), (2, "Plant: Fern; Water: daily", false)]);
    // Names that lie about which office format is inside.
    assert_eq!(folder.document("c.xls", xlsx()).blocks.len(), 3);
    assert_eq!(folder.document("d.xls", CSV).blocks.len(), 2);
}

#[test]
fn a_long_text_is_cut_and_says_so() {
    let folder = Folder::new();
    for (name, bytes) in
        [("a.txt", "äöü ".repeat(500)), ("a.md", "# Ä\n\nxyz ö\n\n".repeat(200)), ("a.html", "<p>ä".repeat(2000))]
    {
        let file = std::fs::File::open(folder.file(name, bytes)).unwrap();
        let wanted = hob_link::extract::ToRead { name: name.into(), max_bytes: 1 << 20, max_text: 333 };
        let ExtractReply::Document(doc) = hob_extract_host::extract(&wanted, file) else {
            panic!("{name} was skipped")
        };
        let total: usize = doc.blocks.iter().map(|b| b.text.len()).sum();
        assert!(doc.truncated && (320..=333).contains(&total), "{name}: {total}");
    }
}

#[test]
fn small_files_come_fast() {
    let folder = Folder::new();
    let paragraph = "The ferry leaves at nine and comes back at noon, when the tide allows it.\n".repeat(5);
    let text = format!("# Timetable\n\n{}", format!("{paragraph}\n").repeat(6));
    let paths: Vec<_> =
        (0..300).map(|n| folder.file(&format!("{n}.{}", if n % 2 == 0 { "md" } else { "txt" }), &text)).collect();
    // Other processes may slow one round down, hardly all of them.
    let round = || {
        let started = std::time::Instant::now();
        assert!(paths.iter().all(|path| matches!(common::of(path), ExtractReply::Document(_))));
        started.elapsed()
    };
    let best = (0..10).map(|_| round()).min().unwrap();
    assert!(best.as_millis() < 100, "300 files took {best:?}, that is under 3,000 a second");
}
