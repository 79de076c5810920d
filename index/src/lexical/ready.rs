//! Words that have been taken apart already, on their way through tantivy.
//!
//! I have words: `push` makes one text of them, and the tokenizer that [`register`] sets gives the same words back. tantivy's
//! own way (`PreTokenizedString`) writes and reads them as JSON, which took a tenth of the time that indexing took.

use tantivy::Index;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Stands before each word. No word has it in it, and no other text of the index begins with it.
const MARK: u8 = 0x1f;
/// The tokenizer that the schema names for all fields. Texts without the mark are one word, as under this name they
/// always are.
const NAME: &str = "raw";

/// Adds a word to a text of such words.
pub(super) fn push(text: &mut String, word: &str) {
    text.push(char::from(MARK));
    text.push_str(word);
}

/// Lets an index take texts of [`push`] apart.
pub(super) fn register(index: &Index) {
    index.tokenizers().register(NAME, Ready);
}

#[derive(Clone)]
struct Ready;

struct Stream<'a> {
    /// Where the rest begins, and the rest.
    at: usize,
    rest: Option<&'a str>,
    token: Token,
}

impl Tokenizer for Ready {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        match text.strip_prefix(char::from(MARK)) {
            Some(rest) => Stream { at: 1, rest: Some(rest), token: Token::default() },
            None => Stream { at: 0, rest: Some(text), token: Token::default() },
        }
    }
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        let Some(rest) = self.rest else { return false };
        // Words are short, and a search for the mark that is good at long texts takes longer to begin than to end here.
        let (word, after) = match rest.bytes().position(|byte| byte == MARK) {
            Some(end) => (&rest[..end], Some(&rest[end + 1..])),
            None => (rest, None),
        };
        let token = &mut self.token;
        token.text.clear();
        token.text.push_str(word);
        token.position = token.position.wrapping_add(1);
        (token.offset_from, token.offset_to) = (self.at, self.at + word.len());
        self.at = token.offset_to + 1;
        self.rest = after;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(text: &str) -> Vec<(usize, String)> {
        let mut tokenizer = Ready;
        let mut stream = tokenizer.token_stream(text);
        let mut out = Vec::new();
        while stream.advance() {
            out.push((stream.token().position, stream.token().text.clone()));
        }
        out
    }

    #[test]
    fn words_come_back_in_their_places_and_other_texts_whole() {
        let mut text = String::new();
        ["one", "zwei", "三"].iter().for_each(|word| push(&mut text, word));
        assert_eq!(back(&text), [(0, "one".to_owned()), (1, "zwei".to_owned()), (2, "三".to_owned())]);
        assert_eq!(back("/home/ana/a b.txt"), [(0, "/home/ana/a b.txt".to_owned())]);
    }
}
