//! A small synthetic file, and what becomes of it when it is damaged.
#![allow(clippy::unwrap_used)]

mod agreement;

use super::*;
use std::io::Cursor;

/// Builds GGUF files entry by entry.
#[derive(Default)]
struct File {
    entries: Vec<Vec<u8>>,
    tensors: Vec<Vec<u8>>,
    data: usize,
}

fn text(s: &str) -> Vec<u8> {
    [&(s.len() as u64).to_le_bytes()[..], s.as_bytes()].concat()
}

fn entry(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&text(key)[..], &kind.to_le_bytes(), value].concat()
}

fn texts(items: &[&str]) -> Vec<u8> {
    let mut out = [&8u32.to_le_bytes()[..], &(items.len() as u64).to_le_bytes()].concat();
    items.iter().for_each(|item| out.extend(text(item)));
    out
}

impl File {
    fn entry(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.entries.push(entry(key, kind, value));
        self
    }

    fn number(self, key: &str, n: u32) -> Self {
        self.entry(key, 4, &n.to_le_bytes())
    }

    fn tensor(mut self, name: &str, dims: &[u64], format: u32, offset: u64) -> Self {
        let mut out = [&text(name)[..], &(dims.len() as u32).to_le_bytes()].concat();
        dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
        out.extend(format.to_le_bytes());
        out.extend(offset.to_le_bytes());
        self.tensors.push(out);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = [&b"GGUF"[..], &3u32.to_le_bytes(), &(self.tensors.len() as u64).to_le_bytes()].concat();
        out.extend((self.entries.len() as u64).to_le_bytes());
        self.entries.iter().chain(&self.tensors).for_each(|part| out.extend(part));
        out.resize(out.len().next_multiple_of(32) + self.data, 0);
        out
    }
}

fn with_data(mut file: File, data: usize) -> File {
    file.data = data;
    file
}

fn metadata() -> File {
    File::default()
        .entry("general.architecture", 8, &text("llama"))
        .entry("general.name", 8, &text("Tiny"))
        .number("general.file_type", 3)
        .number("llama.context_length", 2048)
        .number("llama.embedding_length", 64)
        .number("llama.block_count", 2)
        .number("llama.attention.head_count", 4)
        .entry("tokenizer.ggml.model", 8, &text("gpt2"))
        .entry("tokenizer.ggml.tokens", 9, &texts(&["a", "b", "ab"]))
        .entry("tokenizer.chat_template", 8, &text("{{ messages }}"))
}

/// Two tensors: 64 x 3 in Q4_1 (6 blocks of 20 bytes, padded to 128) and 64 in F32.
fn tiny() -> File {
    with_data(metadata().tensor("token_embd.weight", &[64, 3], 3, 0).tensor("norm.weight", &[64], 0, 128), 128 + 256)
}

fn parse(bytes: Vec<u8>) -> Result<Header, GgufError> {
    let len = bytes.len() as u64;
    read_from(Cursor::new(bytes), len)
}

fn reason(file: File) -> String {
    parse(file.bytes()).unwrap_err().to_string()
}

#[test]
fn a_sound_file_is_described() {
    let header = parse(tiny().bytes()).unwrap();
    assert_eq!(header.architecture, "llama");
    assert_eq!(header.name.as_deref(), Some("Tiny"));
    assert_eq!(header.parameters, 64 * 3 + 64);
    assert_eq!((header.context_length, header.embedding_length, header.block_count), (2048, 64, 2));
    assert_eq!(header.vocabulary, 3);
    assert_eq!(header.chat_template.as_deref(), Some("{{ messages }}"));
    assert_eq!(header.quantization, "Q4_1");
    assert_eq!(header.role, Role::Chat);
}

#[test]
fn a_pooling_makes_an_embedding_model_and_the_largest_format_names_an_unlabelled_one() {
    let file = with_data(
        File::default()
            .entry("general.architecture", 8, &text("bert"))
            .number("bert.context_length", 512)
            .number("bert.embedding_length", 64)
            .number("bert.block_count", 1)
            .number("bert.attention.head_count", 4)
            .number("bert.pooling_type", 1)
            .entry("tokenizer.ggml.model", 8, &text("gpt2"))
            .entry("tokenizer.ggml.tokens", 9, &texts(&["a"]))
            .tensor("token_embd.weight", &[64, 1], 1, 0),
        128,
    );
    let header = parse(file.bytes()).unwrap();
    assert_eq!(header.role, Role::Embedding);
    assert_eq!(header.quantization, "F16");
    assert_eq!(header.name, None);
}

