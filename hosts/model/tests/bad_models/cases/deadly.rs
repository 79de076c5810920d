//! One file for each way in which llama.cpp was seen to abort, to divide by zero, to follow a null pointer or to loop
//! until memory was gone. The header check knows them all.

use super::super::file::*;
use super::super::tiny::{self, SHAPE, Shape, llama_of};
use super::{Case, Refused};

pub fn all() -> Vec<Case> {
    [numbers(), heads(), vocabularies(), tables(), weights()].into_iter().flatten().collect()
}

fn case(name: &str, file: &File, reason: &'static str) -> Case {
    Case::of(name, file, Refused(reason))
}

fn numbers() -> Vec<Case> {
    let llama = |key: &str, value: Value| tiny::llama().set(&format!("llama.{key}"), value);
    let experts = |key: &str, value: Value| tiny::experts().set(&format!("llama.{key}"), value);
    let groups = |n, used| experts("expert_group_count", u32(n)).set("llama.expert_group_used_count", u32(used));
    vec![
        case("no layers", &llama_of(Shape { layers: 0, ..SHAPE }), "`llama.block_count`"),
        case("too many layers", &llama("block_count", u32(513)), "`llama.block_count`"),
        case("a context of one token", &llama("context_length", u32(1)), "is 1 instead of 64 to"),
        case("only predicting layers", &llama("nextn_predict_layers", u32(2)), "`llama.nextn_predict_layers`"),
        case("too many experts", &experts("expert_count", u32(1025)), "`llama.expert_count`"),
        case("experts that are not used", &llama("expert_count", u32(4)), "`llama.expert_used_count`"),
        case("more experts used than there are", &experts("expert_used_count", u32(5)), "is 5 of 4 experts"),
        case("as many groups as experts", &groups(4, 1), "`llama.expert_group_count`"),
        case("groups of unlike size", &groups(3, 1), "`llama.expert_group_count`"),
        case("groups that are not used", &groups(2, 0), "`llama.expert_group_count`"),
        case("groups without experts", &llama("expert_group_count", u32(1)), "`llama.expert_group_count`"),
        case("layers with unlike experts", &experts("expert_used_count", u32s(&[1, 2])), "differs between layers"),
        case("layers without experts", &experts("expert_used_count", u32s(&[0, 2])), "differs between layers"),
        case("RMS norm without a number", &llama("attention.layer_norm_rms_epsilon", f32(f32::NAN)), "NaN"),
        case("RMS norm below zero", &llama("attention.layer_norm_rms_epsilon", f32(-1.0)), "is -1"),
        case("norm below zero", &tiny::bert().set("bert.attention.layer_norm_epsilon", f32(f32::NEG_INFINITY)), "-inf"),
        case("embeddings longer than states", &tiny::bert().set("bert.embedding_length_out", u32(1000)), "is 1000"),
        case("unknown pooling", &tiny::bert().set("bert.pooling_type", u32(5)), "`bert.pooling_type`"),
        case("unknown scaling", &llama("rope.scaling.type", text("wild")), "`llama.rope.scaling.type`"),
        case("hardly aligned", &tiny::llama().set("general.alignment", u32(1)), "`general.alignment`"),
        case("an entry behind a NUL", &llama("expert_count\0", u32(1025)), "impossible name"),
    ]
}

fn heads() -> Vec<Case> {
    let per_layer = |kv: &[u32]| {
        let mut file = tiny::llama().set("llama.attention.head_count_kv", u32s(kv));
        file.tensors
            .retain(|tensor| !tensor.name.starts_with(b"blk.1.attn_k") && !tensor.name.starts_with(b"blk.1.attn_v"));
        file
    };
    let shaped = |shape: Shape| llama_of(shape);
    let lengths = |key, value| shaped(Shape { key, value, ..SHAPE });
    vec![
        case("heads that can't share keys", &shaped(Shape { kv: 3, ..SHAPE }), "can't be divided"),
        case("more keys than heads", &shaped(Shape { kv: 8, ..SHAPE }), "can't be divided"),
        case("a layer without keys", &per_layer(&[2, 0]), "can't be divided"),
        case("thousands of heads", &shaped(Shape { heads: 2048, ..SHAPE }), "is 2048, over 1024"),
        case("heads of odd length", &lengths(15, 15), "even number"),
        case("keys unlike values", &lengths(16, 8), "is 8, but keys have 16"),
        case("keys unlike values in BERT", &tiny::bert().set("bert.attention.key_length", u32(8)), "but keys have 8"),
        case("half rotated", &tiny::qwen2().set("qwen2.rope.dimension_count", u32(8)), "is 8 for heads of 16"),
        case("rotated too far", &tiny::qwen2().set("qwen2.rope.dimension_count", u32(18)), "is 18 for heads of 16"),
        case("too few heads", &tiny::qwen2().set("qwen2.attention.head_count", u32(2)), "heads give 32"),
        enormous(),
    ]
}

/// A small file on the disk that describes 550 GB of keys and values. Its weights are zeros that take no room.
fn enormous() -> Case {
    let (heads, length, vocabulary) = (1024, 16_384, 260);
    let mut file = llama_of(Shape { embd: 2, ff: 2, layers: 1, heads: 2, kv: 2, ..SHAPE })
        .set("llama.context_length", u32(1 << 20))
        .set("llama.attention.head_count", u32(heads))
        .set("llama.attention.head_count_kv", u32(heads))
        .set("llama.attention.key_length", u32(length))
        .set("llama.attention.value_length", u32(length))
        .set("llama.rope.dimension_count", u32(length))
        .with("token_embd.weight", |tensor| tensor.dims = vec![2, vocabulary]);
    let mut end = 0;
    for tensor in &mut file.tensors {
        if tensor.name.windows(5).any(|part| part == b"attn_") && tensor.dims.len() == 2 {
            let wide = u64::from(heads) * u64::from(length);
            tensor.dims = if tensor.name.ends_with(b"output.weight") { vec![wide, 2] } else { vec![2, wide] };
        }
        tensor.offset = Some(end);
        let size = if tensor.format == F32 { 4 } else { 2 };
        end = (end + tensor.dims.iter().product::<u64>() * size).next_multiple_of(32);
        tensor.data.clear();
    }
    let bytes = file.header();
    let len = (bytes.len() as u64).next_multiple_of(32) + end;
    Case { len, ..Case::of_bytes("keys and values of 550 GB", bytes, Refused("MiB of memory")) }
}

