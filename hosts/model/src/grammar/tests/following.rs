//! Answers satisfy their schemas, and only they are allowed.

use super::*;

const DRAFT_4: &str = "http://json-schema.org/draft-04/schema#";

#[test]
fn random_schemas_are_followed() {
    let bench = bench();
    let (mut done, mut long) = (0, 0);
    for seed in 0..500 {
        let mut dice = Dice::new(seed);
        let schema = schemas::schema(&mut dice, 4);
        let constraint = bench.compile(&schema).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{schema}"));
        match bench.run(constraint, &mut dice, 1_500) {
            Outcome::Done(text) => {
                valid(&schema, &text).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{schema}\n{text}"));
                done += 1;
            }
            Outcome::TooLong(_) => long += 1,
        }
    }
    println!("{done} valid, {long} cut by length");
    assert!(long <= 10);
}

#[test]
fn each_keyword_allows_and_forbids_what_it_says() {
    let bench = bench();
    let tagged = |tag: &str| json!({"$ref": format!("#/$defs/{tag}")});
    for (schema, good, bad) in [
        (json!({"enum": ["a", 1, null]}), vec!["\"a\"", "1", "null"], vec!["\"b\"", "2", "true"]),
        (json!({"const": {"a": [1]}}), vec!["{\"a\": [1]}"], vec!["{\"a\": [2]}", "{}"]),
        (json!({"type": "string", "pattern": "b"}), vec!["\"abc\""], vec!["\"ac\""]),
        (json!({"type": "string", "pattern": "^[a&&b]+$"}), vec!["\"a&b\""], vec!["\"\"", "\"c\""]),
        (
            json!({"type": "string", "minLength": 2, "maxLength": 3}),
            vec!["\"äö\"", "\"\\\"\\\"\""],
            vec!["\"a\"", "\"abcd\""],
        ),
        (json!({"type": "integer", "minimum": 3, "exclusiveMaximum": 5}), vec!["3", "4"], vec!["2", "5", "3.5"]),
        (
            json!({"$schema": DRAFT_4, "minimum": 3, "exclusiveMinimum": true, "maximum": 4}),
            vec!["4", "3.5"],
            vec!["3", "4.5"],
        ),
        (json!({"type": "number", "multipleOf": 0.5}), vec!["1.5", "-2"], vec!["1.25"]),
        (json!({"exclusiveMinimum": 0, "maximum": 0.5}), vec!["0.5", "0.01"], vec!["0", "0.0", "1"]),
        (json!({"exclusiveMaximum": -3, "minimum": -3.5}), vec!["-3.5", "-3.01"], vec!["-3", "-4"]),
        (json!({"type": "integer"}), vec!["9000000000000000000", "-12"], vec!["9000000000000000001", "1e3", "01"]),
        (
            json!({"type": "array", "items": {"const": 1}, "minItems": 1, "maxItems": 2}),
            vec!["[1]", "[1, 1]"],
            vec!["[]", "[2]", "[1, 1, 1]"],
        ),
        (json!({"prefixItems": [{"const": 1}, {"const": 2}]}), vec!["[]", "[1]", "[1, 2]"], vec!["[2]", "[1, 2, 3]"]),
        (
            json!({"properties": {"a": {"const": 1}, "b": {"const": 2}}, "required": ["b"]}),
            vec!["{\"b\": 2}", "{\"a\": 1, \"b\": 2}"],
            vec!["{}", "{\"a\": 1}", "{\"b\": 2, \"c\": 3}"],
        ),
        (
            json!({"type": "object", "properties": {"a": {"const": 1}}, "additionalProperties": {"const": 2}}),
            vec!["{\"a\": 1, \"b\": 2}"],
            vec!["{\"a\": 2}", "{\"\\u0061\": 2}"],
        ),
        (json!({"patternProperties": {"^x": {"const": 1}}}), vec!["{\"x1\": 1}", "{}"], vec!["{\"y\": 1}"]),
        (
            json!({"type": "object", "minProperties": 1, "properties": {"a": {}, "b": {}}}),
            vec!["{\"a\": 1}"],
            vec!["{}"],
        ),
        (json!({"anyOf": [{"const": 1}, {"type": "boolean"}]}), vec!["1", "true"], vec!["2"]),
        (json!({"allOf": [{"minimum": 3}, {"type": "integer", "maximum": 4}]}), vec!["3"], vec!["2", "5"]),
        (json!({"type": "integer", "format": "uint8"}), vec!["0", "255"], vec!["-1", "256"]),
        (json!({"type": "string", "format": "date"}), vec!["\"2026-02-28\""], vec!["\"2026-02-30\""]),
        (json!({"type": ["string", "null"], "maxLength": 1}), vec!["null", "\"a\""], vec!["1", "\"ab\""]),
        (
            json!({"oneOf": [tagged("a"), tagged("b")], "$defs": {
            "a": {"type": "object", "properties": {"t": {"const": "a"}, "n": {"const": 1}}, "required": ["t"]},
            "b": {"type": "object", "properties": {"t": {"enum": ["b", "c"]}}, "required": ["t"]}}}),
            vec!["{\"t\": \"a\", \"n\": 1}", "{\"t\": \"c\"}"],
            vec!["{\"t\": \"c\", \"n\": 1}"],
        ),
        (
            json!({"$ref": "#/definitions/a%20b/items", "definitions": {"a b": {"items": {"const": 5}}}}),
            vec!["5"],
            vec!["6"],
        ),
        (
            json!({"type": "object", "properties": {"next": {"$ref": "#"}}}),
            vec!["{}", "{\"next\": {\"next\": {}}}"],
            vec!["{\"next\": 1}"],
        ),
        (json!({}), vec!["null", "[1, [true, {\"a\": \"b\"}]]"], vec!["[[[[[[[[[[]]]]]]]]]]", "1e999"]),
        (json!({"type": "object"}), vec!["{}", "{\"a\": {\"b\": []}}"], vec!["[]"]),
    ] {
        for text in good {
            assert!(bench.takes(&schema, "", text), "{schema} should allow {text}");
            valid(&schema, text).unwrap_or_else(|e| panic!("{schema} {text}: {e}"));
        }
        for text in bad {
            assert!(!bench.takes(&schema, "", text), "{schema} should forbid {text}");
        }
    }
}

