//! Content lines, which iCalendar (RFC 5545) and vCard (RFC 6350) share: `group.NAME;PARAM=value:value`, folded over
//! lines of the file.
//!
//! Owns: the way from bytes to properties. Must not know: what any property means. Any bytes are read without an error;
//! what is no content line is left out.

/// Longest content line that is text, in bytes; longer ones are pictures and keys, and lose their value.
const LONGEST: usize = 64 << 10;
/// Bytes at the start of a line in which its parameters are looked for.
const HEAD: usize = 1 << 10;

/// One property.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// In upper case, without its group.
    pub name: String,
    /// Parameters, their names in upper case. The bare values of vCard 2.1 have an empty name.
    pub parameters: Vec<(String, String)>,
    /// As written, still escaped; empty when it was too long.
    pub value: String,
}

impl Line {
    fn parse(logical: Vec<u8>) -> Option<Self> {
        let cut = logical.len() > LONGEST;
        let text = decoded(logical);
        let colon = unquoted(&text, ':')?;
        let mut head = split(&text[..colon], ';').into_iter();
        let name = head.next()?.trim();
        let name = name.rsplit_once('.').map_or(name, |(_, name)| name).to_ascii_uppercase();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return None;
        }
        let parameter = |part: &str| match part.split_once('=') {
            Some((key, value)) => (key.trim().to_ascii_uppercase(), value.trim().trim_matches('"').to_string()),
            None => (String::new(), part.trim().to_string()),
        };
        let mut line = Self { name, parameters: head.map(parameter).collect(), value: String::new() };
        if !cut && !line.is_encoded("B") && !line.is_encoded("BASE64") {
            let raw = &text[colon + 1..];
            line.value = if line.is_encoded("QUOTED-PRINTABLE") { quoted_printable(raw) } else { raw.into() };
        }
        Some(line)
    }

    /// The first value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value as text on one line.
    pub fn text(&self) -> String {
        one_line(&unescaped(&self.value))
    }

    /// The value's parts, cut at this sign where it is not escaped; each as text on one line.
    pub fn parts(&self, separator: char) -> Vec<String> {
        let mut parts = vec![String::new()];
        let mut escaped = false;
        for c in self.value.chars() {
            if c == separator && !escaped {
                parts.push(String::new());
                continue;
            }
            escaped = c == '\\' && !escaped;
            if let Some(part) = parts.last_mut() {
                part.push(c);
            }
        }
        parts.iter().map(|part| one_line(&unescaped(part))).collect()
    }

    fn is_encoded(&self, encoding: &str) -> bool {
        let says = |(key, value): &(String, String)| {
            matches!(key.as_str(), "ENCODING" | "") && value.eq_ignore_ascii_case(encoding)
        };
        self.parameters.iter().any(says)
    }
}

/// The content lines of a file.
pub struct Lines<'b> {
    rest: &'b [u8],
}

impl<'b> Lines<'b> {
    /// Those of a file's bytes.
    pub fn of(bytes: &'b [u8]) -> Self {
        Self { rest: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) }
    }

    /// The next line as the file has it.
    fn physical(&mut self) -> Option<&'b [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        let line = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// The next line with those that continue it. Folds are undone on bytes, since they may cut a character.
    fn logical(&mut self) -> Option<Vec<u8>> {
        let mut line = self.physical()?.to_vec();
        loop {
            let soft = is_soft_break(&line) && !self.rest.is_empty();
            let folded = matches!(self.rest.first(), Some(b' ' | b'\t'));
            if !soft && !folded {
                return Some(line);
            }
            if soft {
                line.pop();
            }
            let next = self.physical()?;
            // What is too long to be kept is read to its end all the same.
            if line.len() <= LONGEST {
                line.extend_from_slice(if soft { next } else { &next[1..] });
            }
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(line) = Line::parse(self.logical()?) {
                return Some(line);
            }
        }
    }
}

/// vCard 2.1 continues quoted-printable values over lines that end in `=`.
fn is_soft_break(line: &[u8]) -> bool {
    const MARK: &[u8] = b"QUOTED-PRINTABLE";
    if line.last() != Some(&b'=') {
        return false;
    }
    let head = &line[..line.len().min(HEAD)];
    let head = head.split(|byte| *byte == b':').next().unwrap_or_default();
    head.windows(MARK.len()).any(|window| window.eq_ignore_ascii_case(MARK))
}

/// UTF-8, as the formats want it; else Latin-1, which old programs wrote.
fn decoded(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect())
}

fn quoted_printable(raw: &str) -> String {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [first, after @ ..] = rest {
        let pair = match after {
            [high, low, ..] if *first == b'=' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match pair {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    decoded(bytes)
}

fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(other) => text.push(other),
                None => {}
            },
            c => text.push(c),
        }
    }
    text
}

/// A text as a person reads it in a sentence: runs of blanks, breaks and control characters are one blank.
pub fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == wanted && !quoted).then_some(at)
    })
}

fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = unquoted(rest, separator) {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len_utf8()..];
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<Line> {
        Lines::of(text).collect()
    }

    #[test]
    fn folds_groups_quotes_and_escapes() {
        let found = read(
            b"\xef\xbb\xbfBEGIN:VCARD\r\nitem1.TEL;TYPE=\"voice;x:y\";PREF=1:+351 1\r\nNOTE:one\\, two\\n\r\n  three\\;four\\\\n\r\nnothing\r\nn:a\\;b;c\r\n",
        );
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!((found[1].name.as_str(), found[1].parameter("TYPE")), ("TEL", Some("voice;x:y")));
        assert_eq!(found[2].text(), "one, two three;four\\n");
        assert_eq!(found[3].parts(';'), ["a;b", "c"]);
    }

    #[test]
    fn a_fold_may_cut_a_character() {
        let text = "SUMMARY:Café".as_bytes();
        let cut = [&text[..text.len() - 1], b"\r\n ", &text[text.len() - 1..], b"\r\n"].concat();
        assert_eq!(read(&cut)[0].text(), "Café");
    }

    #[test]
    fn what_is_not_utf_8_is_read_as_latin_1_line_by_line() {
        let found = read(b"FN:Jo\xe3o\nNOTE:Caf\xc3\xa9\n");
        assert_eq!((found[0].text().as_str(), found[1].text().as_str()), ("João", "Café"));
    }

    #[test]
    fn quoted_printable_goes_over_lines_and_pictures_are_dropped() {
        let text =
            "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg=\n M=\nller=4\nPHOTO;ENCODING=b:AAAA\nTEL;HOME:1\n";
        let found = read(text.as_bytes());
        assert_eq!(found[0].text(), "Jörg Mller=4");
        assert_eq!((found[1].value.as_str(), found[2].value.as_str()), ("", "1"));
    }

    #[test]
    fn hostile_lines_cost_linear_time_and_bounded_memory() {
        let endless = [b"PHOTO;ENCODING=QUOTED-PRINTABLE:".to_vec(), b"AAAA=\n".repeat(200_000)].concat();
        assert_eq!(read(&endless)[0].value, "");
        let folds = [b"X:".to_vec(), b"\n ".repeat(500_000)].concat();
        assert_eq!(read(&folds).len(), 1);
        for odd in [&b""[..], b"\n\n\n", b":", b";:", b"=\n=", b"A;\"", b"\xff\xfe:\xff", b" x\n y", b"A:\\"] {
            read(odd);
        }
    }
}
