//! The header of a GGUF file, read without trusting it.
//!
//! Owns: everything that is known about a model before any runtime sees it, and the checks that
//! keep a damaged or hostile file away from llama.cpp, whose own reader aborts the process on some
//! of them. Must not know: llama.cpp, where models are stored, what they are used for.
//!
//! Nothing is allocated by a length that the file claims: every length is first held against the
//! bytes that are left in the file and against a limit far beyond any real model.

mod adapter;
mod charsmap;
mod entries;
mod keys;
mod shape;
mod source;
mod tensors;
#[cfg(test)]
mod tests;
mod tokens;

pub use adapter::check_adapter;

use crate::Role;
use entries::Entries;
use source::Source;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

/// What a GGUF file says about its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `general.architecture`, e.g. "llama" or "bert".
    pub architecture: String,
    /// `general.name`, if the file has one.
    pub name: Option<String>,
    /// Parameters: the elements of all tensors.
    pub parameters: u64,
    /// The longest context the model was trained for, in tokens.
    pub context_length: u32,
    /// Length of a hidden state.
    pub embedding_length: u32,
    /// Layers.
    pub block_count: u32,
    /// Bytes that keys and values of one token take at 16 bits; 0 where the file does not tell.
    pub memory_per_token: u64,
    /// Tokens in the vocabulary.
    pub vocabulary: u32,
    /// The model's own chat template (Jinja), if the file has one.
    pub chat_template: Option<String>,
    /// How a reranking model wants a query and a document put together: a text with the places
    /// `{query}` and `{document}`. Models with a classification head of the usual kind have none.
    pub rerank_template: Option<String>,
    /// Label of the weights' format, e.g. "Q4_1" or "F16".
    pub quantization: String,
    /// What the model is for, by the pooling that the file names: reranking, embedding, or chat
    /// without any.
    pub role: Role,
    /// Size of the file in bytes.
    pub file_bytes: u64,
}

/// Why a file is no usable GGUF model. Each message is the reason alone; the caller names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GgufError {
    /// The file can't be opened or read.
    #[error("the file can't be read: {0}")]
    Io(String),
    /// A folder, device or pipe.
    #[error("it is not a regular file; give the path of a .gguf file")]
    NotAFile,
    /// No GGUF magic.
    #[error("it is not a GGUF file{0}; download the model's .gguf file")]
    NotGguf(&'static str),
    /// A version this build does not read.
    #[error("{0}")]
    Version(String),
    /// The file is shorter than it says.
    #[error("the file ends in the middle of its {0}; it was not downloaded completely, download it again")]
    Truncated(&'static str),
    /// A length or count no real model has.
    #[error("the file claims {claimed} {what}, more than any model has; it is damaged, download it again")]
    Absurd {
        /// What is counted.
        what: &'static str,
        /// The number in the file.
        claimed: u64,
    },
    /// A metadata entry is missing or wrong.
    #[error("its metadata entry `{key}` {reason}; the file is damaged or was converted wrongly, get another copy")]
    Entry {
        /// The entry's key.
        key: String,
        /// What is wrong, as the end of a sentence.
        reason: String,
    },
    /// A tensor's description is wrong.
    #[error("its tensor `{name}` {reason}; the file is damaged, download it again")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong, as the end of a sentence.
        reason: String,
    },
    /// The file is sound but not a whole model.
    #[error("{0}")]
    Unsupported(String),
}

/// Reads and checks the header of the model file at `path`.
pub fn read(path: &Path) -> Result<Header, GgufError> {
    let io = |e: std::io::Error| GgufError::Io(e.to_string());
    // Asked before opening, because opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(GgufError::NotAFile);
    }
    let file = File::open(path).map_err(io)?;
    let len = file.metadata().map_err(io)?.len();
    read_from(file, len)
}

