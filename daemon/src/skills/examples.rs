//! Embeddings of the skills' examples, made once per set of texts and embedder.
//!
//! A few hundred short texts take most of a second to embed, so the result is kept on disk; it can
//! be rebuilt at any time and is dropped silently when anything about it does not fit.

use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Serialize, Deserialize)]
struct Stored {
    embedder: String,
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
}

/// The stored vectors, if they are of exactly these texts and this embedder.
pub fn load(file: &Path, embedder: &str, texts: &[String]) -> Option<Vec<Vec<f32>>> {
    let stored: Stored = postcard::from_bytes(&std::fs::read(file).ok()?).ok()?;
    let fits = stored.embedder == embedder && stored.texts == texts && stored.vectors.len() == texts.len();
    fits.then_some(stored.vectors)
}

/// Stores the vectors; failing to only costs time at the next start.
pub fn save(file: &Path, embedder: &str, texts: Vec<String>, vectors: Vec<Vec<f32>>) {
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
    fn stored_vectors_serve_the_same_texts_and_embedder_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deep/examples.bin");
        let texts = vec!["a".to_string(), "b".to_string()];
        save(&file, "minilm", texts.clone(), vec![vec![1.0], vec![0.5]]);
        assert_eq!(load(&file, "minilm", &texts), Some(vec![vec![1.0], vec![0.5]]));
        assert_eq!(load(&file, "other", &texts), None);
        assert_eq!(load(&file, "minilm", &texts[..1]), None);
        std::fs::write(&file, b"damaged").expect("write");
        assert_eq!(load(&file, "minilm", &texts), None);
    }
}
