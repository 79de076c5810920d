//! From words to an intent, in microseconds and without a chat model: likeness to the intents' examples by embedding
//! and by letters, a linear head, and a gate that turns away what is nobody's.
//!
//! Owns: ranking and its thresholds. Must not know: D-Bus, processes, models, where vectors come from or are cached.

mod background;
mod gate;
mod head;
mod lexical;
pub mod text;
mod vectors;

use head::Head;
use lexical::{Inverted, Rarity};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use vectors::{Nearest, Rows};

/// How many candidates a ranking names.
pub const CANDIDATES: usize = 5;
/// Intents whose examples are compared one by one, after their centroids.
const SHORTLIST: usize = 24;
/// What likeness by letters adds to likeness by meaning.
const LEXICAL_SHARE: f32 = 0.2;
/// What the head's opinion adds.
const HEAD_SHARE: f32 = 1.5;
/// How much being nearer to a counter-example than to the examples costs.
const COUNTER_SHARE: f32 = 1.0;
/// A background sentence this like an example is some skill's business after all.
const TAKEN_UP: f32 = 0.8;
/// A head needs this many intents, with this many examples each.
const HEAD_INTENTS: usize = 2;
const HEAD_EXAMPLES: usize = 5;

/// An intent that words may lead to. Example texts are plain, without marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoutedIntent {
    /// The skill's id.
    pub skill: String,
    /// The intent's name, CamelCase.
    pub intent: String,
    /// For people; one more example to the router.
    pub title: String,
    /// Prose for a model; not routed by (examples are worth far more).
    pub description: String,
    /// ISO 639-1 code and what somebody says.
    pub examples: Vec<(String, String)>,
    /// ISO 639-1 code and what somebody says who wants something else.
    pub counter_examples: Vec<(String, String)>,
}

/// Unit vectors of texts, by one embedding model.
#[derive(Debug, Clone, Default)]
pub struct Vectors {
    /// ISO 639-1 codes that the model was trained for; empty means all.
    pub languages: Vec<String>,
    /// A vector per text of [`texts_to_embed`]; a text without one is compared by letters only.
    pub by_text: HashMap<String, Vec<f32>>,
}

/// One intent's place in a ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Of the intent, in the order given to [`Router::build`].
    pub index: usize,
    /// About 0 to 1; does not depend on how many intents there are.
    pub score: f32,
}

/// What to do with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// This intent is meant.
    Confident(usize),
    /// A skill is meant, but which intent is open: one of the candidates.
    Ambiguous,
    /// No skill's business.
    Nobody,
}

/// What a request is compared to and how near that is.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The best first, at most [`CANDIDATES`].
    pub candidates: Vec<Scored>,
    /// How probable it is that a skill is meant at all, 0 to 1.
    pub in_scope: f32,
    /// What to do.
    pub outcome: Outcome,
}

/// All texts whose vectors [`Router::build`] wants from a model for those languages, each once.
pub fn texts_to_embed(intents: &[RoutedIntent], languages: &[String]) -> Vec<String> {
    let spoken = |code: &str| languages.is_empty() || languages.iter().any(|l| l == code);
    let background = background::SENTENCES.iter().filter(|(code, _)| spoken(code)).map(|(_, text)| (*text).to_string());
    let mut texts: Vec<String> = background.collect();
    for intent in intents {
        texts.push(name_phrase(intent));
        let said = intent.examples.iter().chain(&intent.counter_examples);
        texts.extend(said.filter(|(code, _)| spoken(code)).map(|(_, text)| text.clone()));
    }
    let mut seen = std::collections::HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    texts
}

/// Compares requests with intents. Cheap to clone; never changes.
#[derive(Debug, Clone)]
pub struct Router {
    base: Arc<Base>,
    head: Option<Arc<Head>>,
}

#[derive(Debug)]
struct Base {
    intents: usize,
    languages: Vec<String>,
    dense: Dense,
    lexical: Lexical,
}

/// Everything by meaning. Ranges are the intents' rows.
#[derive(Debug, Default)]
struct Dense {
    centroids: Rows,
    examples: Rows,
    of_intent: Vec<Range<usize>>,
    counters: Rows,
    counters_of: Vec<Range<usize>>,
    background: Rows,
}

/// Everything by letters and words.
#[derive(Debug)]
struct Lexical {
    rarity: Rarity,
    centroids: Inverted,
    examples: Inverted,
    of_intent: Vec<Range<usize>>,
    counters: Inverted,
    counters_of: Vec<Range<usize>>,
    background: Inverted,
}

impl Router {
    /// Prepares everything but the head. Without vectors the router goes by letters.
    pub fn build(intents: &[RoutedIntent], vectors: &Vectors) -> Self {
        let base = Base {
            intents: intents.len(),
            languages: vectors.languages.clone(),
            dense: Dense::new(intents, vectors),
            lexical: Lexical::new(intents),
        };
        Self { base: Arc::new(base), head: None }
    }

