//! The metadata entries: read all, keep the small ones, check those that llama.cpp relies on.

use super::source::Source;
use super::{GgufError, shown};
use crate::Role;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek};

const WHAT: &str = "metadata";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TEMPLATE: &str = "tokenizer.chat_template";
const RERANK_TEMPLATE: &str = "tokenizer.chat_template.rerank";
/// Longest key in bytes, as the format defines it.
const MAX_KEY: u64 = 65_535;
/// Longest text that is kept, in bytes; chat templates are the longest and stay under 100 KB.
const MAX_TEXT: u64 = 1 << 20;
/// Most elements of an array of texts; the largest vocabularies have some hundred thousand.
const MAX_TEXTS: u64 = 4 << 20;
/// Most bytes kept of all entries together.
const MAX_KEPT: usize = 8 << 20;
/// llama.cpp's own limits, which it enforces by aborting.
const MAX_LAYERS: u64 = 512;
const MAX_EXPERTS: u64 = 1_024;
/// Far beyond any model; guards the products that are computed from them.
const MAX_EMBEDDING: u64 = 1 << 20;
const MAX_CONTEXT: u64 = 1 << 30;

const U32: u32 = 4;
const I32: u32 = 5;
const F32: u32 = 6;
const BOOL: u32 = 7;
const TEXT: u32 = 8;
const ARRAY: u32 = 9;

/// One value; arrays are passed over and leave their shape.
#[derive(Debug)]
enum Value {
    Unsigned(u64),
    Text(String),
    Array {
        of: u32,
        len: u64,
    },
    /// Of a kind whose content nothing here needs.
    Other,
}

struct Entry {
    kind: u32,
    value: Value,
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
    pub(super) vocabulary: u32,
    pub(super) chat_template: Option<String>,
    pub(super) rerank_template: Option<String>,
    pub(super) file_type: Option<&'static str>,
    pub(super) role: Role,
    /// Names of a classification head's outputs.
    pub(super) labels: u64,
}

