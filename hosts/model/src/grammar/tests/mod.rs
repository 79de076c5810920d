//! Guided generation without a model: a small vocabulary, and random scores in place of a model's.
#![allow(clippy::unwrap_used)]

mod bombs;
mod copies;
mod following;
mod real;

pub use real::real_model;
mod refusing;
#[path = "../../../tests/common/schemas.rs"]
mod schemas;
mod tokens;

use super::*;
use crate::sampling::Sampler;
use llama_cpp_2::token::LlamaToken;
use llguidance::toktrie::{ApproximateTokEnv, TokRxInfo, TokTrie};
use schemas::Dice;
use serde_json::{Map, json};
use std::sync::Arc;
use std::time::Duration;

/// All bytes, and texts that span the borders of JSON's parts as a model's tokens do.
const LONGER: [&str; 40] = [
    "{\"", "\": ", "\": \"", "\", \"", "\"}", "\"},", "}, {", "], ", "[]", "{}", "[\"", "\"]", "true", "false", "null",
    "name", "age", "kind", "one", "two", " 1", "12", "100", "00", "-1", "0.5", ".25", "a", "ab", "hello", " world",
    "日", "本", "ö", "\\\"", "\\n", "\\u00", "\"\"", ", ", ": ",
];

fn vocabulary() -> (TokEnv, Vec<Vec<u8>>, u32) {
    let mut words: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    words.extend(LONGER.iter().filter(|text| text.len() > 1).map(|text| text.as_bytes().to_vec()));
    words.push([&[TokTrie::SPECIAL_TOKEN_MARKER], &b"<|end|>"[..]].concat());
    let end = words.len() as u32 - 1;
    let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, end), &words);
    (Arc::new(ApproximateTokEnv::new(trie)), words, end)
}

struct Bench {
    grammars: Grammars,
    words: Vec<Vec<u8>>,
    end: u32,
}

fn bench() -> Bench {
    let (environment, words, end) = vocabulary();
    Bench { grammars: Grammars::over(&environment).unwrap(), words, end }
}

/// Time that this thread has had a processor: what a limit on work means on a busy machine.
struct Work(Duration);

impl Work {
    fn begin() -> Self {
        Self(Self::so_far())
    }

    fn done(&self) -> Duration {
        Self::so_far() - self.0
    }

    fn so_far() -> Duration {
        let figures = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(figures.split(' ').next().unwrap().parse().unwrap())
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Done(String),
    /// Cut by length.
    TooLong(String),
}

impl Bench {
    fn compile(&self, schema: &Value) -> Result<Constraint, EngineError> {
        self.grammars.compile(schema, "", None)
    }

    /// Why a schema is refused.
    fn refusal(&self, schema: &Value) -> String {
        match self.compile(schema) {
            Ok(_) => panic!("not refused: {schema}"),
            Err(EngineError::InvalidArgument(reason)) => reason,
            Err(other) => panic!("{other}"),
        }
    }

    /// Generates with random scores.
    fn run(&self, mut constraint: Constraint, dice: &mut Dice, most: usize) -> Outcome {
        let seed = dice.next();
        let spec = GenerateSpec { temperature: 1.0, seed, schema: Some(String::new()), ..GenerateSpec::default() };
        let mut sampler = Sampler::new(&spec).unwrap();
        sampler.penalise(false);
        let mut text = Vec::new();
        for _ in 0..most {
            let scores: Vec<f32> = (0..self.words.len()).map(|_| dice.share()).collect();
            let token = constraint.choose(&mut sampler, &scores).unwrap();
            sampler.accept(token);
            if token.0 as u32 == self.end {
                return Outcome::Done(String::from_utf8(text).unwrap());
            }
            text.extend_from_slice(&self.words[token.0 as usize]);
            if constraint.is_complete() {
                return Outcome::Done(String::from_utf8(text).unwrap());
            }
        }
        Outcome::TooLong(String::from_utf8_lossy(&text).into_owned())
    }

    /// Whether a text is an answer, token by token: by bytes, as no tokenizer is at hand.
    fn takes(&self, schema: &Value, copy_from: &str, text: &str) -> bool {
        let mut constraint = self.grammars.compile(schema, copy_from, None).unwrap();
        for byte in text.bytes() {
            if constraint.is_complete() || constraint.accept(LlamaToken(i32::from(byte))).is_err() {
                return false;
            }
        }
        constraint.is_complete() || constraint.accept(LlamaToken(self.end as i32)).is_ok()
    }
}

fn valid(schema: &Value, text: &str) -> Result<(), String> {
    let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let validator = jsonschema::validator_for(schema).unwrap();
    validator.validate(&value).map_err(|e| e.to_string())
}
