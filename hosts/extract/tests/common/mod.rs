//! Fixtures: one small file of each format, built here so that no binary lies in the repository.
#![allow(missing_docs, dead_code, clippy::unwrap_used)]

pub mod media;
pub mod office;

use hob_extract_host::extract;
use hob_link::extract::{Document, ExtractReply, ToRead, open};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A folder of files that are extracted.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn reply(&self, name: &str, bytes: impl AsRef<[u8]>) -> ExtractReply {
        of(&self.file(name, bytes))
    }

    pub fn document(&self, name: &str, bytes: impl AsRef<[u8]>) -> Document {
        match self.reply(name, bytes) {
            ExtractReply::Document(document) => document,
            ExtractReply::Skipped { reason } => panic!("{name} was skipped: {reason}"),
        }
    }

    pub fn reason(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        match self.reply(name, bytes) {
            ExtractReply::Document(document) => panic!("{name} was read: {document:?}"),
            ExtractReply::Skipped { reason } => reason,
        }
    }
}

/// What the host makes of a file, opened the way the daemon opens it.
pub fn of(path: &Path) -> ExtractReply {
    match open(path) {
        Ok(file) => extract(&wanted(path), file),
        Err(error) => ExtractReply::Skipped { reason: error.to_string() },
    }
}

pub fn wanted(path: &Path) -> ToRead {
    ToRead { name: path.into(), max_bytes: 10_000_000, max_text: 1_000_000 }
}

/// Line, text, heading.
pub fn shape(document: &Document) -> Vec<(u32, &str, bool)> {
    document.blocks.iter().map(|b| (b.line, b.text.as_str(), b.heading)).collect()
}

pub fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A PDF with one page per text; the lines of a text are set one under the other.
pub fn pdf(pages: &[&str]) -> Vec<u8> {
    let first_page = 5;
    let kids: String = (0..pages.len()).map(|n| format!("{} 0 R ", first_page + 2 * n)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_string(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {} /MediaBox [0 0 612 792] >>", pages.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_string(),
        "<< /Title (Warranty card) /Author (Kettle Works) /CreationDate (D:20250607080910Z) >>".to_string(),
    ];
    for (n, page) in pages.iter().enumerate() {
        let content = first_page + 2 * n + 1;
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 3 0 R >> >> /Contents {content} 0 R >>"
        ));
        let lines: String = page.lines().map(|line| format!("({line}) Tj 0 -14 Td ")).collect();
        let stream = format!("BT /F1 12 Tf 72 720 Td {lines} ET");
        objects.push(format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()));
    }
    assemble(&objects, "/Info 4 0 R")
}

/// A PDF file of these objects, numbered from one.
pub fn assemble(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        write!(file, "{} 0 obj\n{object}\nendobj\n", n + 1).unwrap();
    }
    let start = file.len();
    let count = objects.len() + 1;
    write!(file, "xref\n0 {count}\n0000000000 65535 f \n").unwrap();
    for offset in offsets {
        writeln!(file, "{offset:010} 00000 n ").unwrap();
    }
    write!(file, "trailer\n<< /Size {count} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n").unwrap();
    file
}

