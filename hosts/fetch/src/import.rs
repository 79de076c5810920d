//! Models that other programs have got already: taken over without copying them.
//!
//! Owns: how the stores of others are laid out. Must not know: the network.
//!
//! A folder of GGUF files (as of LM Studio, llama.cpp or a hub's cache, whose names are links) is walked; Ollama
//! names its files by their digests, and says in manifests which model each is.

use crate::hub::is_sha256;
use crate::store::{Slot, check_name, disk};
use hob_engine::gguf;
use hob_link::fetch::Record;
use hob_link::fetch::{FetchError, ImportOutcome, ImportRequest, Imported};
use serde::Deserialize;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Most folders below each other that are looked into.
const MOST_DEEP: usize = 8;
/// Most files of one import.
const MOST_FILES: usize = 1_000;
/// Most bytes of a manifest.
const MOST_MANIFEST: u64 = 1 << 20;
/// The media type of a model's weights in Ollama's manifests.
const OLLAMA_WEIGHTS: &str = "application/vnd.ollama.image.model";

/// A file that may be taken over.
struct Candidate {
    path: PathBuf,
    name: String,
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
}

/// Takes over what lies at a path.
pub fn import(request: &ImportRequest) -> Result<Vec<Imported>, FetchError> {
    let about = fs::metadata(&request.from).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            FetchError::NotFound(format!("{}: there is no such file", request.from.display()))
        }
        _ => disk(&request.from, &e),
    })?;
    let mut found = if about.is_file() { vec![single(&request.from)] } else { in_folder(&request.from)? };
    match (&request.name, found.as_mut_slice()) {
        (Some(name), [one]) => one.name.clone_from(name),
        (Some(_), _) => return Err(FetchError::Invalid("a name can only be given to a single file".into())),
        (None, []) => {
            let message = format!("{} holds no model; give a GGUF file, or a folder with some", request.from.display());
            return Err(FetchError::NotFound(message));
        }
        (None, _) => {}
    }
    found.iter().map(|candidate| take_over(candidate, request)).collect()
}

fn single(path: &Path) -> Candidate {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Candidate { path: path.to_path_buf(), name, sha256: None }
}

fn in_folder(folder: &Path) -> Result<Vec<Candidate>, FetchError> {
    // The folder above is what users know of: ~/.ollama.
    let store = [folder.to_path_buf(), folder.join("models")].into_iter().find(|f| f.join("manifests").is_dir());
    let mut found = Vec::new();
    match store {
        Some(store) => ollama(&store, &store.join("manifests"), &mut found, 0)?,
        None => walk(folder, &mut found, 0)?,
    }
    found.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.path.cmp(&b.path)));
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, FetchError> {
    let listed = fs::read_dir(folder).map_err(|e| disk(folder, &e))?;
    let mut paths: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// Every GGUF file below a folder. Links to folders are not followed: they may lead anywhere.
fn walk(folder: &Path, found: &mut Vec<Candidate>, depth: usize) -> Result<(), FetchError> {
    for path in entries(folder)? {
        if found.len() >= MOST_FILES {
            return Ok(());
        }
        let is_link = fs::symlink_metadata(&path).is_ok_and(|about| about.is_symlink());
        if path.is_dir() && !is_link && depth < MOST_DEEP {
            walk(&path, found, depth + 1)?;
        } else if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf")) && path.is_file() {
            found.push(single(&path));
        }
    }
    Ok(())
}

/// `manifests/HOST/NAMESPACE/MODEL/TAG`; the weights are `blobs/sha256-DIGEST`.
fn ollama(store: &Path, folder: &Path, found: &mut Vec<Candidate>, depth: usize) -> Result<(), FetchError> {
    for path in entries(folder)? {
        if path.is_dir() && depth < MOST_DEEP {
            ollama(store, &path, found, depth + 1)?;
        } else if let Some(digest) = weights_of(&path) {
            let tag = path.file_name().unwrap_or_default().to_string_lossy();
            let model = folder.file_name().unwrap_or_default().to_string_lossy();
            let blob = store.join("blobs").join(format!("sha256-{digest}"));
            found.push(Candidate { path: blob, name: format!("{model}-{tag}.gguf"), sha256: Some(digest) });
        }
    }
    Ok(())
}

/// The digest of a manifest's weights; `None` when it is no manifest.
fn weights_of(manifest: &Path) -> Option<String> {
    let small = fs::metadata(manifest).is_ok_and(|about| about.is_file() && about.len() <= MOST_MANIFEST);
    let text = small.then(|| fs::read(manifest)).and_then(Result::ok)?;
    let manifest: Manifest = serde_json::from_slice(&text).ok()?;
    let weights = manifest.layers.into_iter().find(|layer| layer.media_type == OLLAMA_WEIGHTS)?;
    weights.digest.strip_prefix("sha256:").filter(|digest| is_sha256(digest)).map(str::to_string)
}

fn take_over(candidate: &Candidate, request: &ImportRequest) -> Result<Imported, FetchError> {
    let bytes = fs::metadata(&candidate.path).map_or(0, |about| about.len());
    let done = |outcome| Imported { name: candidate.name.clone(), from: candidate.path.clone(), bytes, outcome };
    if let Err(problem) = gguf::read(&candidate.path) {
        return Ok(done(ImportOutcome::Skipped(problem.to_string())));
    }
    if let Err(problem) = check_name(&candidate.name) {
        return Ok(done(ImportOutcome::Skipped(problem.to_string())));
    }
    if request.dry_run {
        return Ok(done(ImportOutcome::Found));
    }
    let slot = Slot::take(&request.folder, &candidate.name, || {})?;
    if fs::symlink_metadata(slot.target()).is_ok() {
        let same = is_same_file(&candidate.path, &slot.target());
        let taken =
            || ImportOutcome::Skipped("another model has this name; import it alone, under another name".into());
        return Ok(done(if same { ImportOutcome::WasThere } else { taken() }));
    }
    // What a link of a cache leads to is the file; the link may go.
    let real = fs::canonicalize(&candidate.path).map_err(|e| disk(&candidate.path, &e))?;
    let outcome = link(&real, &slot)?;
    slot.note(&Record {
        sha256: candidate.sha256.clone().unwrap_or_default(),
        bytes,
        origin: real.display().to_string(),
        reference: outcome == ImportOutcome::Reference,
        ..Record::default()
    })?;
    Ok(done(outcome))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path: &Path| fs::metadata(path).map(|about| (about.dev(), about.ino())).ok();
    id(one).is_some_and(|it| Some(it) == id(other))
}

/// The cheapest way that does not copy: a second name, shared blocks, a reference.
fn link(real: &Path, slot: &Slot) -> Result<ImportOutcome, FetchError> {
    let target = slot.target();
    if fs::hard_link(real, &target).is_ok() {
        return Ok(ImportOutcome::HardLink);
    }
    if reflink(real, &slot.at(".part")).is_ok() && fs::rename(slot.at(".part"), &target).is_ok() {
        return Ok(ImportOutcome::Reflink);
    }
    slot.forget_part()?;
    std::os::unix::fs::symlink(real, &target).map_err(|e| disk(&target, &e))?;
    Ok(ImportOutcome::Reference)
}

fn reflink(from: &Path, to: &Path) -> std::io::Result<()> {
    let (from, to) = (File::open(from)?, File::create(to)?);
    rustix::fs::ioctl_ficlone(&to, &from)?;
    to.sync_all()
}
