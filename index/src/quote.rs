//! Answers a question with sentences that stand in the user's files.
//!
//! I have a question: `sentences_for` gives the sentences most likely to answer it. Must not know
//! how sure an answer has to be: whoever asks decides by `cosine` and `overlap` whether the best
//! sentence is good enough.

mod expected;

use expected::Expected;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::analysis::{self, Language};
use crate::lexical::{Filter, Passage};
use crate::search::{self, Ranking, Stores, covers};
use crate::sentences;
use crate::snippet::{self, WeighedTerm};
use crate::types::{EmbedderInfo, IndexError, Mode, ScoredSentence};

/// The best passages whose sentences are looked at.
const PASSAGES: usize = 8;
/// Most sentences embedded for one question.
const MOST_SENTENCES: usize = 60;
/// Sentences whose embeddings are remembered.
const REMEMBERED: usize = 512;

/// What counts how much: similarity to the question, the passage, the question's words, and
/// whether the sentence holds the kind of thing that is asked for.
const BY_MEANING: f32 = 1.0;
const BY_PASSAGE: f32 = 1.0;
const BY_WORDS: f32 = 1.0;
const BY_KIND: f32 = 0.2;
/// Stands for the similarity of a sentence in a language that the embedder does not know, as a
/// share of its overlap.
const IMPUTED: f32 = 0.5;

/// Finds sentences; remembers the embeddings of those seen lately.
#[derive(Default)]
pub struct Quoter {
    seen: Mutex<Seen>,
}

/// Where to look for an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only files at or below this path.
    pub folder: Option<PathBuf>,
    /// Only this kind of document.
    pub kind: Option<String>,
    /// Nothing at or below these paths.
    pub hidden: Vec<PathBuf>,
}

struct Candidate {
    passage: usize,
    text: String,
    line: u32,
    overlap: f32,
}

impl Quoter {
    /// The `limit` sentences that answer the question best, best first. Without an embedder, or in
    /// a language that it does not know, words decide.
    pub fn sentences_for(
        &self,
        stores: &Stores<'_>,
        question: &str,
        scope: &Scope,
        limit: usize,
    ) -> Result<Vec<ScoredSentence>, IndexError> {
        if question.trim().is_empty() {
            return Err(IndexError::InvalidArgument("the question is empty: ask something".to_owned()));
        }
        let (folder, kind, hidden) = (scope.folder.clone(), scope.kind.clone(), scope.hidden.clone());
        let filter = Filter { folder, kind, hidden, ..Filter::default() };
        let ranking = search::rank(stores, question, &filter, Mode::Hybrid, search::CANDIDATES)?;
        let best = &ranking.list[..ranking.list.len().min(PASSAGES)];
        let ids: Vec<_> = best.iter().map(|r| r.id).collect();
        let passages = stores.lexical.passages(&ids)?;
        let score = |p: &Passage| best.iter().find(|r| r.id == p.id).map_or(0.0, |r| r.score);
        let scores: Vec<f32> = passages.iter().map(score).collect();
        let candidates = gather(&passages, &scores, &ranking.words);
        let covered = |p: &Passage| overlap(&p.chunk.text, p.lang, &p.kind, &ranking.words).unwrap_or(0.0);
        let coverages: Vec<f32> = passages.iter().map(covered).collect();
        let similar = self.similarities(stores, &ranking, &passages, &candidates);
        let expected = Expected::of(question);
        let mut out: Vec<ScoredSentence> = candidates
            .into_iter()
            .zip(similar)
            .map(|(candidate, cosine)| {
                let coverage = coverages[candidate.passage];
                let fits = expected.as_ref().is_some_and(|expected| expected.in_sentence(&candidate.text));
                let mut sentence =
                    scored(&passages[candidate.passage], scores[candidate.passage], coverage, candidate, cosine);
                sentence.score += if fits { BY_KIND } else { 0.0 };
                sentence
            })
            .collect();
        out.sort_by(|a, b| b.score.total_cmp(&a.score));
        out.truncate(limit);
        Ok(out)
    }

    /// Each candidate's similarity to the question, where there can be one.
    fn similarities(
        &self,
        stores: &Stores<'_>,
        ranking: &Ranking,
        passages: &[Passage],
        candidates: &[Candidate],
    ) -> Vec<Option<f32>> {
        let Some((info, question)) = &ranking.question else { return vec![None; candidates.len()] };
        let known = |c: &&Candidate| covers(info, passages[c.passage].lang.code());
        let texts: Vec<&str> = candidates.iter().filter(known).map(|c| c.text.as_str()).collect();
        let vectors = self.embedded(stores, info, &texts);
        let measure = |c: &Candidate| {
            let vector = vectors.get(&c.text)?;
            known(&c).then(|| search::cosine(question, vector))
        };
        candidates.iter().map(measure).collect()
    }

