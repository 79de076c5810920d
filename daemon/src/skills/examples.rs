//! Embeddings of the skills' examples, made once per text and embedder.
//!
//! A few hundred short texts take most of a second to embed, so the result is kept on disk, and a new skill costs its
//! own texts only. It can be rebuilt at any time and is dropped silently when anything about it does not fit.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

#[derive(Serialize, Deserialize)]
struct Stored {
    embedder: String,
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
}

/// The stored vectors of this embedder, by text.
pub fn load(file: &Path, embedder: &str) -> HashMap<String, Vec<f32>> {
    let stored = std::fs::read(file).ok().and_then(|bytes| postcard::from_bytes::<Stored>(&bytes).ok());
    let fits = |stored: &Stored| stored.embedder == embedder && stored.vectors.len() == stored.texts.len();
    stored.filter(fits).map(|stored| stored.texts.into_iter().zip(stored.vectors).collect()).unwrap_or_default()
}

/// Stores the vectors; failing to only costs time at the next start.
pub fn save(file: &Path, embedder: &str, by_text: &HashMap<String, Vec<f32>>) {
    let (texts, vectors) = by_text.iter().map(|(text, vector)| (text.clone(), vector.clone())).unzip();
    let stored = Stored { embedder: embedder.into(), texts, vectors };
    let fresh = file.with_extension("new");
    let written = postcard::to_stdvec(&stored).map_err(|e| e.to_string()).and_then(|bytes| {
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new("/"))).map_err(|e| e.to_string())?;
        std::fs::write(&fresh, bytes).and_then(|()| std::fs::rename(&fresh, file)).map_err(|e| e.to_string())
    });
    if let Err(error) = written {
        tracing::warn!(error, "the examples' embeddings were not kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_vectors_serve_the_same_embedder_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deep/examples.bin");
        let vectors: HashMap<_, _> = [("a".to_string(), vec![1.0]), ("b".to_string(), vec![0.5])].into();
        save(&file, "minilm", &vectors);
        assert_eq!(load(&file, "minilm"), vectors);
        assert!(load(&file, "other").is_empty());
        std::fs::write(&file, b"damaged").expect("write");
        assert!(load(&file, "minilm").is_empty());
    }
}
