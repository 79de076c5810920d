//! Metadata and weights that don't fit together: all of it makes llama.cpp abort, divide by zero or follow a null
//! pointer, as the model host's tests show with the real one.

use super::*;

/// The tiny file as another architecture. Of the entries, those with a dot in front get its name, and those that the
/// file has anyway take their place.
fn model_of(architecture: &str, entries: &[(&str, u32, Vec<u8>)]) -> File {
    let base = [
        ("general.architecture", 8, text(architecture)),
        (".context_length", 4, number(2048)),
        (".embedding_length", 4, number(64)),
        (".block_count", 4, number(2)),
        (".attention.head_count", 4, number(4)),
        ("tokenizer.ggml.model", 8, text("gpt2")),
        ("tokenizer.ggml.tokens", 9, texts(&["a", "b", "ab"])),
    ];
    let kept = base.iter().filter(|(key, ..)| !entries.iter().any(|(other, ..)| other == key));
    let file = kept.chain(entries).fold(File::default(), |file, (key, kind, value)| {
        let key = if key.starts_with('.') { format!("{architecture}{key}") } else { key.to_string() };
        file.entry(&key, *kind, value)
    });
    with_data(file.tensor("token_embd.weight", &[64, 3], 0, 0), 768)
}

fn number(n: u32) -> Vec<u8> {
    n.to_le_bytes().into()
}

fn numbers(items: &[u32]) -> Vec<u8> {
    let items: Vec<u8> = items.iter().flat_map(|n| n.to_le_bytes()).collect();
    [&4u32.to_le_bytes()[..], &(items.len() as u64 / 4).to_le_bytes(), &items].concat()
}

/// Numbers of the architecture: each a key and its value.
fn with_numbers(architecture: &str, entries: &[(&str, u32)]) -> Result<Header, GgufError> {
    let entries: Vec<_> = entries.iter().map(|(key, n)| (*key, 4, number(*n))).collect();
    parse(model_of(architecture, &entries).bytes())
}

fn with_entry(architecture: &str, key: &str, kind: u32, value: Vec<u8>) -> Result<Header, GgufError> {
    parse(model_of(architecture, &[(key, kind, value)]).bytes())
}

/// Refused, with the entry named.
fn refused(outcome: Result<Header, GgufError>, key: &str) {
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains(&format!("{key}`")), "{key}: {error}");
}

#[test]
fn heads_must_share_keys_and_values_evenly() {
    let header = with_numbers("llama", &[(".attention.head_count_kv", 2)]).unwrap();
    // Two layers, two heads, 16 keys and 16 values of 2 bytes.
    assert_eq!(header.memory_per_token, 2 * 2 * 32 * 2);
    for kv in [0, 3, 8, u32::MAX] {
        refused(with_numbers("llama", &[(".attention.head_count_kv", kv)]), "llama.attention.head_count_kv");
    }
    for heads in [0, 1025, u32::MAX] {
        let outcome = with_numbers("llama", &[(".attention.head_count", heads)]);
        refused(outcome, "llama.attention.head_count");
    }
    for lists in [&[2][..], &[2, 2, 2], &[2, 0], &[2, 3], &[]] {
        refused(with_entry("llama", ".attention.head_count_kv", 9, numbers(lists)), "llama.attention.head_count_kv");
    }
    assert!(with_entry("llama", ".attention.head_count_kv", 9, numbers(&[2, 4])).is_ok());
    let negative = [&5u32.to_le_bytes()[..], &2u64.to_le_bytes(), &[0xff; 8]].concat();
    refused(with_entry("llama", ".attention.head_count_kv", 9, negative), "llama.attention.head_count_kv");
    // Hybrids mark their layers without attention so.
    assert!(with_entry("lfm2", ".attention.head_count_kv", 9, numbers(&[2, 0])).is_ok());
    assert_eq!(with_numbers("mamba", &[(".attention.head_count", 0)]).unwrap().memory_per_token, 0);
}

#[test]
fn heads_must_have_lengths_that_can_be_rotated() {
    let lengths = |architecture, keys, values, rotated| {
        let numbers =
            [(".attention.key_length", keys), (".attention.value_length", values), (".rope.dimension_count", rotated)];
        with_numbers(architecture, &numbers)
    };
    assert!(lengths("llama", 32, 32, 32).is_ok());
    assert!(lengths("phi2", 32, 32, 8).is_ok());
    assert!(lengths("mimo2", 32, 16, 16).is_ok());
    refused(lengths("llama", 15, 15, 15), "llama.attention.key_length");
    refused(lengths("llama", 0, 16, 0), "llama.attention.key_length");
    refused(lengths("llama", 16, 1 << 31, 16), "llama.attention.value_length");
    refused(lengths("llama", 16, 8, 16), "llama.attention.value_length");
    refused(lengths("llama", 16, 16, 8), "llama.rope.dimension_count");
    refused(lengths("phi2", 16, 16, 7), "phi2.rope.dimension_count");
    refused(lengths("phi2", 16, 16, 18), "phi2.rope.dimension_count");
    let sections = |lengths: &[u32]| {
        let list = [&5u32.to_le_bytes()[..], &numbers(lengths)[4..]].concat();
        with_entry("qwen2vl", ".rope.dimension_sections", 9, list)
    };
    assert!(sections(&[2, 3, 3, 0]).is_ok());
    refused(sections(&[0, 0, 0, 8]), "qwen2vl.rope.dimension_sections");
    refused(sections(&[2, u32::MAX, 0, 0]), "qwen2vl.rope.dimension_sections");
}

