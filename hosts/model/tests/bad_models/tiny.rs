//! Models so small that they load in milliseconds, as sound as any.

use super::file::*;

/// The numbers of a Llama.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Length of a hidden state and of a feed-forward layer.
    pub embd: u64,
    pub ff: u64,
    pub heads: u64,
    pub kv: u64,
    /// Lengths of a head's keys and values.
    pub key: u64,
    pub value: u64,
    pub layers: u32,
}

pub const SHAPE: Shape = Shape { embd: 64, ff: 96, heads: 4, kv: 2, key: 16, value: 16, layers: 2 };

/// Llama with byte-level BPE, as most chat models have it.
pub fn llama() -> File {
    llama_of(SHAPE)
}

/// The same with other numbers, and weights that fit them.
pub fn llama_of(shape: Shape) -> File {
    let tokens = bpe_tokens();
    let file = head("llama", &shape, &tokens);
    dense(bpe(file, &tokens), &shape, tokens.len() as u64)
}

/// Qwen 2: a Llama with biases.
pub fn qwen2() -> File {
    let mut file = llama();
    for (key, value) in &mut file.entries {
        if key == b"general.architecture" {
            *value = text("qwen2");
        } else if let Some(rest) = key.strip_prefix(b"llama.") {
            *key = [b"qwen2.", rest].concat();
        }
    }
    for layer in 0..SHAPE.layers {
        for (part, length) in [("q", 64), ("k", 32), ("v", 32)] {
            file = file.tensor(&format!("blk.{layer}.attn_{part}.bias"), &[length], F32);
        }
    }
    file
}

/// Llama with a SentencePiece vocabulary and its byte tokens.
pub fn sentencepiece() -> File {
    let mut tokens: Vec<Vec<u8>> = ["<unk>", "<s>", "</s>"].map(Into::into).into();
    tokens.extend((0..=255u8).map(|byte| format!("<0x{byte:02X}>").into_bytes()));
    tokens.extend(["\u{2581}", "a", "b", "ab"].map(Into::into));
    let mut types = vec![6; tokens.len()];
    types[..3].copy_from_slice(&[2, 3, 3]);
    types[259..].fill(1);
    let file = head("llama", &SHAPE, &tokens)
        .set("tokenizer.ggml.model", text("llama"))
        .set("tokenizer.ggml.scores", f32s(&vec![-1.0; tokens.len()]))
        .set("tokenizer.ggml.token_type", i32s(&types))
        .set("tokenizer.ggml.bos_token_id", u32(1))
        .set("tokenizer.ggml.eos_token_id", u32(2));
    dense(file, &SHAPE, tokens.len() as u64)
}

/// Llama with four experts, two of which are used for a token.
pub fn experts() -> File {
    let Shape { embd, ff, layers, .. } = SHAPE;
    let mut file = llama().set("llama.expert_count", u32(4)).set("llama.expert_used_count", u32(2));
    let replaced = [&b"ffn_gate.weight"[..], b"ffn_up.weight", b"ffn_down.weight"];
    file.tensors.retain(|tensor| !replaced.iter().any(|end| tensor.name.ends_with(end)));
    for layer in 0..layers {
        file = file
            .tensor(&format!("blk.{layer}.ffn_gate_inp.weight"), &[embd, 4], F32)
            .tensor(&format!("blk.{layer}.ffn_gate_exps.weight"), &[embd, ff, 4], F16)
            .tensor(&format!("blk.{layer}.ffn_up_exps.weight"), &[embd, ff, 4], F16)
            .tensor(&format!("blk.{layer}.ffn_down_exps.weight"), &[ff, embd, 4], F16);
    }
    file
}

/// An embedding model: BERT with WordPiece.
pub fn bert() -> File {
    let mut tokens: Vec<Vec<u8>> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(Into::into).into();
    tokens.extend(('a'..='z').flat_map(|c| [format!("\u{2581}{c}").into_bytes(), c.to_string().into_bytes()]));
    let file = head("bert", &Shape { kv: 4, ..SHAPE }, &tokens)
        .set("bert.attention.layer_norm_epsilon", f32(1e-12))
        .set("bert.attention.causal", yes(false))
        .set("bert.pooling_type", u32(1))
        .set("tokenizer.ggml.model", text("bert"))
        .set("tokenizer.ggml.token_type_count", u32(2))
        .set("tokenizer.ggml.token_type", i32s(&vec![1; tokens.len()]))
        .set("tokenizer.ggml.unknown_token_id", u32(1))
        .set("tokenizer.ggml.bos_token_id", u32(2))
        .set("tokenizer.ggml.seperator_token_id", u32(3))
        .set("tokenizer.ggml.padding_token_id", u32(0))
        .set("tokenizer.ggml.mask_token_id", u32(4));
    encoder(file, tokens.len() as u64)
}

/// BERT with a unigram vocabulary, as multilingual models have it, and a table for normalising text.
pub fn unigram() -> File {
    unigram_with(&table(), b"b\0")
}

/// A table that turns "a" into the first replacement. The root's children are around 256.
pub fn table() -> Vec<u32> {
    let mut units = vec![0; 512];
    units[0] = 256 << 10;
    units[256 ^ 97] = 97 | 1 << 8 | 1 << 10;
    units[256 ^ 97 ^ 1] = 1 << 31;
    units
}

