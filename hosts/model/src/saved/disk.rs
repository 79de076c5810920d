//! The entries on disk: their tokens in memory, their states in files.
//!
//! Owns: which files of this model are known and which of them are needless. Must not know: names, modes and limits
//! of the folder, and how a file is laid out.

use super::folder::Folder;
use super::{Entry, State, common, format};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most entries at once, so that looking through them stays cheap.
const MOST: usize = 1_024;

/// One file and what it is of.
pub(super) struct OnDisk {
    pub(super) id: u64,
    pub(super) tokens: Vec<i32>,
    /// Length of its state in bytes.
    pub(super) state: u64,
    name: String,
    /// Length of the whole file.
    bytes: u64,
}

/// The disk tier.
pub(super) struct Disk {
    folder: Arc<Folder>,
    /// Least recently found first.
    known: Vec<OnDisk>,
    /// A state can be cut: a longer entry serves all its beginnings.
    cuttable: bool,
    next_id: u64,
}

/// An entry on its way to the disk. It holds no lock and no borrow, so a thread of its own can do the writing.
#[derive(Debug)]
pub struct Writing {
    folder: Arc<Folder>,
    tokens: Vec<i32>,
    /// Goes anyway once the entry is there.
    needless: Vec<PathBuf>,
}

/// An entry that was written and is not known yet.
#[derive(Debug)]
pub struct Written {
    name: String,
    tokens: Vec<i32>,
    note: usize,
    state: u64,
}

impl Writing {
    /// Writes the state of the entry's tokens and a note on them, and waits until it is on the disk. `None` when it is
    /// larger than the whole folder may be.
    ///
    /// # Errors
    ///
    /// The disk is full or fails; then nothing of the entry stays there.
    pub fn write(self, state: &[u8], note: &[u8]) -> io::Result<Option<Written>> {
        let note = format::fitting(note);
        let bytes = format::file_bytes(self.folder.key(), self.tokens.len(), note.len(), state.len());
        if bytes > self.folder.limit() {
            return Ok(None);
        }
        self.folder.make_room(bytes, &self.needless)?;
        let name = self.folder.write(format::Parts { tokens: &self.tokens, note, state })?;
        Ok(Some(Written { name, tokens: self.tokens, note: note.len(), state: state.len() as u64 }))
    }
}

impl Disk {
    /// Learns what the folder holds.
    pub(super) fn open(root: &Path, key: Vec<u8>, limit: u64, cuttable: bool) -> io::Result<Self> {
        let folder = Arc::new(Folder::open(root, key, limit)?);
        let mut disk = Self { folder, known: Vec::new(), cuttable, next_id: 0 };
        disk.refresh();
        Ok(disk)
    }

    /// Bytes of all known files.
    pub(super) fn bytes(&self) -> u64 {
        self.known.iter().map(|known| known.bytes).sum()
    }

    /// All known files.
    pub(super) fn iter(&self) -> impl Iterator<Item = &OnDisk> {
        self.known.iter()
    }

    /// An entry of these tokens would bring something new.
    pub(super) fn lacks(&self, tokens: &[i32]) -> bool {
        !self.known.iter().any(|known| serves(known, tokens, self.cuttable))
    }

    /// Begins to write an entry, unless it would bring nothing new; what serves it then counts as used.
    pub(super) fn plan(&mut self, tokens: &[i32]) -> Option<Writing> {
        if tokens.is_empty() || tokens.len() > format::MAX_TOKENS {
            return None;
        }
        self.refresh();
        if let Some(known) = self.known.iter().find(|known| serves(known, tokens, self.cuttable)) {
            self.touch(known.id);
            return None;
        }
        let needless = self.known.iter().filter(|known| self.cuttable && tokens.starts_with(&known.tokens));
        let needless = needless.map(|known| self.folder.path(&known.name)).collect();
        Some(Writing { folder: self.folder.clone(), tokens: tokens.to_vec(), needless })
    }

    /// Learns of an entry that was written.
    pub(super) fn adopt(&mut self, written: Written) {
        let bytes = format::file_bytes(self.folder.key(), written.tokens.len(), written.note, written.state as usize);
        self.add(written.name, written.tokens, written.state, bytes);
        // Room was made by removing files, known ones among them; two processes may have written at once.
        if let Err(error) = self.folder.make_room(0, &[]) {
            tracing::debug!(%error, "the folder of evaluated prompts stays over its limit for now");
        }
        self.forget_vanished(&self.folder.names());
    }

    /// Notes that an entry was used now.
    pub(super) fn touch(&self, id: u64) {
        let known = self.known.iter().find(|known| known.id == id);
        if let Some(Ok(file)) = known.map(|known| File::open(self.folder.path(&known.name))) {
            self.folder.touch(&file);
        }
    }

