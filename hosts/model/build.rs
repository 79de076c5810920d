//! Puts llama.cpp's shared libraries, among them one CPU backend for each generation of processors, into
//! `llama/` beside the programs, and tells the host to look for them there.
//!
//! The names that the linker left behind are links into a folder that an installation does not have, so
//! the files themselves are copied.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    // Set by llama-cpp-sys-2 with its feature `dynamic-backends`.
    println!("cargo:rerun-if-env-changed=DEP_LLAMA_BACKENDS_DIR");
    let backends = PathBuf::from(variable("DEP_LLAMA_BACKENDS_DIR")?);
    let made = backends.parent().ok_or_else(|| io::Error::other("llama.cpp's backends have no folder"))?;
    let to = profile_folder(&PathBuf::from(variable("OUT_DIR")?))?.join("llama");
    fs::create_dir_all(&to)?;
    for folder in [made.join("lib"), made.join("lib64"), backends.clone()] {
        if folder.is_dir() {
            copy_libraries(&folder, &to)?;
        }
    }
    // Beside the program where it was built; below lib/ where it is installed. The old tag, because the
    // new one does not hold for what the libraries themselves need.
    println!("cargo:rustc-link-arg-bins=-Wl,--disable-new-dtags");
    for place in ["$ORIGIN/llama", "$ORIGIN/../llama", "$ORIGIN/../../lib/hob/llama"] {
        println!("cargo:rustc-link-arg-bins=-Wl,-rpath,{place}");
    }
    Ok(())
}

/// Copies what is loaded by name: `libggml-cpu-x64.so` and `libllama.so.0`, not the link `libllama.so`.
fn copy_libraries(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let is_backend = name.starts_with("libggml-") && name.ends_with(".so") && !path.is_symlink();
        let is_named = name.rsplit_once(".so.").is_some_and(|(_, version)| !version.contains('.'));
        // Built along with the others, and used by none of ours.
        let is_spare = name.starts_with("libllama-common");
        if (is_backend || is_named) && !is_spare {
            // In two steps, because a running host may have the old file mapped.
            let fresh = to.join(format!("{name}.new"));
            fs::copy(&path, &fresh)?;
            fs::rename(&fresh, to.join(name))?;
        }
    }
    Ok(())
}

/// `target/<profile>`, from `target/<profile>/build/<package>/out`.
fn profile_folder(out: &Path) -> io::Result<&Path> {
    out.ancestors().nth(3).ok_or_else(|| io::Error::other("OUT_DIR is not below a target folder"))
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|e| io::Error::other(format!("{name}: {e}")))
}
