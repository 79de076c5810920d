//! Where the body of a call ends, found character by character.
//!
//! Owns: just enough of each notation to tell a body's end and what can't be one. Must not know:
//! what a body means; [`super::calls`] reads it once it is complete.

/// Deepest nesting; no real call comes near, and readers of JSON refuse 128.
const MOST_DEPTH: usize = 64;
/// Longest name, with whatever else stands before the arguments.
const MOST_HEAD: usize = 256;
/// Keys with which the object of a call may begin.
const FIRST_KEYS: [&str; 7] = ["name", "arguments", "parameters", "args", "function", "type", "id"];

/// What a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JSON, Python calls or a `<function…>` element, told apart by their first characters.
    Any,
    /// JSON, or a name, `[ARGS]` and the arguments.
    Named,
    /// JSON, or `call:name{key:value}` with strings between these quotes.
    Keyed(&'static str),
    /// A name, more of a message's head, `<|message|>` and the arguments.
    Addressed,
}

/// What a character is to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Part of it.
    More,
    /// Its last one.
    Done,
    /// Not part of any body: what came so far was none.
    Bad,
}

use Verdict::{Bad, Done, More};

/// A body being read.
#[derive(Debug)]
pub struct Scan {
    kind: Kind,
    stage: Stage,
    nest: Nest,
    /// The name or tag that is being read.
    head: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    /// After the bracket of a list, which may hold JSON or Python.
    List,
    /// A name.
    Head,
    /// `[ARGS]` or `[CALL_ID]`.
    Label,
    /// White space before arguments.
    Arguments,
    Nested,
    /// An element up to `</function>`.
    Tagged,
}

impl Scan {
    /// Before the first character.
    pub fn new(kind: Kind) -> Self {
        Self { kind, stage: Stage::Start, nest: Nest::default(), head: String::new() }
    }

    /// Takes the next character.
    pub fn take(&mut self, c: char) -> Verdict {
        match self.stage {
            Stage::Nested => self.nest.take(c),
            Stage::Tagged => self.tagged(c),
            Stage::Start => self.start(c),
            Stage::List => self.list(c),
            Stage::Head => self.head(c),
            Stage::Label => self.label(c),
            Stage::Arguments if c.is_whitespace() => More,
            Stage::Arguments if c == '{' => self.nested(Style::Json { call: false }, c),
            Stage::Arguments => Bad,
        }
    }

    fn start(&mut self, c: char) -> Verdict {
        match (c, self.kind) {
            (c, _) if c.is_whitespace() => More,
            ('{', Kind::Any | Kind::Named | Kind::Keyed(_)) => self.nested(Style::Json { call: true }, c),
            ('[', Kind::Any | Kind::Named | Kind::Keyed(_)) => {
                self.stage = Stage::List;
                More
            }
            ('<', Kind::Any) => {
                self.stage = Stage::Tagged;
                self.tagged(c)
            }
            (c, _) if is_name(c) => {
                self.stage = Stage::Head;
                self.head(c)
            }
            _ => Bad,
        }
    }

    fn list(&mut self, c: char) -> Verdict {
        match c {
            c if c.is_whitespace() => More,
            '{' | ']' => {
                self.nested(Style::Json { call: true }, '[');
                self.nest.take(c)
            }
            c if is_name(c) && self.kind == Kind::Any => {
                self.nested(Style::Python, '[');
                self.stage = Stage::Head;
                self.head(c)
            }
            _ => Bad,
        }
    }

    fn head(&mut self, c: char) -> Verdict {
        if self.head.len() > MOST_HEAD {
            return Bad;
        }
        match (c, self.kind) {
            ('(', Kind::Any) => self.nested(Style::Python, c),
            ('{', Kind::Named) => self.nested(Style::Json { call: false }, c),
            ('[', Kind::Named) => self.begin(Stage::Label),
            ('{', Kind::Keyed(quote)) if self.head.len() > "call:".len() => self.nested(Style::Keyed(quote), c),
            (c, Kind::Keyed(_)) if is_name(c) || c == ':' => {
                self.head.push(c);
                let fits = self.head.starts_with("call:") || "call:".starts_with(self.head.as_str());
                if fits { More } else { Bad }
            }
            (c, Kind::Addressed) => {
                self.head.push(c);
                if self.head.ends_with("<|message|>") { self.begin(Stage::Arguments) } else { More }
            }
            (c, Kind::Any | Kind::Named) if is_name(c) => {
                self.head.push(c);
                More
            }
            (' ', Kind::Named) => More,
            _ => Bad,
        }
    }

