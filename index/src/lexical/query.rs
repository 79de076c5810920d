//! The reading side of the lexical store.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use tantivy::collector::{DocSetCollector, TopDocs};
use tantivy::columnar::{Column, StrColumn};
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, Occur, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption, Value};
use tantivy::{DocAddress, DocSet, Searcher, TERMINATED, TantivyDocument, Term};

use super::schema::Fields;
use super::{Facts, Filter, Lexical, Match, Passage};
use crate::analysis::{Language, QueryTerm};
use crate::types::{Chunk, ChunkId, IndexError};

/// What a word counts outside of the passage itself.
const HEADING_BOOST: f32 = 0.2;
const TITLE_BOOST: f32 = 0.2;
const PLACE_BOOST: f32 = 0.1;

impl Lexical {
    /// The best `limit` passages by BM25, best first; of equal ones the one that was indexed first.
    pub fn top(&self, terms: &[QueryTerm], filter: &Filter, limit: usize) -> Result<Vec<Match>, IndexError> {
        if terms.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let query = self.query(terms, filter);
        let searcher = self.reader.searcher();
        let run = || -> tantivy::Result<Vec<Match>> {
            let found = searcher.search(&query, &TopDocs::with_limit(limit).order_by_score())?;
            let columns = Columns::of(&searcher)?;
            let known = |(score, at)| columns.get(at).map(|(id, facts)| Match { id, score, facts });
            let mut matches: Vec<Match> = found.into_iter().filter_map(known).collect();
            // Which segment a passage is in is chance.
            matches.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
            Ok(matches)
        };
        run().map_err(|e| self.failed(&e))
    }

    /// The ids of all passages that a filter lets through; `None` if it lets all through.
    pub fn matching(&self, filter: &Filter) -> Result<Option<HashSet<ChunkId>>, IndexError> {
        let clauses = self.clauses(filter);
        if clauses.is_empty() {
            return Ok(None);
        }
        let searcher = self.reader.searcher();
        let run = || -> tantivy::Result<HashSet<ChunkId>> {
            let found = searcher.search(&BooleanQuery::new(clauses), &DocSetCollector)?;
            let columns = Columns::of(&searcher)?;
            Ok(found.into_iter().filter_map(|at| columns.get(at).map(|(id, _)| id)).collect())
        };
        run().map(Some).map_err(|e| self.failed(&e))
    }

    /// A passage by its id; `None` if it is gone.
    pub fn passage(&self, id: ChunkId) -> Result<Option<Passage>, IndexError> {
        Ok(self.passages(&[id])?.pop())
    }

    /// The passages of these ids that still exist, in the order asked for.
    pub fn passages(&self, ids: &[ChunkId]) -> Result<Vec<Passage>, IndexError> {
        let searcher = self.reader.searcher();
        let run = || -> tantivy::Result<Vec<Passage>> {
            let columns = Columns::of(&searcher)?;
            let mut out = Vec::with_capacity(ids.len());
            for &id in ids {
                let at = address(&searcher, self.fields.id, id)?;
                if let Some((at, (id, facts))) = at.and_then(|at| Some((at, columns.get(at)?))) {
                    out.push(read(&searcher.doc(at)?, id, facts, &self.fields));
                }
            }
            Ok(out)
        };
        run().map_err(|e| self.failed(&e))
    }

    /// What the columns say of passages, for those that still exist.
    pub fn facts_of(&self, ids: &[ChunkId]) -> Result<HashMap<ChunkId, Facts>, IndexError> {
        let searcher = self.reader.searcher();
        let run = || -> tantivy::Result<HashMap<ChunkId, Facts>> {
            let columns = Columns::of(&searcher)?;
            let mut out = HashMap::with_capacity(ids.len());
            for &id in ids {
                if let Some((id, facts)) = address(&searcher, self.fields.id, id)?.and_then(|at| columns.get(at)) {
                    out.insert(id, facts);
                }
            }
            Ok(out)
        };
        run().map_err(|e| self.failed(&e))
    }

