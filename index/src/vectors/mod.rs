//! The vector store: one flat, append-only file of int8 vectors, mapped into memory.
//!
//! I have a vector: `top` gives the nearest passages. One file per embedder; records have a fixed
//! size and a checksum, removal appends a tombstone, and a tail torn by a crash is cut off without
//! a word: what is missing is embedded again. Must not know text or how vectors are made.

mod ann;
mod dot;
mod file;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::types::{ChunkId, IndexError};
pub use ann::AnnIndex;
use ann::Flat;
use file::{Kind, Record, RecordFile};

/// Fewer dead records than this are not worth rewriting the file.
const FEWEST_DEAD: usize = 256;
/// Candidates of the coarse scan per vector wanted, rescored with the exact query.
const RESCORED: usize = 3;

/// The store of one embedder's vectors.
pub struct Vectors {
    dir: PathBuf,
    embedder: String,
    dim: usize,
    file: RecordFile,
    /// The chunk of each record; `None` for tombstones and what is dead.
    slots: Vec<Option<ChunkId>>,
    /// The records of each chunk.
    places: HashMap<ChunkId, Vec<u32>>,
    dead: usize,
}

impl Vectors {
    /// Opens the store of an embedder in `dir`, which is created if need be. Stores of other embedders lie beside it:
    /// see [`Vectors::stored`] and [`Vectors::delete_others`].
    pub fn open(dir: &Path, embedder: &str, dim: usize) -> Result<Vectors, IndexError> {
        if dim == 0 || dim > file::WIDEST || embedder.is_empty() || embedder.len() > file::LONGEST_NAME {
            let most = (file::WIDEST, file::LONGEST_NAME);
            return Err(IndexError::InvalidArgument(format!(
                "an embedder needs 1 to {} dimensions and a name of 1 to {} bytes, this one has {dim} and {}",
                most.0,
                most.1,
                embedder.len()
            )));
        }
        fs::create_dir_all(dir).map_err(|e| storage(dir, &e))?;
        let path = dir.join(file_name(embedder, dim));
        let (file, records) = RecordFile::open(&path, embedder, dim).map_err(|e| storage(dir, &e))?;
        let mut vectors = Vectors {
            dir: dir.to_owned(),
            embedder: embedder.to_owned(),
            dim,
            file,
            slots: Vec::with_capacity(records.len()),
            places: HashMap::new(),
            dead: 0,
        };
        let damaged = records.iter().any(Option::is_none);
        for record in records {
            vectors.note(record);
        }
        if damaged {
            tracing::warn!(dir = %dir.display(), "some embeddings are damaged and are made again");
            vectors.compact()?;
        }
        Ok(vectors)
    }

    /// The embedder that the vectors are of.
    pub fn embedder(&self) -> &str {
        &self.embedder
    }

    /// Adds chunks' vectors, which are brought to unit length. A chunk may have several (one per
    /// window of its text), all given at once; the best one counts. Chunks that are there already
    /// are left as they are. Durable after [`Vectors::flush`].
    pub fn append(&mut self, vectors: &[(ChunkId, Vec<f32>)]) -> Result<(), IndexError> {
        let mut records = Vec::with_capacity(vectors.len());
        for (id, vector) in vectors {
            if vector.len() != self.dim {
                let (got, want) = (vector.len(), self.dim);
                return Err(IndexError::InvalidArgument(format!("a vector has {got} dimensions instead of {want}")));
            }
            if !self.places.contains_key(id) {
                let (scale, values) = dot::quantise(vector).ok_or_else(|| {
                    IndexError::Embedder(
                        "an embedding is zero or not finite; load the embedding model again".to_owned(),
                    )
                })?;
                records.push(Record { id: *id, kind: Kind::Vector, scale, values });
            }
        }
        self.write(&records)
    }

    /// Removes chunks; unknown ids are ignored. Durable after [`Vectors::flush`].
    pub fn remove(&mut self, ids: &[ChunkId]) -> Result<(), IndexError> {
        let known = ids.iter().filter(|id| self.places.contains_key(id));
        let records: Vec<Record> =
            known.map(|&id| Record { id, kind: Kind::Tombstone, scale: 0.0, values: vec![0; self.dim] }).collect();
        self.write(&records)
    }

    /// Whether a chunk has a vector.
    pub fn contains(&self, id: ChunkId) -> bool {
        self.places.contains_key(&id)
    }

