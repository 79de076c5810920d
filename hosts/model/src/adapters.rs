//! LoRA adapters: small files that change a model's weights for single requests.
//!
//! Owns: the adapters of one model that are in memory. Must not know: requests, sequences.
#![allow(unsafe_code)]

use crate::context::pointer;
use crate::logs;
use hob_engine::{EngineError, Lora, gguf};
use llama_cpp_2::model::LlamaModel;
use llama_cpp_sys_2 as sys;
use std::ffi::CString;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::time::SystemTime;

/// Most adapters in memory; each takes as much as its file.
const MOST: usize = 8;
/// Strongest effect, either way; what is beyond only makes noise.
const STRONGEST: f32 = 16.0;

/// An adapter with its strength, as steps use it; 0 stands for none.
pub type Group = usize;

/// The adapters of a model.
pub struct Adapters<'m> {
    model: &'m LlamaModel,
    files: Vec<Adapter>,
    /// Group `n` is entry `n - 1`: which file, and how strong.
    groups: Vec<(usize, f32)>,
}

struct Adapter {
    path: PathBuf,
    /// A file that was replaced is another adapter.
    changed: Option<SystemTime>,
    raw: NonNull<sys::llama_adapter_lora>,
}

impl<'m> Adapters<'m> {
    /// None yet.
    pub fn new(model: &'m LlamaModel) -> Self {
        Self { model, files: Vec::new(), groups: Vec::new() }
    }

    /// The group of an adapter at a strength; loads its file on first use.
    pub fn group(&mut self, lora: Option<&Lora>) -> Result<Group, EngineError> {
        let Some(lora) = lora else { return Ok(0) };
        if !(-STRONGEST..=STRONGEST).contains(&lora.scale) {
            let reason = format!("an adapter's strength of {} is outside -{STRONGEST} to {STRONGEST}", lora.scale);
            return Err(EngineError::InvalidArgument(reason));
        }
        let file = self.file(lora)?;
        let known = self.groups.iter().position(|(at, scale)| *at == file && *scale == lora.scale);
        let at = known.unwrap_or_else(|| {
            self.groups.push((file, lora.scale));
            self.groups.len() - 1
        });
        Ok(at + 1)
    }

    /// What the context needs to apply a group.
    pub fn of(&self, group: Group) -> Option<(NonNull<sys::llama_adapter_lora>, f32)> {
        let (file, scale) = self.groups.get(group.checked_sub(1)?)?;
        Some((self.files[*file].raw, *scale))
    }

    fn file(&mut self, lora: &Lora) -> Result<usize, EngineError> {
        let changed = std::fs::metadata(&lora.path).and_then(|about| about.modified()).ok();
        if let Some(at) = self.files.iter().position(|f| f.path == lora.path && f.changed == changed) {
            return Ok(at);
        }
        if self.files.len() == MOST {
            let reason = format!("this model has {MOST} adapters in memory already; unload it to use others");
            return Err(EngineError::InvalidArgument(reason));
        }
        let raw = self.load(lora)?;
        self.files.push(Adapter { path: lora.path.clone(), changed, raw });
        Ok(self.files.len() - 1)
    }

    fn load(&self, lora: &Lora) -> Result<NonNull<sys::llama_adapter_lora>, EngineError> {
        let bad = |reason: String| EngineError::BadModel { path: lora.path.display().to_string(), reason };
        gguf::check_adapter(&lora.path).map_err(|error| bad(error.to_string()))?;
        let path = lora.path.to_str().and_then(|path| CString::new(path).ok());
        let path = path.ok_or_else(|| bad("its path is not UTF-8; rename the file or folder".into()))?;
        logs::take_last_error();
        // SAFETY: the model is valid, and frees its adapters when it is freed itself, after this (`'m`).
        let raw = unsafe { sys::llama_adapter_lora_init(pointer(self.model), path.as_ptr()) };
        NonNull::new(raw).ok_or_else(|| {
            let why = logs::take_last_error().unwrap_or_else(|| "it gave no reason".into());
            bad(format!("llama.cpp can't use it as an adapter of this model ({why})"))
        })
    }
}
