//! Answers of a real model satisfy their schemas.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/schemas.rs"]
mod schemas;

use common::{CHAT, ModelHost, ask, generate, loaded};
use hob_engine::{EngineError, Finish, GenerateSpec, Role};
use schemas::Dice;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn host() -> Option<ModelHost> {
    Some(loaded(CHAT, Role::Chat, 2_048).await?.0)
}

fn spec(prompt: &str, schema: &Value) -> GenerateSpec {
    GenerateSpec { schema: Some(schema.to_string()), max_tokens: 120, ..ask(prompt) }
}

fn check(schema: &Value, text: &str) {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let validator = jsonschema::validator_for(schema).unwrap();
    validator.validate(&value).unwrap_or_else(|e| panic!("{e}: {text}\n{schema}"));
}

#[tokio::test]
async fn random_schemas_are_satisfied() {
    let Some(host) = host().await else { return };
    let started = Instant::now();
    let (mut done, mut cut, mut tokens) = (0, 0, 0);
    for seed in 0..40 {
        let schema = schemas::schema(&mut Dice::new(seed), 2);
        let spec = GenerateSpec { temperature: 1.0, seed, ..spec("Invent an example.", &schema) };
        let answer = generate(&host, spec).await.unwrap_or_else(|e| panic!("{e}: {schema}"));
        tokens += answer.usage.completion_tokens;
        match answer.finish {
            Finish::Length => cut += 1,
            _ => {
                check(&schema, &answer.text);
                done += 1;
            }
        }
    }
    println!("{done} valid, {cut} cut by length, {tokens} tokens in {:?}", started.elapsed());
    assert!(cut <= 8);
}

#[tokio::test]
async fn copied_values_come_from_the_text() {
    let Some(host) = host().await else { return };
    let schema = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "x-copy": true, "minLength": 1},
            "city": {"type": "string", "x-copy": true, "minLength": 1},
            "age": {"type": "integer", "minimum": 0, "maximum": 120},
            "words": {"type": "array", "items": {"type": "string", "x-copy": true, "minLength": 1}, "maxItems": 2},
        },
        "required": ["name", "city", "age", "words"],
    });
    let text = "Zoltán \"Zed\" Ősz, who is 42,\nlives in Székesfehérvár.";
    for seed in 0..6 {
        // Given apart from the conversation, or taken from its last message.
        let given = seed % 2 == 0;
        let prompt = if given { "Who is it? Zoltán, from Székesfehérvár." } else { text };
        let copy_from = given.then(|| text.to_string());
        let spec = GenerateSpec { temperature: 1.0, seed, copy_from, ..spec(prompt, &schema) };
        let answer = generate(&host, spec).await.unwrap();
        if answer.finish == Finish::Length {
            continue;
        }
        check(&schema, &answer.text);
        let value: Value = serde_json::from_str(&answer.text).unwrap();
        let words = value["words"].as_array().unwrap().iter();
        for copied in words.chain([&value["name"], &value["city"]]) {
            let copied = copied.as_str().unwrap();
            assert!(text.contains(copied) && copied.trim() == copied && !copied.is_empty(), "{copied:?}");
        }
    }
}

#[tokio::test]
async fn what_repeats_is_guessed_alike_every_time_and_counts_only_if_it_is_chosen() {
    let Some(host) = host().await else { return };
    let item = json!({
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}, "colour": {"enum": ["red", "green", "blue"]}},
        "required": ["name", "colour"], "additionalProperties": false,
    });
    let schema = json!({"type": "array", "minItems": 12, "maxItems": 12, "items": item});
    let list =
        || GenerateSpec { max_tokens: 0, ..spec("List twelve things in a kitchen with their colours.", &schema) };
    let first = generate(&host, list()).await.unwrap();
    check(&schema, &first.text);
    let (drafted, accepted) = (first.usage.drafted, first.usage.accepted);
    assert!(accepted >= 12 && accepted <= drafted && accepted < first.usage.completion_tokens, "{:?}", first.usage);
    let again = generate(&host, list()).await.unwrap();
    assert_eq!((again.text, again.usage.drafted, again.usage.accepted), (first.text, drafted, accepted));
}

#[tokio::test]
async fn what_is_not_supported_is_refused_by_name_and_soon() {
    let Some(host) = host().await else { return };
    for (schema, named) in [
        (json!({"type": "array", "uniqueItems": true}), "`uniqueItems`"),
        (json!({"properties": {"a": {"not": {}}}}), "#/properties/a"),
        (json!({"if": {}, "then": {}}), "`if`"),
        (json!({"$ref": "https://example.org/x"}), "$ref"),
        (json!({"x-guidance": {"lenient": true}}), "`x-guidance`"),
        (json!({"type": "string", "pattern": "((a{1000}){1000}){1000}"}), "`pattern`"),
        (json!({"type": "string", "minLength": 4_000_000_000_u64}), "`minLength`"),
        (json!({"x-copy": true, "pattern": "a"}), "x-copy"),
    ] {
        let started = Instant::now();
        match generate(&host, spec("Hello", &schema)).await {
            Err(EngineError::InvalidArgument(reason)) => assert!(reason.contains(named), "{reason}"),
            other => panic!("{schema}: {other:?}"),
        }
        assert!(started.elapsed() < Duration::from_secs(2), "{schema} took {:?}", started.elapsed());
    }
    // And the host goes on.
    let schema = json!({"enum": ["yes", "no"]});
    check(&schema, &generate(&host, spec("Is water wet?", &schema)).await.unwrap().text);
}
