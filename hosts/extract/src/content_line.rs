//! Content lines, the common ground of iCalendar (RFC 5545) and vCard (RFC 2426, 6350):
//! `group.NAME;PARAM=value:value`, folded over lines.
//!
//! Must not know: what any property means.

use crate::text::lines;

/// Values longer than this are pictures and keys, not text, in bytes.
const LONGEST: usize = 64 << 10;

/// One property.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentLine {
    /// 1-based line of the source where it starts.
    pub line: u32,
    /// In upper case, without its group.
    pub name: String,
    /// Parameters; names in upper case. vCard 2.1's bare values have an empty name.
    pub params: Vec<(String, String)>,
    /// As written, still escaped; empty when too long to be text.
    pub value: String,
}

/// All properties of a text; what is none is left out.
pub fn parse(text: &str) -> Vec<ContentLine> {
    let mut found = Vec::new();
    let mut logical = String::new();
    let mut start = 0;
    let mut soft_break = false;
    for line in lines(text) {
        let folded = line.text.strip_prefix([' ', '\t']);
        match folded.filter(|_| start > 0).or(Some(line.text).filter(|_| soft_break)) {
            Some(rest) => logical.push_str(rest),
            None => {
                found.extend(split(&logical, start));
                logical.clear();
                logical.push_str(line.text);
                start = line.number;
            }
        }
        soft_break = strip_soft_break(&mut logical);
    }
    found.extend(split(&logical, start));
    found
}

/// vCard 2.1 continues quoted-printable values over lines that end in `=`.
fn strip_soft_break(logical: &mut String) -> bool {
    let soft = logical.ends_with('=')
        && logical.split_once(':').is_some_and(|(head, _)| head.to_ascii_uppercase().contains("QUOTED-PRINTABLE"));
    if soft {
        logical.pop();
    }
    soft
}

fn split(logical: &str, line: u32) -> Option<ContentLine> {
    let colon = unquoted(logical, ':')?;
    let mut head = split_unquoted(&logical[..colon], ';').into_iter();
    let name = head.next()?.trim();
    let name = name.rsplit_once('.').map_or(name, |(_, name)| name).to_ascii_uppercase();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return None;
    }
    let params: Vec<(String, String)> = head
        .map(|param| match param.split_once('=') {
            Some((key, value)) => (key.trim().to_ascii_uppercase(), value.trim().trim_matches('"').to_string()),
            None => (String::new(), param.trim().to_string()),
        })
        .collect();
    let raw = &logical[colon + 1..];
    let mut made = ContentLine { line, name, params, value: String::new() };
    if raw.len() <= LONGEST && !made.is_encoded("B") && !made.is_encoded("BASE64") {
        made.value = if made.is_encoded("QUOTED-PRINTABLE") { quoted_printable(raw) } else { raw.into() };
    }
    Some(made)
}

impl ContentLine {
    /// The value as text.
    pub fn text(&self) -> String {
        unescape(&self.value)
    }

    /// The value's parts as text, split at this separator.
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
        parts.iter().map(|part| unescape(part).trim().to_string()).collect()
    }

    /// The first value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn is_encoded(&self, encoding: &str) -> bool {
        let matches = |(key, value): &(String, String)| {
            matches!(key.as_str(), "ENCODING" | "") && value.eq_ignore_ascii_case(encoding)
        };
        self.params.iter().any(matches)
    }
}

fn unescape(value: &str) -> String {
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

fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == wanted && !quoted).then_some(at)
    })
}

fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = unquoted(rest, separator) {
        parts.push(&rest[..at]);
        rest = &rest[at + 1..];
    }
    parts.push(rest);
    parts
}

fn quoted_printable(raw: &str) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |b: u8| (b as char).to_digit(16);
        match (first, tail) {
            (b'=', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push((hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0)) as u8);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => encoding_rs::WINDOWS_1252.decode(error.as_bytes()).0.into_owned(),
    }
}

/// A value on one line: calendars write paragraphs into descriptions.
pub fn one_line(text: &str) -> String {
    let parts: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect();
    let mut joined = String::new();
    for part in parts {
        if !joined.is_empty() {
            joined.push_str(if joined.ends_with(['.', '!', '?', ':', ';', ',', '。', '！', '？']) {
                " "
            } else {
                "; "
            });
        }
        joined.push_str(&part);
    }
    joined
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn folded_quoted_and_escaped_lines() {
        let text = "BEGIN:VCARD\nitem1.TEL;TYPE=\"voice;x:y\";PREF=1:+351 1\nNOTE:one\\, two\\n\n  three\\;four\nnothing\nN:a\\;b;c\n";
        let found = parse(text);
        assert_eq!(found.len(), 4);
        assert_eq!((found[1].name.as_str(), found[1].param("TYPE"), found[1].line), ("TEL", Some("voice;x:y"), 2));
        assert_eq!((found[2].text().as_str(), found[2].line), ("one, two\n three;four", 3));
        assert_eq!((found[3].parts(';'), found[3].line), (vec!["a;b".to_string(), "c".into()], 6));
    }

    #[test]
    fn quoted_printable_goes_over_lines_and_pictures_are_dropped() {
        let text =
            "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg=\n M=\nller\nPHOTO;ENCODING=b:AAAA\nTEL;HOME:1\n";
        let found = parse(text);
        assert_eq!(found[0].text(), "JörgMller");
        assert_eq!(found[1].value, "");
        assert_eq!((found[2].value.as_str(), found[2].line), ("1", 5));
    }
}
