//! Opening the stores so that they agree, and building a word index anew beside the old one.
//!
//! Owns: which lexical store is filled, which one answers, and the folders they lie in.
//! Must not know: what goes into them.
//!
//! Each lexical store has an epoch, counted in the state. A store that can't be filled any more (another version, broken,
//! lost) gets a successor of the next epoch; file records, chunk ids and so embeddings stay. Files whose record is of an
//! earlier epoch are read again. Until all are, the old store answers, if it can be read: if only the way words are
//! taken apart has changed. If its fields are other ones, what is in the new store is what is found.

use crate::lexical::Lexical;
use crate::lexical::upkeep::Standing;
use crate::state::{Opened, State, storage};
use crate::types::IndexError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The lexical stores.
pub(crate) struct Words {
    dir: PathBuf,
    inner: RwLock<Inner>,
}

struct Inner {
    epoch: u32,
    /// The one that is filled.
    current: Arc<Lexical>,
    /// The one that answers meanwhile.
    old: Option<Arc<Lexical>>,
    /// Not everything is in the current one.
    building: bool,
}

impl Words {
    /// The store that is filled.
    pub(crate) fn current(&self) -> Arc<Lexical> {
        self.read().current.clone()
    }

    /// The store that answers.
    pub(crate) fn serving(&self) -> Arc<Lexical> {
        let inner = self.read();
        inner.old.as_ref().unwrap_or(&inner.current).clone()
    }

    /// The epoch of the store that is filled.
    pub(crate) fn epoch(&self) -> u32 {
        self.read().epoch
    }

    /// Whether the store that is filled lacks what was in an earlier one.
    pub(crate) fn is_building(&self) -> bool {
        self.read().building
    }

    /// Whether an older store answers.
    pub(crate) fn old_answers(&self) -> bool {
        self.read().old.is_some()
    }

    /// Begins a new store, which is to be filled from all files. The present one goes on answering if it is `sound`.
    /// Nothing may wait for a commit.
    pub(crate) fn begin_anew(&self, state: &State, sound: bool) -> Result<(), IndexError> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.current.release_writer()?;
        let epoch = inner.epoch + 1;
        let fresh = succeed(&self.dir, state, epoch)?;
        let before = std::mem::replace(&mut inner.current, Arc::new(fresh));
        if inner.old.is_none() && sound {
            inner.old = Some(before);
        }
        (inner.epoch, inner.building) = (epoch, true);
        Ok(())
    }

    /// Everything is in the store that is filled: it answers from now on, and earlier ones are deleted.
    pub(crate) fn finish(&self, state: &State) -> Result<(), IndexError> {
        state.end_building()?;
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.old = None;
        inner.building = false;
        let epoch = inner.epoch;
        drop(inner);
        clean(&self.dir, |number| number == Some(epoch))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens state and lexical store so that they speak of the same commit, or of one that was interrupted. Where they
/// speak of different ones, both begin anew: what is not known to be right is indexed again.
pub(crate) fn open(dir: &Path) -> Result<(State, Words), IndexError> {
    let (state, opened) = State::open(&dir.join("state"))?;
    if opened == Opened::Fresh {
        return all_anew(dir, state);
    }
    let epoch = state.epoch()?;
    let (standing, at) = (Lexical::standing(&folder(dir, epoch)), folder(dir, epoch));
    if standing == Standing::Current {
        let lexical = Lexical::open(&at)?;
        if !lexical.opened_fresh() {
            if !in_step(&state, &lexical)? {
                tracing::warn!("state and lexical index do not belong together; every file is indexed again");
                drop(lexical);
                return all_anew(dir, state);
            }
            let older = (0..epoch).rev().map(|e| folder(dir, e)).find(|at| at.exists());
            let old = older.and_then(|at| Lexical::open_old(&at));
            let building = state.is_building()?;
            clean(dir, |number| number.is_some_and(|n| n == epoch || building && n < epoch))?;
            return Ok((state, Words::new(dir, epoch, lexical, old.filter(|_| building), building)));
        }
    }
    tracing::warn!(?standing, "the word index is built anew; embeddings are kept");
    let old = Lexical::open_old(&at).filter(|old| in_step(&state, old).unwrap_or(false));
    let next = epoch + 1;
    let lexical = succeed(dir, &state, next)?;
    Ok((state, Words::new(dir, next, lexical, old, true)))
}

impl Words {
    fn new(dir: &Path, epoch: u32, current: Lexical, old: Option<Lexical>, building: bool) -> Words {
        let inner = Inner { epoch, current: Arc::new(current), old: old.map(Arc::new), building };
        Words { dir: dir.to_owned(), inner: RwLock::new(inner) }
    }
}

/// The store of the next epoch, in step with the state; a crash before the epoch is recorded leaves a folder that the
/// next start deletes.
fn succeed(dir: &Path, state: &State, epoch: u32) -> Result<Lexical, IndexError> {
    let intended = state.intent()?.map_or(0, |intent| intent.generation);
    let lexical = Lexical::begin(&folder(dir, epoch), state.generation()?.max(intended))?;
    state.begin_epoch(epoch)?;
    Ok(lexical)
}

fn all_anew(dir: &Path, state: State) -> Result<(State, Words), IndexError> {
    clean(dir, |_| false)?;
    // Chunk ids begin anew, so old embeddings would be taken for new ones'.
    remove(&dir.join("vectors"))?;
    state.clear()?;
    let lexical = Lexical::open(&folder(dir, 0))?;
    Ok((state, Words::new(dir, 0, lexical, None, false)))
}

fn in_step(state: &State, lexical: &Lexical) -> Result<bool, IndexError> {
    let (known, committed) = (state.generation()?, lexical.generation()?);
    Ok(match state.intent()? {
        None => known == committed,
        Some(intent) => intent.generation == known + 1 && (committed == known || committed == intent.generation),
    })
}

/// The folder of an epoch's store.
fn folder(dir: &Path, epoch: u32) -> PathBuf {
    if epoch == 0 { dir.join("lexical") } else { dir.join(format!("lexical-{epoch}")) }
}

/// Deletes the folders of lexical stores but for those whose epoch `keep` accepts; `None` stands for broken ones.
fn clean(dir: &Path, keep: impl Fn(Option<u32>) -> bool) -> Result<(), IndexError> {
    for entry in fs::read_dir(dir).map_err(|e| storage(dir, e))? {
        let path = entry.map_err(|e| storage(dir, e))?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
        let Some(rest) = name.strip_prefix("lexical") else { continue };
        let number = if rest.is_empty() { Some(0) } else { rest.strip_prefix('-').and_then(|n| n.parse().ok()) };
        if !keep(number) {
            remove(&path)?;
        }
    }
    Ok(())
}

fn remove(dir: &Path) -> Result<(), IndexError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(storage(dir, e)),
        _ => Ok(()),
    }
}
