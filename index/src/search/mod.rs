//! Hybrid search: words and meaning, fused, one hit per file.
//!
//! I have a query: `search` gives files. A query is words or a question, with `"exact words"`, `-word`, `kind:pdf`,
//! `from:ana`, `title:`, `path:`, `after:2026-01`, `before:2026-03-15`; days are UTC. Must not know how vectors are made
//! (it is given an [`Embedder`]) or how files get into the stores.

mod dates;
mod evidence;
mod fusion;
mod likeness;
mod priors;
mod rerank;
mod syntax;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::lexical::{Filter, Lexical, Passage};
use crate::snippet;
use crate::types::{Embedder, EmbedderInfo, Hit, IndexError, Mode, Query};
use crate::vectors::Vectors;
use likeness::Shingles;
use priors::Priors;
use syntax::Asked;

pub(crate) use dates::stated as stated_date;
pub(crate) use evidence::{CANDIDATES, Ranking, cosine, rank};
pub(crate) use fusion::Ranked;

/// Most words of a query that are looked up; who pastes a page is searching by meaning.
pub(crate) const MOST_TERMS: usize = 64;
/// Passages looked at for each hit wanted, where words alone decide: several may be of one file, or say the same.
const FEW: usize = 4;
/// Most files named as saying the same as a hit.
const MOST_DUPLICATES: usize = 20;

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

impl Stores<'_> {
    /// The embedder that questions are asked with: the one whose vectors are searched, as long as it can be asked,
    /// so that searches stay good while another one takes over.
    pub(crate) fn info(&self) -> Option<EmbedderInfo> {
        let searched = self.vectors.read().unwrap_or_else(PoisonError::into_inner);
        let id = searched.as_ref().map(|vectors| vectors.embedder().to_owned());
        drop(searched);
        id.and_then(|id| self.embedder.info_of(&id)).or_else(|| self.embedder.info())
    }
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
    /// Passages that were compared with the query token by token.
    pub reranked: usize,
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
    let now = now();
    let asked = syntax::parse(&query.text, now)?;
    let few = first_look(query, &asked);
    let mut seen = look(stores, query, &asked, now, few)?;
    if seen.hits.len() < query.limit && seen.ranking.list.len() >= few && few < CANDIDATES {
        seen = look(stores, query, &asked, now, CANDIDATES)?;
    }
    let Seen { ranking, hits, reranked } = seen;
    Ok(Found {
        hits,
        took: begun.elapsed(),
        mode: ranking.mode,
        reranked,
        total: ranking.list.len(),
        language: ranking.language.code(),
    })
}

/// How many passages to rank first: a few where words alone decide, since more make the search slower and seldom the
/// hits others. A phrase is looked for in more than [`CANDIDATES`] anyway, and without words nothing is looked for.
fn first_look(query: &Query, asked: &Asked) -> usize {
    let by_words = query.mode == Mode::Lexical && asked.phrases.is_empty() && !asked.text.is_empty();
    if by_words { query.limit.saturating_mul(FEW).min(CANDIDATES) } else { CANDIDATES }
}

/// Passages that were ranked, and the hits among them.
struct Seen {
    ranking: Ranking,
    hits: Vec<Hit>,
    reranked: usize,
}

fn look(stores: &Stores<'_>, query: &Query, asked: &Asked, now: i64, count: usize) -> Result<Seen, IndexError> {
    let mut ranking = rank(stores, &asked.text, &filter(query, asked), query.mode, count)?;
    let reranked = if query.rerank { look_closely(stores, &asked.text, &mut ranking)? } else { 0 };
    if query.mode == Mode::Hybrid {
        let priors = Priors { recency: query.recency, places: query.places, about: asked.about.clone() };
        priors::add(&mut ranking.list, &priors, now);
    }
    let hits = collect(stores, query, asked, &ranking)?;
    Ok(Seen { ranking, hits, reranked })
}

/// Compares the best passages with the query token by token, where there is an embedder for it; says how many.
fn look_closely(stores: &Stores<'_>, text: &str, ranking: &mut Ranking) -> Result<usize, IndexError> {
    let Some((info, _)) = &ranking.question else { return Ok(0) };
    rerank::rerank(stores, info, text, ranking.language, &mut ranking.list)
}