    /// Embeddings of sentences, most of which have to be made. Without them words decide.
    fn embedded(&self, stores: &Stores<'_>, info: &EmbedderInfo, texts: &[&str]) -> HashMap<String, Vec<f32>> {
        let (mut have, want) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).split(&info.id, texts);
        if want.is_empty() {
            return have;
        }
        match stores.embedder.embed_as(&info.id, &want) {
            Ok(made) if made.len() == want.len() && made.iter().all(|v| v.len() == info.dim) => {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                for (text, vector) in want.into_iter().zip(made) {
                    seen.insert(&info.id, &text, &vector);
                    have.insert(text, vector);
                }
            }
            Ok(_) => tracing::warn!("the embedding model gave vectors of the wrong number or length"),
            Err(error) => tracing::debug!(error, "sentences are chosen by words only"),
        }
        have
    }
}

/// The sentences of the passages; the most promising if there are too many.
fn gather(passages: &[Passage], scores: &[f32], terms: &[WeighedTerm]) -> Vec<Candidate> {
    let mut out = Vec::new();
    let mut texts: HashSet<String> = HashSet::new();
    for (passage, found) in passages.iter().enumerate() {
        let text = &found.chunk.text;
        for range in sentences::split(text) {
            let sentence = snippet::folded(&text[range.clone()]);
            let Some(overlap) = overlap(&sentence, found.lang, &found.kind, terms) else { continue };
            // Copies of a file would otherwise fill the answer.
            if !texts.insert(sentence.clone()) {
                continue;
            }
            let above = text[..range.start].bytes().filter(|&b| b == b'\n').count();
            let line = found.chunk.line.saturating_add(u32::try_from(above).unwrap_or(0));
            out.push(Candidate { passage, text: sentence, line, overlap });
        }
    }
    if out.len() > MOST_SENTENCES {
        let promise = |c: &Candidate| scores[c.passage] + c.overlap;
        out.sort_by(|a, b| promise(b).total_cmp(&promise(a)));
        out.truncate(MOST_SENTENCES);
    }
    out
}

/// Share of the question's weight that a sentence contains; `None` for one without any word.
fn overlap(sentence: &str, language: Language, kind: &str, terms: &[WeighedTerm]) -> Option<f32> {
    let tokens = analysis::tokens_of_kind(sentence, language, kind);
    if tokens.is_empty() {
        return None;
    }
    let found = snippet::found_in(&tokens, terms);
    Some(snippet::share(found.into_iter().map(|f| f.1), terms))
}

fn scored(
    passage: &Passage,
    passage_score: f32,
    coverage: f32,
    candidate: Candidate,
    cosine: Option<f32>,
) -> ScoredSentence {
    let similar = cosine.unwrap_or(IMPUTED * candidate.overlap);
    ScoredSentence {
        path: passage.path.clone(),
        uri: None,
        title: passage.title.clone(),
        text: candidate.text,
        line: candidate.line,
        page: passage.chunk.page,
        place: passage.chunk.place.clone(),
        chunk: passage.id,
        passage_score,
        cosine,
        overlap: candidate.overlap,
        coverage,
        score: BY_MEANING * similar + BY_PASSAGE * passage_score + BY_WORDS * candidate.overlap,
    }
}

/// The embeddings of the sentences seen last, of one embedder.
#[derive(Default)]
struct Seen {
    embedder: String,
    clock: u64,
    vectors: HashMap<String, (u64, Vec<f32>)>,
}

impl Seen {
    /// What is remembered of `texts`, and what is not.
    fn split(&mut self, embedder: &str, texts: &[&str]) -> (HashMap<String, Vec<f32>>, Vec<String>) {
        self.of(embedder);
        self.clock += 1;
        let (mut have, mut want) = (HashMap::new(), Vec::new());
        for text in texts {
            match self.vectors.get_mut(*text) {
                Some((used, vector)) => {
                    *used = self.clock;
                    have.insert((*text).to_owned(), vector.clone());
                }
                None => want.push((*text).to_owned()),
            }
        }
        (have, want)
    }

    fn insert(&mut self, embedder: &str, text: &str, vector: &[f32]) {
        self.of(embedder);
        if self.vectors.len() >= REMEMBERED {
            // Rarely needed, so the longest unused is searched for instead of kept track of.
            let oldest = self.vectors.iter().min_by_key(|(_, (used, _))| *used).map(|(text, _)| text.clone());
            oldest.and_then(|text| self.vectors.remove(&text));
        }
        self.vectors.insert(text.to_owned(), (self.clock, vector.to_owned()));
    }

    fn of(&mut self, embedder: &str) {
        if self.embedder != embedder {
            self.vectors.clear();
            embedder.clone_into(&mut self.embedder);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
