//! A model in memory: checks before llama.cpp sees the file, then loads it.

use crate::embed::Weights;
use crate::{logs, mapped, products, read};
use hob_engine::gguf::{self, Header};
use hob_engine::{EngineError, LoadSpec, ModelInfo, Role};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// llama.cpp asserts that a step, which is no longer than the context, holds a token for each sequence.
const LEAST_CONTEXT: u32 = 64;

/// A loaded model and what its file says.
pub struct Loaded {
    /// llama.cpp's model.
    pub model: LlamaModel,
    /// The file's header.
    pub header: Header,
    /// Context length to use, in tokens.
    pub context: u32,
    /// Threads to use.
    pub threads: u32,
    /// Its weights are multiplied where they lie in the file, by kernels of our own.
    pub in_place: bool,
    name: String,
}

impl Loaded {
    /// Loads the model that `spec` names. `progress` gets the share read and says whether to go on.
    pub fn open(
        backend: &LlamaBackend,
        spec: &LoadSpec,
        progress: impl FnMut(f32) -> bool,
    ) -> Result<Self, EngineError> {
        let bad = |reason: String| EngineError::BadModel { path: spec.path.display().to_string(), reason };
        let header = gguf::read(&spec.path).map_err(|e| bad(e.to_string()))?;
        check_role(&header, spec.role).map_err(bad)?;
        if spec.path.to_str().is_none() {
            return Err(bad("its path is not UTF-8; rename the file or folder".into()));
        }
        let wanted = if spec.context == 0 { spec.role.usual_context() } else { spec.context };
        let context = wanted.max(LEAST_CONTEXT).min(header.context_length);
        check_memory(&header, context, memory()).map_err(bad)?;
        let threads = if spec.threads == 0 { all_cores() } else { spec.threads.min(512) };
        let weights = match spec.role {
            Role::Embedding => Weights::fastest(&spec.path, &header, threads),
            Role::Chat | Role::Reranker => Weights::as_they_are(&spec.path),
        };
        let path = CString::new(weights.path().as_os_str().as_bytes()).map_err(|e| bad(e.to_string()))?;
        let in_place = products::read_in_place(&header.quantization);
        logs::take_last_error();
        let model = read::model(backend, &path, in_place, progress).ok_or_else(|| {
            let why = logs::take_last_error().unwrap_or_else(|| "it gave no reason".into());
            bad(format!("llama.cpp can't load it ({why}); it may be damaged or too new for this build"))
        })?;
        if !in_place {
            // Most other formats are laid out anew in memory of their own, and the file's pages would stay beside the copy.
            mapped::let_go(weights.path());
        }
        let name = header.name.clone().unwrap_or_else(|| file_name(&spec.path));
        Ok(Self { model, header, context, threads, in_place, name })
    }

    /// What the daemon is told.
    pub fn info(&self, has_chat_template: bool) -> ModelInfo {
        ModelInfo {
            name: self.name.clone(),
            architecture: self.header.architecture.clone(),
            parameters: self.header.parameters,
            context: self.context,
            embedding_length: self.header.embedding_length,
            has_chat_template,
            backend: crate::backend::name(),
        }
    }
}

fn check_role(header: &Header, role: Role) -> Result<(), String> {
    let encoder = header.architecture.contains("bert") || header.architecture.starts_with("t5");
    if role == Role::Chat && (encoder || header.role != Role::Chat) {
        return Err("it is no chat model and can't generate text; choose a chat model".into());
    }
    if role == Role::Reranker && header.role != Role::Reranker {
        return Err("it has no classification head and can't score documents; choose a reranking model".into());
    }
    if role != Role::Reranker && header.role == Role::Reranker {
        return Err("it is a reranking model and only scores documents; choose another".into());
    }
    Ok(())
}

/// A file may be small and still describe keys and values larger than any memory.
fn check_memory(header: &Header, context: u32, memory: Option<u64>) -> Result<(), String> {
    let needed = header.memory_per_token.saturating_mul(context.into());
    match memory.filter(|memory| needed > *memory) {
        None => Ok(()),
        Some(memory) => Err(format!(
            "a context of {context} tokens takes {} MiB of memory, and this machine has {}; load it with a shorter one",
            needed >> 20,
            memory >> 20
        )),
    }
}

/// Bytes of memory in this machine.
fn memory() -> Option<u64> {
    let about = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = about.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    total.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

fn all_cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u32)
}

fn file_name(path: &Path) -> String {
    path.file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_says_how_much_memory_it_has() {
        assert!(memory().is_some_and(|bytes| bytes > 64 << 20));
    }
}
