//! Late interaction: the best passages compared with the query token by token.
//!
//! Owns: which passages, how their scores are put together, and when it takes too long. Must not know how token
//! vectors are made or kept.

use super::fusion::{self, Ranked};
use super::{Stores, covers};
use crate::analysis::{self, Language};
use crate::chunk;
use crate::types::{ChunkId, EmbedderInfo, IndexError};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// So many of the best are compared.
const RERANKED: usize = 20;
/// So many at once; after each lot the clock is looked at.
const LOT: usize = 5;
/// What is not compared by then keeps its place: somebody waits.
const PATIENCE: Duration = Duration::from_millis(1_000);
/// Share of the comparison in the score of a passage that was compared.
const BETA: f32 = 0.5;

/// Reranks the head of a list; says how many passages were compared. An embedder that can't do it is no failure
/// of the search: the list stays as it was.
pub(super) fn rerank(
    stores: &Stores<'_>,
    info: &EmbedderInfo,
    query: &str,
    language: Language,
    list: &mut [Ranked],
) -> Result<usize, IndexError> {
    let begun = Instant::now();
    let head = &list[..list.len().min(RERANKED)];
    // What the embedder can't read keeps its words' score, and is measured by nothing else.
    let ids: Vec<ChunkId> = head.iter().filter(|r| covers(info, r.facts.lang.code())).map(|ranked| ranked.id).collect();
    let passages = stores.lexical.passages(&ids)?;
    let words = analysis::content(query, language);
    let mut similar: HashMap<ChunkId, f32> = HashMap::new();
    for lot in passages.chunks(LOT) {
        if begun.elapsed() > PATIENCE {
            break;
        }
        let windows: Vec<(ChunkId, String)> =
            lot.iter().flat_map(|p| chunk::windows(&p.chunk.text).into_iter().map(|w| (p.id, w.to_owned()))).collect();
        let (owners, texts): (Vec<ChunkId>, Vec<String>) = windows.into_iter().unzip();
        match stores.embedder.compare(query, &words, &texts) {
            Ok(scores) if scores.len() == texts.len() && scores.iter().all(|score| score.is_finite()) => {
                for (id, score) in owners.into_iter().zip(scores) {
                    similar.entry(id).and_modify(|best| *best = best.max(score)).or_insert(score);
                }
            }
            Ok(_) => {
                tracing::warn!("the embedding model gave scores of the wrong number");
                break;
            }
            Err(error) => {
                tracing::debug!(error, "not reranked any further");
                break;
            }
        }
    }
    mix(list, &similar, |ranked| covers(info, ranked.facts.lang.code()));
    Ok(similar.len())
}

/// Puts the similarities into the scores: by their place between the least and the most of them. What could have been
/// compared and was not counts as the least, so that it stays behind what was better before; what could not be keeps
/// its score.
fn mix(list: &mut [Ranked], similar: &HashMap<ChunkId, f32>, is_comparable: impl Fn(&Ranked) -> bool) {
    if similar.len() < 2 {
        return;
    }
    let scale = fusion::Scale::of(similar.values().copied());
    for ranked in list.iter_mut() {
        if !is_comparable(ranked) {
            continue;
        }
        ranked.parts.words *= 1.0 - BETA;
        ranked.parts.meaning *= 1.0 - BETA;
        ranked.parts.tokens = similar.get(&ranked.id).map(|&value| BETA * scale.place(value));
        ranked.score = ranked.parts.sum();
    }
    fusion::sort(list);
}
