//! What a schema leaves open and a generator had better not.
//!
//! Owns: the choices. Must not know: grammars.
//!
//! JSON Schema says what is wrong and allows everything else: properties that nobody named, numbers
//! of a thousand digits, lists in lists in lists. A small model wanders off into such space and does
//! not come back. So answers are drawn from a smaller set, all of which satisfies the schema:
//! properties that are not named are left out unless asked for, numbers stay in the range of 64-bit
//! integers, and free values nest to a bounded depth.

use super::limits::{FREE_LEVELS, LARGEST};
use super::merging::merges;
use super::numbers;
use super::reading::Schema;
use super::walking::{children, children_mut, names, reference};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Keywords that speak of one type only.
const OF_OBJECTS: [&str; 6] =
    ["properties", "patternProperties", "additionalProperties", "required", "minProperties", "maxProperties"];
const OF_ARRAYS: [&str; 4] = ["items", "prefixItems", "minItems", "maxItems"];
const OF_TEXTS: [&str; 4] = ["pattern", "format", "minLength", "maxLength"];
const OF_NUMBERS: [&str; 5] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

/// Draws the schema in. Where parts of it are merged with others, one part may not close what
/// another opens: there only numbers are bounded.
pub fn draw_in(schema: &mut Schema) {
    let merged = merged_definitions(schema);
    let mut free = false;
    draw(&mut schema.root, true, &mut free);
    for (name, definition) in &mut schema.definitions {
        draw(definition, !merged.contains(name), &mut free);
    }
    if free {
        free_values(&mut schema.definitions);
    }
}

/// Names of definitions that some reference merges with something.
fn merged_definitions(schema: &Schema) -> HashSet<String> {
    let mut merged = HashSet::new();
    loop {
        let before = merged.len();
        find_merged(&schema.root, true, &mut merged);
        for (name, definition) in &schema.definitions {
            find_merged(definition, !merged.contains(name), &mut merged);
        }
        if merged.len() == before {
            return merged;
        }
    }
}

fn find_merged(schema: &Value, alone: bool, merged: &mut HashSet<String>) {
    let alone = alone && !merges(schema);
    if let Some(name) = reference(schema).filter(|_| !alone) {
        merged.insert(name.to_string());
    }
    children(schema, &mut |child| find_merged(child, alone, merged));
}

/// `alone`: nothing is merged with this schema.
fn draw(schema: &mut Value, alone: bool, free: &mut bool) {
    let alone = alone && !merges(schema);
    if alone && (*schema == Value::Bool(true) || schema.as_object().is_some_and(Map::is_empty)) {
        *free = true;
        *schema = anything();
        return;
    }
    if let Value::Object(fields) = schema {
        if alone {
            name_type(fields);
            close(fields);
        }
        bound(fields);
    }
    children_mut(schema, &mut |child| draw(child, alone, free));
}

/// Keywords of one type without that type: the type is meant.
fn name_type(fields: &mut Map<String, Value>) {
    let all_of = |words: &[&str]| fields.keys().all(|key| words.contains(&key.as_str()));
    let name = match fields {
        fields if fields.contains_key("type") => return,
        _ if all_of(&OF_OBJECTS) => "object",
        _ if all_of(&OF_ARRAYS) => "array",
        _ if all_of(&OF_TEXTS) => "string",
        _ if all_of(&OF_NUMBERS) => "number",
        _ => return,
    };
    fields.insert("type".into(), json!(name));
}

/// Leaves out properties and items that are not described.
fn close(fields: &mut Map<String, Value>) {
    let types: Vec<String> =
        fields.get("type").and_then(names).unwrap_or_default().into_iter().map(str::to_string).collect();
    let is = |name: &str| types.iter().any(|known| known == name);
    if is("object") && !fields.contains_key("additionalProperties") {
        let named = fields.contains_key("properties") || fields.contains_key("patternProperties");
        if named && !fields.contains_key("patternProperties") {
            name_required(fields);
        }
        fields.insert("additionalProperties".into(), json!(!named));
    }
    if is("array") && !fields.contains_key("items") {
        let first = fields.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len) as u64;
        let enough = fields.get("minItems").and_then(Value::as_u64).is_none_or(|least| least <= first);
        fields.insert("items".into(), json!(first == 0 || !enough));
    }
}

/// Properties that are required but not described may be anything.
fn name_required(fields: &mut Map<String, Value>) {
    let required = fields.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        for name in required.iter().filter_map(Value::as_str) {
            properties.entry(name).or_insert(Value::Bool(true));
        }
    }
}

/// Bounds numbers on both sides.
fn bound(fields: &mut Map<String, Value>) {
    let numeric = match fields.get("type").and_then(names) {
        Some(types) => types.contains(&"number") || types.contains(&"integer"),
        None => OF_NUMBERS.iter().any(|word| fields.contains_key(*word)),
    };
    if numeric {
        numbers::raise(fields, -LARGEST);
        numbers::lower(fields, LARGEST);
    }
}

fn anything() -> Value {
    json!({"$ref": format!("#/$defs/any{FREE_LEVELS}")})
}

/// Definitions of JSON of any kind, by depth.
fn free_values(definitions: &mut Map<String, Value>) {
    let scalar =
        json!({"type": ["null", "boolean", "number", "string"], "minimum": -LARGEST as i64, "maximum": LARGEST as i64});
    definitions.insert("any0".into(), scalar.clone());
    for level in 1..=FREE_LEVELS {
        let inner = json!({"$ref": format!("#/$defs/any{}", level - 1)});
        let list = json!({"type": "array", "items": inner});
        let map = json!({"type": "object", "additionalProperties": inner});
        definitions.insert(format!("any{level}"), json!({"anyOf": [scalar, list, map]}));
    }
}
