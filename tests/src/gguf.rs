//! Small sound GGUF files of any size and content, for tests that move files about.

/// A file that the header's reader accepts, with about `bytes` bytes of weights that follow from `seed`.
pub fn model(bytes: usize, seed: u64) -> Vec<u8> {
    let rows = bytes.div_ceil(256 * 4).max(1) as u64;
    let entries = [
        entry("general.architecture", 8, &text("llama")),
        entry("general.name", 8, &text("Tiny")),
        entry("llama.context_length", 4, &2048u32.to_le_bytes()),
        entry("llama.embedding_length", 4, &64u32.to_le_bytes()),
        entry("llama.block_count", 4, &2u32.to_le_bytes()),
        entry("llama.attention.head_count", 4, &4u32.to_le_bytes()),
        entry("tokenizer.ggml.model", 8, &text("gpt2")),
        entry("tokenizer.ggml.tokens", 9, &texts(&["a", "b", "ab"])),
    ];
    let tensors = [tensor("token_embd.weight", &[64, 3], 0), tensor("output_norm.weight", &[256, rows], 768)];
    let mut out = [&b"GGUF"[..], &3u32.to_le_bytes(), &(tensors.len() as u64).to_le_bytes()].concat();
    out.extend((entries.len() as u64).to_le_bytes());
    entries.iter().chain(&tensors).for_each(|part| out.extend(part));
    out.resize(out.len().next_multiple_of(32), 0);
    let end = out.len() + 768 + rows as usize * 1024;
    let mut state = seed | 1;
    while out.len() < end {
        // Xorshift: no two files are alike, and no place is like another.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend(&state.to_le_bytes()[..(end - out.len()).min(8)]);
    }
    out
}

/// The SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

fn text(s: &str) -> Vec<u8> {
    [&(s.len() as u64).to_le_bytes()[..], s.as_bytes()].concat()
}

fn entry(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&text(key)[..], &kind.to_le_bytes(), value].concat()
}

fn texts(items: &[&str]) -> Vec<u8> {
    let mut out = [&8u32.to_le_bytes()[..], &(items.len() as u64).to_le_bytes()].concat();
    items.iter().for_each(|item| out.extend(text(item)));
    out
}

fn tensor(name: &str, dims: &[u64], offset: u64) -> Vec<u8> {
    let mut out = [&text(name)[..], &(dims.len() as u32).to_le_bytes()].concat();
    dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
    out.extend(0u32.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out
}