    fn label(&mut self, c: char) -> Verdict {
        if c != ']' {
            self.head.push(c);
            let fits = ["ARGS", "CALL_ID"].iter().any(|label| label.starts_with(self.head.as_str()));
            return if fits { More } else { Bad };
        }
        match self.head.as_str() {
            "ARGS" => self.begin(Stage::Arguments),
            "CALL_ID" => self.begin(Stage::Head),
            _ => Bad,
        }
    }

    fn tagged(&mut self, c: char) -> Verdict {
        const OPENS: [&str; 2] = ["<function=", "<function name="];
        const CLOSES: &str = "</function>";
        self.head.push(c);
        let fits = |opens: &&str| opens.starts_with(self.head.as_str()) || self.head.starts_with(*opens);
        if self.head.len() <= OPENS[1].len() && !OPENS.iter().any(fits) {
            return Bad;
        }
        if self.head.len() > MOST_HEAD {
            // Only its end is looked at from here on.
            let keep = self.head.char_indices().rev().nth(CLOSES.len()).map_or(0, |(at, _)| at);
            self.head.drain(..keep);
        }
        if self.head.ends_with(CLOSES) { Done } else { More }
    }

    fn begin(&mut self, stage: Stage) -> Verdict {
        self.stage = stage;
        self.head.clear();
        More
    }

