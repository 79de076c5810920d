//! Metadata of a wrong kind, and numbers that no model has.

use super::super::file::*;
use super::super::tiny;
use super::{Case, Either, Expect, MODELS, Refused, Works};

pub fn all() -> Vec<Case> {
    [kinds(), missing(), numbers(), fractions(), lists(), texts_of_many_kinds()].into_iter().flatten().collect()
}

/// Each entry as other kinds.
fn kinds() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (_, model) in MODELS {
        let file = model();
        for (key, own) in &file.entries {
            if !seen.insert(key.clone()) {
                continue;
            }
            let key = String::from_utf8(key.clone()).unwrap();
            let mut others = vec![f32(2.0), u64(2), text("2"), u8(2), i32(2), f64(2.0)];
            // Some may be given for each layer.
            if own.kind != 4 {
                others.extend([u32(2), f32s(&[2.0])]);
            }
            for value in others.into_iter().filter(|value| value.kind != own.kind) {
                let name = format!("{key} as kind {}", value.kind);
                cases.push(Case::of(name, &file.clone().set(&key, value), Refused("must be")));
            }
        }
    }
    cases
}

fn missing() -> Vec<Case> {
    let mut cases = Vec::new();
    for (model, file) in [("llama", tiny::llama()), ("bert", tiny::bert())] {
        for (key, _) in &file.entries {
            let key = String::from_utf8(key.clone()).unwrap();
            let needed = [
                "architecture",
                "context_length",
                "embedding_length",
                "block_count",
                "head_count",
                "ggml.model",
                "tokens",
            ];
            let expect = if needed.iter().any(|end| key.ends_with(end)) { Refused("`") } else { Either };
            cases.push(Case::of(format!("{model} without {key}"), &file.clone().without(&key), expect));
        }
    }
    cases
}

fn numbers() -> Vec<Case> {
    let mut cases = Vec::new();
    for (own, model) in [("llama", tiny::llama as fn() -> File), ("llama", tiny::experts), ("bert", tiny::bert)] {
        for (key, numbers, expect) in [
            ("context_length", &[0, 63, (1 << 30) + 1, u32::MAX][..], Refused("context_length`")),
            ("context_length", &[64, 1 << 30], Either),
            ("embedding_length", &[0, 1 << 21, u32::MAX], Refused("embedding_length`")),
            ("embedding_length", &[1, 32, 65, 1 << 20], Refused("")),
            ("block_count", &[0, 1 << 16, u32::MAX], Refused("block_count`")),
            ("block_count", &[1, 3, 512], Refused("")),
            ("feed_forward_length", &[0, 1, 95, 1 << 31, u32::MAX], Refused("")),
            ("attention.head_count", &[0, 3, 1 << 20, u32::MAX], Refused("attention.head_count")),
            ("attention.head_count", &[1, 8], Refused("")),
            ("attention.head_count_kv", &[0, 3, 8, 1 << 31, u32::MAX], Refused("attention.head_count_kv`")),
            ("attention.key_length", &[0, 1, 8, 1 << 20, u32::MAX], Refused("_length`")),
            ("attention.value_length", &[0, 7, 32, 1 << 31, u32::MAX], Refused("_length`")),
            ("rope.dimension_count", &[1, 15, 17, 1 << 31, u32::MAX], Refused("rope.dimension_count`")),
            ("rope.scaling.original_context_length", &[0, u32::MAX], Works),
            ("expert_used_count", &[9, 1 << 31, u32::MAX], Refused("expert_used_count`")),
            ("expert_count", &[1 << 20, u32::MAX], Refused("expert_count`")),
            ("expert_group_count", &[5, 1 << 31, u32::MAX], Refused("expert_group_count`")),
            ("nextn_predict_layers", &[2, 1 << 31, u32::MAX], Refused("nextn_predict_layers`")),
            ("pooling_type", &[6, 1 << 31], Refused("pooling_type`")),
            ("attention.sliding_window", &[0, 1, u32::MAX], Works),
        ] {
            for n in numbers {
                let key = format!("{own}.{key}");
                cases.push(Case::of(format!("{key} = {n}"), &model().set(&key, u32(*n)), expect));
            }
        }
    }
    for n in [0, 1, 16, 24, 1 << 21, u32::MAX] {
        let file = tiny::llama().set("general.alignment", u32(n));
        cases.push(Case::of(format!("aligned to {n}"), &file, Refused("general.alignment`")));
    }
    for n in [64, 4096, 1 << 20] {
        let mut file = tiny::llama().set("general.alignment", u32(n));
        cases.push(Case::of(format!("not aligned to {n}"), &file, Either));
        file.alignment = n as usize;
        cases.push(Case::of(format!("aligned to {n}"), &file, Works));
    }
    cases.push(Case::of("unknown format", &tiny::llama().set("general.file_type", u32(u32::MAX)), Works));
    cases
}

