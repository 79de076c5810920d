//! What can go wrong with a foreign library, in sentences for its author or its user.
//!
//! Owns: the wording. Must not know: how anything is loaded or called.

use hob_sdk::abi::ABI_VERSION;
use hob_sdk::lines::PROTOCOL;
use std::io;
use std::path::PathBuf;

/// Why a library could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not a file that could be a library.
    #[error("{path} can't be the skill's library: {why}; check `library` in skill.toml or install the skill again", path = .path.display())]
    NoFile { path: PathBuf, why: String },
    /// The storage folder can't be made.
    #[error("the skill's folder {path} can't be made: {why}", path = .path.display())]
    NoStorage { path: PathBuf, why: io::Error },
    /// The dynamic linker refused.
    #[error("the skill's library can't be loaded: {0}; install the skill again or build it for this system")]
    NotLoadable(String),
    /// The one symbol is missing.
    #[error("{path} is no skill: it does not export hob_skill_entry; use hob_sdk::export_skill! or hob_skill.h", path = .0.display())]
    NoEntry(PathBuf),
    /// The table is not what the ABI says.
    #[error("the skill's table is broken: {0}; compare it with hob_skill.h")]
    BadTable(&'static str),
    /// Another ABI version.
    #[error("the skill speaks version {0} of the skill ABI and this hob version {ABI_VERSION}; update {older}", older = if *.0 > ABI_VERSION { "hob" } else { "the skill" })]
    OtherAbi(u32),
    /// The library belongs to another skill.
    #[error("skill.toml says {manifest} but the library says {library}; one of them belongs to another skill")]
    OtherId { manifest: String, library: String },
    /// A program that could not be started.
    #[error("{program} could not be started: {why}; check `command` in skill.toml")]
    NotStarted { program: String, why: String },
    /// Another version of the lines of JSON.
    #[error("the skill speaks version {0} of hob's protocol and this hob version {PROTOCOL}; update {older}", older = if *.0 > PROTOCOL { "hob" } else { "the skill" })]
    OtherProtocol(u32),
    /// The sandbox can't be what the manifest asks for.
    #[error("{0}")]
    NotConfined(String),
    /// The skill itself declined.
    #[error("{id} did not start: {why}")]
    Declined { id: String, why: String },
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// What the daemon passed can't go over a C string.
    #[error("{0}")]
    BadRequest(&'static str),
    /// The skill gave something that is no result.
    #[error("{id} gave no valid result: {why}; this is a bug in the skill")]
    BadResult { id: String, why: String },
}

/// The start of a foreign text, fit for an error message.
pub fn shortened(text: &str) -> String {
    let mut start: String = text.chars().take(80).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{start:?}")
}
