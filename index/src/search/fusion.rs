//! Turns two kinds of scores into one ranking. Pure: no stores, no models.
//!
//! Convex combination of min-max normalised scores. A passage without an embedding gets an imputed
//! one, which follows its words; without that, passages that happen to be embedded already would
//! push better ones down, and a half-filled vector store would be worse than none.

use crate::lexical::Facts;
use crate::types::{ChunkId, Parts};

/// Share of the meaning in the fused score.
const ALPHA: f32 = 0.5;
/// The imputed similarity of a passage that has no embedding, as a share of its word score: none yet, or none ever, because
/// the embedder does not know its language. The latter is seldom in the query's language, in which the embedder is asked,
/// and then shares little more than names with it: taken for as similar as its words say, translations of other texts
/// come before what is asked for.
const IMPUTED: f32 = 0.8;

/// What is known about a passage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub id: ChunkId,
    /// Its BM25 score, if it is among the best by words.
    pub bm25: Option<f32>,
    /// Its similarity to the query, if it has an embedding.
    pub cosine: Option<f32>,
    pub facts: Facts,
}

/// A passage with its place in the ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ranked {
    pub id: ChunkId,
    /// The sum of `parts`, 0 to 1 as it comes from here.
    pub score: f32,
    pub parts: Parts,
    pub facts: Facts,
    pub lexical_rank: Option<u32>,
    pub vector_rank: Option<u32>,
    pub bm25: Option<f32>,
    pub cosine: Option<f32>,
    pub imputed: bool,
}

/// Ranks by words alone.
pub(super) fn by_words(candidates: &[Candidate]) -> Vec<Ranked> {
    let best = candidates.iter().filter_map(|c| c.bm25).fold(0.0, f32::max).max(f32::MIN_POSITIVE);
    finish(candidates, |c| Some((c.bm25? / best, 0.0, c.cosine, false)))
}

/// Ranks by meaning alone.
pub(super) fn by_meaning(candidates: &[Candidate]) -> Vec<Ranked> {
    finish(candidates, |c| c.cosine.map(|cosine| (0.0, cosine.clamp(0.0, 1.0), Some(cosine), false)))
}

/// Ranks by both.
pub(super) fn fuse(candidates: &[Candidate]) -> Vec<Ranked> {
    let words = Scale::of(candidates.iter().map(|c| c.bm25.unwrap_or(0.0)));
    let meaning = Scale::of(candidates.iter().filter_map(|c| c.cosine));
    finish(candidates, |c| {
        let by_words = words.place(c.bm25.unwrap_or(0.0));
        Some(match c.cosine {
            Some(cosine) => ((1.0 - ALPHA) * by_words, ALPHA * meaning.place(cosine), Some(cosine), false),
            None => {
                let similar = IMPUTED * by_words;
                ((1.0 - ALPHA) * by_words, ALPHA * similar, Some(meaning.value(similar)), true)
            }
        })
    })
}

/// The range of a score among the candidates.
pub(super) struct Scale {
    least: f32,
    width: f32,
}

impl Scale {
    pub(super) fn of(values: impl Iterator<Item = f32>) -> Scale {
        let (least, most) = values.fold((f32::MAX, f32::MIN), |(lo, hi), v| (lo.min(v), hi.max(v)));
        if most < least { Scale { least: 0.0, width: 0.0 } } else { Scale { least, width: most - least } }
    }

    /// Where a value lies in the range, 0 to 1; all are best when all are equal.
    pub(super) fn place(&self, value: f32) -> f32 {
        if self.width > 0.0 { ((value - self.least) / self.width).clamp(0.0, 1.0) } else { 1.0 }
    }

    fn value(&self, place: f32) -> f32 {
        self.least + place * self.width
    }
}

/// `score` gives what the words add, what the meaning adds, the similarity, and whether that is imputed.
fn finish(
    candidates: &[Candidate],
    score: impl Fn(&Candidate) -> Option<(f32, f32, Option<f32>, bool)>,
) -> Vec<Ranked> {
    let lexical = ranks(candidates, |c| c.bm25);
    let vector = ranks(candidates, |c| c.cosine);
    let mut out: Vec<Ranked> = Vec::with_capacity(candidates.len());
    for (i, candidate) in candidates.iter().enumerate() {
        let Some((words, meaning, cosine, imputed)) = score(candidate) else { continue };
        let parts = Parts { words, meaning, ..Parts::default() };
        out.push(Ranked {
            id: candidate.id,
            score: parts.sum(),
            parts,
            facts: candidate.facts,
            lexical_rank: lexical[i],
            vector_rank: vector[i],
            bm25: candidate.bm25,
            cosine,
            imputed,
        });
    }
    sort(&mut out);
    out
}