fn fractions() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |file: File, key: &str, values: &[f32], expect: Expect| {
        for value in values {
            cases.push(Case::of(format!("{key} = {value}"), &file.clone().set(key, f32(*value)), expect));
        }
    };
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0];
    let other = [f32::NAN, f32::NEG_INFINITY, 0.0, 1e-45, f32::MAX];
    add(tiny::llama(), "llama.attention.layer_norm_rms_epsilon", &odd, Refused("epsilon`"));
    add(tiny::llama(), "llama.attention.layer_norm_rms_epsilon", &[0.0, f32::MAX], Works);
    add(tiny::bert(), "bert.attention.layer_norm_epsilon", &odd, Refused("epsilon`"));
    add(tiny::llama(), "llama.rope.freq_base", &other, Either);
    add(tiny::llama(), "llama.rope.scaling.factor", &other, Either);
    add(tiny::llama(), "llama.rope.scaling.attn_factor", &other, Either);
    add(tiny::bert(), "bert.attention.max_alibi_bias", &other[..2], Either);
    cases
}

/// Numbers for each layer.
fn lists() -> Vec<Case> {
    let mut cases = Vec::new();
    for key in ["attention.head_count", "attention.head_count_kv", "feed_forward_length", "expert_used_count"] {
        let key = format!("llama.{key}");
        let mut add = |shown: &str, value: Value, expect: Expect| {
            cases.push(Case::of(format!("{key} = {shown}"), &tiny::llama().set(&key, value), expect));
        };
        for numbers in [&[][..], &[2], &[0, 2], &[2, u32::MAX], &[7, 7], &[2; 3], &[2; 512], &[2; 2000]] {
            add(&format!("{} numbers", numbers.len()), u32s(numbers), Refused(""));
        }
        add("fractions", f32s(&[2.0, 2.0]), Refused("must be"));
        add("below zero", i32s(&[-2, -2]), Refused(""));
        add("64 bits", list(10, 2, vec![2; 16]), Refused("must be"));
        add("texts", texts(&["2", "2"]), Refused("must be"));
        add("true or false", list(7, 2, vec![1, 1]), Refused("must be"));
    }
    let same = tiny::llama().set("llama.attention.head_count_kv", u32s(&[2, 2]));
    cases.push(Case::of("the same for both layers", &same, Works));
    cases
}

fn texts_of_many_kinds() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, expect) in
        [("linear", Works), ("none", Works), ("yarn", Works), ("", Refused("unknown")), ("dynamic", Refused("unknown"))]
    {
        let file = tiny::llama().set("llama.rope.scaling.type", text(kind));
        cases.push(Case::of(format!("scaling {kind:?}"), &file, expect));
    }
    for kind in ["adapter", "mmproj", "imatrix", ""] {
        let file = tiny::llama().set("general.type", text(kind));
        cases.push(Case::of(format!("type {kind:?}"), &file, Refused("not a whole model")));
    }
    for architecture in
        ["gemma3", "gpt2", "mamba", "rwkv6", "clip", "t5", "wavtokenizer-dec", "unheard-of", "(unknown)"]
    {
        let mut file = tiny::llama().set("general.architecture", text(architecture));
        for (key, _) in &mut file.entries {
            if let Some(rest) = key.strip_prefix(b"llama.") {
                *key = [architecture.as_bytes(), b".", rest].concat();
            }
        }
        cases.push(Case::of(format!("llama as {architecture}"), &file, Refused("")));
    }
    for (count, expect) in [(1u16, Works), (2, Refused("one of 2 parts")), (u16::MAX, Refused("parts"))] {
        let value = Value { kind: 2, bytes: count.to_le_bytes().into() };
        cases.push(Case::of(format!("one of {count} parts"), &tiny::llama().set("split.count", value), expect));
    }
    cases
}
