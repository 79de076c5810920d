//! Schemas that no finite value satisfies.
//!
//! Owns: that question, for references that go round in circles. Must not know: grammars.
//!
//! `{"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}` asks for a chain
//! without an end. A generator would follow it until its context is full.

use super::reading::Schema;
use super::walking::{reference, types};
use serde_json::Value;
use std::collections::HashSet;

/// Refuses a schema whose answers would have no end.
pub fn check(schema: &Schema) -> Result<(), String> {
    let mut known: HashSet<&str> = HashSet::new();
    loop {
        let before = known.len();
        for (name, definition) in &schema.definitions {
            if !known.contains(name.as_str()) && finite(definition, &known) {
                known.insert(name);
            }
        }
        if finite(&schema.root, &known) {
            return Ok(());
        }
        if known.len() == before {
            return Err("no answer satisfies it: it requires values that contain themselves, or is false".into());
        }
    }
}

/// Some finite value may satisfy the schema, as far as references and required parts go.
fn finite(schema: &Value, known: &HashSet<&str>) -> bool {
    if *schema == Value::Bool(false) {
        return false;
    }
    let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array);
    let any = |keyword| list(keyword).is_none_or(|options| options.iter().any(|option| finite(option, known)));
    reference(schema).is_none_or(|name| known.contains(name))
        && any("anyOf")
        && any("oneOf")
        && list("allOf").is_none_or(|all| all.iter().all(|one| finite(one, known)))
        && types(schema).is_none_or(|types| types.iter().any(|name| type_is_finite(name, schema, known)))
}

fn type_is_finite(name: &str, schema: &Value, known: &HashSet<&str>) -> bool {
    let within = |keyword: &str| schema.get(keyword).is_none_or(|schema| finite(schema, known));
    match name {
        "object" => {
            let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            let property = |key: &str| schema.get("properties").and_then(|map| map.get(key));
            required.filter_map(Value::as_str).all(|key| match property(key) {
                Some(schema) => finite(schema, known),
                None => schema.get("patternProperties").is_some() || within("additionalProperties"),
            })
        }
        "array" => {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
            let first = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], |list| list);
            let needed = first.len().min(least as usize);
            first[..needed].iter().all(|item| finite(item, known)) && (least as usize <= first.len() || within("items"))
        }
        _ => true,
    }
}
