//! How much space folders take and disks have left.
//!
//! Owns: measuring. Must not know: names and kinds.

use crate::home::Home;
use crate::walk::{Limits, Walk};
use crate::words;
use hob_sdk::{Outcome, SkillError};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Entries of a folder that the answer lists.
const LARGEST: usize = 10;
/// Bytes in a block as `stat` counts them, whatever the file system uses.
const BLOCK: u64 = 512;

#[derive(Debug, Default, Deserialize)]
pub struct DiskUse {
    folder: Option<String>,
}

/// The free space, or the size of a folder.
pub fn disk_use(asked: DiskUse, home: &Home) -> Result<Outcome, SkillError> {
    match asked.folder.as_deref().map(str::trim) {
        None | Some("") => free(home),
        Some(folder) => Ok(measure(&home.folder(Some(folder))?, home)),
    }
}

fn free(home: &Home) -> Result<Outcome, SkillError> {
    let failed = |why: String| SkillError::unavailable(format!("The disk of your home folder can't be asked: {why}."));
    // By the open folder: the sandbox asks of no path that can't be opened.
    let folder = std::fs::File::open(home.path()).map_err(|e| failed(e.to_string()))?;
    let stat = rustix::fs::fstatvfs(&folder).map_err(|e| failed(e.to_string()))?;
    let total = stat.f_blocks.saturating_mul(stat.f_frsize);
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let percent = if total == 0 { 0 } else { u128::from(free) * 100 / u128::from(total) };
    let message = format!(
        "{} of {} are free ({percent}%) on the disk of your home folder.",
        words::size(free),
        words::size(total)
    );
    Ok(Outcome::say(message)
        .with_data(json!({"free_bytes": free, "total_bytes": total, "path": home.path().to_string_lossy()})))
}

fn measure(folder: &Path, home: &Home) -> Outcome {
    let mut walk = Walk::new(folder, Limits::sizes());
    let mut linked = HashSet::new();
    let mut parts: BTreeMap<OsString, u64> = BTreeMap::new();
    let (mut bytes, mut files) = (0u64, 0usize);
    for entry in walk.by_ref() {
        let metadata = &entry.metadata;
        // A file with several names takes its space once.
        if !entry.is_folder && metadata.nlink() > 1 && !linked.insert((metadata.dev(), metadata.ino())) {
            continue;
        }
        files += usize::from(!entry.is_folder);
        let size = metadata.blocks().saturating_mul(BLOCK);
        bytes = bytes.saturating_add(size);
        let first = entry.path.strip_prefix(folder).ok().and_then(|rest| rest.iter().next());
        if let Some(first) = first {
            let part = parts.entry(first.to_os_string()).or_default();
            *part = part.saturating_add(size);
        }
    }
    let mut largest: Vec<_> = parts.into_iter().collect();
    largest.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    largest.truncate(LARGEST);
    let shown: Vec<_> =
        largest.iter().map(|(name, size)| json!({"name": name.to_string_lossy(), "bytes": size})).collect();
    let named: Vec<_> = largest
        .iter()
        .take(3)
        .map(|(name, size)| format!("{} ({})", name.to_string_lossy(), words::size(*size)))
        .collect();
    let parts = if named.is_empty() { String::new() } else { format!("; most of it: {}", named.join(", ")) };
    let takes = format!(
        "{} takes {} in {}",
        capital(&home.short(folder)),
        words::size(bytes),
        words::counted(files, ("file", "files"))
    );
    Outcome::say(format!("{takes}{parts}.{}", walk.caveat())).with_data(json!({
        "path": folder.to_string_lossy(),
        "bytes": bytes,
        "files": files,
        "largest": shown,
        "complete": walk.is_complete(),
    }))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
