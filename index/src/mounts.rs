//! What is mounted where, as far as it decides what is indexed.
//!
//! Owns: which file systems are networks' and which are on removable media.
//! Must not know: what is done about them.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Where the kernel lists them.
const LIST: &str = "/proc/self/mountinfo";
/// File systems whose files lie on another machine.
const NETWORKS: [&str; 14] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "davfs",
    "fuse.sshfs",
    "fuse.rclone",
    "fuse.davfs2",
    "fuse.gvfsd-fuse",
];
/// Where desktops mount what is plugged in.
const PLUGGED: [&str; 2] = ["/run/media", "/media"];

/// Where the files of a file system lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    /// In this machine.
    Fixed,
    /// On another one.
    Network,
    /// On something that is taken away.
    Removable,
}

/// A file system in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub at: PathBuf,
    /// Tells what is mounted there from what was before.
    pub id: u64,
    pub medium: Medium,
}

/// All mounts; none where the kernel does not tell.
pub(crate) fn read() -> Vec<Mount> {
    let text = fs::read(LIST).unwrap_or_default();
    parse(&text, Path::new("/sys"))
}

/// The medium that `path` lies on.
pub(crate) fn medium_of(mounts: &[Mount], path: &Path) -> Medium {
    let above = mounts.iter().filter(|mount| path.starts_with(&mount.at));
    // Of two mounts on one place the later one is seen.
    above.max_by_key(|mount| mount.at.as_os_str().len()).map_or(Medium::Fixed, |mount| mount.medium)
}

/// Places where something else is mounted in one list than in the other.
pub(crate) fn difference(before: &[Mount], after: &[Mount]) -> Vec<PathBuf> {
    let only = |these: &[Mount], others: &[Mount]| -> Vec<PathBuf> {
        these.iter().filter(|mount| !others.contains(mount)).map(|mount| mount.at.clone()).collect()
    };
    let mut changed = only(before, after);
    changed.extend(only(after, before));
    changed.sort();
    changed.dedup();
    changed
}

fn parse(text: &[u8], sysfs: &Path) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n').filter_map(|line| parse_line(line, sysfs)).collect()
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn parse_line(line: &[u8], sysfs: &Path) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let device = std::str::from_utf8(fields.nth(1)?).ok()?;
    let at = unescaped(fields.nth(1)?);
    let kind = std::str::from_utf8(fields.skip_while(|field| *field != b"-").nth(1)?).ok()?;
    let medium = if NETWORKS.contains(&kind) {
        Medium::Network
    } else if PLUGGED.iter().any(|dir| at.starts_with(dir)) || is_removable(device, sysfs) {
        Medium::Removable
    } else {
        Medium::Fixed
    };
    Some(Mount { at, id, medium })
}

/// Blanks and the like are written as three octal digits.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| first == b'\\').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(OsString::from_vec(out))
}

/// Whether a block device, or the one that it is a part of, says that its medium can be taken out.
fn is_removable(device: &str, sysfs: &Path) -> bool {
    let Ok(at) = sysfs.join("dev/block").join(device).canonicalize() else { return false };
    let says = |dir: &Path| fs::read_to_string(dir.join("removable")).is_ok_and(|flag| flag.trim() == "1");
    says(&at) || at.parent().is_some_and(says)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TEXT: &str = "\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 22 0:35 / /home/ana/nas rw shared:5 - nfs4 nas:/export rw
41 22 8:17 / /home/ana/my\\040stick rw - vfat /dev/sdb1 rw
42 22 0:40 / /run/media/ana/DISK rw - exfat /dev/sdc1 rw
junk
";

    fn sysfs() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let disk = dir.path().join("devices/sdb");
        fs::create_dir_all(disk.join("sdb1")).unwrap();
        fs::write(disk.join("removable"), "1\n").unwrap();
        fs::create_dir_all(dir.path().join("dev/block")).unwrap();
        std::os::unix::fs::symlink(disk.join("sdb1"), dir.path().join("dev/block/8:17")).unwrap();
        dir
    }

    #[test]
    fn media_are_told_apart_and_the_nearest_mount_counts() {
        let mounts = parse(TEXT.as_bytes(), sysfs().path());
        for (path, medium) in [
            ("/home/ana/notes", Medium::Fixed),
            ("/home/ana/nas/x", Medium::Network),
            ("/home/ana/my stick", Medium::Removable),
            ("/run/media/ana/DISK/x", Medium::Removable),
        ] {
            assert_eq!(medium_of(&mounts, Path::new(path)), medium, "{path}");
        }
        assert_eq!(mounts.len(), 4);
    }

    #[test]
    fn what_came_and_what_went_differ() {
        let dir = sysfs();
        let all = parse(TEXT.as_bytes(), dir.path());
        let fewer = parse(TEXT.lines().take(2).collect::<Vec<_>>().join("\n").as_bytes(), dir.path());
        let changed = ["/home/ana/my stick", "/run/media/ana/DISK"].map(PathBuf::from);
        assert_eq!(difference(&all, &fewer), changed);
        assert_eq!(difference(&fewer, &all), changed);
        assert!(difference(&all, &all).is_empty());
        assert!(read().iter().any(|mount| mount.at == Path::new("/")));
    }
}
