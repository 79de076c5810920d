//! Texts, and pairs of query and document, as a model wants them.
//!
//! Owns: the marks around texts, rerank templates, and where a text that is too long is cut. Must
//! not know: batches and contexts.
//!
//! Cross-encoders of the BERT family were trained with a segment number per token, 0 for the query
//! and 1 for the document. llama.cpp gives every token segment 0, so scores of such models differ a
//! little from those of the original implementation; the order of documents is what they are for.

use crate::prompt::{text_of, without_nul};
use hob_engine::EngineError;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use std::ops::Range;

/// Bytes of a text that are looked at, per token of the limit; what is beyond is cut anyway.
const BYTES_PER_TOKEN: usize = 64;
const QUERY: &str = "{query}";
const DOCUMENT: &str = "{document}";

/// Makes a model's input.
pub struct Inputs<'m> {
    vocab: LlamaVocab<'m>,
    /// Most tokens of one input.
    limit: usize,
    pairs: Pairs,
}

/// How a query and a document are put together.
enum Pairs {
    Marked(Marks),
    Template(Vec<Part>),
}

/// The tokens around a query and a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Marks {
    start: Vec<LlamaToken>,
    middle: Vec<LlamaToken>,
    end: Vec<LlamaToken>,
}

/// A stretch of a rerank template.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// A control token that the template holds.
    Control(LlamaToken),
    /// Text, which may hold [`QUERY`] and [`DOCUMENT`].
    Text(String),
}

/// A query, prepared once for all its documents.
#[derive(Default)]
pub struct Query {
    text: String,
    tokens: Vec<LlamaToken>,
}

impl<'m> Inputs<'m> {
    /// Inputs of up to `limit` tokens; `template` is the file's rerank template.
    pub fn new(vocab: LlamaVocab<'m>, limit: usize, template: Option<&str>) -> Result<Self, EngineError> {
        let pairs = match template {
            Some(template) => Pairs::Template(parts(template, &controls(&vocab, template))),
            None => Pairs::Marked(Marks::of(&vocab)),
        };
        let inputs = Self { vocab, limit, pairs };
        let least = inputs.assemble(&Query::default(), "").len();
        if 2 * least > limit && matches!(inputs.pairs, Pairs::Template(_)) {
            return Err(EngineError::InvalidArgument(format!(
                "this model's rerank template alone takes {least} tokens of a context of {limit}; load it with a longer context"
            )));
        }
        Ok(inputs)
    }

