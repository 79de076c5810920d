//! Copied values.

use super::*;

#[test]
fn copied_values_are_runs_of_whole_words() {
    let bench = bench();
    let copy = json!({"type": "string", "x-copy": true});
    let text = "Call \"Ana María\" at 3.14 pm,\n don't mail ana@example.org \\ C:\\new.";
    let quoted = |text: &str| Value::from(text).to_string();
    for run in [
        "Call",
        "\"Ana María\"",
        "Ana",
        "Ana María\" at 3.14",
        "don't",
        "ana@example.org",
        "pm,\n don't",
        "\\",
        "C:\\new.",
        "",
    ] {
        assert!(bench.takes(&copy, text, &quoted(run)), "{run}");
    }
    for other in [
        "Cal",
        "all",
        " Call",
        "Call ",
        "Ana Maria",
        "3.1",
        "don",
        "mail ana@",
        "Ana  María",
        "\n don't",
        "pm,\n",
        "call",
        "Ana at",
    ] {
        let whole = other == "mail ana@";
        assert_eq!(bench.takes(&copy, text, &quoted(other)), whole, "{other}");
    }
    let chinese = "今天下午三点在北京开会";
    for (run, good) in [("北京", true), ("下午三点", true), ("北", true), ("上海", false), ("京北", false)] {
        assert_eq!(bench.takes(&copy, chinese, &quoted(run)), good, "{run}");
    }
    assert!(bench.takes(&copy, "", "\"\""));
    assert!(!bench.takes(&copy, "", "\"a\""));
    assert!(bench.takes(&copy, "a\u{1}b c", "\"b c\"") && !bench.takes(&copy, "a\u{1}b c", "\"ab\""));
}

#[test]
fn copied_values_stand_anywhere() {
    let bench = bench();
    let copy = json!({"type": "string", "x-copy": true, "description": "as written"});
    let schema = json!({
        "type": "object",
        "properties": {
            "who": copy,
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "tags": {"type": "array", "items": copy, "maxItems": 2},
            "place": {"$ref": "#/$defs/place"},
            "kind": {"enum": ["a", "b"]},
            "free": {"$ref": "#/$defs/free"},
            "note": {"type": ["string", "null"], "x-copy": true},
            "maybe": {"anyOf": [copy, {"type": "integer"}]},
        },
        "required": ["age", "place"],
        "$defs": {
            "place": {"type": "object", "required": ["city"],
                "properties": {"city": copy, "inside": {"$ref": "#/$defs/place"}}},
            "free": {"type": "object", "properties": {"x": {"type": "boolean"}}, "required": ["x"]},
        },
    });
    let text = "Ana lives in Porto";
    for good in [
        r#"{"age": 12, "place": {"city": "Porto"}}"#,
        r#"{"who": "Ana", "age": 1, "tags": ["in", "lives in"], "place": {"city": "Porto"}, "kind": "b", "note": null}"#,
        r#"{"age": 1, "place": {"city": "Ana", "inside": {"city": ""}}, "free": {"x": true}, "maybe": 12}"#,
        r#"{"age": 150, "tags": [], "place": {"city": "Ana"}, "note": "Ana lives", "maybe": "in"}"#,
    ] {
        assert!(bench.takes(&schema, text, good), "{good}");
        valid(&schema, good).unwrap();
    }
    for bad in [
        r#"{"age": 12, "place": {"city": "Lisbon"}}"#,
        r#"{"place": {"city": "Porto"}}"#,
        r#"{"age": 151, "place": {"city": "Porto"}}"#,
        r#"{"who": "Ana", "age": 1, "tags": ["in", "in", "in"], "place": {"city": "Porto"}}"#,
        r#"{"age": 1, "place": {"city": "Porto"}, "maybe": "x"}"#,
        r#"{"age": 1, "place": {"city": "Porto"}, "more": 1}"#,
    ] {
        assert!(!bench.takes(&schema, text, bad), "{bad}");
    }
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let constraint = bench.grammars.compile(&schema, text, None).unwrap();
        if let Outcome::Done(answer) = bench.run(constraint, &mut dice, 600) {
            valid(&schema, &answer).unwrap_or_else(|e| panic!("{e}: {answer}"));
        }
    }
}

