//! Messages of the extract host: open files in, their text with places out.

use crate::wire::path_bytes;
use rustix::fs::{FileType, Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Asks for the text of some files, [`crate::passing::MOST`] at most. They come along with the request as open
/// descriptors, in this order, since the extract host can't open any. Each has a reply, in this order too; the last one
/// ends the request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExtractRequest {
    /// The files. None of them is a request that can't be answered.
    pub files: Vec<ToRead>,
}

/// One file of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToRead {
    /// The file's name, which tells its format; a folder before it is ignored.
    #[serde(with = "path_bytes")]
    pub name: PathBuf,
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
    /// Short lower-case kind: "text", "markdown", "html", "code", "mail", "calendar", "contact", "table", "data",
    /// "pdf", "document", "spreadsheet", "presentation", "book", "subtitles", "image", "audio", "archive".
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
    /// 1-based page or slide, for paged formats.
    pub page: Option<u32>,
    /// The part of the file that it stands in, when there are several: a sheet, an attachment, a message of a mail
    /// folder, a chapter's file.
    pub part: Option<String>,
    /// Where it stands there, for formats in which lines say little: first and last cell, start and end of a
    /// subtitle, a function's name, a JSON pointer.
    pub span: Option<(String, String)>,
    /// The block is a heading for what follows.
    pub heading: bool,
}

/// Why there is no open file.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    /// It is not there, or may not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A folder, a pipe, a socket or a device.
    #[error("this is {0}, not a regular file")]
    NotRegular(&'static str),
}

/// Opens a regular file without ever waiting for a pipe or waking a device.
pub fn open(path: &Path) -> Result<File, NotOpened> {
    // Opening a device can have effects, so its type is asked for first; and once more through the descriptor,
    // because the name may have been given to something else in between.
    check_type(FileType::from_raw_mode(rustix::fs::stat(path).map_err(io::Error::from)?.st_mode))?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?);
    check_type(FileType::from_raw_mode(rustix::fs::fstat(&file).map_err(io::Error::from)?.st_mode))?;
    Ok(file)
}

fn check_type(found: FileType) -> Result<(), NotOpened> {
    match found {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(NotOpened::NotRegular("a folder")),
        FileType::Fifo => Err(NotOpened::NotRegular("a pipe")),
        FileType::Socket => Err(NotOpened::NotRegular("a socket")),
        FileType::CharacterDevice | FileType::BlockDevice => Err(NotOpened::NotRegular("a device")),
        _ => Err(NotOpened::NotRegular("something else")),
    }
}
