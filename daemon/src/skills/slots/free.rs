//! Free text: the part of the request that stands where the examples' marks stand. Contexts are learned from the
//! examples ("for the …", "called …", "open … folder"); the value is always a piece of the request itself.

use super::schema::{Kind, Slot};
use super::{Annotated, Request, Taken};
use crate::skills::router::text::{Word, is_unspaced, words};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A context counts when at least this share of its occurrences in the examples stand at the parameter.
const TRUSTED: f32 = 0.34;
/// Stands for a part that is taken by a typed value.
const TAKEN: &str = "\u{0}";

/// Words before a value that are not part of it, unless the examples' values begin with them.
const ARTICLES: &[&str] = &[
    "the", "a", "an", "my", "our", "o", "os", "as", "um", "uma", "meu", "minha", "el", "la", "los", "las", "un", "una",
    "mi", "der", "die", "das", "den", "dem", "ein", "eine", "einen", "mein", "meine", "meinen", "le", "les", "une",
    "mon", "ma", "mes",
];
/// Words that join a typed value to the sentence; they belong to that value, not to the free text before it.
pub(super) const JOINTS: &[&str] = &[
    "in", "at", "on", "for", "by", "of", "from", "after", "before", "since", "until", "within", "about", "and", "with",
    "to", "em", "de", "as", "para", "por", "ate", "desde", "daqui", "e", "en", "a", "um", "auf", "fur", "bis", "seit",
    "von", "und", "dans", "pour", "depuis",
];
/// Words after a value that are politeness or time, not part of it.
const TAILS: &[&str] =
    &["please", "now", "right", "currently", "thanks", "bitte", "jetzt", "agora", "ahora", "maintenant"];

/// A word of a sentence, or a part taken by a typed value.
struct Token {
    folded: String,
    range: Range<usize>,
}

/// Fills free parameters: the surest first, required ones also without a known context.
pub fn fill(request: &mut Request<'_>, slots: &[Slot], examples: &[Annotated]) {
    let mut open: Vec<&Slot> = slots.iter().filter(|s| s.kind == Kind::Free).collect();
    let learned = Learned::from(examples, &open);
    while let Some((at, range)) = surest(request, &open, &learned) {
        take(request, open.remove(at), range);
    }
    for slot in open.into_iter().filter(|s| s.required || s.file) {
        if let Some(range) = without_context(request, slot, &learned) {
            take(request, slot, range);
        }
    }
}

fn take(request: &mut Request<'_>, slot: &Slot, range: Range<usize>) {
    let value = Value::from(&request.text[range.clone()]);
    request.taken.push(Taken { slot: slot.name.clone(), range, value });
}

fn surest(request: &Request<'_>, open: &[&Slot], learned: &Learned) -> Option<(usize, Range<usize>)> {
    let tokens = tokens(request.text, request.taken.iter().map(|t| &t.range));
    let each = open.iter().enumerate().filter_map(|(n, slot)| {
        let (trust, range) = learned.contexts.get(&slot.name)?.best(&tokens, request, slot, learned)?;
        Some((trust, n, range))
    });
    each.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))).map(|(_, n, range)| (n, range))
}

/// What the examples teach.
struct Learned {
    contexts: HashMap<String, Contexts>,
    /// Words that stand outside free values.
    plain: HashSet<String>,
}

/// Where one parameter's values stand.
#[derive(Default)]
struct Contexts {
    /// One or two words before: how often at a value, how often at all.
    before: HashMap<String, (f32, f32)>,
    /// The word after: the same.
    after: HashMap<String, (f32, f32)>,
    /// Values that begin with an article, of all values.
    articles: usize,
    /// Most words of a value.
    longest: usize,
}

impl Learned {
    fn from(examples: &[Annotated], open: &[&Slot]) -> Self {
        let mut learned = Self {
            contexts: open.iter().map(|s| (s.name.clone(), Contexts::default())).collect(),
            plain: HashSet::new(),
        };
        for example in examples {
            let is_free = |name: &str| open.iter().any(|s| s.name == name);
            let typed = example.slots.iter().filter(|(name, _)| !is_free(name)).map(|(_, range)| range);
            let free: Vec<_> = example.slots.iter().filter(|(name, _)| is_free(name)).collect();
            let tokens = tokens(&example.text, typed);
            let inside = |t: &Token| free.iter().any(|(_, r)| r.start <= t.range.start && t.range.end <= r.end);
            learned.plain.extend(tokens.iter().filter(|t| !inside(t)).map(|t| t.folded.clone()));
            for (name, contexts) in &mut learned.contexts {
                contexts.learn(&tokens, free.iter().filter(|(n, _)| n == name).map(|(_, r)| r));
            }
        }
        learned
    }
}

