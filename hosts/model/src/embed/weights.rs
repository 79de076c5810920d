//! The format in which weights are multiplied fastest on the processor at hand.
//!
//! Owns: the choice, and the copy of a model in that format, in memory. Must not know: what the
//! model is for.
//!
//! Measured for all-MiniLM-L6-v2 on a Zen 5 with each of the kernels that run there, F16 being 1:
//! with `avx512_bf16` BF16 is 1.31 to 1.5 and Q8_0 0.87; with AVX-512 alone BF16 is 1.0; with AVX2
//! BF16 is 0.87 and Q8_0 1.0 to 1.1. The cosine of an embedding to that of F32 weights is at least
//! 0.99995 for BF16 and 0.998 for Q8_0, so Q8_0 is never chosen. For embeddings alone: a score is a
//! difference of large sums, in which BF16 can shift the second digit.
#![allow(unsafe_code)]

use crate::{backend, logs};
use hob_engine::gguf::Header;
use llama_cpp_sys_2 as sys;
use rustix::fs::{MemfdFlags, memfd_create};
use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Kernels that multiply BF16 by instructions of their own.
const WITH_BF16: [&str; 3] = ["cooperlake", "zen4", "sapphirerapids"];
/// A copy takes memory that the kernel can't drop as it drops a file's; larger models stay as they are.
const MOST_BYTES: u64 = 256 << 20;

/// Where a model's weights are read from: its own file or a copy.
pub struct Weights {
    path: PathBuf,
    /// Holds the copy until llama.cpp has mapped it.
    _copy: Option<OwnedFd>,
}

impl Weights {
    /// The file at `path` as it is.
    pub fn as_they_are(path: &Path) -> Self {
        Self { path: path.into(), _copy: None }
    }

    /// The file at `path`, or a copy of it in a format that is faster here. `header` is the file's.
    pub fn fastest(path: &Path, header: &Header, threads: u32) -> Self {
        if !gains(header, &backend::name()) || backend::has_other_devices() {
            return Self::as_they_are(path);
        }
        match copy(path, threads) {
            Ok(weights) => weights,
            Err(reason) => {
                tracing::warn!(path = %path.display(), reason, "no faster copy of the weights; the file is used");
                Self::as_they_are(path)
            }
        }
    }

    /// The path to give to llama.cpp.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn gains(header: &Header, kernels: &str) -> bool {
    let wide = matches!(header.quantization.as_str(), "F16" | "F32");
    wide && header.file_bytes <= MOST_BYTES && WITH_BF16.contains(&kernels)
}

fn copy(path: &Path, threads: u32) -> Result<Weights, String> {
    let from = path.to_str().and_then(|path| CString::new(path).ok()).ok_or("its path can't be passed on")?;
    let file = memfd_create(c"weights", MemfdFlags::CLOEXEC).map_err(|e| e.to_string())?;
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    let to = CString::new(name.as_str()).map_err(|e| e.to_string())?;
    // SAFETY: takes nothing and returns a plain value.
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.nthread = i32::try_from(threads.clamp(1, 16)).unwrap_or(1);
    params.ftype = sys::LLAMA_FTYPE_MOSTLY_BF16;
    params.allow_requantize = true;
    logs::take_last_error();
    // SAFETY: both paths are NUL-terminated and outlive the call, as do the parameters, whose
    // pointers are all null.
    let code = unsafe { sys::llama_model_quantize(from.as_ptr(), to.as_ptr(), &raw const params) };
    if code != 0 {
        return Err(logs::take_last_error().unwrap_or_else(|| format!("code {code}")));
    }
    Ok(Weights { path: name.into(), _copy: Some(file) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hob_engine::Role;

    #[test]
    fn a_copy_is_made_only_where_it_pays() {
        let header = |quantization: &str, file_bytes| Header {
            architecture: "bert".into(),
            name: None,
            parameters: 1,
            context_length: 1,
            memory_per_token: 0,
            embedding_length: 1,
            block_count: 1,
            vocabulary: 1,
            chat_template: None,
            rerank_template: None,
            quantization: quantization.into(),
            role: Role::Embedding,
            file_bytes,
        };
        assert!(gains(&header("F16", 1), "zen4") && gains(&header("F32", MOST_BYTES), "sapphirerapids"));
        assert!(!gains(&header("Q8_0", 1), "zen4"));
        assert!(!gains(&header("F16", 1), "haswell") && !gains(&header("F16", 1), ""));
        assert!(!gains(&header("F16", MOST_BYTES + 1), "zen4"));
    }
}
