//! From a file to its passages: the limits, the extractor, the cutting.
//!
//! Owns: why a file gives no passages, in words for the user.
//! Must not know: the stores.

use crate::scan::Stamp;
use crate::types::{Block, Chunk, Document, ExtractError, Extractor};
use crate::{analysis, chunk, search};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Why a document without a word is left out.
pub(crate) const NO_TEXT: &str = "there is no text in it";
/// The language is told from this much of the text, in bytes.
const LANGUAGE_SAMPLE: usize = 16 << 10;

/// How large a file and its text may be, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub file: u64,
    pub text: usize,
}

/// What reading a file came to.
#[derive(Debug)]
pub(crate) enum Reading {
    /// Passages.
    Text(Text),
    /// The file is at fault: not tried again until it changes.
    Skipped(String),
    /// Access was denied or failed: tried again at the next walk.
    Unreadable(String),
    /// The extractor could not run: tried again soon.
    Later(String),
    /// It is not there any more.
    Gone,
}

/// A file's passages and what is said about them.
#[derive(Debug)]
pub(crate) struct Text {
    pub title: String,
    pub kind: String,
    pub lang: analysis::Language,
    pub author: String,
    /// Seconds since the epoch.
    pub date: Option<i64>,
    pub chunks: Vec<Chunk>,
    /// Equal for equal text, title and kind.
    pub hash: u64,
}

/// Reads `path`, which looked like `stamp`.
pub(crate) fn read(path: &Path, stamp: Stamp, extractor: &dyn Extractor, limits: Limits) -> Reading {
    if let Some(refused) = refuse(stamp, limits) {
        return refused;
    }
    finish(path, extract(path, extractor), limits)
}

/// Why a file that looked like `stamp` is not given to an extractor; `None` when it is.
pub(super) fn refuse(stamp: Stamp, limits: Limits) -> Option<Reading> {
    if stamp.size == 0 {
        return Some(Reading::Skipped("it is empty".to_owned()));
    }
    if stamp.size > limits.file {
        let (size, limit) = (mebibytes(stamp.size), mebibytes(limits.file));
        return Some(Reading::Skipped(format!("it has {size} MB, more than the limit of {limit} MB")));
    }
    None
}

/// Has a file extracted. A panic over one odd file must not end the indexing of all the others.
pub(super) fn extract(path: &Path, extractor: &dyn Extractor) -> Result<Document, ExtractError> {
    catch_unwind(AssertUnwindSafe(|| extractor.extract(path))).unwrap_or_else(|_| {
        tracing::error!(path = %path.display(), "reading a file ended in a panic");
        Err(ExtractError::Skipped(super::BUG.to_owned()))
    })
}

/// Makes passages of what was extracted.
pub(super) fn finish(path: &Path, extracted: Result<Document, ExtractError>, limits: Limits) -> Reading {
    let document = match extracted {
        Ok(document) => document,
        Err(ExtractError::Unreadable(reason)) => return Reading::Unreadable(reason),
        Err(ExtractError::Gone) => return Reading::Gone,
        Err(_) if !path.exists() => return Reading::Gone,
        Err(ExtractError::Skipped(reason)) => return Reading::Skipped(reason),
        Err(ExtractError::Unavailable(reason)) => return Reading::Later(reason),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = catch_unwind(AssertUnwindSafe(|| text_of(document, &name, limits.text)));
    match text {
        Ok(text) => text.map_or_else(|| Reading::Skipped(NO_TEXT.to_owned()), Reading::Text),
        Err(_) => {
            tracing::error!(path = %path.display(), "cutting a file's text ended in a panic");
            Reading::Skipped(super::BUG.to_owned())
        }
    }
}

/// The passages of a document whose file is called `name`, of its first `limit` bytes of text; `None` without any.
pub(crate) fn text_of(mut document: Document, name: &str, limit: usize) -> Option<Text> {
    cut(&mut document, limit);
    let chunks = chunk::chunk(&document);
    if chunks.is_empty() {
        return None;
    }
    let title = document.title.filter(|t| !t.trim().is_empty()).unwrap_or_else(|| name.to_owned());
    let lang = analysis::detect(&sample(&chunks));
    let hash = hash(&title, &document.kind, &chunks);
    let date = document.date.as_deref().and_then(search::stated_date);
    let author = document.author.unwrap_or_default();
    Some(Text { title, kind: document.kind, lang, author, date, chunks, hash })
}

/// Keeps the first `limit` bytes of text.
fn cut(document: &mut Document, limit: usize) {
    let mut left = limit;
    let too_much = |block: &Block| match left.checked_sub(block.text.len()) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    };
    let Some(first_out) = document.blocks.iter().position(too_much) else { return };
    document.truncated = true;
    document.blocks.truncate(first_out + 1);
    if let Some(last) = document.blocks.last_mut() {
        let end = (0..=left).rev().find(|&i| last.text.is_char_boundary(i)).unwrap_or(0);
        last.text.truncate(end);
    }
}

