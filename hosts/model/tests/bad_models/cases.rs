//! What is done to the files. Everything here is made anew, and the same, on every run.

mod deadly;
mod metadata;
mod real;
mod shaken;
mod structure;
mod tensors;
mod tokens;

use super::file::File;
use super::tiny;
use hob_engine::Role;
use std::path::Path;

/// What must become of a file.
#[derive(Debug, Clone, Copy)]
pub enum Expect {
    /// An error whose reason has this in it.
    Refused(&'static str),
    /// The model loads and answers.
    Works,
    /// An error or an answer, as long as the host lives.
    Either,
}
pub use Expect::{Either, Refused, Works};

/// One file.
pub struct Case {
    pub name: String,
    /// What it begins with.
    pub bytes: Vec<u8>,
    /// How long it is, where that is more than `bytes`: the rest are zeros that take no room.
    pub len: u64,
    pub role: Role,
    pub expect: Expect,
}

impl Case {
    fn of_bytes(name: impl Into<String>, bytes: Vec<u8>, expect: Expect) -> Self {
        let len = bytes.len() as u64;
        Self { name: name.into(), bytes, len, role: Role::Chat, expect }
    }

    fn of(name: impl Into<String>, file: &File, expect: Expect) -> Self {
        let bert = file.entries.iter().any(|(key, _)| key.starts_with(b"bert."));
        let role = if bert { Role::Embedding } else { Role::Chat };
        Self { role, ..Self::of_bytes(name, file.bytes(), expect) }
    }
}

/// The models that the others are made of.
type Model = (&'static str, fn() -> File);
const MODELS: [Model; 6] = [
    ("byte pairs", tiny::llama),
    ("biases", tiny::qwen2),
    ("SentencePiece", tiny::sentencepiece),
    ("experts", tiny::experts),
    ("BERT", tiny::bert),
    ("unigrams", tiny::unigram),
];

pub fn sound() -> Vec<Case> {
    MODELS.iter().map(|(name, model)| Case::of(*name, &model(), Works)).collect()
}

pub fn damaged() -> Vec<Case> {
    [structure::all(), metadata::all(), tokens::all(), tensors::all()].into_iter().flatten().collect()
}

pub fn deadly() -> Vec<Case> {
    deadly::all()
}

pub fn random() -> Vec<Case> {
    [structure::flipped(), shaken::all()].into_iter().flatten().collect()
}

/// A real model, cut and with its header changed.
pub fn real(model: &Path) -> Vec<Case> {
    real::all(model)
}
