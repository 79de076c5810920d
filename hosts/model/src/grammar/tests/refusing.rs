//! What is not followed is refused by name.

use super::*;

#[test]
fn keywords_that_are_not_followed_are_refused_by_name() {
    let bench = bench();
    for (keyword, value) in [
        ("not", json!({"type": "null"})),
        ("if", json!({})),
        ("then", json!({})),
        ("else", json!({})),
        ("dependentRequired", json!({"a": ["b"]})),
        ("dependentSchemas", json!({"a": {}})),
        ("dependencies", json!({"a": ["b"]})),
        ("propertyNames", json!({"maxLength": 3})),
        ("contains", json!({})),
        ("minContains", json!(1)),
        ("maxContains", json!(1)),
        ("uniqueItems", json!(true)),
        ("unevaluatedProperties", json!(false)),
        ("unevaluatedItems", json!(false)),
        ("contentEncoding", json!("base64")),
        ("contentMediaType", json!("text/html")),
        ("contentSchema", json!({})),
        ("nullable", json!(true)),
        ("$dynamicRef", json!("#a")),
        ("$dynamicAnchor", json!("a")),
        ("$recursiveRef", json!("#")),
        ("$recursiveAnchor", json!(true)),
        ("$vocabulary", json!({})),
        ("x-guidance", json!({"lenient": true})),
        ("minimun", json!(1)),
        ("maxlength", json!(1)),
        ("format", json!("iri")),
        ("format", json!("unknown")),
        ("$schema", json!("https://example.org/other")),
        ("$ref", json!("https://example.org/schema")),
        ("$ref", json!("other.json#/a")),
        ("$ref", json!("#anchor")),
        ("$ref", json!("#/$defs/missing")),
        ("pattern", json!("a(?=b)")),
        ("multipleOf", json!(0)),
    ] {
        for nested in [false, true] {
            let mut schema = json!({"description": "x"});
            schema[keyword] = value.clone();
            if nested {
                schema = json!({"type": "object", "properties": {"a": {"type": "array", "items": schema}}});
            }
            let reason = bench.refusal(&schema);
            assert!(reason.contains(&format!("`{keyword}")), "{keyword}: {reason}");
            assert_eq!(nested, reason.contains("#/properties/a/items"), "{keyword}: {reason}");
        }
    }
}

#[test]
fn malformed_keywords_are_refused_by_name() {
    let bench = bench();
    for (keyword, value) in [
        ("type", json!("text")),
        ("type", json!([])),
        ("type", json!(3)),
        ("properties", json!([])),
        ("required", json!("a")),
        ("required", json!(true)),
        ("enum", json!([])),
        ("enum", json!("a")),
        ("anyOf", json!([])),
        ("anyOf", json!({})),
        ("minLength", json!(-1)),
        ("minLength", json!("1")),
        ("maxItems", json!(1.5)),
        ("minimum", json!("1")),
        ("pattern", json!(1)),
        ("pattern", json!("(")),
        ("items", json!(1)),
        ("x-copy", json!("yes")),
        ("$ref", json!(1)),
        ("multipleOf", json!("1")),
    ] {
        let reason = bench.refusal(&json!({keyword: value}));
        let named = reason.contains(&format!("`{keyword}`")) || reason.contains(&format!("#/{keyword}"));
        assert!(named, "{keyword}: {reason}");
    }
    assert!(bench.grammars.constraint("{", "").is_err_and(|e| e.to_string().contains("no JSON")));
    for schema in ["3", "null", "[]", "false"] {
        assert!(bench.grammars.constraint(schema, "").is_err(), "{schema}");
    }
}

#[test]
fn a_long_schema_is_refused_before_it_is_read() {
    let schema = format!("{{\"description\": \"{}\"}}", "x".repeat(1 << 20));
    assert!(bench().grammars.constraint(&schema, "").is_err_and(|e| e.to_string().contains("bytes")));
}
