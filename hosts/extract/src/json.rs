//! JSON: each value next to its name, grouped by the object it stands in, with its pointer (RFC 6901) and its line.
//!
//! A scanner of its own: it needs lines, it must not recurse, and half a file is better than none.

use crate::draft::Draft;

/// Text of one block, in bytes, beyond which the next object begins a new one.
const ENOUGH: usize = 900;
/// A single value longer than this is cut, in bytes; data, not text, has such.
const MAX_VALUE: usize = 20_000;
/// Values inside values whose names are kept; deeper ones are read without.
const MAX_DEPTH: usize = 64;
/// More lines than this between two values keep them apart.
const WIDEST_GAP: u32 = 8;

/// Reads JSON, or JSON lines.
pub fn extract(text: &str, draft: &mut Draft) {
    Scanner { text, at: 0, line: 1, path: Vec::new(), too_deep: 0, key: None, open: Block::default() }.run(draft);
}

#[derive(Default)]
struct Block {
    text: String,
    line: u32,
    line_of_last: u32,
    first: String,
    last: String,
}

/// A container that is open: an array counts its values, an object knows the present one's name.
enum Step {
    Array(usize),
    Object(String),
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    path: Vec<Step>,
    /// Containers below [`MAX_DEPTH`].
    too_deep: usize,
    /// A string of an object that may turn out to be a name.
    key: Option<(String, u32)>,
    open: Block,
}

impl Scanner<'_> {
    fn run(mut self, draft: &mut Draft) {
        while let Some(byte) = self.text.as_bytes().get(self.at).copied() {
            match byte {
                b'\n' => {
                    self.line += 1;
                    self.at += 1;
                }
                b'{' | b'[' => self.enter(byte, draft),
                b'}' | b']' => self.leave(draft),
                b',' => self.next(draft),
                b':' => {
                    self.name();
                    self.at += 1;
                }
                b'"' => self.string(draft),
                byte if byte.is_ascii_whitespace() => self.at += 1,
                _ => self.bare(draft),
            }
            if draft.is_full() {
                return;
            }
        }
        self.unnamed(draft);
        self.write(draft);
    }

    fn enter(&mut self, byte: u8, draft: &mut Draft) {
        self.at += 1;
        if self.path.is_empty() || self.open.text.len() > ENOUGH {
            self.write(draft);
        }
        match self.path.len() < MAX_DEPTH {
            true if byte == b'{' => self.path.push(Step::Object(String::new())),
            true => self.path.push(Step::Array(0)),
            false => self.too_deep += 1,
        }
    }

    fn leave(&mut self, draft: &mut Draft) {
        self.at += 1;
        self.unnamed(draft);
        if self.too_deep > 0 {
            self.too_deep -= 1;
        } else {
            self.path.pop();
        }
        // The entries of a list are what is looked for, so that long ones stay apart.
        if self.open.text.len() > ENOUGH || self.path.is_empty() {
            self.write(draft);
        }
    }

    fn next(&mut self, draft: &mut Draft) {
        self.at += 1;
        self.unnamed(draft);
        if self.too_deep == 0
            && let Some(Step::Array(count)) = self.path.last_mut()
        {
            *count += 1;
        }
    }

    /// The string before a colon was a name.
    fn name(&mut self) {
        if let Some((name, _)) = self.key.take()
            && self.too_deep == 0
            && let Some(Step::Object(present)) = self.path.last_mut()
        {
            *present = name;
        }
    }

    /// The string before was a value.
    fn unnamed(&mut self, draft: &mut Draft) {
        if let Some((value, line)) = self.key.take() {
            self.value(&value, line, draft);
        }
    }

    fn string(&mut self, draft: &mut Draft) {
        self.unnamed(draft);
        let line = self.line;
        let body = &self.text[self.at + 1..];
        let (mut escaped, mut end) = (false, body.len());
        for (at, byte) in body.bytes().enumerate() {
            match byte {
                b'\n' => self.line += 1,
                b'\\' if !escaped => {
                    escaped = true;
                    continue;
                }
                b'"' if !escaped => {
                    end = at;
                    break;
                }
                _ => {}
            }
            escaped = false;
        }
        self.at = (self.at + end + 2).min(self.text.len());
        self.key = Some((unescaped(crate::draft::floor(&body[..end], MAX_VALUE)), line));
    }

    /// A number, a word, or what does not belong here.
    fn bare(&mut self, draft: &mut Draft) {
        self.unnamed(draft);
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| c.is_whitespace() || "{}[],:\"".contains(c)).unwrap_or(rest.len()).max(1);
        let end = (end..=rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let value = crate::draft::floor(&rest[..end], MAX_VALUE);
        let line = self.line;
        self.at += end;
        if value != "null" {
            self.value(value, line, draft);
        }
    }

    fn value(&mut self, value: &str, line: u32, draft: &mut Draft) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let pointer = self.pointer();
        let gap = line.saturating_sub(self.open.line_of_last);
        if self.open.text.len() + value.len() > 3 * ENOUGH || gap > WIDEST_GAP {
            self.write(draft);
        }
        // As many line breaks as in the file, so that lines can be counted in the block.
        match gap {
            _ if self.open.text.is_empty() => {
                self.open.line = line;
                self.open.first.clone_from(&pointer);
            }
            0 => self.open.text.push_str("; "),
            gap => (0..gap).for_each(|_| self.open.text.push('\n')),
        }
        self.open.line_of_last = line;
        let name = self.path.iter().rev().find_map(|step| match step {
            Step::Object(name) if !name.is_empty() => Some(name.as_str()),
            _ => None,
        });
        if let Some(name) = name {
            self.open.text.push_str(name);
            self.open.text.push_str(": ");
        }
        self.open.text.push_str(value);
        self.open.last = pointer;
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            pointer.push('/');
            match step {
                Step::Array(at) => pointer.push_str(&at.to_string()),
                Step::Object(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
            }
        }
        pointer
    }

    fn write(&mut self, draft: &mut Draft) {
        let block = std::mem::take(&mut self.open);
        let before = draft.count();
        draft.paragraph(&block.text, block.line);
        draft.span(before, &block.first, &block.last);
    }
}

