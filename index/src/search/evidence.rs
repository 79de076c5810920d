//! Gathers what both stores know about a query, and has the query embedded.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

use super::fusion::{self, Candidate, Ranked};
use super::{MOST_TERMS, Stores, covers};
use crate::analysis::{self, Language, QueryTerm};
use crate::chunk;
use crate::lexical::{Filter, Match};
use crate::snippet::WeighedTerm;
use crate::types::{ChunkId, EmbedderInfo, IndexError, Mode};
use crate::vectors::Vectors;

/// Candidates by words, and as many by meaning.
pub(crate) const CANDIDATES: usize = 100;
/// Passages listed for a query without words, and looked through for a phrase.
const MOST_LISTED: usize = 500;
/// Of the best by words, those without an embedding get one while the user waits.
const EMBEDDED_NOW: usize = 10;
/// How much a word counts that was probably meant, beside one that was written.
const MEANT: f32 = 0.7;
/// What no word speaks for has to be at least this similar.
const LEAST_SIMILAR: f32 = 0.15;

/// Passages ranked for a query, with what was learned on the way.
pub(crate) struct Ranking {
    pub list: Vec<Ranked>,
    pub mode: Mode,
    pub language: Language,
    /// The query's words with their weights.
    pub words: Vec<WeighedTerm>,
    /// The query's embedding and what made it; `None` when words alone decided.
    pub question: Option<(EmbedderInfo, Vec<f32>)>,
}

/// Ranks passages for a query, the best `count` by words among them, or lists the newest ones where there are no words.
pub(crate) fn rank(
    stores: &Stores<'_>,
    text: &str,
    filter: &Filter,
    mode: Mode,
    count: usize,
) -> Result<Ranking, IndexError> {
    let present = stores.lexical.languages();
    let language = analysis::detect_query(text, &present);
    let mut terms = analysis::query_terms(text, language, &present);
    terms.truncate(MOST_TERMS);
    understand(stores, &mut terms)?;
    let words = weigh(stores, &terms)?;
    if text.is_empty() {
        let list = fusion::by_words(&words_only(&stores.lexical.newest(filter, MOST_LISTED)?));
        return Ok(Ranking { list, mode: Mode::Lexical, language, words, question: None });
    }
    // Words that stand side by side are only seen in the passages themselves, so more are looked at.
    let count = if filter.phrases.is_empty() { count } else { MOST_LISTED };
    let matches = if mode == Mode::Vector { Vec::new() } else { stores.lexical.top(&terms, filter, count)? };
    let question = match mode {
        Mode::Lexical => None,
        _ => embed(stores, text, language, &matches, mode == Mode::Vector)?,
    };
    let Some(asked) = question else {
        let list = fusion::by_words(&words_only(&matches));
        return Ok(Ranking { list, mode: Mode::Lexical, language, words, question: None });
    };
    let candidates = candidates(stores, filter, &matches, &asked)?;
    let list = if mode == Mode::Vector { fusion::by_meaning(&candidates) } else { fusion::fuse(&candidates) };
    Ok(Ranking { list, mode, language, words, question: Some((asked.info, asked.vector)) })
}

/// The query's embedding, with the similarities of the passages that were embedded along with it.
struct Asked {
    info: EmbedderInfo,
    vector: Vec<f32>,
    now: HashMap<ChunkId, f32>,
}

/// A word that no file has is taken for the one that was probably meant, which counts less.
fn understand(stores: &Stores<'_>, terms: &mut [QueryTerm]) -> Result<(), IndexError> {
    for term in terms {
        if let Some(meant) = stores.lexical.meant(&term.variants)? {
            term.variants.push(meant);
            term.weight *= MEANT;
        }
    }
    Ok(())
}

fn weigh(stores: &Stores<'_>, terms: &[QueryTerm]) -> Result<Vec<WeighedTerm>, IndexError> {
    let weigh = |term: &QueryTerm| {
        let idf = stores.lexical.idf(&term.variants)?;
        Ok(WeighedTerm { variants: term.variants.clone(), weight: idf * term.weight })
    };
    terms.iter().map(weigh).collect()
}

fn words_only(matches: &[Match]) -> Vec<Candidate> {
    let candidate = |m: &Match| Candidate { id: m.id, bm25: Some(m.score), cosine: None, facts: m.facts };
    matches.iter().map(candidate).collect()
}

/// Embeds the query and the best passages by words that have no embedding yet. `None`: words have
/// to do, because there is no embedder, it does not know the language, or it failed.
fn embed(
    stores: &Stores<'_>,
    text: &str,
    language: Language,
    matches: &[Match],
    required: bool,
) -> Result<Option<Asked>, IndexError> {
    let Some(info) = stores.info() else {
        return missing(required, "no embedding model is loaded: load one or search by words");
    };
    if !covers(&info, language.code()) {
        return missing(required, "the embedding model does not know the query's language: search by words");
    }
    let promising = promising(stores, &info, matches)?;
    let mut texts = vec![text.to_owned()];
    texts.extend(promising.iter().map(|(_, window)| window.clone()));
    let mut vectors = match stores.embedder.embed_as(&info.id, &texts) {
        Ok(vectors) if vectors.len() == texts.len() && vectors.iter().all(|v| v.len() == info.dim) => vectors,
        Ok(_) => return missing(required, "the embedding model gave vectors of the wrong number or length"),
        Err(error) => return missing(required, &error),
    };
    let fresh: Vec<(ChunkId, Vec<f32>)> = promising.into_iter().map(|(id, _)| id).zip(vectors.drain(1..)).collect();
    let Some(vector) = vectors.pop().and_then(unit) else {
        return missing(required, "the embedding model gave an empty vector");
    };
    let mut now: HashMap<ChunkId, f32> = HashMap::new();
    for (id, window) in &fresh {
        let similar = cosine(&vector, window);
        now.entry(*id).and_modify(|best| *best = best.max(similar)).or_insert(similar);
    }
    keep(stores, &info, fresh);
    Ok(Some(Asked { info, vector, now }))
}

