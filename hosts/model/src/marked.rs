//! Tokens that mean something beside their text: markers of reasoning and calls, and ends of a turn.
//!
//! Owns: which these are for one model. Must not know: what the markers mean (`format`).

use crate::format::Format;
use crate::prompt::text_of;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use std::collections::{HashMap, HashSet};

/// The marked tokens of a vocabulary.
pub struct Marked {
    /// Control tokens whose text the reader must see; decoding hides them otherwise.
    shown: HashMap<i32, Vec<u8>>,
    ends: HashSet<i32>,
    opener: Option<LlamaToken>,
}

impl Marked {
    /// Those of `vocab` that `format` names.
    pub fn of(vocab: &LlamaVocab<'_>, format: &Format) -> Self {
        let (markers, ends, opens) = (format.markers(), format.ends(), format.call_opens().map(str::trim));
        let mut marked = Self { shown: HashMap::new(), ends: HashSet::new(), opener: None };
        for token in vocab.tokens() {
            let Some(text) = text_of(vocab, token) else { continue };
            if ends.contains(&&*text) {
                marked.ends.insert(token.0);
            }
            if opens == Some(&*text) {
                marked.opener = Some(token);
            }
            if vocab.is_control(token) && markers.iter().any(|marker| text.contains(marker)) {
                marked.shown.insert(token.0, text.into_bytes());
            }
        }
        marked
    }

    /// The bytes that a token adds to an answer.
    pub fn bytes(&self, vocab: &LlamaVocab<'_>, token: LlamaToken) -> Vec<u8> {
        self.shown.get(&token.0).cloned().unwrap_or_else(|| vocab.token_to_piece(token, false, None))
    }

    /// The model ends its turn with this token.
    pub fn ends(&self, vocab: &LlamaVocab<'_>, token: LlamaToken) -> bool {
        vocab.is_eog(token) || self.ends.contains(&token.0)
    }

    /// The token that opens a tool call, where a single one does.
    pub fn opener(&self) -> Option<LlamaToken> {
        self.opener
    }
}