    /// How many chunks have one.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The ids of all chunks that have a vector, in no order.
    pub fn ids(&self) -> impl Iterator<Item = ChunkId> + '_ {
        self.places.keys().copied()
    }

    /// The `limit` chunks nearest to a query, with their cosine similarity, best first.
    pub fn top(&self, query: &[f32], limit: usize) -> Vec<(ChunkId, f32)> {
        self.top_where(query, limit, |_| true)
    }

    /// The same among the chunks that `wanted` lets through.
    pub fn top_where(&self, query: &[f32], limit: usize, wanted: impl Fn(ChunkId) -> bool) -> Vec<(ChunkId, f32)> {
        let flat = Flat { file: &self.file, slots: &self.slots, dim: self.dim };
        let ids = flat.candidates(query, limit.saturating_mul(RESCORED), &wanted);
        let mut scored: Vec<(ChunkId, f32)> =
            ids.into_iter().filter_map(|id| self.score(query, id).map(|score| (id, score))).collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        scored.truncate(limit);
        scored
    }

    /// The cosine similarity of a chunk to a query of unit length; `None` if it has no vector.
    pub fn score(&self, query: &[f32], id: ChunkId) -> Option<f32> {
        if query.len() != self.dim {
            return None;
        }
        let scores = self.places.get(&id)?.iter().map(|&slot| {
            let (scale, values) = self.file.vector(slot);
            dot::exact(query, values) * scale
        });
        scores.max_by(f32::total_cmp)
    }

    /// How many records are not as they were written. Reads the whole file.
    pub fn damaged(&self) -> Result<usize, IndexError> {
        self.file.damaged().map_err(|e| storage(&self.dir, &e))
    }

    /// Makes everything durable, and rewrites the file when over half of it is dead.
    pub fn flush(&mut self) -> Result<(), IndexError> {
        self.file.sync().map_err(|e| storage(&self.dir, &e))?;
        if self.dead >= FEWEST_DEAD && self.dead * 2 > self.slots.len() {
            self.compact()?;
        }
        Ok(())
    }

    /// Rewrites the file when a tenth of it is dead; whether it did.
    pub fn tidy(&mut self) -> Result<bool, IndexError> {
        let due = self.dead >= FEWEST_DEAD && self.dead * 10 > self.slots.len();
        if due {
            self.compact()?;
        }
        Ok(due)
    }

    fn write(&mut self, records: &[Record]) -> Result<(), IndexError> {
        if records.is_empty() {
            return Ok(());
        }
        self.file.append(records).map_err(|e| storage(&self.dir, &e))?;
        for record in records {
            self.note(Some((record.id, record.kind)));
        }
        Ok(())
    }

    /// Takes the next record of the file into account; `None` for one that is damaged.
    fn note(&mut self, record: Option<(ChunkId, Kind)>) {
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        match record {
            Some((id, Kind::Vector)) => {
                self.slots.push(Some(id));
                self.places.entry(id).or_default().push(slot);
            }
            Some((id, Kind::Tombstone)) => {
                for old in self.places.remove(&id).into_iter().flatten() {
                    self.slots[old as usize] = None;
                    self.dead += 1;
                }
                self.slots.push(None);
                self.dead += 1;
            }
            None => {
                self.slots.push(None);
                self.dead += 1;
            }
        }
    }

    fn compact(&mut self) -> Result<(), IndexError> {
        let live: Vec<u32> = (0u32..).zip(&self.slots).filter(|(_, id)| id.is_some()).map(|(slot, _)| slot).collect();
        self.file.keep_only(&live).map_err(|e| storage(&self.dir, &e))?;
        let ids: Vec<ChunkId> = self.slots.iter().copied().flatten().collect();
        self.slots.clear();
        self.places.clear();
        self.dead = 0;
        for id in ids {
            self.note(Some((id, Kind::Vector)));
        }
        Ok(())
    }

    /// The embedders that have a store in `dir`, with their dimensions, the largest store first.
    pub fn stored(dir: &Path) -> Result<Vec<(String, usize)>, IndexError> {
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|e| storage(dir, &e))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| storage(dir, &e))?;
            let size = entry.metadata().map_err(|e| storage(dir, &e))?.len();
            if entry.path().extension().is_some_and(|e| e == file::EXTENSION) {
                found.extend(file::owner(&entry.path()).map(|owner| (size, owner)));
            }
        }
        found.sort_by(|a, b| b.cmp(a));
        Ok(found.into_iter().map(|(_, owner)| owner).collect())
    }

    /// Deletes the stores of all other embedders: this one has taken over.
    pub fn delete_others(&self) -> Result<(), IndexError> {
        let own = self.dir.join(file_name(&self.embedder, self.dim));
        for entry in fs::read_dir(&self.dir).map_err(|e| storage(&self.dir, &e))? {
            let path = entry.map_err(|e| storage(&self.dir, &e))?.path();
            let ours = path.extension().is_some_and(|e| e == file::EXTENSION || e == file::UNFINISHED);
            if ours && path != own {
                fs::remove_file(&path).map_err(|e| storage(&self.dir, &e))?;
            }
        }
        Ok(())
    }
}

fn storage(dir: &Path, reason: &dyn std::fmt::Display) -> IndexError {
    IndexError::Storage { dir: dir.display().to_string(), reason: reason.to_string() }
}

/// A name of the embedder that is safe in a file system.
fn file_name(embedder: &str, dim: usize) -> String {
    format!("{:08x}-{dim}.{}", crc32fast::hash(embedder.as_bytes()), file::EXTENSION)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
