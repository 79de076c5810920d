//! The vocabulary of a real model, with random scores.

use super::*;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use std::path::Path;
use std::sync::OnceLock;

/// The vocabulary of the chat model for tests, without its weights; `None` with a loud line when there
/// is none on this machine.
pub fn real_model() -> Option<LlamaModel> {
    static BACKEND: OnceLock<LlamaBackend> = OnceLock::new();
    let Some(folder) = std::env::var_os("HOB_TEST_MODELS") else {
        eprintln!("SKIPPED: HOB_TEST_MODELS is not set to a folder with {CHAT}");
        return None;
    };
    let backend = BACKEND.get_or_init(|| {
        crate::backend::load().unwrap();
        LlamaBackend::init().unwrap()
    });
    let params = LlamaModelParams::default().with_vocab_only(true);
    Some(LlamaModel::load_from_file(backend, Path::new(&folder).join(CHAT), &params).unwrap())
}

const CHAT: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

#[test]
fn a_real_vocabulary_follows_random_schemas() {
    let Some(model) = real_model() else { return };
    let vocab = model.vocab();
    let started = Work::begin();
    let grammars = Grammars::new(&vocab).unwrap();
    println!("the vocabulary took {:?}", started.done());
    let words: Vec<Vec<u8>> = vocab.tokens().map(|token| vocab.token_to_piece(token, false, None)).collect();
    let bench = Bench { grammars, end: vocab.eos().0 as u32, words };
    let (mut done, mut long, mut compiling) = (0, 0, Duration::ZERO);
    for seed in 1_000..1_100 {
        let mut dice = Dice::new(seed);
        let schema = schemas::schema(&mut dice, 3);
        let started = Work::begin();
        let constraint = bench.compile(&schema).unwrap();
        compiling += started.done();
        match bench.run(constraint, &mut dice, 1_000) {
            Outcome::Done(text) => {
                valid(&schema, &text).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{schema}\n{text}"));
                done += 1;
            }
            Outcome::TooLong(_) => long += 1,
        }
    }
    println!("{done} valid, {long} cut by length in {:?}, of which compiling {compiling:?}", started.done());
    assert!(long <= 5);
}

#[test]
fn forced_tokens_are_the_models_own() {
    let Some(model) = real_model() else { return };
    let vocab = model.vocab();
    let grammars = Grammars::new(&vocab).unwrap();
    let required = ["full_name", "temperature", "größe", "is_member"];
    let schema = json!({"type": "object", "required": required, "properties": {
        "full_name": {"enum": ["Ana", "Ben"]}, "temperature": {"const": "very hot today"}, "größe": {"const": 12},
        "is_member": {"type": "boolean"}}});
    for (name, member) in [("Ana", true), ("Ben", false)] {
        let text = format!(
            r#"{{"full_name": "{name}", "temperature": "very hot today", "größe": 12, "is_member": {member}}}"#
        );
        let mut own = Vec::new();
        vocab.tokenize_into(text.as_bytes(), &mut own, false, false);
        let mut constraint = grammars.compile(&schema, "", None).unwrap();
        let (mut at, mut forced, mut spent) = (0, 0, Duration::ZERO);
        while at < own.len() {
            let started = Work::begin();
            let tokens = constraint.forced(&vocab).unwrap();
            spent += started.done();
            assert_eq!(tokens[..], own[at..at + tokens.len()], "{text}");
            at += tokens.len();
            forced += tokens.len();
            if at < own.len() {
                constraint.accept(own[at]).unwrap();
                at += 1;
            }
        }
        println!("{forced} of {} tokens were forced, in {spent:?}", own.len());
        assert!(constraint.is_complete() && forced * 2 > own.len());
    }
}

#[test]
fn a_real_vocabulary_copies_quickly() {
    let Some(model) = real_model() else { return };
    let vocab = model.vocab();
    let words: Vec<Vec<u8>> = vocab.tokens().map(|token| vocab.token_to_piece(token, false, None)).collect();
    let bench = Bench { grammars: Grammars::new(&vocab).unwrap(), end: vocab.eos().0 as u32, words };
    let copy = json!({"type": "string", "x-copy": true, "minLength": 20});
    let schema = json!({"type": "object", "required": ["a"], "properties": {"a": copy}});
    let mut dice = Dice::new(7);
    for count in [100, 1_000, 10_000] {
        let pick =
            |dice: &mut Dice| String::from_utf8_lossy(&bench.words[300 + dice.roll(40_000) as usize]).into_owned();
        let text: String = (0..count).map(|_| pick(&mut dice).replace('\u{fffd}', " ")).collect();
        let text: String = text.chars().take(60_000).collect();
        let started = Work::begin();
        let constraint = bench.grammars.compile(&schema, &text, None).unwrap();
        let compiled = started.done();
        let outcome = bench.run(constraint, &mut dice, 60);
        println!("{} bytes: compiled in {compiled:?}, 60 tokens in {:?}", text.len(), started.done());
        if let Outcome::Done(answer) = outcome {
            let value: Value = serde_json::from_str(&answer).unwrap();
            assert!(text.contains(value["a"].as_str().unwrap()));
        }
        assert!(started.done() < Duration::from_secs(3));
    }
}