/// Reads and checks a header from any source of `len` bytes, positioned at its start.
pub fn read_from(from: impl Read + Seek, len: u64) -> Result<Header, GgufError> {
    let mut source = Source::new(from, len);
    let counts = read_counts(&mut source)?;
    let entries = Entries::read(&mut source, counts.entries)?;
    let facts = entries.check()?;
    let weights = tensors::read(&mut source, counts.tensors, facts.alignment)?;
    weights.check(&facts.attention)?;
    if facts.role == Role::Reranker {
        check_head(&weights, facts.labels)?;
    }
    Ok(Header {
        name: facts.name,
        parameters: weights.parameters,
        context_length: facts.context_length,
        embedding_length: facts.embedding_length,
        block_count: facts.block_count,
        memory_per_token: facts.attention.memory_per_token,
        vocabulary: facts.vocabulary,
        chat_template: facts.chat_template,
        rerank_template: facts.rerank_template,
        quantization: facts.file_type.unwrap_or(weights.main_type).to_string(),
        role: facts.role,
        file_bytes: len,
        architecture: facts.architecture,
    })
}

/// Scores come out of a classification head. Without one llama.cpp would take parts of a hidden
/// state for scores, or abort where it finds fewer than the file names labels.
fn check_head(weights: &tensors::Weights, labels: u64) -> Result<(), GgufError> {
    if weights.has_output_head || (weights.has_head && labels <= 1) {
        return Ok(());
    }
    let what = "it is made for reranking but lacks the weights that make scores (cls.output.weight); \
                get a file that was converted from the whole model";
    Err(GgufError::Unsupported(what.into()))
}

/// How many entries and tensors the file claims.
struct Counts {
    tensors: u64,
    entries: u64,
}

/// Most metadata entries accepted; real models have some dozens.
const MAX_ENTRIES: u64 = 16_384;
/// Most tensors accepted; the largest models have some thousands.
const MAX_TENSORS: u64 = 131_072;

fn read_counts<R: Read + Seek>(source: &mut Source<R>) -> Result<Counts, GgufError> {
    let magic: [u8; 4] = source.bytes("first bytes")?;
    if &magic != b"GGUF" {
        return Err(GgufError::NotGguf(guess(&magic)));
    }
    let version = source.u32("version")?;
    check_version(version)?;
    let counts = Counts { tensors: source.u64("tensor count")?, entries: source.u64("metadata count")? };
    if counts.tensors > MAX_TENSORS {
        return Err(GgufError::Absurd { what: "tensors", claimed: counts.tensors });
    }
    if counts.entries > MAX_ENTRIES {
        return Err(GgufError::Absurd { what: "metadata entries", claimed: counts.entries });
    }
    if counts.tensors == 0 {
        return Err(GgufError::Unsupported("it holds no weights, only a vocabulary; get the whole model".into()));
    }
    Ok(counts)
}

fn check_version(version: u32) -> Result<(), GgufError> {
    match version {
        2 | 3 => Ok(()),
        _ if version & 0xffff == 0 => {
            Err(GgufError::Version("it was made for a big-endian machine; get the usual little-endian file".into()))
        }
        0 | 1 => Err(GgufError::Version(format!("it uses GGUF version {version}, which is too old; get a newer file"))),
        _ => Err(GgufError::Version(format!("it uses GGUF version {version}; this build reads versions 2 and 3"))),
    }
}

/// What else a file with these first bytes is likely to be.
fn guess(magic: &[u8; 4]) -> &'static str {
    match magic {
        b"vers" => " but a Git LFS pointer to one",
        b"<!DO" | b"<!do" | b"<htm" | b"<HTM" => " but a web page",
        b"PK\x03\x04" => " but a zip archive",
        b"lmgg" | b"tjgg" | b"fmgg" => " but its predecessor GGML",
        _ => "",
    }
}

/// A foreign text made fit for an error message: short and without control characters.
fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(64).is_some() {
        out.push('…');
    }
    out
}