/// Seconds since the epoch.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}

fn filter(query: &Query, asked: &Asked) -> Filter {
    let single = |text: &&String| text.split_whitespace().count() == 1;
    Filter {
        folder: query.folder.clone(),
        kind: query.kind.clone(),
        hidden: query.hidden.clone(),
        kinds: asked.kinds.clone(),
        authors: asked.authors.clone(),
        titles: asked.titles.clone(),
        paths: asked.paths.clone(),
        phrases: asked.phrases.clone(),
        without: asked.without.iter().filter(single).cloned().collect(),
        dated: asked.dated.clone(),
    }
}

/// The best passage of each file, as long as hits are wanted.
fn collect(stores: &Stores<'_>, query: &Query, asked: &Asked, ranking: &Ranking) -> Result<Vec<Hit>, IndexError> {
    let mut hits: Vec<Hit> = Vec::with_capacity(query.limit.min(ranking.list.len()));
    let mut shingles: Vec<Shingles> = Vec::new();
    let mut seen: HashSet<PathBuf> = HashSet::new();
    let wording = Wording::of(asked);
    // Passages are read in small groups: most often the first few are enough.
    for group in ranking.list.chunks(query.limit.max(1)) {
        if hits.len() >= query.limit {
            break;
        }
        let ids: Vec<_> = group.iter().map(|r| r.id).collect();
        let passages = stores.lexical.passages(&ids)?;
        for passage in passages {
            let Some(ranked) = group.iter().find(|r| r.id == passage.id) else { continue };
            if hits.len() >= query.limit || seen.contains(&passage.path) || !wording.fits(&passage) {
                continue;
            }
            seen.insert(passage.path.clone());
            if query.fold {
                let own = Shingles::of(&passage.chunk.text);
                if let Some(at) = shingles.iter().position(|other| other.is_like(&own)) {
                    if hits[at].duplicates.len() < MOST_DUPLICATES {
                        hits[at].duplicates.push(passage.path);
                    }
                    continue;
                }
                shingles.push(own);
            }
            hits.push(hit(ranking, ranked, passage));
        }
    }
    Ok(hits)
}

/// The exact words that have to be in a passage, or must not be: words are indexed without their places.
struct Wording {
    with: Vec<String>,
    without: Vec<String>,
}

impl Wording {
    fn of(asked: &Asked) -> Wording {
        let folded = |texts: &[String]| -> Vec<String> {
            let folded = texts.iter().map(|text| syntax::folded(text));
            folded.filter(|text| !text.trim().is_empty()).collect()
        };
        let phrases: Vec<String> =
            asked.without.iter().filter(|text| text.split_whitespace().count() > 1).cloned().collect();
        Wording { with: folded(&asked.phrases), without: folded(&phrases) }
    }

    fn fits(&self, passage: &Passage) -> bool {
        if self.with.is_empty() && self.without.is_empty() {
            return true;
        }
        let texts = [&passage.chunk.text, &passage.chunk.heading, &passage.title].map(|text| syntax::folded(text));
        let has = |phrase: &String| texts.iter().any(|text| text.contains(phrase.as_str()));
        self.with.iter().all(has) && !self.without.iter().any(has)
    }
}

fn hit(ranking: &Ranking, ranked: &Ranked, passage: Passage) -> Hit {
    let shown = snippet::snippet(&passage.chunk.text, passage.lang, &passage.kind, &ranking.words);
    let before = newlines(&passage.chunk.text[..shown.start]);
    Hit {
        path: passage.path,
        title: passage.title,
        chunk: passage.id,
        highlights: snippet::highlights(&shown.text, passage.lang, &passage.kind, &ranking.words),
        kind: passage.kind,
        snippet: shown.text,
        author: Some(passage.author).filter(|author| !author.is_empty()),
        date: passage.date,
        duplicates: Vec::new(),
        line: passage.chunk.line.saturating_add(before),
        end_line: passage.chunk.line.saturating_add(newlines(&passage.chunk.text)),
        page: passage.chunk.page,
        place: passage.chunk.place,
        text: passage.chunk.text,
        score: ranked.score,
        parts: ranked.parts,
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
