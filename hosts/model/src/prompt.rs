//! Conversations into tokens, with control tokens only where the template put them.
//!
//! A message may hold the text of a control token ("<|im_end|>"). Before rendering, each such text
//! is replaced by a mark of a character that occurs nowhere in the conversation; after rendering
//! the marks are turned into the text's plain tokens. So no document or user can end a turn.

use crate::template::Template;
use hob_engine::{EngineError, Message};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;

/// A tokenizer is given pieces of this many bytes: some of its steps recurse or are superlinear.
const PIECE: usize = 32 << 10;

/// Texts of a model's control tokens.
pub struct Controls {
    texts: Vec<String>,
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
        Self { texts }
    }

    /// The first control text in `text`: where, and which.
    fn first(&self, text: &str) -> Option<(usize, usize)> {
        let found = self.texts.iter().enumerate().filter_map(|(which, control)| Some((text.find(control)?, which)));
        found.min_by_key(|(at, which)| (*at, *which))
    }

    /// The messages with their control texts replaced by marks.
    fn mark(&self, messages: &[Message], mark: char) -> Vec<Message> {
        messages.iter().map(|m| Message { content: self.marked(&m.content, mark), ..m.clone() }).collect()
    }

    fn marked(&self, text: &str, mark: char) -> String {
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
    fn parts<'a>(&'a self, rendered: &'a str, mark: char) -> impl Iterator<Item = Part<'a>> {
        rendered.split(mark).enumerate().map(|(i, part)| match part.parse::<usize>() {
            Ok(which) if i % 2 == 1 && which < self.texts.len() => Part::Literal(&self.texts[which]),
            _ => Part::Template(part),
        })
    }
}

/// A stretch of a rendered prompt.
#[derive(Debug, PartialEq)]
enum Part<'a> {
    /// Control tokens in it count.
    Template(&'a str),
    /// The text of a control token that a message held.
    Literal(&'a str),
}

/// Tokenizes a conversation.
pub fn tokens(
    vocab: &LlamaVocab<'_>,
    controls: &Controls,
    template: &Template,
    messages: &[Message],
) -> Result<Vec<LlamaToken>, EngineError> {
    let mark = unused_char(messages);
    let clean: Vec<Message> =
        messages.iter().map(|m| Message { role: without_nul(&m.role), content: without_nul(&m.content), ..m.clone() }).collect();
    let rendered = template.render(&controls.mark(&clean, mark)).map_err(|reason| {
        EngineError::InvalidArgument(format!("the model's chat template refuses this conversation: {reason}"))
    })?;
    let mut out = Vec::new();
    let bos = vocab.bos();
    let bos_text = text_of(vocab, bos).unwrap_or_default();
    if vocab.should_add_bos() && bos.0 >= 0 && (bos_text.is_empty() || !rendered.starts_with(&bos_text)) {
        out.push(bos);
    }
    for part in controls.parts(&rendered, mark) {
        match part {
            Part::Template(text) => tokenize(vocab, text, true, &mut out),
            Part::Literal(text) => tokenize(vocab, text, false, &mut out),
        }
    }
    Ok(out)
}

/// Number of tokens of a text without any template.
pub fn count(vocab: &LlamaVocab<'_>, text: &str) -> u32 {
    let mut tokens = Vec::new();
    let mut total = 0;
    for piece in pieces(&without_nul(text)) {
        tokens.clear();
        vocab.tokenize_into(piece.as_bytes(), &mut tokens, false, false);
        total += tokens.len();
    }
    u32::try_from(total).unwrap_or(u32::MAX)
}

/// The text of a token, for tokens that have one. Out of range, llama.cpp would abort.
pub fn text_of(vocab: &LlamaVocab<'_>, token: LlamaToken) -> Option<String> {
    if token.0 < 0 || token.0 >= vocab.n_tokens() {
        return None;
    }
    Some(vocab.text(token)?.to_string_lossy().into_owned())
}

/// A NUL ends texts in some of llama.cpp's paths and means nothing in any prompt.
pub fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

fn tokenize(vocab: &LlamaVocab<'_>, text: &str, controls: bool, out: &mut Vec<LlamaToken>) {
    for piece in pieces(text) {
        vocab.tokenize_into(piece.as_bytes(), out, false, controls);
    }
}

/// Cuts a long text, at white space where there is some.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut at = rest.len();
        if at > PIECE {
            let most = (0..=PIECE).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(PIECE);
            // A tokenizer joins a space with the word after it, so the cut goes before the space.
            at = rest[..most].rfind([' ', '\n', '\t']).filter(|at| *at > 0).unwrap_or(most);
        }
        let (piece, after) = rest.split_at(at);
        rest = after;
        Some(piece)
    })
}

/// A private-use character that no message holds.
fn unused_char(messages: &[Message]) -> char {
    ('\u{f0000}'..='\u{ffffd}')
        .find(|c| !messages.iter().any(|m| m.content.contains(*c) || m.role.contains(*c)))
        .unwrap_or('\u{10fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controls() -> Controls {
        Controls { texts: vec!["<|im_end|>!".into(), "<|im_end|>".into(), "<s>".into()] }
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
    fn the_mark_occurs_in_no_message() {
        let message = |content: &str| Message::new("user", content);
        assert_eq!(unused_char(&[message("plain")]), '\u{f0000}');
        assert_eq!(unused_char(&[message("\u{f0000}"), message("\u{f0001}")]), '\u{f0002}');
    }

    #[test]
    fn long_texts_are_cut_without_loss() {
        for text in ["word ".repeat(20_000), "x".repeat(100_000), "é".repeat(50_000)] {
            let cut: Vec<_> = pieces(&text).collect();
            assert!(cut.len() > 1 && cut.iter().all(|piece| piece.len() <= PIECE));
            assert_eq!(cut.concat(), text);
        }
        assert_eq!(pieces("").count(), 0);
    }
}
