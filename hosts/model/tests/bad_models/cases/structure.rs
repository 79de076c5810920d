//! Damage that does not care what a file means.

use super::super::file::*;
use super::super::tiny;
use super::{Case, Either, Expect, MODELS, Refused, Works};

pub fn all() -> Vec<Case> {
    [cut(), beginnings(), lengths(), lists(), names()].into_iter().flatten().collect()
}

/// Cut in the header at many places, and in the weights.
fn cut() -> Vec<Case> {
    let file = tiny::llama();
    let (whole, header) = (file.bytes(), file.header().len());
    let places = (0..28).chain((28..header).step_by(397)).chain([header, header + 31]);
    let weights = (1..=8).map(|part| header + (whole.len() - header) * part / 9).chain([whole.len() - 1]);
    let one = |at: usize| Case::of_bytes(format!("cut at {at}"), whole[..at].to_vec(), Refused("the file ends in"));
    places.chain(weights).map(one).collect()
}

fn beginnings() -> Vec<Case> {
    let whole = tiny::llama().bytes();
    let with = |name: &str, at: usize, new: &[u8], expect: Expect| {
        let mut bytes = whole.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        Case::of_bytes(name, bytes, expect)
    };
    let mut cases = vec![
        with("magic of a predecessor", 0, b"lmgg", Refused("predecessor GGML")),
        with("magic backwards", 0, b"FUGG", Refused("not a GGUF file")),
        with("magic in small letters", 0, b"gguf", Refused("not a GGUF file")),
        with("zip archive", 0, b"PK\x03\x04", Refused("zip archive")),
        with("web page", 0, b"<!DOCTYPE html>", Refused("web page")),
        with("no magic", 0, &[0; 4], Refused("not a GGUF file")),
        with("big-endian", 4, &3u32.to_be_bytes(), Refused("big-endian")),
        with("version 0", 4, &0u32.to_le_bytes(), Refused("big-endian")),
        with("version 1", 4, &1u32.to_le_bytes(), Refused("too old")),
        with("version 2", 4, &2u32.to_le_bytes(), Works),
        with("version 4", 4, &4u32.to_le_bytes(), Refused("version 4")),
        with("last version", 4, &u32::MAX.to_le_bytes(), Refused("version 4294967295")),
    ];
    cases.push(Case::of_bytes("empty file", Vec::new(), Refused("the file ends in")));
    cases.push(Case::of_bytes("zeros", vec![0; 65_536], Refused("not a GGUF file")));
    cases.push(Case::of_bytes("twice the file", [&whole[..], &whole].concat(), Works));
    cases.push(Case::of_bytes("a byte in front", [&b"\0"[..], &whole].concat(), Refused("not a GGUF file")));
    cases
}

/// Counts and lengths that nothing bears out.
fn lengths() -> Vec<Case> {
    let file = tiny::llama();
    let (tensors, entries) = (file.tensors.len() as u64, file.entries.len() as u64);
    let mut cases = Vec::new();
    for (what, at, real) in [("tensors", 8, tensors), ("entries", 16, entries)] {
        for count in [0, 1, real - 1, real + 1, 1 << 20, 1 << 31, 1 << 40, i64::MAX as u64, 1 << 63, u64::MAX] {
            let mut bytes = file.bytes();
            bytes[at..at + 8].copy_from_slice(&count.to_le_bytes());
            cases.push(Case::of_bytes(format!("{count} {what}"), bytes, Refused("")));
        }
    }
    // The first key's length is at 24; its text's length follows the key and the kind.
    let text_at = 24 + 8 + "general.architecture".len() + 4;
    for (what, at) in [("key", 24), ("text", text_at)] {
        for length in [0, 1, 1 << 16, 1 << 30, 1 << 40, i64::MAX as u64, u64::MAX - 7, u64::MAX] {
            let mut bytes = file.bytes();
            bytes[at..at + 8].copy_from_slice(&length.to_le_bytes());
            cases.push(Case::of_bytes(format!("{what} of {length} bytes"), bytes, Refused("")));
        }
    }
    cases
}