#[test]
fn copied_values_have_lengths_and_nothing_else() {
    let bench = bench();
    let schema = json!({"type": "string", "x-copy": true, "minLength": 3, "maxLength": 9});
    for (value, good) in [("two", true), ("one two", true), ("a", false), ("", false), ("one two three", false)] {
        assert_eq!(bench.takes(&schema, "a one two three", &format!("{value:?}")), good, "{value}");
    }
    assert!(bench.takes(&schema, "\"\"\"", r#""\"\"\"""#));
    let refused = |schema: Value, text: &str| match bench.grammars.compile(&schema, text, None) {
        Ok(_) => panic!("not refused: {schema}"),
        Err(error) => error.to_string(),
    };
    assert!(refused(json!({"x-copy": true, "minLength": 1}), "").contains("x-copy"));
    assert!(refused(json!({"x-copy": true, "minLength": 1, "maxLength": 2}), "long words only").contains("x-copy"));
    for keyword in ["enum", "const", "pattern", "format", "anyOf", "$ref"] {
        let mut schema = json!({"type": "string", "x-copy": true});
        schema[keyword] = match keyword {
            "enum" => json!(["a"]),
            "anyOf" => json!([{}]),
            "format" => json!("date"),
            "$ref" => json!("#"),
            _ => json!("a"),
        };
        let reason = refused(schema, "a");
        assert!(reason.contains(&format!("`{keyword}`")) && reason.contains("x-copy"), "{reason}");
    }
    for around in [
        json!({"allOf": [{"x-copy": true}, {"x-copy": true}]}),
        json!({"type": "object", "additionalProperties": {"x-copy": true}}),
        json!({"type": "object", "patternProperties": {"a": {"x-copy": true}}}),
        json!({"type": "array", "prefixItems": [{"x-copy": true}]}),
    ] {
        let reason = refused(around, "a");
        assert!(reason.contains("x-copy"), "{reason}");
    }
    assert!(refused(json!({"type": "integer", "x-copy": true}), "a").contains("x-copy"));
    assert!(refused(json!({"x-copy": true}), &"word ".repeat(100_000)).contains("bytes"));
}

#[test]
fn large_texts_to_copy_from_are_quick() {
    let bench = bench();
    let mut dice = Dice::new(3);
    let text: String = (0..9_000).map(|_| format!("w{} ", dice.roll(3_000))).collect();
    let copy = json!({"type": "string", "x-copy": true, "maxLength": 40});
    let schema = json!({"type": "object", "properties": {"a": copy}, "required": ["a"]});
    let started = Work::begin();
    let constraint = bench.grammars.compile(&schema, &text, None).unwrap();
    println!("{} bytes to copy from: {:?}", text.len(), started.done());
    assert!(started.done() < Duration::from_secs(1));
    let started = Work::begin();
    bench.run(constraint, &mut dice, 100);
    println!("100 tokens: {:?}", started.done());
    assert!(started.done() < Duration::from_secs(2));
    for hard in
        ["a ".repeat(30_000), "ab".repeat(30_000), "日".repeat(20_000), ". ".repeat(30_000), "a b ".repeat(15_000)]
    {
        let started = Work::begin();
        let outcome = bench.grammars.compile(&schema, &hard, None);
        println!("{:?}: {:?} {:?}", &hard.chars().take(4).collect::<String>(), started.done(), outcome.as_ref().err());
        assert!(started.done() < Duration::from_secs(1));
        if let Ok(constraint) = outcome {
            bench.run(constraint, &mut dice, 100);
            assert!(started.done() < Duration::from_secs(3));
        }
    }
}

#[test]
fn many_copied_values_are_quick() {
    let bench = bench();
    let text: String = (0..3_000).map(|i| format!("w{} ", i * 7919 % 3000)).collect();
    let property = |i: usize| (format!("p{i}"), json!({"type": "string", "x-copy": true, "maxLength": 10 + i}));
    let properties: Map<String, Value> = (0..200).map(property).collect();
    let schema = json!({"type": "object", "properties": properties});
    let started = Work::begin();
    let outcome = bench.grammars.compile(&schema, &text, None);
    println!("{:?} {:?}", started.done(), outcome.as_ref().err());
    assert!(started.done() < Duration::from_secs(2));
    if let Ok(constraint) = outcome {
        let started = Work::begin();
        bench.run(constraint, &mut Dice::new(4), 300);
        println!("followed in {:?}", started.done());
        assert!(started.done() < Duration::from_secs(3));
    }
}
