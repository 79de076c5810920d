//! The lexical store: every passage of every file with its words, on tantivy.
//!
//! I have words: `top` gives the passages by BM25. I have a passage's id: `passage` gives its text
//! and place. One thread writes (`add`, `remove`, `commit`), any number read. Must not know
//! embeddings, file state or what makes a file worth indexing.

mod filter;
mod place;
mod query;
mod ready;
mod schema;
mod spelling;
mod store;
pub(crate) mod upkeep;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, UserOperation};
use tantivy::schema::Field;
use tantivy::{Index, IndexReader, IndexWriter, TantivyDocument, Term};

use crate::analysis::{self, Language};
use crate::types::{Chunk, ChunkId, IndexError};
pub use filter::Filter;
use schema::Fields;

/// Memory of each of the writer's threads; it is freed by [`Lexical::release_writer`].
const WRITER_BYTES: usize = 20_000_000;
/// At the end of a batch there is nothing to do but to write it out.
const WRITER_THREADS: usize = 2;
/// Passages handed to the writer at once: by themselves, each would wake one of its threads.
const TOGETHER: usize = 64;
/// The kind of what is no code, whatever the document is.
const TEXT: &str = "text";
/// A segment with a larger share of removed passages is written anew.
const MOST_DEAD: f32 = 0.3;

/// A file as it goes into the store.
#[derive(Debug, Clone, Copy)]
pub struct IndexedDocument<'a> {
    /// Absolute path; has to be UTF-8.
    pub path: &'a Path,
    /// Its title, or the file name.
    pub title: &'a str,
    /// Kind of document; see [`crate::types::Document::kind`].
    pub kind: &'a str,
    /// Language of its text.
    pub lang: Language,
    /// Who wrote or sent it; empty when nobody is stated.
    pub author: &'a str,
    /// Seconds since the epoch when it was last changed.
    pub mtime: i64,
    /// The date that it states, in seconds since the epoch.
    pub date: Option<i64>,
    /// Its passages.
    pub chunks: &'a [(ChunkId, Chunk)],
}

/// A passage with its place, as the store gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Its id.
    pub id: ChunkId,
    /// Absolute path of its file.
    pub path: PathBuf,
    /// The file's title or name.
    pub title: String,
    /// The file's kind.
    pub kind: String,
    /// The file's language.
    pub lang: Language,
    /// Who wrote or sent it; empty when nobody is stated.
    pub author: String,
    /// Seconds since the epoch when the file was last changed.
    pub mtime: i64,
    /// Seconds since the epoch: the date that the document states, else `mtime`.
    pub date: i64,
    /// Text, place and headings.
    pub chunk: Chunk,
}

/// A passage found by its words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// The passage.
    pub id: ChunkId,
    /// Its BM25 score.
    pub score: f32,
    /// What its columns say.
    pub facts: Facts,
}

/// What is known of a passage without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Its language.
    pub lang: Language,
    /// See [`Passage::date`].
    pub date: i64,
    /// It lies where people seldom look.
    pub is_aside: bool,
}

/// tantivy's writer, and passages that it has not been given yet.
struct Writer {
    writer: IndexWriter,
    waiting: Vec<UserOperation<TantivyDocument>>,
}

impl Writer {
    fn add(&mut self, passage: TantivyDocument) -> tantivy::Result<()> {
        self.waiting.push(UserOperation::Add(passage));
        if self.waiting.len() < TOGETHER { Ok(()) } else { self.hand_over() }
    }

    fn hand_over(&mut self) -> tantivy::Result<()> {
        self.writer.run(self.waiting.drain(..)).map(drop)
    }

    /// Removes the passages with a term, of those added before.
    fn remove(&mut self, term: Term) -> tantivy::Result<()> {
        self.hand_over()?;
        self.writer.delete_term(term);
        Ok(())
    }

    fn commit(&mut self, payload: &str) -> tantivy::Result<()> {
        self.hand_over()?;
        let mut prepared = self.writer.prepare_commit()?;
        prepared.set_payload(payload);
        prepared.commit().map(drop)
    }
}