fn missing(required: bool, reason: &str) -> Result<Option<Asked>, IndexError> {
    if required {
        return Err(IndexError::Embedder(reason.to_owned()));
    }
    tracing::debug!(reason, "search by words only");
    Ok(None)
}

/// Windows of the best passages by words that have no embedding yet but could have.
fn promising(
    stores: &Stores<'_>,
    info: &EmbedderInfo,
    matches: &[Match],
) -> Result<Vec<(ChunkId, String)>, IndexError> {
    let guard = stores.vectors.read().unwrap_or_else(PoisonError::into_inner);
    let store = usable(guard.as_ref(), info);
    let wanted = matches.iter().take(EMBEDDED_NOW).filter(|m| covers(info, m.facts.lang.code()));
    let ids: Vec<ChunkId> = wanted.map(|m| m.id).filter(|&id| !store.is_some_and(|s| s.contains(id))).collect();
    drop(guard);
    let mut out = Vec::new();
    for passage in stores.lexical.passages(&ids)? {
        out.extend(chunk::windows(&passage.chunk.text).into_iter().map(|w| (passage.id, w.to_owned())));
    }
    Ok(out)
}

/// Stores what was embedded for a query, so that it is done once. Failing to is not the search's
/// failure: the background embeds it again.
fn keep(stores: &Stores<'_>, info: &EmbedderInfo, fresh: Vec<(ChunkId, Vec<f32>)>) {
    if fresh.is_empty() {
        return;
    }
    let ids: Vec<ChunkId> = fresh.iter().map(|f| f.0).collect();
    let mut guard = stores.vectors.write().unwrap_or_else(PoisonError::into_inner);
    let Some(store) = guard.as_mut().filter(|s| s.embedder() == info.id) else { return };
    // Whoever removes passages drops their vectors afterwards, under this lock: asked under it,
    // what is still there will be dropped when it goes.
    let stored = stores.lexical.facts_of(&ids).and_then(|alive| {
        let alive: Vec<_> = fresh.into_iter().filter(|(id, _)| alive.contains_key(id)).collect();
        store.append(&alive)
    });
    if let Err(error) = stored {
        tracing::warn!(%error, "embeddings made for a query could not be stored");
    }
}

fn usable<'a>(vectors: Option<&'a Vectors>, info: &EmbedderInfo) -> Option<&'a Vectors> {
    vectors.filter(|v| v.embedder() == info.id)
}

fn candidates(
    stores: &Stores<'_>,
    filter: &Filter,
    matches: &[Match],
    asked: &Asked,
) -> Result<Vec<Candidate>, IndexError> {
    let allowed = stores.lexical.matching(filter)?;
    let guard = stores.vectors.read().unwrap_or_else(PoisonError::into_inner);
    let store = usable(guard.as_ref(), &asked.info);
    let measure = |id: ChunkId| asked.now.get(&id).copied().or_else(|| store?.score(&asked.vector, id));
    let mut out: Vec<Candidate> = Vec::with_capacity(2 * CANDIDATES);
    for m in matches {
        let cosine = if covers(&asked.info, m.facts.lang.code()) { measure(m.id) } else { None };
        out.push(Candidate { id: m.id, bm25: Some(m.score), cosine, facts: m.facts });
    }
    let known: HashSet<ChunkId> = matches.iter().map(|m| m.id).collect();
    let near = store.map_or_else(Vec::new, |s| match &allowed {
        Some(ids) => s.top_where(&asked.vector, CANDIDATES, |id| ids.contains(&id)),
        None => s.top(&asked.vector, CANDIDATES),
    });
    drop(guard);
    let new: Vec<ChunkId> = near.iter().map(|n| n.0).filter(|id| !known.contains(id)).collect();
    // Asking for the facts also drops vectors of passages that are gone.
    let facts = stores.lexical.facts_of(&new)?;
    for (id, cosine) in near {
        let Some(&facts) = facts.get(&id).filter(|facts| covers(&asked.info, facts.lang.code())) else { continue };
        if cosine >= LEAST_SIMILAR {
            out.push(Candidate { id, bm25: None, cosine: Some(cosine), facts });
        }
    }
    Ok(out)
}

/// Cosine of a unit vector with any vector.
pub(crate) fn cosine(unit: &[f32], other: &[f32]) -> f32 {
    let norm = other.iter().map(|x| x * x).sum::<f32>().sqrt();
    let dot: f32 = unit.iter().zip(other).map(|(a, b)| a * b).sum();
    if norm > 0.0 && norm.is_finite() { dot / norm } else { 0.0 }
}

/// The vector at unit length, unless it has none.
fn unit(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm == 0.0 || !norm.is_finite() {
        return None;
    }
    vector.iter_mut().for_each(|x| *x /= norm);
    Some(vector)
}
