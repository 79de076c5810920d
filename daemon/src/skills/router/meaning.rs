//! Likeness of a request to the intents by meaning, with what a linear head has learned of them; and the learning of it.
//!
//! Owns: embeddings by intent, and from where on a request is in scope. Must not know: languages, D-Bus, models.

use super::head::{Both, Head};
use super::lexical::Sparse;
use super::vectors::{Nearest, Rows};
use super::wording::wording;
use super::{
    COUNTER_SHARE, Compared, Likeness, RoutedIntent, TAKEN_UP, Vectors, background, best_first, gate, name_phrase,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Intents whose examples are compared one by one, after their centroids.
const SHORTLIST: usize = 24;
/// Without a head, what likeness by letters adds to likeness by meaning.
const LEXICAL_SHARE: f32 = 0.2;
/// With one, what the nearest examples add to its opinion.
const NEAREST_SHARE: f32 = 0.25;
/// A head needs this many intents, with this many examples each.
const HEAD_INTENTS: usize = 2;
const HEAD_EXAMPLES: usize = 5;
/// Parts that the examples are cut into, to see how well each is known by a head that has not seen it.
const FOLDS: usize = 3;

/// The intents' embeddings. Ranges are the intents' rows.
#[derive(Debug, Default, Clone)]
pub struct Meaning {
    centroids: Rows,
    examples: Rows,
    /// What the examples say.
    texts: Vec<String>,
    of_intent: Vec<Range<usize>>,
    /// The skill of each intent.
    skills: Vec<String>,
    counters: Rows,
    counters_of: Vec<Range<usize>>,
    background: Rows,
}

/// What was learned from the examples.
#[derive(Debug, Serialize, Deserialize)]
pub struct Learned {
    head: Arc<Head>,
    /// The evidence from which a request is in scope, by the best intent; none before they were measured.
    thresholds: Vec<f32>,
}

impl Learned {
    /// Whether the thresholds are measured.
    pub fn is_calibrated(&self) -> bool {
        !self.thresholds.is_empty()
    }

    /// Whether it may have been learned from these embeddings: the sizes are right.
    pub(super) fn fits(&self, meaning: &Meaning) -> bool {
        let intents = meaning.of_intent.len();
        self.thresholds.len() == intents && self.head.fits(intents, meaning.dim())
    }

    fn threshold(&self, intent: Option<&Likeness>) -> f32 {
        intent.and_then(|best| self.thresholds.get(best.index)).copied().unwrap_or(gate::USUAL)
    }
}

impl Meaning {
    /// Takes in what the intents' examples say, as far as there are vectors.
    pub fn new(intents: &[RoutedIntent], vectors: &Vectors) -> Self {
        let dim = vectors.by_text.values().map(Vec::len).next().unwrap_or(0);
        let vector = |text: &str| vectors.by_text.get(text).filter(|v| dim > 0 && v.len() == dim);
        let spoken = |code: &str| vectors.languages.is_empty() || vectors.languages.iter().any(|l| l == code);
        let [centroids, examples, counters, background] = [(); 4].map(|()| Rows::new(dim));
        let mut meaning = Self { centroids, examples, counters, background, ..Self::default() };
        for intent in intents {
            let (from, counters_from) = (meaning.examples.len(), meaning.counters.len());
            let said = intent.examples.iter().filter(|(code, _)| spoken(code)).map(|(_, text)| text.clone());
            for text in said.chain([name_phrase(intent)]) {
                if let Some(vector) = vector(&text) {
                    meaning.examples.push(vector);
                    meaning.texts.push(text);
                }
            }
            let others = intent.counter_examples.iter().filter(|(code, _)| spoken(code));
            others.filter_map(|(_, text)| vector(text)).for_each(|v| meaning.counters.push(v));
            meaning.counters_of.push(counters_from..meaning.counters.len());
            meaning.skills.push(intent.skill.clone());
            meaning.close_intent(from);
        }
        let foreign = |v: &&Vec<f32>| meaning.examples.dots(v).into_iter().all(|likeness| likeness < TAKEN_UP);
        let sentences: Vec<_> = background::sentences().filter_map(|(_, text)| vector(text)).collect();
        let kept: Vec<_> = sentences.into_iter().filter(foreign).collect();
        kept.into_iter().for_each(|v| meaning.background.push(v));
        meaning
    }

    /// The rows from `from` on are all of one intent.
    fn close_intent(&mut self, from: usize) {
        self.of_intent.push(from..self.examples.len());
        self.centroids.push(&self.examples.sum(from..self.examples.len()));
    }

    /// Values of each embedding.
    pub fn dim(&self) -> usize {
        self.examples.dim()
    }

    /// Whether there is anything to compare with.
    pub fn is_empty(&self) -> bool {
        self.examples.len() == 0
    }

    /// Compares a request with all intents. `letters` are its likenesses to the intents by letters, which count where
    /// nothing was learned yet.
    pub fn compare(&self, request: Both<'_>, letters: &[f32], learned: Option<&Learned>) -> Compared {
        let centroids = self.centroids.dots(request.meaning);
        let scores = learned.map(|learned| learned.head.scores(request));
        let coarse = |n: usize| match &scores {
            Some(scores) => scores[n],
            None => centroids[n] + LEXICAL_SHARE * letters[n],
        };
        let one = |index: usize| {
            let nearest = self.examples.nearest(self.of_intent[index].clone(), request.meaning);
            let counter = self.counters.nearest(self.counters_of[index].clone(), request.meaning).largest();
            let crossed = COUNTER_SHARE * (counter - nearest.largest()).max(0.0);
            let head = scores.as_ref().map_or(0.0, |scores| scores[index]);
            let score = match &scores {
                Some(_) => (head + NEAREST_SHARE * nearest.mean() - crossed) / 1.5,
                None => (coarse(index) + nearest.mean() - crossed) / 2.2,
            };
            Likeness {
                index,
                score,
                head,
                centroid: centroids[index],
                nearest: nearest.largest(),
                mean: nearest.mean(),
                letters: letters[index],
                crossed,
            }
        };
        let best = best_first(shortlist(self.of_intent.len(), coarse).into_iter().map(one).collect());
        let mut background = Nearest::default();
        self.background.dots(request.meaning).into_iter().for_each(|d| background.add(d));
        let by = match learned {
            Some(learned) => gate::Evidence::Learned { threshold: learned.threshold(best.first()) },
            None => gate::Evidence::Meaning,
        };
        Compared { best, background, by }
    }

    /// Learns from the examples; takes up to seconds for hundreds of intents. `None` without enough of them.
    pub fn learn(&self) -> Option<Learned> {
        let enough = self.of_intent.iter().filter(|rows| rows.len() >= HEAD_EXAMPLES).count() >= HEAD_INTENTS;
        let head = enough.then(|| self.train(&self.letters())).flatten()?;
        Some(Learned { head: Arc::new(head), thresholds: Vec::new() })
    }

    /// The same with thresholds: by skill, since what one is for lies closer together than what another is for. Takes
    /// some times as long.
    pub fn calibrate(&self, learned: &Learned) -> Learned {
        let letters = self.letters();
        let mut by_skill: HashMap<&str, Vec<f32>> = HashMap::new();
        for fold in 0..FOLDS {
            for (intent, evidence) in self.held_out(&letters, fold) {
                by_skill.entry(&self.skills[intent]).or_default().push(evidence);
            }
        }
        let by_skill: HashMap<&str, f32> =
            by_skill.into_iter().map(|(skill, evidence)| (skill, gate::threshold(evidence))).collect();
        let threshold = |skill: &String| by_skill.get(skill.as_str()).copied().unwrap_or(gate::USUAL);
        Learned { head: learned.head.clone(), thresholds: self.skills.iter().map(threshold).collect() }
    }

    fn letters(&self) -> Vec<Sparse> {
        self.texts.iter().map(|text| wording(text)).collect()
    }

    fn train(&self, letters: &[Sparse]) -> Option<Head> {
        let labels = self.of_intent.iter().enumerate().flat_map(|(label, rows)| rows.clone().map(move |_| label));
        Head::train(&self.examples, letters, &labels.collect::<Vec<_>>(), self.of_intent.len())
    }

    /// The intent of each example of one fold, and the evidence for it, had it not been among the examples.
    fn held_out(&self, letters: &[Sparse], fold: usize) -> Vec<(usize, f32)> {
        let (rest, rest_letters) = self.without(letters, fold);
        let Some(head) = rest.train(&rest_letters) else { return Vec::new() };
        let learned = Learned { head: Arc::new(head), thresholds: Vec::new() };
        let unknown = vec![0.0; self.of_intent.len()];
        let labelled =
            self.of_intent.iter().enumerate().flat_map(|(label, rows)| rows.clone().map(move |n| (label, n)));
        let evidence = |(label, n): (usize, usize)| {
            let request = Both { meaning: self.examples.row(n), letters: &letters[n] };
            Some((label, gate::evidence(&rest.compare(request, &unknown, Some(&learned)))?))
        };
        labelled.filter(|(_, n)| n % FOLDS == fold).filter_map(evidence).collect()
    }

    /// All but the examples of one fold, with their letters.
    fn without(&self, letters: &[Sparse], fold: usize) -> (Self, Vec<Sparse>) {
        let dim = self.dim();
        let mut rest = Self {
            centroids: Rows::new(dim),
            examples: Rows::new(dim),
            of_intent: Vec::new(),
            texts: Vec::new(),
            ..self.clone()
        };
        let mut kept = Vec::new();
        for rows in &self.of_intent {
            let from = rest.examples.len();
            for n in rows.clone().filter(|n| n % FOLDS != fold) {
                rest.examples.push(self.examples.row(n));
                kept.push(letters[n].clone());
            }
            rest.close_intent(from);
        }
        (rest, kept)
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