#[test]
fn a_reranker_needs_a_head_for_its_scores() {
    let file = |labels: &[&str], heads: &[&str]| {
        let mut file = File::default()
            .entry("general.architecture", 8, &text("bert"))
            .number("bert.context_length", 512)
            .number("bert.embedding_length", 64)
            .number("bert.block_count", 1)
            .number("bert.attention.head_count", 4)
            .number("bert.pooling_type", 4)
            .entry("bert.classifier.output_labels", 9, &texts(labels))
            .entry("tokenizer.chat_template.rerank", 8, &text("{query}|{document}"))
            .entry("tokenizer.ggml.model", 8, &text("gpt2"))
            .entry("tokenizer.ggml.tokens", 9, &texts(&["a"]));
        for (at, head) in heads.iter().enumerate() {
            file = file.tensor(head, &[64], 0, at as u64 * 256);
        }
        parse(with_data(file, 256 * heads.len()).bytes())
    };
    let header = file(&["yes", "no"], &["cls.weight", "cls.output.weight"]).unwrap();
    assert_eq!(header.role, Role::Reranker);
    assert_eq!(header.rerank_template.as_deref(), Some("{query}|{document}"));
    assert!(file(&[], &["cls.weight"]).is_ok());
    for (labels, head) in [(&["yes", "no"][..], "cls.weight"), (&[], "token_embd.weight")] {
        let refused = file(labels, &[head]).unwrap_err().to_string();
        assert!(refused.contains("cls.output.weight"), "{refused}");
    }
}

#[test]
fn foreign_files_are_named() {
    assert!(parse(b"version https://git-lfs".to_vec()).unwrap_err().to_string().contains("Git LFS"));
    assert!(parse(b"<!DOCTYPE html>".to_vec()).unwrap_err().to_string().contains("web page"));
    assert_eq!(parse(Vec::new()), Err(GgufError::Truncated("first bytes")));
    assert_eq!(parse(b"GG".to_vec()), Err(GgufError::Truncated("first bytes")));
    let mut old = tiny().bytes();
    old[4] = 1;
    assert!(matches!(parse(old), Err(GgufError::Version(_))));
    let mut swapped = tiny().bytes();
    swapped[4..8].copy_from_slice(&3u32.to_be_bytes());
    assert!(parse(swapped).unwrap_err().to_string().contains("big-endian"));
    assert_eq!(read(Path::new("/")), Err(GgufError::NotAFile));
    assert!(matches!(read(Path::new("/no/such/model.gguf")), Err(GgufError::Io(_))));
}

#[test]
fn every_cut_is_noticed() {
    let whole = tiny().bytes();
    for len in 0..whole.len() {
        let cut = parse(whole[..len].to_vec()).unwrap_err();
        assert!(matches!(cut, GgufError::Truncated(_)), "cut at {len}: {cut}");
    }
}

#[test]
fn absurd_counts_and_lengths_are_refused_without_reading_on() {
    for at in [8, 16] {
        let mut bytes = tiny().bytes();
        bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(parse(bytes), Err(GgufError::Absurd { .. })));
    }
    let mut list = 8u32.to_le_bytes().to_vec();
    list.extend(u64::MAX.to_le_bytes());
    let long_list = tiny().entry("x", 9, &list).bytes();
    assert!(matches!(parse(long_list), Err(GgufError::Absurd { .. })));
    let mut numbers = 10u32.to_le_bytes().to_vec();
    numbers.extend((u64::MAX / 4).to_le_bytes());
    assert!(matches!(parse(tiny().entry("x", 9, &numbers).bytes()), Err(GgufError::Absurd { .. })));
    let long_text = tiny().entry("x", 8, &(u64::MAX - 8).to_le_bytes()).bytes();
    assert!(matches!(parse(long_text), Err(GgufError::Truncated(_))));
}

