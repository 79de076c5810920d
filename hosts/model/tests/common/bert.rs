//! A reference for embeddings and rerank scores: MiniLM computed plainly in 32-bit floats, and a small
//! cross-encoder made of its weights and a random classification head.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::HashMap;
use std::path::Path;

const F32: u32 = 0;
const F16: u32 = 1;
const TEXT: u32 = 8;
const ARRAY: u32 = 9;
const ALIGNMENT: usize = 32;

/// A GGUF file in memory: metadata as it stands in the file, tensors with their bytes.
pub struct Gguf {
    entries: Vec<(String, u32, Vec<u8>)>,
    tensors: Vec<(String, Vec<u64>, u32, Vec<u8>)>,
}

struct Reader<'a>(&'a [u8], usize);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        self.1 += n;
        &self.0[self.1 - n..self.1]
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn text(&mut self) -> String {
        let len = self.u64() as usize;
        String::from_utf8(self.take(len).to_vec()).unwrap()
    }

    fn skip_value(&mut self, kind: u32) {
        match kind {
            0 | 1 | 7 => _ = self.take(1),
            2 | 3 => _ = self.take(2),
            4..=6 => _ = self.take(4),
            TEXT => _ = self.text(),
            ARRAY => {
                let (of, len) = (self.u32(), self.u64());
                (0..len).for_each(|_| self.skip_value(of));
            }
            _ => _ = self.take(8),
        }
    }
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

impl Gguf {
    /// Reads a file whose tensors are F32 or F16.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let mut reader = Reader(&bytes, 8);
        let (tensors, entries) = (reader.u64(), reader.u64());
        let entries = (0..entries)
            .map(|_| {
                let (key, kind, start) = (reader.text(), reader.u32(), reader.1);
                reader.skip_value(kind);
                (key, kind, bytes[start..reader.1].to_vec())
            })
            .collect();
        let described: Vec<_> = (0..tensors)
            .map(|_| {
                let (name, dims) = (reader.text(), reader.u32());
                let shape: Vec<u64> = (0..dims).map(|_| reader.u64()).collect();
                (name, shape, reader.u32(), reader.u64() as usize)
            })
            .collect();
        let data = reader.1.next_multiple_of(ALIGNMENT);
        let tensors = described
            .into_iter()
            .map(|(name, shape, kind, offset)| {
                let size = shape.iter().product::<u64>() as usize * if kind == F32 { 4 } else { 2 };
                (name, shape, kind, bytes[data + offset..data + offset + size].to_vec())
            })
            .collect();
        Self { entries, tensors }
    }

    pub fn set(&mut self, key: &str, kind: u32, value: Vec<u8>) {
        self.entries.retain(|(known, _, _)| known != key);
        self.entries.push((key.into(), kind, value));
    }

    pub fn set_text(&mut self, key: &str, value: &str) {
        self.set(key, TEXT, text(value));
    }

    pub fn set_number(&mut self, key: &str, value: u32) {
        self.set(key, 4, value.to_le_bytes().to_vec());
    }

    pub fn add(&mut self, name: &str, shape: &[u64], values: &[f32]) {
        assert_eq!(shape.iter().product::<u64>(), values.len() as u64);
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensors.push((name.into(), shape.into(), F32, bytes));
    }

    pub fn write(&self, path: &Path) {
        let mut out = [&b"GGUF"[..], &3u32.to_le_bytes(), &(self.tensors.len() as u64).to_le_bytes()].concat();
        out.extend((self.entries.len() as u64).to_le_bytes());
        for (key, kind, value) in &self.entries {
            out.extend([&text(key)[..], &kind.to_le_bytes(), value].concat());
        }
        let mut offset = 0;
        for (name, shape, kind, bytes) in &self.tensors {
            out.extend([&text(name)[..], &(shape.len() as u32).to_le_bytes()].concat());
            shape.iter().for_each(|n| out.extend(n.to_le_bytes()));
            out.extend([&kind.to_le_bytes()[..], &(offset as u64).to_le_bytes()].concat());
            offset += bytes.len().next_multiple_of(ALIGNMENT);
        }
        for (_, _, _, bytes) in &self.tensors {
            out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
            out.extend(bytes);
        }
        std::fs::write(path, out).unwrap();
    }

    fn values(&self) -> Values<'_> {
        let decode = |kind: u32, bytes: &[u8]| -> Vec<f32> {
            match kind {
                F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
                _ => bytes.chunks_exact(2).map(|b| half(u16::from_le_bytes(b.try_into().unwrap()))).collect(),
            }
        };
        self.tensors.iter().map(|(name, _, kind, bytes)| (name.as_str(), decode(*kind, bytes))).collect()
    }

    fn vocabulary(&self) -> HashMap<String, usize> {
        let (_, _, value) = self.entries.iter().find(|(key, _, _)| key == "tokenizer.ggml.tokens").unwrap();
        let mut reader = Reader(value, 4);
        let len = reader.u64() as usize;
        (0..len).map(|at| (reader.text(), at)).collect()
    }
}

fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, (bits >> 10) & 31, f32::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f32.powi(-24),
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(i32::from(exponent) - 15),
    };
    if sign == 1 { -size } else { size }
}

/// Numbers from -1 to 1, the same for the same seed.
fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(next).collect()
}

const WIDTH: usize = 384;
const HEADS: usize = 12;
const LAYERS: usize = 6;

/// Writes a cross-encoder with the weights of the MiniLM at `from`, and gives it to the reference.
pub fn write_reranker(from: &Path, to: &Path, template: Option<&str>) -> Reference {
    let mut file = Gguf::read(from);
    file.set_text("general.name", "Random cross-encoder");
    file.set_number("bert.pooling_type", 4);
    if let Some(template) = template {
        file.set_text("tokenizer.chat_template.rerank", template);
    }
    let scaled = |seed, len, by: f32| noise(seed, len).into_iter().map(|v| v * by).collect::<Vec<_>>();
    file.add("cls.weight", &[WIDTH as u64, WIDTH as u64], &scaled(1, WIDTH * WIDTH, 0.15));
    file.add("cls.bias", &[WIDTH as u64], &scaled(2, WIDTH, 0.1));
    file.add("cls.output.weight", &[WIDTH as u64, 1], &scaled(3, WIDTH, 1.0));
    file.add("cls.output.bias", &[1], &[0.25]);
    file.write(to);
    Reference::of(file)
}

/// Computes what the model host should.
pub struct Reference {
    file: Gguf,
    vocabulary: HashMap<String, usize>,
}

impl Reference {
    /// The reference for a file's weights.
    pub fn of(file: Gguf) -> Self {
        Self { vocabulary: file.vocabulary(), file }
    }

    /// The embedding of a text: the mean of its tokens' hidden states, at length one.
    pub fn embedding(&self, text: &str) -> Vec<f32> {
        let hidden =
            self.forward(&[&[self.vocabulary["[CLS]"]][..], &self.tokens(text), &[self.vocabulary["[SEP]"]]].concat());
        let sum: Vec<f32> = (0..WIDTH).map(|i| hidden.iter().map(|row| row[i]).sum()).collect();
        let length = dot(&sum, &sum).sqrt();
        sum.into_iter().map(|v| v / length).collect()
    }

    /// The score of `[CLS] query [SEP] document [SEP]`, the document cut so that there are at most
    /// `limit` tokens.
    pub fn score(&self, query: &str, document: &str, limit: usize) -> f32 {
        let (query, mut document) = (self.tokens(query), self.tokens(document));
        document.truncate(limit - query.len() - 3);
        let (cls, sep) = (self.vocabulary["[CLS]"], self.vocabulary["[SEP]"]);
        let hidden = self.forward(&[&[cls][..], &query, &[sep], &document, &[sep]].concat());
        let w = self.file.values();
        let first: Vec<f32> = linear(&w, &hidden[0], "cls").into_iter().map(f32::tanh).collect();
        linear(&w, &first, "cls.output")[0]
    }

