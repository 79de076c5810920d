//! Items: texts that programs push, kept until they take them back.
//!
//! Owns: the only copy of them, what a program may store, and how an item is named where files have paths.
//! Must not know: who may read what, and how text becomes passages.
//!
//! An item's path is `item:/PROGRAM/ID`, both percent-encoded. It is no path of the file system, so no item can be taken
//! for a file, and all items of one program lie in one folder.

mod log;

use crate::types::{Block, Document, IndexError};
use log::Log;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The folder of all items.
pub(crate) const ROOT: &str = "item:";
/// Longest id, in bytes.
const MAX_ID: usize = 512;
/// Longest text, in bytes.
const MAX_TEXT: usize = 1 << 20;
/// Longest title, author, kind or date, in bytes.
const MAX_META: usize = 512;
/// Longest address, in bytes.
const MAX_URI: usize = 4096;
/// Most items of one program, and of all.
const MAX_ITEMS: u64 = 100_000;
const MAX_ALL_ITEMS: u64 = 400_000;
/// Most bytes of one program's items, and of all.
const MAX_BYTES: u64 = 256 << 20;
const MAX_ALL_BYTES: u64 = 1 << 30;

/// What a program pushes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The text that is searched.
    pub text: String,
    /// What it is called; its id without one.
    pub title: Option<String>,
    /// Where it can be opened.
    pub uri: Option<String>,
    /// Short lower-case kind of document; "item" without one.
    pub kind: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Its date, RFC 3339 or `YYYY-MM-DD`.
    pub date: Option<String>,
}

/// Names an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemName {
    /// The program that pushed it.
    pub app: String,
    /// What that program calls it.
    pub id: String,
}

impl ItemName {
    /// The item's path in the index.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("{ROOT}/{}/{}", encode(&self.app), encode(&self.id)))
    }

    /// The item of a path; `None` for a file's.
    pub fn of(path: &Path) -> Option<ItemName> {
        let (app, id) = path.to_str()?.strip_prefix(ROOT)?.strip_prefix('/')?.split_once('/')?;
        Some(ItemName { app: decode(app)?, id: decode(id)? })
    }
}

/// Whether a path is an item's, or the folder of some.
pub(crate) fn is_item(path: &Path) -> bool {
    path.as_os_str().as_bytes().starts_with(ROOT.as_bytes())
}

/// The folder of a program's items.
pub(crate) fn folder_of(app: &str) -> PathBuf {
    PathBuf::from(format!("{ROOT}/{}", encode(app)))
}

/// An item as it is known without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    /// When it was pushed, nanoseconds since 1970.
    pub at_ns: i64,
    /// Bytes of the text.
    pub size: u64,
    /// Differs for each push.
    pub serial: u64,
}

/// The items.
pub(crate) struct Items {
    log: Log,
}

impl Items {
    /// Opens the items kept in `dir`, which is created if need be.
    pub(crate) fn open(dir: &Path) -> Result<Items, IndexError> {
        Ok(Items { log: Log::open(dir)? })
    }

    /// Keeps an item, in place of an earlier one of that name; durable on return.
    pub(crate) fn put(&self, name: &ItemName, item: &Item) -> Result<PathBuf, IndexError> {
        check(name, item)?;
        let path = name.path();
        self.log.put(&path, item, |usage| within_limits(&name.app, usage))?;
        Ok(path)
    }

    /// Forgets items; durable on return. Ids that are not there are ignored. Gives the paths of those that were.
    pub(crate) fn delete(&self, app: &str, ids: &[String]) -> Result<Vec<PathBuf>, IndexError> {
        let path = |id: &String| ItemName { app: app.to_owned(), id: id.clone() }.path();
        self.log.delete(ids.iter().map(path).collect())
    }

    /// The item at a path.
    pub(crate) fn get(&self, path: &Path) -> Result<Option<(Version, Item)>, IndexError> {
        self.log.get(path)
    }

    /// What is known of it without reading it.
    pub(crate) fn version(&self, path: &Path) -> Option<Version> {
        self.log.version(path)
    }

    /// All items.
    pub(crate) fn all(&self) -> Vec<(PathBuf, Version)> {
        self.log.all()
    }