    /// The model's vocabulary.
    pub fn vocab(&self) -> &LlamaVocab<'m> {
        &self.vocab
    }

    /// A text alone. The token that ends every text (`[SEP]` or end of text) stays in place when
    /// the text is cut.
    pub fn text(&self, text: &str) -> Vec<LlamaToken> {
        let mut tokens = self.vocab.tokenize(self.plain(text).as_bytes(), true, false);
        if tokens.len() > self.limit {
            let last = tokens[tokens.len() - 1];
            tokens.truncate(self.limit);
            if last == self.vocab.sep() || last == self.vocab.eos() {
                tokens[self.limit - 1] = last;
            }
        }
        self.at_least_one(tokens)
    }

    /// Which tokens of [`Inputs::text`] lie in one of the stretches `words` of a text, given in bytes and in order.
    /// Tokens are counted up to the start and the end of each stretch, since only the vocabulary knows where a token
    /// stands; where a border is inside a token, a neighbour may count too.
    pub fn counting(&self, text: &str, words: &[Range<u32>]) -> Vec<bool> {
        let all = self.text(text);
        let plain = self.tokens(&self.plain(text));
        let marks = all.iter().zip(&plain).take_while(|(a, b)| a != b).count().min(1);
        let before = |at: u32| text.get(..at as usize).map_or(0, |text| self.tokens(&self.plain(text)).len());
        let mut counting = vec![false; all.len()];
        for word in words {
            let from = marks + before(word.start);
            let to = (marks + before(word.end)).min(counting.len());
            if let Some(tokens) = counting.get_mut(from..to) {
                tokens.fill(true);
            }
        }
        counting
    }

    /// A query, cut to half of what the marks or the template leave.
    pub fn query(&self, text: &str) -> Query {
        let mut text = self.plain(text);
        let most = self.limit.saturating_sub(self.assemble(&Query::default(), "").len()) / 2;
        let mut tokens = self.tokens(&text);
        if tokens.len() > most {
            tokens.truncate(most);
            let kept = fitted(&text, most, |text| self.tokens(text).len()).len();
            text.truncate(kept);
        }
        Query { text, tokens }
    }

    /// A query and a document, which is cut where the limit is.
    pub fn pair(&self, query: &Query, document: &str) -> Vec<LlamaToken> {
        let document = self.plain(document);
        let mut tokens = self.assemble(query, &document);
        if tokens.len() > self.limit {
            let rest = self.assemble(query, "").len();
            let count = |document: &str| self.assemble(query, document).len().saturating_sub(rest);
            tokens = self.assemble(query, fitted(&document, self.limit.saturating_sub(rest), count));
            tokens.truncate(self.limit);
        }
        self.at_least_one(tokens)
    }

    fn assemble(&self, query: &Query, document: &str) -> Vec<LlamaToken> {
        match &self.pairs {
            Pairs::Marked(marks) => marks.around(&query.tokens, &self.tokens(document), self.limit),
            Pairs::Template(parts) => {
                let mut out = Vec::new();
                for part in parts {
                    match part {
                        Part::Control(token) => out.push(*token),
                        Part::Text(text) => out.extend(self.tokens(&filled(text, &query.text, document))),
                    }
                }
                out
            }
        }
    }

    /// Plain tokens: control tokens that a text spells out stay text.
    fn tokens(&self, text: &str) -> Vec<LlamaToken> {
        self.vocab.tokenize(text.as_bytes(), false, false)
    }

    /// What is looked at of a text.
    fn plain(&self, text: &str) -> String {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        without_nul(cut(text, self.limit * BYTES_PER_TOKEN))
    }

    /// A model without marks around texts has no tokens for an empty one.
    fn at_least_one(&self, mut tokens: Vec<LlamaToken>) -> Vec<LlamaToken> {
        if tokens.is_empty() {
            tokens.push([self.vocab.eos(), self.vocab.bos()].into_iter().find(|t| t.0 >= 0).unwrap_or(LlamaToken(0)));
        }
        tokens
    }
}

impl Query {
    /// About how many bytes it adds to each document.
    pub fn bytes(&self) -> usize {
        self.text.len().min(4 * self.tokens.len())
    }
}

impl Marks {
    /// The marks that a vocabulary says to add: `[CLS] query [SEP] document [SEP]` for BERT,
    /// `<s> query </s></s> document </s>` for RoBERTa. As llama-server does it, except that a pair
    /// also ends in its mark where the vocabulary adds a separator and no end of text.
    fn of(vocab: &LlamaVocab<'_>) -> Self {
        let some = |token: LlamaToken| (token.0 >= 0).then_some(token);
        let separator = some(vocab.sep());
        let end = some(vocab.eos()).or(separator);
        Self::new(
            some(vocab.bos()).filter(|_| vocab.should_add_bos()),
            end.filter(|_| vocab.should_add_eos()),
            separator.filter(|_| vocab.should_add_sep()),
            end,
        )
    }

    /// From the tokens that are to be added; without any, a pair is still parted by `fallback`.
    fn new(
        start: Option<LlamaToken>,
        end: Option<LlamaToken>,
        separator: Option<LlamaToken>,
        fallback: Option<LlamaToken>,
    ) -> Self {
        let mut middle: Vec<_> = end.into_iter().chain(separator).collect();
        if middle.is_empty() {
            middle.extend(fallback);
        }
        Self { start: start.into_iter().collect(), middle, end: end.or(separator).into_iter().collect() }
    }

    /// Both with their marks, at most `limit` tokens; the document gives way.
    fn around(&self, query: &[LlamaToken], document: &[LlamaToken], limit: usize) -> Vec<LlamaToken> {
        let taken = self.start.len() + query.len() + self.middle.len() + self.end.len();
        let document = &document[..document.len().min(limit.saturating_sub(taken))];
        let mut all = [&self.start, query, &self.middle, document, &self.end].concat();
        all.truncate(limit);
        all
    }
}

/// The control tokens whose texts occur in `template`, longest text first.
fn controls(vocab: &LlamaVocab<'_>, template: &str) -> Vec<(String, LlamaToken)> {
    let mut found: Vec<_> = vocab
        .tokens()
        .filter(|token| vocab.is_control(*token) || vocab.is_eog(*token))
        .filter_map(|token| Some((text_of(vocab, token)?, token)))
        .filter(|(text, _)| !text.is_empty() && template.contains(text))
        .collect();
    found.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    found
}