    /// WordPiece for lower-case ASCII.
    fn tokens(&self, text: &str) -> Vec<usize> {
        let spaced: String =
            text.chars().flat_map(|c| if c.is_ascii_punctuation() { vec![' ', c, ' '] } else { vec![c] }).collect();
        let mut out = Vec::new();
        for word in spaced.to_lowercase().split_whitespace() {
            let word = format!("\u{2581}{word}");
            let mut rest = word.as_str();
            while !rest.is_empty() {
                let known = (1..=rest.len()).rev().filter(|at| rest.is_char_boundary(*at));
                let at = known.into_iter().find(|at| self.vocabulary.contains_key(&rest[..*at])).unwrap();
                out.push(self.vocabulary[&rest[..at]]);
                rest = &rest[at..];
            }
        }
        out
    }

    /// The hidden states of all tokens.
    fn forward(&self, tokens: &[usize]) -> Vec<Vec<f32>> {
        let w = self.file.values();
        let row = |name: &str, row: usize| &w[name][row * WIDTH..(row + 1) * WIDTH];
        let segment = row("token_types.weight", 0);
        let mut x: Vec<Vec<f32>> = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let (word, place) = (row("token_embd.weight", *token), row("position_embd.weight", at));
            let mut sum: Vec<f32> = (0..WIDTH).map(|i| word[i] + segment[i] + place[i]).collect();
            norm(&w, &mut sum, "token_embd_norm");
            x.push(sum);
        }
        for layer in 0..LAYERS {
            let of = |part: &str| format!("blk.{layer}.{part}");
            let all = |part: &str| x.iter().map(|x| linear(&w, x, &of(part))).collect::<Vec<_>>();
            let seen = attention(&all("attn_q"), &all("attn_k"), &all("attn_v"));
            for (x, seen) in x.iter_mut().zip(&seen) {
                add(x, &linear(&w, seen, &of("attn_output")));
                norm(&w, x, &of("attn_output_norm"));
                let up: Vec<f32> = linear(&w, x, &of("ffn_up")).into_iter().map(gelu).collect();
                add(x, &linear(&w, &up, &of("ffn_down")));
                norm(&w, x, &of("layer_output_norm"));
            }
        }
        x
    }
}

type Values<'a> = HashMap<&'a str, Vec<f32>>;

fn part<'a>(w: &'a Values<'_>, name: &str) -> (&'a [f32], &'a [f32]) {
    (&w[format!("{name}.weight").as_str()], &w[format!("{name}.bias").as_str()])
}

fn linear(w: &Values<'_>, x: &[f32], name: &str) -> Vec<f32> {
    let (weight, bias) = part(w, name);
    weight.chunks_exact(x.len()).zip(bias).map(|(row, b)| dot(row, x) + b).collect()
}

fn norm(w: &Values<'_>, x: &mut [f32], name: &str) {
    let (n, (scale, shift)) = (x.len() as f32, part(w, name));
    let mean = x.iter().sum::<f32>() / n;
    let deviation = (x.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n + 1e-12).sqrt();
    x.iter_mut().enumerate().for_each(|(i, v)| *v = (*v - mean) / deviation * scale[i] + shift[i]);
}

fn add(x: &mut [f32], more: &[f32]) {
    x.iter_mut().zip(more).for_each(|(x, y)| *x += y);
}

fn attention(q: &[Vec<f32>], k: &[Vec<f32>], v: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let size = WIDTH / HEADS;
    let mut out = vec![vec![0.0; WIDTH]; q.len()];
    for head in 0..HEADS {
        let of = head * size..(head + 1) * size;
        for (q, out) in q.iter().zip(&mut out) {
            let scores = k.iter().map(|k| dot(&q[of.clone()], &k[of.clone()]) / (size as f32).sqrt());
            let weights: Vec<f32> = scores.map(f32::exp).collect();
            let total: f32 = weights.iter().sum();
            for (weight, v) in weights.iter().zip(v) {
                out[of.clone()].iter_mut().zip(&v[of.clone()]).for_each(|(out, v)| *out += weight / total * v);
            }
        }
    }
    out
}

/// In parts, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 16];
    for (a, b) in a.chunks(16).zip(b.chunks(16)) {
        a.iter().zip(b).zip(&mut sums).for_each(|((a, b), sum)| *sum += a * b);
    }
    sums.iter().sum()
}

fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + (0.797_884_6 * (x + 0.044_715 * x * x * x)).tanh())
}