    /// The programs that have items.
    pub(crate) fn apps(&self) -> Vec<String> {
        let name = |folder: &PathBuf| decode(folder.to_str()?.strip_prefix(ROOT)?.strip_prefix('/')?);
        self.log.folders().iter().filter_map(name).collect()
    }

    /// Reads every item, and gives those that are damaged.
    pub(crate) fn damaged(&self) -> Vec<PathBuf> {
        self.log.all().into_iter().map(|(path, _)| path).filter(|path| self.log.get(path).is_err()).collect()
    }
}

/// How much a program keeps, and all do, after a change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub items: u64,
    pub bytes: u64,
    pub all_items: u64,
    pub all_bytes: u64,
}

fn within_limits(app: &str, usage: Usage) -> Result<(), IndexError> {
    let full = |what: String| Err(IndexError::Quota(format!("{what}; delete some with Index1.Delete")));
    if usage.items > MAX_ITEMS {
        return full(format!("{app} keeps {MAX_ITEMS} items, which is the limit"));
    }
    if usage.bytes > MAX_BYTES {
        return full(format!("the items of {app} would take more than {} MiB, which is the limit", MAX_BYTES >> 20));
    }
    if usage.all_items > MAX_ALL_ITEMS || usage.all_bytes > MAX_ALL_BYTES {
        return full("the programs of this user keep as many items as hob takes".to_owned());
    }
    Ok(())
}

fn check(name: &ItemName, item: &Item) -> Result<(), IndexError> {
    let invalid = |what: String| Err(IndexError::InvalidArgument(what));
    if name.id.is_empty() || name.id.len() > MAX_ID {
        return invalid(format!("an item's id has 1 to {MAX_ID} bytes, this one has {}", name.id.len()));
    }
    if item.text.trim().is_empty() {
        return invalid("the item has no text; to take an item back, call Delete with its id".to_owned());
    }
    if item.text.len() > MAX_TEXT {
        let size = item.text.len();
        return invalid(format!("the item's text has {size} bytes, the limit is {MAX_TEXT}; push it in several items"));
    }
    let metas = [("title", &item.title), ("kind", &item.kind), ("author", &item.author), ("date", &item.date)];
    let limits = metas.map(|(key, value)| (key, value, MAX_META));
    for (key, value, most) in limits.into_iter().chain([("uri", &item.uri, MAX_URI)]) {
        if let Some(value) = value.as_ref().filter(|value| value.is_empty() || value.len() > most) {
            return invalid(format!("meta {key} has 1 to {most} bytes, this one has {}", value.len()));
        }
    }
    let word = |kind: &String| kind.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if item.kind.as_ref().is_some_and(|kind| !word(kind)) {
        return invalid("meta kind is one word of a-z, 0-9 and \"-\", such as \"note\" or \"chat\"".to_owned());
    }
    Ok(())
}

impl Item {
    /// The item as a document; blank lines part its blocks.
    pub(crate) fn document(self) -> Document {
        let mut line = 1;
        let mut blocks = Vec::new();
        for part in self.text.split("\n\n") {
            if !part.trim().is_empty() {
                blocks.push(Block { text: part.to_owned(), line, ..Block::default() });
            }
            line += u32::try_from(part.matches('\n').count()).unwrap_or(u32::MAX).saturating_add(2);
        }
        let kind = self.kind.unwrap_or_else(|| "item".to_owned());
        Document { kind, title: self.title, author: self.author, date: self.date, blocks, truncated: false }
    }
}

/// One component of a path, whatever the name.
fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, c) in name.char_indices() {
        // A leading dot could make "." or "..".
        if c.is_alphanumeric() || matches!(c, '-' | '_') || c == '.' && at > 0 {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}

fn decode(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let digits = std::str::from_utf8(after.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

/// The folder of an item's path.
fn folder(path: &Path) -> PathBuf {
    PathBuf::from(path.parent().map_or(OsStr::new(ROOT), Path::as_os_str))
}

/// How many items and bytes a program has.
type Count = HashMap<PathBuf, (u64, u64)>;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
