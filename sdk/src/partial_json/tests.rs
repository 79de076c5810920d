#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

fn after(text: &str) -> Option<Value> {
    let mut partial = Partial::default();
    partial.push(text).unwrap();
    partial.value()
}

#[test]
fn open_things_are_closed_and_half_things_left_out() {
    for (text, value) in [
        ("", None),
        ("  ", None),
        ("{", Some(json!({}))),
        ("{\"a", Some(json!({}))),
        ("{\"a\"", Some(json!({}))),
        ("{\"a\":", Some(json!({}))),
        ("{\"a\": \"", Some(json!({"a": ""}))),
        ("{\"a\": \"x\\", Some(json!({"a": "x"}))),
        ("{\"a\": \"x\\u00e", Some(json!({"a": "x"}))),
        ("{\"a\": \"x\\u00e9", Some(json!({"a": "xé"}))),
        ("{\"a\": \"\\ud83d", Some(json!({"a": ""}))),
        ("{\"a\": \"\\ud83d\\ude00", Some(json!({"a": "😀"}))),
        ("{\"a\": \"x\"", Some(json!({"a": "x"}))),
        ("{\"a\": 1", Some(json!({}))),
        ("{\"a\": 1 ", Some(json!({"a": 1}))),
        ("{\"a\": 1,", Some(json!({"a": 1}))),
        ("{\"a\": 1, \"b\"", Some(json!({"a": 1}))),
        ("[1, 2", Some(json!([1]))),
        ("[1, [true, fals", Some(json!([1, [true]]))),
        ("[1, [true, false", Some(json!([1, [true, false]]))),
        ("[1, [", Some(json!([1, []]))),
        ("[[], {\"a\": nul", Some(json!([[], {}]))),
        ("\"abc", Some(json!("abc"))),
        ("tru", None),
        ("true", Some(json!(true))),
        ("-1.5e3", None),
        ("-1.5e3\n", Some(json!(-1500.0))),
    ] {
        assert_eq!(after(text), value, "{text}");
    }
}

#[test]
fn a_bare_number_is_there_at_the_end() {
    let mut partial = Partial::default();
    partial.push("12").unwrap();
    assert!(!partial.is_complete());
    assert_eq!(partial.finish(), Ok(json!(12)));
    let mut partial = Partial::default();
    partial.push("[12").unwrap();
    assert_eq!(partial.finish(), Err(NotJson { at: 3 }));
}

#[test]
fn what_is_no_json_is_refused_and_what_was_there_stays() {
    for (text, at) in [
        ("hello", 0),
        ("{a", 1),
        ("[1,]", 3),
        ("[1 2", 3),
        ("{\"a\" 1", 5),
        ("{\"a\": 1,}", 8),
        ("[}", 1),
        ("1 1", 2),
        ("01", 1),
        ("1.e", 2),
        ("-x", 1),
        ("tree", 2),
        ("\"a\nb", 2),
        ("\"\\x", 2),
        ("\"\\ud83dx", 7),
        ("\"\\ude00", 6),
        ("{}{", 2),
    ] {
        let mut partial = Partial::default();
        assert_eq!(partial.push(text), Err(NotJson { at }), "{text}");
        assert_eq!(partial.value(), after(&text[..at]), "{text}");
    }
    let mut deep = Partial::default();
    assert_eq!(deep.push(&"[".repeat(1_000)), Err(NotJson { at: DEPTH }));
    assert!(deep.value().is_some());
}

/// Random JSON (xorshift, Marsaglia 2003), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % sides
    }

    fn text(&mut self) -> String {
        let parts = ["a", "é", "日", "😀", "\"", "\\", "\n", "\u{1}", " ", "{", "]", ","];
        (0..self.roll(6)).map(|_| parts[self.roll(parts.len() as u64) as usize]).collect()
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.roll(if depth == 0 { 6 } else { 9 }) {
            0 => Value::Null,
            1 => json!(self.roll(2) == 0),
            2 => json!(self.roll(1_000_000) as i64 - 500_000),
            3 => json!((self.roll(1_000_000) as f64 - 500_000.0) * 1e-7),
            4 => json!(self.roll(1_000) as f64 * 1e300),
            5 => json!(self.text()),
            6 => (0..self.roll(4)).map(|_| self.value(depth - 1)).collect(),
            _ => (0..self.roll(4)).map(|_| (self.text(), self.value(depth - 1))).collect(),
        }
    }
}

/// `part` is what `whole` looked like at some earlier moment.
fn leads_to(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::String(part), Value::String(whole)) => whole.starts_with(part.as_str()),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() <= whole.len() && part.iter().zip(whole).all(|(part, whole)| leads_to(part, whole))
        }
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| leads_to(part, whole)))
        }
        (part, whole) => part == whole,
    }
}

#[test]
fn every_prefix_of_random_json_is_a_value_that_leads_to_the_whole() {
    let mut random = Random(42);
    for round in 0..400 {
        let whole = random.value(4);
        let text = if round % 2 == 0 { whole.to_string() } else { serde_json::to_string_pretty(&whole).unwrap() };
        // Half of them with every character escaped that can be.
        let text = if round % 4 < 2 { text } else { escaped(&text) };
        // serde_json's reading of a number may be one unit off what it wrote.
        let whole: Value = serde_json::from_str(&text).unwrap();
        let mut partial = Partial::default();
        let mut before = None;
        for c in text.chars() {
            partial.push(c.encode_utf8(&mut [0; 4])).unwrap();
            let value = partial.value();
            assert_eq!(value.is_none(), partial.json().is_empty(), "{}", partial.text);
            if let Some(value) = &value {
                assert!(leads_to(value, &whole), "{value} before {whole}");
                assert!(before.as_ref().is_none_or(|before| leads_to(before, value)), "{before:?} before {value}");
            } else {
                assert!(before.is_none());
            }
            before = value;
        }
        if whole.is_object() || whole.is_array() {
            assert_eq!(before.as_ref(), Some(&whole));
            assert!(partial.is_complete());
        }
        assert_eq!(partial.finish(), Ok(whole));
    }
}

/// The same JSON with every character beyond ASCII as an escape.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}
