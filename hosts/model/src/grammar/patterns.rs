//! Regular expressions of JSON Schema, in the words of the engine that follows them.
//!
//! Owns: the translation from ECMA-262 (sections 22.2.1 and B.1.2) to the syntax of the regex crate.
//! Must not know: schemas.
//!
//! The two dialects look alike but differ in places that would silently let other texts through:
//! `[a&&b]` is an intersection in Rust and three characters in ECMA-262, `\<` starts a word, a group
//! named `stop` is a look-ahead for llguidance. So an expression is read and written again.

use super::limits;
use std::iter::Peekable;
use std::str::Chars;

/// Everything that ECMA-262 calls white space or a line end, for inside `[…]`.
const SPACE: &str =
    r"\t\n\x{0B}\x{0C}\r \x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}";
const DIGIT: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const LINE_ENDS: &str = r"\n\r\x{2028}\x{2029}";

/// Translates an expression. The error says what in it is not supported.
pub fn translate(pattern: &str) -> Result<String, String> {
    let length = pattern.chars().count();
    if length > limits::PATTERN {
        return Err(format!("it has {length} characters, over {}", limits::PATTERN));
    }
    let mut reader =
        Reader { rest: pattern.chars().peekable(), out: String::new(), groups: Vec::new(), last: 1, most: 1 };
    reader.read()?;
    Ok(reader.out)
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    /// For each open group, what counted repeats multiplied to before it.
    groups: Vec<u64>,
    /// What counted repeats multiply to in the last atom, and at most in the group that is read.
    last: u64,
    most: u64,
}

