//! Where in a read schema other schemas stand.
//!
//! Owns: the list of places. Must not know: what is done at them.

use serde_json::{Map, Value};

/// Calls `visit` for every schema directly inside `schema`.
pub fn children<'a>(schema: &'a Value, visit: &mut dyn FnMut(&'a Value)) {
    let Value::Object(fields) = schema else { return };
    for (keyword, value) in fields {
        match (keyword.as_str(), value) {
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(list)) => list.iter().for_each(&mut *visit),
            ("properties" | "patternProperties", Value::Object(map)) => map.values().for_each(&mut *visit),
            ("items" | "additionalProperties", value) => visit(value),
            _ => {}
        }
    }
}

/// Calls `visit` for every schema directly inside `schema`, to be changed.
pub fn children_mut(schema: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    let Value::Object(fields) = schema else { return };
    for (keyword, value) in fields.iter_mut() {
        match (keyword.as_str(), value) {
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(list)) => list.iter_mut().for_each(&mut *visit),
            ("properties" | "patternProperties", Value::Object(map)) => map.values_mut().for_each(&mut *visit),
            ("items" | "additionalProperties", value) => visit(value),
            _ => {}
        }
    }
}

/// The name of the definition that `schema` refers to.
pub fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// The schema that `schema` stands for, following references that say nothing else.
pub fn resolved<'a>(mut schema: &'a Value, definitions: &'a Map<String, Value>) -> &'a Value {
    // A ring of references has no end; `finite` refuses it.
    for _ in 0..=definitions.len() {
        match reference(schema).and_then(|name| definitions.get(name)) {
            Some(target) if schema.as_object().is_some_and(|fields| fields.len() == 1) => schema = target,
            _ => break,
        }
    }
    schema
}

/// The types that a schema's own `type` allows; `None` when it does not say.
pub fn types(schema: &Value) -> Option<Vec<&str>> {
    names(schema.get("type")?)
}

/// The names in a `type`.
pub fn names(types: &Value) -> Option<Vec<&str>> {
    match types {
        Value::Array(list) => Some(list.iter().filter_map(Value::as_str).collect()),
        name => Some(vec![name.as_str()?]),
    }
}
