//! The vocabulary and what its tokenizer takes for granted.
//!
//! llama.cpp looks most of this up without asking whether it is there, when a text comes: then an exception crosses
//! a C function, or an assertion fails, and the process ends.

use super::entries::{Content, Entries, Entry, Value, wrong, wrong_kind};
use super::keys::{CHARSMAP, TEXT, TOKEN_TYPES, TOKENIZER, TOKENS};
use super::source::Source;
use super::{GgufError, charsmap, shown};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek};

/// Longest token and most of all together, in bytes. Some tokenizers build tables of a hundred times the size.
const MAX_TOKEN: u64 = 16 << 10;
const MAX_ALL: u64 = 64 << 20;
/// PLaMo's tokenizer lists every ending of every token.
const MAX_PLAMO_TOKEN: usize = 1 << 10;
/// Type of the tokens that stand for one byte.
const BYTE: i32 = 6;

/// What is kept of the tokens.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// Bytes that have a token as SentencePiece writes them, `<0x0A>`, or are one themselves.
    bytes: Bytes,
    /// Bytes that have one as RWKV writes them.
    rwkv_bytes: Bytes,
    longest: usize,
}

/// A set of bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Bytes([u128; 2]);

impl Bytes {
    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 7)] |= 1 << (byte & 127);
    }

    fn first_missing(self) -> Option<u8> {
        (0..=255).find(|byte: &u8| self.0[usize::from(byte >> 7)] >> (byte & 127) & 1 == 0)
    }
}

/// Reads the list of tokens.
pub(super) fn read<R: Read + Seek>(source: &mut Source<R>, len: u64) -> Result<Tokens, GgufError> {
    let (mut tokens, mut seen, mut token, mut all) = (Tokens::default(), HashSet::new(), Vec::new(), 0);
    for i in 0..len {
        source.string_into(&mut token, MAX_TOKEN, "list of tokens")?;
        all += token.len() as u64;
        if all > MAX_ALL {
            return Err(GgufError::Absurd { what: "bytes of tokens", claimed: all });
        }
        // llama.cpp stops reading at a NUL, names empty tokens, and aborts when two have the same text.
        let text = token.split(|b| *b == 0).next().unwrap_or_default();
        let name;
        let text = if text.is_empty() {
            name = format!("[EMPTY_{i}]");
            name.as_bytes()
        } else {
            text
        };
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        if !seen.insert(hasher.finish()) {
            return Err(wrong(TOKENS, format!("has token {i} twice")));
        }
        tokens.note(text);
    }
    Ok(tokens)
}

/// Whether one of the tokens' types is that of a byte.
pub(super) fn read_types<R: Read + Seek>(source: &mut Source<R>, len: u64) -> Result<bool, GgufError> {
    let mut found = false;
    for _ in 0..len {
        found |= i32::from_le_bytes(source.bytes("metadata")?) == BYTE;
    }
    Ok(found)
}

impl Tokens {
    fn note(&mut self, text: &[u8]) {
        self.longest = self.longest.max(text.len());
        if let [byte] = text {
            self.bytes.insert(*byte);
        } else if let Some(byte) = sentencepiece_byte(text) {
            self.bytes.insert(byte);
        }
        if let Some(byte) = rwkv_byte(text) {
            self.rwkv_bytes.insert(byte);
        }
    }
}

