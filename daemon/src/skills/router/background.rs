//! What people ask an assistant that is nobody's business among the skills: questions about the world and about one's
//! own papers, claims, small talk. The router holds every request against these as well as against the skills' examples
//! so that "what time did the battle begin" is not taken for a question about the clock.

/// A language's code, a tab and a sentence in each line. Kinds matter here, not topics.
const SENTENCES: &str = include_str!("background.tsv");

/// Language and sentence of each.
pub fn sentences() -> impl Iterator<Item = (&'static str, &'static str)> {
    SENTENCES.lines().filter_map(|line| line.split_once('\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_line_is_a_language_and_a_sentence_of_its_own() {
        assert_eq!(sentences().count(), SENTENCES.lines().count());
        let texts: HashSet<&str> = sentences().map(|(_, text)| text).collect();
        assert_eq!(texts.len(), sentences().count());
        assert!(sentences().all(|(code, text)| code.len() == 2 && text.trim() == text && !text.is_empty()));
    }
}
