//! The state of one constrained answer.
//!
//! Owns: which tokens may come next. Must not know: schemas, and how tokens are scored.

use crate::sampling::Sampler;
use hob_engine::EngineError;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use llguidance::Matcher;

/// Most bytes that are forced at once: tokenizers recurse on long words.
const LONGEST_FORCED: usize = 2_048;

/// An answer under way that must satisfy a schema.
pub struct Constraint {
    pub(super) matcher: Matcher,
    last: Option<u32>,
}

impl Constraint {
    pub(super) fn new(matcher: Matcher) -> Self {
        Self { matcher, last: None }
    }

    /// Chooses the next token and takes it: freely if the schema allows it, else again among those
    /// that it allows. Most tokens are allowed, and asking about one is far cheaper than about all.
    ///
    /// # Errors
    ///
    /// [`EngineError::Inference`] when no token may follow, or when the schema became too complex to
    /// follow; this answer is lost then, the process goes on.
    pub fn choose(&mut self, sampler: &mut Sampler, scores: &[f32]) -> Result<LlamaToken, EngineError> {
        let mut token = sampler.choose_any(scores)?;
        if self.matcher.validate_tokens(&[token.0 as u32]).map_err(failed)? == 0 {
            let mask = self.matcher.compute_mask_or_eos().map_err(failed)?;
            token = sampler.choose(mask.iter().filter_map(|id| Some((id, *scores.get(id as usize)?))))?;
        }
        self.accept(token)?;
        Ok(token)
    }

    /// Takes a token that was chosen elsewhere.
    ///
    /// # Errors
    ///
    /// [`EngineError::Inference`] when the schema does not allow it here.
    pub fn accept(&mut self, token: LlamaToken) -> Result<(), EngineError> {
        let id = token.0 as u32;
        self.matcher.consume_token(id).map_err(failed)?;
        self.last = Some(id);
        Ok(())
    }

    /// The answer is complete and nothing may follow.
    pub fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }

    /// The tokens that must follow whatever the model says, already taken. A caller may evaluate them
    /// in one step instead of choosing them one by one. Often there are none.
    ///
    /// They are the model's own tokenization: it is only used as far as no other continuation of the
    /// answer could have been tokenized in another way, and not at all where the last token and what
    /// follows would have been one token.
    ///
    /// # Errors
    ///
    /// As [`Constraint::accept`].
    pub fn forced(&mut self, vocab: &LlamaVocab<'_>) -> Result<Vec<LlamaToken>, EngineError> {
        let tokenize = |bytes: &[u8]| {
            let mut tokens = Vec::new();
            vocab.tokenize_into(bytes, &mut tokens, false, false);
            tokens.into_iter().map(|token| token.0 as u32).collect()
        };
        self.forced_by(tokenize)
    }

    /// As [`Constraint::forced`], with any tokenizer.
    pub(super) fn forced_by(&mut self, tokenize: impl Fn(&[u8]) -> Vec<u32>) -> Result<Vec<LlamaToken>, EngineError> {
        if self.is_complete() {
            return Ok(Vec::new());
        }
        let bytes = self.matcher.compute_ff_bytes();
        if let Some(error) = self.matcher.get_error() {
            return Err(failed(error));
        }
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        let environment = self.matcher.tok_env().map_err(failed)?;
        let trie = environment.tok_trie();
        let last = self.last.map(|id| trie.token(id).to_vec()).unwrap_or_default();
        let text = [&last[..], &bytes[..bytes.len().min(LONGEST_FORCED)]].concat();
        // Half a character would make some tokenizers throw.
        let whole = std::str::from_utf8(&text).map_or_else(|e| e.valid_up_to(), str::len);
        let mut tokens = tokenize(&text[..whole]);
        if !last.is_empty() {
            if tokens.first() != self.last.as_ref() {
                return Ok(Vec::new());
            }
            tokens.remove(0);
        }
        let bytes = &text[last.len().min(whole)..whole];
        // A token that goes on beyond the forced bytes might start anywhere near their end.
        let nearest = bytes.len().saturating_sub(trie.max_token_len());
        let open = (nearest..bytes.len()).find(|at| trie.has_extensions(&bytes[*at..])).unwrap_or(bytes.len());
        let mut safe = Vec::new();
        let mut at = 0;
        for id in tokens {
            let word = trie.token(id);
            if word.is_empty() || at + word.len() > open || !bytes[at..].starts_with(word) {
                break;
            }
            at += word.len();
            safe.push(LlamaToken(id as i32));
        }
        for token in &safe {
            self.accept(*token)?;
        }
        Ok(safe)
    }
}

/// llguidance's errors go over many lines: state, grammar, stack.
fn failed(error: impl std::fmt::Display) -> EngineError {
    let text = error.to_string();
    let reason = match text.lines().next().unwrap_or_default() {
        "NoExtensionBias" => "no token of the model can go on from here",
        reason => reason,
    };
    EngineError::Inference(format!("the schema could not be followed: {reason}; simplify it or ask again"))
}
