//! Free text: the part of the request that stands where the examples' marks stand. Contexts are learned from the
//! examples ("for the …", "called …", "open … folder"); the value is always a piece of the request itself.

use super::schema::{Kind, Slot};
use super::{Annotated, Frame, Request, Taken};
use crate::skills::router::text::{Word, is_unspaced, words};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A context counts when at least this share of its occurrences in the examples stand at the parameter.
const TRUSTED: f32 = 0.34;
/// From here on a value may be longer than any of the examples'.
const CERTAIN: f32 = 0.7;
/// Stands for a part that is taken by a typed value.
const TAKEN: &str = "\u{0}";

/// Words before a value that are not part of it, unless most of the examples' values begin with them.
pub(super) const ARTICLES: &[&str] = &[
    "the", "a", "an", "my", "our", "o", "os", "as", "um", "uma", "meu", "minha", "meus", "minhas", "do", "da", "dos",
    "das", "el", "la", "los", "las", "un", "una", "mi", "mis", "del", "der", "die", "das", "den", "dem", "ein", "eine",
    "einen", "mein", "meine", "meinen", "le", "les", "une", "mon", "ma", "mes", "du", "des",
];
/// Words that join a typed value to the sentence; they belong to that value, not to the free text before it.
pub(super) const JOINTS: &[&str] = &[
    "in", "at", "on", "for", "by", "of", "from", "after", "before", "since", "until", "within", "about", "and", "with",
    "to", "em", "no", "na", "nos", "nas", "de", "as", "para", "por", "ate", "desde", "daqui", "e", "en", "a", "um",
    "auf", "fur", "bis", "seit", "von", "und", "dans", "pour", "depuis",
];
/// Words after a value that are politeness or time, not part of it.
const TAILS: &[&str] =
    &["please", "now", "right", "currently", "thanks", "bitte", "jetzt", "agora", "ahora", "maintenant"];

/// A word of a sentence, or a part taken by a typed value.
struct Token {
    folded: String,
    range: Range<usize>,
    /// No free value may hold it.
    taken: bool,
}

/// Fills free parameters: the surest first, required ones and files also without a known context.
pub fn fill(request: &mut Request<'_>, slots: &[Slot], examples: &[Annotated], frame: &Frame) {
    let mut open: Vec<&Slot> = slots.iter().filter(|s| s.kind == Kind::Free).collect();
    if open.is_empty() {
        return;
    }
    let learned = Learned::from(examples, slots);
    while let Some((at, range)) = surest(request, slots, &open, &learned, frame) {
        take(request, open.remove(at), range);
    }
    for slot in open.into_iter().filter(|s| s.required || s.file) {
        if let Some(range) = without_context(request, slots, slot, frame) {
            take(request, slot, range);
        }
    }
}

fn take(request: &mut Request<'_>, slot: &Slot, range: Range<usize>) {
    let value = Value::from(&request.text[range.clone()]);
    request.taken.push(Taken { slot: slot.name.clone(), range, value });
}

fn surest(
    request: &Request<'_>,
    slots: &[Slot],
    open: &[&Slot],
    learned: &Learned,
    frame: &Frame,
) -> Option<(usize, Range<usize>)> {
    let tokens = tokens(request.text, slots, request.taken.iter().map(|t| (&t.slot, &t.range)));
    let each = open.iter().enumerate().filter_map(|(n, slot)| {
        let (trust, range) = learned.contexts.get(&slot.name)?.best(&tokens, request, slot, frame)?;
        Some((trust, n, range))
    });
    each.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))).map(|(_, n, range)| (n, range))
}

/// What the examples teach, per free parameter.
struct Learned {
    contexts: HashMap<String, Contexts>,
}

/// Where one parameter's values stand.
#[derive(Default)]
struct Contexts {
    /// One or two words before: how often at a value, how often at all.
    before: HashMap<String, (f32, f32)>,
    /// The word after: the same.
    after: HashMap<String, (f32, f32)>,
    values: usize,
    /// Values that begin with an article.
    articles: usize,
    /// Most words of a value.
    longest: usize,
}

