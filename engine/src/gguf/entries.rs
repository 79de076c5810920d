//! The metadata entries: read all, keep the small ones, check those that llama.cpp relies on.

use super::keys::{
    ARRAY, CHARSMAP, F32, GENERAL, I8, I32, Must, OF_ARCHITECTURE, RERANK_TEMPLATE, TEMPLATE, TEXT, TOKEN_TYPES,
    TOKENS, U8, U32, file_type, fixed_size, kind_name,
};
use super::shape::Attention;
use super::source::Source;
use super::tokens::{self, Tokens};
use super::{GgufError, shown};
use crate::Role;
use std::collections::HashMap;
use std::io::{Read, Seek};

const WHAT: &str = "metadata";
/// Longest key in bytes, as the format defines it.
const MAX_KEY: u64 = 65_535;
/// Longest text that is kept, in bytes; chat templates are the longest and stay under 100 KB.
const MAX_TEXT: u64 = 1 << 20;
/// Most elements of an array of texts; the largest vocabularies have some hundred thousand.
const MAX_TEXTS: u64 = 4 << 20;
/// Most bytes kept of all entries together.
const MAX_KEPT: usize = 8 << 20;
/// Longest list of numbers that is kept: one for each layer.
const MAX_NUMBERS: u64 = 1_024;
/// Longest table of SentencePiece's; real ones have some hundred kilobytes.
const MAX_CHARSMAP: u64 = 8 << 20;
/// llama.cpp's own limit, which it enforces by aborting.
const MAX_LAYERS: u64 = 512;
/// Far beyond any model; guards the products that are computed from them.
const MAX_EMBEDDING: u64 = 1 << 20;
const MAX_CONTEXT: u64 = 1 << 30;
/// llama.cpp asserts that a step holds a token for each sequence, and a step is no longer than the context.
const MIN_CONTEXT: u64 = 64;

/// One value.
#[derive(Debug)]
pub(super) enum Value {
    Unsigned(u64),
    Fraction(f32),
    Text(String),
    Array {
        of: u32,
        len: u64,
        content: Content,
    },
    /// Of a kind whose content nothing here needs.
    Other,
}

/// What is kept of a list.
#[derive(Debug)]
pub(super) enum Content {
    /// Nothing.
    PassedOver,
    /// 32-bit numbers.
    Numbers(Vec<i64>),
    Bytes(Vec<u8>),
    Tokens(Tokens),
    /// Of the tokens' types: one of them is for a byte.
    HasByteType(bool),
}

pub(super) struct Entry {
    pub(super) kind: u32,
    pub(super) value: Value,
}

/// All entries of a file.
pub(super) struct Entries {
    by_key: HashMap<String, Entry>,
}

/// The checked facts.
pub(super) struct Facts {
    pub(super) architecture: String,
    pub(super) name: Option<String>,
    pub(super) alignment: u64,
    pub(super) context_length: u32,
    pub(super) embedding_length: u32,
    pub(super) block_count: u32,
    pub(super) attention: Attention,
    pub(super) vocabulary: u32,
    pub(super) chat_template: Option<String>,
    pub(super) rerank_template: Option<String>,
    pub(super) file_type: Option<&'static str>,
    pub(super) role: Role,
    /// Names of a classification head's outputs.
    pub(super) labels: u64,
}

impl Entries {
    /// Reads `count` entries.
    pub(super) fn read<R: Read + Seek>(source: &mut Source<R>, count: u64) -> Result<Self, GgufError> {
        let mut by_key = HashMap::new();
        let mut kept = 0;
        for _ in 0..count {
            let key = source.string(MAX_KEY, WHAT)?;
            // llama.cpp compares keys up to a NUL and would take this one for another.
            if key.is_empty() || key.contains('\0') {
                return Err(wrong(&key, "has an impossible name"));
            }
            let entry = read_entry(source, &key)?;
            kept += key.len() + if let Value::Text(text) = &entry.value { text.len() } else { 0 };
            if kept > MAX_KEPT {
                return Err(GgufError::Absurd { what: "bytes of metadata texts", claimed: kept as u64 });
            }
            if by_key.contains_key(&key) {
                return Err(wrong(&key, "appears twice"));
            }
            by_key.insert(key, entry);
        }
        Ok(Self { by_key })
    }

