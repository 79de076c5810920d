//! Which files the index wants, and the walk that finds them.
//!
//! Owns: the rules (hidden, ignored, junk, secret, hob's own) and the walk. Live events and walks ask
//! the same [`Rules`], so a file can't be in by one way and out by the other.
//! Must not know: what is already indexed, and what happens with what it finds.

use crate::items::Version;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::fs::{FileType, Metadata, ReadDir};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a name that is no UTF-8 is left out: paths are strings on D-Bus and in JSON.
pub(crate) const NOT_UTF8: &str = "its name is not UTF-8; rename it";
/// Larger ignore files are no ignore files; compiling them would cost memory.
const MAX_IGNORE_FILE: u64 = 1 << 20;
/// What a CACHEDIR.TAG must begin with to count (bford.info/cachedir).
const CACHEDIR_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";
/// Files in a folder that decide about the whole folder.
const CONTROL_FILES: [&str; 5] = [".gitignore", ".ignore", ".nomedia", ".trackerignore", "CACHEDIR.TAG"];
/// Kernel views: endless, and nobody's documents.
const PSEUDO: [&str; 3] = ["/proc", "/sys", "/dev"];
const JUNK_FOLDERS: [&str; 6] =
    ["node_modules", "bower_components", "__pycache__", "lost+found", "$RECYCLE.BIN", "System Volume Information"];
/// Half-written files and editors' leftovers.
const JUNK_EXTENSIONS: [&str; 4] = ["part", "crdownload", "tmp", "swp"];
const SECRET_FOLDERS: [&str; 7] = [".ssh", ".gnupg", ".pki", ".password-store", "keyrings", "kwalletd", ".electrum"];
const SECRET_EXTENSIONS: [&str; 19] = [
    "kdbx",
    "kdb",
    "pem",
    "key",
    "p12",
    "pfx",
    "jks",
    "keystore",
    "gpg",
    "pgp",
    "ppk",
    "keychain",
    "kwl",
    "wallet",
    "keytab",
    "psafe3",
    "agilekeychain",
    "opvault",
    "agekey",
];
const SECRET_NAMES: [&str; 10] = [
    "wallet.dat",
    "credentials",
    "shadow",
    "logins.json",
    "key4.db",
    "key3.db",
    "signons.sqlite",
    "login data",
    "cookies.sqlite",
    "default_wallet",
];
const SECRET_PREFIXES: [&str; 4] = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"];

/// All that is wanted of a browser's profile: history and bookmarks, and none of the secrets beside them.
const BROWSER_FILES: [&str; 3] = ["places.sqlite", "History", "Bookmarks"];

/// What tells a changed file from an unchanged one without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Bytes.
    pub size: u64,
    /// Inode number: a file moved over another one has its own.
    pub inode: u64,
}

impl Stamp {
    pub(crate) fn of(meta: &Metadata) -> Stamp {
        let mtime_ns = meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec());
        Stamp { mtime_ns, size: meta.size(), inode: meta.ino() }
    }

    /// The same of an item, whose serial number no other version has.
    pub(crate) fn of_item(version: Version) -> Stamp {
        Stamp { mtime_ns: version.at_ns, size: version.size, inode: version.serial }
    }
}

/// What a walk came upon.
#[derive(Debug)]
pub(crate) enum Found {
    /// A wanted folder, told before its entries are read: a watch set now misses nothing.
    Dir(PathBuf),
    /// A wanted file.
    File(PathBuf, Stamp),
    /// A file or folder that can't be taken.
    Problem {
        /// Where.
        path: PathBuf,
        /// One sentence.
        reason: String,
        /// Reading failed in a way that may pass: what is indexed below stays.
        keep: bool,
    },
}

/// What the user asked for, and what is never taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    roots: Vec<PathBuf>,
    exclude: Vec<PathBuf>,
    /// Mounts that are not entered from above.
    closed: Vec<PathBuf>,
    /// What the user wants nowhere.
    unwanted: Option<Arc<Gitignore>>,
}

/// The ignore rules in force in one folder: its own, then its parents' up to the added folder.
#[derive(Debug)]
struct Scope {
    own: Option<Gitignore>,
    /// The folder is a browser's profile.
    profile: bool,
    parent: Option<Arc<Scope>>,
}

