//! The memory that this process's own control group may hold, and how much of it is taken.
//!
//! Both versions of control groups are read. Pages of files count as free: the kernel drops them by itself.

use std::path::{Path, PathBuf};

/// More than this is no limit (version 1 says "none" by a number near 2^63).
const NO_LIMIT: u64 = 1 << 60;

/// A control group's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Most bytes that it may hold.
    pub limit: u64,
    /// Bytes that it holds and that can't be dropped.
    pub used: u64,
}

/// Reads that of this process; `None` when nothing limits it.
pub fn memory() -> Option<Memory> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    own.lines().find_map(|line| read(Path::new("/sys/fs/cgroup"), line))
}

/// One line of `/proc/self/cgroup`: `number:controllers:path`.
fn read(root: &Path, line: &str) -> Option<Memory> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let (root, limit, usage) = match controllers {
        "" => (root.to_path_buf(), "memory.max", "memory.current"),
        _ if controllers.split(',').any(|name| name == "memory") => {
            (root.join("memory"), "memory.limit_in_bytes", "memory.usage_in_bytes")
        }
        _ => return None,
    };
    let folder = existing(&root, path);
    let number = |name: &str| std::fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    let limit = number(limit).filter(|limit| *limit < NO_LIMIT)?;
    let stat = std::fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let of = |names: [&str; 2]| names.iter().filter_map(|name| field(&stat, name)).sum::<u64>();
    // Version 1 counts the groups below under names of their own.
    let files = of(["total_inactive_file", "total_active_file"]).max(of(["inactive_file", "active_file"]));
    Some(Memory { limit, used: number(usage)?.saturating_sub(files) })
}

/// In a container the path may be the host's, and the group is mounted as the root.
fn existing(root: &Path, path: &str) -> PathBuf {
    let folder = root.join(path.trim_start_matches('/'));
    if folder.is_dir() { folder } else { root.to_path_buf() }
}

fn field(stat: &str, name: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(folder: &Path, files: &[(&str, &str)]) {
        std::fs::create_dir_all(folder).expect("a folder");
        files.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).expect("written"));
    }

    #[test]
    fn both_versions_are_read_and_files_count_as_free() {
        let root = tempfile::tempdir().expect("a folder");
        let stat = ("memory.stat", "anon 1\ninactive_file 100\nactive_file 200\n");
        group(&root.path().join("a"), &[("memory.max", "1000\n"), ("memory.current", "900\n"), stat]);
        assert_eq!(read(root.path(), "0::/a"), Some(Memory { limit: 1000, used: 600 }));
        let v1 = [("memory.limit_in_bytes", "2000"), ("memory.usage_in_bytes", "500"), stat];
        group(&root.path().join("memory/b"), &v1);
        assert_eq!(read(root.path(), "4:memory:/b"), Some(Memory { limit: 2000, used: 200 }));
        assert_eq!(read(root.path(), "3:cpu,cpuacct:/b"), None);
        group(&root.path().join("c"), &[("memory.max", "max\n"), ("memory.current", "900\n")]);
        assert_eq!(read(root.path(), "0::/c"), None);
    }
}