pub fn docx() -> Vec<u8> {
    let styles = r#"<w:styles xmlns:w="w"><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
        <w:style w:styleId="Normal"><w:name w:val="Normal"/></w:style></w:styles>"#;
    let document = r#"<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="w"><w:body>
        <w:p><w:pPr><w:pStyle w:val="berschrift1"/></w:pPr><w:r><w:t>Lease</w:t></w:r></w:p>
        <w:p><w:r><w:t xml:space="preserve">The rent is </w:t></w:r><w:r><w:t>850 &#8364;.</w:t></w:r><w:r><w:delText>gone</w:delText></w:r></w:p>
        <w:p><w:pPr><w:tabs><w:tab w:pos="100"/></w:tabs></w:pPr><w:r><w:t>A</w:t><w:tab/><w:t>B</w:t><w:br/><w:t>C</w:t></w:r></w:p>
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>Room</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>Size</w:t></w:r></w:p></w:tc></w:tr>
        <w:tr><w:tc><w:p><w:r><w:t>Kitchen</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>12 m&#178;</w:t></w:r></w:p><w:p/></w:tc></w:tr></w:tbl>
        <w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>Boxed.</w:t></w:r></w:p></w:txbxContent></mc:Choice>
        <mc:Fallback><w:p><w:r><w:t>Boxed.</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent><w:t>Around.</w:t></w:r></w:p>
        </w:body></w:document>"#;
    let notes = r#"<w:footnotes xmlns:w="w"><w:footnote><w:p><w:r><w:t>Payable by the 3rd.</w:t></w:r></w:p></w:footnote></w:footnotes>"#;
    let core = r#"<cp:coreProperties><dc:title>Flat in Porto</dc:title><dc:creator>Ana</dc:creator>
        <dcterms:created>2024-01-01T00:00:00Z</dcterms:created><dcterms:modified>2025-02-03T04:05:06Z</dcterms:modified></cp:coreProperties>"#;
    zipped(&[
        ("word/document.xml", document.as_bytes()),
        ("word/styles.xml", styles.as_bytes()),
        ("word/footnotes.xml", notes.as_bytes()),
        ("docProps/core.xml", core.as_bytes()),
    ])
}

pub fn odt() -> Vec<u8> {
    let content = r#"<office:document-content><office:body><office:text>
        <text:tracked-changes><text:p>undone</text:p></text:tracked-changes>
        <text:h text:outline-level="1">Recipe</text:h>
        <text:p>Take<text:s text:c="2"/>two <text:span>eggs</text:span>,<text:line-break/>whisk&amp;rest.<text:note><text:note-citation>1</text:note-citation>
        <text:note-body><text:p>Large ones.</text:p></text:note-body></text:note></text:p>
        <table:table table:name="Table1"><table:table-row><table:table-cell><text:p>Item</text:p></table:table-cell><table:table-cell><text:p>Grams</text:p></table:table-cell></table:table-row>
        <table:table-row><table:table-cell><text:p>Flour</text:p></table:table-cell><table:table-cell><text:p>250</text:p></table:table-cell></table:table-row></table:table>
        </office:text></office:body></office:document-content>"#;
    let meta = r#"<office:document-meta><office:meta><meta:initial-creator>Rui</meta:initial-creator><dc:date>2026-01-02T03:04:05.678</dc:date></office:meta></office:document-meta>"#;
    zipped(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("content.xml", content.as_bytes()),
        ("meta.xml", meta.as_bytes()),
    ])
}

pub fn ods() -> Vec<u8> {
    let content = r#"<office:document-content><office:body><office:spreadsheet><table:table table:name="Plants">
        <table:table-row><table:table-cell><text:p>Plant</text:p></table:table-cell><table:table-cell><text:p>Pot</text:p></table:table-cell><table:table-cell><text:p>Water</text:p></table:table-cell></table:table-row>
        <table:table-row><table:table-cell><text:p>Fern</text:p></table:table-cell><table:table-cell table:number-columns-repeated="1"/><table:table-cell><text:p>daily</text:p></table:table-cell><table:table-cell table:number-columns-repeated="16000"/></table:table-row>
        <table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>
        </table:table></office:spreadsheet></office:body></office:document-content>"#;
    zipped(&[("content.xml", content.as_bytes())])
}

pub fn xlsx() -> Vec<u8> {
    xlsx_with(
        r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>Done</t></is></c></row>
        <row r="3"><c r="A3" t="s"><v>2</v></c><c r="B3" s="1"><v>46095</v></c><c r="C3" t="b"><v>1</v></c></row>
        <row r="4"><c r="A4"><v>12.5</v></c><c r="C4" t="b"><v>0</v></c></row>"#,
    )
}

