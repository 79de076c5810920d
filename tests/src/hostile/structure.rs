//! Files whose structure means harm: nesting without end, references in circles, lies about sizes, lines without end.

use super::seeds::{docx, epub, pdf, pdf_of, pptx, xlsx, zipped};
use anyhow::Result;

type Files = Vec<(String, Vec<u8>)>;

/// All of them; whether text comes out is up to the reader.
pub fn all() -> Result<Files> {
    let mut found = nested()?;
    found.extend(expanding()?);
    found.extend(pdfs());
    found.extend(mails());
    found.extend(long_lines());
    found.extend(media());
    Ok(found)
}

fn file(name: &str, bytes: impl Into<Vec<u8>>) -> (String, Vec<u8>) {
    (name.into(), bytes.into())
}

fn nested() -> Result<Files> {
    let around = |open: &str, close: &str, times: usize| format!("{}x{}", open.repeat(times), close.repeat(times));
    let mut archive = zipped(&[("innermost.txt", b"text")])?;
    for _ in 0..40 {
        archive = zipped(&[("inner.zip", &archive)])?;
    }
    Ok(vec![
        file("deep.html", around("<div><b>", "</b></div>", 200_000)),
        file("deep-tables.html", around("<table><tr><td>", "</td></tr></table>", 30_000)),
        file("deep-lists.html", around("<ul><li>", "</li></ul>", 60_000)),
        file("deep.json", around("[", "]", 2_000_000)),
        file("deep-objects.json", around("{\"a\":", "}", 500_000)),
        file("deep.rtf", format!("{{\\rtf1 {}", around("{", "}", 200_000))),
        file("deep.md", around("> ", "", 300_000)),
        file("deep-list.md", (0..4000).map(|n| format!("{}- x\n", " ".repeat(n))).collect::<String>()),
        file("deep.xml", around("<a>", "</a>", 400_000)),
        file("deep.py", around("(", ")", 500_000)),
        file("deep.ics", "BEGIN:VCALENDAR\n".to_string() + &"BEGIN:VEVENT\n".repeat(200_000)),
        file("deep.vcf", "BEGIN:VCARD\n".repeat(200_000)),
        file("deep.docx", docx(&around("<w:p>", "</w:p>", 100_000))?),
        file("deep-tables.docx", docx(&around("<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>", 50_000))?),
        file("deep.pptx", pptx(&around("<p:sp>", "</p:sp>", 200_000))?),
        file("deep.epub", epub(&[around("<div>", "</div>", 200_000).as_bytes()])?),
        file("deep.zip", archive),
    ])
}

fn expanding() -> Result<Files> {
    let laughs: String = (1..30).map(|n| format!("<!ENTITY l{n} \"&l{};&l{};\">", n - 1, n - 1)).collect();
    let entities = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE d [<!ENTITY l0 \"ha\">{laughs}]><w:document><w:p><w:t>&l29;</w:t></w:p></w:document>"
    );
    let outside =
        "<!DOCTYPE d [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><w:document><w:p><w:t>&x;</w:t></w:p></w:document>";
    let corner = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c r=\"XFD1048576\"><v>2</v></c></row>";
    let named: String =
        (1..150_000).map(|n| format!("<row r=\"{n}\"><c r=\"A{n}\" t=\"s\"><v>0</v></c></row>")).collect();
    let wild = "<row r=\"99999999999\"><c r=\"ZZZZZZZZ1\" t=\"s\"><v>-5</v></c></row><row r=\"-1\"><c t=\"s\"><v>99999999</v></c></row>";
    let repeated = "<office:document-content><table:table table:name=\"T\"><table:table-row table:number-rows-repeated=\"99999999999\">\
        <table:table-cell table:number-columns-repeated=\"99999999999\"><text:p>x</text:p></table:table-cell></table:table-row></table:table></office:document-content>";
    let spaces =
        "<office:document-content><text:p><text:s text:c=\"99999999999\"/>x</text:p></office:document-content>";
    let many: Vec<Vec<u8>> = (0..3000).map(|n| format!("<p>Chapter {n}</p>").into_bytes()).collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    Ok(vec![
        file("laughs.docx", zipped(&[("word/document.xml", entities.as_bytes())])?),
        file("laughs.xml", entities),
        file("outside.docx", zipped(&[("word/document.xml", outside.as_bytes())])?),
        file("corners.xlsx", xlsx(corner)?),
        file("named.xlsx", xlsx(&named)?),
        file("wild.xlsx", xlsx(wild)?),
        file("repeated.ods", zipped(&[("content.xml", repeated.as_bytes())])?),
        file("spaces.odt", zipped(&[("content.xml", spaces.as_bytes())])?),
        file("many.epub", epub(&many)?),
        file("climbing.zip", zipped(&[("../../../../etc/passwd", b"x"), ("/etc/shadow", b"x"), ("a\nb", b"x")])?),
        file(
            "itself.epub",
            zipped(&[("META-INF/container.xml", b"<rootfile full-path=\"META-INF/container.xml\"/>")])?,
        ),
    ])
}

