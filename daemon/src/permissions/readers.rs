//! Who may read items that other programs have pushed.
//!
//! Owns: the grants of `[items]` in the settings, and that hob's own command line is the user's hand.
//! Must not know: how items are kept or found.

use super::Caller;
use hob_index::Reader;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The grants.
#[derive(Debug, Clone, Default)]
pub struct Readers {
    /// What each program may read besides its own; "*" for everything.
    grants: BTreeMap<String, Vec<String>>,
    /// hob's command line.
    cli: Option<PathBuf>,
}

impl Readers {
    /// With these grants; `cli` is the user's own tool, which may read everything.
    pub fn new(grants: BTreeMap<String, Vec<String>>, cli: &Path) -> Self {
        Self { grants, cli: cli.canonicalize().ok() }
    }

    /// What a caller may see. A caller that nothing is known of sees files alone, as does the daemon's own work.
    pub fn of(&self, caller: &Caller) -> Reader {
        let is_cli = self.cli.as_ref().is_some_and(|cli| Path::new(&caller.program) == cli);
        let granted = self.grants.get(&caller.app).cloned().unwrap_or_default();
        if is_cli || granted.iter().any(|app| app == "*") {
            return Reader::User;
        }
        let own = Some(caller.app.clone()).filter(|app| !app.is_empty());
        Reader::Programs(granted.into_iter().chain(own).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(app: &str, program: &str) -> Caller {
        Caller { app: app.into(), program: program.into(), ..Caller::default() }
    }

    #[test]
    fn a_program_reads_its_own_what_it_was_granted_and_no_more() {
        let grants = [("org.b".to_owned(), vec!["org.a".to_owned()]), ("org.c".to_owned(), vec!["*".to_owned()])];
        let readers = Readers::new(grants.into(), Path::new("/proc/self/exe"));
        let programs = |apps: &[&str]| Reader::Programs(apps.iter().map(|app| (*app).to_owned()).collect());
        assert_eq!(readers.of(&caller("org.a", "/a")), programs(&["org.a"]));
        assert_eq!(readers.of(&caller("org.b", "/b")), programs(&["org.a", "org.b"]));
        assert_eq!(readers.of(&caller("org.c", "/c")), Reader::User);
        assert_eq!(readers.of(&caller("", "")), programs(&[]));
        let this = std::env::current_exe().expect("a path").display().to_string();
        assert_eq!(readers.of(&caller("x", &this)), Reader::User);
    }
}