    /// The notes on the entries that were used last, with their tokens, the last first.
    pub(super) fn notes(&self, most: usize) -> Vec<(Vec<i32>, Vec<u8>)> {
        let last = self.known.iter().rev().take(most);
        let heads = last.map(|known| head(&self.folder.path(&known.name), self.folder.key(), self.folder.limit()));
        // One that vanished or was damaged meanwhile is noticed when its state is read.
        heads.flatten().map(|(head, _)| (head.tokens, head.note)).collect()
    }

    /// Reads an entry, which counts as its use.
    pub(super) fn read(&mut self, id: u64) -> Option<Arc<Entry>> {
        let entry = self.look_at(id)?;
        self.touch(id);
        Some(entry)
    }

    /// Reads an entry. One that is damaged is removed, one that can't be read is forgotten.
    pub(super) fn look_at(&mut self, id: u64) -> Option<Arc<Entry>> {
        let at = self.known.iter().position(|known| known.id == id)?;
        let known = &self.known[at];
        match self.load(known) {
            Ok(state) => {
                let tokens = known.tokens.clone();
                let may_persist = tokens.len();
                Some(Arc::new(Entry { tokens, state, may_persist, note: Vec::new() }))
            }
            Err(error) => {
                let path = self.folder.path(&known.name);
                tracing::debug!(path = %path.display(), %error, "an evaluated prompt can't be read");
                if is_damage(&error) {
                    self.folder.remove(&path, "is damaged");
                }
                self.known.remove(at);
                None
            }
        }
    }

    /// Removes all entries of this model.
    #[cfg(test)]
    pub(super) fn clear(&mut self) {
        for name in self.folder.names() {
            self.folder.remove(&self.folder.path(&name), "everything is to be forgotten");
        }
        self.known.clear();
    }

    /// Looks at the folder again: other processes may have added and removed entries.
    fn refresh(&mut self) {
        let names = self.folder.names();
        self.forget_vanished(&names);
        for name in &names[names.len().saturating_sub(MOST)..] {
            if !self.known.iter().any(|known| known.name == *name) {
                self.learn(name);
            }
        }
    }

    fn forget_vanished(&mut self, names: &[String]) {
        self.known.retain(|known| names.contains(&known.name));
    }

    fn learn(&mut self, name: &str) {
        let path = self.folder.path(name);
        match head(&path, self.folder.key(), self.folder.limit()) {
            Ok((head, bytes)) if Folder::name(&head.tokens) == *name => {
                self.add(name.into(), head.tokens, head.state, bytes);
            }
            Ok(_) => self.folder.remove(&path, "has another entry's name"),
            Err(error) if is_damage(&error) => self.folder.remove(&path, &error.to_string()),
            Err(error) => tracing::debug!(path = %path.display(), %error, "an evaluated prompt can't be read"),
        }
    }

    /// Adds a file and removes those that it makes needless, itself among them.
    fn add(&mut self, name: String, tokens: Vec<i32>, state: u64, bytes: u64) {
        self.known.retain(|known| known.name != name);
        if !self.lacks(&tokens) {
            return self.folder.remove(&self.folder.path(&name), "is the beginning of another");
        }
        let (folder, cuttable) = (&self.folder, self.cuttable);
        self.known.retain(|known| {
            let needless = cuttable && tokens.starts_with(&known.tokens);
            if needless {
                folder.remove(&folder.path(&known.name), "is the beginning of another");
            }
            !needless
        });
        self.next_id += 1;
        self.known.push(OnDisk { id: self.next_id, tokens, state, name, bytes });
    }

    fn load(&self, known: &OnDisk) -> io::Result<State> {
        let mut file = File::open(self.folder.path(&known.name))?;
        let len = file.metadata()?.len();
        let head = format::read_head(&mut file, len, self.folder.key())?;
        if head.tokens != known.tokens || len > self.folder.limit() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "is another file than before"));
        }
        format::check_state(&mut file, &head)?;
        State::on_disk(&file, len - head.state)
    }
}

fn head(path: &Path, key: &[u8], limit: u64) -> io::Result<(format::Head, u64)> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    if len > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "is larger than all entries together may be"));
    }
    Ok((format::read_head(&mut file, len, key)?, len))
}

/// The file's content is to blame, not the moment.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

fn serves(known: &OnDisk, tokens: &[i32], cuttable: bool) -> bool {
    common(&known.tokens, tokens) == tokens.len() && (cuttable || known.tokens.len() == tokens.len())
}