fn pdfs() -> Files {
    let catalog = || "<< /Type /Catalog /Pages 2 0 R >>".to_string();
    let page = |more: &str| format!("<< /Type /Page /Parent 2 0 R {more} >>");
    let stream =
        |head: &str, content: &str| format!("<< {head} /Length {} >>\nstream\n{content}\nendstream", content.len());
    let one_page = || "<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 612 792] >>".to_string();
    let circle =
        pdf_of(&[catalog(), "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 99999999 /Parent 2 0 R >>".into()], "");
    let form = pdf_of(
        &[
            catalog(),
            one_page(),
            page("/Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >>"),
            stream("", "/X Do"),
            stream(
                "/Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /XObject << /X 5 0 R >> >>",
                "/X Do /X Do",
            ),
        ],
        "",
    );
    let reference = pdf_of(&[catalog(), one_page(), page("/Contents 4 0 R"), "5 0 R".into(), "4 0 R".into()], "");
    let lengths = pdf_of(
        &[catalog(), one_page(), page("/Contents 4 0 R"), "<< /Length 4 0 R >>\nstream\nBT ET\nendstream".into()],
        "",
    );
    let function = "<< /FunctionType 4 /Domain [0 1] /Range [0 1] /Length 200002 >>\nstream\n".to_string()
        + &"{".repeat(200_000)
        + "\nendstream";
    let hungry = pdf_of(
        &[
            catalog(),
            one_page(),
            page("/Contents 4 0 R"),
            stream("/Filter [/ASCIIHexDecode /LZWDecode /FlateDecode]", "ff00ff00>"),
        ],
        "",
    );
    let pages: String = (0..20_000).map(|_| "3 0 R ").collect();
    let many = pdf_of(
        &[
            catalog(),
            format!("<< /Type /Pages /Kids [{pages}] /Count 20000 /MediaBox [0 0 9 9] >>"),
            page("/Contents 4 0 R"),
            stream("", "BT ET"),
        ],
        "",
    );
    let huge_table = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\nxref\n0 4294967295\n0000000000 65535 f \ntrailer\n<< /Size 4294967295 /Root 1 0 R >>\nstartxref\n45\n%%EOF\n";
    let previous =
        b"%PDF-1.4\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 /Root 1 0 R /Prev 9 >>\nstartxref\n9\n%%EOF\n";
    vec![
        file("circle.pdf", circle),
        file("form.pdf", form),
        file("reference.pdf", reference),
        file("lengths.pdf", lengths),
        file("function.pdf", pdf_of(&[catalog(), one_page(), page(""), function], "")),
        file("hungry.pdf", hungry),
        file("many-pages.pdf", many),
        file("huge-table.pdf", huge_table.to_vec()),
        file("previous.pdf", previous.to_vec()),
        file("deep-arrays.pdf", pdf_of(&[catalog(), one_page(), page(&format!("/X {}", "[".repeat(500_000)))], "")),
        file(
            "deep-dictionaries.pdf",
            pdf_of(&[catalog(), one_page(), page(&format!("/X {}", "<</A ".repeat(300_000)))], ""),
        ),
        file("deep-strings.pdf", pdf(&format!("BT ({}", "(".repeat(500_000)))),
        file("states.pdf", pdf(&"q ".repeat(500_000))),
        file("numbers.pdf", pdf(&format!("BT /F1 1e999 Tf {} Td (x) Tj ET", "9".repeat(100_000)))),
        file("texts.pdf", pdf(&format!("BT /F1 12 Tf {} ET", "(word) Tj ".repeat(200_000)))),
    ]
}

