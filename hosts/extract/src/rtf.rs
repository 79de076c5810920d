//! Rich Text Format: its text without its formatting. The reader keeps a stack of its own, so that depth costs memory
//! alone, and that within a limit.

use crate::draft::Draft;
use crate::error::Skip;
use encoding_rs::Encoding;

const WHAT: &str = "RTF document";
/// Groups inside groups.
const MAX_DEPTH: usize = 10_000;

/// Reads an .rtf file.
pub fn extract(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    if !bytes.starts_with(b"{\\rtf") {
        return Err(Skip::broken(WHAT, "it does not begin with {\\rtf"));
    }
    let mut reader = Reader::new(bytes);
    while let Some(byte) = reader.next() {
        match byte {
            b'{' => reader.open()?,
            b'}' => reader.close(draft),
            b'\\' => reader.control(draft),
            b'\r' | b'\n' => {}
            byte => reader.byte(byte),
        }
        if draft.is_full() {
            return Ok(());
        }
    }
    reader.paragraph(draft);
    if draft.is_empty() { Err(Skip::NoText("the document has no text".into())) } else { Ok(()) }
}

/// What a group's text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Body,
    Nothing,
    /// What the document says of itself; only the groups inside it matter.
    Info,
    Title,
    Author,
}

struct Reader<'r> {
    bytes: &'r [u8],
    at: usize,
    /// Of each open group: what its text is for, and how many characters stand in for a Unicode one.
    groups: Vec<(Target, usize)>,
    encoding: &'static Encoding,
    /// Bytes in the document's charset, not decoded yet: characters may have two.
    raw: Vec<u8>,
    text: String,
    field: String,
    /// Characters that stand in for the Unicode one before them.
    skip: usize,
    /// The first half of a character beyond 16 bits.
    half: Option<u16>,
}

impl<'r> Reader<'r> {
    fn new(bytes: &'r [u8]) -> Self {
        let (raw, text, field) = (Vec::new(), String::new(), String::new());
        let groups = vec![(Target::Body, 1)];
        Self { bytes, at: 0, groups, encoding: encoding_rs::WINDOWS_1252, raw, text, field, skip: 0, half: None }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn group(&self) -> (Target, usize) {
        self.groups.last().copied().unwrap_or((Target::Body, 1))
    }

    fn aim(&mut self, target: Target) {
        if let Some(group) = self.groups.last_mut()
            && group.0 != Target::Nothing
        {
            group.0 = target;
        }
    }

    fn open(&mut self) -> Result<(), Skip> {
        self.flush();
        self.skip = 0;
        if self.groups.len() >= MAX_DEPTH {
            return Err(Skip::broken(WHAT, format!("it has more than {MAX_DEPTH} groups inside each other")));
        }
        self.groups.push(self.group());
        Ok(())
    }

    fn close(&mut self, draft: &mut Draft) {
        self.flush();
        self.skip = 0;
        let (target, _) = if self.groups.len() > 1 { self.groups.pop().unwrap_or((Target::Body, 1)) } else { return };
        if target != self.group().0 {
            let field = std::mem::take(&mut self.field);
            match target {
                Target::Title => draft.title(&field),
                Target::Author => draft.author(&field),
                Target::Body | Target::Nothing | Target::Info => {}
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.skip > 0 {
            self.skip -= 1;
        } else {
            self.raw.push(byte);
        }
    }

    /// Decodes what was read so far.
    fn flush(&mut self) {
        if !self.raw.is_empty() {
            let raw = std::mem::take(&mut self.raw);
            let decoded = self.encoding.decode_without_bom_handling(&raw).0.into_owned();
            self.push(&decoded);
        }
    }

    fn push(&mut self, text: &str) {
        match self.group().0 {
            Target::Body => self.text.push_str(text),
            Target::Title | Target::Author => self.field.push_str(text),
            Target::Nothing | Target::Info => {}
        }
    }

    fn paragraph(&mut self, draft: &mut Draft) {
        self.flush();
        let text = std::mem::take(&mut self.text);
        draft.counted(text.trim(), None, false);
    }

    fn control(&mut self, draft: &mut Draft) {
        match self.next() {
            Some(b'\'') => {
                let hex = self.bytes.get(self.at..self.at + 2).and_then(|hex| std::str::from_utf8(hex).ok());
                if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    self.at += 2;
                    self.byte(byte);
                }
            }
            // A group that programs may skip when they don't know it.
            Some(b'*') => self.aim(Target::Nothing),
            Some(b'~') => self.byte(b' '),
            Some(b'_') => self.byte(b'-'),
            Some(literal @ (b'\\' | b'{' | b'}')) => self.byte(literal),
            Some(b'\r' | b'\n') => self.paragraph(draft),
            Some(first) if first.is_ascii_alphabetic() => {
                let (word, number) = self.word();
                self.command(&word, number, draft);
            }
            _ => {}
        }
    }

    /// A control word, whose first letter was read, and its number.
    fn word(&mut self) -> (String, Option<i64>) {
        let from = self.at - 1;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_alphabetic) && self.at - from < 32 {
            self.at += 1;
        }
        let word = String::from_utf8_lossy(&self.bytes[from..self.at]).into_owned();
        let digits = self.at;
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) && self.at - digits < 11 {
            self.at += 1;
        }
        let number = std::str::from_utf8(&self.bytes[digits..self.at]).ok().and_then(|n| n.parse().ok());
        // One space ends the word and is no text.
        if self.bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        (word, number)
    }

