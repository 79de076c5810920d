//! Which models are there: GGUF files in the models' folders, described by their own headers.

use hob_engine::Role;
use hob_engine::gguf;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A model file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The file's name without `.gguf`.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// What it is for.
    pub role: Role,
    /// What its header says, or why it can't be used.
    pub header: Result<gguf::Header, String>,
    /// Languages it was trained for (ISO 639-1), empty when unknown or many.
    pub languages: Vec<String>,
    /// Tells weights apart without reading all of them.
    pub fingerprint: String,
}

/// Reads every `*.gguf` below the folders (not deeper); a name that comes twice keeps its first.
pub fn scan(folders: &[PathBuf]) -> BTreeMap<String, Entry> {
    let mut found = BTreeMap::new();
    for folder in folders {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
        for path in files.filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf"))) {
            match describe(&path) {
                Ok(entry) => {
                    found.entry(entry.id.clone()).or_insert(entry);
                }
                Err(error) => tracing::warn!(path = %path.display(), %error, "a model file can't be read"),
            }
        }
    }
    found
}

/// Describes one file by its header.
pub fn describe(path: &Path) -> std::io::Result<Entry> {
    let size = std::fs::metadata(path)?.len();
    let header = gguf::read(path).map_err(|e| e.to_string());
    let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let languages = header.as_ref().map(|h| languages(h, &id)).unwrap_or_default();
    let role = header.as_ref().map_or(Role::Chat, role);
    Ok(Entry { id, path: path.to_path_buf(), size, role, header, languages, fingerprint: fingerprint(path, size)? })
}

/// What the file says by its pooling; encoder architectures without one only embed; everything else
/// generates.
fn role(header: &gguf::Header) -> Role {
    const ENCODERS: [&str; 7] =
        ["bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "modern-bert", "gemma-embedding"];
    let is_encoder = ENCODERS.contains(&header.architecture.as_str());
    if header.role == Role::Chat && is_encoder { Role::Embedding } else { header.role }
}

/// MiniLM's v2 models are English only (their model cards); a vector of another language would
/// only add noise, so such text stays lexical.
fn languages(header: &gguf::Header, id: &str) -> Vec<String> {
    let name = format!("{} {id}", header.name.as_deref().unwrap_or_default()).to_lowercase();
    let english = ["all-minilm", "bge-small-en", "bge-base-en", "bge-large-en", "e5-small-v2", "e5-base-v2"];
    if english.iter().any(|known| name.contains(known)) && !name.contains("multilingual") {
        return vec!["en".into()];
    }
    Vec::new()
}

/// Size and a CRC of the first and last mebibyte: header, vocabulary and the last weights.
/// Collisions only matter between files of one user, and reading gigabytes at start would be felt.
fn fingerprint(path: &Path, size: u64) -> std::io::Result<String> {
    const PART: u64 = 1 << 20;
    let mut file = File::open(path)?;
    let mut hash = crc32fast::Hasher::new();
    let mut part = Vec::new();
    file.by_ref().take(PART).read_to_end(&mut part)?;
    hash.update(&part);
    file.seek(SeekFrom::Start(size.saturating_sub(PART)))?;
    part.clear();
    file.take(PART).read_to_end(&mut part)?;
    hash.update(&part);
    Ok(format!("{size:x}-{:08x}", hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_listed_with_its_problem() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("broken.gguf"), b"GGUX and more").expect("write");
        std::fs::write(folder.path().join("notes.txt"), b"no model").expect("write");
        let found = scan(&[folder.path().to_path_buf(), PathBuf::from("/nonexistent")]);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["broken"]);
        assert!(found["broken"].header.is_err());
    }

    #[test]
    fn a_fingerprint_follows_the_content() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.gguf");
        std::fs::write(&path, b"one").expect("write");
        let one = fingerprint(&path, 3).expect("fingerprint");
        std::fs::write(&path, b"two").expect("write");
        assert_ne!(one, fingerprint(&path, 3).expect("fingerprint"));
    }
}
