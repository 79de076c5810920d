//! The tokens of the last prompt, for the next one that begins like it.
//!
//! Owns: the texts of late and their tokens. Must not know: templates, messages.
//!
//! Splitting a long conversation into tokens takes milliseconds, and all but its last turn was split a moment ago. A
//! tokenizer never joins what stands on both sides of a control token, so tokens may be taken over up to any control
//! token that both texts have at the same place.

use crate::saved::common;
use llama_cpp_2::token::LlamaToken;

/// Texts that are remembered.
const MOST: usize = 4;

/// What was split into tokens lately, the latest first.
#[derive(Default)]
pub struct Known {
    texts: Vec<Split>,
}

/// A text, its tokens, and where it may be cut.
struct Split {
    text: String,
    tokens: Vec<LlamaToken>,
    cuts: Vec<Cut>,
}

/// A place before a control token.
#[derive(Clone, Copy)]
struct Cut {
    /// Bytes before it.
    at: usize,
    /// Tokens before it.
    tokens: usize,
}

impl Known {
    /// The tokens of `text`, which may be cut before each of `places` (bytes, ascending). The control tokens there are
    /// at most `longest` bytes long. `tokenize` splits a part that begins at such a place or at the beginning.
    pub fn tokens(
        &mut self,
        text: &str,
        places: &[usize],
        longest: usize,
        mut tokenize: impl FnMut(&str, &mut Vec<LlamaToken>),
    ) -> Vec<LlamaToken> {
        let mut split = self.beginning(text, longest);
        let from = split.text.len();
        let mut at = from;
        for place in places.iter().copied().filter(|place| *place > from).chain([text.len()]) {
            if at > 0 {
                split.cuts.push(Cut { at, tokens: split.tokens.len() });
            }
            tokenize(&text[at..place], &mut split.tokens);
            at = place;
        }
        split.text = text.to_string();
        let tokens = split.tokens.clone();
        self.texts.truncate(MOST - 1);
        self.texts.insert(0, split);
        tokens
    }

    /// As much of the texts of late as `text` begins with, up to a cut.
    fn beginning(&self, text: &str, longest: usize) -> Split {
        let usable = self.texts.iter().filter_map(|known| {
            let same = common(known.text.as_bytes(), text.as_bytes());
            // The control token after the cut must be the same in both, and no longer one in either.
            let cut = known.cuts.iter().rposition(|cut| cut.at + longest <= same)?;
            Some((known, cut))
        });
        match usable.max_by_key(|(known, cut)| known.cuts[*cut].at) {
            None => Split { text: String::new(), tokens: Vec::new(), cuts: Vec::new() },
            Some((known, cut)) => {
                let Cut { at, tokens } = known.cuts[cut];
                let (text, tokens) = (known.text[..at].to_string(), known.tokens[..tokens].to_vec());
                Split { text, tokens, cuts: known.cuts[..cut].to_vec() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One token for each byte; notes how many bytes it was given.
    fn split(known: &mut Known, text: &str) -> (Vec<LlamaToken>, usize) {
        let places: Vec<usize> = text.match_indices("<s>").map(|(at, _)| at).collect();
        let mut given = 0;
        let tokens = known.tokens(text, &places, 3, |part, out| {
            given += part.len();
            out.extend(part.bytes().map(|byte| LlamaToken(byte.into())));
        });
        (tokens, given)
    }

    fn bytes(text: &str) -> Vec<LlamaToken> {
        text.bytes().map(|byte| LlamaToken(byte.into())).collect()
    }

    #[test]
    fn only_what_follows_the_last_common_control_token_is_split_again() {
        let mut known = Known::default();
        let first = "<s>system<s>one<s>";
        assert_eq!(split(&mut known, first), (bytes(first), first.len()));
        let second = "<s>system<s>two and more<s>";
        assert_eq!(split(&mut known, second), (bytes(second), second.len() - "<s>system".len()));
        assert_eq!(split(&mut known, second), (bytes(second), "<s>".len()));
        assert_eq!(split(&mut known, "no control"), (bytes("no control"), 10));
        assert_eq!(split(&mut known, ""), (Vec::new(), 0));
        // Half a control token is none.
        let cut = "<s>system<s";
        assert_eq!(split(&mut known, cut), (bytes(cut), cut.len()));
    }
}
