//! A model's vocabulary in llguidance's form.
//!
//! Owns: the bytes of every token, and which tokens end an answer. Must not know: schemas.

use crate::prompt::text_of;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use std::sync::Arc;

/// The bytes of every token; control tokens are marked so that no text matches them.
///
/// The environment's own tokenizer is greedy, which is not the model's way; nothing relies on it
/// (see [`super::Constraint::forced`]).
pub fn environment(vocab: &LlamaVocab<'_>) -> TokEnv {
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
