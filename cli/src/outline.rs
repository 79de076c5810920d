//! Any JSON value as calm, indented text: results of skills, manifests, conditions.

use serde_json::Value;

use crate::style::Style;

/// A value as lines, each indented by `indent` and ended.
pub fn outline(value: &Value, indent: usize, style: &Style) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                entry(
                    &format!("{}{}:", " ".repeat(indent), style.name(&style.line(key))),
                    value,
                    indent,
                    style,
                    &mut out,
                );
            }
        }
        Value::Array(items) => {
            for item in items {
                entry(&format!("{}-", " ".repeat(indent)), item, indent, style, &mut out);
            }
        }
        other => out.push_str(&format!("{}{}\n", " ".repeat(indent), scalar(other, style))),
    }
    out
}

fn entry(label: &str, value: &Value, indent: usize, style: &Style, out: &mut String) {
    match value {
        Value::Object(map) if map.is_empty() => out.push_str(&format!("{label} {}\n", style.dim("none"))),
        Value::Array(items) if items.is_empty() => out.push_str(&format!("{label} {}\n", style.dim("none"))),
        Value::Array(items) if items.iter().all(is_short) => {
            out.push_str(&format!("{label} {}\n", inline(value, style)));
        }
        Value::Object(_) | Value::Array(_) => out.push_str(&format!("{label}\n{}", outline(value, indent + 2, style))),
        other => {
            let text = scalar(other, style).replace('\n', &format!("\n{}", " ".repeat(indent + 2)));
            out.push_str(&format!("{label} {text}\n"));
        }
    }
}

fn is_short(value: &Value) -> bool {
    match value {
        Value::Object(_) | Value::Array(_) => false,
        Value::String(text) => text.chars().count() <= 24,
        _ => true,
    }
}

fn scalar(value: &Value, style: &Style) -> String {
    match value {
        Value::Null => style.dim("none"),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => style.clean(text).into_owned(),
        other => other.to_string(),
    }
}

/// A value on one line: `duration: 10 min, label: pasta`.
pub fn inline(value: &Value, style: &Style) -> String {
    match value {
        Value::Object(map) => {
            let parts: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", style.line(key), inline(value, style))).collect();
            parts.join(", ")
        }
        Value::Array(items) => items.iter().map(|item| inline(item, style)).collect::<Vec<_>>().join(", "),
        Value::String(text) => style.line(text),
        other => scalar(other, style),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nesting_becomes_indentation() {
        let value = json!({"title": "Clock", "on": true, "none": [], "tags": ["a", "b"],
                           "intents": [{"name": "SetTimer", "text": "two\nlines"}]});
        assert_eq!(
            outline(&value, 0, &Style::plain()),
            "title: Clock\non: yes\nnone: none\ntags: a, b\nintents:\n  -\n    name: SetTimer\n    text: two\n      lines\n"
        );
    }

    #[test]
    fn a_line_holds_everything_once() {
        assert_eq!(inline(&json!({"duration": "PT10M", "n": [1, 2]}), &Style::plain()), "duration: PT10M, n: 1, 2");
        assert_eq!(outline(&json!("x\x1b"), 2, &Style::plain()), "  x\n");
    }
}
