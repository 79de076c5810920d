//! A GGUF file piece by piece, right or wrong.

/// A metadata value: its kind's number and its bytes.
#[derive(Clone)]
pub struct Value {
    pub kind: u32,
    pub bytes: Vec<u8>,
}

/// A tensor's description and data.
#[derive(Clone)]
pub struct Tensor {
    pub name: Vec<u8>,
    pub dims: Vec<u64>,
    pub format: u32,
    /// Where its data is said to begin; `None` follows the tensor before it.
    pub offset: Option<u64>,
    pub data: Vec<u8>,
}

/// A file.
#[derive(Clone)]
pub struct File {
    pub version: u32,
    pub alignment: usize,
    pub entries: Vec<(Vec<u8>, Value)>,
    pub tensors: Vec<Tensor>,
}

pub const F32: u32 = 0;
pub const F16: u32 = 1;

pub fn u8(n: u8) -> Value {
    Value { kind: 0, bytes: vec![n] }
}

pub fn u32(n: u32) -> Value {
    Value { kind: 4, bytes: n.to_le_bytes().into() }
}

pub fn i32(n: i32) -> Value {
    Value { kind: 5, bytes: n.to_le_bytes().into() }
}

pub fn f32(n: f32) -> Value {
    Value { kind: 6, bytes: n.to_le_bytes().into() }
}

pub fn yes(is: bool) -> Value {
    Value { kind: 7, bytes: vec![is.into()] }
}

pub fn u64(n: u64) -> Value {
    Value { kind: 10, bytes: n.to_le_bytes().into() }
}

pub fn f64(n: f64) -> Value {
    Value { kind: 12, bytes: n.to_le_bytes().into() }
}

pub fn text(text: impl AsRef<[u8]>) -> Value {
    Value { kind: 8, bytes: string(text.as_ref()) }
}

pub fn texts<T: AsRef<[u8]>>(items: &[T]) -> Value {
    list(8, items.len() as u64, items.iter().map(|item| string(item.as_ref())).collect::<Vec<_>>().concat())
}

pub fn u32s(items: &[u32]) -> Value {
    list(4, items.len() as u64, items.iter().flat_map(|n| n.to_le_bytes()).collect())
}

pub fn i32s(items: &[i32]) -> Value {
    list(5, items.len() as u64, items.iter().flat_map(|n| n.to_le_bytes()).collect())
}

pub fn f32s(items: &[f32]) -> Value {
    list(6, items.len() as u64, items.iter().flat_map(|n| n.to_le_bytes()).collect())
}

/// A list of `of` that claims `len` elements.
pub fn list(of: u32, len: u64, bytes: Vec<u8>) -> Value {
    Value { kind: 9, bytes: [&of.to_le_bytes()[..], &len.to_le_bytes(), &bytes].concat() }
}

fn string(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}

impl File {
    pub fn new() -> Self {
        Self { version: 3, alignment: 32, entries: Vec::new(), tensors: Vec::new() }
    }

    /// Adds an entry, or replaces it.
    pub fn set(mut self, key: &str, value: Value) -> Self {
        match self.entries.iter_mut().find(|(other, _)| other == key.as_bytes()) {
            Some((_, old)) => *old = value,
            None => self.entries.push((key.into(), value)),
        }
        self
    }

    pub fn without(mut self, key: &str) -> Self {
        self.entries.retain(|(other, _)| other != key.as_bytes());
        self
    }

    /// Adds a tensor of weights that are small and not all the same; vectors are ones.
    pub fn tensor(mut self, name: &str, dims: &[u64], format: u32) -> Self {
        let count = dims.iter().product::<u64>() as usize;
        let data = match format {
            F16 => noise(count).flat_map(|n| (0x2000 | (n & 0x8bff)).to_le_bytes()).collect(),
            F32 if dims.len() == 1 => vec![1f32.to_le_bytes(); count].concat(),
            F32 => noise(count).flat_map(|n| ((f32::from(n) - 32768.0) / 1e6).to_le_bytes()).collect(),
            other => panic!("no data for format {other}"),
        };
        self.tensors.push(Tensor { name: name.into(), dims: dims.into(), format, offset: None, data });
        self
    }

    /// Changes one tensor.
    pub fn with(mut self, name: &str, change: impl FnOnce(&mut Tensor)) -> Self {
        change(self.tensors.iter_mut().find(|tensor| tensor.name == name.as_bytes()).expect("such a tensor"));
        self
    }

    /// Changes the vocabulary.
    pub fn tokens(self, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Self {
        let key = "tokenizer.ggml.tokens";
        let (_, value) = self.entries.iter().find(|(other, _)| other == key.as_bytes()).expect("a vocabulary");
        let (mut rest, mut tokens) = (&value.bytes[12..], Vec::new());
        while let Some((length, after)) = rest.split_first_chunk() {
            let (token, after) = after.split_at(u64::from_le_bytes(*length) as usize);
            tokens.push(token.to_vec());
            rest = after;
        }
        change(&mut tokens);
        self.set(key, texts(&tokens))
    }

    /// Everything before the weights.
    pub fn header(&self) -> Vec<u8> {
        let mut out = [&b"GGUF"[..], &self.version.to_le_bytes()].concat();
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.entries.len() as u64).to_le_bytes());
        for (key, value) in &self.entries {
            out.extend(string(key));
            out.extend(value.kind.to_le_bytes());
            out.extend(&value.bytes);
        }
        let mut place = 0;
        for tensor in &self.tensors {
            out.extend(string(&tensor.name));
            out.extend((tensor.dims.len() as u32).to_le_bytes());
            tensor.dims.iter().for_each(|dim| out.extend(dim.to_le_bytes()));
            out.extend(tensor.format.to_le_bytes());
            out.extend(tensor.offset.unwrap_or(place as u64).to_le_bytes());
            place += tensor.data.len().next_multiple_of(self.alignment);
        }
        out
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        for tensor in &self.tensors {
            out.resize(out.len().next_multiple_of(self.alignment), 0);
            out.extend(&tensor.data);
        }
        out.resize(out.len().next_multiple_of(self.alignment), 0);
        out
    }
}

/// Numbers that look random and are always the same.
fn noise(count: usize) -> impl Iterator<Item = u16> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..count).map(move |_| next(&mut state) as u16)
}

/// xorshift.
pub fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
