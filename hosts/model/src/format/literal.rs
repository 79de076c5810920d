//! Calls written as Python writes them, and as Gemma does.
//!
//! Owns: the two notations of values. Must not know: which tools there are.

use super::calls::Call;
use serde_json::{Map, Number, Value};

/// Deepest nesting of values.
const MOST_DEPTH: usize = 64;

/// `f(a=1)`, or a list of such calls.
pub fn python_calls(text: &str) -> Option<Vec<Call>> {
    let mut cursor = Cursor { rest: text.trim(), quote: None };
    let mut calls = Vec::new();
    if cursor.skip('[') {
        while !cursor.skip(']') {
            calls.push(cursor.python_call()?);
            cursor.skip(',');
        }
    } else {
        calls.push(cursor.python_call()?);
    }
    cursor.is_at_end().then_some(calls)
}

/// `call:name{key:value}` with strings between `quote`s.
pub fn keyed_call(text: &str, quote: &str) -> Option<Call> {
    let call = text.trim().strip_prefix("call:")?;
    let (name, fields) = call.split_at(call.find('{')?);
    let mut cursor = Cursor { rest: fields, quote: Some(quote) };
    let Value::Object(arguments) = cursor.keyed_value(0)? else { return None };
    cursor.is_at_end().then(|| (name.trim().to_string(), arguments))
}

struct Cursor<'a> {
    rest: &'a str,
    quote: Option<&'a str>,
}

impl<'a> Cursor<'a> {
    fn is_at_end(&self) -> bool {
        self.rest.trim_start().is_empty()
    }

    /// Takes this character, if it is the next one after white space.
    fn skip(&mut self, c: char) -> bool {
        let after = self.rest.trim_start().strip_prefix(c);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Takes everything up to one of `ends`.
    fn until(&mut self, ends: &[char]) -> &'a str {
        let (taken, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken.trim()
    }

    fn name(&mut self, end: char) -> Option<String> {
        let name = self.until(&[end]);
        let fits = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        (fits && self.skip(end)).then(|| name.to_string())
    }

    fn python_call(&mut self) -> Option<Call> {
        let name = self.name('(')?;
        let mut arguments = Map::new();
        while !self.skip(')') {
            let key = self.name('=')?;
            arguments.insert(key, self.python_value(0)?);
            if !self.skip(',') && !self.rest.trim_start().starts_with(')') {
                return None;
            }
        }
        Some((name, arguments))
    }

    fn python_value(&mut self, depth: usize) -> Option<Value> {
        self.rest = self.rest.trim_start();
        if depth > MOST_DEPTH {
            return None;
        }
        match self.rest.chars().next()? {
            quote @ ('"' | '\'') => self.python_string(quote).map(Value::from),
            '[' => self.list(']', |cursor| cursor.python_value(depth + 1)),
            '(' => self.list(')', |cursor| cursor.python_value(depth + 1)),
            '{' => self.map(|cursor| {
                let Value::String(key) = cursor.python_value(depth + 1)? else { return None };
                Some((key, cursor.skip(':').then(|| cursor.python_value(depth + 1))??))
            }),
            _ => scalar(self.until(&[',', ')', ']', '}'])),
        }
    }

    fn python_string(&mut self, quote: char) -> Option<String> {
        let mut out = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = &self.rest[at + 1..];
                return Some(out);
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                letter @ ('x' | 'u' | 'U') => {
                    let length = [('x', 2), ('u', 4), ('U', 8)].iter().find(|(l, _)| *l == letter)?.1;
                    let digits: String = chars.by_ref().take(length).map(|(_, digit)| digit).collect();
                    out.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                same @ ('\\' | '\'' | '"') => out.push(same),
                // Python keeps the backslash of an escape that it does not know.
                other => out.extend(['\\', other]),
            }
        }
        None
    }

    fn keyed_value(&mut self, depth: usize) -> Option<Value> {
        self.rest = self.rest.trim_start();
        if depth > MOST_DEPTH {
            return None;
        }
        if let Some(text) = self.quoted() {
            return Some(Value::from(text));
        }
        match self.rest.chars().next()? {
            '[' => self.list(']', |cursor| cursor.keyed_value(depth + 1)),
            '{' => self.map(|cursor| {
                cursor.rest = cursor.rest.trim_start();
                let key = match cursor.quoted() {
                    Some(key) => key.to_string(),
                    None => cursor.until(&[':', '}']).to_string(),
                };
                Some((key, cursor.skip(':').then(|| cursor.keyed_value(depth + 1))??))
            }),
            _ => {
                let text = self.until(&[',', ']', '}']);
                Some(scalar(text).unwrap_or_else(|| Value::from(text)))
            }
        }
    }