impl Scope {
    fn ignores(&self, path: &Path, is_dir: bool) -> bool {
        let mut scope = Some(self);
        while let Some(s) = scope {
            if let Some(rules) = &s.own {
                let verdict = rules.matched(path, is_dir);
                if !verdict.is_none() {
                    return verdict.is_ignore();
                }
            }
            scope = s.parent.as_deref();
        }
        false
    }
}

impl Rules {
    /// Rules for the added folders `roots`; nothing at or below `exclude` is ever taken. All canonical.
    pub(crate) fn new(roots: Vec<PathBuf>, exclude: Vec<PathBuf>) -> Rules {
        Rules { roots, exclude, closed: Vec::new(), unwanted: None }
    }

    /// The same, which stay out of what is mounted at `closed`, unless that, or something in it, was added.
    pub(crate) fn staying_out_of(self, closed: Vec<PathBuf>) -> Rules {
        Rules { closed, ..self }
    }

    /// The same, without what matches these patterns, written as in a `.gitignore`, anywhere. Those that are none are
    /// left out.
    pub(crate) fn without(self, patterns: &[String]) -> Rules {
        let mut builder = GitignoreBuilder::new("/");
        for pattern in patterns {
            if let Err(error) = builder.add_line(None, pattern) {
                tracing::warn!(pattern, %error, "this is no pattern of file names, and excludes nothing");
            }
        }
        let built = builder.build().inspect_err(|error| tracing::warn!(%error, "no file names are excluded"));
        Rules { unwanted: built.ok().filter(|built| !built.is_empty()).map(Arc::new), ..self }
    }

    /// The added folders.
    pub(crate) fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// Why `path`, canonical and a folder, must not be added; `None` when it may.
    pub(crate) fn refusal(&self, path: &Path) -> Option<String> {
        if self.excluded(path) {
            return Some(format!(
                "{} belongs to hob or to the kernel; add a folder with your own files",
                path.display()
            ));
        }
        let secret = path.components().any(|c| SECRET_FOLDERS.iter().any(|s| c.as_os_str() == *s));
        secret.then(|| format!("{} holds keys or passwords, which hob never reads", path.display()))
    }

    fn excluded(&self, path: &Path) -> bool {
        self.exclude.iter().any(|e| path.starts_with(e)) || PSEUDO.iter().any(|p| path.starts_with(p))
    }

    /// Whether the index wants `path`, going by names, ignore files and markers.
    pub(crate) fn wants(&self, path: &Path, is_dir: bool) -> bool {
        self.roots.iter().any(|root| {
            if path == root {
                return is_dir && !self.excluded(path);
            }
            let Some(parent) = path.parent().filter(|p| p.starts_with(root)) else { return false };
            self.scope_of(root, parent).is_some_and(|scope| self.admits(&scope, path, is_dir))
        })
    }

    /// Everything wanted at or below `at`.
    pub(crate) fn walk(&self, at: &Path) -> Walk {
        let mut starts: Vec<(PathBuf, Option<Arc<Scope>>)> = Vec::new();
        for root in &self.roots {
            let start = if at.starts_with(root) {
                let above = at.parent().filter(|p| at != root && p.starts_with(root));
                let scope = above.and_then(|parent| self.scope_of(root, parent));
                let admitted = |s: &Arc<Scope>| self.admits(s, at, true) && !closed_by_marker(at);
                let open = above.is_none() || scope.as_ref().is_some_and(admitted);
                open.then(|| (at.to_path_buf(), scope))
            } else {
                root.starts_with(at).then(|| (root.clone(), None))
            };
            starts.extend(start.filter(|(dir, _)| !self.excluded(dir)));
        }
        Walk { rules: self.clone(), dirs: starts, current: None, open_next: None }
    }

    /// The rules in force in `dir`, at or below `root`; `None` when the way there is closed.
    fn scope_of(&self, root: &Path, dir: &Path) -> Option<Arc<Scope>> {
        let below = dir.strip_prefix(root).ok()?;
        let mut at = root.to_path_buf();
        let mut scope = enter(&at, None);
        for part in below.components() {
            at.push(part);
            if !self.admits(&scope, &at, true) || closed_by_marker(&at) {
                return None;
            }
            scope = enter(&at, Some(scope));
        }
        Some(scope)
    }

    fn admits(&self, scope: &Scope, path: &Path, is_dir: bool) -> bool {
        let Some(name) = path.file_name() else { return false };
        let name = name.to_string_lossy();
        let named = !name_refused(&name, is_dir) || is_dir && is_maildir_folder(path, &name);
        let unwanted = self.unwanted.as_ref().is_some_and(|unwanted| unwanted.matched(path, is_dir).is_ignore());
        let private = scope.profile && (is_dir || !BROWSER_FILES.contains(&&*name));
        named
            && !private
            && !unwanted
            && !self.excluded(path)
            && !self.closed.iter().any(|at| at == path)
            && !scope.ignores(path, is_dir)
    }
}

