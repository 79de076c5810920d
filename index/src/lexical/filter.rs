//! Which passages a search may return, as clauses of a query.
//!
//! Must not know ranking. Positions of words are not indexed (they would add a third to the index), so a phrase is
//! here only the demand that all its words occur; whoever reads the passages looks whether they stand side by side.

use std::ops::{Bound, Range};
use std::path::PathBuf;

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, Occur, Query, RangeQuery};
use tantivy::schema::Field;

use super::Lexical;
use super::query::{best_of, exact, unscored};
use crate::analysis::{self, Language};

/// Which passages a search may return; the default lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only files at or below this path.
    pub folder: Option<PathBuf>,
    /// Only this kind of document.
    pub kind: Option<String>,
    /// Nothing at or below these paths.
    pub hidden: Vec<PathBuf>,
    /// Only these kinds or file name extensions.
    pub kinds: Vec<String>,
    /// Only documents by authors whose names have all of these words.
    pub authors: Vec<String>,
    /// Only titles with all of these words.
    pub titles: Vec<String>,
    /// Only paths with all of these words.
    pub paths: Vec<String>,
    /// Only passages with the words of all of these phrases, in any order; see the module.
    pub phrases: Vec<String>,
    /// No passage with one of these words.
    pub without: Vec<String>,
    /// Only dates in this span, in seconds since the epoch.
    pub dated: Option<Range<i64>>,
}

type Clauses = Vec<(Occur, Box<dyn Query>)>;

impl Lexical {
    /// A filter as clauses that count nothing towards the score.
    pub(super) fn clauses(&self, filter: &Filter) -> Clauses {
        let f = &self.fields;
        let mut clauses: Clauses = Vec::new();
        let mut must = |query: Box<dyn Query>| clauses.push((Occur::Must, unscored(query)));
        if let Some(folder) = &filter.folder {
            // Components drop a trailing slash, which the terms do not have either.
            let folder: PathBuf = folder.components().collect();
            must(Box::new(exact(f.folder, &folder.to_string_lossy())));
        }
        if let Some(kind) = &filter.kind {
            must(Box::new(exact(f.kind, kind)));
        }
        if !filter.kinds.is_empty() {
            let each = filter.kinds.iter().flat_map(|kind| [exact(f.kind, kind), exact(f.ext, kind)]);
            must(any(each.map(|query| Box::new(query) as Box<dyn Query>)));
        }
        if let Some(span) = &filter.dated {
            let bound = |at: i64| Term::from_field_i64(f.date, at);
            must(Box::new(RangeQuery::new(Bound::Included(bound(span.start)), Bound::Excluded(bound(span.end)))));
        }
        for name in filter.authors.iter().flat_map(|author| analysis::names(author)) {
            must(best_of(f.author, &[name.text]));
        }
        let fielded = [(&filter.titles, f.title), (&filter.paths, f.place)];
        for (text, field) in fielded.iter().flat_map(|(texts, field)| texts.iter().map(move |text| (text, field))) {
            for forms in self.forms(&super::path_words(text)) {
                must(best_of(*field, &forms));
            }
        }
        for phrase in &filter.phrases {
            for forms in self.forms(phrase) {
                must(self.anywhere(&forms));
            }
        }
        for text in &filter.without {
            let words = self.forms(text).into_iter().map(|forms| (Occur::Must, self.anywhere(&forms)));
            let words: Clauses = words.collect();
            if !words.is_empty() {
                clauses.push((Occur::MustNot, Box::new(BooleanQuery::new(words))));
            }
        }
        for hidden in &filter.hidden {
            clauses.push((Occur::MustNot, Box::new(exact(f.folder, &hidden.to_string_lossy()))));
        }
        // Nothing can be taken away from nothing.
        if !clauses.is_empty() && clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
            clauses.push((Occur::Must, unscored(Box::new(AllQuery))));
        }
        clauses
    }

    /// A word in any of its forms, in the passage, its headings or the title.
    fn anywhere(&self, forms: &[String]) -> Box<dyn Query> {
        let f = &self.fields;
        any([f.body, f.heading, f.title].map(|field: Field| best_of(field, forms)))
    }

    /// Each word of a text with its forms in the languages of the index. Stop words of English are left out: what they
    /// stand beside is looked at in the passage itself.
    fn forms(&self, text: &str) -> Vec<Vec<String>> {
        let present = self.languages();
        let language = analysis::detect_query(text, &present);
        let language = if present.contains(&language) { language } else { Language::ENGLISH };
        let words = analysis::tokens(text, language);
        words.into_iter().map(|word| self.forms_of(&text[word.range.clone()], word.text, &present)).collect()
    }

    fn forms_of(&self, written: &str, own: String, present: &[Language]) -> Vec<String> {
        let mut forms = vec![own];
        for &language in present {
            for token in analysis::tokens(written, language) {
                if !forms.contains(&token.text) {
                    forms.push(token.text);
                }
            }
        }
        forms
    }
}

fn any(queries: impl IntoIterator<Item = Box<dyn Query>>) -> Box<dyn Query> {
    Box::new(BooleanQuery::new(queries.into_iter().map(|query| (Occur::Should, query)).collect()))
}