/// The same with another table.
pub fn unigram_with(units: &[u32], replacements: &[u8]) -> File {
    let array: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let map = [&(array.len() as u32).to_le_bytes()[..], &array, replacements].concat();
    let count = 57;
    bert()
        .set("tokenizer.ggml.model", text("t5"))
        .set("tokenizer.ggml.scores", f32s(&vec![-2.0; count]))
        .set("tokenizer.ggml.add_bos_token", yes(true))
        .set("tokenizer.ggml.eos_token_id", u32(3))
        .set("tokenizer.ggml.precompiled_charsmap", list(0, map.len() as u64, map))
}

fn head(architecture: &str, shape: &Shape, tokens: &[Vec<u8>]) -> File {
    let of = |suffix: &str| format!("{architecture}.{suffix}");
    File::new()
        .set("general.architecture", text(architecture))
        .set("general.name", text("Tiny"))
        .set("general.file_type", u32(1))
        .set(&of("context_length"), u32(128))
        .set(&of("embedding_length"), u32(shape.embd as u32))
        .set(&of("block_count"), u32(shape.layers))
        .set(&of("feed_forward_length"), u32(shape.ff as u32))
        .set(&of("attention.head_count"), u32(shape.heads as u32))
        .set(&of("attention.head_count_kv"), u32(shape.kv as u32))
        .set("tokenizer.ggml.tokens", texts(tokens))
}

fn bpe(file: File, tokens: &[Vec<u8>]) -> File {
    let control = tokens.len() as u32 - 1;
    let mut types = vec![1; tokens.len()];
    types[control as usize] = 3;
    file.set("tokenizer.ggml.model", text("gpt2"))
        .set("tokenizer.ggml.pre", text("default"))
        .set("tokenizer.ggml.merges", texts(&["h e", "l l", "he ll"]))
        .set("tokenizer.ggml.token_type", i32s(&types))
        .set("tokenizer.ggml.bos_token_id", u32(control))
        .set("tokenizer.ggml.eos_token_id", u32(control))
        .set("tokenizer.ggml.add_bos_token", yes(false))
        .set("tokenizer.chat_template", text("{% for m in messages %}{{ m.content }}<|end|>{% endfor %}"))
}

fn dense(file: File, shape: &Shape, vocabulary: u64) -> File {
    let Shape { embd, ff, heads, kv, key, value, layers } = *shape;
    let mut file = file
        .set("llama.attention.layer_norm_rms_epsilon", f32(1e-5))
        .set("llama.attention.key_length", u32(key as u32))
        .set("llama.attention.value_length", u32(value as u32))
        .set("llama.rope.dimension_count", u32(key as u32))
        .set("llama.rope.freq_base", f32(10_000.0))
        .set("llama.vocab_size", u32(vocabulary as u32))
        .tensor("token_embd.weight", &[embd, vocabulary], F16)
        .tensor("output_norm.weight", &[embd], F32);
    for layer in 0..layers {
        let name = |what: &str| format!("blk.{layer}.{what}.weight");
        file = file
            .tensor(&name("attn_norm"), &[embd], F32)
            .tensor(&name("attn_q"), &[embd, heads * key], F16)
            .tensor(&name("attn_k"), &[embd, kv * key], F16)
            .tensor(&name("attn_v"), &[embd, kv * value], F16)
            .tensor(&name("attn_output"), &[heads * value, embd], F16)
            .tensor(&name("ffn_norm"), &[embd], F32)
            .tensor(&name("ffn_gate"), &[embd, ff], F16)
            .tensor(&name("ffn_up"), &[embd, ff], F16)
            .tensor(&name("ffn_down"), &[ff, embd], F16);
    }
    file
}

fn encoder(file: File, vocabulary: u64) -> File {
    let Shape { embd, ff, layers, .. } = SHAPE;
    let mut file = file
        .tensor("token_embd.weight", &[embd, vocabulary], F16)
        .tensor("position_embd.weight", &[embd, 128], F16)
        .tensor("token_types.weight", &[embd, 2], F32)
        .tensor("token_embd_norm.weight", &[embd], F32)
        .tensor("token_embd_norm.bias", &[embd], F32);
    for layer in 0..layers {
        let name = |what: &str| format!("blk.{layer}.{what}");
        for part in ["attn_q", "attn_k", "attn_v", "attn_output"] {
            file = file.tensor(&name(&format!("{part}.weight")), &[embd, embd], F16);
            file = file.tensor(&name(&format!("{part}.bias")), &[embd], F32);
        }
        file = file
            .tensor(&name("ffn_up.weight"), &[embd, ff], F16)
            .tensor(&name("ffn_up.bias"), &[ff], F32)
            .tensor(&name("ffn_down.weight"), &[ff, embd], F16)
            .tensor(&name("ffn_down.bias"), &[embd], F32);
        for part in ["attn_output_norm", "layer_output_norm"] {
            file = file.tensor(&name(&format!("{part}.weight")), &[embd], F32);
            file = file.tensor(&name(&format!("{part}.bias")), &[embd], F32);
        }
    }
    file
}

/// One token for each byte, as GPT-2 writes them, some words, and a control token.
fn bpe_tokens() -> Vec<Vec<u8>> {
    let mut spare = 256;
    let mut tokens: Vec<Vec<u8>> = (0..=255u8)
        .map(|byte| {
            let printable = (33..=126).contains(&byte) || (161..=172).contains(&byte) || byte >= 174;
            let shown = if printable { u32::from(byte) } else { spare };
            spare += u32::from(!printable);
            char::from_u32(shown).expect("a character").to_string().into_bytes()
        })
        .collect();
    tokens.extend(["he", "ll", "hell", "<|end|>"].map(Into::into));
    tokens
}
