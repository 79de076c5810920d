//! Tokens: forced ones, wrong ones, and a text after the JSON.

use super::*;

#[test]
fn a_closing_text_follows_the_json() {
    let bench = bench();
    for schema in [
        json!({"type": "integer", "minimum": 1, "maximum": 20}),
        json!({"type": "object", "properties": {"a": {"x-copy": true}}, "required": ["a"]}),
    ] {
        let mut dice = Dice::new(9);
        let constraint = bench.grammars.compile(&schema, "some words", Some("\n</tool_call>")).unwrap();
        let Outcome::Done(text) = bench.run(constraint, &mut dice, 300) else { panic!("no end") };
        let json = text.strip_suffix("\n</tool_call>").unwrap();
        valid(&schema, json).unwrap();
    }
    // A long conversation does not matter where nothing is copied from it.
    let schema = json!({"type": "boolean"});
    assert!(bench.grammars.compile(&schema, &"long ".repeat(100_000), Some("\n")).is_ok());
}

#[test]
fn forced_tokens_are_what_must_follow() {
    let bench = bench();
    let properties = json!({"name": {"const": "hello world"}, "age": {"type": "boolean"}});
    let schema = json!({"type": "object", "properties": properties, "required": ["name", "age"]});
    // Greedy over the same vocabulary.
    let tokenize = |text: &[u8]| {
        let mut out = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let fits = |id: &usize| text[at..].starts_with(&bench.words[*id]);
            let best = (0..bench.end as usize).filter(fits).max_by_key(|id| bench.words[*id].len()).unwrap();
            at += bench.words[best].len();
            out.push(best as u32);
        }
        out
    };
    let mut constraint = bench.compile(&schema).unwrap();
    let tokens = constraint.forced_by(tokenize).unwrap();
    let text: Vec<u8> = tokens.iter().flat_map(|token| bench.words[token.0 as usize].clone()).collect();
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with(r#"{"name": "hello world", "age"#), "{text}");
    assert!(tokens.len() < text.len());
    // It goes on from there.
    let mut rest = String::new();
    let spec = GenerateSpec { temperature: 1.0, schema: Some(String::new()), ..GenerateSpec::default() };
    let mut sampler = Sampler::new(&spec).unwrap();
    let mut dice = Dice::new(5);
    while !constraint.is_complete() {
        let scores: Vec<f32> = (0..bench.words.len()).map(|_| dice.share()).collect();
        let token = constraint.choose(&mut sampler, &scores).unwrap();
        rest.push_str(std::str::from_utf8(&bench.words[token.0 as usize]).unwrap());
    }
    valid(&schema, &format!("{text}{rest}")).unwrap();
    // Nothing is forced where there is a choice.
    let mut free = bench.compile(&json!({"type": "boolean"})).unwrap();
    assert!(free.forced_by(tokenize).unwrap().is_empty());
}

#[test]
fn a_long_forced_text_is_forced_in_parts() {
    let bench = bench();
    let text = "x".repeat(50_000);
    let mut constraint = bench.compile(&json!({"const": text})).unwrap();
    let bytes = |text: &[u8]| text.iter().map(|byte| u32::from(*byte)).collect();
    let started = Work::begin();
    let mut count = 0;
    while !constraint.is_complete() {
        let forced = constraint.forced_by(bytes).unwrap();
        if forced.is_empty() {
            let mut sampler = Sampler::new(&GenerateSpec::default()).unwrap();
            constraint.choose(&mut sampler, &vec![0.0; bench.words.len()]).unwrap();
            count += 1;
        }
        count += forced.len();
    }
    println!("{count} tokens in {:?}", started.done());
    assert_eq!(count, text.len() + 2);
    assert!(started.done() < Duration::from_secs(5));
}

#[test]
fn a_token_that_breaks_the_schema_is_an_error_and_no_panic() {
    let bench = bench();
    let mut constraint = bench.compile(&json!({"type": "boolean"})).unwrap();
    let error = constraint.accept(LlamaToken(i32::from(b'x'))).unwrap_err().to_string();
    assert!(error.contains("schema") && !error.contains('\n'), "{error}");
    // And stays one.
    assert!(constraint.accept(LlamaToken(i32::from(b't'))).is_err());
    assert!(constraint.is_complete());
    for token in [-1, i32::MAX] {
        let mut constraint = bench.compile(&json!({"type": "boolean"})).unwrap();
        assert!(constraint.accept(LlamaToken(token)).is_err());
    }
}

#[test]
fn a_panic_while_following_a_schema_is_an_error() {
    let bench = bench();
    let mut constraint = bench.compile(&json!({"type": "boolean"})).unwrap();
    assert!(constraint.matcher.test_trigger_lexer_error().is_err());
    let error = constraint.accept(LlamaToken(i32::from(b't'))).unwrap_err().to_string();
    assert!(error.contains("schema") && !error.contains('\n'), "{error}");
    assert!(constraint.forced_by(|_| Vec::new()).unwrap().is_empty() && constraint.is_complete());
    // Others go on.
    assert!(bench.takes(&json!({"type": "boolean"}), "", "true"));
}

#[test]
fn an_answer_that_can_not_go_on_is_an_error() {
    let bench = bench();
    // A class of nothing but a control character has no spelling.
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "^[\\x01]$"}}, "required": ["a"]});
    let outcome = bench.compile(&schema).map(|mut constraint| {
        let mut sampler = Sampler::new(&GenerateSpec::default()).unwrap();
        let scores = vec![0.0; bench.words.len()];
        (0..50).try_for_each(|_| constraint.choose(&mut sampler, &scores).map(drop))
    });
    let error = outcome.and_then(|outcome| outcome).unwrap_err().to_string();
    assert!(error.contains("chema") && !error.contains('\n'), "{error}");
    assert!(error.contains("no token"), "{error}");
}
