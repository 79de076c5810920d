//! Likeness of a request to the intents by letters and words: all there is for languages that the embedding model does not
//! know. Knows intents' texts, no vectors.

use super::lexical::{self, Inverted, Rarity, Sparse};
use super::vectors::Nearest;
use super::{COUNTER_SHARE, Compared, Likeness, RoutedIntent, TAKEN_UP, background, best_first, gate, name_phrase};
use std::ops::Range;

/// The intents' texts by letters. Ranges are the intents' rows.
#[derive(Debug)]
pub struct Letters {
    /// How rare a feature is.
    pub rarity: Rarity,
    /// One row for each intent.
    pub centroids: Inverted,
    examples: Inverted,
    of_intent: Vec<Range<usize>>,
    counters: Inverted,
    counters_of: Vec<Range<usize>>,
    background: Inverted,
}

impl Letters {
    /// Takes in what the intents' examples say.
    pub fn new(intents: &[RoutedIntent]) -> Self {
        let mut rarity = Rarity::default();
        let phrases: Vec<String> = intents.iter().map(name_phrase).collect();
        intents.iter().flat_map(|i| &i.examples).for_each(|(_, text)| rarity.add(text));
        background::sentences().for_each(|(_, text)| rarity.add(text));
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
        let sentences = background::sentences().map(|(_, text)| rarity.vector(text));
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

    /// Compares a request, given as [`Rarity::vector`], with all intents.
    pub fn compare(&self, query: &Sparse) -> Compared {
        let centroids = self.centroids.cosines(query);
        let examples = self.examples.cosines(query);
        let counters = self.counters.cosines(query);
        let one = |index: usize| {
            let mut nearest = Nearest::default();
            examples[self.of_intent[index].clone()].iter().for_each(|c| nearest.add(*c));
            let counter = counters[self.counters_of[index].clone()].iter().copied().fold(0.0, f32::max);
            let crossed = COUNTER_SHARE * (counter - nearest.largest()).max(0.0);
            Likeness {
                index,
                score: (centroids[index] + nearest.mean() + nearest.largest() - crossed) / 3.0,
                head: 0.0,
                centroid: centroids[index],
                nearest: nearest.largest(),
                mean: nearest.mean(),
                letters: centroids[index],
                crossed,
            }
        };
        let best = best_first((0..self.of_intent.len()).map(one).collect());
        let mut background = Nearest::default();
        self.background.cosines(query).into_iter().for_each(|c| background.add(c));
        Compared { best, background, by: gate::Evidence::Letters }
    }
}
