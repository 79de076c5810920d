//! Turns text into the tokens that are indexed and searched: words found by script, lower-cased,
//! stop words removed and stemmed by language, accents folded, CJK cut into bigrams.
//!
//! Owns everything that both sides of the lexical index must agree on. Must not know the index
//! itself: it gets the languages that are present as an argument.

mod known;
mod language;
mod words;

pub(crate) use known::forget;
pub use language::{Language, detect, detect_query};
pub(crate) use words::unspaced as is_unspaced;

use std::ops::Range;

use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RawTokenizer, RemoveLongFilter, Stemmer, StopWordFilter, TextAnalyzer,
};

/// Words longer than this many bytes are data, not language (hashes, base64), and are not indexed.
const LONGEST_WORD: usize = 64;
/// How much a part of a compound identifier counts in a query beside the whole.
const PART_WEIGHT: f32 = 0.5;

/// What a question asks with says nothing about where the answer stands. English only: the lists of
/// stop words of the other languages have theirs.
const QUESTION_WORDS: &[&str] =
    &["what", "which", "who", "whom", "whose", "when", "where", "why", "how", "do", "does", "did"];

/// A token with the bytes of the text it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What is indexed.
    pub text: String,
    /// Where it stands.
    pub range: Range<usize>,
}

/// One word of a query, in the forms it can have in the index.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryTerm {
    /// The word's stems, one per language that treats it differently; the first is that of the
    /// query's own language. A passage is credited with the best of them, not with their sum.
    pub variants: Vec<String>,
    /// How much the word counts.
    pub weight: f32,
}

/// The tokens of running text.
pub fn tokens(text: &str, language: Language) -> Vec<Token> {
    collect(text, language, false)
}

/// The tokens of source code: identifiers whole and in their parts.
pub fn code_tokens(text: &str, language: Language) -> Vec<Token> {
    collect(text, language, true)
}

/// The words of a name, which has no stem and no stop words.
pub fn names(text: &str) -> Vec<Token> {
    collect(text, Language::NAMES, false)
}

/// The tokens of a passage of the given kind of document.
pub fn tokens_of_kind(text: &str, language: Language, kind: &str) -> Vec<Token> {
    if kind == "code" { code_tokens(text, language) } else { tokens(text, language) }
}

/// Gives `out` the tokens of a passage of the given kind of document, without their places.
pub fn each_of_kind(text: &str, language: Language, kind: &str, mut out: impl FnMut(&str)) {
    known::each(text, language, kind == "code", |_, token| out(token));
}

/// The words of a query, each with its stems in its own language and in all that are `present` in
/// the index, so that a short query whose language was guessed wrong still finds its words.
pub fn query_terms(text: &str, language: Language, present: &[Language]) -> Vec<QueryTerm> {
    let own = tokens(text, language);
    let others: Vec<Vec<Token>> = present.iter().filter(|&&l| l != language).map(|&l| tokens(text, l)).collect();
    let mut terms: Vec<QueryTerm> = Vec::new();
    // What its own language calls a stop word is none in another: only when nothing else is left
    // do the other languages decide which words there are.
    let backbone = if own.is_empty() { others.iter().find(|t| !t.is_empty()) } else { Some(&own) };
    let asks = |t: &Token| language == Language::ENGLISH && is_question_word(&text[t.range.clone()]);
    let only_asks = own.iter().all(asks);
    for token in backbone.into_iter().flatten().filter(|&t| only_asks || !asks(t)) {
        let mut variants = vec![token.text.clone()];
        for other in others.iter().flatten().filter(|o| o.range == token.range) {
            if !variants.contains(&other.text) {
                variants.push(other.text.clone());
            }
        }
        push_term(&mut terms, QueryTerm { variants, weight: 1.0 });
    }
    for part in code_tokens(text, language) {
        let whole = terms.iter().any(|t| t.variants.contains(&part.text));
        if !whole && own.iter().all(|t| t.range != part.range) {
            push_term(&mut terms, QueryTerm { variants: vec![part.text], weight: PART_WEIGHT });
        }
    }
    terms
}

/// Where the words stand that tell what a query is about: no stop words and none that only ask. In bytes, in order
/// and without overlaps.
pub fn content(text: &str, language: Language) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for token in tokens(text, language) {
        if language == Language::ENGLISH && is_question_word(&text[token.range.clone()]) {
            continue;
        }
        match out.last_mut() {
            Some(last) if token.range.start < last.end => last.end = last.end.max(token.range.end),
            _ => out.push(token.range),
        }
    }
    out
}

fn is_question_word(word: &str) -> bool {
    QUESTION_WORDS.iter().any(|q| q.eq_ignore_ascii_case(word))
}

fn push_term(terms: &mut Vec<QueryTerm>, term: QueryTerm) {
    if !terms.iter().any(|t| t.variants[0] == term.variants[0]) {
        terms.push(term);
    }
}

fn collect(text: &str, language: Language, code: bool) -> Vec<Token> {
    let mut out = Vec::with_capacity(text.len() / 6);
    known::each(text, language, code, |range, token| out.push(Token { text: token.to_owned(), range }));
    out
}

