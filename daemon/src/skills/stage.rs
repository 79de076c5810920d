//! A skill's files on their way into the skills' folder: only what it needs, only plain files, all or nothing.
//!
//! Owns: copying and swapping folders. Must not know: what a manifest means beyond which files it names.

use hob_sdk::manifest::{Kind, Manifest};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Most bytes of one skill.
const MOST_BYTES: u64 = 256 << 20;
/// Most files of one skill.
const MOST_FILES: usize = 2_000;
/// Folders of a project that are no part of the skill.
const LEFT_OUT: [&str; 4] = ["target", "tests", "node_modules", "__pycache__"];

/// A copy that is not installed yet; gone when dropped.
pub struct Staged {
    /// Named like the skill, as the registry wants it.
    pub folder: PathBuf,
    around: PathBuf,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.around.exists()
            && let Err(error) = fs::remove_dir_all(&self.around)
        {
            tracing::warn!(folder = %self.around.display(), %error, "a broken-off installation stays behind");
        }
    }
}

/// Copies the skill at `from` into a hidden folder of `skills`.
pub fn stage(from: &Path, skills: &Path) -> Result<(Staged, Manifest), String> {
    let at = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let found = fs::symlink_metadata(from).map_err(|e| at(from, e))?;
    if !found.is_dir() {
        return Err(format!("{} is no folder (or a link to one); name the skill's own folder", from.display()));
    }
    let file = from.join("skill.toml");
    let text = fs::read_to_string(&file).map_err(|e| at(&file, e))?;
    let manifest = Manifest::parse(&text, &file.display().to_string()).map_err(|e| e.to_string())?;
    let around = skills.join(format!(".new-{}-{}", manifest.id, std::process::id()));
    let staged = Staged { folder: around.join(&manifest.id), around };
    if staged.around.exists() {
        fs::remove_dir_all(&staged.around).map_err(|e| at(&staged.around, e))?;
    }
    fs::create_dir_all(&staged.folder).map_err(|e| at(&staged.folder, e))?;
    let mut room = Room { bytes: MOST_BYTES, files: MOST_FILES };
    room.file(&file, &staged.folder.join("skill.toml"))?;
    match &manifest.kind {
        Kind::Cdylib { library } => {
            let places = [from.join(library), from.join("target/release").join(library)];
            let built = places.iter().find(|path| fs::symlink_metadata(path).is_ok());
            let built = built.ok_or_else(|| format!("{} is missing; build the skill first", places[0].display()))?;
            room.file(built, &staged.folder.join(library))?;
            if from.join("data").is_dir() {
                room.folder(&from.join("data"), &staged.folder.join("data"))?;
            }
        }
        Kind::Exec { .. } | Kind::Mcp { .. } => room.folder(from, &staged.folder)?,
        Kind::Dbus { .. } => {}
    }
    Ok((staged, manifest))
}

/// What may still be copied.
struct Room {
    bytes: u64,
    files: usize,
}

impl Room {
    fn folder(&mut self, from: &Path, to: &Path) -> Result<(), String> {
        fs::create_dir_all(to).map_err(|e| format!("{}: {e}", to.display()))?;
        let entries = fs::read_dir(from).map_err(|e| format!("{}: {e}", from.display()))?;
        for entry in entries {
            let entry = entry.map_err(|e| format!("{}: {e}", from.display()))?;
            let (path, name) = (entry.path(), entry.file_name());
            let shown = name.to_string_lossy();
            if shown.starts_with('.') || LEFT_OUT.contains(&shown.as_ref()) {
                continue;
            }
            let kind = entry.file_type().map_err(|e| format!("{}: {e}", path.display()))?;
            if kind.is_dir() {
                self.folder(&path, &to.join(&name))?;
            } else if shown != "skill.toml" {
                self.file(&path, &to.join(&name))?;
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path) -> Result<(), String> {
        let found = fs::symlink_metadata(from).map_err(|e| format!("{}: {e}", from.display()))?;
        if !found.is_file() {
            return Err(format!("{} is no plain file; a skill holds files and folders, no links", from.display()));
        }
        let room = self.bytes.checked_sub(found.len()).zip(self.files.checked_sub(1));
        let Some((bytes, files)) = room else {
            return Err(format!("the skill is larger than {} MiB or {MOST_FILES} files", MOST_BYTES >> 20));
        };
        (self.bytes, self.files) = (bytes, files);
        fs::copy(from, to).map(drop).map_err(|e| format!("{}: {e}", to.display()))
    }
}

impl Staged {
    /// Puts the copy in the place of what is there; gives the folder that was, to be put back or removed.
    pub fn swap_in(self, skills: &Path, id: &str) -> io::Result<Option<PathBuf>> {
        let (place, old) = (skills.join(id), skills.join(format!(".old-{id}-{}", std::process::id())));
        if old.exists() {
            fs::remove_dir_all(&old)?;
        }
        let was = fs::symlink_metadata(&place).is_ok();
        if was {
            fs::rename(&place, &old)?;
        }
        if let Err(error) = fs::rename(&self.folder, &place) {
            if was {
                fs::rename(&old, &place)?;
            }
            return Err(error);
        }
        Ok(was.then_some(old))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const MANIFEST: &str =
        "[skill]\nid = \"org.example.a\"\nversion = \"1.0.0\"\ntitle = \"A\"\nkind = \"mcp\"\ncommand = [\"./a.py\"]\n";

    #[test]
    fn plain_files_are_taken_links_are_not_and_the_old_comes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (project, skills) = (folder.path().join("project"), folder.path().join("skills"));
        fs::create_dir_all(project.join("tests")).expect("made");
        for (name, text) in [("skill.toml", MANIFEST), ("a.py", "one"), (".secret", ""), ("tests/t.py", "")] {
            fs::write(project.join(name), text).expect("written");
        }
        let (staged, manifest) = stage(&project, &skills).expect("staged");
        assert!(staged.folder.join("a.py").is_file());
        assert!(!staged.folder.join(".secret").exists() && !staged.folder.join("tests").exists());
        assert_eq!(staged.swap_in(&skills, &manifest.id).expect("swapped"), None);
        fs::write(project.join("a.py"), "two").expect("written");
        let (staged, _) = stage(&project, &skills).expect("staged");
        let old = staged.swap_in(&skills, &manifest.id).expect("swapped").expect("the old one");
        assert_eq!(fs::read_to_string(skills.join("org.example.a/a.py")).expect("read"), "two");
        assert_eq!(fs::read_to_string(old.join("a.py")).expect("read"), "one");

        symlink("/etc/passwd", project.join("link")).expect("linked");
        let why = stage(&project, &skills).err().expect("refused");
        assert!(why.contains("no links"), "{why}");
        symlink(&project, folder.path().join("linked")).expect("linked");
        let why = stage(&folder.path().join("linked"), &skills).err().expect("refused");
        assert!(why.contains("a link to one"), "{why}");
        let left = fs::read_dir(&skills)
            .expect("read")
            .flatten()
            .filter(|e| e.file_name().to_string_lossy().starts_with(".new"));
        assert_eq!(left.count(), 0, "nothing is left of what was refused");
    }
}