impl Contexts {
    fn learn<'r>(&mut self, tokens: &[Token], values: impl Iterator<Item = &'r Range<usize>>) {
        let mut starts = HashSet::new();
        let mut ends = HashSet::new();
        for value in values {
            let inside: Vec<usize> = (0..tokens.len())
                .filter(|n| value.start <= tokens[*n].range.start && tokens[*n].range.end <= value.end)
                .collect();
            let (Some(first), Some(last)) = (inside.first(), inside.last()) else { continue };
            self.articles += usize::from(ARTICLES.contains(&tokens[*first].folded.as_str()));
            self.longest = self.longest.max(inside.len());
            starts.insert(*first);
            ends.insert(*last);
        }
        for n in 0..=tokens.len() {
            // A typed value can't begin free text, so what stands before one says nothing about this parameter.
            if tokens.get(n).is_some_and(|t| t.folded == TAKEN) {
                continue;
            }
            for context in befores(tokens, n) {
                let (hits, all) = self.before.entry(context).or_default();
                *all += 1.0;
                *hits += f32::from(u8::from(starts.contains(&n)));
            }
            if n > 0 && n < tokens.len() {
                let (hits, all) = self.after.entry(tokens[n].folded.clone()).or_default();
                *all += 1.0;
                *hits += f32::from(u8::from(ends.contains(&(n - 1))));
            }
        }
    }

    fn trust(table: &HashMap<String, (f32, f32)>, context: &str) -> f32 {
        table.get(context).map_or(0.0, |(hits, all)| hits / (all + 0.5))
    }

    /// The best place for a value: how sure, and where.
    fn best(
        &self,
        tokens: &[Token],
        request: &Request<'_>,
        slot: &Slot,
        learned: &Learned,
    ) -> Option<(f32, Range<usize>)> {
        let mut best: Option<(f32, Range<usize>)> = None;
        for start in (0..tokens.len()).filter(|n| tokens[*n].folded != TAKEN) {
            // The longer context knows better, if it was seen at all.
            let sure = befores(tokens, start)
                .into_iter()
                .rev()
                .find(|c| self.before.contains_key(c))
                .map_or(0.0, |c| Self::trust(&self.before, &c));
            if sure < TRUSTED {
                continue;
            }
            let (end, closed) = self.end(tokens, start, learned);
            let Some(range) = self.trimmed(tokens, start, end, request.text, slot, learned) else { continue };
            let sure = sure + if closed { 0.2 } else { 0.0 };
            if best.as_ref().is_none_or(|(trust, _)| sure > *trust) && request.is_free(&range) {
                best = Some((sure, range));
            }
        }
        best
    }

    /// One past the value's last token, and whether a known context closes it.
    fn end(&self, tokens: &[Token], start: usize, learned: &Learned) -> (usize, bool) {
        for n in start + 1..tokens.len() {
            if tokens[n].folded == TAKEN {
                let joint = n > start + 1 && JOINTS.contains(&tokens[n - 1].folded.as_str());
                return (if joint { n - 1 } else { n }, true);
            }
            let (hits, all) = self.after.get(&tokens[n].folded).copied().unwrap_or_default();
            // After a word that no example's frame holds, one example is enough: "pizza timer" after "rice timer".
            let strange = !learned.plain.contains(&tokens[n - 1].folded);
            if hits / (all + 0.5) >= TRUSTED || hits > 0.0 && strange {
                return (n, true);
            }
        }
        (tokens.len(), false)
    }

    fn trimmed(
        &self,
        tokens: &[Token],
        mut start: usize,
        mut end: usize,
        text: &str,
        slot: &Slot,
        learned: &Learned,
    ) -> Option<Range<usize>> {
        let is = |n: usize, list: &[&str]| list.contains(&tokens[n].folded.as_str());
        while end > start && is(end - 1, TAILS) {
            end -= 1;
        }
        while self.articles == 0 && start + 1 < end && is(start, ARTICLES) {
            start += 1;
        }
        // Words that no example has inside a value are no value of their own: "open the folder" names no folder.
        let only_plain = (start..end).all(|n| {
            learned.plain.contains(&tokens[n].folded) && !tokens[n].folded.chars().any(|c| c.is_ascii_digit())
        });
        if start >= end || only_plain && !self.known_value(start, end) {
            return None;
        }
        Some(widened(text, tokens[start].range.start..tokens[end - 1].range.end, slot.file))
    }

    /// Long runs of plain words are values ("call Ana for the report"), short ones are the template's own words.
    fn known_value(&self, start: usize, end: usize) -> bool {
        end - start >= 3 && end - start <= self.longest.max(3)
    }
}