#[test]
fn options_that_overlap_are_no_one_of() {
    let bench = bench();
    for options in [
        json!([{"type": "integer"}, {"type": "number"}]),
        json!([{"type": "string"}, {"type": "string", "maxLength": 3}]),
        json!([{"type": "object"}, {"type": "object", "required": ["a"]}]),
        json!([{"const": 1}, {"const": 1.0}]),
        json!([{"minimum": 1}, {"type": "string"}]),
    ] {
        let reason = bench.refusal(&json!({"oneOf": options}));
        assert!(reason.contains("`oneOf`"), "{reason}");
    }
    for options in [
        json!([{"type": "integer", "maximum": 3}, {"type": "number", "minimum": 4}]),
        json!([{"type": "string"}, {"enum": [1, null]}]),
        json!([{"const": 1}, {"const": 2}]),
        json!([{"type": "object", "properties": {"a": {}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {}}, "additionalProperties": false}]),
        json!([{"anyOf": [{"type": "null"}, {"type": "boolean"}]}, {"type": "array"}]),
    ] {
        assert!(bench.compile(&json!({"oneOf": options})).is_ok(), "{options}");
    }
}

#[test]
fn what_can_never_be_satisfied_is_refused() {
    let bench = bench();
    for schema in [
        json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}),
        json!({"type": "array", "items": {"$ref": "#"}, "minItems": 1}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"type": "integer", "minimum": 3, "maximum": 2}),
        json!({"type": "string", "minLength": 3, "maxLength": 2}),
        json!({"type": "string", "pattern": "^abc$", "maxLength": 2}),
        json!({"type": "string", "enum": [1, 2]}),
        json!({"type": "object", "properties": {"a": false}, "required": ["a"]}),
        json!({"minItems": 3, "maxItems": 2, "type": "array"}),
        json!({"minimum": 1e30, "type": "number"}),
        json!({"const": "\u{1}"}),
        json!({"const": 9_007_199_254_740_993_u64}),
    ] {
        bench.refusal(&schema);
    }
    // Circles that can be left are fine.
    let list = json!({"anyOf": [{"$ref": "#"}, {"type": "string", "maxLength": 2}]});
    assert!(bench.takes(&list, "", "\"ab\""));
}

#[test]
fn notes_change_nothing() {
    let bench = bench();
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://example.org/x", "$comment": "c",
        "title": "t", "description": "d", "default": {"not": 1}, "examples": [1], "deprecated": true,
        "readOnly": true, "writeOnly": false, "x-type": "number", "x-copy": false, "uniqueItems": false,
        "nullable": false, "type": "array", "items": {"$id": "#part", "$anchor": "part", "const": 7}, "maxItems": 1,
        "$defs": {"never used": {"not": {}}},
    });
    assert!(bench.takes(&schema, "", "[7]"));
    assert!(bench.takes(&schema, "", "[]"));
    assert!(!bench.takes(&schema, "", "[7, 7]"));
}
