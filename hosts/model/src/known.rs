//! The tokens of the last prompt, for the next one that begins like it.
//!
//! Owns: the texts of late and their tokens. Must not know: templates, messages.
//!
//! Splitting a long conversation into tokens takes milliseconds, and all but its last turn was split a moment ago. A
//! tokenizer never joins what stands on both sides of a control token, so tokens may be taken over up to any control
//! token that both texts have at the same place. What goes to disk of a prompt takes a note of its text along, so that
//! another process need not split it either.

use crate::saved::common;
use llama_cpp_2::token::LlamaToken;
use serde::{Deserialize, Serialize};

/// Texts that are remembered.
pub const MOST: usize = 4;

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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Cut {
    /// Bytes before it.
    at: usize,
    /// Tokens before it.
    tokens: usize,
}

/// The text of some tokens, to be kept with them.
#[derive(Serialize, Deserialize)]
struct Note {
    /// Tokens before those of the text: what begins every prompt of a model and is not in its template.
    skip: usize,
    /// Up to the last cut.
    text: String,
    cuts: Vec<Cut>,
}

impl Known {
    /// The tokens of `text`, which may be cut before each of `places` (bytes, ascending): before control tokens.
    /// `tokenize` splits a part that begins at such a place or at the beginning.
    pub fn tokens(
        &mut self,
        text: &str,
        places: &[usize],
        mut tokenize: impl FnMut(&str, &mut Vec<LlamaToken>),
    ) -> Vec<LlamaToken> {
        let mut split = self.beginning(text, places);
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

    /// What is known of the text of the leading tokens of a prompt, for [`Known::learn`]; empty if nothing is.
    pub fn note(&self, tokens: &[i32]) -> Vec<u8> {
        let usable = self.texts.iter().flat_map(|known| [(known, 0), (known, 1)]).filter_map(|(known, skip)| {
            let same = known.tokens.iter().zip(tokens.get(skip..)?).take_while(|(a, b)| a.0 == **b).count();
            let cut = known.cuts.iter().rposition(|cut| cut.tokens <= same)?;
            Some((known, skip, cut))
        });
        let Some((known, skip, cut)) = usable.max_by_key(|(known, _, cut)| known.cuts[*cut].tokens) else {
            return Vec::new();
        };
        let note = Note { skip, text: known.text[..known.cuts[cut].at].to_string(), cuts: known.cuts[..=cut].to_vec() };
        // Nothing in it can fail to be written.
        serde_json::to_vec(&note).unwrap_or_default()
    }

    /// Takes over what another process knew of the text of these tokens, as an older text than all others. What makes
    /// no sense is left.
    pub fn learn(&mut self, tokens: &[i32], note: &[u8]) {
        let Ok(Note { skip, text, cuts }) = serde_json::from_slice(note) else { return };
        let tokens = tokens.get(skip..).unwrap_or_default();
        let ascends = cuts.windows(2).all(|two| two[0].at < two[1].at && two[0].tokens < two[1].tokens);
        let Some(last) = cuts.last().filter(|last| last.at == text.len() && last.tokens <= tokens.len()) else {
            return;
        };
        if ascends && cuts.iter().all(|cut| text.is_char_boundary(cut.at)) && self.texts.len() < MOST {
            let tokens = tokens[..last.tokens].iter().copied().map(LlamaToken).collect();
            self.texts.push(Split { text, tokens, cuts });
        }
    }

    /// As much of the texts of late as `text` begins with, up to a cut.
    fn beginning(&self, text: &str, places: &[usize]) -> Split {
        let usable = self.texts.iter().filter_map(|known| {
            let same = common(known.text.as_bytes(), text.as_bytes());
            // It must be a place to cut in both.
            let is_cut = |at: usize| at == text.len() || places.binary_search(&at).is_ok();
            let cut = known.cuts.iter().rposition(|cut| cut.at <= same && is_cut(cut.at))?;
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
        let tokens = known.tokens(text, &places, |part, out| {
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

    #[test]
    fn another_process_need_not_split_what_it_was_told_of() {
        let mut known = Known::default();
        let text = "<s>system<s>private";
        split(&mut known, text);
        let tokens: Vec<i32> = bytes("<s>system<s>pr").iter().map(|token| token.0).collect();
        let note = known.note(&tokens);
        assert!(!String::from_utf8_lossy(&note).contains("pr"), "only up to the cut");
        for skip in 0..=1 {
            let tokens = [&vec![7; skip][..], &tokens].concat();
            let mut other = Known::default();
            other.learn(&tokens, &known.note(&tokens));
            assert_eq!(split(&mut other, "<s>system<s>other"), (bytes("<s>system<s>other"), "<s>other".len()));
            assert_eq!(split(&mut other, "<s>system"), (bytes("<s>system"), 0));
        }
        assert_eq!((known.note(&tokens[..5]), known.note(&[1, 2])), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_note_that_makes_no_sense_is_left() {
        let cut = |at: usize, tokens: usize| format!(r#"{{"at":{at},"tokens":{tokens}}}"#);
        let note = |skip: usize, text: &str, cuts: &[String]| {
            format!(r#"{{"skip":{skip},"text":"{text}","cuts":[{}]}}"#, cuts.join(","))
        };
        let learns = |note: &str| {
            let mut known = Known::default();
            known.learn(&[1, 2, 3], note.as_bytes());
            known.texts.len()
        };
        assert_eq!(learns(&note(1, "aé", &[cut(1, 1), cut(3, 2)])), 1);
        let wrong = [
            note(usize::MAX, "a", &[cut(1, 1)]),
            note(2, "aé", &[cut(3, 2)]),
            note(0, "aé", &[cut(2, 1), cut(3, 2)]),
            note(0, "aé", &[cut(3, 2), cut(3, 3)]),
            note(0, "aé", &[cut(1, 2)]),
            note(0, "a", &[]),
            "[]".into(),
            String::new(),
        ];
        assert_eq!(wrong.map(|note| learns(&note)), [0; 8]);
    }
}
