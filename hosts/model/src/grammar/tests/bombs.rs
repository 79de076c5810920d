//! Hostile schemas end soon.

use super::*;

#[test]
fn bombs_are_refused_or_bounded() {
    let bench = bench();
    for (name, schema) in bombs() {
        let started = Work::begin();
        let outcome = bench.compile(&schema);
        let took = started.done();
        println!("{name}: {took:?} {:?}", outcome.as_ref().err().map(|e| e.to_string()));
        assert!(took < Duration::from_secs(2), "{name} took {took:?}");
        match outcome {
            Err(EngineError::InvalidArgument(reason)) => assert!(reason.len() < 500, "{name}: {reason}"),
            Err(other) => panic!("{name}: {other}"),
            Ok(_) => {
                // Harmless to compile; then it must be harmless to follow.
                let started = Work::begin();
                for seed in 0..5 {
                    bench.run(bench.compile(&schema).unwrap(), &mut Dice::new(seed), 200);
                }
                println!("{name}: followed in {:?}", started.done());
                assert!(started.done() < Duration::from_secs(4), "{name} took {:?}", started.done());
            }
        }
    }
}

/// Schemas meant to exhaust memory or time.
fn bombs() -> Vec<(&'static str, Value)> {
    let deep = |levels: usize, wrap: &dyn Fn(Value) -> Value| (0..levels).fold(json!({"type": "null"}), |s, _| wrap(s));
    let fan = |body: &dyn Fn(&str) -> Value, last: Value| {
        let mut definitions = Map::new();
        for level in 0..40 {
            definitions.insert(format!("l{level}"), body(&format!("#/$defs/l{}", level + 1)));
        }
        definitions.insert("l40".into(), last);
        json!({"$ref": "#/$defs/l0", "$defs": definitions})
    };
    let leaf = json!({"type": "object", "properties": {"v": {"type": "string"}}});
    let merged = |to: &str| json!({"allOf": [{"$ref": to}, {"type": "object"}]});
    let chain = |levels: usize| {
        let mut definitions = Map::new();
        for level in 0..levels {
            let next = format!("#/$defs/c{}", level + 1);
            definitions.insert(format!("c{level}"), json!({"type": "array", "items": {"$ref": next}, "maxItems": 2}));
        }
        definitions.insert(format!("c{levels}"), json!({"type": "null"}));
        json!({"$ref": "#/$defs/c0", "$defs": definitions})
    };
    let product = |parts: usize, options: usize| {
        let any: Vec<Value> = (0..options)
            .map(|i| json!({"type": "object", "properties": {format!("p{i}"): {"type": "string"}}}))
            .collect();
        json!({"allOf": vec![json!({"anyOf": any}); parts]})
    };
    let many = |count: usize, value: &dyn Fn(usize) -> Value| (0..count).map(value).collect::<Vec<_>>();
    let named = |count: usize, pair: &dyn Fn(usize) -> (String, Value)| (0..count).map(pair).collect::<Map<_, _>>();
    vec![
        ("pattern of a million", json!({"type": "string", "pattern": "(a{1000}){1000}"})),
        ("pattern of a billion", json!({"type": "string", "pattern": "((a{1000}){1000}){1000}"})),
        ("pattern with a far look back", json!({"type": "string", "pattern": "^.*a.{900}$"})),
        (
            "pattern with many counters",
            json!({"type": "string", "pattern": "(a|b)*a(a|b){20}(c|a)*b(a|c){30}c(a|b|c){90}"}),
        ),
        ("pattern of stars", json!({"type": "string", "pattern": "^(((((a*)*)*)*)*)*b$"})),
        ("pattern of classes", json!({"type": "string", "pattern": "(\\p{L}|\\p{N}|\\p{S}){1,9}".repeat(30)})),
        (
            "pattern and length",
            json!({"type": "string", "pattern": "^(a|aa|aaa)+b{200}$", "minLength": 9000, "maxLength": 9001}),
        ),
        ("email of a length", json!({"type": "string", "format": "email", "minLength": 6, "maxLength": 30000})),
        ("length of billions", json!({"type": "string", "maxLength": 4_000_000_000_u64})),
        ("least length of billions", json!({"type": "string", "minLength": 4_000_000_000_u64})),
        ("least length", json!({"type": "string", "minLength": 30_000})),
        ("items of billions", json!({"type": "array", "items": {"type": "string"}, "maxItems": 4_000_000_000_u64})),
        ("items of items", deep(3, &|s| json!({"type": "array", "maxItems": 30_000, "items": s}))),
        ("least items of billions", json!({"type": "array", "items": {"type": "null"}, "minItems": 4_000_000_000_u64})),
        ("properties of billions", json!({"type": "object", "maxProperties": 4_000_000_000_u64})),
        ("huge enum", json!({"enum": many(200_000, &|i| json!(format!("value {i}")))})),
        ("large enum", json!({"enum": many(3_000, &|i| json!(format!("value {} {}", i * 7919 % 3000, i)))})),
        ("enum of numbers", json!({"enum": many(3_000, &|i| json!(i as f64 * 1.37))})),
        ("enum of objects", json!({"enum": many(1_000, &|i| json!({"a": i, "b": [i]}))})),
        (
            "many options",
            json!({"anyOf": many(200, &|i| {
                json!({"type": "object", "properties": {"k": {"const": i}, "v": {"type": "string"}}, "required": ["k"]})
            })}),
        ),
        ("too many options", json!({"anyOf": many(5_000, &|i| json!({"const": i}))})),
        (
            "many properties",
            json!({"type": "object", "properties": named(990, &|i| (format!("p{i}"), json!({"type": "string"})))}),
        ),
        (
            "many open objects",
            json!({"type": "object", "additionalProperties": true,
                "properties": named(300, &|i| (format!("p{i}"), json!({"type": "object"})))}),
        ),
        ("deep arrays", deep(100, &|s| json!({"type": "array", "items": s}))),
        ("deep options", deep(39, &|s| json!({"anyOf": [s, {"type": "string", "maxLength": 3}]}))),
        ("deep merges", deep(39, &|s| json!({"allOf": [s, {}]}))),
        (
            "fan of references",
            fan(&|to| json!({"type": "object", "properties": {"l": {"$ref": to}, "r": {"$ref": to}}}), leaf.clone()),
        ),
        (
            "fan of merges",
            fan(&|to| json!({"type": "object", "properties": {"l": merged(to), "r": merged(to)}}), leaf.clone()),
        ),
        ("fan of double merges", fan(&|to| json!({"allOf": [{"$ref": to}, {"$ref": to}]}), leaf.clone())),
        ("fan of options", fan(&|to| json!({"anyOf": [{"$ref": to}, {"$ref": to}], "type": "object"}), leaf.clone())),
        ("fan of plain options", fan(&|to| json!({"anyOf": [{"$ref": to}, {"$ref": to}]}), leaf.clone())),
        ("chain of references as long as allowed", chain(79)),
        ("chain of references", chain(150)),
        ("long chain of references", chain(2_000)),
        ("product of options", product(9, 9)),
        ("product of two", product(2, 200)),
        (
            "recursive merge",
            json!({"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], "$defs": {
            "a": {"type": "object", "properties": {"l": {"$ref": "#/$defs/a"}, "r": {"$ref": "#/$defs/a"}}},
            "b": {"type": "object", "properties": {"l": {"$ref": "#/$defs/b"}, "r": {"$ref": "#/$defs/b"}}}}}),
        ),
        (
            "steps",
            json!({"type": "integer", "minimum": 1, "maximum": 1_000_000_000_000_u64, "multipleOf": 999_999_937}),
        ),
        ("fine steps", json!({"type": "number", "multipleOf": 0.000_000_1, "minimum": 0.1})),
        ("many steps", json!({"allOf": [{"type": "integer", "multipleOf": 65_537}, {"multipleOf": 65_539}]})),
        (
            "pattern properties",
            json!({"patternProperties": named(60, &|i| (format!("^(a|b)*{i}(a|b){{20}}$"), json!({})))}),
        ),
        ("hard pattern properties", json!({"patternProperties": {"^(a|b)*a(a|b){60}$": {}, "^(a|b)*b(a|b){61}$": {}}})),
        ("long const", json!({"const": "wörd ".repeat(10_000)})),
        ("long enum", json!({"enum": many(60, &|i| json!(format!("{i} {}", "ab".repeat(500))))})),
        ("longer const", json!({"const": "x".repeat(1 << 22)})),
        (
            "fan of one of",
            fan(&|to| json!({"oneOf": vec![json!({"anyOf": vec![json!({"$ref": to}); 8]}); 2]}), leaf.clone()),
        ),
        (
            "many one of",
            json!({"oneOf": many(200, &|i| {
                json!({"type": "object", "required": ["k"], "properties": {"k": {"const": i}}})
            })}),
        ),
        ("long description", json!({"type": "null", "description": "x".repeat(1 << 20)})),
    ]
}
