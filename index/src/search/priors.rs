//! What speaks for a file whatever is asked: how new it is, and where it lies.
//!
//! Small on purpose: they decide between passages that fit about as well. Must not know words or vectors.

use super::dates::Seconds;
use super::fusion::{self, Ranked};
use std::ops::Range;

/// What the newest document gets; half of it after [`HALF_LIFE`].
const RECENCY: f32 = 0.02;
const HALF_LIFE: f32 = 90.0 * 86_400.0;
/// What a file in a folder that programs fill loses.
const ASIDE: f32 = 0.02;
/// What a document gets that is of the time that the query speaks of.
const DATED: f32 = 0.1;

/// Which of them count.
#[derive(Debug, Clone, Default)]
pub(super) struct Priors {
    pub recency: bool,
    pub places: bool,
    /// The time that the query speaks of.
    pub about: Option<Range<Seconds>>,
}

/// Adds them to the scores and sorts anew.
pub(super) fn add(list: &mut [Ranked], priors: &Priors, now: Seconds) {
    for ranked in list.iter_mut() {
        if priors.recency {
            let age = now.saturating_sub(ranked.facts.date).max(0) as f32;
            ranked.parts.recency = RECENCY * (-age / HALF_LIFE).exp2();
        }
        if priors.places && ranked.facts.is_aside {
            ranked.parts.place = -ASIDE;
        }
        if priors.about.as_ref().is_some_and(|span| span.contains(&ranked.facts.date)) {
            ranked.parts.dated = DATED;
        }
        ranked.score = ranked.parts.sum();
    }
    fusion::sort(list);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Language;
    use crate::lexical::Facts;
    use crate::types::Parts;

    const YEAR: Seconds = 365 * 86_400;
    const NOW: Seconds = 50 * YEAR;

    fn ranked(id: u64, words: f32, date: Seconds, is_aside: bool) -> Ranked {
        let parts = Parts { words, ..Parts::default() };
        let facts = Facts { lang: Language::ENGLISH, date, is_aside };
        let none = (None, None, None, None);
        Ranked {
            id,
            score: words,
            parts,
            facts,
            lexical_rank: none.0,
            vector_rank: none.1,
            bm25: none.2,
            cosine: none.3,
            imputed: false,
        }
    }

    fn order(priors: &Priors, mut list: Vec<Ranked>) -> Vec<u64> {
        add(&mut list, priors, NOW);
        assert!(list.iter().all(|r| (r.score - r.parts.sum()).abs() < 1e-6));
        list.iter().map(|r| r.id).collect()
    }

    #[test]
    fn of_two_that_fit_alike_the_newer_one_and_the_one_in_plain_sight_win() {
        let both = Priors { recency: true, places: true, about: None };
        let list = vec![ranked(1, 0.5, NOW - YEAR, false), ranked(2, 0.5, NOW, false), ranked(3, 0.5, NOW, true)];
        assert_eq!(order(&both, list.clone()), [2, 1, 3]);
        assert_eq!(order(&Priors::default(), list), [1, 2, 3]);
        let better = vec![ranked(1, 0.55, NOW - 9 * YEAR, true), ranked(2, 0.5, NOW, false)];
        assert_eq!(order(&both, better), [1, 2], "a better passage stays first");
    }

    #[test]
    fn a_document_of_the_time_that_is_spoken_of_goes_up() {
        let about = Priors { about: Some(NOW - 2 * YEAR..NOW - YEAR), ..Priors::default() };
        let list = vec![ranked(1, 0.55, NOW, false), ranked(2, 0.5, NOW - YEAR - 1, false)];
        assert_eq!(order(&about, list), [2, 1]);
    }
}