    /// The newest `limit` passages that a filter lets through, newest first.
    pub fn newest(&self, filter: &Filter, limit: usize) -> Result<Vec<Match>, IndexError> {
        let ids = self.matching(filter)?;
        let searcher = self.reader.searcher();
        let run = || -> tantivy::Result<Vec<Match>> {
            let columns = Columns::of(&searcher)?;
            let found = searcher.search(&AllQuery, &DocSetCollector)?;
            let facts = found.into_iter().filter_map(|at| columns.get(at));
            let mut out: Vec<(ChunkId, Facts)> =
                facts.filter(|(id, _)| ids.as_ref().is_none_or(|ids| ids.contains(id))).collect();
            out.sort_unstable_by_key(|(id, facts)| (std::cmp::Reverse(facts.date), *id));
            out.truncate(limit);
            Ok(out.into_iter().map(|(id, facts)| Match { id, score: 0.0, facts }).collect())
        };
        run().map_err(|e| self.failed(&e))
    }

    /// The ids of a file's passages.
    pub fn passages_of(&self, path: &std::path::Path) -> Result<Vec<ChunkId>, IndexError> {
        let query = exact(self.fields.path, super::utf8(path)?);
        let searcher = self.reader.searcher();
        let run = || -> tantivy::Result<Vec<ChunkId>> {
            let found = searcher.search(&query, &DocSetCollector)?;
            let columns = Columns::of(&searcher)?;
            Ok(found.into_iter().filter_map(|at| columns.get(at).map(|(id, _)| id)).collect())
        };
        let mut ids = run().map_err(|e| self.failed(&e))?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// How many passages there are.
    pub fn len(&self) -> u64 {
        self.reader.searcher().num_docs()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The highest id in use.
    pub fn highest_id(&self) -> Result<Option<ChunkId>, IndexError> {
        let mut highest = None;
        for segment in self.reader.searcher().segment_readers() {
            let column = segment.fast_fields().u64("id").map_err(|e| self.failed(&e))?;
            if segment.max_doc() > 0 {
                highest = highest.max(Some(column.max_value()));
            }
        }
        Ok(highest)
    }

    /// How much a word tells, from the share of passages that have it in any of its forms.
    pub fn idf(&self, variants: &[String]) -> Result<f32, IndexError> {
        let searcher = self.reader.searcher();
        let all: u64 = searcher.segment_readers().iter().map(|s| u64::from(s.max_doc())).sum();
        let mut frequency = 0;
        for variant in variants {
            let term = Term::from_field_text(self.fields.body, variant);
            frequency = frequency.max(searcher.doc_freq(&term).map_err(|e| self.failed(&e))?);
        }
        let (all, frequency) = (all as f32, frequency as f32);
        Ok((1.0 + (all - frequency + 0.5) / (frequency + 0.5)).ln())
    }

    fn query(&self, terms: &[QueryTerm], filter: &Filter) -> BooleanQuery {
        let f = &self.fields;
        let fields = [(f.body, 1.0), (f.heading, HEADING_BOOST), (f.title, TITLE_BOOST), (f.place, PLACE_BOOST)];
        let mut words: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for term in terms {
            for (field, boost) in fields {
                words.push((Occur::Should, boosted(best_of(field, &term.variants), boost * term.weight)));
            }
        }
        let mut clauses = self.clauses(filter);
        if clauses.is_empty() {
            return BooleanQuery::new(words);
        }
        clauses.push((Occur::Must, Box::new(BooleanQuery::new(words))));
        BooleanQuery::new(clauses)
    }
}

pub(super) fn exact(field: Field, text: &str) -> TermQuery {
    TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic)
}

pub(super) fn unscored(query: Box<dyn Query>) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(query, 0.0))
}

pub(super) fn best_of(field: Field, variants: &[String]) -> Box<dyn Query> {
    let mut each: Vec<Box<dyn Query>> = Vec::with_capacity(variants.len());
    for variant in variants {
        let term = Term::from_field_text(field, variant);
        each.push(Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)));
    }
    match each.pop() {
        Some(only) if each.is_empty() => only,
        last => {
            each.extend(last);
            Box::new(DisjunctionMaxQuery::new(each))
        }
    }
}

fn boosted(query: Box<dyn Query>, boost: f32) -> Box<dyn Query> {
    if boost == 1.0 { query } else { Box::new(BoostQuery::new(query, boost)) }
}

/// The columns of every segment.
struct Columns(Vec<SegmentColumns>);

