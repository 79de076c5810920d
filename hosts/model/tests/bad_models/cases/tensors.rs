//! Weights that are not where, what or as many as they should be.

use super::super::file::*;
use super::super::tiny::{self, SHAPE, Shape, llama_of};
use super::{Case, Either, Expect, Refused, Works};

pub fn all() -> Vec<Case> {
    [places(), names(), shapes(), formats(), contents(), missing(), fitting()].into_iter().flatten().collect()
}

const FIRST: &str = "token_embd.weight";
const SECOND: &str = "output_norm.weight";

fn places() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, file: File, reason| cases.push(Case::of(name, &file, Refused(reason)));
    let second = |offset| tiny::llama().with(SECOND, |tensor| tensor.offset = Some(offset));
    for (offset, reason) in [
        (0, "inside the tensor before"),
        (1, "no multiple of 32"),
        (32, "inside the tensor before"),
        (33_280 - 32, "inside the tensor before"),
        (33_280 + 32, "leaving a hole"),
        (1 << 40, "leaving a hole"),
        (1 << 63, "leaving a hole"),
        (u64::MAX - 31, "leaving a hole"),
        (u64::MAX, "no multiple of 32"),
    ] {
        add(format!("second at {offset}"), second(offset), reason);
    }
    for offset in [1, 32, 1 << 40, u64::MAX - 31] {
        add(
            format!("first at {offset}"),
            tiny::llama().with(FIRST, |tensor| tensor.offset = Some(offset)),
            "starts at",
        );
    }
    let mut swapped = tiny::llama();
    swapped.tensors.swap(0, 1);
    cases.push(Case::of("in another order", &swapped, Works));
    cases
}

fn names() -> Vec<Case> {
    let mut cases = Vec::new();
    for (shown, name, reason) in [
        ("empty", &b""[..], ""),
        ("a NUL", b"\0", "impossible name"),
        ("no UTF-8", b"\xff\xfe", ""),
        ("twice", FIRST.as_bytes(), "appears twice"),
        ("twice up to a NUL", b"token_embd.weight\0x", "impossible name"),
        ("63 bytes", &[b'n'; 63], ""),
        ("64 bytes", &[b'n'; 64], "64 bytes in one text"),
        ("10,000 bytes", &[b'n'; 10_000], "10000 bytes in one text"),
    ] {
        let renamed = tiny::llama().with(SECOND, |tensor| tensor.name = name.to_vec());
        cases.push(Case::of(format!("a name, {shown}"), &renamed, Refused(reason)));
        let mut more = tiny::llama();
        let mut extra = more.tensors[1].clone();
        extra.name = name.to_vec();
        more.tensors.push(extra);
        cases.push(Case::of(format!("one more, {shown}"), &more, Refused(reason)));
    }
    cases
}

fn shapes() -> Vec<Case> {
    let mut cases = Vec::new();
    for tensor in [FIRST, SECOND, "blk.1.ffn_down.weight"] {
        for dims in [
            &[][..],
            &[0],
            &[1],
            &[64, 0],
            &[64, 64],
            &[1; 5],
            &[u64::MAX],
            &[1 << 63],
            &[i64::MAX as u64],
            &[1 << 32, 1 << 32],
            &[1 << 40],
            &[1 << 31, 1 << 31, 2],
            &[260, 64],
        ] {
            let claimed = tiny::llama().with(tensor, |t| t.dims = dims.to_vec());
            cases.push(Case::of(format!("{tensor} of {dims:?}"), &claimed, Refused("")));
            // And with as much data as that would take.
            let count = dims.iter().try_fold(1u64, |n, d| n.checked_mul(*d)).filter(|n| *n < 1 << 20);
            if let Some(count) = count {
                let true_size = tiny::llama().with(tensor, |t| {
                    t.dims = dims.to_vec();
                    t.data = vec![0; count as usize * if t.format == F32 { 4 } else { 2 }];
                });
                cases.push(Case::of(format!("{tensor} truly of {dims:?}"), &true_size, Refused("")));
            }
        }
    }
    let file = tiny::llama();
    let at = file.header().windows(SECOND.len()).position(|w| w == SECOND.as_bytes()).unwrap() + SECOND.len();
    for count in [0, 5, 100, 1 << 31, u32::MAX] {
        let mut bytes = file.bytes();
        bytes[at..at + 4].copy_from_slice(&count.to_le_bytes());
        cases.push(Case::of_bytes(format!("{count} dimensions"), bytes, Refused("dimensions instead of 1 to 4")));
    }
    cases
}

/// Formats that llama.cpp has no longer or never had, and others that it computes with.
fn formats() -> Vec<Case> {
    let mut cases = Vec::new();
    for format in [4, 5, 31, 33, 36, 38, 43, 100, 1 << 31, u32::MAX] {
        let file = tiny::llama().with(FIRST, |tensor| tensor.format = format);
        cases.push(Case::of(format!("format {format}"), &file, Refused("which this build does not know")));
    }
    for format in [10, 14, 16, 23, 34] {
        let file = tiny::llama().with(FIRST, |tensor| tensor.format = format);
        cases.push(Case::of(format!("rows of 64 in format {format}"), &file, Refused("can't hold")));
    }
    for (format, block, bytes) in [
        (0, 1, 4),
        (2, 32, 18),
        (3, 32, 20),
        (6, 32, 22),
        (7, 32, 24),
        (8, 32, 34),
        (20, 32, 18),
        (30, 1, 2),
        (39, 32, 17),
    ] {
        for tensor in [FIRST, "blk.0.attn_k.weight"] {
            let file = tiny::llama().with(tensor, |t| {
                t.format = format;
                t.data = vec![0; t.dims.iter().product::<u64>() as usize / block * bytes];
            });
            cases.push(Case::of(format!("{tensor} in format {format}"), &file, Works));
        }
    }
    cases
}

/// Weights that are no numbers.
fn contents() -> Vec<Case> {
    let mut cases = Vec::new();
    for byte in [0, 0x7c, 0x80, 0xff] {
        for (model, mut file) in [("byte pairs", tiny::llama()), ("experts", tiny::experts()), ("BERT", tiny::bert())] {
            file.tensors.iter_mut().for_each(|tensor| tensor.data.fill(byte));
            cases.push(Case::of(format!("{model} of bytes {byte:02x}"), &file, Either));
        }
    }
    cases
}

fn missing() -> Vec<Case> {
    let mut cases = Vec::new();
    for (model, file) in [("byte pairs", tiny::llama()), ("experts", tiny::experts()), ("BERT", tiny::bert())] {
        for n in (0..file.tensors.len()).step_by(3) {
            let mut less = file.clone();
            let name = String::from_utf8(less.tensors.remove(n).name).unwrap();
            cases.push(Case::of(format!("{model} without {name}"), &less, Either));
        }
    }
    cases
}

/// Unusual numbers with weights that fit them.
fn fitting() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, shape: Shape, expect: Expect| cases.push(Case::of(name, &llama_of(shape), expect));
    add("one head", Shape { heads: 1, kv: 1, ..SHAPE }, Works);
    add("five heads", Shape { heads: 5, kv: 5, ..SHAPE }, Works);
    add("heads of two", Shape { key: 2, value: 2, ..SHAPE }, Works);
    add("heads of 160", Shape { key: 160, value: 160, ..SHAPE }, Works);
    add("states of one", Shape { embd: 1, ..SHAPE }, Works);
    add("states of 63", Shape { embd: 63, ..SHAPE }, Works);
    add("one layer", Shape { layers: 1, ..SHAPE }, Works);
    add("twenty layers", Shape { layers: 20, ..SHAPE }, Works);
    cases
}