/// Best first. Of equals the better one by words, where there is one.
pub(super) fn sort(list: &mut [Ranked]) {
    list.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.lexical_rank.cmp(&b.lexical_rank)).then(a.id.cmp(&b.id)));
}

/// 1-based ranks of those that have the value.
fn ranks(candidates: &[Candidate], value: impl Fn(&Candidate) -> Option<f32>) -> Vec<Option<u32>> {
    let mut order: Vec<usize> = (0..candidates.len()).filter(|&i| value(&candidates[i]).is_some()).collect();
    order.sort_by(|&a, &b| {
        value(&candidates[b]).partial_cmp(&value(&candidates[a])).unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut out = vec![None; candidates.len()];
    for (rank, i) in (1u32..).zip(order) {
        out[i] = Some(rank);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: ChunkId, bm25: f32, cosine: Option<f32>) -> Candidate {
        let facts = Facts { lang: crate::analysis::Language::ENGLISH, date: 0, is_aside: false };
        Candidate { id, bm25: (bm25 > 0.0).then_some(bm25), cosine, facts }
    }

    fn order(ranked: &[Ranked]) -> Vec<ChunkId> {
        ranked.iter().map(|r| r.id).collect()
    }

    /// A spread of word scores with meanings that disagree with them.
    fn mixed(embedded: impl Fn(u64) -> bool) -> Vec<Candidate> {
        (0..40).map(|i| candidate(i, 40.0 - i as f32, embedded(i).then(|| ((i * 17 % 40) as f32) / 50.0))).collect()
    }

    #[test]
    fn without_any_embedding_the_ranking_is_that_of_the_words() {
        let candidates = mixed(|_| false);
        assert_eq!(order(&fuse(&candidates)), order(&by_words(&candidates)));
        assert!(fuse(&candidates).iter().all(|r| r.imputed && (0.0..=1.0).contains(&r.score)));
    }

    #[test]
    fn unembedded_passages_keep_the_order_of_their_words_at_any_coverage() {
        for modulus in 2..9 {
            let fused = fuse(&mixed(|i| i % modulus == 0));
            let imputed: Vec<ChunkId> = fused.iter().filter(|r| r.imputed).map(|r| r.id).collect();
            assert!(imputed.is_sorted(), "{modulus}: {imputed:?}");
        }
    }

    #[test]
    fn imputed_scores_rise_with_the_words_and_stay_below_the_best_measured() {
        let mut last = -1.0;
        for bm25 in [1.0, 5.0, 20.0, 39.0] {
            let mut candidates = mixed(|i| i > 0);
            candidates[0] = candidate(99, bm25, None);
            let score = fuse(&candidates).iter().find(|r| r.id == 99).map_or(0.0, |r| r.score);
            assert!(score > last, "{bm25}");
            last = score;
        }
        assert!(last < 0.95);
    }

    #[test]
    fn the_best_by_words_stays_among_the_best_where_the_embedder_knows_nothing_of_it() {
        // As a text in another language beside embedded ones.
        let fused = fuse(&mixed(|i| i != 0));
        let at = fused.iter().position(|r| r.id == 0);
        assert!(at.is_some_and(|at| at < 3), "{at:?}");
        assert_eq!(at.map(|at| fused[at].score), Some(0.9));
    }

    #[test]
    fn meaning_and_words_count_alike() {
        let fused = fuse(&[candidate(1, 10.0, Some(0.1)), candidate(2, 0.0, Some(0.9)), candidate(3, 6.0, Some(0.7))]);
        assert_eq!(order(&fused)[0], 3);
        assert_eq!((fused[1].score, fused[2].score), (0.5, 0.5));
        assert_eq!((fused[0].lexical_rank, fused[0].vector_rank), (Some(2), Some(2)));
        let two = fused.iter().find(|r| r.id == 2).map(|r| (r.lexical_rank, r.vector_rank, r.bm25));
        assert_eq!(two, Some((None, Some(1), None)));
    }

    #[test]
    fn one_or_no_candidate_is_no_trouble() {
        assert!(fuse(&[]).is_empty() && by_words(&[]).is_empty() && by_meaning(&[]).is_empty());
        assert_eq!(fuse(&[candidate(1, 3.0, None)])[0].score, 0.9);
        assert_eq!(fuse(&[candidate(1, 3.0, Some(0.4))])[0].score, 1.0);
    }
}