/// One character or one set of a class.
enum Atom {
    Char(char),
    Set(String),
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), String> {
        while let Some(c) = self.rest.next() {
            match c {
                '(' => self.open()?,
                ')' => self.close()?,
                '[' => self.class()?,
                '{' => self.counted()?,
                '*' | '+' | '?' | '|' | '^' | '$' => self.out.push(c),
                '.' => self.atom(&format!("[^{LINE_ENDS}]")),
                '\\' => match self.escape(false)? {
                    Atom::Char(c) => self.char(c)?,
                    Atom::Set(set) => self.atom(&set),
                },
                c => self.char(c)?,
            }
        }
        if self.groups.is_empty() { Ok(()) } else { Err("a group is not closed".into()) }
    }

    fn atom(&mut self, text: &str) {
        self.out.push_str(text);
        self.last = 1;
    }

    fn char(&mut self, c: char) -> Result<(), String> {
        if unspeakable(c) {
            return Err("it asks for a control character, which is not generated".into());
        }
        push_char(&mut self.out, c);
        self.last = 1;
        Ok(())
    }

    /// A group. Names are dropped, since some have a meaning to the engine.
    fn open(&mut self) -> Result<(), String> {
        if self.rest.next_if_eq(&'?').is_some() {
            match self.rest.next() {
                Some(':') => {}
                Some('=' | '!') => return Err("look-ahead is not supported".into()),
                Some('<') => match self.rest.next() {
                    Some('=' | '!') => return Err("look-behind is not supported".into()),
                    _ if self.rest.by_ref().any(|c| c == '>') => {}
                    _ => return Err("a group's name is not closed".into()),
                },
                _ => return Err("flags such as (?i) are not supported".into()),
            }
        }
        self.out.push_str("(?:");
        self.groups.push(self.most);
        self.most = 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let before = self.groups.pop().ok_or("a group is closed that is not open")?;
        self.out.push(')');
        self.last = self.most;
        self.most = before.max(self.most);
        Ok(())
    }

    /// `{2}`, `{2,}` or `{2,5}`; anything else is a brace.
    fn counted(&mut self) -> Result<(), String> {
        let ahead: String = self.rest.clone().take_while(|c| *c != '}').collect();
        let closed = self.rest.clone().nth(ahead.chars().count()) == Some('}');
        let (least, most) = ahead.split_once(',').map_or((&*ahead, None), |(least, most)| (least, Some(most)));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if !closed || least.is_empty() || !digits(least) || !digits(most.unwrap_or_default()) {
            return self.char('{');
        }
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{{{ahead}}} repeats too often"));
        let mut times = number(least)?;
        if let Some(most) = most.filter(|most| !most.is_empty()) {
            times = times.max(number(most)?);
        }
        self.last = self.last.saturating_mul(times.max(1));
        self.most = self.most.max(self.last);
        if self.last > limits::REPEATS {
            return Err(format!("its repeats multiply to {}, over {}", self.last, limits::REPEATS));
        }
        for _ in 0..=ahead.chars().count() {
            self.rest.next();
        }
        self.out.push_str(&format!("{{{ahead}}}"));
        Ok(())
    }

    /// What follows a backslash.
    fn escape(&mut self, in_class: bool) -> Result<Atom, String> {
        let c = self.rest.next().ok_or("it ends in a backslash")?;
        let set = |inside: &str, negated: bool| Atom::Set(format!("[{}{inside}]", if negated { "^" } else { "" }));
        Ok(match c {
            'd' | 'D' => set(DIGIT, c == 'D'),
            'w' | 'W' => set(WORD, c == 'W'),
            's' | 'S' => set(SPACE, c == 'S'),
            'p' | 'P' => self.property(c)?,
            't' => Atom::Char('\t'),
            'n' => Atom::Char('\n'),
            'r' => Atom::Char('\r'),
            'v' => Atom::Char('\u{b}'),
            'f' => Atom::Char('\u{c}'),
            'b' if in_class => Atom::Char('\u{8}'),
            'b' | 'B' => return Err(format!("the word border \\{c} is not supported")),
            '0' if !self.rest.peek().is_some_and(char::is_ascii_digit) => Atom::Char('\0'),
            'x' => Atom::Char(self.hex(2)?),
            'u' => Atom::Char(self.unicode()?),
            'k' => return Err("back references are not supported".into()),
            c if c.is_ascii_digit() => return Err("back references are not supported".into()),
            c if c.is_ascii_alphabetic() => return Err(format!("the escape \\{c} is not supported")),
            c => Atom::Char(c),
        })
    }

    /// `\p{…}`: the engine knows the names of Unicode too.
    fn property(&mut self, which: char) -> Result<Atom, String> {
        if self.rest.next_if_eq(&'{').is_none() {
            return Err(format!("\\{which} needs a property in braces"));
        }
        let name: String = self.rest.by_ref().take_while(|c| *c != '}').collect();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'=') {
            return Err(format!("\\{which}{{{name}}} is no property of Unicode"));
        }
        Ok(Atom::Set(format!("\\{which}{{{name}}}")))
    }

    fn digits(&mut self, count: usize) -> Result<u32, String> {
        let digits: String = self.rest.by_ref().take(count).collect();
        if digits.len() != count {
            return Err("an escape has too few digits".into());
        }
        u32::from_str_radix(&digits, 16).map_err(|_| format!("{digits} is no hexadecimal number"))
    }

    fn hex(&mut self, count: usize) -> Result<char, String> {
        let code = self.digits(count)?;
        char::from_u32(code).ok_or_else(|| format!("{code:X} is no character"))
    }

    fn unicode(&mut self) -> Result<char, String> {
        let code = if self.rest.next_if_eq(&'{').is_some() {
            let digits: String = self.rest.by_ref().take_while(|c| *c != '}').collect();
            u32::from_str_radix(&digits, 16).map_err(|_| format!("{digits} is no hexadecimal number"))?
        } else {
            let high = self.digits(4)?;
            match high {
                0xd800..=0xdbff if self.rest.next() == Some('\\') && self.rest.next() == Some('u') => {
                    let low = self.digits(4)?.wrapping_sub(0xdc00);
                    if low < 0x400 { 0x1_0000 + ((high - 0xd800) << 10) + low } else { high }
                }
                code => code,
            }
        };
        char::from_u32(code).ok_or_else(|| format!("{code:X} is no character"))
    }

    /// `[…]`, after its opening bracket.
    fn class(&mut self) -> Result<(), String> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut out = String::from(if negated { "[^" } else { "[" });
        let mut empty = true;
        while let Some(atom) = self.class_atom()? {
            empty = false;
            let range = self.rest.peek() == Some(&'-') && !matches!(self.rest.clone().nth(1), Some(']') | None);
            match (atom, range) {
                (Atom::Char(first), true) => {
                    self.rest.next();
                    let Some(Atom::Char(last)) = self.class_atom()? else {
                        return Err("a range in [] must end in a character".into());
                    };
                    if last < first {
                        return Err(format!("the range {first}-{last} is the wrong way round"));
                    }
                    push_char(&mut out, first);
                    out.push('-');
                    push_char(&mut out, last);
                }
                (Atom::Char(c), false) => push_char(&mut out, c),
                (Atom::Set(set), _) => out.push_str(&set),
            }
        }
        match (empty, negated) {
            (true, false) => return Err("[] matches nothing".into()),
            (true, true) => self.atom(r"[\x{0}-\x{10FFFF}]"),
            (false, _) => {
                out.push(']');
                self.atom(&out);
            }
        }
        Ok(())
    }

    /// The next part of a class, or `None` at its end.
    fn class_atom(&mut self) -> Result<Option<Atom>, String> {
        match self.rest.next().ok_or("[ is not closed")? {
            ']' => Ok(None),
            '\\' => self.escape(true).map(Some),
            c => Ok(Some(Atom::Char(c))),
        }
    }
}