    /// What stands between two quotes, if the first is next.
    fn quoted(&mut self) -> Option<&'a str> {
        let quote = self.quote?;
        let (text, rest) = self.rest.strip_prefix(quote)?.split_once(quote)?;
        self.rest = rest;
        Some(text)
    }

    fn list(&mut self, end: char, mut item: impl FnMut(&mut Self) -> Option<Value>) -> Option<Value> {
        self.rest = &self.rest[1..];
        let mut items = Vec::new();
        while !self.skip(end) {
            items.push(item(self)?);
            if !self.skip(',') && !self.rest.trim_start().starts_with(end) {
                return None;
            }
        }
        Some(Value::Array(items))
    }

    fn map(&mut self, mut field: impl FnMut(&mut Self) -> Option<(String, Value)>) -> Option<Value> {
        self.rest = &self.rest[1..];
        let mut fields = Map::new();
        while !self.skip('}') {
            let (key, value) = field(self)?;
            fields.insert(key, value);
            if !self.skip(',') && !self.rest.trim_start().starts_with('}') {
                return None;
            }
        }
        Some(Value::Object(fields))
    }
}

/// Numbers and constants, in Python's and JSON's spelling.
fn scalar(text: &str) -> Option<Value> {
    match text {
        "True" | "true" => return Some(Value::Bool(true)),
        "False" | "false" => return Some(Value::Bool(false)),
        "None" | "null" => return Some(Value::Null),
        _ => {}
    }
    let number = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok();
    let digits = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    number.or_else(|| Number::from_f64(text.parse().ok().filter(|_| digits)?)).map(Value::Number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn python(text: &str) -> Option<Value> {
        let calls = python_calls(text)?;
        Some(Value::Array(calls.into_iter().map(|(name, arguments)| json!([name, arguments])).collect()))
    }

    #[test]
    fn python_calls_are_read() {
        assert_eq!(
            python(r#"[a.b(x = 'it\'s\n\u00e9', y=[1, -2.5, (True, None)], z={"k": {}},), c()]"#),
            Some(json!([["a.b", {"x": "it's\né", "y": [1, -2.5, [true, null]], "z": {"k": {}}}], ["c", {}]]))
        );
        assert_eq!(
            python(r#"f(a="\d", b=true, c=18446744073709551615)"#).unwrap()[0][1],
            json!({"a": "\\d", "b": true, "c": 18446744073709551615u64})
        );
    }

    #[test]
    fn what_python_would_not_call_is_refused() {
        for text in [
            "f",
            "f(",
            "f(1)",
            "f(a=)",
            "f(a=b)",
            "f(a='x)",
            "f(a=1 b=2)",
            "[f()",
            "f() g",
            "(a=1)",
            "f(a=inf)",
            "",
            "f(a='\\",
        ] {
            assert_eq!(python(text), None, "{text}");
        }
        assert_eq!(python(&format!("f(a={}", "[".repeat(100_000))), None);
        assert_eq!(python(&format!("f(a={}", "{'a':".repeat(100_000))), None);
    }

    #[test]
    fn keyed_calls_are_read() {
        let read = |text: &str| keyed_call(text, "<|\"|>").map(|(name, arguments)| json!([name, arguments]));
        assert_eq!(
            read(r#"call:f{a:<|"|>x, {y}:"<|"|>,b:[1,-2.5,true],c:{d:null},<|"|>e f<|"|>:word}"#),
            Some(json!(["f", {"a": "x, {y}:\"", "b": [1, -2.5, true], "c": {"d": null}, "e f": "word"}]))
        );
        assert_eq!(read("call:f{}"), Some(json!(["f", {}])));
        for text in ["call:f", "f{}", "call:f{a}", "call:f{a:1", "call:f{a:[1}", "call:f{} x", "call{:", ""] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&format!("call:f{{a:{}", "[".repeat(100_000))), None);
    }
}