struct SegmentColumns {
    ids: Column<u64>,
    dates: Column<i64>,
    asides: Column<u64>,
    langs: Option<StrColumn>,
    /// The languages by their number in `langs`.
    names: Vec<Option<Language>>,
}

impl Columns {
    fn of(searcher: &Searcher) -> tantivy::Result<Columns> {
        let mut columns = Vec::new();
        for segment in searcher.segment_readers() {
            let fast = segment.fast_fields();
            let langs = fast.str("lang")?;
            let mut names = Vec::new();
            if let Some(langs) = &langs {
                for ord in 0..langs.num_terms() as u64 {
                    let mut code = String::new();
                    langs.ord_to_str(ord, &mut code)?;
                    names.push(Language::from_code(&code));
                }
            }
            let (ids, dates, asides) = (fast.u64("id")?, fast.i64("date")?, fast.u64("aside")?);
            columns.push(SegmentColumns { ids, dates, asides, langs, names });
        }
        Ok(Columns(columns))
    }

    fn get(&self, at: DocAddress) -> Option<(ChunkId, Facts)> {
        let segment = self.0.get(at.segment_ord as usize)?;
        let ord = segment.langs.as_ref().and_then(|l| l.ords().first(at.doc_id));
        let lang = ord.and_then(|o| segment.names.get(usize::try_from(o).ok()?).copied().flatten());
        let facts = Facts {
            lang: lang.unwrap_or(Language::ENGLISH),
            date: segment.dates.first(at.doc_id).unwrap_or_default(),
            is_aside: segment.asides.first(at.doc_id) == Some(1),
        };
        Some((segment.ids.first(at.doc_id)?, facts))
    }
}

fn address(searcher: &Searcher, field: Field, id: ChunkId) -> tantivy::Result<Option<DocAddress>> {
    let term = Term::from_field_u64(field, id);
    for (segment_ord, segment) in (0u32..).zip(searcher.segment_readers()) {
        let Some(mut postings) = segment.inverted_index(field)?.read_postings(&term, IndexRecordOption::Basic)? else {
            continue;
        };
        let mut doc_id = postings.doc();
        while doc_id != TERMINATED {
            if !segment.is_deleted(doc_id) {
                return Ok(Some(DocAddress { segment_ord, doc_id }));
            }
            doc_id = postings.advance();
        }
    }
    Ok(None)
}

fn read(doc: &TantivyDocument, id: ChunkId, facts: Facts, f: &Fields) -> Passage {
    let text = |field| doc.get_first(field).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let number = |field| doc.get_first(field).and_then(|v| v.as_u64()).unwrap_or_default();
    let small = |field| u32::try_from(number(field)).unwrap_or(u32::MAX);
    let page = small(f.page);
    let path = PathBuf::from(text(f.path));
    let title = doc.get_first(f.title_text).and_then(|v| v.as_str()).unwrap_or(super::file_name(&path)).to_owned();
    Passage {
        id,
        path,
        title,
        kind: text(f.kind),
        lang: facts.lang,
        author: text(f.author_text),
        mtime: doc.get_first(f.mtime).and_then(|v| v.as_i64()).unwrap_or_default(),
        date: facts.date,
        chunk: Chunk {
            text: text(f.text),
            line: small(f.line),
            page: (page > 0).then_some(page),
            place: Some(text(f.spot)).filter(|place| !place.is_empty()),
            heading: text(f.heading_text),
        },
    }
}

/// The languages that occur, most frequent first.
pub(super) fn languages(searcher: &Searcher, fields: &Fields) -> tantivy::Result<Vec<Language>> {
    let mut counts: HashMap<Language, u64> = HashMap::new();
    for segment in searcher.segment_readers() {
        let inverted = segment.inverted_index(fields.lang)?;
        let mut terms = inverted.terms().stream()?;
        while terms.advance() {
            let language = std::str::from_utf8(terms.key()).ok().and_then(Language::from_code);
            if let Some(language) = language {
                *counts.entry(language).or_default() += u64::from(terms.value().doc_freq);
            }
        }
    }
    let mut found: Vec<(Language, u64)> = counts.into_iter().collect();
    found.sort_by_key(|&(language, n)| (std::cmp::Reverse(n), language.code()));
    Ok(found.into_iter().map(|(language, _)| language).collect())
}