/// The store.
pub struct Lexical {
    dir: PathBuf,
    index: Index,
    reader: IndexReader,
    fields: Fields,
    writer: Mutex<Option<Writer>>,
    languages: RwLock<Arc<Vec<Language>>>,
    fresh: bool,
}

impl Lexical {
    /// Opens the store in `dir`, which is created if need be. A store of another schema version is
    /// emptied, a broken one is moved aside to `dir` with `.broken` added; see
    /// [`Lexical::opened_fresh`].
    pub fn open(dir: &Path) -> Result<Lexical, IndexError> {
        let (index, fresh) = store::open(dir)?;
        Lexical::over(dir, index, fresh)
    }

    fn over(dir: &Path, index: Index, fresh: bool) -> Result<Lexical, IndexError> {
        ready::register(&index);
        let reader = store::reader(&index).map_err(|e| storage(dir, &e))?;
        let fields = Fields::of(&index.schema());
        let lexical = Lexical {
            dir: dir.to_owned(),
            index,
            reader,
            fields,
            writer: Mutex::new(None),
            languages: RwLock::new(Arc::new(Vec::new())),
            fresh,
        };
        lexical.note_languages()?;
        Ok(lexical)
    }

    /// The store holds nothing of what was indexed before: all files have to be indexed (again).
    pub fn opened_fresh(&self) -> bool {
        self.fresh
    }

    /// What the last [`Lexical::commit`] was given; 0 before the first.
    pub fn generation(&self) -> Result<u64, IndexError> {
        let payload = self.index.load_metas().map_err(|e| self.failed(&e))?.payload;
        Ok(payload.and_then(|p| p.parse().ok()).unwrap_or(0))
    }

    /// Adds a file's passages; they are found after the next commit. What the file had before has
    /// to be removed first.
    pub fn add(&self, document: &IndexedDocument<'_>) -> Result<(), IndexError> {
        let path = utf8(document.path)?;
        // An item's path is made of names that no user knows.
        let place = if crate::items::is_item(document.path) { String::new() } else { path_words(path) };
        let f = &self.fields;
        // What is the same in each passage.
        let mut common = TantivyDocument::new();
        common.add_text(f.path, path);
        for folder in document.path.ancestors().filter_map(Path::to_str) {
            common.add_text(f.folder, folder);
        }
        common.add_text(f.kind, document.kind);
        common.add_text(f.lang, document.lang.code());
        if document.title != file_name(document.path) {
            common.add_text(f.title_text, document.title);
        }
        common.add_i64(f.mtime, document.mtime);
        common.add_text(f.ext, place::extension(document.path));
        common.add_i64(f.date, document.date.unwrap_or(document.mtime));
        common.add_u64(f.aside, u64::from(place::is_aside(document.path)));
        if !document.author.is_empty() {
            common.add_text(f.author_text, document.author);
            add_words(&mut common, f.author, &words(document.author, Language::NAMES, TEXT));
        }
        add_words(&mut common, f.title, &words(document.title, document.lang, TEXT));
        add_words(&mut common, f.place, &words(&place, document.lang, TEXT));
        let mut guard = self.writer()?;
        let writer = self.opened(&mut guard)?;
        for (id, chunk) in document.chunks {
            let mut doc = common.clone();
            doc.add_u64(f.id, *id);
            doc.add_text(f.text, &chunk.text);
            doc.add_u64(f.line, u64::from(chunk.line));
            if !chunk.heading.is_empty() {
                doc.add_text(f.heading_text, &chunk.heading);
            }
            if let Some(page) = chunk.page {
                doc.add_u64(f.page, u64::from(page));
            }
            if let Some(place) = &chunk.place {
                doc.add_text(f.spot, place);
            }
            add_words(&mut doc, f.body, &words(&chunk.text, document.lang, document.kind));
            add_words(&mut doc, f.heading, &words(&chunk.heading, document.lang, TEXT));
            writer.add(doc).map_err(|e| self.failed(&e))?;
        }
        Ok(())
    }

    /// Removes a file's passages with the next commit.
    pub fn remove(&self, path: &Path) -> Result<(), IndexError> {
        self.delete(Term::from_field_text(self.fields.path, utf8(path)?))
    }