fn mails() -> Files {
    let head = "From: a@example.org\nTo: b@example.org\nSubject: s\nDate: Sat, 14 Mar 2026 10:30:00 +0100\n";
    let parts: String = (0..400).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
    let attached: String =
        (0..3000).map(|n| format!("--b\nContent-Type: text/plain; name=\"{n}.txt\"\n\nx\n")).collect();
    vec![
        file("deep.eml", format!("Subject: Deep\n{}text", "Content-Type: message/rfc822\n\n".repeat(50_000))),
        file("deep-parts.eml", format!("{head}{parts}text")),
        file("many-parts.eml", format!("{head}Content-Type: multipart/mixed; boundary=b\n\n{attached}--b--\n")),
        file("many-headers.eml", format!("{head}{}\ntext", "X-Header: value\n".repeat(200_000))),
        file("long-header.eml", format!("{head}X-Long: {}\n\ntext", "word ".repeat(1_000_000))),
        file("many-recipients.eml", format!("{head}Cc: {}\n\ntext", "a@example.org, ".repeat(200_000))),
        file("no-boundary.eml", format!("{head}Content-Type: multipart/mixed\n\ntext")),
        file("base64.eml", format!("{head}Content-Transfer-Encoding: base64\n\n{}", "!!!=".repeat(100_000))),
        file("words.eml", format!("Subject: {}\nFrom: a@b.c\n\ntext", "=?utf-8?B?4pyT?= ".repeat(50_000))),
        file("folder.mbox", "From a\n\n".repeat(100_000)),
        file(
            "dates.ics",
            format!(
                "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\nDTSTART:99999999T999999\nDURATION:P{}D\nRRULE:FREQ=DAILY;COUNT=99999999999\nEND:VEVENT\nEND:VCALENDAR\n",
                "9".repeat(50)
            ),
        ),
    ]
}

fn long_lines() -> Files {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    vec![
        file("line.txt", "word ".repeat(2_000_000)),
        file("line-no-space.txt", "x".repeat(8_000_000)),
        file("line.md", format!("# {}", "word ".repeat(1_000_000))),
        file("line.csv", "cell,".repeat(1_000_000)),
        file("line.html", format!("<p>{}", "word ".repeat(1_000_000))),
        file("line.json", format!("[{}1]", "\"word\",".repeat(500_000))),
        file("line.py", format!("x = [{}]", "1, ".repeat(1_000_000))),
        file("line.srt", format!("1\n00:00:01,000 --> 00:00:02,000\n{}", "word ".repeat(500_000))),
        file("quote.csv", format!("a,b\n\"{}", "never closed\n".repeat(200_000))),
        file("utf16-no-mark.txt", utf16(&"Words in two bytes each, without a mark.\n".repeat(50))),
        file("utf16-odd.txt", [utf16("\u{feff}Words and half a character"), vec![b'x']].concat()),
        file("halves.txt", [vec![0xff, 0xfe], [0x00, 0xd8].repeat(2000)].concat()),
        file("controls.txt", "\u{1b}[31mred\u{1b}[0m \u{202e}backwards\u{200b}\n".repeat(1000)),
        file("accents.txt", format!("a{}", "\u{301}".repeat(200_000))),
        file("newlines.txt", "\n".repeat(5_000_000) + "end"),
        file("returns.txt", "\r".repeat(1_000_000) + "end"),
    ]
}

fn media() -> Files {
    let directory = |next: u32| {
        let head = b"Exif\0\0II*\0\x08\0\0\0".to_vec();
        let entry = b"\x02\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x0e\x01\x02\0\xff\xff\xff\xff\x08\0\0\0".to_vec();
        let exif = [head, entry, next.to_le_bytes().to_vec()].concat();
        [b"\xff\xd8\xff\xe1".to_vec(), (exif.len() as u16 + 2).to_be_bytes().to_vec(), exif, b"\xff\xd9".to_vec()]
            .concat()
    };
    vec![
        file("circle.jpg", directory(8)),
        file("far.jpg", directory(u32::MAX)),
        file("chunk.png", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXtTitle\0x".to_vec()),
        file("size.mp3", b"ID3\x04\0\0\x7f\x7f\x7f\x7fTIT2\x7f\x7f\x7f\x7f\0\0\x03x".to_vec()),
        file("zeros.mp3", [b"ID3\x03\0\0\0\0\x7f\x7f".to_vec(), b"TIT2\0\0\0\0\0\0".repeat(1000)].concat()),
        file("size.flac", b"fLaC\x84\xff\xff\xff".to_vec()),
        file("count.ogg", [b"OggS".to_vec(), vec![0; 22], vec![255]].concat()),
        file("atoms.m4a", b"\0\0\0\x08ftyp".repeat(20_000)),
        file("deep.m4a", [b"\0\0\0\x08ftyp".to_vec(), b"\0\xff\xff\xffmoov".repeat(50_000)].concat()),
        file("size.tar", super::bombs::tar_header("a.txt", 0o777_7777_7777).to_vec()),
        file("many.tar", super::bombs::tar_header("a.txt", 0).repeat(30_000)),
    ]
}