#[test]
fn experts_must_be_there() {
    let experts = |count, used, groups, used_groups| {
        let numbers = [
            (".expert_count", count),
            (".expert_used_count", used),
            (".expert_group_count", groups),
            (".expert_group_used_count", used_groups),
        ];
        with_numbers("llama", &numbers)
    };
    for sound in [(0, 0, 0, 0), (8, 2, 0, 0), (8, 2, 1, 1), (8, 2, 4, 2)] {
        assert!(experts(sound.0, sound.1, sound.2, sound.3).is_ok(), "{sound:?}");
    }
    for (count, used) in [(0, 1), (8, 0), (8, 9), (1, u32::MAX)] {
        refused(experts(count, used, 0, 0), "llama.expert_used_count");
    }
    for (groups, used) in [(8, 2), (9, 2), (3, 2), (4, 0), (4, 4), (u32::MAX, 1)] {
        refused(experts(8, 2, groups, used), "llama.expert_group_count");
    }
    refused(experts(0, 0, 1, 0), "llama.expert_group_count");
    refused(experts(1025, 1, 0, 0), "llama.expert_count");
    refused(with_numbers("llama", &[(".expert_count", 8)]), "llama.expert_used_count");
    let listed = |used: &[u32]| {
        parse(model_of("llama", &[(".expert_count", 4, number(8)), (".expert_used_count", 9, numbers(used))]).bytes())
    };
    assert!(listed(&[2, 2]).is_ok());
    for used in [&[0, 2][..], &[1, 2], &[9, 9], &[0, 0], &[2]] {
        refused(listed(used), "llama.expert_used_count");
    }
}

#[test]
fn numbers_that_something_is_divided_by_are_not_zero() {
    for key in [".ssm.conv_kernel", ".ssm.inner_size", ".ssm.group_count", ".wkv.head_size", ".kda.head_dim"] {
        refused(with_numbers("mamba2", &[(key, 0)]), &format!("mamba2{key}"));
    }
    let ssm = |inner, rank, groups| {
        let numbers = [(".ssm.inner_size", inner), (".ssm.time_step_rank", rank), (".ssm.group_count", groups)];
        with_numbers("mamba2", &numbers)
    };
    assert!(ssm(1536, 24, 1).is_ok());
    refused(ssm(1536, 23, 1), "mamba2.ssm.inner_size");
    refused(ssm(1536, 24, 5), "mamba2.ssm.inner_size");
    refused(
        with_numbers("ernie4_5-moe", &[(".interleave_moe_layer_step", 0)]),
        "ernie4_5-moe.interleave_moe_layer_step",
    );
    refused(with_numbers("llama", &[(".nextn_predict_layers", 2)]), "llama.nextn_predict_layers");
    refused(with_numbers("llama", &[(".embedding_length_out", 65)]), "llama.embedding_length_out");
    refused(with_numbers("bert", &[(".pooling_type", 5)]), "bert.pooling_type");
    assert!(with_numbers("bert", &[(".pooling_type", u32::MAX)]).is_ok());
    for epsilon in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e-6] {
        let outcome = with_entry("llama", ".attention.layer_norm_rms_epsilon", 6, epsilon.to_le_bytes().into());
        refused(outcome, "llama.attention.layer_norm_rms_epsilon");
    }
    refused(with_numbers("llama", &[("general.alignment", 16)]), "general.alignment");
}

