//! llama.cpp's compute kernels: one build for each generation of processors, chosen at start.
//!
//! Owns: which folder they come from. Nothing is ever loaded from the current directory, from a folder that the
//! environment names, or from where the build machine had its files: only from beside this program or from where
//! `make install` puts it.
#![allow(unsafe_code)]

use llama_cpp_2::llama_backend;
use llama_cpp_sys_2 as sys;
use std::path::{Path, PathBuf};

/// Where they lie, seen from the program's folder: where it was built (tests run one folder deeper), and installed.
/// The same places as in `build.rs`.
const PLACES: [&str; 3] = ["llama", "../llama", "../../lib/hob/llama"];
/// How the files begin that hold the processor's kernels.
const CPU: &str = "libggml-cpu-";

/// Loads the build that suits this processor best. Once, before llama.cpp is initialised: otherwise it would look
/// for them by itself, and in the current directory too.
pub fn load() -> anyhow::Result<()> {
    let folder = folder()?;
    // SAFETY: the worker is the only thread that reads or writes the environment, and llama.cpp reads it from here.
    unsafe {
        std::env::remove_var("GGML_BACKEND_PATH");
        std::env::set_var("GGML_BACKEND_DIR", &folder);
    }
    anyhow::ensure!(folder.to_str().is_some(), "{} is not UTF-8; install hob below another path", folder.display());
    llama_backend::load_backends_from_path(&folder);
    // SAFETY: takes nothing and returns a number.
    let devices = unsafe { sys::ggml_backend_dev_count() };
    anyhow::ensure!(
        devices > 0,
        "none of the kernels in {} runs on this processor; search works without a model",
        folder.display()
    );
    Ok(())
}

/// Which build was chosen, as its file is called: "zen4", "haswell", "armv8.2_2"; empty when the kernel hides it.
pub fn name() -> String {
    // The file is mapped as long as it is in use; candidates that lost are closed again.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().find_map(|line| variant(line.rsplit('/').next()?)).unwrap_or_default().to_string()
}

/// Whether there are others than the processor: a GPU has its own favourites.
pub fn has_other_devices() -> bool {
    // SAFETY: takes nothing and returns a number.
    unsafe { sys::ggml_backend_dev_count() > 1 }
}

fn variant(file: &str) -> Option<&str> {
    file.strip_prefix(CPU)?.strip_suffix(".so")
}

fn folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let beside = program.parent().unwrap_or(Path::new("/"));
    let found = PLACES.iter().map(|place| beside.join(place)).find(|folder| holds_kernels(folder));
    let found = found.ok_or_else(|| {
        anyhow::anyhow!("there is no folder \"llama\" with {CPU}*.so beside {}; install hob again", program.display())
    })?;
    Ok(found.canonicalize()?)
}

fn holds_kernels(folder: &Path) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_str().is_some_and(|name| variant(name).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_from_other_libraries() {
        assert_eq!(variant("libggml-cpu-zen4.so"), Some("zen4"));
        assert_eq!(variant("libggml-base.so.0"), None);
        assert!(!holds_kernels(Path::new("/nonexistent")));
    }
}
