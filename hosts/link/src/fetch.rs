//! Messages of the fetch host: where a file comes from, how far it is, what was got.

use crate::wire::path_bytes;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The first and only request of a fetch host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FetchTask {
    /// Get one file: [`FetchReply::Progress`], then [`FetchReply::Done`].
    Fetch(FetchRequest),
    /// Take over files that are on this machine already: one [`FetchReply::Imported`].
    Import(ImportRequest),
}

/// Asks for files of this machine to be taken over without copying them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRequest {
    /// A GGUF file, or a folder that holds some: another program's store or cache, too.
    #[serde(with = "path_bytes")]
    pub from: PathBuf,
    /// The folder that they come into.
    #[serde(with = "path_bytes")]
    pub folder: PathBuf,
    /// The name of a single file there; `None` takes its own.
    pub name: Option<String>,
    /// Looks only.
    pub dry_run: bool,
}

/// A file that was found by an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Its name in the models' folder.
    pub name: String,
    /// Where it lies.
    #[serde(with = "path_bytes")]
    pub from: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// What became of it.
    pub outcome: ImportOutcome,
}

/// What became of a file that was found by an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportOutcome {
    /// A second name for the same bytes.
    HardLink,
    /// A copy that shares its blocks until one of the two changes.
    Reflink,
    /// A reference: the file stays where it is, and is gone here when it goes there.
    Reference,
    /// It was there already.
    WasThere,
    /// Nothing, for this reason.
    Skipped(String),
    /// Nothing, because only looking was asked for.
    Found,
}

/// Asks for one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchRequest {
    /// Where it comes from.
    pub source: Source,
    /// The folder that it comes into; what is unfinished is kept in `.store` below it.
    #[serde(with = "path_bytes")]
    pub folder: PathBuf,
    /// Its name there; `None` takes the source's own.
    pub name: Option<String>,
    /// The SHA-256 that it must have, as 64 hexadecimal digits.
    pub sha256: Option<String>,
    /// Whether a different file of that name makes way.
    pub replace: bool,
    /// Most bytes a second; 0 for no limit.
    pub bytes_per_second: u64,
    /// The hub that `hf:` names are looked up in, e.g. `https://huggingface.co`.
    pub endpoint: String,
    /// Sent to the endpoint, and to no other host.
    pub token: Option<String>,
    /// Whether `http:` may be used with other hosts than this one.
    pub plain_http: bool,
    /// How long trouble is put up with.
    pub patience: Patience,
}

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A repository of a model hub.
    Hub {
        /// "owner/name".
        repository: String,
        /// Branch, tag or commit.
        revision: String,
        /// A file's path, or the label of a quantization; empty takes what suits most machines.
        pick: String,
    },
    /// An address.
    Url(String),
    /// A file of this machine.
    File(#[serde(with = "path_bytes")] PathBuf),
    /// A member of a wheel, or any other zip file, of this machine.
    Wheel {
        /// The zip file.
        #[serde(with = "path_bytes")]
        path: PathBuf,
        /// The member's path in it.
        member: String,
    },
}

/// How long trouble is put up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// Attempts in a row that bring nothing.
    pub attempts: u32,
    /// Milliseconds before the second attempt; each further one waits twice as long.
    pub first_wait_ms: u64,
    /// Most milliseconds before the next attempt, also when a server asks for more.
    pub longest_wait_ms: u64,
    /// Milliseconds of silence after which a connection counts as broken.
    pub silence_ms: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 6, first_wait_ms: 500, longest_wait_ms: 60_000, silence_ms: 30_000 }
    }
}

/// What a fetch host answers: any number of [`FetchReply::Progress`], then one of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FetchReply {
    /// How far it is.
    Progress(FetchProgress),
    /// The file is there.
    Done(Fetched),
    /// What an import found, and what became of it.
    Imported(Vec<Imported>),
    /// It is not; what was got so far is kept for the next attempt unless it was wrong.
    Failed(FetchError),
}

/// How far a fetch is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchProgress {
    /// What is done at the moment.
    pub stage: Stage,
    /// Bytes that are there.
    pub done: u64,
    /// Bytes of the whole file; 0 where the source does not tell.
    pub total: u64,
    /// Bytes a second over the last few seconds.
    pub bytes_per_second: u64,
}

/// The steps of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Asking the source what it has.
    Asking,
    /// Another process is getting the same file.
    Waiting,
    /// Bytes arrive.
    Receiving,
    /// The source does not answer; it is asked again in a moment.
    Retrying,
    /// The file's digest is computed.
    Verifying,
}

impl Stage {
    /// The word for it on the bus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asking => "asking",
            Self::Waiting => "waiting",
            Self::Receiving => "receiving",
            Self::Retrying => "retrying",
            Self::Verifying => "verifying",
        }
    }
}

/// A file that is in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// The file.
    #[serde(with = "path_bytes")]
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Whether the source itself, or the caller, gave that digest; else it is only what was received.
    pub verified: bool,
    /// It was there before.
    pub was_there: bool,
    /// Bytes that this fetch moved.
    pub received: u64,
    /// The address that it came from, without what follows a `?`.
    pub origin: String,
    /// The hub's commit, where one is known.
    pub commit: Option<String>,
}

/// What is written down of a file in the models' folder, by whoever put it there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its SHA-256; empty when nobody computed it.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The digest is the source's, or the caller's; else it was computed from what came.
    pub verified: bool,
    /// Where it came from.
    pub origin: String,
    /// The hub's commit.
    pub commit: Option<String>,
    /// The file lies elsewhere, and here is only a link to it.
    #[serde(default)]
    pub reference: bool,
}

/// What is kept of the file called `name` in a models' folder; `end` says what: ".json" is its [`Record`].
pub fn kept(folder: &Path, name: &str, end: &str) -> PathBuf {
    folder.join(".store").join(format!("{name}{end}"))
}

/// Why a file was not got. Each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum FetchError {
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The source does not have it.
    #[error("{0}")]
    NotFound(String),
    /// The source does not give it to everybody.
    #[error("{0}")]
    Refused(String),
    /// No connection.
    #[error("{0}")]
    Offline(String),
    /// The server misbehaves.
    #[error("{0}")]
    Server(String),
    /// What came is not what was promised.
    #[error("{0}")]
    Wrong(String),
    /// No room, or no right to write.
    #[error("{0}")]
    Disk(String),
}