fn vocabularies() -> Vec<Case> {
    let read_as = |file: File, model: &str| file.set("tokenizer.ggml.model", text(model));
    let without_ids = |file: File| {
        let mut file = file;
        file.entries.retain(|(key, _)| !key.ends_with(b"_token_id"));
        file
    };
    let small = |file: File| file.tokens(|tokens| tokens.truncate(9));
    vec![
        case("no tokenizer", &read_as(tiny::llama(), "none"), "can't read text"),
        case("no vocabulary", &read_as(tiny::llama(), "no_vocab\0"), "can't read text"),
        case("a byte without a token", &without_token(tiny::sentencepiece(), 3 + 0xc3), "byte C3"),
        case("byte pairs for SentencePiece", &read_as(tiny::llama(), "llama"), "no token for the byte"),
        // This one filled the memory for minutes before it was killed.
        case("SentencePiece for RWKV", &read_as(tiny::sentencepiece(), "rwkv"), "no token for the byte"),
        case("SentencePiece for WordPiece", &read_as(tiny::sentencepiece(), "bert"), "tokens for bytes"),
        case(
            "WordPiece without a beginning",
            &tiny::bert().without("tokenizer.ggml.bos_token_id"),
            "`tokenizer.ggml.bos",
        ),
        case(
            "WordPiece without an end",
            &tiny::bert().without("tokenizer.ggml.seperator_token_id"),
            "`tokenizer.ggml.sep",
        ),
        case(
            "WordPiece with a wrong end",
            &tiny::bert().set("tokenizer.ggml.seperator_token_id", u32(999)),
            "names none",
        ),
        case("WordPiece without ids", &without_ids(tiny::bert()), "`tokenizer.ggml.bos_token_id`"),
        case(
            "a beginning that is not there",
            &small(without_ids(tiny::llama()).set("tokenizer.ggml.add_bos_token", yes(true))),
            "names none",
        ),
        case(
            "an end that is not there",
            &small(without_ids(tiny::llama()).set("tokenizer.ggml.add_eos_token", yes(true))),
            "names none",
        ),
        case("the same token twice", &tiny::llama().tokens(|tokens| tokens[9] = b"he".to_vec()), "twice"),
        case("the same token up to a NUL", &tiny::llama().tokens(|tokens| tokens[9] = b"he\0x".to_vec()), "twice"),
        case(
            "the name of an empty token",
            &tiny::llama().tokens(|tokens| {
                tokens[40].clear();
                tokens[41] = b"[EMPTY_40]".to_vec();
            }),
            "twice",
        ),
    ]
}

fn without_token(file: File, at: usize) -> File {
    file.tokens(|tokens| tokens[at] = b"another".to_vec())
}

/// Tables for normalising text that lead outside.
fn tables() -> Vec<Case> {
    let table = |at: usize, unit: u32| {
        let mut units = tiny::table();
        units[at] = unit;
        tiny::unigram_with(&units, b"b\0")
    };
    let child = 256 ^ 97;
    vec![
        case("a root outside", &table(0, u32::MAX >> 1), "precompiled_charsmap` leads to place"),
        case("a child outside", &table(child, 97 | 1 << 8 | 900 << 10), "precompiled_charsmap` leads to place"),
        case("a replacement outside", &table(child ^ 1, 1 << 31 | 2), "precompiled_charsmap` names the replacement"),
        case("a replacement without an end", &tiny::unigram_with(&tiny::table(), b"b"), "names the replacement"),
    ]
}

/// Weights in formats that no layer computes with. Number, elements and bytes of a block.
fn weights() -> Vec<Case> {
    let formatted = |file: File, tensor: &str, (format, block, bytes): (u32, usize, usize)| {
        file.with(tensor, |tensor| {
            tensor.format = format;
            tensor.data = vec![0; tensor.dims.iter().product::<u64>() as usize / block * bytes];
        })
    };
    let mut cases = Vec::new();
    for format in [(9, 32, 36), (24, 1, 1), (25, 1, 2), (26, 1, 4), (27, 1, 8), (28, 1, 8)] {
        for tensor in ["token_embd.weight", "blk.0.attn_k.weight", "blk.1.ffn_down.weight"] {
            let file = formatted(tiny::llama(), tensor, format);
            cases.push(case(&format!("{tensor} in format {}", format.0), &file, "in which no layer takes weights"));
        }
    }
    for format in [(1, 1, 2), (30, 1, 2), (2, 32, 18), (8, 32, 34), (39, 32, 17)] {
        for tensor in ["output_norm.weight", "blk.0.attn_norm.weight"] {
            let file = formatted(tiny::llama(), tensor, format);
            cases.push(case(&format!("{tensor} in format {}", format.0), &file, "must be in F32"));
        }
        for tensor in ["token_types.weight", "token_embd_norm.bias", "blk.0.attn_q.bias"] {
            let file = formatted(tiny::bert(), tensor, format);
            cases.push(case(&format!("{tensor} in format {}", format.0), &file, "must be in F32"));
        }
    }
    cases
}
