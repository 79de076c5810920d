//! Hybrid search: words and meaning, fused, one hit per file.
//!
//! I have a query: `search` gives files. Must not know how vectors are made (it is given an
//! [`Embedder`]) or how files get into the stores.

mod evidence;
mod fusion;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::RwLock;
use std::time::{Duration, Instant};

use crate::lexical::{Filter, Lexical, Passage};
use crate::snippet;
use crate::types::{Embedder, EmbedderInfo, Hit, IndexError, Mode, Query};
use crate::vectors::Vectors;

pub(crate) use evidence::{Ranking, cosine, rank};
pub(crate) use fusion::Ranked;

/// Most words of a query that are looked up; who pastes a page is searching by meaning.
pub(crate) const MOST_TERMS: usize = 64;

/// What a search reads. The vectors may be absent or of another embedder than the one at hand:
/// then they are not used.
#[derive(Clone, Copy)]
pub struct Stores<'a> {
    /// Words.
    pub lexical: &'a Lexical,
    /// Embeddings.
    pub vectors: &'a RwLock<Option<Vectors>>,
    /// Makes the query's embedding and those of promising passages that have none yet.
    pub embedder: &'a dyn Embedder,
}

/// The outcome of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The files, best first.
    pub hits: Vec<Hit>,
    /// How long it took.
    pub took: Duration,
    /// The evidence that was used: [`Mode::Lexical`] when there was no embedding of the query.
    pub mode: Mode,
    /// Passages that were ranked; several of one file make one hit.
    pub total: usize,
    /// ISO 639-1 code of the language that the query was taken to be in.
    pub language: &'static str,
}

/// Whether an embedder was trained for a language.
pub fn covers(info: &EmbedderInfo, code: &str) -> bool {
    info.languages.is_empty() || info.languages.iter().any(|l| l == code)
}

/// Searches. Without an embedder, or when it fails, words alone decide; only [`Mode::Vector`]
/// turns that into an error.
pub fn search(stores: &Stores<'_>, query: &Query) -> Result<Found, IndexError> {
    let begun = Instant::now();
    if query.text.trim().is_empty() {
        return Err(IndexError::InvalidArgument("the query is empty: give words or a question".to_owned()));
    }
    let filter = Filter { folder: query.folder.clone(), kind: query.kind.clone(), hidden: query.hidden.clone() };
    let ranking = rank(stores, &query.text, &filter, query.mode)?;
    let mut hits = Vec::with_capacity(query.limit.min(ranking.list.len()));
    let mut seen: HashSet<PathBuf> = HashSet::new();
    // Passages are read in small groups: most often the first few are enough.
    for group in ranking.list.chunks(query.limit.max(1)) {
        if hits.len() >= query.limit {
            break;
        }
        let ids: Vec<_> = group.iter().map(|r| r.id).collect();
        let passages = stores.lexical.passages(&ids)?;
        for passage in passages {
            let Some(ranked) = group.iter().find(|r| r.id == passage.id) else { continue };
            if hits.len() < query.limit && !seen.contains(&passage.path) {
                seen.insert(passage.path.clone());
                hits.push(hit(&ranking, ranked, passage));
            }
        }
    }
    Ok(Found {
        hits,
        took: begun.elapsed(),
        mode: ranking.mode,
        total: ranking.list.len(),
        language: ranking.language.code(),
    })
}

fn hit(ranking: &Ranking, ranked: &Ranked, passage: Passage) -> Hit {
    let shown = snippet::snippet(&passage.chunk.text, passage.lang, &passage.kind, &ranking.words);
    let before = newlines(&passage.chunk.text[..shown.start]);
    Hit {
        path: passage.path,
        title: passage.title,
        kind: passage.kind,
        chunk: passage.id,
        snippet: shown.text,
        line: passage.chunk.line.saturating_add(before),
        end_line: passage.chunk.line.saturating_add(newlines(&passage.chunk.text)),
        page: passage.chunk.page,
        place: passage.chunk.place,
        text: passage.chunk.text,
        score: ranked.score,
        lexical_rank: ranked.lexical_rank,
        vector_rank: ranked.vector_rank,
        bm25: ranked.bm25,
        cosine: ranked.cosine,
        imputed: ranked.imputed,
    }
}

fn newlines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|&b| b == b'\n').count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;
