//! Opening the lexical store, whatever state its folder is in.

use std::fs;
use std::path::{Path, PathBuf};

use tantivy::directory::MmapDirectory;
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{Index, IndexReader, IndexSettings, ReloadPolicy};

use super::{schema, storage};
use crate::types::IndexError;

/// Side file with the schema version; tantivy does not touch names it does not know.
const VERSION_FILE: &str = "hob-version";
/// Decompressed blocks of 16 KiB that each segment's reader keeps.
const CACHED_BLOCKS: usize = 4;

/// Opens or creates the index; true if nothing that was indexed before is in it.
pub(super) fn open(dir: &Path) -> Result<(Index, bool), IndexError> {
    if !dir.join("meta.json").exists() && !dir.join(VERSION_FILE).exists() {
        return Ok((create(dir)?, true));
    }
    let version = version(dir);
    if version != Some(schema::VERSION) {
        tracing::info!(dir = %dir.display(), ?version, wanted = schema::VERSION, "index is of another version: emptied");
        fs::remove_dir_all(dir).map_err(|e| storage(dir, &e))?;
        return Ok((create(dir)?, true));
    }
    match existing(dir) {
        Ok(index) => Ok((index, false)),
        Err(error) => {
            let aside = move_aside(dir)?;
            tracing::warn!(dir = %dir.display(), aside = %aside.display(), %error, "index is broken: moved aside, starting afresh");
            Ok((create(dir)?, true))
        }
    }
}

/// The version that the store in `dir` says it is of.
pub(super) fn version(dir: &Path) -> Option<u32> {
    fs::read_to_string(dir.join(VERSION_FILE)).ok()?.trim().parse().ok()
}

/// The reader, which sees commits when told to.
pub(super) fn reader(index: &Index) -> tantivy::Result<IndexReader> {
    index.reader_builder().reload_policy(ReloadPolicy::Manual).doc_store_cache_num_blocks(CACHED_BLOCKS).try_into()
}

/// The index in `dir`, if every segment of it can be opened.
pub(super) fn existing(dir: &Path) -> tantivy::Result<Index> {
    let index = Index::open_in_dir(dir)?;
    if index.schema() != schema::schema() {
        return Err(tantivy::TantivyError::SchemaError("its fields are not the ones expected".to_owned()));
    }
    // Opens every segment, which is where cut or missing files show.
    reader(&index)?;
    Ok(index)
}

fn create(dir: &Path) -> Result<Index, IndexError> {
    fs::create_dir_all(dir).map_err(|e| storage(dir, &e))?;
    let directory = MmapDirectory::open(dir).map_err(|e| storage(dir, &e))?;
    let index = Index::create(directory, schema::schema(), settings()).map_err(|e| storage(dir, &e))?;
    fs::write(dir.join(VERSION_FILE), format!("{}\n", schema::VERSION)).map_err(|e| storage(dir, &e))?;
    Ok(index)
}

/// The passages' texts are most of an index. At its quickest zstd makes them a quarter smaller than LZ4 does.
fn settings() -> IndexSettings {
    let quickest = ZstdCompressor { compression_level: Some(1) };
    IndexSettings { docstore_compression: Compressor::Zstd(quickest), ..IndexSettings::default() }
}

/// Keeps the broken index for a look, in place of an older broken one.
fn move_aside(dir: &Path) -> Result<PathBuf, IndexError> {
    let mut name = dir.as_os_str().to_owned();
    name.push(".broken");
    let aside = PathBuf::from(name);
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(|e| storage(&aside, &e))?;
    }
    fs::rename(dir, &aside).map_err(|e| storage(dir, &e))?;
    Ok(aside)
}
