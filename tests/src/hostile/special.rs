//! What is no ordinary file, or has no ordinary name.

use super::Corpus;
use anyhow::Result;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Puts them into the folder.
pub(super) fn write(corpus: &mut Corpus, folder: &Path) -> Result<()> {
    for name in ["sparse.txt", "sparse.pdf", "sparse.docx", "sparse.mbox"] {
        let path = folder.join(name);
        File::create(&path)?.set_len(1 << 30)?;
        corpus.all.push(path.clone());
        corpus.hopeless.push(path);
    }
    // Within the limit for its size, and nothing but zeros.
    let path = folder.join("sparse-small.txt");
    File::create(&path)?.set_len(40 << 20)?;
    corpus.all.push(path.clone());
    corpus.hopeless.push(path);
    names(corpus, folder)?;
    odd(corpus, folder)
}

fn names(corpus: &mut Corpus, folder: &Path) -> Result<()> {
    for n in 0..10_u8 {
        let name = [b"caf\xe9-".as_slice(), &[b'0' + n], b".txt"].concat();
        let path = folder.join(OsStr::from_bytes(&name));
        std::fs::write(&path, "coffee")?;
        corpus.all.push(path.clone());
        corpus.hopeless.push(path);
    }
    let long = format!("{}.txt", "n".repeat(250));
    for name in
        ["-rf.txt", "new\nline.txt", "tab\there.md", "'quoted' \"twice\".txt", "🦀.txt", "\u{202e}txt.cilbup", &long]
    {
        corpus.file(folder, name, b"A harmless text under a name that is not.")?;
    }
    let mut deep = folder.to_path_buf();
    for n in 0..60 {
        deep.push(format!("folder-{n}"));
    }
    std::fs::create_dir_all(&deep)?;
    corpus.file(&deep, "bottom.txt", b"At the bottom of many folders.")?;
    Ok(())
}

fn odd(corpus: &mut Corpus, folder: &Path) -> Result<()> {
    let mut listed = |path: &Path| {
        corpus.all.push(path.into());
        corpus.hopeless.push(path.into());
    };
    let path = folder.join("loop.txt");
    symlink(&path, &path)?;
    listed(&path);
    let (one, other) = (folder.join("one.txt"), folder.join("other.txt"));
    symlink(&one, &other)?;
    symlink(&other, &one)?;
    listed(&one);
    listed(&other);
    // Links to what is elsewhere are followed by nobody and are no fault.
    symlink(folder, folder.join("up"))?;
    symlink("/dev/zero", folder.join("zero.txt"))?;
    for n in 0..3 {
        let path = folder.join(format!("pipe-{n}.txt"));
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        listed(&path);
    }
    let path = folder.join("device.txt");
    // Only root may make one.
    if mknodat(CWD, &path, FileType::CharacterDevice, Mode::RUSR, makedev(1, 5)).is_ok() {
        listed(&path);
    }
    let path = folder.join("locked.txt");
    std::fs::write(&path, "Root reads it all the same.")?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o000))?;
    corpus.all.push(path);
    Ok(())
}
