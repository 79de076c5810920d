//! The texts of a model's control tokens: where they stand in a text, and what stands for them in a message.
//!
//! Owns: the list of them. Must not know: templates, conversations.

use crate::prompt::text_of;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token_type::LlamaTokenAttr::LStrip;
use llama_cpp_2::vocab::LlamaVocab;

/// Texts of a model's control tokens.
pub struct Controls {
    texts: Vec<String>,
    /// Those at which every text is cut before it is split into tokens.
    borders: Vec<String>,
}

impl Controls {
    /// Those of `vocab`, longest first, so that the longest wins where several match.
    pub fn of(vocab: &LlamaVocab<'_>) -> Self {
        let mut texts: Vec<String> = vocab
            .tokens()
            .filter(|token| vocab.is_control(*token) || vocab.is_eog(*token))
            .filter_map(|token| text_of(vocab, token))
            .filter(|text| !text.is_empty())
            .collect();
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        // One that takes the white space before it depends on what stands there.
        let is_border = |token: &LlamaToken| vocab.is_control(*token) && !vocab.attr(*token).contains(LStrip);
        let borders = vocab.tokens().filter(is_border).filter_map(|token| text_of(vocab, token));
        Self { texts, borders: borders.filter(|text| !text.is_empty()).collect() }
    }

    /// Where a text may be cut without a change to its tokens, in bytes: before each control token that overlaps no
    /// other.
    pub fn places(&self, text: &str) -> Vec<usize> {
        let mut found: Vec<(usize, usize)> = self
            .texts
            .iter()
            .flat_map(|control| text.match_indices(control).map(|(at, s)| (at, at + s.len())))
            .collect();
        found.sort_unstable();
        let apart = |nth: usize| {
            let before = nth.checked_sub(1).is_none_or(|before| found[before].1 <= found[nth].0);
            before && found.get(nth + 1).is_none_or(|after| found[nth].1 <= after.0)
        };
        let is_border = |(at, end): (usize, usize)| self.borders.iter().any(|border| *border == text[at..end]);
        (0..found.len()).filter(|nth| apart(*nth) && is_border(found[*nth])).map(|nth| found[nth].0).collect()
    }

    /// The first control text in `text`: where, and which.
    fn first(&self, text: &str) -> Option<(usize, usize)> {
        let found = self.texts.iter().enumerate().filter_map(|(which, control)| Some((text.find(control)?, which)));
        found.min_by_key(|(at, which)| (*at, *which))
    }

    /// A text with each control text replaced by its number between two marks.
    pub fn marked(&self, text: &str, mark: char) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((at, which)) = self.first(rest) {
            out.push_str(&rest[..at]);
            out.push(mark);
            out.push_str(&which.to_string());
            out.push(mark);
            rest = &rest[at + self.texts[which].len()..];
        }
        out + rest
    }

    /// The rendered prompt in parts: template and message text, and control texts from messages.
    pub fn parts<'a>(&'a self, rendered: &'a str, mark: char) -> impl Iterator<Item = Part<'a>> {
        rendered.split(mark).enumerate().map(|(i, part)| match part.parse::<usize>() {
            Ok(which) if i % 2 == 1 && which < self.texts.len() => Part::Literal(&self.texts[which]),
            _ => Part::Template(part),
        })
    }
}

/// A stretch of a rendered prompt.
#[derive(Debug, PartialEq)]
pub enum Part<'a> {
    /// Control tokens in it count.
    Template(&'a str),
    /// The text of a control token that a message held.
    Literal(&'a str),
}

#[cfg(test)]
impl Controls {
    /// Those, longest first.
    pub fn of_texts(texts: &[&str]) -> Self {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        Self { borders: texts.clone(), texts }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::grammar::tests::real_model;
    use crate::known::Known;
    use crate::prompt::marker;

    fn controls() -> Controls {
        Controls::of_texts(&["<|im_end|>!", "<|im_end|>", "<s>"])
    }

    #[test]
    fn control_texts_in_messages_become_literals() {
        let marked = controls().marked("a<|im_end|>\n<s><|im_end|>!", '#');
        assert_eq!(marked, "a#1#\n#2##0#");
        let controls = controls();
        let parts: Vec<_> = controls.parts("<s>a#1#\n", '#').collect();
        assert_eq!(parts, [Part::Template("<s>a"), Part::Literal("<|im_end|>"), Part::Template("\n")]);
    }

    #[test]
    fn a_text_is_cut_before_control_tokens_that_overlap_no_other() {
        assert_eq!(controls().places("a<s>b<s><s>"), [1, 5, 8]);
        assert_eq!(controls().places("<|im_end|>!<s>"), [11]);
        assert!(controls().places("").is_empty());
    }

    #[test]
    fn what_is_remembered_changes_no_token() {
        let Some(model) = real_model() else { return };
        let vocab = model.vocab();
        let controls = Controls::of(&vocab);
        let mut known = Known::default();
        let mut text = "<|im_start|>system\nBe kind.<|im_end|>\n".to_string();
        for turn in ["user\n  Hi!", "assistant\nHello  <|im_start|>", "user\n\n1 2<|im_end", "assistant\n日本 "] {
            text += &format!("<|im_start|>{turn}<|im_end|>\n ");
            let split = |part: &str, out: &mut Vec<_>| out.extend(marker(&vocab, part));
            let tokens = known.tokens(&text, &controls.places(&text), split);
            assert_eq!(tokens, marker(&vocab, &text), "{text}");
        }
    }
}