pub fn xlsx_with(rows: &str) -> Vec<u8> {
    let sheet = format!(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData>{rows}</sheetData></worksheet>"#
    );
    let entries: [(&str, &str); 7] = [
        ("[Content_Types].xml", r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#),
        (
            "_rels/.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Chores" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        ),
        (
            "xl/styles.xml",
            r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#,
        ),
        (
            "xl/sharedStrings.xml",
            r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>Chore</t></si><si><t>Due</t></si><si><t>Windows</t></si></sst>"#,
        ),
        ("xl/worksheets/sheet1.xml", &sheet),
    ];
    zipped(&entries.map(|(name, text)| (name, text.as_bytes())))
}

pub const EML: &str = "Received: from a by b\r\nFrom: Ana Silva <ana@example.org>\r\nTo: rui@example.org,\r\n \"Bo B.\" <bo@example.org>\r\n\
Subject: =?utf-8?q?Jantar_no_s=C3=A1bado?=\r\nDate: Sat, 14 Mar 2026 10:30:00 +0100\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\r\nHello Rui,\r\n\r\nwe meet at eight, at the little place behind the =\r\nmarket. Bring S=C3=B3nia.\r\n\
\r\nAna\r\n--b1\r\nContent-Type: text/plain; name=\"menu.txt\"\r\nContent-Disposition: attachment; filename=\"menu.txt\"\r\n\r\n\
Soup\r\nCod\r\n--b1\r\nContent-Type: image/jpeg\r\nContent-Disposition: attachment; filename=\"map.jpg\"\r\n\
Content-Transfer-Encoding: base64\r\n\r\n/9j/4AAQ\r\n--b1\r\nContent-Type: message/rfc822\r\n\r\n\
From: Carla <carla@example.org>\r\nSubject: Table for six\r\nContent-Type: text/html\r\n\r\n<p>Booked for <b>20:00</b>.\r\n</p>\r\n--b1--\r\n";

pub const ICS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260314T150000\r\nDTEND:20260314T160000\r\n\
SUMMARY:Dentist\r\nLOCATION:Rua Augusta\r\n  12\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

pub const VCF: &str = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ana Silva\r\nTEL;TYPE=cell:+351 912\r\nEND:VCARD\r\n";

pub const HTML: &str = "<!doctype html>\n<title>Bread</title>\n<h1>Bread</h1>\n<p>Bake for\n<b>40</b> minutes.</p>\n<script>no()</script>\n\
<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>\n";

pub const MARKDOWN: &str = "---\ntitle: Garden\ndate: 2026-04-05\n---\n# Beds\n\nTomatoes need\nsun.\n\n```sh\nmake water\n\n```\n\nEnd\n===\n";

pub const CSV: &str = "Name;Paid\nAna;12,50\nBo;\"3\n4\"\n";

pub const CODE: &str = "fn main() {\n    let greeting = \"hello\";\n\n    println!(\"{greeting}\");\n}\n";

/// Every format with a name that fits.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a.txt", "One.\n\nTwo\nlines.\n".into()),
        ("a.org", "#+TITLE: T\n* Head\ntext\n".into()),
        ("a.rst", "Title\n=====\n\ntext\n".into()),
        ("a.md", MARKDOWN.into()),
        ("a.html", HTML.into()),
        ("a.rs", CODE.into()),
        ("a.csv", CSV.into()),
        ("a.tsv", "a\tb\n1\t2\n".into()),
        ("a.eml", EML.into()),
        ("a.ics", ICS.into()),
        ("a.vcf", VCF.into()),
        ("a.pdf", pdf(&["First page.", "Second page."])),
        ("a.docx", docx()),
        ("a.odt", odt()),
        ("a.ods", ods()),
        ("a.xlsx", xlsx()),
        ("latin.txt", b"Gr\xfc\xdfe aus K\xf6ln, viele Gr\xfc\xdfe an alle Freunde.\n".to_vec()),
        ("utf16.txt", "Grüße\n".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("noext", "just words\n".into()),
        ("a.json", office::JSON.into()),
        ("a.rtf", office::RTF.into()),
        ("a.pptx", office::pptx()),
        ("a.odp", office::odp()),
        ("a.epub", office::epub()),
        ("a.mbox", office::mbox().into()),
        ("b.eml", office::with_attachments()),
        ("a.srt", media::SRT.into()),
        ("a.jpg", media::jpeg()),
        ("a.png", media::png()),
        ("a.mp3", media::mp3()),
        ("a.flac", media::flac()),
        ("a.ogg", media::ogg()),
        ("a.m4a", media::m4a()),
        ("a.zip", zipped(&[("trip/tickets.pdf", b"x"), ("trip/map.png", b"y")])),
        ("a.tar", media::tar()),
        ("a.tar.gz", media::tar_gz()),
    ]
}
