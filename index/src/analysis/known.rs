//! What becomes of a word in a language's chain of filters, remembered.
//!
//! A text says the same words again and again, and a chain takes a microsecond for each: to stem, to fold, to look among
//! the stop words. Must not know texts: what a word is comes from [`super::words`].

use super::{Language, words};
use foldhash::fast::RandomState;
use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::ops::Range;
use tantivy::tokenizer::{TextAnalyzer, TokenStream};

/// Words that a thread remembers, of all languages together; about 2 MB.
const MOST: usize = 20_000;
/// A longer word is met once, in bytes.
const LONGEST: usize = 24;

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

#[derive(Default)]
struct Known {
    languages: HashMap<Language, Chain>,
}

struct Chain {
    filters: TextAnalyzer,
    known: HashSet<Pair, RandomState>,
}

/// A word and what it becomes, which is nothing when it is left out. Both in one piece of memory, since most of what
/// looking a word up takes is waiting for memory; told by the word alone.
struct Pair {
    both: Box<str>,
    /// Bytes of the word.
    word: usize,
}

impl Pair {
    fn new(word: &str, token: &str) -> Self {
        Self { both: [word, token].concat().into(), word: word.len() }
    }

    fn token(&self) -> &str {
        &self.both[self.word..]
    }
}

impl Borrow<str> for Pair {
    fn borrow(&self) -> &str {
        &self.both[..self.word]
    }
}

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let word: &str = self.borrow();
        word.hash(state);
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        let (own, other): (&str, &str) = (self.borrow(), other.borrow());
        own == other
    }
}

impl Eq for Pair {}

/// Gives `out` what is indexed of each word of `text`, with the bytes where the word stands.
pub(super) fn each(text: &str, language: Language, code: bool, mut out: impl FnMut(Range<usize>, &str)) {
    KNOWN.with_borrow_mut(|known| {
        if known.words() >= MOST {
            *known = Known::default();
        }
        let chain = known
            .languages
            .entry(language)
            .or_insert_with(|| Chain { filters: language.chain(), known: HashSet::default() });
        words::cut(text, code, &mut |range, word| chain.give(word, |token| out(range, token)));
    });
}

/// Gives back the memory that this thread's words take.
pub(crate) fn forget() {
    KNOWN.take();
}

impl Known {
    fn words(&self) -> usize {
        self.languages.values().map(|chain| chain.known.len()).sum()
    }
}

impl Chain {
    fn give(&mut self, word: &str, out: impl FnOnce(&str)) {
        if let Some(pair) = self.known.get(word) {
            return unless_empty(pair.token(), out);
        }
        let mut stream = self.filters.token_stream(word);
        let token = if stream.advance() { stream.token().text.as_str() } else { "" };
        unless_empty(token, out);
        if word.len() <= LONGEST && self.known.len() < MOST {
            self.known.insert(Pair::new(word, token));
        }
    }
}

fn unless_empty(token: &str, out: impl FnOnce(&str)) {
    if !token.is_empty() {
        out(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str, language: Language) -> Vec<(Range<usize>, String)> {
        let mut out = Vec::new();
        each(text, language, false, |range, token| out.push((range, token.to_owned())));
        out
    }

    #[test]
    fn a_word_becomes_the_same_when_it_is_met_again_and_in_each_language_its_own() {
        let (english, german) = (Language::ENGLISH, Language::from_code("de").expect("it is in the table"));
        let first = given("The running of the Houses", english);
        assert_eq!(first, [(4..11, "run".to_owned()), (19..25, "hous".to_owned())]);
        assert_eq!(given("The running of the Houses", english), first);
        assert_ne!(given("The running of the Houses", german), first);
        KNOWN.with_borrow(|known| assert_eq!(known.words(), 2 * 5, "each of five words once in each language"));
    }

    #[test]
    fn memory_is_bounded_whatever_is_read_and_given_back_when_told() {
        let many: Vec<String> = (0..MOST + 500).map(|number| format!("w{number}")).collect();
        assert_eq!(given(&many.join(" "), Language::ENGLISH).len(), many.len());
        assert_eq!(given("again", Language::ENGLISH).len(), 1);
        KNOWN.with_borrow(|known| assert_eq!(known.words(), 1));
        forget();
        KNOWN.with_borrow(|known| assert!(known.languages.is_empty()));
    }
}
