//! The nouns of the index and the two traits that the daemon supplies.

use crate::scan;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Names one chunk for the life of an index; never reused.
pub type ChunkId = u64;

/// A file's text, as an [`Extractor`] returns it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// Short lower-case kind, e.g. "text", "markdown", "code", "mail", "pdf".
    pub kind: String,
    /// The document's own title, when it states one.
    pub title: Option<String>,
    /// Who wrote or sent it, when stated.
    pub author: Option<String>,
    /// Stated date, RFC 3339 or `YYYY-MM-DD`.
    pub date: Option<String>,
    /// Text in reading order.
    pub blocks: Vec<Block>,
    /// Text was cut at a size limit.
    pub truncated: bool,
}

/// A paragraph, heading, table row, message part: what must not be torn apart lightly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// The text; a `\n` inside is a line break of the source.
    pub text: String,
    /// 1-based line where the text starts.
    pub line: u32,
    /// 1-based page, for paged formats.
    pub page: Option<u32>,
    /// The part of the file that it stands in: a sheet, an attachment, a chapter.
    pub part: Option<String>,
    /// Where it begins and ends there, where lines say little: cells, times, names of functions.
    pub span: Option<(String, String)>,
    /// The block is a heading for what follows.
    pub heading: bool,
}

/// A passage: the unit that is searched, embedded and cited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The text.
    pub text: String,
    /// 1-based line where it starts.
    pub line: u32,
    /// 1-based page, for paged formats.
    pub page: Option<u32>,
    /// Where it stands besides, e.g. "Costs!A3:C9", "menu.txt", "00:01:02 – 00:01:09", "fn main".
    pub place: Option<String>,
    /// The headings it stands under, outermost first, joined by " › "; empty without any.
    pub heading: String,
}

/// Turns a file into text. Called from the indexer's thread; may block.
pub trait Extractor: Send + Sync {
    /// The document, or why there is none.
    fn extract(&self, path: &Path) -> Result<Document, ExtractError>;

    /// Says that these files, a few dozen at most, will probably be asked for soon and in this order, so that an
    /// extractor in another process can begin with them. Must not block for longer than opening them takes.
    fn expect(&self, _paths: &[&Path]) {}
}

/// Why a file gave no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    /// The file itself is at fault (broken, encrypted, binary, too large): remembered and not
    /// tried again until the file changes. One sentence for the user.
    #[error("{0}")]
    Skipped(String),
    /// It may not be read, or its disk fails: tried again at the next walk. One sentence for the user.
    #[error("{0}")]
    Unreadable(String),
    /// It is not there (any more).
    #[error("there is no such file")]
    Gone,
    /// The extractor could not run (crashed, resting): the file is tried again later.
    #[error("{0}")]
    Unavailable(String),
}

impl ExtractError {
    /// What came of opening a file.
    pub fn unopened(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Gone,
            _ => Self::Unreadable(scan::explain(error)),
        }
    }
}

/// What an embedding model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedderInfo {
    /// Names model and weights; vectors of another id are not comparable.
    pub id: String,
    /// Length of an embedding.
    pub dim: usize,
    /// ISO 639-1 codes it was trained for; text in other languages stays lexical. Empty means all.
    pub languages: Vec<String>,
}

/// How urgent an embedding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for it.
    Interactive,
    /// Backfill.
    Background,
}

/// Turns texts into unit-length vectors. Called from the index's threads; may block.
pub trait Embedder: Send + Sync {
    /// The model at hand, or `None` when there is none: then search is lexical.
    fn info(&self) -> Option<EmbedderInfo>;
    /// One vector per text, in order. The error is one sentence.
    fn embed(&self, texts: &[String], urgency: Urgency) -> Result<Vec<Vec<f32>>, String>;
    /// The embedder of this id, if it can still be asked while another one takes over.
    fn info_of(&self, id: &str) -> Option<EmbedderInfo> {
        self.info().filter(|info| info.id == id)
    }
    /// [`Embedder::embed`], for somebody who waits, by the embedder of this id.
    fn embed_as(&self, id: &str, texts: &[String]) -> Result<Vec<Vec<f32>>, String> {
        match self.info() {
            Some(info) if info.id == id => self.embed(texts, Urgency::Interactive),
            _ => Err(format!("the embedding model {id} is not there any more")),
        }
    }
    /// How well each document fits the query, of which the `words` at these bytes count most, read closely (token by token, or by a cross-encoder): higher is better,
    /// comparable within one call and one query. Somebody waits for it. The error is one sentence; by default nothing
    /// reads that closely.
    fn compare(&self, _query: &str, _words: &[Range<usize>], _documents: &[String]) -> Result<Vec<f32>, String> {
        Err("there is no model that compares texts closely".to_owned())
    }
}

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The words or the question, with fields and phrases; see [`crate::search`].
    pub text: String,
    /// Most hits wanted; each file appears once.
    pub limit: usize,
    /// Only files at or below this path.
    pub folder: Option<PathBuf>,
    /// Only this kind of document.
    pub kind: Option<String>,
    /// Words, meaning, or both.
    pub mode: Mode,
    /// Nothing at or below these paths; see [`crate::Index::hidden_from`].
    pub hidden: Vec<PathBuf>,
    /// Compare the best passages with the query token by token: better, and slower by what the passages take to
    /// be read by the embedding model.
    pub rerank: bool,
    /// What was changed lately goes a little before what is old. Hybrid searches only.
    pub recency: bool,
    /// What programs made or somebody put away goes a little behind. Hybrid searches only.
    pub places: bool,
    /// Passages that say the same make one hit.
    pub fold: bool,
}