/// A folder of a mail folder: its name begins with a dot and hides nothing from the user.
fn is_maildir_folder(path: &Path, name: &str) -> bool {
    name.len() > 1 && name.starts_with('.') && is_maildir(path) && path.parent().is_some_and(is_maildir)
}

/// Whether a folder is a browser's profile: of Firefox, or of Chromium and its kin.
fn is_profile(dir: &Path) -> bool {
    let is_file = |name: &str| dir.join(name).is_file();
    is_file("places.sqlite") || is_file("History") && is_file("Preferences")
}

/// Whether a folder holds mail, one file for each message (maildir).
fn is_maildir(dir: &Path) -> bool {
    ["cur", "new", "tmp"].iter().all(|name| dir.join(name).is_dir())
}

/// Why this is no pattern of file names as in a `.gitignore`; `None` when it is one.
pub fn pattern_problem(pattern: &str) -> Option<String> {
    GitignoreBuilder::new("/").add_line(None, pattern).err().map(|error| error.to_string())
}

/// Whether `name` is one of the files that decide about their folder.
pub(crate) fn is_control_file(name: &str) -> bool {
    CONTROL_FILES.contains(&name)
}

/// Whether the name alone keeps a file or folder out.
pub(crate) fn name_refused(name: &str, is_dir: bool) -> bool {
    if name.starts_with('.') {
        return true;
    }
    if is_dir {
        return JUNK_FOLDERS.contains(&name) || SECRET_FOLDERS.contains(&name);
    }
    if name == "CACHEDIR.TAG"
        || name.ends_with('~')
        || name.starts_with("~$")
        || name.starts_with('#') && name.ends_with('#')
    {
        return true;
    }
    let lower = name.to_lowercase();
    let extension = lower.rsplit_once('.').map_or("", |(_, e)| e);
    JUNK_EXTENSIONS.contains(&extension)
        || SECRET_EXTENSIONS.contains(&extension)
        || SECRET_NAMES.contains(&lower.as_str())
        || SECRET_PREFIXES.iter().any(|p| lower.starts_with(p))
}

/// A sentence for the user about a file or folder that could not be read.
pub(crate) fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "you may not read it: change its permissions or exclude it".to_owned(),
        io::ErrorKind::NotFound => "it is not there any more".to_owned(),
        _ => format!("it could not be read: {error}"),
    }
}

/// What is there, but can never be read: worth a word, since it looks like a file. Links are not, unless they lead
/// nowhere but to themselves.
fn oddity(path: &Path, kind: FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_fifo() => Some("this is a pipe, not a regular file"),
        kind if kind.is_socket() => Some("this is a socket, not a regular file"),
        kind if kind.is_char_device() || kind.is_block_device() => Some("this is a device, not a regular file"),
        kind if kind.is_symlink() => {
            let endless = Some(rustix::io::Errno::LOOP.raw_os_error());
            let loops = path.metadata().is_err_and(|e| e.raw_os_error() == endless);
            loops.then_some("this is a link that leads back to itself")
        }
        _ => None,
    }
}

/// Markers that close a folder below an added one. The added folder itself was asked for by name.
fn closed_by_marker(dir: &Path) -> bool {
    let there = |name: &str| dir.join(name).symlink_metadata().is_ok();
    there(".nomedia") || there(".trackerignore") || there("pyvenv.cfg") || is_cache(dir)
}

fn is_cache(dir: &Path) -> bool {
    let tag = dir.join("CACHEDIR.TAG");
    // Looked at before it is opened: opening a pipe of that name would hang.
    if !tag.symlink_metadata().is_ok_and(|m| m.is_file()) {
        return false;
    }
    let mut head = [0_u8; CACHEDIR_SIGNATURE.len()];
    std::fs::File::open(tag).and_then(|mut f| f.read_exact(&mut head)).is_ok() && head == CACHEDIR_SIGNATURE
}

