//! Vocabularies that don't fit together.

use super::super::file::*;
use super::super::tiny;
use super::{Case, Either, Expect, Refused, Works};

pub fn all() -> Vec<Case> {
    [ids(), tables(), texts_of_tokens(), tokenizers()].into_iter().flatten().collect()
}

/// Special tokens that are not in the vocabulary.
fn ids() -> Vec<Case> {
    let mut cases = Vec::new();
    let models = [("byte pairs", tiny::llama()), ("SentencePiece", tiny::sentencepiece()), ("BERT", tiny::bert())];
    for (model, file) in &models {
        for name in ["bos", "eos", "unknown", "seperator", "mask"] {
            let key = format!("tokenizer.ggml.{name}_token_id");
            let needed = *model == "BERT" && ["bos", "unknown", "seperator"].contains(&name);
            let expect = if needed { Refused("names none of the 57 tokens") } else { Works };
            for id in [10_000, u32::MAX] {
                cases.push(Case::of(format!("{model}: {name} = {id}"), &file.clone().set(&key, u32(id)), expect));
            }
        }
        for flag in ["add_bos_token", "add_eos_token", "add_sep_token", "add_space_prefix"] {
            let mut bare = file.clone().set(&format!("tokenizer.ggml.{flag}"), yes(true));
            bare.entries.retain(|(key, _)| !key.ends_with(b"_token_id"));
            let expect = if *model == "BERT" { Refused("names none of the 57 tokens") } else { Works };
            cases.push(Case::of(format!("{model}: {flag} without ids"), &bare, expect));
        }
    }
    cases
}

/// Lists that go with the tokens.
fn tables() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, file: File, expect: Expect| cases.push(Case::of(name, &file, expect));
    let scores = |value: Value| tiny::sentencepiece().set("tokenizer.ggml.scores", value);
    let types = |value: Value| tiny::llama().set("tokenizer.ggml.token_type", value);
    let merges = |value: Value| tiny::llama().set("tokenizer.ggml.merges", value);
    add("too few scores", scores(f32s(&[0.0])), Refused("has 1 elements for 263 tokens"));
    add("too many scores", scores(f32s(&[0.0; 1000])), Works);
    add("scores that are no numbers", scores(f32s(&[f32::NAN; 263])), Works);
    add("whole scores", scores(i32s(&[-1; 263])), Works);
    add("scores of 64 bits", scores(list(12, 263, vec![0; 8 * 263])), Refused("must be"));
    add("too few types", types(i32s(&[1])), Refused("has 1 elements for 260 tokens"));
    add("types without sign", types(u32s(&[1; 260])), Refused("must be"));
    for kind in [-1, 0, 2, 3, 4, 5, 6, 77] {
        add(&format!("all types {kind}"), types(i32s(&[kind; 260])), Either);
    }
    add("no merges", merges(texts::<&str>(&[])), Works);
    add("odd merges", merges(texts(&["", " ", "a", "a  b", " a b c ", "\u{1f600} \u{1f600}"])), Works);
    add("merges that are no UTF-8", merges(texts(&[b"\xff \xfe"])), Works);
    add("the same merge a thousand times", merges(texts(&["h e"; 1000])), Works);
    for (name, map) in
        [("empty", vec![]), ("short", vec![1]), ("a length alone", vec![4, 0, 0, 0]), ("too short", vec![0xff; 64])]
    {
        let map = list(0, map.len() as u64, map);
        add(
            &format!("table: {name}"),
            tiny::unigram().set("tokenizer.ggml.precompiled_charsmap", map),
            Refused("charsmap`"),
        );
    }
    cases
}

fn texts_of_tokens() -> Vec<Case> {
    let mut cases = Vec::new();
    let with = |at: usize, token: &[u8]| tiny::llama().tokens(|tokens| tokens[at] = token.to_vec());
    let mut add = |name: &str, file: File, expect: Expect| cases.push(Case::of(name, &file, expect));
    add("no tokens", tiny::llama().set("tokenizer.ggml.tokens", texts::<&str>(&[])), Refused("is empty"));
    add("one token", tiny::llama().set("tokenizer.ggml.tokens", texts(&["a"])), Refused("token_embd.weight"));
    add("one token too many", tiny::llama().tokens(|t| t.push(b"one more".into())), Refused("for 261 tokens"));
    add("one token too few", tiny::llama().tokens(|t| drop(t.pop())), Refused("token_embd.weight"));
    add("an empty token", with(40, b""), Works);
    add("a token that is no UTF-8", with(40, b"\xff\xfe"), Works);
    add("a token of half a character", with(40, b"\xf0"), Works);
    add("a space", with(40, b" "), Works);
    add("a newline", with(40, b"\n"), Works);
    add("a long token", with(40, &[b'y'; 16_000]), Works);
    add("a longer token", with(40, &[b'y'; 20_000]), Refused("20000 bytes in one text"));
    add("a short token for a byte", tiny::sentencepiece().tokens(|t| t[10] = b"<".into()), Refused("byte 07"));
    cases
}

fn tokenizers() -> Vec<Case> {
    let mut cases = Vec::new();
    let models =
        ["", "none", "test", "llama", "bert", "t5", "rwkv", "plamo2", "gemma4", "hybriddna", "whitespace", "nonsense"];
    for model in models {
        for (base, file) in
            [("byte pairs", tiny::llama()), ("SentencePiece", tiny::sentencepiece()), ("BERT", tiny::bert())]
        {
            let expect = if ["", "nonsense", "none", "test", "rwkv"].contains(&model) { Refused("") } else { Either };
            let file = file.set("tokenizer.ggml.model", text(model));
            cases.push(Case::of(format!("{base} read as {model:?}"), &file, expect));
        }
    }
    for (pre, expect) in [
        ("", Works),
        ("nonsense", Refused("unknown pre-tokenizer")),
        ("llama-bpe", Works),
        ("qwen2", Works),
        ("gemma4", Works),
    ] {
        let file = tiny::llama().set("tokenizer.ggml.pre", text(pre));
        cases.push(Case::of(format!("cut into words as {pre:?}"), &file, expect));
    }
    cases.push(Case::of("by another name", &tiny::llama().set("general.name", text("phi-3")), Refused("llama.cpp")));
    cases
}