/// Builds the chain of filters of one language, which takes a word at a time.
fn chain(stemming: Option<tantivy::tokenizer::Language>) -> TextAnalyzer {
    let mut chain = TextAnalyzer::builder(RawTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST_WORD))
        .filter(LowerCaser)
        .dynamic();
    if let Some(language) = stemming {
        if let Some(stop_words) = StopWordFilter::new(language) {
            chain = chain.filter_dynamic(stop_words);
        }
        chain = chain.filter_dynamic(Stemmer::new(language));
    }
    // Folded last: stemmers need the accents.
    chain.filter_dynamic(AsciiFoldingFilter).build()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lang(code: &str) -> Language {
        Language::from_code(code).unwrap()
    }

    fn texts(text: &str, code: &str) -> Vec<String> {
        tokens(text, lang(code)).into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn english_is_stemmed_without_stop_words() {
        assert_eq!(texts("The Normans were running in the castles", "en"), ["norman", "were", "run", "castl"]);
    }

    #[test]
    fn each_language_has_its_own_stems_and_folded_accents() {
        assert_eq!(texts("as organizações", "pt"), texts("organização", "pt"));
        assert_eq!(texts("die Häuser", "de"), ["haus"]);
        assert_eq!(texts("les cafés", "fr"), ["caf"]);
        assert_eq!(texts("книги", "ru"), texts("книга", "ru"));
        assert_eq!(texts("l'eau d'été", "fr"), texts("eau été", "fr"));
    }

    #[test]
    fn cjk_runs_become_bigrams_and_a_lone_character_stays() {
        assert_eq!(texts("战国无双", "zh"), ["战国", "国无", "无双"]);
        assert_eq!(texts("猫 and 战国3版", "zh"), ["猫", "and", "战国", "3", "版"]);
        assert_eq!(texts("東京タワー", "ja"), ["東京", "京タ", "タワ", "ワー"]);
    }

    #[test]
    fn numbers_keep_their_decimals_and_lose_their_thousands_separators() {
        assert_eq!(texts("1,000 or 1.000 or 3,5 or 3.5", "pt"), ["1000", "or", "1000", "or", "3.5", "or", "3.5"]);
        assert_eq!(texts("12.05.2024", "en"), ["12", "05", "2024"]);
        assert_eq!(texts("in 1999.", "en"), ["1999"]);
    }

    #[test]
    fn offsets_point_at_the_words() {
        let text = "Über 3,5 Häuser";
        let cut: Vec<&str> = tokens(text, lang("de")).into_iter().map(|t| &text[t.range]).collect();
        assert_eq!(cut, ["3,5", "Häuser"]);
    }

    #[test]
    fn identifiers_are_found_whole_and_in_parts() {
        let found: Vec<String> =
            code_tokens("fn parseHttpHeader(max_line_len: u32)", lang("en")).into_iter().map(|t| t.text).collect();
        for wanted in ["parsehttphead", "pars", "http", "header", "max_line_len", "max", "line", "len"] {
            assert!(found.iter().any(|f| f == wanted), "{wanted} is missing in {found:?}");
        }
    }

    #[test]
    fn a_query_gets_a_variant_per_language_and_no_duplicates() {
        let terms = query_terms("organizações nacionais nacionais", lang("en"), &[lang("en"), lang("pt"), lang("de")]);
        assert_eq!(terms.len(), 2);
        assert!(terms[0].variants.contains(&texts("organizações", "pt")[0]));
        assert!(terms[0].variants.contains(&texts("organizações", "en")[0]));
    }

    #[test]
    fn a_query_of_stop_words_only_is_read_in_another_language() {
        assert!(query_terms("the", lang("en"), &[lang("en")]).is_empty());
        assert_eq!(query_terms("the", lang("en"), &[lang("en"), lang("pt")])[0].variants, ["the"]);
    }

    #[test]
    fn what_a_question_asks_with_is_no_search_word_unless_it_is_all_there_is() {
        let words = |text| -> Vec<String> {
            query_terms(text, lang("en"), &[]).into_iter().map(|t| t.variants[0].clone()).collect()
        };
        assert_eq!(words("Who did the Normans fight?"), ["norman", "fight"]);
        assert_eq!(words("The Who"), ["who"]);
    }

    #[test]
    fn the_content_of_a_question_is_its_telling_words() {
        let text = "What is the capital of Normandy?";
        let cut: Vec<&str> = content(text, lang("en")).into_iter().map(|range| &text[range]).collect();
        assert_eq!(cut, ["capital", "Normandy"]);
        assert_eq!(content("战国无双", lang("zh")), std::slice::from_ref(&(0..12)));
    }

    #[test]
    fn names_are_neither_stemmed_nor_stopped() {
        let found: Vec<String> = names("José dos Santos <js@x.org>").into_iter().map(|t| t.text).collect();
        assert_eq!(found, ["jose", "dos", "santos", "js", "x", "org"]);
    }

    #[test]
    fn long_garbage_and_empty_text_give_nothing() {
        assert!(tokens(&"x".repeat(500), lang("en")).is_empty());
        assert!(tokens(" \n\t—", lang("en")).is_empty());
    }

    #[test]
    fn combining_marks_do_not_tear_words() {
        assert_eq!(texts("cafe\u{301} noir", "en"), ["cafe", "noir"]);
        assert_eq!(texts("हिन्दी भाषा", "hi").len(), 2);
    }
}