/// The one and the two tokens before a place, the shorter first; a sentence's start counts as a token.
fn befores(tokens: &[Token], at: usize) -> Vec<String> {
    let word = |back: usize| match at.checked_sub(back) {
        Some(n) => Some(tokens[n].folded.as_str()),
        None if at + 1 == back => Some("^"),
        None => None,
    };
    let one = word(1).unwrap_or("^").to_string();
    let two = word(2).map(|w| format!("{w} {one}"));
    std::iter::once(one).chain(two).collect()
}

/// Without a known context: quoted words, a file's name, else the longest run of words that no example's frame holds.
fn without_context(request: &Request<'_>, slot: &Slot, learned: &Learned) -> Option<Range<usize>> {
    let free = |range: &Range<usize>| request.is_free(range);
    if let Some(range) = quoted(request.text).filter(free) {
        return Some(range);
    }
    if slot.file
        && let Some(range) = file_name(request.text).filter(free)
    {
        return Some(range);
    }
    if !slot.required {
        return None;
    }
    let tokens = tokens(request.text, request.taken.iter().map(|t| &t.range));
    let strange = |t: &Token| {
        t.folded != TAKEN
            && !learned.plain.contains(&t.folded)
            && ![ARTICLES, JOINTS, TAILS].iter().any(|l| l.contains(&t.folded.as_str()))
    };
    let mut longest: Option<Range<usize>> = None;
    let mut run: Option<Range<usize>> = None;
    for (n, token) in tokens.iter().enumerate() {
        run = match (run, strange(token)) {
            (Some(run), true) => Some(run.start..n + 1),
            (None, true) => Some(n..n + 1),
            (_, false) => None,
        };
        if let Some(run) = run.as_ref().filter(|r| r.len() > longest.as_ref().map_or(0, Range::len)) {
            longest = Some(run.clone());
        }
    }
    let run = longest?;
    Some(widened(request.text, tokens[run.start].range.start..tokens[run.end - 1].range.end, slot.file)).filter(free)
}

/// What stands between quotation marks.
fn quoted(text: &str) -> Option<Range<usize>> {
    [('"', '"'), ('“', '”'), ('«', '»'), ('„', '“'), ('「', '」'), ('《', '》')].iter().find_map(|&(open, close)| {
        let start = text.find(open)? + open.len_utf8();
        let end = start + text[start..].find(close)?;
        (!text[start..end].trim().is_empty()).then_some(start..end)
    })
}

/// A word with a path separator or an extension.
fn file_name(text: &str) -> Option<Range<usize>> {
    let start_of = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    let named = |word: &&str| {
        let extension = word.rsplit_once('.').is_some_and(|(stem, e)| {
            !stem.is_empty() && (1..=5).contains(&e.len()) && e.chars().all(|c| c.is_ascii_alphanumeric())
        });
        extension || word.contains('/')
    };
    let word = text
        .split_whitespace()
        .map(|w| w.trim_matches(['?', '!', ',', '"', '\'']))
        .map(|w| w.trim_end_matches('.'))
        .find(named)?;
    Some(start_of(word)..start_of(word) + word.len())
}

/// A value reaches over the signs that belong to a name: `report.pdf`, `~/notes`, `invoice-2024`. Without spaces around
/// them, words are not told apart anyway.
fn widened(text: &str, range: Range<usize>, file: bool) -> Range<usize> {
    let glued = |c: char| {
        !c.is_whitespace()
            && !is_unspaced(c)
            && (file && "./~_-*".contains(c) || c.is_alphanumeric() || "_-&+#@".contains(c))
    };
    let start = text[..range.start]
        .char_indices()
        .rev()
        .take_while(|(_, c)| glued(*c))
        .last()
        .map_or(range.start, |(at, _)| at);
    let tail: usize = text[range.end..].chars().take_while(|c| glued(*c)).map(char::len_utf8).sum();
    let end = range.end + tail;
    let end = start + text[start..end].trim_end_matches(['.', '-', '?']).len();
    start..end.max(range.end)
}

/// The words of a text; each taken part as one token.
fn tokens<'r>(text: &str, taken: impl Iterator<Item = &'r Range<usize>>) -> Vec<Token> {
    let taken: Vec<&Range<usize>> = taken.collect();
    let outside = |w: &Word| taken.iter().all(|t| w.range.end <= t.start || t.end <= w.range.start);
    let mut tokens: Vec<Token> =
        words(text).into_iter().filter(outside).map(|w| Token { folded: w.folded, range: w.range }).collect();
    tokens.extend(taken.iter().map(|t| Token { folded: TAKEN.to_string(), range: (*t).clone() }));
    tokens.sort_by_key(|t| t.range.start);
    tokens
}