/// What kind an entry must be for llama.cpp to read it.
#[derive(Clone, Copy)]
enum Must {
    Be(u32),
    BeArrayOf(&'static [u32]),
    BeU32OrArray,
}

/// Keys with a fixed name.
const GENERAL: &[(&str, Must)] = &[
    ("general.name", Must::Be(TEXT)),
    ("general.type", Must::Be(TEXT)),
    ("general.file_type", Must::Be(U32)),
    ("general.alignment", Must::Be(U32)),
    ("tokenizer.ggml.model", Must::Be(TEXT)),
    ("tokenizer.ggml.pre", Must::Be(TEXT)),
    ("tokenizer.ggml.scores", Must::BeArrayOf(&[F32, I32])),
    ("tokenizer.ggml.token_type", Must::BeArrayOf(&[I32])),
    ("tokenizer.ggml.merges", Must::BeArrayOf(&[TEXT])),
    ("tokenizer.ggml.token_type_count", Must::Be(U32)),
    ("tokenizer.ggml.bos_token_id", Must::Be(U32)),
    ("tokenizer.ggml.eos_token_id", Must::Be(U32)),
    ("tokenizer.ggml.eot_token_id", Must::Be(U32)),
    ("tokenizer.ggml.eom_token_id", Must::Be(U32)),
    ("tokenizer.ggml.unknown_token_id", Must::Be(U32)),
    ("tokenizer.ggml.seperator_token_id", Must::Be(U32)),
    ("tokenizer.ggml.padding_token_id", Must::Be(U32)),
    ("tokenizer.ggml.mask_token_id", Must::Be(U32)),
    ("tokenizer.ggml.add_bos_token", Must::Be(BOOL)),
    ("tokenizer.ggml.add_eos_token", Must::Be(BOOL)),
    ("tokenizer.ggml.add_space_prefix", Must::Be(BOOL)),
    ("tokenizer.ggml.remove_extra_whitespaces", Must::Be(BOOL)),
    (TEMPLATE, Must::Be(TEXT)),
    (RERANK_TEMPLATE, Must::Be(TEXT)),
];

/// Keys that start with the architecture's name.
const OF_ARCHITECTURE: &[(&str, Must)] = &[
    ("feed_forward_length", Must::BeU32OrArray),
    ("attention.head_count", Must::BeU32OrArray),
    ("attention.head_count_kv", Must::BeU32OrArray),
    ("attention.layer_norm_epsilon", Must::Be(F32)),
    ("attention.layer_norm_rms_epsilon", Must::Be(F32)),
    ("attention.causal", Must::Be(BOOL)),
    ("pooling_type", Must::Be(U32)),
    ("classifier.output_labels", Must::BeArrayOf(&[TEXT])),
    ("classifier.pooling_type", Must::Be(U32)),
    ("vocab_size", Must::Be(U32)),
    ("rope.dimension_count", Must::Be(U32)),
    ("rope.freq_base", Must::Be(F32)),
    ("rope.scaling.type", Must::Be(TEXT)),
    ("rope.scaling.factor", Must::Be(F32)),
    ("expert_count", Must::Be(U32)),
    ("expert_used_count", Must::BeU32OrArray),
    ("nextn_predict_layers", Must::Be(U32)),
];

impl Entries {
    /// Reads `count` entries.
    pub(super) fn read<R: Read + Seek>(source: &mut Source<R>, count: u64) -> Result<Self, GgufError> {
        let mut by_key = HashMap::new();
        let mut kept = 0;
        for _ in 0..count {
            let key = source.string(MAX_KEY, WHAT)?;
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
        let block_count = self.number(&of("block_count"), MAX_LAYERS)?;
        self.check_layers(&architecture, block_count)?;
        // llama.cpp's numbers: 1 to 3 make one vector of all tokens', 4 a score.
        let role = match self.unsigned(&of("pooling_type")) {
            Some(1..=3) => Role::Embedding,
            Some(4) => Role::Reranker,
            _ => Role::Chat,
        };
        Ok(Facts {
            name: self.text("general.name").filter(|name| !name.trim().is_empty()).map(shown),
            alignment: self.alignment()?,
            context_length: self.number(&of("context_length"), MAX_CONTEXT)?,
            embedding_length: self.number(&of("embedding_length"), MAX_EMBEDDING)?,
            block_count,
            vocabulary: self.vocabulary()?,
            chat_template: self.text(TEMPLATE).filter(|t| !t.trim().is_empty()).map(Into::into),
            rerank_template: self.text(RERANK_TEMPLATE).filter(|t| !t.trim().is_empty()).map(Into::into),
            file_type: self.unsigned("general.file_type").and_then(file_type),
            role,
            labels: self.length(&of("classifier.output_labels")),
            architecture,
        })
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

    /// A required number from 1 to `most`.
    fn number(&self, key: &str, most: u64) -> Result<u32, GgufError> {
        let Some(entry) = self.by_key.get(key) else { return Err(wrong(key, "is missing")) };
        match entry.value {
            Value::Unsigned(n) if entry.kind == U32 && n > 0 && n <= most => Ok(n as u32),
            Value::Unsigned(n) if entry.kind == U32 => Err(wrong(key, format!("is {n} instead of 1 to {most}"))),
            _ => Err(wrong_kind(key, kind_name(U32), entry)),
        }
    }

    fn alignment(&self) -> Result<u64, GgufError> {
        match self.unsigned("general.alignment") {
            None => Ok(32),
            Some(n) if n.is_power_of_two() && n <= 1 << 20 => Ok(n),
            Some(n) => Err(wrong("general.alignment", format!("is {n}, which is no sensible power of two"))),
        }
    }

    /// Number of tokens; the other token lists must be as long.
    fn vocabulary(&self) -> Result<u32, GgufError> {
        let Some(entry) = self.by_key.get(TOKENS) else { return Err(wrong(TOKENS, "is missing")) };
        let Value::Array { of: TEXT, len } = entry.value else {
            return Err(wrong_kind(TOKENS, "a list, each a text", entry));
        };
        for key in ["tokenizer.ggml.scores", "tokenizer.ggml.token_type"] {
            if let Some(Entry { value: Value::Array { len: other, .. }, .. }) = self.by_key.get(key)
                && *other < len
            {
                return Err(wrong(key, format!("has {other} elements for {len} tokens")));
            }
        }
        u32::try_from(len).ok().filter(|n| *n > 0).ok_or_else(|| wrong(TOKENS, "is empty"))
    }

    /// Relations between counts that llama.cpp asserts.
    fn check_layers(&self, architecture: &str, block_count: u32) -> Result<(), GgufError> {
        let number = |suffix: &str| self.unsigned(&format!("{architecture}.{suffix}")).unwrap_or(0);
        let key = |suffix: &str| format!("{architecture}.{suffix}");
        let (experts, used) = (number("expert_count"), number("expert_used_count"));
        if experts > MAX_EXPERTS {
            return Err(wrong(&key("expert_count"), format!("is {experts}, over {MAX_EXPERTS}")));
        }
        let used_is_list = self.unsigned(&key("expert_used_count")).is_none() && experts > 0;
        if used > experts || (experts > 0 && used == 0 && !used_is_list) {
            return Err(wrong(&key("expert_used_count"), format!("is {used} of {experts} experts")));
        }
        if number("nextn_predict_layers") > u64::from(block_count) {
            return Err(wrong(&key("nextn_predict_layers"), format!("is over the {block_count} layers")));
        }
        match self.text(&key("rope.scaling.type")) {
            None | Some("none" | "linear" | "yarn" | "longrope") => Ok(()),
            Some(other) => Err(wrong(&key("rope.scaling.type"), format!("is {:?}, which is unknown", shown(other)))),
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        match &self.by_key.get(key)?.value {
            Value::Text(text) => Some(text),
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

    fn unsigned(&self, key: &str) -> Option<u64> {
        match self.by_key.get(key)?.value {
            Value::Unsigned(n) => Some(n),
            _ => None,
        }
    }
}

fn read_entry<R: Read + Seek>(source: &mut Source<R>, key: &str) -> Result<Entry, GgufError> {
    let kind = source.u32(WHAT)?;
    let value = match kind {
        0 | 7 => Value::Unsigned(u64::from(source.bytes::<1>(WHAT)?[0])),
        2 => Value::Unsigned(u64::from(u16::from_le_bytes(source.bytes(WHAT)?))),
        U32 => Value::Unsigned(u64::from(source.u32(WHAT)?)),
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
    if of != TEXT {
        let size = fixed_size(of).ok_or_else(|| wrong(key, format!("is a list of the unknown type {of}")))?;
        let bytes = len.checked_mul(size).ok_or(GgufError::Absurd { what: "list elements", claimed: len })?;
        source.skip(bytes, "metadata")?;
        return Ok(Value::Array { of, len });
    }
    if len > MAX_TEXTS {
        return Err(GgufError::Absurd { what: "texts in one list", claimed: len });
    }
    // Every text takes at least its length field, so this bounds the loop by the file.
    source.need(len * 8, "list of tokens")?;
    if key == TOKENS {
        check_tokens(source, len)?;
    } else {
        for _ in 0..len {
            source.skip_string("list of tokens")?;
        }
    }
    Ok(Value::Array { of, len })
}

/// llama.cpp aborts when two tokens have the same text (up to a NUL, where it stops reading).
fn check_tokens<R: Read + Seek>(source: &mut Source<R>, len: u64) -> Result<(), GgufError> {
    let mut seen = HashSet::new();
    let mut token = Vec::new();
    for i in 0..len {
        source.string_into(&mut token, MAX_KEY, "list of tokens")?;
        let text = token.split(|b| *b == 0).next().unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        // Empty tokens get a name of their own there.
        if !text.is_empty() && !seen.insert(hasher.finish()) {
            return Err(wrong(TOKENS, format!("has token {i} twice")));
        }
    }
    Ok(())
}

/// Bytes of a value of fixed size.
fn fixed_size(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | BOOL => Some(1),
        2 | 3 => Some(2),
        U32 | I32 | F32 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

fn kind_name(kind: u32) -> &'static str {
    match kind {
        U32 => "a 32-bit number without sign",
        F32 => "a 32-bit fraction",
        BOOL => "true or false",
        TEXT => "a text",
        ARRAY => "a list",
        11 | 5 | 3 | 1 => "a number with sign",
        12 => "a 64-bit fraction",
        _ => "a number of another size",
    }
}

fn wrong(key: &str, reason: impl Into<String>) -> GgufError {
    GgufError::Entry { key: shown(key), reason: reason.into() }
}

fn wrong_kind(key: &str, expected: &str, found: &Entry) -> GgufError {
    let found = match found.value {
        Value::Array { of, .. } => format!("a list, each {}", kind_name(of)),
        _ => kind_name(found.kind).to_string(),
    };
    wrong(key, format!("must be {expected} but is {found}"))
}

/// Label of a `general.file_type`.
fn file_type(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        7 => "Q8_0",
        8 => "Q5_0",
        9 => "Q5_1",
        10 => "Q2_K",
        11 => "Q3_K_S",
        12 => "Q3_K_M",
        13 => "Q3_K_L",
        14 => "Q4_K_S",
        15 => "Q4_K_M",
        16 => "Q5_K_S",
        17 => "Q5_K_M",
        18 => "Q6_K",
        19 => "IQ2_XXS",
        20 => "IQ2_XS",
        21 => "Q2_K_S",
        22 => "IQ3_XS",
        23 => "IQ3_XXS",
        24 => "IQ1_S",
        25 => "IQ4_NL",
        26 => "IQ3_S",
        27 => "IQ3_M",
        28 => "IQ2_S",
        29 => "IQ2_M",
        30 => "IQ4_XS",
        31 => "IQ1_M",
        32 => "BF16",
        36 => "TQ1_0",
        37 => "TQ2_0",
        38 => "MXFP4",
        39 => "NVFP4",
        _ => return None,
    })
}
