//! The tensor descriptions: names, shapes, formats and where their bytes lie.

use super::shape::Attention;
use super::source::Source;
use super::{GgufError, shown};
use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};

/// What the tensors add up to.
pub(super) struct Weights {
    /// Elements of all tensors.
    pub(super) parameters: u64,
    /// The format that takes the most bytes.
    pub(super) main_type: &'static str,
    tensors: Vec<Tensor>,
    /// There is the first part of a classification head, which may be all of it.
    pub(super) has_head: bool,
    /// There is the last part of a classification head.
    pub(super) has_output_head: bool,
}

/// Longest tensor name in bytes (llama.cpp's limit, without its final NUL).
const MAX_NAME: u64 = 63;
/// Most dimensions of a tensor.
const MAX_DIMS: u32 = 4;
const WHAT: &str = "list of tensors";

/// Formats that weights pass through and that no operation of llama.cpp's reads them in.
const IN_PASSING: [&str; 7] = ["Q8_1", "Q8_K", "I8", "I16", "I32", "I64", "F64"];
/// The ends of names of tensors that are added or multiplied in, which llama.cpp does only in F32. Its converter
/// leaves these, and everything with one dimension, in F32 whatever format was asked for.
const SINGLE: [&str; 8] = [
    ".bias",
    "norm.weight",
    ".scale",
    ".input_scale",
    "attn_sinks.weight",
    "token_types.weight",
    "ssm_conv1d.weight",
    "shortconv.conv.weight",
];

/// Number, label, elements per block and bytes per block of every format llama.cpp reads.
const FORMATS: &[(u32, &str, u64, u64)] = &[
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),
    (41, "Q1_0", 128, 18),
    (42, "Q2_0", 64, 18),
];

/// One tensor as described.
struct Tensor {
    name: String,
    format: &'static str,
    dims: u32,
    elements: u64,
    row: u64,
    bytes: u64,
    offset: u64,
}

impl Weights {
    /// Checks that a model's layers can compute with its tensors. Where they can't, llama.cpp aborts or reads
    /// through a null pointer.
    pub(super) fn check(&self, attention: &Attention) -> Result<(), GgufError> {
        for tensor in &self.tensors {
            tensor.check()?;
            let output = tensor.layer_of("attn_output.weight").and_then(|layer| attention.output.get(layer));
            if let Some(heads) = output.filter(|heads| **heads != tensor.row) {
                return Err(tensor.wrong(format!("takes rows of {}, but its layer's heads give {heads}", tensor.row)));
            }
        }
        Ok(())
    }
}

impl Tensor {
    fn check(&self) -> Result<(), GgufError> {
        // A table of numbers, not of weights.
        let table = self.format == "I32" && self.name.contains("tid2eid");
        if IN_PASSING.contains(&self.format) && !table {
            return Err(self.wrong(format!("is in format {}, in which no layer takes weights", self.format)));
        }
        if self.format != "F32" && (self.dims == 1 || SINGLE.iter().any(|end| self.name.ends_with(end))) {
            return Err(self.wrong(format!("is in format {}, but must be in F32", self.format)));
        }
        Ok(())
    }

    /// The layer that a tensor with this name in it belongs to.
    fn layer_of(&self, part: &str) -> Option<usize> {
        self.name.strip_prefix("blk.")?.strip_suffix(part)?.strip_suffix('.')?.parse().ok()
    }

    fn wrong(&self, reason: String) -> GgufError {
        GgufError::Tensor { name: shown(&self.name), reason }
    }
}

