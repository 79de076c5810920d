//! What routing has worked out and keeps on disk: the examples' embeddings, and what was learned from them.
//!
//! A thousand short texts take seconds to embed and as long to learn from, so a restart, or a new skill, costs what is new
//! only. All of it can be made again at any time, and is dropped silently when anything about it does not fit.

use crate::json_file;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::PathBuf;

/// The files, in the user's cache.
#[derive(Debug, Clone)]
pub struct Kept {
    folder: PathBuf,
}

/// One of the files.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// Embeddings by text.
    Examples,
    /// The head and its thresholds.
    Learned,
}

impl Kept {
    /// In this folder, which need not exist yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn file(&self, part: Part) -> PathBuf {
        self.folder.join(match part {
            Part::Examples => "examples.bin",
            Part::Learned => "learned.bin",
        })
    }

    /// What was kept under this key, if that is the last one.
    pub fn load<T: DeserializeOwned>(&self, part: Part, key: &str) -> Option<T> {
        let bytes = std::fs::read(self.file(part)).ok()?;
        let (kept, rest) = postcard::take_from_bytes::<String>(&bytes).ok()?;
        // The key says what follows; another one is not even read.
        if kept == key { postcard::from_bytes(rest).ok() } else { None }
    }

    /// Keeps it in place of what was there; failing to only costs time at the next start.
    pub fn save<T: Serialize>(&self, part: Part, key: &str, value: &T) {
        let bytes = postcard::to_stdvec(&(key, value)).map_err(io::Error::other);
        if let Err(error) = bytes.and_then(|bytes| json_file::replace(&self.file(part), &bytes)) {
            tracing::warn!(%error, ?part, "what the router worked out was not kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_serves_the_same_key_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept::new(folder.path().join("deep"));
        let vectors = vec![("a".to_string(), vec![1.0f32]), ("b".to_string(), vec![0.5])];
        let load = |key: &str| kept.load::<Vec<(String, Vec<f32>)>>(Part::Examples, key);
        assert_eq!(load("minilm"), None);
        kept.save(Part::Examples, "minilm", &vectors);
        assert_eq!(load("minilm"), Some(vectors));
        assert_eq!(load("other"), None);
        std::fs::write(kept.file(Part::Examples), b"damaged").expect("write");
        assert_eq!(load("minilm"), None);
    }
}
