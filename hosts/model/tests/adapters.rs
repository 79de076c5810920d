//! LoRA adapters for single requests, through the real process.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CHAT, ask, generate, loaded};
use hob_engine::{EngineError, GenerateSpec, Lora, Role};
use std::path::{Path, PathBuf};

const HIDDEN: u64 = 576;
const RANK: u64 = 4;

/// An adapter of the first layers' attention, with weights that follow a fixed sequence.
fn adapter(folder: &Path, name: &str, architecture: &str, hidden: u64) -> PathBuf {
    let text = |s: &str| [&(s.len() as u64).to_le_bytes()[..], s.as_bytes()].concat();
    let entry = |key: &str, value: &str| [text(key), 8u32.to_le_bytes().to_vec(), text(value)].concat();
    let mut out = [&b"GGUF"[..], &3u32.to_le_bytes(), &16u64.to_le_bytes(), &4u64.to_le_bytes()].concat();
    out.extend(entry("general.type", "adapter"));
    out.extend(entry("general.architecture", architecture));
    out.extend(entry("adapter.type", "lora"));
    out.extend([text("adapter.lora.alpha"), 6u32.to_le_bytes().to_vec(), 8f32.to_le_bytes().to_vec()].concat());
    let mut offset = 0u64;
    for layer in 0..8 {
        for (part, dims) in [("lora_a", [hidden, RANK]), ("lora_b", [RANK, hidden])] {
            out.extend(text(&format!("blk.{layer}.attn_q.weight.{part}")));
            out.extend(2u32.to_le_bytes());
            dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(0u32.to_le_bytes());
            out.extend(offset.to_le_bytes());
            offset += hidden * RANK * 4;
        }
    }
    out.resize(out.len().next_multiple_of(32), 0);
    let mut state = 1u32;
    for _ in 0..offset / 4 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out.extend(((state >> 8) as f32 / (1 << 24) as f32 - 0.5).to_le_bytes());
    }
    let path = folder.join(name);
    std::fs::write(&path, out).unwrap();
    path
}

#[tokio::test]
async fn an_adapter_changes_its_own_request_and_no_other() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = adapter(folder.path(), "adapter.gguf", "llama", HIDDEN);
    let with = |scale| GenerateSpec { lora: Some(Lora { path: path.clone(), scale }), ..ask("Why is the sky blue?") };
    let plain = generate(&host, ask("Why is the sky blue?")).await.unwrap();
    let changed = generate(&host, with(1.0)).await.unwrap();
    assert_ne!(changed.text, plain.text);
    assert_eq!(changed.usage.cached_tokens, 0, "another adapter's keys and values are not ours");
    assert_eq!(generate(&host, ask("Why is the sky blue?")).await.unwrap().text, plain.text);
    assert_eq!(generate(&host, with(0.0)).await.unwrap().text, plain.text);
    // At once, each with its own.
    let (one, two) = tokio::join!(generate(&host, with(1.0)), generate(&host, ask("Why is the sky blue?")));
    assert_eq!((one.unwrap().text, two.unwrap().text), (changed.text, plain.text));
}

#[tokio::test]
async fn what_is_no_adapter_of_this_model_is_refused() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 512).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let cut = adapter(folder.path(), "cut.gguf", "llama", HIDDEN);
    let bytes = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let wrong = [
        adapter(folder.path(), "architecture.gguf", "qwen2", HIDDEN),
        adapter(folder.path(), "shape.gguf", "llama", 64),
        cut,
        folder.path().join("missing.gguf"),
        common::model(CHAT).unwrap(),
    ];
    for path in wrong {
        let spec = GenerateSpec { lora: Some(Lora { path: path.clone(), scale: 1.0 }), ..ask("x") };
        let refused = generate(&host, spec).await;
        assert!(matches!(refused, Err(EngineError::BadModel { .. })), "{}: {refused:?}", path.display());
    }
    let fine = adapter(folder.path(), "fine.gguf", "llama", HIDDEN);
    let strong = GenerateSpec { lora: Some(Lora { path: fine, scale: f32::NAN }), ..ask("x") };
    assert!(matches!(generate(&host, strong).await, Err(EngineError::InvalidArgument(_))));
    assert!(generate(&host, GenerateSpec { max_tokens: 2, ..ask("Hi") }).await.is_ok());
}
