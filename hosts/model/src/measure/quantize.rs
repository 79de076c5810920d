//! Writes a model with smaller weights.
//!
//! Invariant: under its final name the new file is whole and can be read.
#![allow(unsafe_code)]

use super::Progress;
use crate::logs;
use hob_engine::gguf;
use hob_engine::measure::{Measured, beside, format};
use hob_engine::{EngineError, LoadSpec};
use llama_cpp_sys_2 as sys;
use std::ffi::CString;
use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Most bytes of a tensor that are in memory at once; llama.cpp's own limit is 8 GiB.
const BUFFER: usize = 256 << 20;
/// How often the new file's size is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Writes the model of `load` to a new file.
pub fn run(
    load: &LoadSpec,
    to: &Path,
    name: &str,
    requantize: bool,
    progress: &Progress<'_>,
) -> Result<Measured, EngineError> {
    let bad = |reason: String| EngineError::BadModel { path: load.path.display().to_string(), reason };
    let header = gguf::read(&load.path).map_err(|e| bad(e.to_string()))?;
    let (format, number, bits) = format(name).ok_or_else(|| {
        let known: Vec<&str> = hob_engine::measure::FORMATS.iter().map(|(name, ..)| *name).collect();
        EngineError::InvalidArgument(format!("there is no format {name}; known: {}", known.join(", ")))
    })?;
    let whole = ["F32", "F16", "BF16"].contains(&header.quantization.as_str());
    if !whole && !requantize {
        let from = &header.quantization;
        return Err(EngineError::InvalidArgument(format!(
            "its weights are quantized already ({from}); from those to {format} costs more quality than from F16: get that, or say requantize"
        )));
    }
    let part = beside(to);
    let expected = (header.parameters as f64 * bits / 8.0).max(1.0);
    let written = write(&load.path, &part, number, load.threads, |size| progress.tell(size as f64 / expected * 0.99));
    let bytes = written.and_then(|()| keep(&part, to));
    if bytes.is_err()
        && part.exists()
        && let Err(error) = std::fs::remove_file(&part)
    {
        tracing::warn!(%error, path = %part.display(), "an unfinished file stays");
    }
    Ok(Measured::Quantized(bytes?))
}

/// llama.cpp's own function can't be interrupted: who loses patience ends this process.
fn write(
    from: &Path,
    to: &Path,
    number: u32,
    threads: u32,
    look: impl Fn(u64) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let text = |path: &Path| {
        use std::os::unix::ffi::OsStrExt;
        CString::new(path.as_os_str().as_bytes()).map_err(|e| EngineError::InvalidArgument(e.to_string()))
    };
    let (from, target) = (text(from)?, text(to)?);
    logs::take_last_error();
    let (tell, told) = channel();
    let worker = std::thread::spawn(move || tell.send(call(&from, &target, number, threads)).is_ok());
    let code = loop {
        match told.recv_timeout(LOOK) {
            Ok(code) => break code,
            Err(RecvTimeoutError::Timeout) => {
                let size = std::fs::metadata(to).map_or(0, |about| about.len());
                // The process ends with its cancelled request; the thread can't be stopped.
                look(size)?;
            }
            Err(RecvTimeoutError::Disconnected) => break u32::MAX,
        }
    };
    if worker.join().is_ok() && code == 0 {
        return Ok(());
    }
    let why = logs::take_last_error().unwrap_or_else(|| "it gave no reason".into());
    Err(EngineError::Inference(format!("llama.cpp could not quantize it: {why}; is there room on the disk?")))
}

fn call(from: &CString, to: &CString, number: u32, threads: u32) -> u32 {
    // SAFETY: takes nothing and returns a plain value.
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.ftype = number as sys::llama_ftype;
    params.nthread = threads as i32;
    params.allow_requantize = true;
    params.max_buf_size = BUFFER;
    // SAFETY: both names are NUL-terminated and outlive the call, the parameters too.
    unsafe { sys::llama_model_quantize(from.as_ptr(), to.as_ptr(), &params) }
}

/// Checks the new file and gives it its name.
fn keep(part: &Path, to: &Path) -> Result<u64, EngineError> {
    let disk = |e: std::io::Error| EngineError::Inference(format!("{}: {e}", to.display()));
    gguf::read(part).map_err(|e| EngineError::Inference(format!("what was written is no model: {e}")))?;
    let file = File::open(part).map_err(disk)?;
    file.sync_all().map_err(disk)?;
    let bytes = file.metadata().map_err(disk)?.len();
    std::fs::rename(part, to).map_err(disk)?;
    let folder = to.parent().unwrap_or(Path::new("/"));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk)?;
    Ok(bytes)
}