/// Reads `count` descriptions and checks that their bytes fill the rest of the file in order.
pub(super) fn read<R: Read + Seek>(source: &mut Source<R>, count: u64, alignment: u64) -> Result<Weights, GgufError> {
    let mut names = HashSet::new();
    let mut by_format: HashMap<&'static str, u64> = HashMap::new();
    let mut parameters: u64 = 0;
    let mut next: u64 = 0;
    let mut end: u64 = 0;
    let mut tensors = Vec::new();
    for _ in 0..count {
        let tensor = read_one(source)?;
        if !names.insert(tensor.name.clone()) {
            return Err(tensor.wrong("appears twice".into()));
        }
        if tensor.offset != next {
            return Err(tensor.wrong(misplaced(tensor.offset, next, alignment)));
        }
        end = next.checked_add(tensor.bytes).ok_or_else(|| tensor.wrong("ends beyond any file".into()))?;
        next = padded(end, alignment).ok_or_else(|| tensor.wrong("ends beyond any file".into()))?;
        parameters = parameters.saturating_add(tensor.elements);
        *by_format.entry(tensor.format).or_default() += tensor.bytes;
        tensors.push(tensor);
    }
    // llama.cpp maps the data at the next aligned place; the padding after the last tensor is optional.
    let start = padded(source.at(), alignment).ok_or(GgufError::Truncated("weights"))?;
    if start.checked_add(end).is_none_or(|needed| needed > source.len()) {
        return Err(GgufError::Truncated("weights"));
    }
    let main_type =
        by_format.into_iter().max_by_key(|&(label, bytes)| (bytes, label)).map_or("F32", |(label, _)| label);
    let has = |name: &str| names.contains(name);
    let (has_head, has_output_head) = (has("cls.weight"), has("cls.output.weight"));
    Ok(Weights { parameters, main_type, tensors, has_head, has_output_head })
}

fn read_one<R: Read + Seek>(source: &mut Source<R>) -> Result<Tensor, GgufError> {
    let name = source.string(MAX_NAME, WHAT)?;
    let mut tensor = Tensor { name, format: "F32", dims: 0, elements: 1, row: 0, bytes: 0, offset: 0 };
    // llama.cpp reads names up to a NUL and would take this one for another.
    if tensor.name.contains('\0') {
        return Err(tensor.wrong("has an impossible name".into()));
    }
    let dims = source.u32(WHAT)?;
    if dims == 0 || dims > MAX_DIMS {
        return Err(tensor.wrong(format!("has {dims} dimensions instead of 1 to {MAX_DIMS}")));
    }
    tensor.dims = dims;
    for dim in 0..dims {
        let size = source.u64(WHAT)?;
        if dim == 0 {
            tensor.row = size;
        }
        tensor.elements = match tensor.elements.checked_mul(size) {
            Some(n) if n > 0 && n <= i64::MAX as u64 => n,
            _ => return Err(tensor.wrong(format!("has an impossible size of {size} in dimension {}", dim + 1))),
        };
    }
    let number = source.u32(WHAT)?;
    let Some(&(_, label, block, block_bytes)) = FORMATS.iter().find(|f| f.0 == number) else {
        return Err(tensor.wrong(format!("is in format {number}, which this build does not know")));
    };
    let row = tensor.row;
    if !row.is_multiple_of(block) {
        return Err(tensor.wrong(format!("has rows of {row} elements, which {label} can't hold (blocks of {block})")));
    }
    tensor.format = label;
    tensor.bytes = (tensor.elements / block)
        .checked_mul(block_bytes)
        .ok_or_else(|| tensor.wrong("is larger than any file".into()))?;
    tensor.offset = source.u64(WHAT)?;
    Ok(tensor)
}

fn misplaced(offset: u64, expected: u64, alignment: u64) -> String {
    if !offset.is_multiple_of(alignment) {
        format!("starts at {offset}, which is no multiple of {alignment}")
    } else if offset < expected {
        format!("starts at {offset}, inside the tensor before it, which ends at {expected}")
    } else {
        format!("starts at {offset}, leaving a hole after the tensor before it, which ends at {expected}")
    }
}

fn padded(at: u64, alignment: u64) -> Option<u64> {
    at.checked_next_multiple_of(alignment)
}