impl Learned {
    fn from(examples: &[Annotated], slots: &[Slot]) -> Self {
        let free = slots.iter().filter(|s| s.kind == Kind::Free);
        let mut contexts: HashMap<String, Contexts> = free.map(|s| (s.name.clone(), Contexts::default())).collect();
        for example in examples {
            let (free, typed): (Vec<_>, Vec<_>) =
                example.slots.iter().partition(|(name, _)| contexts.contains_key(name));
            let tokens = tokens(&example.text, slots, typed.into_iter().map(|(name, range)| (name, range)));
            for (name, contexts) in &mut contexts {
                contexts.learn(&tokens, free.iter().filter(|(n, _)| n == name).map(|(_, r)| r));
            }
        }
        Self { contexts }
    }
}

impl Contexts {
    fn learn<'r>(&mut self, tokens: &[Token], values: impl Iterator<Item = &'r Range<usize>>) {
        let (mut starts, mut ends) = (HashSet::new(), HashSet::new());
        for value in values {
            let within = |t: &Token| value.start <= t.range.start && t.range.end <= value.end;
            let inside: Vec<usize> = (0..tokens.len()).filter(|n| within(&tokens[*n])).collect();
            let (Some(first), Some(last)) = (inside.first(), inside.last()) else { continue };
            self.values += 1;
            self.articles += usize::from(is_article(&tokens[*first]));
            self.longest = self.longest.max(inside.len());
            starts.insert(*first);
            ends.insert(*last);
        }
        let count = |table: &mut HashMap<String, (f32, f32)>, context: String, hit: bool| {
            let (hits, all) = table.entry(context).or_default();
            *all += 1.0;
            *hits += f32::from(u8::from(hit));
        };
        for n in 0..tokens.len() {
            // Neither a typed value nor an article begins free text, so what stands before them says nothing.
            if !tokens[n].taken && (!is_article(&tokens[n]) || starts.contains(&n)) {
                let hit = starts.contains(&n);
                befores(tokens, n).into_iter().for_each(|context| count(&mut self.before, context, hit));
            }
            if n > 0 {
                count(&mut self.after, tokens[n].folded.clone(), ends.contains(&(n - 1)));
            }
        }
    }

    /// How sure it is that a value starts here, by the words before it; two words count more than one.
    fn trust(&self, tokens: &[Token], start: usize) -> f32 {
        let (mut hits, mut all) = (0.0, 0.5);
        for (weight, context) in [1.0, 2.0].into_iter().zip(befores(tokens, start)) {
            let (h, a) = self.before.get(&context).copied().unwrap_or_default();
            hits += weight * h;
            all += weight * a;
        }
        hits / all
    }

    /// The best place for a value: how sure, and where.
    fn best(&self, tokens: &[Token], request: &Request<'_>, slot: &Slot, frame: &Frame) -> Option<(f32, Range<usize>)> {
        let mut best: Option<(f32, Range<usize>)> = None;
        for start in (0..tokens.len()).filter(|n| !tokens[*n].taken) {
            let (end, closed) = self.end(tokens, start, frame);
            let mut sure = self.trust(tokens, start) + if closed { 0.2 } else { 0.0 };
            // A word that only ever frames values rarely begins one: not "called report" after "the file".
            if frame.holds(&tokens[start].folded) && !is_article(&tokens[start]) {
                sure *= 0.5;
            }
            if sure < TRUSTED || best.as_ref().is_some_and(|(trust, _)| sure <= *trust) {
                continue;
            }
            let Some(range) = self.trimmed(tokens, start, end, request.text, slot, frame) else { continue };
            let count = tokens.iter().filter(|t| range.start <= t.range.start && t.range.end <= range.end).count();
            if request.is_free(&range) && (sure >= CERTAIN || self.longest > 2 || count <= self.longest + 1) {
                best = Some((sure, range));
            }
        }
        best
    }

    /// One past the value's last token, and whether a known context closes it.
    fn end(&self, tokens: &[Token], start: usize, frame: &Frame) -> (usize, bool) {
        for n in start + 1..tokens.len() {
            let (hits, all) = self.after.get(&tokens[n].folded).copied().unwrap_or_default();
            if tokens[n].taken {
                let joint = n > start + 1 && JOINTS.contains(&tokens[n - 1].folded.as_str());
                return (if joint { n - 1 } else { n }, hits > 0.0 || joint);
            }
            // After a word that no example's frame holds, one example is enough: "pizza timer" after "rice timer".
            let strange = !frame.holds(&tokens[n - 1].folded);
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
        frame: &Frame,
    ) -> Option<Range<usize>> {
        while end > start && TAILS.contains(&tokens[end - 1].folded.as_str()) {
            end -= 1;
        }
        while self.articles * 2 <= self.values && start + 1 < end && is_article(&tokens[start]) {
            start += 1;
        }
        let range = tokens.get(start)?.range.start..tokens.get(end.checked_sub(1)?)?.range.end;
        // Words that no example has inside a value are no value of their own: "open the folder" names no folder. A
        // longer run of them may be one: "call Ana about the timer".
        let long = end - start >= 3 && self.longest >= 3;
        if start >= end || !long && frame.holds(&text[range.clone()]) {
            return None;
        }
        Some(widened(text, range, slot.file))
    }
}