    fn nested(&mut self, style: Style, c: char) -> Verdict {
        self.stage = Stage::Nested;
        self.nest.style = style;
        self.nest.take(c)
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Json {
        /// It is the object of a call or a list of these, not arguments.
        call: bool,
    },
    Python,
    Keyed(&'static str),
}

/// Brackets within brackets, and strings, in which brackets mean nothing.
#[derive(Debug)]
struct Nest {
    style: Style,
    open: Vec<char>,
    /// The quote of the string that is being read.
    string: Option<char>,
    escaped: bool,
    /// Characters of a longer quote seen so far.
    matched: usize,
    /// The first string, until it is complete.
    first: Option<String>,
}

impl Default for Nest {
    fn default() -> Self {
        let style = Style::Json { call: true };
        Self { style, open: Vec::new(), string: None, escaped: false, matched: 0, first: Some(String::new()) }
    }
}

impl Nest {
    fn take(&mut self, c: char) -> Verdict {
        if let Style::Keyed(quote) = self.style {
            return self.keyed(c, quote);
        }
        let Some(quote) = self.string else { return self.outside(c) };
        if self.escaped {
            self.escaped = false;
        } else if c == '\\' {
            self.escaped = true;
        } else if c == quote {
            self.string = None;
            return self.end_of_string();
        }
        if let Some(first) = self.first.as_mut().filter(|first| first.len() < MOST_HEAD) {
            first.push(c);
        }
        More
    }

    /// The first string of a call's JSON is a key, and not any key.
    fn end_of_string(&mut self) -> Verdict {
        let first = self.first.take();
        match self.style {
            Style::Json { call: true } if first.is_some_and(|key| !FIRST_KEYS.contains(&key.as_str())) => Bad,
            _ => More,
        }
    }

    fn outside(&mut self, c: char) -> Verdict {
        let python = self.style == Style::Python;
        match c {
            '"' => self.string = Some(c),
            '\'' if python => self.string = Some(c),
            '(' if !python => return Bad,
            '{' | '[' | '(' | '}' | ']' | ')' => return self.bracket(c),
            ',' | ':' | '+' | '-' | '.' => {}
            '=' | '_' if python => {}
            c if c.is_ascii_alphanumeric() || c.is_ascii_whitespace() => {}
            _ => return Bad,
        }
        More
    }

    fn keyed(&mut self, c: char, quote: &str) -> Verdict {
        if quote[self.matched..].starts_with(c) {
            self.matched += c.len_utf8();
            if self.matched == quote.len() {
                self.matched = 0;
                self.string = if self.string.is_some() { None } else { Some(c) };
            }
            return More;
        }
        // No quote starts twice with the same character, so a failed match starts over here.
        self.matched = if quote.starts_with(c) { c.len_utf8() } else { 0 };
        match c {
            '{' | '[' | '}' | ']' if self.string.is_none() => self.bracket(c),
            _ => More,
        }
    }

    fn bracket(&mut self, c: char) -> Verdict {
        let opened_by = match c {
            '}' => '{',
            ']' => '[',
            ')' => '(',
            _ if self.open.len() == MOST_DEPTH => return Bad,
            _ => {
                self.open.push(c);
                return More;
            }
        };
        match self.open.pop() {
            Some(open) if open == opened_by && self.open.is_empty() => Done,
            Some(open) if open == opened_by => More,
            _ => Bad,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters up to the verdict, and the verdict.
    fn scan(kind: Kind, text: &str) -> (usize, Verdict) {
        let mut scan = Scan::new(kind);
        for (at, c) in text.chars().enumerate() {
            match scan.take(c) {
                More => {}
                end => return (at, end),
            }
        }
        (text.chars().count(), More)
    }

    fn ends_at_its_end(kind: Kind, body: &str) {
        let last = body.chars().count() - 1;
        assert_eq!(scan(kind, &format!("{body}}}])</function>")), (last, Done), "{body}");
    }

    #[test]
    fn a_body_ends_where_its_notation_says() {
        for body in [
            r#" {"name": "a", "arguments": {"x": [1, "}]"], "y": "\"}"}}"#,
            r#"[{"name": "a"}, {"name": "b"}]"#,
            "[ ]",
            r#"[f(a="]", b=')', c={'k': [1.5, None]}), g()]"#,
            "f(a=-1)",
            "<function=f>\n<parameter=a>\n{\n</parameter>\n</function>",
            "<function name=\"f\"></function>",
        ] {
            ends_at_its_end(Kind::Any, body);
        }
        for body in [r#"f[ARGS]{"a": "}"}"#, r#" f[CALL_ID]a1[ARGS] {"a": {}}"#, r#"f{"a": 1}"#, r#"[{"name": "f"}]"#] {
            ends_at_its_end(Kind::Named, body);
        }
        ends_at_its_end(Kind::Keyed("<|\"|>"), r#"call:f{a:<|"|>}"<|<|"|>,b:[{c:1}]}"#);
        ends_at_its_end(Kind::Keyed("<escape>"), "call:f{}");
        ends_at_its_end(Kind::Keyed("<escape>"), r#"{"name": "f"}"#);
        ends_at_its_end(Kind::Addressed, r#"f <|constrain|>json<|message|>{"a": "<|call|>"}"#);
    }

    #[test]
    fn what_is_no_body_is_refused_at_once() {
        for (text, at) in [
            ("<tool_call>", 1),
            ("<functions>", 9),
            (" is a tag", 3),
            (r#"{"city": 1}"#, 6),
            (r#"["a"]"#, 1),
            ("[1] b", 2),
            ("[link](x)", 5),
            ("{'name': 1}", 1),
            (r#"{"name"; 1}"#, 7),
            (r#"{"name": 1]"#, 10),
            ("é", 0),
        ] {
            assert_eq!(scan(Kind::Any, text), (at, Bad), "{text}");
        }
        assert_eq!(scan(Kind::Named, "f[XRGS]{").1, Bad);
        assert_eq!(scan(Kind::Keyed("<escape>"), "calm:").1, Bad);
        assert_eq!(scan(Kind::Addressed, "f<|message|>x").1, Bad);
        assert_eq!(scan(Kind::Addressed, &"f".repeat(1000)).1, Bad);
        assert_eq!(scan(Kind::Any, &"[".repeat(1000)).1, Bad);
        assert_eq!(scan(Kind::Any, &format!("{{\"name\": {}", "[".repeat(1000))), (9 + MOST_DEPTH - 1, Bad));
    }
}