fn sample(chunks: &[Chunk]) -> String {
    let mut sample = String::new();
    for chunk in chunks {
        sample.push_str(&chunk.text);
        sample.push('\n');
        if sample.len() >= LANGUAGE_SAMPLE {
            break;
        }
    }
    sample
}

/// Differs between versions of the standard library at worst, and then files are embedded once more.
fn hash(title: &str, kind: &str, chunks: &[Chunk]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (title, kind, chunks.len()).hash(&mut hasher);
    for c in chunks {
        (&c.text, &c.heading, c.line, c.page, &c.place).hash(&mut hasher);
    }
    hasher.finish()
}

fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io;

    struct Fixed(Result<Document, ExtractError>);
    impl Extractor for Fixed {
        fn extract(&self, _: &Path) -> Result<Document, ExtractError> {
            self.0.clone()
        }
    }
    struct Panics;
    impl Extractor for Panics {
        fn extract(&self, _: &Path) -> Result<Document, ExtractError> {
            panic!("a bug")
        }
    }

    const LIMITS: Limits = Limits { file: 1 << 20, text: 100 };

    fn reading(extractor: &dyn Extractor, size: u64) -> Reading {
        let file = tempfile::NamedTempFile::new().unwrap();
        read(file.path(), Stamp { mtime_ns: 0, size, inode: 0 }, extractor, LIMITS)
    }

    fn blocks(texts: &[&str]) -> Document {
        let block = |t: &&str| Block { text: (*t).to_owned(), line: 1, ..Block::default() };
        Document { kind: "text".into(), blocks: texts.iter().map(block).collect(), ..Document::default() }
    }

    #[test]
    fn each_fault_has_its_own_outcome() {
        let good = Fixed(Ok(blocks(&["Hello there."])));
        assert!(matches!(reading(&good, 5), Reading::Text(t) if t.chunks.len() == 1 && !t.title.is_empty()));
        assert!(matches!(reading(&good, 0), Reading::Skipped(r) if r.contains("empty")));
        assert!(
            matches!(reading(&good, 200 << 20), Reading::Skipped(r) if r == "it has 200 MB, more than the limit of 1 MB")
        );
        assert!(matches!(reading(&Fixed(Ok(blocks(&[" "]))), 5), Reading::Skipped(r) if r.contains("no text")));
        assert!(matches!(reading(&Fixed(Err(ExtractError::Unavailable("x".into()))), 5), Reading::Later(_)));
        assert!(matches!(reading(&Fixed(Err(ExtractError::Skipped("x".into()))), 5), Reading::Skipped(_)));
        assert!(matches!(reading(&Panics, 5), Reading::Skipped(r) if r.contains("bug")));
        let opened = |kind: io::ErrorKind| Fixed(Err(ExtractError::unopened(&kind.into())));
        assert!(matches!(reading(&opened(io::ErrorKind::NotFound), 5), Reading::Gone));
        let denied = reading(&opened(io::ErrorKind::PermissionDenied), 5);
        assert!(matches!(denied, Reading::Unreadable(r) if r.contains("permissions")));
        let stamp = Stamp { mtime_ns: 0, size: 1, inode: 0 };
        let resting = Fixed(Err(ExtractError::Unavailable("x".into())));
        assert!(matches!(read(Path::new("/nonexistent/x"), stamp, &resting, LIMITS), Reading::Gone));
    }

    #[test]
    fn text_beyond_the_limit_is_cut_between_characters() {
        let mut document = blocks(&["a".repeat(61).as_str(), "é".repeat(30).as_str(), "c"]);
        cut(&mut document, 100);
        assert!(document.truncated);
        assert_eq!(document.blocks.len(), 2);
        assert_eq!(document.blocks[1].text, "é".repeat(19));
        let mut small = blocks(&["a", "b"]);
        cut(&mut small, 2);
        assert!(!small.truncated);
    }

    #[test]
    fn the_hash_sees_what_is_shown() {
        let chunks = chunk::chunk(&blocks(&["Hello there."]));
        assert_eq!(hash("t", "text", &chunks), hash("t", "text", &chunks));
        assert_ne!(hash("t", "text", &chunks), hash("u", "text", &chunks));
    }
}
