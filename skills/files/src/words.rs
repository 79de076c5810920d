//! Files in words and in JSON.
//!
//! Owns: how sizes, counts and files read. Must not know: how they were found.

use crate::home::Home;
use crate::walk::{Entry, Walk};
use hob_sdk::{Outcome, file_uri};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::UNIX_EPOCH;

/// Files that a sentence names before it says "and 5 more".
const NAMED: usize = 3;

/// "1.4 GB": powers of ten, as disks are sold and file managers show.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return if bytes == 1 { "1 byte".into() } else { format!("{bytes} bytes") };
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(value < 99.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// "1 file", "12 files"
pub fn counted(count: usize, (one, several): (&str, &str)) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {several}") }
}

/// "a.txt in ~/Documents, b.txt in ~ and 5 more"
pub fn listed(entries: &[Entry], total: usize, home: &Home) -> String {
    let named: Vec<_> = entries.iter().take(NAMED).map(|entry| placed(entry, home)).collect();
    match total.saturating_sub(named.len()) {
        0 => match named.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
            all => all.join(", "),
        },
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn placed(entry: &Entry, home: &Home) -> String {
    let folder = entry.path.parent().map_or_else(String::new, |folder| home.short(folder));
    format!("{} in {folder}", entry.name)
}

/// A sentence about files, with the best of them for scripts.
pub fn outcome(message: String, entries: &[Entry], total: usize, walk: &Walk) -> Outcome {
    Outcome::say(message)
        .with_data(json!({
            "files": entries.iter().map(shown).collect::<Vec<_>>(),
            "total": total,
            "complete": walk.is_complete(),
        }))
        .with_uris(entries.iter().map(|entry| file_uri(&entry.path)))
}

/// What scripts see of a file.
fn shown(entry: &Entry) -> Value {
    json!({
        "path": entry.path.to_string_lossy(),
        "name": entry.name,
        "folder": entry.is_folder,
        "bytes": if entry.is_folder { Value::Null } else { entry.metadata.len().into() },
        "modified": modified(entry).and_then(|s| Timestamp::from_second(s).ok()).map(|at| at.to_string()),
    })
}

/// When it was last changed, in seconds since the Unix epoch.
pub fn modified(entry: &Entry) -> Option<i64> {
    let at = entry.metadata.modified().ok()?;
    let seconds = at
        .duration_since(UNIX_EPOCH)
        .map_or_else(|before| -before.duration().as_secs_f64(), |since| since.as_secs_f64());
    Some(seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_440_000, "1.4 MB"),
            (99_960, "100 kB"),
            (999_600, "1.0 MB"),
            (2_000_000_000, "2.0 GB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }
}