fn parts(template: &str, controls: &[(String, LlamaToken)]) -> Vec<Part> {
    let mut out = Vec::new();
    let mut rest = template;
    loop {
        let places = controls.iter().filter_map(|(text, token)| Some((rest.find(text)?, text.len(), *token)));
        // Of two at the same place the longer one, which comes first.
        let first = places.min_by_key(|(at, _, _)| *at);
        let (text, next) = rest.split_at(first.map_or(rest.len(), |(at, _, _)| at));
        if !text.is_empty() {
            out.push(Part::Text(text.into()));
        }
        let Some((_, length, token)) = first else { return out };
        out.push(Part::Control(token));
        rest = &next[length..];
    }
}

/// The template's text with query and document in their places. What they hold is never a place.
fn filled(text: &str, query: &str, document: &str) -> String {
    let with_documents = |text: &str| text.split(DOCUMENT).collect::<Vec<_>>().join(document);
    text.split(QUERY).map(with_documents).collect::<Vec<_>>().join(query)
}

/// At most `most` bytes, at the border of a character.
fn cut(text: &str, most: usize) -> &str {
    let most = most.min(text.len());
    let at = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..at]
}

/// The start of `text` for which `count` gives at most `most`; nearly the longest one.
fn fitted(text: &str, most: usize, count: impl Fn(&str) -> usize) -> &str {
    let mut kept = text;
    loop {
        let tokens = count(kept);
        if tokens <= most || kept.is_empty() {
            return kept;
        }
        // Tokens are spread evenly enough: a few rounds, each at least one character shorter.
        let shorter = kept.len() * most / tokens;
        kept = cut(kept, shorter.min(kept.len() - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: i32) -> LlamaToken {
        LlamaToken(id)
    }

    #[test]
    fn pairs_are_marked_as_their_family_wants_it() {
        let (cls, sep, eos) = (Some(token(1)), Some(token(2)), Some(token(3)));
        let pair = |marks: Marks, limit| {
            let tokens = marks.around(&[token(10), token(11)], &[token(20), token(21), token(22)], limit);
            tokens.iter().map(|t| t.0).collect::<Vec<_>>()
        };
        // BERT in both ways of describing it, RoBERTa, and a vocabulary that says nothing.
        assert_eq!(pair(Marks::new(cls, None, sep, sep), 99), [1, 10, 11, 2, 20, 21, 22, 2]);
        assert_eq!(pair(Marks::new(cls, sep, None, sep), 99), [1, 10, 11, 2, 20, 21, 22, 2]);
        assert_eq!(pair(Marks::new(cls, eos, sep, eos), 99), [1, 10, 11, 3, 2, 20, 21, 22, 3]);
        assert_eq!(pair(Marks::new(None, None, None, eos), 99), [10, 11, 3, 20, 21, 22]);
        // The document gives way, the last mark stays.
        assert_eq!(pair(Marks::new(cls, None, sep, sep), 6), [1, 10, 11, 2, 20, 2]);
        assert_eq!(pair(Marks::new(cls, None, sep, sep), 3), [1, 10, 11]);
    }

    #[test]
    fn only_the_template_holds_control_tokens_and_places() {
        let known = [("<|end|>!".to_string(), token(8)), ("<|end|>".to_string(), token(9))];
        let template = "<|end|>Q: {query} D: {document}<|end|>!";
        let text = |text: &str| Part::Text(text.into());
        assert_eq!(
            parts(template, &known),
            [Part::Control(token(9)), text("Q: {query} D: {document}"), Part::Control(token(8))]
        );
        assert_eq!(
            filled("{query}|{document}|{query}", "a {document}", "b {query}"),
            "a {document}|b {query}|a {document}"
        );
    }

    #[test]
    fn a_text_is_cut_until_it_fits() {
        let words = |text: &str| text.split_whitespace().count();
        let text = "é ".repeat(100) + &"long-word ".repeat(100);
        for most in [0, 1, 50, 150, 199, 200] {
            let kept = fitted(&text, most, words);
            assert!(words(kept) <= most && text.starts_with(kept));
            assert!(words(kept) * 2 >= most, "{} of {most}", words(kept));
        }
        assert_eq!(cut("aé", 2), "a");
    }
}
