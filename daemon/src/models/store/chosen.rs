//! Which models are the defaults, as chosen by `hob model default`: before the settings, and kept over restarts.

use crate::json_file;
use hob_engine::Role;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The chosen defaults.
#[derive(Debug, Default)]
pub struct Chosen {
    path: PathBuf,
    by_role: Mutex<BTreeMap<String, String>>,
}

impl Chosen {
    /// Those that were chosen in earlier runs.
    pub fn open(path: PathBuf) -> Self {
        let by_role = Mutex::new(json_file::read(&path));
        Self { path, by_role }
    }

    /// The id that was chosen for a role.
    pub fn get(&self, role: Role) -> Option<String> {
        self.by_role.lock().unwrap_or_else(PoisonError::into_inner).get(role.name()).cloned()
    }

    /// Chooses one; `None` leaves it to the settings again.
    pub fn set(&self, role: Role, id: Option<String>) -> std::io::Result<()> {
        let mut by_role = self.by_role.lock().unwrap_or_else(PoisonError::into_inner);
        match id {
            Some(id) => by_role.insert(role.name().to_string(), id),
            None => by_role.remove(role.name()),
        };
        json_file::write(&self.path, &*by_role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_survives() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("default-models.json");
        Chosen::open(path.clone()).set(Role::Chat, Some("m".into())).expect("written");
        let chosen = Chosen::open(path.clone());
        assert_eq!((chosen.get(Role::Chat).as_deref(), chosen.get(Role::Embedding)), (Some("m"), None));
        chosen.set(Role::Chat, None).expect("written");
        assert_eq!(Chosen::open(path).get(Role::Chat), None);
    }
}
