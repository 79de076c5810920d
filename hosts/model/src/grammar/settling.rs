//! The keywords of one schema together, once each of them is right.
//!
//! Owns: what keywords mean to each other. Must not know: where else in the document schemas stand.

use super::reading::{short, wrong};
use super::{keywords, numbers};
use serde_json::{Map, Value, json};

/// Brings the keywords of one schema, which are right one by one, into one form together.
pub fn settle(mut out: Map<String, Value>, place: &str) -> Result<Value, String> {
    older_drafts(&mut out);
    numbers::settle_exclusive(&mut out);
    settle_format(&mut out, place)?;
    settle_properties(&mut out, place)?;
    if let Some(copy) = out.remove("x-copy")
        && copy == Value::Bool(true)
    {
        return copied(out, place);
    }
    settle_values(&mut out).or_else(|reason| wrong(place, "enum", &reason))?;
    if out.len() == 1
        && let Some(Value::Array(list)) = out.get_mut("allOf")
        && list.len() == 1
    {
        return Ok(list.remove(0));
    }
    // Split by an applicator, these two would not see each other.
    if out.contains_key("patternProperties") && out.contains_key("additionalProperties") {
        for applicator in ["$ref", "allOf", "anyOf", "oneOf", "enum", "const"] {
            if let Some(value) = out.shift_remove(applicator) {
                out.insert(applicator.into(), value);
            }
        }
    }
    Ok(Value::Object(out))
}

fn settle_format(out: &mut Map<String, Value>, place: &str) -> Result<(), String> {
    let Some(format) = out.get("format").and_then(Value::as_str) else { return Ok(()) };
    if keywords::FORMATS.contains(&format) {
        return Ok(());
    }
    let numeric = matches!(out.get("type").and_then(Value::as_str), Some("integer" | "number"));
    let Some((least, most)) = numbers::format(format).filter(|_| numeric) else {
        let known = keywords::FORMATS.join(", ");
        return wrong(place, "format", &format!("{} is not supported; there are {known}", short(format)));
    };
    out.remove("format");
    numbers::raise(out, least);
    numbers::lower(out, most);
    Ok(())
}

/// Nothing keeps a generator from writing the same name twice, so a count of names beyond the
/// ones that are spelled out can't be promised.
fn settle_properties(out: &mut Map<String, Value>, place: &str) -> Result<(), String> {
    let required = out.get("required").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    match out.get("minProperties").and_then(Value::as_u64) {
        Some(least) if least <= required => drop(out.remove("minProperties")),
        Some(least) if least > required + 1 => {
            return wrong(place, "minProperties", "asks for more names than `required` has; name them there");
        }
        _ => {}
    }
    Ok(())
}

/// A text that is copied.
fn copied(mut out: Map<String, Value>, place: &str) -> Result<Value, String> {
    if let Some(other) = out.keys().find(|key| !matches!(&***key, "type" | "minLength" | "maxLength")) {
        return wrong(place, other, "is not supported together with x-copy; only minLength and maxLength are");
    }
    let types = match out.remove("type") {
        Some(Value::Array(list)) => list,
        Some(name) => vec![name],
        None => vec![json!("string")],
    };
    let (texts, others): (Vec<_>, Vec<_>) = types.into_iter().partition(|name| name == "string");
    if texts.is_empty() {
        return wrong(place, "x-copy", "is for texts; give it \"type\": \"string\"");
    }
    out.insert("type".into(), json!("string"));
    out.insert("x-copy".into(), json!(true));
    if others.is_empty() {
        return Ok(Value::Object(out));
    }
    Ok(json!({"anyOf": [out, {"type": others}]}))
}

/// What earlier drafts wrote in other words.
fn older_drafts(out: &mut Map<String, Value>) {
    let more = out.remove("additionalItems");
    if let Some(Value::Array(list)) = out.get("items").cloned() {
        out.insert("prefixItems".into(), Value::Array(list));
        out.remove("items");
        if let Some(more) = more {
            out.insert("items".into(), more);
        }
    }
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(Value::Bool(on)) = out.get(exclusive).cloned() {
            out.remove(exclusive);
            if on && let Some(number) = out.remove(bound) {
                out.insert(exclusive.into(), number);
            }
        }
    }
}

/// Fixed values beside a type: only those of that type count, and then the type says no more.
fn settle_values(out: &mut Map<String, Value>) -> Result<(), String> {
    let types: Vec<String> = match out.get("type") {
        Some(Value::Array(list)) => list.iter().filter_map(|name| name.as_str().map(Into::into)).collect(),
        Some(Value::String(name)) => vec![name.clone()],
        _ => return Ok(()),
    };
    let fits = |value: &Value| types.iter().any(|name| is_a(value, name));
    if let Some(Value::Array(values)) = out.get_mut("enum") {
        values.retain(fits);
        if values.is_empty() {
            return Err(format!("has no value of type {}", types.join(" or ")));
        }
        out.remove("type");
    } else if let Some(value) = out.get("const") {
        if !fits(value) {
            return Err(format!("or const is not of type {}", types.join(" or ")));
        }
        out.remove("type");
    }
    Ok(())
}

/// Whether a value is of one of JSON Schema's types.
pub fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => value.is_object(),
    }
}