#[test]
fn wrong_kinds_are_named_by_key() {
    let replaced = |key: &str, with: Vec<u8>| {
        let mut file = tiny();
        let at = file.entries.iter().position(|e| e.starts_with(&text(key))).unwrap();
        file.entries[at] = with;
        reason(file)
    };
    let as_text = |key: &str| entry(key, 8, &text("4096"));
    assert!(
        replaced("llama.context_length", as_text("llama.context_length")).contains("`llama.context_length` must be")
    );
    assert!(replaced("llama.block_count", as_text("llama.block_count")).contains("but is a text"));
    let number = entry("general.architecture", 4, &7u32.to_le_bytes());
    assert!(replaced("general.architecture", number).contains("must be a text"));
    let numbers = [&4u32.to_le_bytes()[..], &1u64.to_le_bytes(), &9u32.to_le_bytes()].concat();
    assert!(replaced("tokenizer.ggml.tokens", entry("tokenizer.ggml.tokens", 9, &numbers)).contains("each a text"));
    let twice = entry("tokenizer.ggml.tokens", 9, &texts(&["a", "b", "a"]));
    assert!(replaced("tokenizer.ggml.tokens", twice).contains("token 2 twice"));
    let template = entry("tokenizer.chat_template", 7, &[1]);
    assert!(replaced("tokenizer.chat_template", template).contains("true or false"));
    assert!(replaced("general.name", entry("general.name", 99, &[])).contains("unknown type 99"));
    assert!(replaced("general.name", entry("general.file_type", 4, &[0; 4])).contains("appears twice"));
    assert!(replaced("general.architecture", entry("general.other", 7, &[1])).contains("is missing"));
    let huge = entry("llama.block_count", 4, &100_000u32.to_le_bytes());
    assert!(replaced("llama.block_count", huge).contains("100000"));
    assert!(reason(tiny().entry("llama.rope.scaling.type", 8, &text("wild"))).contains("wild"));
    assert!(reason(tiny().number("llama.expert_used_count", 2)).contains("2 of 0 experts"));
    assert!(reason(tiny().number("general.alignment", 3)).contains("power of two"));
    assert!(reason(tiny().entry("split.count", 2, &4u16.to_le_bytes())).contains("one of 4 parts"));
    assert!(reason(tiny().entry("general.type", 8, &text("adapter"))).contains("adapter"));
}

#[test]
fn tensors_must_be_sound_and_in_order() {
    let with = |name: &str, dims: &[u64], format, offset| {
        reason(with_data(metadata().tensor("first", &[64], 0, 0).tensor(name, dims, format, offset), 4096))
    };
    assert!(with("first", &[64], 0, 256).contains("appears twice"));
    assert!(with("second", &[64], 0, 128).contains("inside the tensor before"));
    assert!(with("second", &[64], 0, 257).contains("no multiple of 32"));
    assert!(with("second", &[64], 0, 512).contains("leaving a hole"));
    assert!(with("second", &[65], 3, 256).contains("blocks of 32"));
    assert!(with("second", &[64], 4, 256).contains("format 4"));
    assert!(with("second", &[0], 0, 256).contains("impossible size"));
    assert!(with("second", &[1 << 40, 1 << 40], 0, 256).contains("impossible size"));
    assert!(with("second", &[1 << 62], 28, 256).contains("larger than any file"));
    assert!(with("second", &[1; 5], 0, 256).contains("5 dimensions"));
    assert!(with("second", &[1 << 40], 0, 256).contains("middle of its weights"));
    assert!(with(&"n".repeat(64), &[64], 0, 256).contains("64 bytes in one text"));
    assert!(reason(metadata()).contains("no weights"));
}

/// xorshift: the same damage on every run.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn no_mutation_panics() {
    let whole = tiny().bytes();
    let mut state = 0x5eed_1234_5678_9abc_u64;
    let mut refused = 0;
    for round in 0..4_000 {
        let mut bytes = whole.clone();
        for _ in 0..=(round % 4) {
            let at = next(&mut state) as usize % (bytes.len() - 8);
            match next(&mut state) % 4 {
                0 => bytes[at] ^= 1 << (next(&mut state) % 8),
                1 => bytes[at] = next(&mut state) as u8,
                2 => bytes[at..at + 8].copy_from_slice(&next(&mut state).to_le_bytes()),
                _ => {
                    bytes.truncate(at.max(9));
                }
            }
            if bytes.len() < 16 {
                break;
            }
        }
        match parse(bytes) {
            Ok(header) => assert!(header.parameters > 0),
            Err(error) => {
                refused += 1;
                assert!(error.to_string().len() < 400, "{error}");
            }
        }
    }
    assert!(refused > 1_000, "only {refused} of 4000 damaged files were refused");
}

#[test]
fn an_adapter_is_told_from_a_model() {
    let adapter = || {
        let kinds = File::default().entry("general.architecture", 8, &text("llama"));
        let kinds = kinds.entry("general.type", 8, &text("adapter")).entry("adapter.type", 8, &text("lora"));
        with_data(kinds.tensor("blk.0.attn_q.weight.lora_a", &[64, 2], 0, 0), 512)
    };
    let check = |bytes: Vec<u8>| adapter::check_adapter_from(Cursor::new(bytes.clone()), bytes.len() as u64);
    assert_eq!(check(adapter().entry("adapter.lora.alpha", 6, &1f32.to_le_bytes()).bytes()), Ok(()));
    assert!(matches!(check(adapter().number("adapter.lora.alpha", 1).bytes()), Err(GgufError::Entry { .. })));
    assert!(matches!(check(tiny().bytes()), Err(GgufError::Unsupported(_))));
    let whole = adapter().bytes();
    assert!(check(whole[..whole.len() - 8].to_vec()).is_err());
    assert!(matches!(read_from(Cursor::new(whole.clone()), whole.len() as u64), Err(GgufError::Unsupported(_))));
}