fn lists() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, value: Value, expect: Expect| {
        cases.push(Case::of(name, &tiny::llama().set("some.list", value), expect));
    };
    for length in [1 << 20, 1 << 30, 1 << 40, u64::MAX / 4, 1 << 62, u64::MAX] {
        for of in [0, 4, 8, 12] {
            add(format!("list of {length} of kind {of}"), list(of, length, vec![0; 64]), Refused("the file "));
        }
    }
    for kind in [9, 13, 255, u32::MAX] {
        add(format!("list of kind {kind}"), list(kind, 1, vec![0; 64]), Refused("unknown type"));
    }
    for kind in [13, 14, 255, i32::MIN as u32, u32::MAX] {
        add(format!("value of kind {kind}"), Value { kind, bytes: vec![0; 64] }, Refused("unknown type"));
    }
    for of in [0, 4, 7, 8, 12] {
        add(format!("empty list of kind {of}"), list(of, 0, Vec::new()), Works);
    }
    add("neither true nor false".into(), Value { kind: 7, bytes: vec![77] }, Works);
    cases
}

/// Keys and values with odd texts.
fn names() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, key: &[u8], value: Value, expect: Expect| {
        let mut file = tiny::llama();
        file.entries.push((key.to_vec(), value));
        cases.push(Case::of(name, &file, expect));
    };
    add("key without a name", b"", u32(1), Refused("impossible name"));
    add("key of one NUL", b"\0", u32(1), Refused("impossible name"));
    add("key that goes on after a NUL", b"llama.expert_count\0x", u32(9), Refused("impossible name"));
    add("key that is no UTF-8", b"\xff\xfe\xc3", u32(1), Works);
    add("long key", &[b'k'; 65_536], u32(1), Refused("65536 bytes"));
    add("same key again", b"general.name", text("Twin"), Refused("appears twice"));
    add("same key, another kind", b"llama.block_count", text("2"), Refused("appears twice"));
    add("same vocabulary again", b"tokenizer.ggml.tokens", texts(&["a"]), Refused("appears twice"));
    add("percent signs", b"%s%n%d", text("%s%n%d%s"), Works);
    add("text that is no UTF-8", b"general.author", text(b"\xff\xfe\xc3(\xe2\x82"), Works);
    for (name, key) in
        [("name", "general.name"), ("architecture", "general.architecture"), ("template", "tokenizer.chat_template")]
    {
        for (kind, value) in [
            ("empty", text("")),
            ("no UTF-8", text(b"\xff\xfe\xc3(\xe2\x82")),
            ("NUL", text(b"lla\0ma")),
            ("long", text(vec![b'x'; 100_000])),
            ("control characters", text(b"\x1b[2J\r\n\x07")),
        ] {
            let expect = if name == "architecture" { Refused("") } else { Either };
            cases.push(Case::of(format!("{name}: {kind}"), &tiny::llama().set(key, value), expect));
        }
    }
    cases
}

/// Bits flipped anywhere in the header: whatever comes of it, the host lives.
pub fn flipped() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut state = 0x00dd_5eed_1234_5678_u64;
    for (name, model) in MODELS {
        let file = model();
        let (whole, header) = (file.bytes(), file.header().len());
        let tensors = header - file.tensors.len() * 60;
        for round in 0..super::shaken::rounds() {
            let mut bytes = whole.clone();
            for _ in 0..=round % 3 {
                // Most of a header is its vocabulary, so most of the flips go to the parts around it.
                let at = match next(&mut state) % 3 {
                    0 => next(&mut state) as usize % 700,
                    1 => tensors + next(&mut state) as usize % (header - tensors),
                    _ => next(&mut state) as usize % header,
                };
                bytes[at] ^= 1 << (next(&mut state) % 8);
            }
            let role = Case::of("", &file, Either).role;
            cases.push(Case { role, ..Case::of_bytes(format!("{name}, flipped {round}"), bytes, Either) });
        }
    }
    cases
}
