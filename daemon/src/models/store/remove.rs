//! Letting models go.

use super::{Store, record};
use crate::error::{HobError, Kind};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// What a removal frees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The file.
    pub path: PathBuf,
    /// Bytes that the disk gets back.
    pub freed: u64,
    /// Why it gets back less than the file's size; empty when it does not.
    pub kept: String,
}

impl Store {
    /// Removes a model's file, or only says what that would free. Refused while the model answers.
    pub async fn remove(&self, id: &str, dry_run: bool) -> Result<Removed, HobError> {
        self.models.refresh();
        let entry = self.models.entry(id)?;
        if entry.path.parent() != Some(&*self.setup.folder) {
            let (path, folder) = (entry.path.display(), self.setup.folder.display());
            return Err(HobError::invalid(format!(
                "{path} is not in {folder}, so it is not hob's to remove; delete it there"
            )));
        }
        let removed = what_it_frees(entry.path.clone())?;
        if dry_run {
            return Ok(removed);
        }
        self.models.unload(id).await.map_err(|error| match error.kind {
            Kind::Busy => HobError::new(
                Kind::Busy,
                format!("{id} is in use; nothing was removed, try again when it has answered"),
            ),
            _ => error,
        })?;
        let gone = |path: &std::path::Path| match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(HobError::internal(format!("{}: {e}", path.display())))
            }
            _ => Ok(()),
        };
        gone(&entry.path)?;
        if let Some(record) = record::path(&self.setup.folder, &entry.path) {
            gone(&record)?;
        }
        tracing::info!(id, freed = removed.freed, "a model was removed");
        self.models.refresh();
        Ok(removed)
    }
}

fn what_it_frees(path: PathBuf) -> Result<Removed, HobError> {
    let about =
        std::fs::symlink_metadata(&path).map_err(|e| HobError::not_found(format!("{}: {e}", path.display())))?;
    let (freed, kept) = match (about.is_symlink(), about.nlink()) {
        (true, _) => (0, "only the reference goes; the file itself stays where it is".to_string()),
        (false, 2..) => (0, "another program has the same file under a name of its own".to_string()),
        (false, _) => (about.len(), String::new()),
    };
    Ok(Removed { path, freed, kept })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_name_frees_anything() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a"), b"12345").expect("written");
        assert_eq!(what_it_frees(at("a")).expect("there").freed, 5);
        std::fs::hard_link(at("a"), at("b")).expect("linked");
        let kept = what_it_frees(at("b")).expect("there");
        assert!(kept.freed == 0 && kept.kept.contains("another program"));
        std::os::unix::fs::symlink(at("a"), at("c")).expect("linked");
        assert!(what_it_frees(at("c")).expect("there").kept.contains("only the reference"));
        assert!(what_it_frees(at("d")).is_err());
    }
}