impl Default for Query {
    /// Ten hits, by words and meaning, with what is usual otherwise.
    fn default() -> Query {
        Query {
            text: String::new(),
            limit: 10,
            folder: None,
            kind: None,
            mode: Mode::Hybrid,
            hidden: Vec::new(),
            rerank: false,
            recency: true,
            places: true,
            fold: true,
        }
    }
}

/// Which evidence a search uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Words and meaning, fused.
    #[default]
    Hybrid,
    /// BM25 alone.
    Lexical,
    /// Embeddings alone.
    Vector,
}

/// One found file, with its best passage.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Absolute path.
    pub path: PathBuf,
    /// The document's title or file name.
    pub title: String,
    /// Its kind.
    pub kind: String,
    /// The best passage.
    pub chunk: ChunkId,
    /// The whole passage.
    pub text: String,
    /// The part of the passage that matched best, on one line.
    pub snippet: String,
    /// The query's words in the snippet: first character and the one after the last, in characters.
    pub highlights: Vec<(u32, u32)>,
    /// Who wrote or sent the document, when that is stated.
    pub author: Option<String>,
    /// Seconds since the epoch: the date that the document states, else when the file was last changed.
    pub date: i64,
    /// Other files whose passage says the same.
    pub duplicates: Vec<PathBuf>,
    /// 1-based line of the best passage, as close to the match as is known.
    pub line: u32,
    /// 1-based line where that passage ends.
    pub end_line: u32,
    /// 1-based page, for paged formats.
    pub page: Option<u32>,
    /// The passage's place where lines and pages say little; see [`Chunk::place`].
    pub place: Option<String>,
    /// The sum of [`Hit::parts`], about 0 to 1; comparable within one search only.
    pub score: f32,
    /// What the score is made of.
    pub parts: Parts,
    /// 1-based rank by BM25, if it was among the lexical candidates.
    pub lexical_rank: Option<u32>,
    /// 1-based rank by embedding, if it was among the vector candidates.
    pub vector_rank: Option<u32>,
    /// Raw BM25 score.
    pub bm25: Option<f32>,
    /// Cosine similarity to the query, measured or imputed.
    pub cosine: Option<f32>,
    /// The cosine was imputed because the passage has no embedding yet.
    pub imputed: bool,
}

/// What each kind of evidence adds to a score.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Parts {
    /// The words: BM25, as a share of the best.
    pub words: f32,
    /// The meaning: similarity to the query, measured or imputed, by its place among the candidates.
    pub meaning: f32,
    /// The comparison token by token, where it was made.
    pub tokens: Option<f32>,
    /// How new the document is.
    pub recency: f32,
    /// Where it lies; never above 0.
    pub place: f32,
    /// It is of the time that the query speaks of.
    pub dated: f32,
}

impl Parts {
    /// All of them together.
    pub fn sum(&self) -> f32 {
        self.words + self.meaning + self.tokens.unwrap_or(0.0) + self.recency + self.place + self.dated
    }
}

/// A sentence that may answer a question. See [`crate::quote`].
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredSentence {
    /// Absolute path of its file.
    pub path: PathBuf,
    /// Of an item: where it opens, if it was said.
    pub uri: Option<String>,
    /// The document's title or file name.
    pub title: String,
    /// The sentence as it stands in the text, white space folded.
    pub text: String,
    /// 1-based line where it starts.
    pub line: u32,
    /// 1-based page, for paged formats.
    pub page: Option<u32>,
    /// Its passage's place; see [`Chunk::place`].
    pub place: Option<String>,
    /// The passage it stands in.
    pub chunk: ChunkId,
    /// Fused score of that passage, 0 to 1.
    pub passage_score: f32,
    /// Cosine similarity to the question; `None` without an embedder for its language.
    pub cosine: Option<f32>,
    /// Share of the question's idf weight whose words the sentence contains, 0 to 1.
    pub overlap: f32,
    /// The same share for the whole passage it stands in.
    pub coverage: f32,
    /// What sentences are ranked by.
    pub score: f32,
}

/// The counters behind `hob index status`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexStatus {
    /// Files in the index.
    pub documents: u64,
    /// Passages in the index.
    pub chunks: u64,
    /// Passages that an embedding is wanted for (their language is the embedder's).
    pub embeddable: u64,
    /// Passages that have one.
    pub embedded: u64,
    /// Files that still have to be looked at.
    pub pending: u64,
    /// Files that could not be indexed.
    pub skipped: u64,
    /// What it is doing.
    pub state: IndexState,
}

/// What the index is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IndexState {
    /// Nothing to do.
    #[default]
    Idle,
    /// Walking folders or reading files.
    Indexing,
    /// Everything is searchable by words; embeddings are being made.
    Embedding,
    /// Everything is searchable by words; embeddings are to be made, and wait until that is allowed again.
    Held,
    /// Stopped by the user.
    Paused,
}

/// A file that could not be indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file, with bytes that are no UTF-8 replaced.
    pub path: String,
    /// Why, in one sentence.
    pub reason: String,
}

/// Why the index could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The caller's argument is wrong; the message says what to do.
    #[error("{0}")]
    InvalidArgument(String),
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// Reading or writing the index's own files failed.
    #[error("the index's files in {dir} could not be used: {reason}")]
    Storage {
        /// The index's folder.
        dir: String,
        /// What happened.
        reason: String,
    },
    /// Something is full; the message says what to do.
    #[error("{0}")]
    Quota(String),
    /// The embedder failed where there is no way around it.
    #[error("embedding failed: {0}")]
    Embedder(String),
}
