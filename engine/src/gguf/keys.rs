//! The keys that llama.cpp reads, and the kinds of values that it takes for them.

/// The vocabulary.
pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
/// What each token is for.
pub(super) const TOKEN_TYPES: &str = "tokenizer.ggml.token_type";
/// How text becomes tokens.
pub(super) const TOKENIZER: &str = "tokenizer.ggml.model";
/// How SentencePiece normalises text, as a compiled table.
pub(super) const CHARSMAP: &str = "tokenizer.ggml.precompiled_charsmap";
/// The chat template.
pub(super) const TEMPLATE: &str = "tokenizer.chat_template";
/// The template of a reranking model.
pub(super) const RERANK_TEMPLATE: &str = "tokenizer.chat_template.rerank";

/// Kinds of values, as the format numbers them.
pub(super) const U8: u32 = 0;
pub(super) const I8: u32 = 1;
pub(super) const U32: u32 = 4;
pub(super) const I32: u32 = 5;
pub(super) const F32: u32 = 6;
pub(super) const BOOL: u32 = 7;
pub(super) const TEXT: u32 = 8;
pub(super) const ARRAY: u32 = 9;

/// What kind an entry must be for llama.cpp to read it.
#[derive(Clone, Copy)]
pub(super) enum Must {
    Be(u32),
    BeArrayOf(&'static [u32]),
    BeU32OrArray,
}

/// Keys with a fixed name.
pub(super) const GENERAL: &[(&str, Must)] = &[
    ("general.name", Must::Be(TEXT)),
    ("general.type", Must::Be(TEXT)),
    ("general.file_type", Must::Be(U32)),
    ("general.alignment", Must::Be(U32)),
    (TOKENIZER, Must::Be(TEXT)),
    ("tokenizer.ggml.pre", Must::Be(TEXT)),
    ("tokenizer.ggml.scores", Must::BeArrayOf(&[F32, I32])),
    (TOKEN_TYPES, Must::BeArrayOf(&[I32])),
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
    ("tokenizer.ggml.add_sep_token", Must::Be(BOOL)),
    (CHARSMAP, Must::BeArrayOf(&[U8, I8])),
    (TEMPLATE, Must::Be(TEXT)),
    (RERANK_TEMPLATE, Must::Be(TEXT)),
];

/// Keys that start with the architecture's name.
pub(super) const OF_ARCHITECTURE: &[(&str, Must)] = &[
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
    ("embedding_length_out", Must::Be(U32)),
    ("attention.key_length", Must::Be(U32)),
    ("attention.value_length", Must::Be(U32)),
    ("attention.group_norm_epsilon", Must::Be(F32)),
    ("rope.dimension_count", Must::Be(U32)),
    ("rope.freq_base", Must::Be(F32)),
    ("rope.dimension_sections", Must::BeArrayOf(&[I32, U32])),
    ("rope.scaling.type", Must::Be(TEXT)),
    ("rope.scaling.factor", Must::Be(F32)),
    ("expert_count", Must::Be(U32)),
    ("expert_used_count", Must::BeU32OrArray),
    ("expert_group_count", Must::Be(U32)),
    ("expert_group_used_count", Must::Be(U32)),
    ("nextn_predict_layers", Must::Be(U32)),
];

/// Label of a `general.file_type`.
pub(super) fn file_type(number: u64) -> Option<&'static str> {
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
/// Bytes of a value of fixed size.
pub(super) fn fixed_size(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | BOOL => Some(1),
        2 | 3 => Some(2),
        U32 | I32 | F32 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

pub(super) fn kind_name(kind: u32) -> &'static str {
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