    /// The same router with a linear head; takes up to seconds for hundreds of intents. Without enough examples the
    /// router stays as it is.
    pub fn with_head(&self) -> Self {
        Self { base: self.base.clone(), head: self.base.dense.train().map(Arc::new) }
    }

    /// Whether an embedding of this text would help: it is in a language of the embedding model.
    pub fn wants_vector(&self, text: &str) -> bool {
        let languages = &self.base.languages;
        let dense = self.base.dense.examples.len() > 0;
        dense && (languages.is_empty() || languages.iter().any(|l| l == text::language(text).unwrap_or("en")))
    }

    /// Ranks the intents for a request. A vector of the wrong length, or one for a text that the embedding model does
    /// not understand, is not used.
    pub fn rank(&self, text: &str, vector: Option<&[f32]>) -> Ranking {
        if self.base.intents == 0 || text.trim().is_empty() {
            return Ranking { candidates: Vec::new(), in_scope: 0.0, outcome: Outcome::Nobody };
        }
        let usable = |v: &&[f32]| v.len() == self.base.dense.examples.dim() && self.wants_vector(text);
        let compared = match vector.filter(usable) {
            Some(vector) => self.by_meaning(text, vector),
            None => self.by_letters(text),
        };
        compared.into_ranking()
    }

    fn by_meaning(&self, text: &str, vector: &[f32]) -> Compared {
        let (dense, lexical) = (&self.base.dense, &self.base.lexical);
        let query = lexical.rarity.vector(text);
        let letters = lexical.centroids.cosines(&query);
        let centroids = dense.centroids.dots(vector);
        let head = self.head.as_ref().map(|head| head.scores(vector));
        let head = |n: usize| head.as_ref().map_or(0.0, |scores| scores[n]);
        let coarse = |n: usize| centroids[n] + LEXICAL_SHARE * letters[n] + HEAD_SHARE * head(n);
        let one = |index: usize| {
            let nearest = dense.examples.nearest(dense.of_intent[index].clone(), vector);
            let counter = dense.counters.nearest(dense.counters_of[index].clone(), vector).largest();
            let likeness = centroids[index] + nearest.mean();
            let crossed = COUNTER_SHARE * (counter - nearest.largest()).max(0.0);
            Likeness {
                index,
                score: (likeness + LEXICAL_SHARE * letters[index] + HEAD_SHARE * head(index) - crossed) / 2.2,
                centroid: centroids[index],
                nearest: nearest.largest(),
                mean: nearest.mean(),
                letters: letters[index],
                crossed,
            }
        };
        let best = best_first(shortlist(self.base.intents, coarse).into_iter().map(one).collect());
        let mut background = Nearest::default();
        dense.background.dots(vector).into_iter().for_each(|d| background.add(d));
        Compared { best, background, by: gate::Evidence::Meaning }
    }

    fn by_letters(&self, text: &str) -> Compared {
        let lexical = &self.base.lexical;
        let query = lexical.rarity.vector(text);
        let centroids = lexical.centroids.cosines(&query);
        let examples = lexical.examples.cosines(&query);
        let counters = lexical.counters.cosines(&query);
        let one = |index: usize| {
            let mut nearest = Nearest::default();
            examples[lexical.of_intent[index].clone()].iter().for_each(|c| nearest.add(*c));
            let counter = counters[lexical.counters_of[index].clone()].iter().copied().fold(0.0, f32::max);
            let crossed = COUNTER_SHARE * (counter - nearest.largest()).max(0.0);
            Likeness {
                index,
                score: (centroids[index] + nearest.mean() + nearest.largest() - crossed) / 3.0,
                centroid: centroids[index],
                nearest: nearest.largest(),
                mean: nearest.mean(),
                letters: centroids[index],
                crossed,
            }
        };
        let best = best_first((0..self.base.intents).map(one).collect());
        let mut background = Nearest::default();
        lexical.background.cosines(&query).into_iter().for_each(|c| background.add(c));
        Compared { best, background, by: gate::Evidence::Letters }
    }
}

/// How one intent compares with the request.
#[derive(Debug, Clone, Copy)]
struct Likeness {
    index: usize,
    score: f32,
    centroid: f32,
    nearest: f32,
    mean: f32,
    letters: f32,
    crossed: f32,
}

/// The best intents and how near the background is.
struct Compared {
    best: Vec<Likeness>,
    background: Nearest,
    by: gate::Evidence,
}

impl Compared {
    fn into_ranking(self) -> Ranking {
        let in_scope = gate::in_scope(&self);
        let scored = |l: &Likeness| Scored { index: l.index, score: l.score.clamp(0.0, 1.0) };
        let candidates: Vec<Scored> = self.best.iter().take(CANDIDATES).map(scored).collect();
        let outcome = gate::outcome(&self, in_scope);
        Ranking { candidates, in_scope, outcome }
    }
}