/// The byte of `<0x0A>`; only capital digits count.
fn sentencepiece_byte(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    if digits.len() != 2 || digits.iter().any(u8::is_ascii_lowercase) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The byte of a token that RWKV's tokenizer reads as a single one: itself, or escaped.
fn rwkv_byte(text: &[u8]) -> Option<u8> {
    match text {
        [byte] if *byte != b'\\' => Some(*byte),
        [b'\\', b't'] => Some(b'\t'),
        [b'\\', b'n'] => Some(b'\n'),
        [b'\\', b'r'] => Some(b'\r'),
        [b'\\', b'x', high, low] => {
            let digit = |c: u8| (c as char).to_digit(16).filter(|_| !c.is_ascii_uppercase());
            Some((digit(*high)? << 4 | digit(*low)?) as u8)
        }
        [b'\\', byte] if *byte != b'x' => Some(*byte),
        _ => None,
    }
}

impl Entries {
    /// Number of tokens, after checking what belongs to them.
    pub(super) fn vocabulary(&self) -> Result<u32, GgufError> {
        let Some(entry) = self.entry(TOKENS) else { return Err(wrong(TOKENS, "is missing")) };
        let Value::Array { of: TEXT, len, content: Content::Tokens(tokens) } = &entry.value else {
            return Err(wrong_kind(TOKENS, "a list, each a text", entry));
        };
        for key in ["tokenizer.ggml.scores", TOKEN_TYPES] {
            if let Some(Entry { value: Value::Array { len: other, .. }, .. }) = self.entry(key)
                && other < len
            {
                return Err(wrong(key, format!("has {other} elements for {len} tokens")));
            }
        }
        let count = u32::try_from(*len).ok().filter(|n| *n > 0).ok_or_else(|| wrong(TOKENS, "is empty"))?;
        self.check_tokenizer(tokens, *len)?;
        Ok(count)
    }

    fn check_tokenizer(&self, tokens: &Tokens, count: u64) -> Result<(), GgufError> {
        let Some(model) = self.text(TOKENIZER) else { return Err(wrong(TOKENIZER, "is missing")) };
        match model {
            "none" | "no_vocab" | "test" => {
                return Err(wrong(TOKENIZER, format!("is {:?}, which can't read text", shown(model))));
            }
            "llama" => all_bytes(tokens.bytes, "<0xHH>")?,
            "rwkv" => all_bytes(tokens.rwkv_bytes, "\\xHH")?,
            "bert" if matches!(self.content(TOKEN_TYPES), Some(Content::HasByteType(true))) => {
                return Err(wrong(TOKEN_TYPES, "has tokens for bytes, which a WordPiece vocabulary can't have"));
            }
            "plamo2" if tokens.longest > MAX_PLAMO_TOKEN => {
                return Err(wrong(TOKENS, format!("has a token of {} bytes", tokens.longest)));
            }
            "t5" => self.check_charsmap()?,
            _ => {}
        }
        for (name, default) in self.needed(model) {
            let key = format!("tokenizer.ggml.{name}_token_id");
            // llama.cpp passes over a given number that is too large.
            let id = self.unsigned(&key).filter(|id| *id < count).or(default.filter(|id| *id < count));
            if id.is_none() {
                return Err(wrong(&key, format!("names none of the {count} tokens, and the tokenizer needs one")));
            }
        }
        Ok(())
    }

    /// The special tokens that texts get, each with what it is unless the file says otherwise.
    fn needed(&self, model: &str) -> Vec<(&'static str, Option<u64>)> {
        let flag = |what: &str, default| {
            self.unsigned(&format!("tokenizer.ggml.add_{what}_token")).map_or(default, |given| given != 0)
        };
        let (bos, eos) = match model {
            "bert" => return vec![("bos", Some(101)), ("seperator", Some(102)), ("unknown", Some(100))],
            "llama" | "plamo2" => (Some(1), Some(2)),
            "t5" => (None, Some(1)),
            "gpt2" | "hybriddna" | "whitespace" => (Some(11), Some(11)),
            _ => (None, None),
        };
        let mut needed = Vec::new();
        if flag("bos", model == "llama" || self.begins_texts()) {
            needed.push(("bos", bos));
        }
        if flag("eos", model == "t5") {
            needed.push(("eos", eos));
        }
        if model == "t5" {
            needed.push(("unknown", Some(2)));
        }
        needed
    }

    /// The pre-tokenizers that put a token before every text unless the file says otherwise.
    fn begins_texts(&self) -> bool {
        const BEGINNING: [&str; 13] = [
            "llama3",
            "llama-v3",
            "llama-bpe",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2",
            "jina-v5-nano",
            "tekken",
            "chameleon",
            "gemma4",
            "granite-embed-multi-311m",
        ];
        self.text(TOKENIZER) == Some("gemma4")
            || self.text("tokenizer.ggml.pre").is_some_and(|pre| BEGINNING.contains(&pre))
    }

    fn check_charsmap(&self) -> Result<(), GgufError> {
        match self.content(CHARSMAP) {
            None => Ok(()),
            Some(Content::Bytes(map)) => charsmap::check(map).map_err(|reason| wrong(CHARSMAP, reason)),
            Some(_) => Err(wrong(CHARSMAP, "is no table of SentencePiece's")),
        }
    }
}

fn all_bytes(bytes: Bytes, form: &str) -> Result<(), GgufError> {
    match bytes.first_missing() {
        None => Ok(()),
        Some(byte) => Err(wrong(TOKENS, format!("has no token for the byte {byte:02X} (like {form})"))),
    }
}