    fn command(&mut self, word: &str, number: Option<i64>, draft: &mut Draft) {
        match word {
            "par" | "sect" | "page" | "row" => self.paragraph(draft),
            "line" | "tab" | "cell" | "emdash" | "endash" | "lquote" | "rquote" | "ldblquote" | "rdblquote"
            | "bullet" => {
                self.flush();
                self.push(match word {
                    "line" => "\n",
                    "tab" | "cell" => "\t",
                    "emdash" => "—",
                    "endash" => "–",
                    "lquote" => "‘",
                    "rquote" => "’",
                    "ldblquote" => "“",
                    "rdblquote" => "”",
                    _ => "•",
                });
            }
            "ansicpg" => self.encoding = code_page(number).unwrap_or(self.encoding),
            "uc" => {
                if let Some(group) = self.groups.last_mut() {
                    group.1 = usize::try_from(number.unwrap_or(1)).unwrap_or(1).min(100);
                }
            }
            "u" => self.unicode(number.unwrap_or_default()),
            "bin" => self.at = self.at.saturating_add(usize::try_from(number.unwrap_or_default()).unwrap_or_default()),
            "fonttbl" | "colortbl" | "stylesheet" | "pict" | "object" | "header" | "footer" | "headerl" | "headerr"
            | "footerl" | "footerr" | "themedata" | "datastore" | "fldinst" | "listtable" => self.aim(Target::Nothing),
            "info" => self.aim(Target::Info),
            "title" if self.group().0 == Target::Info => self.aim(Target::Title),
            "author" if self.group().0 == Target::Info => self.aim(Target::Author),
            _ => {}
        }
    }

    /// A character by its number; the next ones stand in for it in programs without Unicode.
    fn unicode(&mut self, number: i64) {
        self.flush();
        let unit = number.rem_euclid(65_536) as u16;
        let units: Vec<u16> = self.half.take().into_iter().chain([unit]).collect();
        if (0xd800..0xdc00).contains(&unit) {
            self.half = Some(unit);
        } else {
            let text: String = char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect();
            self.push(&text);
        }
        self.skip = self.group().1;
    }
}

/// The charset of a Windows code page.
fn code_page(number: Option<i64>) -> Option<&'static Encoding> {
    let label = match number? {
        932 => "shift_jis".to_string(),
        936 => "gbk".to_string(),
        949 => "euc-kr".to_string(),
        950 => "big5".to_string(),
        65001 => "utf-8".to_string(),
        number => format!("windows-{number}"),
    };
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> hob_link::extract::Document {
        let mut draft = Draft::new("document", 10_000);
        extract(text, &mut draft).unwrap();
        draft.finish()
    }

    #[test]
    fn text_comes_without_its_formatting() {
        let doc = read(
            b"{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Arial;}}{\\info{\\title My trip}{\\author Ana}{\\company X}}\n\
            \\pard\\b Caf\\'e9\\b0  in \\u8364?5 {\\*\\unknown gone}here\\par Second \\{line\\}\\tab end\\par}",
        );
        let text: Vec<&str> = doc.blocks.iter().map(|b| b.text.as_str()).collect();
        assert_eq!(text, ["Caf\u{e9} in \u{20ac}5 here", "Second {line}\tend"]);
        assert_eq!((doc.title.as_deref(), doc.author.as_deref()), (Some("My trip"), Some("Ana")));
    }

    #[test]
    fn charsets_surrogates_and_depth() {
        let doc = read(b"{\\rtf1\\ansicpg1251 \\'cf\\'f0\\'e8 \\u-10179?\\u-8704?\\par}");
        assert_eq!(doc.blocks[0].text, "При \u{1f600}");
        let mut draft = Draft::new("document", 100);
        assert!(extract(&[b"{\\rtf1".as_slice(), &[b'{'; 20_000]].concat(), &mut draft).is_err());
    }
}
