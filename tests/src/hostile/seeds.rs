//! One small sound file of each format that is worth damaging.

use anyhow::Result;
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A zip file with these entries.
pub fn zipped(entries: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default())?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// A PDF file of these objects, numbered from one.
pub fn pdf_of(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (object, number) in objects.iter().zip(1..) {
        offsets.push(file.len());
        file.extend_from_slice(format!("{number} 0 obj\n{object}\nendobj\n").as_bytes());
    }
    let (start, count) = (file.len(), objects.len() + 1);
    let table: String = offsets.iter().map(|offset| format!("{offset:010} 00000 n \n")).collect();
    let end = format!(
        "xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n"
    );
    file.extend_from_slice(end.as_bytes());
    file
}

/// A PDF with this on its only page, in PDF's own drawing language.
pub fn pdf(content: &str) -> Vec<u8> {
    pdf_of(
        &[
            "<< /Type /Catalog /Pages 2 0 R >>".into(),
            "<< /Type /Pages /Kids [4 0 R] /Count 1 /MediaBox [0 0 612 792] >>".into(),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".into(),
            "<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 3 0 R >> >> /Contents 5 0 R >>".into(),
            format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        ],
        "",
    )
}

/// A Word document whose body is this XML.
pub fn docx(body: &str) -> Result<Vec<u8>> {
    let document = format!("<w:document><w:body>{body}</w:body></w:document>");
    zipped(&[
        ("word/document.xml", document.as_bytes()),
        ("docProps/core.xml", b"<cp:coreProperties><dc:title>Lease</dc:title></cp:coreProperties>"),
    ])
}

/// A spreadsheet with these rows, as XML.
pub fn xlsx(rows: &str) -> Result<Vec<u8>> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>");
    let relation = |kind: &str, target: &str| {
        format!(
            "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"r1\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/></Relationships>"
        )
    };
    let book = format!(
        "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"One\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
    );
    let types = format!("<Types xmlns=\"{PACKAGE}/content-types\"/>");
    let strings = format!("<sst xmlns=\"{MAIN}\"><si><t>Paint</t></si></sst>");
    zipped(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", relation("officeDocument", "xl/workbook.xml").as_bytes()),
        ("xl/_rels/workbook.xml.rels", relation("worksheet", "worksheets/sheet1.xml").as_bytes()),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/sharedStrings.xml", strings.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

/// A book whose chapters are these.
pub fn epub(chapters: &[&[u8]]) -> Result<Vec<u8>> {
    let names: Vec<String> = (0..chapters.len()).map(|n| format!("c{n}.xhtml")).collect();
    let items: String = names.iter().map(|name| format!("<item id=\"{name}\" href=\"{name}\"/>")).collect();
    let spine: String = names.iter().map(|name| format!("<itemref idref=\"{name}\"/>")).collect();
    let package = format!("<package><manifest>{items}</manifest><spine>{spine}</spine></package>");
    let container = b"<container><rootfile full-path=\"b.opf\"/></container>";
    let mut entries: Vec<(&str, &[u8])> = vec![("META-INF/container.xml", container), ("b.opf", package.as_bytes())];
    entries.extend(names.iter().map(String::as_str).zip(chapters.iter().copied()));
    zipped(&entries)
}

/// A presentation with one slide.
pub fn pptx(slide: &str) -> Result<Vec<u8>> {
    zipped(&[
        ("ppt/presentation.xml", b"<p:presentation><p:sldId id=\"1\" r:id=\"r1\"/></p:presentation>"),
        (
            "ppt/_rels/presentation.xml.rels",
            b"<Relationships><Relationship Id=\"r1\" Type=\"x/slide\" Target=\"slides/slide1.xml\"/></Relationships>",
        ),
        ("ppt/slides/slide1.xml", slide.as_bytes()),
    ])
}

/// A mail message with an attachment.
pub const EML: &str = "From: Ana <ana@example.org>\r\nTo: rui@example.org\r\nSubject: =?utf-8?q?Jantar_no_s=C3=A1bado?=\r\n\
    Date: Sat, 14 Mar 2026 10:30:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n\
    --b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nAt the little =\r\nplace.\r\n\
    --b1\r\nContent-Type: application/zip; name=\"a.zip\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBAoAAAAAAA==\r\n--b1--\r\n";

/// Each format with a name that fits.
pub fn all() -> Result<Vec<(&'static str, Vec<u8>)>> {
    let paragraph = "<w:p><w:r><w:t>The rent is 850.</w:t></w:r></w:p>";
    let odf =
        |body: &str| format!("<office:document-content><office:body>{body}</office:body></office:document-content>");
    let text = odf("<office:text><text:h>Recipe</text:h><text:p>Two eggs.</text:p></office:text>");
    let sheet = odf(
        "<office:spreadsheet><table:table table:name=\"T\"><table:table-row><table:table-cell><text:p>Fern</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>",
    );
    Ok(vec![
        ("a.pdf", pdf("BT /F1 12 Tf 72 720 Td (The kettle has a warranty.) Tj ET")),
        ("a.docx", docx(&paragraph.repeat(20))?),
        ("a.xlsx", xlsx("<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\"><v>12.5</v></c></row>")?),
        ("a.pptx", pptx("<p:sld><a:p><a:t>Harvest</a:t></a:p></p:sld>")?),
        ("a.odt", zipped(&[("content.xml", text.as_bytes())])?),
        ("a.ods", zipped(&[("content.xml", sheet.as_bytes())])?),
        ("a.epub", epub(&[b"<html><body><p>The boat came at dusk.</p></body></html>"])?),
        ("a.zip", zipped(&[("trip/tickets.pdf", b"tickets"), ("trip/map.png", b"map")])?),
        ("a.eml", EML.into()),
        ("a.mbox", format!("From ana@example.org Sat Mar 14 10:30:00 2026\n{EML}\n").repeat(3).into_bytes()),
        ("a.rtf", b"{\\rtf1\\ansi{\\info{\\title T}}\\u8364?The rent is due.\\par}".to_vec()),
        ("a.json", b"{\"name\": \"Ferry\", \"stops\": [{\"at\": \"Lagos\"}, {\"at\": \"Faro\"}]}".to_vec()),
        ("a.html", b"<!doctype html><title>Bread</title><h1>Bread</h1><table><tr><td>1</td></tr></table>".to_vec()),
        ("a.ics", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20260314T150000\r\nSUMMARY:Dentist\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n".to_vec()),
        ("a.jpg", jpeg()),
        ("a.mp3", [&b"ID3\x03\0\0\0\0\0\x17TIT2\0\0\0\x0d\0\0\x03Saudade songs"[..], &[0xff; 64]].concat()),
        ("a.tar.gz", super::bombs::gzipped(&mut &super::bombs::tar_header("letters/a.txt", 0)[..])?),
    ])
}

/// A picture that says who made it.
fn jpeg() -> Vec<u8> {
    let directory = b"\x01\0\x3b\x01\x02\0\x0a\0\0\0\x1a\0\0\0\0\0\0\0Ana Silva\0";
    let exif = [&b"Exif\0\0II*\0\x08\0\0\0"[..], directory].concat();
    [&b"\xff\xd8\xff\xe1"[..], &(exif.len() as u16 + 2).to_be_bytes(), &exif, b"\xff\xd9"].concat()
}
