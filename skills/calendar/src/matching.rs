//! Comparing what somebody says with what things and people are called.
//!
//! Owns: how well words fit: as they are, by their beginnings, nearly. Must not know: events, contacts.

use hob_sdk::text::fold;

/// Share of letters that must agree in a word that is spelt otherwise.
const LIKENESS: f64 = 0.8;
/// Shorter words must be right: nearly every one of them is near another.
const FUZZY_LETTERS: usize = 5;
/// Shorter words of an alphabet tell nothing by themselves.
const TELLING_LETTERS: usize = 4;
/// Words that are looked for, and characters of a text that they are looked for in.
const MOST_WORDS: usize = 12;
const MOST_CHARS: usize = 400;

/// How well a text fits, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// All words are nearly there.
    Nearly,
    /// All words are there, some only by their beginnings.
    Begun,
    /// All words are there.
    Whole,
    /// It is these words and nothing else.
    Same,
}

/// What somebody said, as words.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    words: Vec<String>,
}

impl Wanted {
    /// The words that were said, without those of `noise` (folded) and possessive endings, unless nothing else was said.
    pub fn new(said: &str, noise: &[&str]) -> Self {
        let all = words(said);
        let telling = |word: &&String| !noise.contains(&word.as_str());
        let mut kept: Vec<String> = all.iter().filter(telling).cloned().collect();
        if kept.is_empty() {
            kept = all;
        }
        kept.truncate(MOST_WORDS);
        Self { words: kept }
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether only words of a list (folded) were said.
    pub fn is_only(&self, list: &[&str]) -> bool {
        self.words.iter().all(|word| list.contains(&word.as_str()))
    }

    /// Without the words of a list (folded); `None` if it holds none of them.
    pub fn without(&self, list: &[&str]) -> Option<Self> {
        let kept: Vec<String> = self.words.iter().filter(|word| !list.contains(&word.as_str())).cloned().collect();
        (kept.len() < self.words.len()).then_some(Self { words: kept })
    }

    /// Whether a text has one of the words that tell something, as it is.
    pub fn shares_a_word(&self, text: &str) -> bool {
        let telling = |word: &&String| word.chars().count() >= TELLING_LETTERS || !word.is_ascii();
        let there = words(text);
        self.words.iter().filter(telling).any(|word| there.contains(word))
    }

    /// How well a text fits; `None` when it does not.
    pub fn fit(&self, text: &str) -> Option<Fit> {
        let text: String = text.chars().take(MOST_CHARS).collect();
        let there = words(&text);
        if self.words.is_empty() || there.is_empty() {
            return None;
        }
        if there == self.words {
            return Some(Fit::Same);
        }
        // Scripts without spaces: the text is one long word.
        let unspaced = fold(&text);
        let fit = |word: &String| {
            let inside = !word.is_ascii() && word.chars().all(is_unspaced) && unspaced.contains(word.as_str());
            let by_word = there.iter().filter_map(|other| fit_of_words(word, other)).max();
            if inside { Some(Fit::Whole) } else { by_word }
        };
        self.words.iter().map(fit).min_by_key(|fit| *fit)?
    }
}

fn fit_of_words(wanted: &str, there: &str) -> Option<Fit> {
    if wanted == there {
        return Some(Fit::Whole);
    }
    let long = |word: &str, letters: usize| word.chars().count() >= letters;
    // "Paulas Nummer": a name that ends in the s of possession.
    let possessive = wanted.strip_suffix('s').is_some_and(|stem| stem == there);
    if possessive || long(wanted, 3) && there.starts_with(wanted) {
        return Some(Fit::Begun);
    }
    let near = long(wanted, FUZZY_LETTERS)
        && long(there, FUZZY_LETTERS)
        && strsim::normalized_damerau_levenshtein(wanted, there) >= LIKENESS;
    near.then_some(Fit::Nearly)
}

/// The folded words of a text, without the s that an apostrophe cuts off.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in fold(&text.replace('’', "'")).split_whitespace() {
        let part = part.trim_matches('\'');
        let part = part.strip_suffix("'s").or_else(|| part.strip_suffix("s'")).unwrap_or(part);
        words.extend(part.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(String::from));
    }
    words
}

/// A character of a script that puts no spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c), 0x0E00..=0x0EFF | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x2FA1F)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_in_several_ways() {
        for (said, text, fit) in [
            ("Paula Ferreira", "Paula Ferreira", Some(Fit::Same)),
            ("ferreira paula", "Paula Ferreira", Some(Fit::Whole)),
            ("PAULA", "Paula Ferreira", Some(Fit::Whole)),
            ("Paula's", "Paula Ferreira", Some(Fit::Whole)),
            ("Paula’s", "Paula Ferreira", Some(Fit::Whole)),
            ("Paulas", "Paula Ferreira", Some(Fit::Begun)),
            ("joao", "João Costa", Some(Fit::Whole)),
            ("pet", "Karsten Petersen", Some(Fit::Begun)),
            ("Pettersen", "Karsten Petersen", Some(Fit::Nearly)),
            ("Paula Costa", "Paula Ferreira", None),
            ("mia", "Mio", None),
            ("陈丽", "陈丽 (Chen Li)", Some(Fit::Whole)),
            ("陈", "陈丽 (Chen Li)", Some(Fit::Whole)),
            ("chen li", "陈丽 (Chen Li)", Some(Fit::Whole)),
            ("the dentist", "Dentist", Some(Fit::Same)),
            ("the", "The Hague", Some(Fit::Whole)),
            ("", "x", None),
            ("x", "", None),
            ("'", "'", None),
        ] {
            assert_eq!(Wanted::new(said, &["the"]).fit(text), fit, "{said} / {text}");
        }
        assert!(Fit::Same > Fit::Whole && Fit::Begun > Fit::Nearly);
    }

    #[test]
    fn lists_of_words_are_told_apart() {
        let wanted = Wanted::new("Mia's birthday", &[]);
        assert_eq!(wanted.without(&["birthday"]), Some(Wanted::new("mia", &[])));
        assert_eq!(wanted.without(&["party"]), None);
        assert!(!wanted.is_only(&["birthday"]) && Wanted::new("birthday", &[]).is_only(&["birthday"]));
        let wedding = Wanted::new("Hochzeit von Paula", &[]);
        assert!(wedding.shares_a_word("Wedding of Paula") && !wedding.shares_a_word("Auf von zu"));
        let long = "x ".repeat(10_000);
        assert_eq!(Wanted::new(&long, &[]).fit(&long), Some(Fit::Whole));
    }
}