/// Control characters that JSON writes by their number only. They are never generated: the same
/// escapes would spell other characters in a second way.
pub fn unspeakable(c: char) -> bool {
    c.is_ascii_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{8}' | '\u{c}')
}

/// A character that stands for itself, wherever it stands.
fn push_char(out: &mut String, c: char) {
    if c.is_alphanumeric() || c == ' ' || c == '_' {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn expressions_keep_their_meaning() {
        for (from, to) in [
            (r"^a+$", "^a+$"),
            (r"\d{3}-\d", r"[0-9]{3}\x{2D}[0-9]"),
            (r"[a&&b]", r"[a\x{26}\x{26}b]"),
            (r"[[a]", r"[\x{5B}a]"),
            (r"[\w-]", r"[[0-9A-Za-z_]\x{2D}]"),
            (r"[^\d.]", r"[^[0-9]\x{2E}]"),
            (r"(?<stop>a)b", "(?:a)b"),
            (r"a{x}", r"a\x{7B}x\x{7D}"),
            (r"a{,3}", r"a\x{7B}\x{2C}3\x{7D}"),
            (r"\/\<", r"\x{2F}\x{3C}"),
            (r"é", r"é"),
            (r"\uD83D\uDE00", "\\x{1F600}"),
            (r"\p{Lu}", r"\p{Lu}"),
            (r"[^]", r"[\x{0}-\x{10FFFF}]"),
        ] {
            assert_eq!(translate(from).as_deref(), Ok(to), "{from}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (pattern, what) in [
            ("a(?=b)", "look-ahead"),
            ("(?<!b)a", "look-behind"),
            (r"\bword", "word border"),
            (r"(a)\1", "back reference"),
            (r"(?<n>a)\k<n>", "back reference"),
            ("(?i)a", "flags"),
            (r"\cA", r"\c"),
            ("[]", "nothing"),
            ("[b-a]", "wrong way"),
            ("(a", "not closed"),
            ("a)", "not open"),
            ("[a", "not closed"),
            (r"a\", "backslash"),
            (r"\uD83D", "no character"),
            (r"a\x01", "control character"),
            ("\u{7f}", "control character"),
            (r"\p{Lu}{9,8}x\p{<}", "property"),
            ("((a{1000}){1000}){1000}", "multiply"),
            ("(a{1000}){1000}", "multiply"),
            ("(a{2}b{200}){200}", "multiply"),
            ("a{99999999999999999999}", "too often"),
        ] {
            let reason = translate(pattern).unwrap_err();
            assert!(reason.contains(what), "{pattern}: {reason}");
        }
        assert!(translate(&"a".repeat(5_000)).unwrap_err().contains("characters"));
        assert!(translate("(a{100}|b{100}){100}").is_ok());
    }
}