    /// Checks what llama.cpp relies on and picks the facts.
    pub(super) fn check(&self) -> Result<Facts, GgufError> {
        let architecture = self.architecture()?;
        self.whole_model(&architecture)?;
        for (key, must) in GENERAL {
            self.check_kind(key, *must)?;
        }
        for (suffix, must) in OF_ARCHITECTURE {
            self.check_kind(&format!("{architecture}.{suffix}"), *must)?;
        }
        let of = |suffix: &str| format!("{architecture}.{suffix}");
        let block_count = self.number(&of("block_count"), 1, MAX_LAYERS)?;
        let embedding_length = self.number(&of("embedding_length"), 1, MAX_EMBEDDING)?;
        let attention = self.check_shape(&architecture, block_count, embedding_length)?;
        // llama.cpp's numbers: 1 to 3 make one vector of all tokens', 4 a score.
        let role = match self.unsigned(&of("pooling_type")) {
            Some(1..=3) => Role::Embedding,
            Some(4) => Role::Reranker,
            _ => Role::Chat,
        };
        Ok(Facts {
            name: self.text("general.name").filter(|name| !name.trim().is_empty()).map(shown),
            alignment: self.alignment()?,
            context_length: self.number(&of("context_length"), MIN_CONTEXT, MAX_CONTEXT)?,
            embedding_length,
            block_count,
            attention,
            vocabulary: self.vocabulary()?,
            chat_template: self.text(TEMPLATE).filter(|t| !t.trim().is_empty()).map(Into::into),
            rerank_template: self.text(RERANK_TEMPLATE).filter(|t| !t.trim().is_empty()).map(Into::into),
            file_type: self.unsigned("general.file_type").and_then(file_type),
            role,
            labels: self.length(&of("classifier.output_labels")),
            architecture,
        })
    }

    /// Checks what llama.cpp relies on in an adapter, and gives its alignment.
    pub(super) fn check_adapter(&self) -> Result<u64, GgufError> {
        self.architecture()?;
        for (key, wanted) in [("general.type", "adapter"), ("adapter.type", "lora")] {
            self.check_kind(key, Must::Be(TEXT))?;
            if self.text(key) != Some(wanted) {
                let what = "it is no LoRA adapter; give a file that convert_lora_to_gguf.py made".into();
                return Err(GgufError::Unsupported(what));
            }
        }
        self.check_kind("adapter.lora.alpha", Must::Be(F32))?;
        self.check_kind("adapter.alora.invocation_tokens", Must::BeArrayOf(&[U32]))?;
        self.alignment()
    }

