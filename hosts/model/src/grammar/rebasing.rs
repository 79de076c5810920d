//! A schema that becomes part of another one, as a tool's parameters do.
//!
//! Owns: where its references point then. Must not know: what the parts are for.

use serde_json::{Map, Value};

/// `schema` with its references to itself changed so that it can stand at the pointer `at` of another
/// document: `rebased(parameters, "/properties/arguments")`.
#[allow(dead_code, reason = "for tool calls, which put schemas into schemas")]
pub fn rebased(schema: &Value, at: &str) -> Value {
    let mut out = moved(schema, at);
    if let Value::Object(fields) = &mut out {
        // It is no document of its own any more.
        ["$id", "id"].iter().for_each(|name| {
            if fields.get(*name).is_some_and(Value::is_string) {
                fields.shift_remove(*name);
            }
        });
    }
    out
}

fn moved(schema: &Value, at: &str) -> Value {
    match schema {
        Value::Array(list) => list.iter().map(|value| moved(value, at)).collect(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let value = match (name.as_str(), value) {
                    // These hold values, not schemas.
                    ("enum" | "const" | "default" | "examples" | "example", value) => value.clone(),
                    // Names in these are no keywords.
                    ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(named)) => {
                        Value::Object(named.iter().map(|(name, value)| (name.clone(), moved(value, at))).collect())
                    }
                    ("$ref", Value::String(to)) if to == "#" || to.starts_with("#/") => {
                        Value::String(format!("#{at}{}", &to[1..]))
                    }
                    (_, value) => moved(value, at),
                };
                (name.clone(), value)
            };
            Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_follow_the_schema() {
        let parameters = json!({
            "$id": "https://example.org/tool", "type": "object",
            "properties": {
                "place": {"$ref": "#/$defs/place"}, "again": {"$ref": "#"},
                "kind": {"const": {"$ref": "#/x"}}, "id": {"type": "string"},
                "default": {"$ref": "#/$defs/place"},
            },
            "$defs": {"place": {"type": "string"}},
        });
        let moved = rebased(&parameters, "/anyOf/0");
        assert_eq!(moved["properties"]["place"]["$ref"], "#/anyOf/0/$defs/place");
        assert_eq!(moved["properties"]["default"]["$ref"], "#/anyOf/0/$defs/place");
        assert_eq!(moved["properties"]["again"]["$ref"], "#/anyOf/0");
        assert_eq!(moved["properties"]["kind"]["const"]["$ref"], "#/x");
        assert_eq!(moved["properties"]["id"], json!({"type": "string"}));
        assert!(moved.get("$id").is_none());
    }
}
