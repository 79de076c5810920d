//! What a path says about how likely somebody looks for the file.
//!
//! Must not know queries and scores.

use std::path::Path;

/// Folders of what programs made, fetched or put away. Names that people give to folders of their own are not
/// among them.
const ASIDE: [&str; 18] = [
    "node_modules",
    "site-packages",
    "dist-packages",
    "__pycache__",
    "vendor",
    "third_party",
    "target",
    "build",
    "dist",
    "cache",
    "caches",
    "tmp",
    "temp",
    "trash",
    "backup",
    "backups",
    "logs",
    "old",
];

/// Whether a file lies in such a folder.
pub(super) fn is_aside(path: &Path) -> bool {
    let folders = path.parent().into_iter().flat_map(Path::components);
    folders.filter_map(|part| part.as_os_str().to_str()).any(|name| ASIDE.contains(&name.to_ascii_lowercase().as_str()))
}

/// A file name's extension as it is searched for.
pub(super) fn extension(path: &Path) -> String {
    path.extension().and_then(|ext| ext.to_str()).unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_made_lies_aside() {
        assert!(is_aside(Path::new("/h/site/node_modules/left-pad/readme.md")));
        assert!(is_aside(Path::new("/h/Backup/letter.odt")));
        assert!(!is_aside(Path::new("/h/notes/build")), "the file's own name does not count");
        assert_eq!(extension(Path::new("/h/A.PDF")), "pdf");
    }
}
