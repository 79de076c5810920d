//! What keeps the lexical store sound: looking it over, and letting another one take its place.
//!
//! I doubt the store: `damaged` names files that are not as they were written, `inventory` what is in. I have a store of an
//! older version: `standing` says so, `open_old` reads it while a new one is filled. Must not know what should be in.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, Index, TERMINATED};

use super::{Lexical, schema, store};
use crate::types::{ChunkId, IndexError};

/// What lies in a store's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing.
    Absent,
    /// A store of this version, sound or not.
    Current,
    /// A store of another version.
    Older,
}

impl Lexical {
    /// What lies in `dir`, without opening it.
    pub(crate) fn standing(dir: &Path) -> Standing {
        match store::version(dir) {
            None if !dir.join("meta.json").exists() => Standing::Absent,
            Some(version) if version == schema::VERSION => Standing::Current,
            _ => Standing::Older,
        }
    }

    /// The store in `dir` for searching alone, if it can be: its version may be another one, its fields not.
    pub(crate) fn open_old(dir: &Path) -> Option<Lexical> {
        let fits = Index::open_in_dir(dir).is_ok_and(|index| index.schema() == schema::schema());
        let opened = fits.then(|| store::existing(dir).ok().and_then(|index| Lexical::over(dir, index, false).ok()));
        opened.flatten()
    }

    /// A store with nothing in it that goes by the generation of the one whose place it is to take.
    pub(crate) fn begin(dir: &Path, generation: u64) -> Result<Lexical, IndexError> {
        match fs::remove_dir_all(dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(super::storage(dir, &e)),
            _ => {}
        }
        let lexical = Lexical::open(dir)?;
        lexical.commit(generation)?;
        lexical.release_writer()?;
        Ok(lexical)
    }

    /// Where it lies.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Files of the store whose content is not what was written. Reads all of it.
    pub(crate) fn damaged(&self) -> Result<Vec<PathBuf>, IndexError> {
        let mut damaged: Vec<PathBuf> =
            self.index.validate_checksum().map_err(|e| self.failed(&e))?.into_iter().collect();
        damaged.sort();
        Ok(damaged)
    }

    /// Which passages it has of which path, sorted by id.
    pub(crate) fn inventory(&self) -> Result<HashMap<PathBuf, Vec<ChunkId>>, IndexError> {
        let searcher = self.reader.searcher();
        let take = || -> tantivy::Result<HashMap<PathBuf, Vec<ChunkId>>> {
            let mut out: HashMap<PathBuf, Vec<ChunkId>> = HashMap::new();
            for segment in searcher.segment_readers() {
                let ids = segment.fast_fields().u64("id")?;
                let inverted = segment.inverted_index(self.fields.path)?;
                let mut paths = inverted.terms().stream()?;
                while paths.advance() {
                    let Ok(path) = std::str::from_utf8(paths.key()) else { continue };
                    let mut postings = inverted.read_postings_from_terminfo(paths.value(), IndexRecordOption::Basic)?;
                    let mut found = Vec::new();
                    while postings.doc() != TERMINATED {
                        if !segment.is_deleted(postings.doc()) {
                            found.extend(ids.first(postings.doc()));
                        }
                        postings.advance();
                    }
                    if !found.is_empty() {
                        out.entry(PathBuf::from(path)).or_default().extend(found);
                    }
                }
            }
            out.values_mut().for_each(|ids| ids.sort_unstable());
            Ok(out)
        };
        take().map_err(|e| self.failed(&e))
    }
}