    /// Removes everything at or below a folder with the next commit.
    pub fn remove_under(&self, folder: &Path) -> Result<(), IndexError> {
        self.delete(Term::from_field_text(self.fields.folder, utf8(folder)?))
    }

    fn delete(&self, term: Term) -> Result<(), IndexError> {
        let mut guard = self.writer()?;
        self.opened(&mut guard)?.remove(term).map_err(|e| self.failed(&e))
    }

    /// Makes what was added and removed durable and visible, and remembers `generation` with it.
    pub fn commit(&self, generation: u64) -> Result<(), IndexError> {
        let mut guard = self.writer()?;
        let writer = self.opened(&mut guard)?;
        writer.commit(&generation.to_string()).and_then(|()| self.reader.reload()).map_err(|e| self.failed(&e))?;
        drop(guard);
        self.note_languages()
    }

    /// Ends the writer's threads and frees its memory; the next change starts it again. What was
    /// not committed is lost.
    pub fn release_writer(&self) -> Result<(), IndexError> {
        let Some(writer) = self.writer()?.take() else { return Ok(()) };
        writer.writer.wait_merging_threads().map_err(|e| self.failed(&e))?;
        // Merged segments are only let go by a reader that knows their successors.
        self.reader.reload().map_err(|e| self.failed(&e))
    }

    /// The languages of the passages, most frequent first.
    pub fn languages(&self) -> Arc<Vec<Language>> {
        Arc::clone(&self.languages.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_languages(&self) -> Result<(), IndexError> {
        let found = query::languages(&self.reader.searcher(), &self.fields).map_err(|e| self.failed(&e))?;
        *self.languages.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(found);
        Ok(())
    }

    fn writer(&self) -> Result<MutexGuard<'_, Option<Writer>>, IndexError> {
        self.writer.lock().map_err(|_| self.storage_error("its writer stopped in the middle of a change"))
    }

    fn opened<'a>(&self, slot: &'a mut Option<Writer>) -> Result<&'a mut Writer, IndexError> {
        if slot.is_none() {
            let options = IndexWriterOptions::builder()
                .memory_budget_per_thread(WRITER_BYTES)
                .num_worker_threads(WRITER_THREADS)
                .num_merge_threads(1)
                .build();
            let writer: IndexWriter = self.index.writer_with_options(options).map_err(|e| self.failed(&e))?;
            // Files that are written again and again would otherwise leave their old passages for good.
            let mut policy = LogMergePolicy::default();
            policy.set_del_docs_ratio_before_merge(MOST_DEAD);
            writer.set_merge_policy(Box::new(policy));
            *slot = Some(Writer { writer, waiting: Vec::new() });
        }
        slot.as_mut().ok_or_else(|| self.storage_error("its writer could not be started"))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> IndexError {
        storage(&self.dir, error)
    }

    fn storage_error(&self, reason: &str) -> IndexError {
        storage(&self.dir, &reason)
    }
}

fn storage(dir: &Path, reason: &dyn std::fmt::Display) -> IndexError {
    IndexError::Storage { dir: dir.display().to_string(), reason: reason.to_string() }
}

fn utf8(path: &Path) -> Result<&str, IndexError> {
    path.to_str().ok_or_else(|| {
        let shown = path.display();
        IndexError::InvalidArgument(format!("the path {shown} is not UTF-8 and cannot be indexed: rename the file"))
    })
}

/// What stands for a title where none is stated.
fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The words of a path, without the extension's dot gluing anything together.
fn path_words(path: &str) -> String {
    path.replace(['/', '_', '-', '.'], " ")
}

/// The words of a text as one text; empty without any.
fn words(text: &str, lang: Language, kind: &str) -> String {
    let mut words = String::with_capacity(text.len());
    analysis::each_of_kind(text, lang, kind, |word| ready::push(&mut words, word));
    words
}

/// Adds words to a field; a field without any is left out.
fn add_words(doc: &mut TantivyDocument, field: Field, words: &str) {
    if !words.is_empty() {
        doc.add_text(field, words);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
