//! The default chat model, cut short and with its header changed. Its weights are left out: they are zeros that take
//! no room on the disk.

use super::{Case, Either, Expect, Refused, Works};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// More than the header of the model takes.
const PREFIX: u64 = 4 << 20;

/// The beginning of the file and its length.
struct Real {
    prefix: Vec<u8>,
    len: u64,
}

impl Real {
    fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        let len = file.metadata().unwrap().len();
        let mut prefix = Vec::new();
        file.take(PREFIX).read_to_end(&mut prefix).unwrap();
        Self { prefix, len }
    }

    fn case(&self, name: impl Into<String>, expect: Expect) -> Case {
        Case { len: self.len, ..Case::of_bytes(name, self.prefix.clone(), expect) }
    }

    /// Cut after so many bytes.
    fn cut(&self, len: u64) -> Case {
        let bytes = self.prefix[..self.prefix.len().min(len as usize)].to_vec();
        Case { len, ..Case::of_bytes(format!("cut at {len}"), bytes, Refused("the file ends in the middle")) }
    }

    /// With other bytes behind a name: the kind and the value of an entry, or what describes a tensor.
    fn changed(&self, name: &str, skip: usize, bytes: &[u8], expect: Expect) -> Case {
        let mut case = self.case(format!("{name} + {skip}: {bytes:?}"), expect);
        let at = self.prefix.windows(name.len()).position(|part| part == name.as_bytes()).unwrap() + name.len() + skip;
        case.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        case
    }

    /// With another number in an entry.
    fn number(&self, key: &str, n: u32, expect: Expect) -> Case {
        self.changed(key, 4, &n.to_le_bytes(), expect)
    }

    /// With an entry that says it is of another kind.
    fn kind(&self, key: &str, kind: u32) -> Case {
        self.changed(key, 0, &kind.to_le_bytes(), Refused(""))
    }
}

pub fn all(path: &Path) -> Vec<Case> {
    let real = Real::read(path);
    let mut cases = vec![real.case("weights of zeros", Works)];
    let in_header = [0, 3, 4, 8, 23, 24, 31, 100, 1_000, 50_000, 500_000, 1_500_000];
    let in_weights = (1..8).map(|part| PREFIX + (real.len - PREFIX) * part / 8).chain([real.len - 1]);
    cases.extend(in_header.into_iter().chain(in_weights).map(|len| real.cut(len)));
    for (key, numbers, reason) in [
        ("llama.block_count", &[0, 513, u32::MAX][..], "`llama.block_count`"),
        ("llama.block_count", &[1, 29, 31], ""),
        ("llama.embedding_length", &[0, 1, 575, 577, u32::MAX], ""),
        ("llama.feed_forward_length", &[0, 1, 1 << 31], ""),
        ("llama.attention.head_count", &[0, 7, 10, u32::MAX], "`llama.attention.head_count"),
        ("llama.attention.head_count_kv", &[0, 2, u32::MAX], "`llama.attention.head_count_kv`"),
        ("llama.rope.dimension_count", &[0, 1, 63, u32::MAX], "`llama.rope.dimension_count`"),
        ("llama.context_length", &[0, u32::MAX], "`llama.context_length`"),
        ("llama.attention.layer_norm_rms_epsilon", &[f32::NAN.to_bits(), (-1f32).to_bits()], "epsilon`"),
    ] {
        cases.extend(numbers.iter().map(|n| real.number(key, *n, Refused(reason))));
    }
    let kinds = [
        ("llama.block_count", 4),
        ("llama.rope.freq_base", 6),
        ("tokenizer.ggml.tokens", 9),
        ("tokenizer.chat_template", 8),
        ("general.name", 8),
    ];
    for (key, own) in kinds {
        cases.extend([0, 8, 9, 12, 13].into_iter().filter(|kind| *kind != own).map(|kind| real.kind(key, kind)));
    }
    // Behind the kind of a list come the kind of its elements and their number.
    for key in ["tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.token_type"] {
        for count in [0u64, 1, 49_151, 49_153, 1 << 40, u64::MAX] {
            cases.push(real.changed(key, 8, &count.to_le_bytes(), Refused("")));
        }
    }
    for id in [49_152u32, 1 << 31, u32::MAX] {
        cases.push(real.number("tokenizer.ggml.bos_token_id", id, Either));
    }
    // Behind a tensor's name come the number of its dimensions, these, its format and its place.
    for tensor in ["token_embd.weight", "blk.7.ffn_up.weight"] {
        cases.push(real.changed(tensor, 0, &5u32.to_le_bytes(), Refused("5 dimensions")));
        cases.push(real.changed(tensor, 4, &u64::MAX.to_le_bytes(), Refused("impossible size")));
        cases.push(real.changed(tensor, 4, &577u64.to_le_bytes(), Refused("")));
        cases.push(real.changed(tensor, 20, &24u32.to_le_bytes(), Refused("")));
        cases.push(real.changed(tensor, 20, &99u32.to_le_bytes(), Refused("does not know")));
        cases.push(real.changed(tensor, 24, &u64::MAX.to_le_bytes(), Refused("starts at")));
    }
    cases
}