fn is_article(token: &Token) -> bool {
    ARTICLES.contains(&token.folded.as_str())
}

/// The one and the two words before a place, the shorter first, looking past articles; a sentence's start counts as a
/// word.
fn befores(tokens: &[Token], at: usize) -> Vec<String> {
    let mut at = at;
    while at > 0 && is_article(&tokens[at - 1]) {
        at -= 1;
    }
    let word = |back: usize| at.checked_sub(back).map_or("^", |n| tokens[n].folded.as_str());
    if at == 0 { vec!["^".to_string()] } else { vec![word(1).to_string(), format!("{} {}", word(2), word(1))] }
}

/// Without a known context: quoted words, a file's name, else the longest run of words that no example's frame holds.
fn without_context(request: &Request<'_>, slots: &[Slot], slot: &Slot, frame: &Frame) -> Option<Range<usize>> {
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
    let tokens = tokens(request.text, slots, request.taken.iter().map(|t| (&t.slot, &t.range)));
    let common = |t: &Token| [ARTICLES, JOINTS, TAILS].iter().any(|list| list.contains(&t.folded.as_str()));
    let strange = |t: &Token| !t.taken && !common(t) && !frame.holds(&t.folded);
    let (mut longest, mut run) = (0..0, 0..0);
    for (n, token) in tokens.iter().enumerate() {
        run = if !strange(token) { n + 1..n + 1 } else { run.start..n + 1 };
        if run.len() > longest.len() {
            longest = run.clone();
        }
    }
    let range = tokens.get(longest.start)?.range.start..tokens.get(longest.end.checked_sub(1)?)?.range.end;
    Some(widened(request.text, range, slot.file)).filter(free)
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

/// The words of a text. A part that a typed value has taken is one token; the words of an enum stay words, since the
/// examples' frames hold them too ("stop the pasta timer").
fn tokens<'r>(text: &str, slots: &[Slot], taken: impl Iterator<Item = (&'r String, &'r Range<usize>)>) -> Vec<Token> {
    let is_choice = |name: &str| slots.iter().any(|s| s.name == name && matches!(s.kind, Kind::Choice(_)));
    let (named, typed): (Vec<_>, Vec<_>) = taken.partition(|(name, _)| is_choice(name));
    let touches = |list: &[(&String, &Range<usize>)], w: &Word| {
        list.iter().any(|(_, t)| t.start < w.range.end && w.range.start < t.end)
    };
    let outside = words(text).into_iter().filter(|w| !touches(&typed, w));
    let mut tokens: Vec<Token> =
        outside.map(|w| Token { taken: touches(&named, &w), folded: w.folded, range: w.range }).collect();
    let whole =
        |(_, range): &(&String, &Range<usize>)| Token { folded: TAKEN.into(), range: (*range).clone(), taken: true };
    tokens.extend(typed.iter().map(whole));
    tokens.sort_by_key(|t| t.range.start);
    tokens
}
