//! Messages of the extract host: a file in, its text with places out.

use crate::wire::path_bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Asks for the text of one file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExtractRequest {
    /// Absolute path of a regular file.
    #[serde(with = "path_bytes")]
    pub path: PathBuf,
    /// Files larger than this are skipped, in bytes.
    pub max_bytes: u64,
    /// Text beyond this is cut (and `truncated` set), in bytes of UTF-8.
    pub max_text: u64,
}

/// The answer: a document, or why there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ExtractReply {
    /// The file's text.
    Document(Document),
    /// The file holds nothing to index, with a reason a user understands.
    Skipped {
        /// One sentence, e.g. "not a valid PDF: no header".
        reason: String,
    },
}

/// A file's text and what is known about it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Short lower-case kind: "text", "markdown", "html", "code", "mail", "calendar", "contact",
    /// "table", "pdf", "document", "spreadsheet".
    pub kind: String,
    /// The document's own title, when it states one.
    pub title: Option<String>,
    /// Who wrote or sent it, when stated.
    pub author: Option<String>,
    /// Stated date in RFC 3339 or as `YYYY-MM-DD`, when there is one.
    pub date: Option<String>,
    /// Text in reading order.
    pub blocks: Vec<Block>,
    /// Text was cut at the request's `max_text`.
    pub truncated: bool,
}

/// A paragraph, heading, table row, message part or contact: what must not be torn apart lightly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The text; a `\n` inside is a line break of the source.
    pub text: String,
    /// 1-based line of the source where the text starts; for formats without lines, the
    /// 1-based line of the extracted text.
    pub line: u32,
    /// 1-based page, for paged formats.
    pub page: Option<u32>,
    /// The block is a heading for what follows.
    pub heading: bool,
}
