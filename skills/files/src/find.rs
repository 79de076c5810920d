//! Finding files by what they are called.
//!
//! Owns: which name answers to which words, and how well. Must not know: folders' nicknames.

use crate::home::Home;
use crate::kinds::{self, Kind};
use crate::walk::{Entry, Limits, Walk};
use crate::words;
use hob_sdk::text::fold;
use hob_sdk::{Outcome, SkillError};
use serde::Deserialize;

/// Files that an answer holds.
const MOST: usize = 20;
/// Words that people say around a name but that are seldom part of it.
const NOISE: &[&str] = &[
    "the",
    "my",
    "a",
    "file",
    "files",
    "document",
    "documents",
    "called",
    "named",
    "about",
    "of",
    "for",
    "ficheiro",
    "arquivo",
    "o",
    "a",
    "de",
    "meu",
    "minha",
    "datei",
    "die",
    "der",
    "das",
    "mein",
    "meine",
];

#[derive(Debug, Default, Deserialize)]
pub struct FindFiles {
    pub name: Option<String>,
    pub kind: Option<Kind>,
    pub folder: Option<String>,
}

/// Files whose names hold all the words, best first.
pub fn find_files(asked: FindFiles, home: &Home) -> Result<Outcome, SkillError> {
    let folder = home.folder(asked.folder.as_deref())?;
    let name = asked.name.as_deref().map(str::trim).unwrap_or_default();
    if name.is_empty() && asked.kind.is_none() {
        return Err(SkillError::invalid_argument("What is the file called?")
            .suggest("Say a part of its name, or a kind of file such as pictures."));
    }
    let mut walk = Walk::new(&folder, Limits::names());
    let found = search(&mut walk, name, asked.kind);
    let total = found.len();
    let entries: Vec<_> = found.into_iter().take(MOST).collect();
    let what = words::counted(total, kinds::words(asked.kind));
    let place = if folder == home.path() { String::new() } else { format!(" in {}", home.short(&folder)) };
    let quoted = if name.is_empty() { String::new() } else { format!(" for \"{name}\"") };
    let message = match total {
        0 => format!("No {}{quoted}{place}.{}", kinds::words(asked.kind).1, walk.caveat()),
        _ => format!("{what}{quoted}: {}.{}", words::listed(&entries, total, home), walk.caveat()),
    };
    Ok(words::outcome(message, &entries, total, &walk))
}

/// The best file or folder of that name.
pub fn best(name: &str, home: &Home) -> Option<Entry> {
    let mut walk = Walk::new(home.path(), Limits::names());
    search(&mut walk, name, None).into_iter().next()
}

/// All that answer to the name, best first: by how well the name fits, then by how deep it lies,
/// then by age. Without noise words if that is what it takes.
fn search(walk: &mut Walk, name: &str, kind: Option<Kind>) -> Vec<Entry> {
    let exact = Wanted::new(name, &[]);
    let loose = Wanted::new(name, NOISE);
    let mut found: Vec<(u32, Entry)> = Vec::new();
    let mut less: Vec<(u32, Entry)> = Vec::new();
    for entry in walk.by_ref() {
        let fits = kind.map_or(!entry.is_folder || !name.is_empty(), |kind| kind.holds(&entry.name, entry.is_folder));
        if !fits {
            continue;
        }
        let folded = fold(&entry.name);
        if let Some(score) = exact.score(&folded) {
            found.push((score, entry));
        } else if let Some(score) = loose.score(&folded) {
            less.push((score, entry));
        }
    }
    let mut chosen = if found.is_empty() { less } else { found };
    let age = |entry: &Entry| std::cmp::Reverse(words::modified(entry).unwrap_or(i64::MIN));
    chosen.sort_by_key(|(score, entry)| {
        (std::cmp::Reverse(*score), if name.is_empty() { 0 } else { entry.depth }, age(entry))
    });
    chosen.into_iter().map(|(_, entry)| entry).collect()
}

/// What a name must hold.
enum Wanted {
    /// Nothing in particular.
    Any,
    /// A pattern with `*` and `?`.
    Pattern(Vec<char>),
    /// These words, and all of them as one text.
    Words(Vec<String>, String),
}

impl Wanted {
    fn new(name: &str, noise: &[&str]) -> Self {
        let folded = fold(name);
        if folded.contains(['*', '?']) {
            return Self::Pattern(folded.chars().collect());
        }
        let all: Vec<String> =
            folded.split_whitespace().filter(|word| !noise.contains(word)).map(String::from).collect();
        match all.is_empty() {
            true if folded.is_empty() => Self::Any,
            true => Self::Words(vec![folded.clone()], folded),
            false => Self::Words(all.clone(), all.join(" ")),
        }
    }

    /// How well a folded name fits, from 1 (the words are somewhere in it) to 5 (it is the name).
    fn score(&self, name: &str) -> Option<u32> {
        let (words, whole) = match self {
            Self::Any => return Some(1),
            Self::Pattern(pattern) => return matches(pattern, &name.chars().collect::<Vec<_>>()).then_some(5),
            Self::Words(words, whole) => (words, whole),
        };
        if !words.iter().all(|word| name.contains(word.as_str())) {
            return None;
        }
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let spaced = |text: &str| text.replace(['-', '_', '.'], " ");
        let (stem, whole) = (spaced(stem), spaced(whole));
        Some(if name == whole.as_str() || spaced(name) == whole || stem == whole {
            5
        } else if stem.starts_with(&whole) {
            4
        } else if words.iter().all(|word| spaced(name).split(' ').any(|part| part == word)) {
            3
        } else if words.iter().all(|word| spaced(name).split(' ').any(|part| part.starts_with(word.as_str()))) {
            2
        } else {
            1
        })
    }
}

/// Whether a name fits a pattern with `*` (any signs) and `?` (one sign), in linear space and at
/// most quadratic time.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        let fits = |pattern: &str, name: &str| {
            matches(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
        };
        assert!(fits("*.pdf", "a.pdf") && !fits("*.pdf", "a.pdf.txt"));
        assert!(fits("a?c*", "abcd") && !fits("a?c", "ac"));
        assert!(fits("*a*b*", "xxaxxbxx") && !fits("*a*b", "xxbxxa"));
        assert!(fits("*", "") && fits("**", "x"));
        let long = "a".repeat(200);
        assert!(!fits("*a*a*a*a*a*a*a*a*b", &long), "and in no time");
    }

    #[test]
    fn names_are_ranked_by_how_well_they_fit() {
        let score = |name: &str, file: &str| Wanted::new(name, &[]).score(&fold(file));
        assert_eq!(score("tax return", "Tax-Return.pdf"), Some(5));
        assert_eq!(score("tax return", "tax_return_2025.pdf"), Some(4));
        assert_eq!(score("2025 tax", "tax-return-2025.pdf"), Some(3));
        assert_eq!(score("ret", "tax-return.pdf"), Some(2));
        assert_eq!(score("tax return", "mytaxreturn.pdf"), Some(1));
        assert_eq!(score("tax return", "tax.pdf"), None);
        assert_eq!(score("café", "CAFE menu.txt"), Some(4));
        assert_eq!(score("report.pdf", "report.pdf"), Some(5));
    }
}