fn enter(dir: &Path, parent: Option<Arc<Scope>>) -> Arc<Scope> {
    let mut builder = GitignoreBuilder::new(dir);
    let mut any = false;
    for name in [".gitignore", ".ignore"] {
        let file = dir.join(name);
        if file.metadata().is_ok_and(|m| m.is_file() && m.len() <= MAX_IGNORE_FILE) {
            // A bad line is left out, the others count, as git does it.
            if let Some(error) = builder.add(&file) {
                tracing::debug!(%error, "a line of an ignore file is not understood");
            }
            any = true;
        }
    }
    let own = if any { builder.build().ok().filter(|rules| !rules.is_empty()) } else { None };
    match (own, is_profile(dir), parent) {
        // No rules of its own: share the parent's, so that deep trees stay cheap.
        (None, false, Some(parent)) => parent,
        (own, profile, parent) => Arc::new(Scope { own, profile, parent }),
    }
}

/// A walk in progress; one folder open at a time, so it can rest between two entries.
pub(crate) struct Walk {
    rules: Rules,
    dirs: Vec<(PathBuf, Option<Arc<Scope>>)>,
    open_next: Option<(PathBuf, Option<Arc<Scope>>)>,
    current: Option<(ReadDir, PathBuf, Arc<Scope>)>,
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            if let Some((dir, parent)) = self.open_next.take()
                && let Some(problem) = self.open(dir, parent)
            {
                return Some(problem);
            }
            if let Some((entries, dir, scope)) = self.current.take() {
                match self.next_entry(entries, dir, scope) {
                    Some(found) => return Some(found),
                    None => continue,
                }
            }
            let (dir, parent) = self.dirs.pop()?;
            self.open_next = Some((dir.clone(), parent));
            return Some(Found::Dir(dir));
        }
    }
}

impl Walk {
    fn open(&mut self, dir: PathBuf, parent: Option<Arc<Scope>>) -> Option<Found> {
        match std::fs::read_dir(&dir) {
            Ok(entries) => {
                let scope = enter(&dir, parent);
                self.current = Some((entries, dir, scope));
                None
            }
            // Gone between being listed and being opened; an added folder that is gone is worth a word.
            Err(e) if gone(&e) && !self.rules.roots.contains(&dir) => None,
            Err(e) => Some(problem(dir, &e)),
        }
    }

    /// The next wanted entry of the folder at hand; `None` when there is none left in it.
    fn next_entry(&mut self, mut entries: ReadDir, dir: PathBuf, scope: Arc<Scope>) -> Option<Found> {
        loop {
            let found = match entries.next()? {
                Ok(entry) => self.sort(&scope, entry.path()),
                Err(e) => Some(problem(dir.clone(), &e)),
            };
            if found.is_some() {
                self.current = Some((entries, dir, scope));
                return found;
            }
        }
    }

    fn sort(&mut self, scope: &Arc<Scope>, path: PathBuf) -> Option<Found> {
        let name = path.file_name()?;
        let lossy = name.to_string_lossy();
        if lossy.starts_with('.') && !is_maildir_folder(&path, &lossy) {
            return None;
        }
        let meta = match path.symlink_metadata() {
            Ok(meta) => meta,
            Err(e) if gone(&e) => return None,
            Err(e) => return Some(problem(path, &e)),
        };
        let is_dir = meta.is_dir();
        if let Some(reason) = oddity(&path, meta.file_type()).filter(|_| self.rules.admits(scope, &path, false)) {
            return Some(Found::Problem { path, reason: reason.to_owned(), keep: false });
        }
        // Symbolic links are not followed: what they point to is indexed where it is, loops can't arise.
        if !(is_dir || meta.is_file()) || !self.rules.admits(scope, &path, is_dir) {
            return None;
        }
        if name.to_str().is_none() {
            return Some(Found::Problem { path, reason: NOT_UTF8.to_owned(), keep: false });
        }
        if !is_dir {
            return Some(Found::File(path, Stamp::of(&meta)));
        }
        // Mail that has not wholly arrived.
        let arriving = lossy == "tmp" && path.parent().is_some_and(is_maildir);
        if !closed_by_marker(&path) && !arriving {
            self.dirs.push((path, Some(scope.clone())));
        }
        None
    }
}