    fn architecture(&self) -> Result<String, GgufError> {
        let key = "general.architecture";
        let Some(entry) = self.by_key.get(key) else { return Err(wrong(key, "is missing")) };
        let Value::Text(name) = &entry.value else { return Err(wrong_kind(key, "a text", entry)) };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(wrong(key, format!("is {:?}, which is no architecture's name", shown(name))));
        }
        Ok(name.clone())
    }

    /// Refuses files that are part of a model or something beside one.
    fn whole_model(&self, architecture: &str) -> Result<(), GgufError> {
        if let Some(kind) = self.text("general.type").filter(|kind| *kind != "model") {
            return Err(GgufError::Unsupported(format!("it holds a {} and not a whole model", shown(kind))));
        }
        if architecture == "clip" {
            return Err(GgufError::Unsupported("it holds the image part of a model; load the text part".into()));
        }
        match self.unsigned("split.count") {
            Some(parts) if parts > 1 => Err(GgufError::Unsupported(format!(
                "it is one of {parts} parts of a model; merge them into one file first (llama-gguf-split --merge)"
            ))),
            _ => Ok(()),
        }
    }

    fn check_kind(&self, key: &str, must: Must) -> Result<(), GgufError> {
        let Some(entry) = self.by_key.get(key) else { return Ok(()) };
        let array_of = if let Value::Array { of, .. } = entry.value { Some(of) } else { None };
        let (fits, expected) = match must {
            Must::Be(kind) => (entry.kind == kind, kind_name(kind).to_string()),
            Must::BeArrayOf(kinds) => {
                let names: Vec<_> = kinds.iter().map(|kind| kind_name(*kind)).collect();
                (array_of.is_some_and(|of| kinds.contains(&of)), format!("a list, each {}", names.join(" or ")))
            }
            Must::BeU32OrArray => (
                entry.kind == U32 || matches!(array_of, Some(U32 | I32)),
                format!("{} or a list of them", kind_name(U32)),
            ),
        };
        if fits { Ok(()) } else { Err(wrong_kind(key, &expected, entry)) }
    }

    /// A required number from `least` to `most`.
    fn number(&self, key: &str, least: u64, most: u64) -> Result<u32, GgufError> {
        let Some(entry) = self.by_key.get(key) else { return Err(wrong(key, "is missing")) };
        match entry.value {
            Value::Unsigned(n) if entry.kind == U32 && (least..=most).contains(&n) => Ok(n as u32),
            Value::Unsigned(n) if entry.kind == U32 => Err(wrong(key, format!("is {n} instead of {least} to {most}"))),
            _ => Err(wrong_kind(key, kind_name(U32), entry)),
        }
    }

    fn alignment(&self) -> Result<u64, GgufError> {
        match self.unsigned("general.alignment") {
            None => Ok(32),
            // Below 32, weights may begin where llama.cpp asserts that none does.
            Some(n) if n.is_power_of_two() && (32..=1 << 20).contains(&n) => Ok(n),
            Some(n) => Err(wrong("general.alignment", format!("is {n}, which is no power of two from 32 on"))),
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.by_key.get(key)
    }

    /// A text, up to a NUL as llama.cpp reads it.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match &self.by_key.get(key)?.value {
            Value::Text(text) => text.split('\0').next(),
            _ => None,
        }
    }

    /// Elements of a list; 0 when there is none.
    fn length(&self, key: &str) -> u64 {
        match self.by_key.get(key).map(|entry| &entry.value) {
            Some(Value::Array { len, .. }) => *len,
            _ => 0,
        }
    }

    pub(super) fn unsigned(&self, key: &str) -> Option<u64> {
        match self.by_key.get(key)?.value {
            Value::Unsigned(n) => Some(n),
            _ => None,
        }
    }

    pub(super) fn fraction(&self, key: &str) -> Option<f32> {
        match self.by_key.get(key)?.value {
            Value::Fraction(n) => Some(n),
            _ => None,
        }
    }

    /// What was kept of a list.
    pub(super) fn content(&self, key: &str) -> Option<&Content> {
        match &self.by_key.get(key)?.value {
            Value::Array { content, .. } => Some(content),
            _ => None,
        }
    }

    /// A number for each layer, from a list of them or from one for all.
    pub(super) fn per_layer(&self, key: &str, layers: u32) -> Result<Option<Vec<u64>>, GgufError> {
        let Some(entry) = self.by_key.get(key) else { return Ok(None) };
        match &entry.value {
            Value::Unsigned(n) => Ok(Some(vec![*n; layers as usize])),
            Value::Array { content: Content::Numbers(numbers), .. } if numbers.len() == layers as usize => {
                let below = || wrong(key, "has a number below zero");
                numbers.iter().map(|n| u64::try_from(*n).map_err(|_| below())).collect::<Result<_, _>>().map(Some)
            }
            Value::Array { len, .. } => Err(wrong(key, format!("has {len} numbers for {layers} layers"))),
            _ => Err(wrong_kind(key, kind_name(U32), entry)),
        }
    }
}

