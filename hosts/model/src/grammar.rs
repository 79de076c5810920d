//! Answers that satisfy a JSON Schema: tokens that would break it are not chosen.
//!
//! Owns: the vocabulary in llguidance's form and the state of one constrained answer. Must not
//! know: how tokens are scored.

use crate::prompt::text_of;
use crate::sampling::Sampler;
use hob_engine::EngineError;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use std::sync::Arc;

/// Longest schema in bytes; larger ones take seconds to compile.
const MAX_SCHEMA: usize = 64 << 10;

/// Compiles schemas for one model's vocabulary. Made once per model: it walks all tokens.
pub struct Grammars {
    factory: ParserFactory,
}

impl Grammars {
    /// Prepares the vocabulary.
    pub fn new(vocab: &LlamaVocab<'_>) -> Result<Self, EngineError> {
        let mut factory = ParserFactory::new_simple(&token_environment(vocab))
            .map_err(|e| EngineError::Inference(format!("the vocabulary can't be constrained: {e}")))?;
        factory.quiet();
        Ok(Self { factory })
    }

    /// Compiles a JSON Schema.
    pub fn constraint(&self, schema: &str) -> Result<Constraint, EngineError> {
        let wrong = |reason: String| EngineError::InvalidArgument(format!("the JSON Schema can't be used: {reason}"));
        if schema.len() > MAX_SCHEMA {
            return Err(wrong(format!("it has {} bytes, over {MAX_SCHEMA}", schema.len())));
        }
        let mut schema: Value = serde_json::from_str(schema).map_err(|e| wrong(format!("it is no JSON: {e}")))?;
        if let Value::Object(fields) = &mut schema {
            // Small models fill optional white space for ever.
            fields.entry("x-guidance").or_insert_with(
                || json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "}),
            );
        }
        let parser = self.factory.create_parser(TopLevelGrammar::from_json_schema(schema));
        let matcher = Matcher::new(parser);
        match matcher.get_error() {
            Some(error) => Err(wrong(error.lines().next().unwrap_or_default().to_string())),
            None => Ok(Constraint { matcher }),
        }
    }
}

/// The state of one constrained answer.
pub struct Constraint {
    matcher: Matcher,
}

impl Constraint {
    /// Chooses the next token: freely if the schema allows it, else again among those it allows.
    /// Most tokens are allowed, and asking about one is far cheaper than about all.
    pub fn choose(&mut self, sampler: &mut Sampler, scores: &[f32]) -> Result<LlamaToken, EngineError> {
        let failed = |e: anyhow::Error| EngineError::Inference(format!("the schema could not be followed: {e}"));
        let mut token = sampler.choose((0..).zip(scores.iter().copied()))?;
        if self.matcher.validate_tokens(&[token.0 as u32]).map_err(failed)? == 0 {
            let mask = self.matcher.compute_mask_or_eos().map_err(failed)?;
            token = sampler.choose(mask.iter().filter_map(|id| Some((id, *scores.get(id as usize)?))))?;
        }
        self.matcher.consume_token(token.0 as u32).map_err(failed)?;
        Ok(token)
    }

    /// The answer is complete and nothing may follow.
    pub fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }
}

/// The bytes of every token; control tokens are marked so that no text matches them.
fn token_environment(vocab: &LlamaVocab<'_>) -> TokEnv {
    let mut ends: Vec<u32> = vocab.tokens().filter(|token| vocab.is_eog(*token)).map(|token| token.0 as u32).collect();
    let main_end = [vocab.eot(), vocab.eos()].into_iter().find(|token| token.0 >= 0).map_or(0, |token| token.0 as u32);
    ends.retain(|end| *end != main_end);
    ends.insert(0, main_end);
    let words: Vec<Vec<u8>> = vocab.tokens().map(|token| word(vocab, token)).collect();
    let info = TokRxInfo::new(words.len() as u32, main_end);
    Arc::new(ApproximateTokEnv::new(TokTrie::from(&info, &words).with_eos_tokens(&ends)))
}

fn word(vocab: &LlamaVocab<'_>, token: LlamaToken) -> Vec<u8> {
    let bytes = vocab.token_to_piece(token, false, None);
    if !bytes.is_empty() {
        return bytes;
    }
    match text_of(vocab, token) {
        Some(text) if vocab.is_control(token) => [&[TokTrie::SPECIAL_TOKEN_MARKER], text.as_bytes()].concat(),
        _ => Vec::new(),
    }
}