fn gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn problem(path: PathBuf, error: &io::Error) -> Found {
    let keep = !gone(error) && error.kind() != io::ErrorKind::PermissionDenied;
    Found::Problem { path, reason: explain(error), keep }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (dir, root)
    }

    fn files(rules: &Rules, at: &Path) -> Vec<String> {
        let mut found: Vec<String> = rules
            .walk(at)
            .filter_map(|f| match f {
                Found::File(p, _) => Some(p.strip_prefix(at).unwrap().to_string_lossy().into_owned()),
                _ => None,
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn hidden_junk_and_secret_files_stay_out() {
        let tag = format!("{}\n", std::str::from_utf8(CACHEDIR_SIGNATURE).unwrap());
        let (_keep, root) = tree(&[
            ("a.txt", ""),
            ("sub/b.md", ""),
            (".hidden", ""),
            (".config/x", ""),
            ("node_modules/x.js", ""),
            ("pkg/__pycache__/x.py", ""),
            ("target/CACHEDIR.TAG", &tag),
            ("target/x.txt", ""),
            ("kept/CACHEDIR.TAG", "no signature"),
            ("kept/x.txt", ""),
            ("photos/.nomedia", ""),
            ("photos/x.txt", ""),
            ("quiet/.trackerignore", ""),
            ("quiet/x.txt", ""),
            ("venv/pyvenv.cfg", ""),
            ("venv/x.txt", ""),
            ("id_rsa", ""),
            ("pass.KDBX", ""),
            ("server.pem", ""),
            ("wallet.dat", ""),
            ("draft.txt~", ""),
            ("film.part", ""),
        ]);
        let rules = Rules::new(vec![root.clone()], vec![]);
        assert_eq!(files(&rules, &root), ["a.txt", "kept/x.txt", "sub/b.md"]);
        for (path, wanted) in [("a.txt", true), ("photos/x.txt", false), ("id_rsa", false), (".config/x", false)] {
            assert_eq!(rules.wants(&root.join(path), false), wanted, "{path}");
        }
    }

    #[test]
    fn gitignore_works_without_a_repository_and_the_deepest_rule_wins() {
        let (_keep, root) = tree(&[
            (".gitignore", "*.log\n/build/\n"),
            ("a.log", ""),
            ("build/x.txt", ""),
            ("sub/build/x.txt", ""),
            ("sub/.gitignore", "!keep.log\nprivate\n"),
            ("sub/keep.log", ""),
            ("sub/other.log", ""),
            ("sub/private/x.txt", ""),
        ]);
        let rules = Rules::new(vec![root.clone()], vec![]);
        assert_eq!(files(&rules, &root), ["sub/build/x.txt", "sub/keep.log"]);
        assert!(rules.wants(&root.join("sub/keep.log"), false));
        assert!(!rules.wants(&root.join("sub/other.log"), false));
        assert!(!rules.wants(&root.join("build/x.txt"), false));
        // A walk that starts below the added folder obeys the rules above it.
        assert_eq!(files(&rules, &root.join("sub")), ["build/x.txt", "keep.log"]);
        assert!(files(&rules, &root.join("build")).is_empty());
        fs::write(root.join("sub/build/.nomedia"), "").unwrap();
        assert!(files(&rules, &root.join("sub/build")).is_empty());
    }

    #[test]
    fn what_was_asked_for_by_name_is_taken_and_own_folders_never() {
        let (_keep, root) = tree(&[(".notes/.nomedia", ""), (".notes/a.txt", ""), ("own/b.txt", "")]);
        let outer = Rules::new(vec![root.clone()], vec![root.join("own")]);
        assert!(files(&outer, &root).is_empty());
        assert!(outer.refusal(&root.join("own")).is_some());
        let both = Rules::new(vec![root.clone(), root.join(".notes")], vec![root.join("own")]);
        assert_eq!(files(&both, &root), [".notes/a.txt"]);
        assert!(both.wants(&root.join(".notes/a.txt"), false));
        assert!(both.refusal(Path::new("/proc/self")).is_some());
        assert!(both.refusal(&root.join(".ssh")).is_some());
    }

    #[test]
    fn mail_folders_are_entered_though_they_look_hidden() {
        let (_keep, root) = tree(&[
            ("Mail/cur/1.a:2,S", "From: a"),
            ("Mail/new/2.a", "From: b"),
            ("Mail/tmp/3.a", "From: half"),
            ("Mail/.Sent/cur/4.a", "From: c"),
            ("Mail/.Sent/new/.keep", ""),
            ("Mail/.Sent/tmp/.keep", ""),
            ("Mail/.index/x", "no mail folder"),
            (".hidden/cur/5.a", "not in a mail folder"),
            (".hidden/new/.keep", ""),
            (".hidden/tmp/.keep", ""),
            ("tmp/a.txt", "an ordinary folder"),
        ]);
        let rules = Rules::new(vec![root.clone()], vec![]);
        assert_eq!(files(&rules, &root), ["Mail/.Sent/cur/4.a", "Mail/cur/1.a:2,S", "Mail/new/2.a", "tmp/a.txt"]);
        assert!(rules.wants(&root.join("Mail/.Sent/cur/4.a"), false));
    }

    #[test]
    fn of_a_browsers_profile_history_and_bookmarks_are_wanted_alone() {
        let (_keep, root) = tree(&[
            ("x.default/places.sqlite", ""),
            ("x.default/cookies.sqlite", ""),
            ("x.default/prefs.js", ""),
            ("x.default/storage/a.txt", ""),
            ("Default/History", ""),
            ("Default/Preferences", ""),
            ("Default/Bookmarks", ""),
            ("Default/Login Data", ""),
            ("Default/Sessions/b.txt", ""),
            ("notes/History", "of my town"),
        ]);
        let all = ["Default/Bookmarks", "Default/History", "notes/History", "x.default/places.sqlite"];
        assert_eq!(files(&Rules::new(vec![root.clone()], vec![]), &root), all);
        let profile = root.join("x.default");
        let rules = Rules::new(vec![profile.clone()], vec![]);
        assert_eq!(files(&rules, &profile), ["places.sqlite"]);
        assert!(!rules.wants(&profile.join("storage/a.txt"), false) && !rules.wants(&profile.join("prefs.js"), false));
    }

    #[test]
    fn unwanted_names_are_left_out_everywhere() {
        let (_keep, root) = tree(&[("a.iso", ""), ("b/c.iso", ""), ("b/d.txt", ""), ("Private/e.txt", "")]);
        let patterns = ["*.iso", "Private/"].map(str::to_owned);
        let rules = Rules::new(vec![root.clone()], vec![]).without(&patterns);
        assert_eq!(files(&rules, &root), ["b/d.txt"]);
        assert!(!rules.wants(&root.join("Private/e.txt"), false));
        assert!(pattern_problem("*.iso").is_none() && pattern_problem("{a").is_some());
    }

    #[test]
    fn closed_mounts_are_not_entered_from_above() {
        let (_keep, root) = tree(&[("a.txt", ""), ("nas/b.txt", ""), ("nas/c/d.txt", "")]);
        let rules = Rules::new(vec![root.clone()], vec![]).staying_out_of(vec![root.join("nas")]);
        assert_eq!(files(&rules, &root), ["a.txt"]);
        assert!(!rules.wants(&root.join("nas/b.txt"), false) && files(&rules, &root.join("nas")).is_empty());
        let named = Rules::new(vec![root.clone(), root.join("nas/c")], vec![]).staying_out_of(vec![root.join("nas")]);
        assert_eq!(files(&named, &root), ["a.txt", "nas/c/d.txt"]);
    }

    #[test]
    fn links_are_not_followed_and_odd_names_are_named() {
        let (_keep, root) = tree(&[("a/x.txt", "")]);
        std::os::unix::fs::symlink(&root, root.join("a/loop")).unwrap();
        std::os::unix::fs::symlink(root.join("a/x.txt"), root.join("link.txt")).unwrap();
        fs::write(root.join(OsStr::from_bytes(b"caf\xe9.txt")), "x").unwrap();
        let rules = Rules::new(vec![root.clone()], vec![]);
        let mut problems = Vec::new();
        let mut found = Vec::new();
        for f in rules.walk(&root) {
            match f {
                Found::File(p, _) => found.push(p),
                Found::Problem { path, reason, .. } => problems.push((path, reason)),
                Found::Dir(_) => {}
            }
        }
        assert_eq!(found, [root.join("a/x.txt")]);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].1, NOT_UTF8);
    }

    #[test]
    fn a_missing_added_folder_is_reported() {
        let rules = Rules::new(vec![PathBuf::from("/nonexistent/hob")], vec![]);
        let found: Vec<Found> = rules.walk(Path::new("/nonexistent/hob")).collect();
        assert!(matches!(&found[1], Found::Problem { keep: false, .. }), "{found:?}");
    }

    #[test]
    fn errors_become_sentences() {
        assert!(explain(&io::Error::from(io::ErrorKind::PermissionDenied)).contains("permissions"));
        let flaky = problem(PathBuf::from("/x"), &io::Error::from_raw_os_error(5));
        assert!(matches!(flaky, Found::Problem { keep: true, .. }));
    }
}
