//! Sound models of which a few things were changed at random: whatever comes of it, the host lives.

use super::super::file::*;
use super::super::tiny;
use super::{Case, Either, MODELS};

/// Files made of each model; more of them are tried with `HOB_TEST_ROUNDS=1000`.
const ROUNDS: usize = 15;

/// Numbers that are more likely to matter than others.
const NUMBERS: [u32; 18] = [0, 1, 2, 3, 4, 5, 7, 8, 12, 16, 31, 32, 64, 96, 129, 1 << 16, 1 << 31, u32::MAX];
const FRACTIONS: [f32; 8] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 0.0, 1e-40, 1.0, f32::MAX];
/// Number, elements and bytes of a block.
const FORMATS: [(u32, u64, usize); 12] = [
    (0, 1, 4),
    (1, 1, 2),
    (2, 32, 18),
    (3, 32, 20),
    (8, 32, 34),
    (9, 32, 36),
    (20, 32, 18),
    (24, 1, 1),
    (26, 1, 4),
    (28, 1, 8),
    (30, 1, 2),
    (39, 32, 17),
];
const NEW_KEYS: [&str; 12] = [
    "attention.key_length",
    "attention.value_length",
    "attention.sliding_window",
    "attention.clamp_kqv",
    "attention.max_alibi_bias",
    "embedding_length_out",
    "expert_count",
    "expert_used_count",
    "expert_group_count",
    "expert_gating_func",
    "pooling_type",
    "rope.scaling.factor",
];

/// How many files are made of each model.
pub fn rounds() -> usize {
    std::env::var("HOB_TEST_ROUNDS").map_or(ROUNDS, |n| n.parse().unwrap())
}

pub fn all() -> Vec<Case> {
    let mut state = 0x5eed_0f5a_1234_5678_u64;
    let mut cases = Vec::new();
    for round in 0..rounds() {
        for (name, model) in MODELS {
            let mut file = model();
            for _ in 0..=next(&mut state) % 3 {
                shake(&mut file, &mut state);
            }
            cases.push(Case::of(format!("{name}, shaken {round}"), &file, Either));
        }
        let shape = shape(&mut state);
        let mut file = tiny::llama_of(shape);
        if round % 2 == 1 {
            shake(&mut file, &mut state);
        }
        cases.push(Case::of(format!("{shape:?}, {round}"), &file, Either));
    }
    cases
}

/// Numbers of a Llama, mostly impossible ones.
fn shape(state: &mut u64) -> tiny::Shape {
    let mut pick = |of: &[u64]| of[next(state) as usize % of.len()];
    let heads = pick(&[1, 2, 3, 4, 6, 8]);
    let key = pick(&[2, 8, 15, 16, 32, 48]);
    tiny::Shape {
        embd: pick(&[1, 2, 31, 32, 64, 96]),
        ff: pick(&[1, 2, 32, 96, 129]),
        heads,
        kv: pick(&[1, 2, 3, 4, heads, heads]),
        key,
        value: pick(&[2, 16, 24, key, key, key]),
        layers: pick(&[1, 2, 3]) as u32,
    }
}

fn shake(file: &mut File, state: &mut u64) {
    let mut pick = |n: usize| next(state) as usize % n;
    let entry = pick(file.entries.len());
    let tensor = pick(file.tensors.len());
    match pick(10) {
        0..=2 => {
            let value = &mut file.entries[entry].1;
            match value.kind {
                6 => *value = f32(FRACTIONS[pick(FRACTIONS.len())]),
                7 => value.bytes[0] ^= 1,
                8 => *value = text(["", "none", "llama", "bert", "t5", "gpt2", "rwkv", "yarn"][pick(8)]),
                9 => change_list(value, &mut pick),
                _ => *value = u32(NUMBERS[pick(NUMBERS.len())]),
            }
        }
        3 => drop(file.entries.remove(entry)),
        4 => {
            let other = pick(file.entries.len());
            let value = file.entries[other].1.clone();
            file.entries[entry].1 = value;
        }
        5 => {
            let context = file.entries.iter().find_map(|(key, _)| key.strip_suffix(b".context_length"));
            let architecture = String::from_utf8_lossy(context.unwrap_or(b"llama"));
            let key = format!("{architecture}.{}", NEW_KEYS[pick(NEW_KEYS.len())]);
            let value = if pick(3) == 0 { f32(FRACTIONS[pick(8)]) } else { u32(NUMBERS[pick(NUMBERS.len())]) };
            file.entries.push((key.into(), value));
        }
        6 | 7 => {
            let (format, block, bytes) = FORMATS[pick(FORMATS.len())];
            let tensor = &mut file.tensors[tensor];
            let count: u64 = tensor.dims.iter().product();
            tensor.format = format;
            tensor.data = vec![0x11; (count / block) as usize * bytes];
        }
        8 => {
            let tensor = &mut file.tensors[tensor];
            let at = pick(tensor.dims.len());
            tensor.dims[at] = [1, 2, 32, 64, 128][pick(5)];
            let size = if tensor.format == F32 { 4 } else { 2 };
            tensor.data.resize(tensor.dims.iter().product::<u64>() as usize * size, 0);
        }
        _ => {
            let other = file.tensors[pick(file.tensors.len())].name.clone();
            file.tensors[tensor].name = other;
        }
    }
}

/// Changes one number of a list, or its length.
fn change_list(value: &mut Value, pick: &mut impl FnMut(usize) -> usize) {
    let of = u32::from_le_bytes(value.bytes[..4].try_into().unwrap());
    let len = u64::from_le_bytes(value.bytes[4..12].try_into().unwrap());
    if pick(4) == 0 {
        value.bytes[4..12].copy_from_slice(&len.saturating_sub(1).to_le_bytes());
        return;
    }
    let at = 12 + pick((value.bytes.len() - 12).max(1)) / 4 * 4;
    if at + 4 <= value.bytes.len() && of != 8 {
        value.bytes[at..at + 4].copy_from_slice(&NUMBERS[pick(NUMBERS.len())].to_le_bytes());
    } else if at < value.bytes.len() {
        value.bytes[at] ^= 1 << pick(8);
    }
}
