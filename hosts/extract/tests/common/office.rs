//! Presentations, books, mail folders and mail with office files in it, RTF, JSON.
#![allow(missing_docs, dead_code, clippy::unwrap_used)]

use super::{docx, pdf, xlsx, zipped};

pub const JSON: &str =
    "{\n  \"name\": \"Ferry\",\n  \"stops\": [\n    {\"at\": \"Lagos\", \"min\": 5},\n    {\"at\": \"Faro\"}\n  ]\n}\n";

pub const RTF: &str = "{\\rtf1\\ansi\\ansicpg1252{\\info{\\title Lease}{\\author Ana}}\\pard The rent is 850 \\u8364?.\\par Caf\\'e9 below.\\par}";

/// Two slides, the second one listed first, the first with notes and a table.
pub fn pptx() -> Vec<u8> {
    let shape = |kind: &str, text: &str| {
        format!(
            "<p:sp><p:nvSpPr><p:nvPr><p:ph type=\"{kind}\"/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
        )
    };
    let slide = |shapes: &str| format!("<p:sld><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>");
    let first = slide(&(shape("title", "Harvest") + &shape("body", "Tomatoes &amp; beans") + &shape("sldNum", "1")));
    let second = slide(
        &(shape("ctrTitle", "Garden plan")
            + "<p:graphicFrame><a:tbl><a:tr><a:tc><a:txBody><a:p><a:r><a:t>Bed</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl></p:graphicFrame>"),
    );
    let notes = slide(&shape("body", "Mention the rain."));
    let order = "<p:presentation><p:sldIdLst><p:sldId id=\"256\" r:id=\"rId2\"/><p:sldId id=\"257\" r:id=\"rId1\"/></p:sldIdLst></p:presentation>";
    let relation = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"http://schemas/relationships/{kind}\" Target=\"{target}\"/>")
    };
    let slides = format!(
        "<Relationships>{}{}</Relationships>",
        relation("rId1", "slide", "slides/slide1.xml"),
        relation("rId2", "slide", "slides/slide2.xml")
    );
    let to_notes =
        format!("<Relationships>{}</Relationships>", relation("rId1", "notesSlide", "../notesSlides/notesSlide1.xml"));
    let entries: [(&str, &str); 6] = [
        ("ppt/presentation.xml", order),
        ("ppt/_rels/presentation.xml.rels", &slides),
        ("ppt/slides/slide1.xml", &first),
        ("ppt/slides/slide2.xml", &second),
        ("ppt/slides/_rels/slide1.xml.rels", &to_notes),
        ("ppt/notesSlides/notesSlide1.xml", &notes),
    ];
    zipped(&entries.map(|(name, text)| (name, text.as_bytes())))
}

pub fn odp() -> Vec<u8> {
    let content = "<office:document-content><office:body><office:presentation>\
        <draw:page draw:name=\"page1\"><draw:frame presentation:class=\"title\"><draw:text-box><text:p>Harvest</text:p></draw:text-box></draw:frame>\
        <draw:frame><draw:text-box><text:p>Beans</text:p></draw:text-box></draw:frame></draw:page>\
        <draw:page><draw:frame><draw:text-box><text:p>Thank you</text:p></draw:text-box></draw:frame></draw:page>\
        </office:presentation></office:body></office:document-content>";
    zipped(&[("content.xml", content.as_bytes())])
}

pub fn epub() -> Vec<u8> {
    let container = "<container><rootfiles><rootfile full-path=\"OEBPS/book.opf\"/></rootfiles></container>";
    let package = "<package><metadata><dc:title>The Lighthouse</dc:title><dc:creator>Ana Silva</dc:creator><dc:date>2020-05-06</dc:date></metadata>\
        <manifest><item id=\"two\" href=\"text/ch%202.xhtml\"/><item id=\"one\" href=\"text/ch1.xhtml\"/></manifest>\
        <spine><itemref idref=\"one\"/><itemref idref=\"two\"/></spine></package>";
    zipped(&[
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", container.as_bytes()),
        ("OEBPS/book.opf", package.as_bytes()),
        ("OEBPS/text/ch 2.xhtml", b"<html><body><p>The lamp went out.</p></body></html>"),
        ("OEBPS/text/ch1.xhtml", b"<html><body><h1>Arrival</h1><p>The boat came at dusk.</p></body></html>"),
    ])
}

pub fn mbox() -> String {
    let message = |subject: &str, body: &str| {
        format!(
            "From ana@example.org Sat Mar 14 10:30:00 2026\nFrom: Ana <ana@example.org>\nTo: Rui <rui@example.org>\nSubject: {subject}\nDate: Sat, 14 Mar 2026 10:30:00 +0100\n\n{body}\n\n"
        )
    };
    message("Dinner", "At eight.\nFrom now on always at eight.") + &message("Lunch", "At noon.\n\n>From the market.")
}

/// A message with a Word document, a spreadsheet and a PDF attached.
pub fn with_attachments() -> Vec<u8> {
    let mut message = String::from(
        "From: Ana <ana@example.org>\r\nTo: Rui <rui@example.org>\r\nSubject: Papers\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the papers.\r\n",
    );
    for (name, bytes) in
        [("lease.docx", docx()), ("chores.xlsx", xlsx()), ("card.pdf", pdf(&["Two years of warranty."]))]
    {
        message.push_str(&format!(
            "--b\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            base64(&bytes)
        ));
    }
    message.push_str("--b--\r\n");
    message.into_bytes()
}

pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for (at, three) in bytes.chunks(3).enumerate() {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place > three.len() { '=' } else { letter.into() });
        }
        if at % 19 == 18 {
            out.push_str("\r\n");
        }
    }
    out
}
