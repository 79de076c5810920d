//! What the user decided about skills: what each may touch, and which are switched off.
//!
//! Owns: the file that this is kept in. Must not know: how it is enforced.

use crate::json_file;
use hob_sdk::manifest::{Manifest, Permissions};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What one skill was granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// When, RFC 3339.
    pub at: String,
    /// The phrases that the user agreed to.
    pub allowed: BTreeSet<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    granted: BTreeMap<String, Grant>,
    disabled: BTreeSet<String>,
}

/// All decisions.
pub struct Grants {
    file: PathBuf,
    stored: Mutex<Stored>,
}

impl Grants {
    /// Reads the decisions kept in `file`.
    pub fn open(file: PathBuf) -> Self {
        Self { stored: Mutex::new(json_file::read(&file)), file }
    }

    /// What this skill asks for that the user has not agreed to; `None` when all of it is granted. A skill that asks
    /// for nothing still needs to be granted to run at all.
    pub fn missing(&self, manifest: &Manifest) -> Option<Vec<String>> {
        let asked = in_words(&manifest.permissions);
        match self.lock().granted.get(&manifest.id) {
            None => Some(asked),
            Some(grant) => {
                let missing: Vec<String> = asked.into_iter().filter(|word| !grant.allowed.contains(word)).collect();
                (!missing.is_empty()).then_some(missing)
            }
        }
    }

    /// What an installation has to ask about: to install a skill is to let it run confined, so only what reaches
    /// beyond that.
    pub fn to_ask(&self, manifest: &Manifest) -> Vec<String> {
        let missing = self.missing(manifest).unwrap_or_default();
        missing.into_iter().filter(|word| word != CONFINED).collect()
    }

    /// Grants all that a skill asks for, and nothing that an earlier version asked for.
    pub fn grant(&self, manifest: &Manifest) -> io::Result<()> {
        let allowed = in_words(&manifest.permissions).into_iter().collect();
        let grant = Grant { at: jiff::Timestamp::now().to_string(), allowed };
        self.change(|stored| drop(stored.granted.insert(manifest.id.clone(), grant)))
    }

    /// Forgets a skill.
    pub fn forget(&self, id: &str) -> io::Result<()> {
        self.change(|stored| {
            stored.granted.remove(id);
            stored.disabled.remove(id);
        })
    }

    /// Whether the user has switched it off.
    pub fn is_disabled(&self, id: &str) -> bool {
        self.lock().disabled.contains(id)
    }

    /// Switches a skill off or on.
    pub fn set_disabled(&self, id: &str, disabled: bool) -> io::Result<()> {
        self.change(|stored| {
            if disabled {
                stored.disabled.insert(id.into());
            } else {
                stored.disabled.remove(id);
            }
        })
    }

    fn change(&self, change: impl FnOnce(&mut Stored)) -> io::Result<()> {
        let mut stored = self.lock();
        change(&mut stored);
        json_file::write(&self.file, &*stored)
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every skill asks for.
const CONFINED: &str = "run in a process of its own, with a folder of its own";

/// What a skill asks for, as the user reads it; never empty.
pub fn in_words(permissions: &Permissions) -> Vec<String> {
    let mut words = vec![CONFINED.to_string()];
    words.extend(permissions.in_words());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(permissions: &str) -> Manifest {
        let text = format!(
            "[skill]\nid = \"org.example.a\"\nversion = \"1.0.0\"\ntitle = \"A\"\nkind = \"mcp\"\ncommand = [\"./a\"]\n[permissions]\n{permissions}\n"
        );
        Manifest::parse(&text, "skill.toml").expect("a manifest")
    }

    #[test]
    fn an_update_that_asks_for_more_is_asked_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let grants = Grants::open(folder.path().join("skills.json"));
        let (small, large) = (manifest("model = true"), manifest("model = true\nread = [\"~/Notes\"]"));
        assert_eq!(grants.missing(&small).map(|words| words.len()), Some(2), "nothing runs ungranted");
        assert_eq!(grants.to_ask(&manifest("")), Vec::<String>::new(), "who installs it lets it run");
        assert_eq!(grants.to_ask(&small).len(), 1);
        grants.grant(&small).expect("granted");
        assert_eq!(grants.missing(&small), None);
        assert_eq!(grants.missing(&large), Some(vec!["read ~/Notes".into()]));
        grants.grant(&large).expect("granted");
        let grants = Grants::open(folder.path().join("skills.json"));
        assert_eq!((grants.missing(&large), grants.missing(&small)), (None, None));
        grants.set_disabled("org.example.a", true).expect("kept");
        assert!(grants.is_disabled("org.example.a"));
        grants.forget("org.example.a").expect("kept");
        assert!(grants.missing(&small).is_some() && !grants.is_disabled("org.example.a"));
    }
}