fn shortlist(intents: usize, coarse: impl Fn(usize) -> f32) -> Vec<usize> {
    let mut all: Vec<(f32, usize)> = (0..intents).map(|n| (coarse(n), n)).collect();
    if all.len() > SHORTLIST {
        all.select_nth_unstable_by(SHORTLIST, |a, b| b.0.total_cmp(&a.0));
        all.truncate(SHORTLIST);
    }
    all.into_iter().map(|(_, n)| n).collect()
}

fn best_first(mut all: Vec<Likeness>) -> Vec<Likeness> {
    all.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    all
}

/// "SetTimer" and "Set a timer" as one phrase: the title, or the name cut into words.
fn name_phrase(intent: &RoutedIntent) -> String {
    if !intent.title.trim().is_empty() {
        return intent.title.trim().to_string();
    }
    let mut phrase = String::new();
    for c in intent.intent.chars() {
        if c.is_uppercase() && !phrase.is_empty() || c == '_' {
            phrase.push(' ');
        }
        if c != '_' {
            phrase.extend(c.to_lowercase());
        }
    }
    phrase
}

impl Dense {
    fn new(intents: &[RoutedIntent], vectors: &Vectors) -> Self {
        let dim = vectors.by_text.values().map(Vec::len).next().unwrap_or(0);
        let vector = |text: &str| vectors.by_text.get(text).filter(|v| dim > 0 && v.len() == dim);
        let spoken = |code: &str| vectors.languages.is_empty() || vectors.languages.iter().any(|l| l == code);
        let [mut centroids, mut examples, mut counters, mut background] = [(); 4].map(|()| Rows::new(dim));
        let (mut of_intent, mut counters_of) = (Vec::new(), Vec::new());
        for intent in intents {
            let (from, counters_from) = (examples.len(), counters.len());
            let said = intent.examples.iter().filter(|(code, _)| spoken(code)).filter_map(|(_, text)| vector(text));
            said.chain(vector(&name_phrase(intent))).for_each(|v| examples.push(v));
            let others = intent.counter_examples.iter().filter(|(code, _)| spoken(code));
            others.filter_map(|(_, text)| vector(text)).for_each(|v| counters.push(v));
            of_intent.push(from..examples.len());
            counters_of.push(counters_from..counters.len());
            centroids.push(&examples.sum(from..examples.len()));
        }
        let foreign = |v: &&Vec<f32>| examples.dots(v).into_iter().all(|likeness| likeness < TAKEN_UP);
        let sentences = background::SENTENCES.iter().filter_map(|(_, text)| vector(text));
        sentences.filter(foreign).for_each(|v| background.push(v));
        Self { centroids, examples, of_intent, counters, counters_of, background }
    }

    fn train(&self) -> Option<Head> {
        let enough = self.of_intent.iter().filter(|rows| rows.len() >= HEAD_EXAMPLES).count() >= HEAD_INTENTS;
        if !enough {
            return None;
        }
        let labels = self.of_intent.iter().enumerate().flat_map(|(label, rows)| rows.clone().map(move |_| label));
        Head::train(&self.examples, &labels.collect::<Vec<_>>(), &self.centroids)
    }
}

impl Lexical {
    fn new(intents: &[RoutedIntent]) -> Self {
        let mut rarity = Rarity::default();
        let phrases: Vec<String> = intents.iter().map(name_phrase).collect();
        intents.iter().flat_map(|i| &i.examples).for_each(|(_, text)| rarity.add(text));
        background::SENTENCES.iter().for_each(|(_, text)| rarity.add(text));
        let (mut examples, mut centroids, mut counters) = (Vec::new(), Vec::new(), Vec::new());
        let (mut of_intent, mut counters_of) = (Vec::new(), Vec::new());
        for (intent, phrase) in intents.iter().zip(&phrases) {
            let (from, counters_from) = (examples.len(), counters.len());
            let said = intent.examples.iter().map(|(_, text)| text).chain([phrase]);
            examples.extend(said.map(|text| rarity.vector(text)));
            counters.extend(intent.counter_examples.iter().map(|(_, text)| rarity.vector(text)));
            of_intent.push(from..examples.len());
            counters_of.push(counters_from..counters.len());
            centroids.push(lexical::centroid(&examples[from..].iter().collect::<Vec<_>>()));
        }
        let examples = Inverted::new(examples.iter());
        let sentences = background::SENTENCES.iter().map(|(_, text)| rarity.vector(text));
        let foreign = |v: &lexical::Sparse| examples.cosines(v).into_iter().all(|likeness| likeness < TAKEN_UP);
        let background: Vec<_> = sentences.filter(foreign).collect();
        Self {
            rarity,
            centroids: Inverted::new(centroids.iter()),
            examples,
            of_intent,
            counters: Inverted::new(counters.iter()),
            counters_of,
            background: Inverted::new(background.iter()),
        }
    }
}

#[cfg(test)]
mod tests;