#[test]
fn a_vocabulary_must_have_what_its_tokenizer_looks_up() {
    let vocabulary = |model: &str, tokens: &[String], more: &[(&str, u32, Vec<u8>)]| {
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let own = [("tokenizer.ggml.model", 8, text(model)), ("tokenizer.ggml.tokens", 9, texts(&tokens))];
        parse(model_of("llama", &[&own[..], more].concat()).bytes())
    };
    let id = |name: &'static str, n| (name, 4, number(n));
    let bytes = |form: fn(u8) -> String| (0..=255u8).map(form).collect::<Vec<_>>();
    let hex = bytes(|byte| format!("<0x{byte:02X}>"));
    assert!(vocabulary("llama", &hex, &[]).is_ok());
    refused(vocabulary("llama", &hex[..255], &[]), "tokenizer.ggml.tokens");
    refused(vocabulary("llama", &bytes(|byte| format!("<0x{byte:02x}>")), &[]), "tokenizer.ggml.tokens");
    let escaped = bytes(|byte| format!("\\x{byte:02x}"));
    assert!(vocabulary("rwkv", &escaped, &[]).is_ok());
    refused(vocabulary("rwkv", &escaped[1..], &[]), "tokenizer.ggml.tokens");
    for model in ["none", "no_vocab", "test", "none\0, really"] {
        refused(vocabulary(model, &hex, &[]), "tokenizer.ggml.model");
    }

    // WordPiece begins and ends every text.
    let few = &hex[..9];
    let ids = [
        id("tokenizer.ggml.bos_token_id", 1),
        id("tokenizer.ggml.seperator_token_id", 2),
        id("tokenizer.ggml.unknown_token_id", 8),
    ];
    assert!(vocabulary("bert", few, &ids).is_ok());
    assert!(vocabulary("bert", &hex, &[]).is_ok());
    for missing in 0..ids.len() {
        let mut less = ids.to_vec();
        let (key, ..) = less.remove(missing);
        refused(vocabulary("bert", few, &less), key);
        less.push(id(key, 9));
        refused(vocabulary("bert", few, &less), key);
    }
    let types = [&5u32.to_le_bytes()[..], &9u64.to_le_bytes(), &[6, 0, 0, 0].repeat(9)].concat();
    let with_types = [&ids[..], &[("tokenizer.ggml.token_type", 9, types)]].concat();
    refused(vocabulary("bert", few, &with_types), "tokenizer.ggml.token_type");

    // Others only when the file or the kind of tokenizer says so.
    assert!(vocabulary("gpt2", few, &[]).is_ok());
    for (flag, key) in [("bos", "tokenizer.ggml.bos_token_id"), ("eos", "tokenizer.ggml.eos_token_id")] {
        let flag = format!("tokenizer.ggml.add_{flag}_token");
        refused(vocabulary("gpt2", few, &[(&flag, 7, vec![1])]), key);
        assert!(vocabulary("gpt2", few, &[(&flag, 7, vec![1]), id(key, 0)]).is_ok());
        assert!(vocabulary("gpt2", &hex, &[(&flag, 7, vec![1])]).is_ok());
    }
    refused(vocabulary("gpt2", few, &[("tokenizer.ggml.pre", 8, text("llama-bpe"))]), "tokenizer.ggml.bos_token_id");
    let charsmap = [&0u32.to_le_bytes()[..], &8u64.to_le_bytes(), &[0xff; 8]].concat();
    refused(
        vocabulary("t5", few, &[("tokenizer.ggml.precompiled_charsmap", 9, charsmap)]),
        "tokenizer.ggml.precompiled_charsmap",
    );
}

#[test]
fn names_are_compared_as_llama_cpp_reads_them() {
    let tokens = |items: &[&str]| with_entry("llama", "tokenizer.ggml.tokens", 9, texts(items));
    assert!(tokens(&["a", "", ""]).is_ok());
    refused(tokens(&["a", "", "[EMPTY_1]"]), "tokenizer.ggml.tokens");
    refused(tokens(&["a", "b", "a\0c"]), "tokenizer.ggml.tokens");
    let long = "x".repeat(20_000);
    assert!(matches!(tokens(&["a", &long]), Err(GgufError::Absurd { .. })));
    let hidden = with_entry("llama", "llama.expert_count\0", 4, number(1_000)).unwrap_err();
    assert!(hidden.to_string().contains("impossible name"), "{hidden}");
    let tensor = reason(with_data(metadata().tensor("norm.weight\0x", &[64], 1, 0), 128));
    assert!(tensor.contains("impossible name"), "{tensor}");
}

#[test]
fn weights_must_be_what_a_layer_computes_with() {
    let with = |name: &str, dims: &[u64], format| {
        parse(with_data(metadata().tensor(name, dims, format, 0), 1 << 16).bytes()).map_err(|e| e.to_string())
    };
    for name in ["blk.0.attn_norm.weight", "blk.0.attn_q.bias", "token_types.weight", "blk.0.attn_q.scale"] {
        assert!(with(name, &[64, 2], 0).is_ok());
        for format in [1, 8, 30] {
            assert!(with(name, &[64, 2], format).unwrap_err().contains("must be in F32"), "{name} in {format}");
        }
    }
    assert!(with("any.weight", &[64], 1).unwrap_err().contains("must be in F32"));
    assert!(with("cls.output.weight", &[64, 1], 1).is_ok());
    for format in [9, 24, 25, 26, 27, 28] {
        assert!(with("blk.0.attn_q.weight", &[64, 64], format).unwrap_err().contains("no layer"), "{format}");
    }
    assert!(with("blk.0.ffn_gate_tid2eid.weight", &[64, 64], 26).is_ok());
    assert!(with("blk.1.attn_output.weight", &[64, 64], 1).is_ok());
    assert!(with("blk.1.attn_output.weight", &[32, 64], 1).unwrap_err().contains("heads give 64"));
}