fn read_entry<R: Read + Seek>(source: &mut Source<R>, key: &str) -> Result<Entry, GgufError> {
    let kind = source.u32(WHAT)?;
    let value = match kind {
        0 | 7 => Value::Unsigned(u64::from(source.bytes::<1>(WHAT)?[0])),
        2 => Value::Unsigned(u64::from(u16::from_le_bytes(source.bytes(WHAT)?))),
        U32 => Value::Unsigned(u64::from(source.u32(WHAT)?)),
        F32 => Value::Fraction(f32::from_le_bytes(source.bytes(WHAT)?)),
        10 => Value::Unsigned(source.u64(WHAT)?),
        TEXT => Value::Text(source.string(MAX_TEXT, WHAT)?),
        ARRAY => read_array(source, key)?,
        _ => {
            let size = fixed_size(kind).ok_or_else(|| wrong(key, format!("has the unknown type {kind}")))?;
            source.skip(size, WHAT)?;
            Value::Other
        }
    };
    Ok(Entry { kind, value })
}

fn read_array<R: Read + Seek>(source: &mut Source<R>, key: &str) -> Result<Value, GgufError> {
    let of = source.u32(WHAT)?;
    let len = source.u64(WHAT)?;
    let content = if of == TEXT { read_texts(source, key, len)? } else { read_values(source, key, of, len)? };
    Ok(Value::Array { of, len, content })
}

fn read_texts<R: Read + Seek>(source: &mut Source<R>, key: &str, len: u64) -> Result<Content, GgufError> {
    if len > MAX_TEXTS {
        return Err(GgufError::Absurd { what: "texts in one list", claimed: len });
    }
    // Every text takes at least its length field, so this bounds the loop by the file.
    source.need(len * 8, "list of tokens")?;
    if key == TOKENS {
        return Ok(Content::Tokens(tokens::read(source, len)?));
    }
    for _ in 0..len {
        source.skip_string("list of tokens")?;
    }
    Ok(Content::PassedOver)
}

fn read_values<R: Read + Seek>(source: &mut Source<R>, key: &str, of: u32, len: u64) -> Result<Content, GgufError> {
    let size = fixed_size(of).ok_or_else(|| wrong(key, format!("is a list of the unknown type {of}")))?;
    let bytes = len.checked_mul(size).ok_or(GgufError::Absurd { what: "list elements", claimed: len })?;
    source.need(bytes, WHAT)?;
    match of {
        I32 if key == TOKEN_TYPES => Ok(Content::HasByteType(tokens::read_types(source, len)?)),
        U8 | I8 if key == CHARSMAP && len <= MAX_CHARSMAP => Ok(Content::Bytes(source.many(len as usize, WHAT)?)),
        U32 | I32 if len <= MAX_NUMBERS => {
            let one = |_| {
                let bytes = source.bytes(WHAT)?;
                Ok(if of == U32 { u32::from_le_bytes(bytes).into() } else { i32::from_le_bytes(bytes).into() })
            };
            Ok(Content::Numbers((0..len).map(one).collect::<Result<_, GgufError>>()?))
        }
        _ => {
            source.skip(bytes, WHAT)?;
            Ok(Content::PassedOver)
        }
    }
}

pub(super) fn wrong(key: &str, reason: impl Into<String>) -> GgufError {
    GgufError::Entry { key: shown(key), reason: reason.into() }
}

pub(super) fn wrong_kind(key: &str, expected: &str, found: &Entry) -> GgufError {
    let found = match found.value {
        Value::Array { of, .. } => format!("a list, each {}", kind_name(of)),
        _ => kind_name(found.kind).to_string(),
    };
    wrong(key, format!("must be {expected} but is {found}"))
}