/// A string's characters, its escapes resolved.
fn unescaped(raw: &str) -> String {
    if !raw.contains('\\') {
        return raw.to_string();
    }
    let (mut out, mut chars, mut half) = (String::with_capacity(raw.len()), raw.chars(), None);
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            // A line of the block is a line of the file, so that a value stays on one.
            Some('n' | 'r' | 't' | 'b' | 'f') => out.push(' '),
            None => {}
            Some('u') => {
                let hex: String = chars.clone().take(4).collect();
                let Ok(unit) = u16::from_str_radix(&hex, 16) else { continue };
                chars.nth(3);
                match (half.take(), unit) {
                    (None, 0xd800..0xdc00) => half = Some(unit),
                    (high, low) => {
                        out.extend(char::decode_utf16(high.into_iter().chain([low])).map(|c| c.unwrap_or('\u{fffd}')));
                    }
                }
            }
            Some(c) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hob_link::extract::Block;

    fn read(text: &str) -> Vec<Block> {
        let mut draft = Draft::new("data", 1 << 20);
        extract(text, &mut draft);
        draft.finish().blocks
    }

    #[test]
    fn values_stand_by_their_names_with_pointer_and_line() {
        let blocks = read(
            "{\n \"name\": \"Caf\\u00e9 \\ud83d\\ude00\",\n \"open\": true, \"gone\": null,\n \"tags\": [\"a\", \"b/c\"],\n \"x/y\": {\"z\": 1.5}\n}\n",
        );
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].text, "name: Café 😀\nopen: true\ntags: a; tags: b/c\nz: 1.5");
        assert_eq!((blocks[0].line, blocks[0].span.clone()), (2, Some(("/name".into(), "/x~1y/z".into()))));
    }

    #[test]
    fn long_lists_and_lines_of_json_come_apart() {
        let items: Vec<String> =
            (0..40).map(|n| format!("{{\"id\": {n}, \"text\": \"{}\"}}", "word ".repeat(50))).collect();
        let blocks = read(&format!("[\n{}\n]", items.join(",\n")));
        assert!(blocks.len() > 5);
        for block in &blocks {
            assert!(block.text.starts_with(&format!("id: {}; text", block.line - 2)), "line {}", block.line);
            assert_eq!(block.span.as_ref().map(|(first, _)| first.clone()), Some(format!("/{}/id", block.line - 2)));
        }
        let lines = read("{\"a\": 1}\n{\"a\": 2}\n");
        assert_eq!(lines.iter().map(|b| (b.line, b.text.as_str())).collect::<Vec<_>>(), [(1, "a: 1"), (2, "a: 2")]);
    }

    #[test]
    fn depth_and_damage_end() {
        assert_eq!(read(&"[".repeat(1_000_000)).len(), 0);
        assert_eq!(read(&format!("{}7{}", "[".repeat(100_000), "]".repeat(100_000)))[0].text, "7");
        assert_eq!(read("{\"a\": \"never closed")[0].text, "a: never closed");
        assert_eq!(read("]}]{\"a\" 5 é:").len(), 1);
    }
}
