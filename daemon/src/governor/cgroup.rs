//! The memory that this process's own control group and those around it may hold, and how much of it is taken.
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

/// The limits of this process's control group and of those around it that hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    limited: Vec<Memory>,
    /// Where the own group tells how long its tasks wait for memory (version 2).
    pub pressure: Option<PathBuf>,
}

impl Groups {
    /// Reads those of this process; empty when nothing limits it.
    pub fn read() -> Self {
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        own.lines()
            .filter_map(|line| read(Path::new("/sys/fs/cgroup"), line))
            .find(Self::is_limited)
            .unwrap_or_default()
    }

    /// Whether any limit holds.
    pub fn is_limited(&self) -> bool {
        !self.limited.is_empty()
    }

    /// The smallest limit in bytes; `None` when nothing limits it.
    pub fn limit(&self) -> Option<u64> {
        self.limited.iter().map(|group| group.limit).min()
    }

    /// The smallest share that is free in one of the groups, 0 to 1.
    pub fn free(&self) -> f64 {
        let free = |group: &Memory| group.limit.saturating_sub(group.used) as f64 / group.limit.max(1) as f64;
        self.limited.iter().map(free).fold(1.0, f64::min)
    }
}

/// One line of `/proc/self/cgroup`: `number:controllers:path`.
fn read(root: &Path, line: &str) -> Option<Groups> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let (root, limits, usage): (PathBuf, &[&str], &str) = match controllers {
        // Beyond `memory.high` the group is slowed down until it holds less.
        "" => (root.to_path_buf(), &["memory.max", "memory.high"], "memory.current"),
        _ if controllers.split(',').any(|name| name == "memory") => {
            (root.join("memory"), &["memory.limit_in_bytes"], "memory.usage_in_bytes")
        }
        _ => return None,
    };
    let own = existing(&root, path);
    let around = own.ancestors().take_while(|folder| folder.starts_with(&root));
    let limited = around.filter_map(|folder| memory(folder, limits, usage)).collect();
    Some(Groups { limited, pressure: Some(own.join("memory.pressure")).filter(|file| file.exists()) })
}

fn memory(folder: &Path, limits: &[&str], usage: &str) -> Option<Memory> {
    let number = |name: &str| std::fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    let limit = limits.iter().filter_map(|name| number(name)).min().filter(|limit| *limit < NO_LIMIT)?;
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

    fn read_groups(root: &Path, line: &str) -> Vec<Memory> {
        read(root, line).map(|groups| groups.limited).unwrap_or_default()
    }

    #[test]
    fn both_versions_are_read_and_files_count_as_free() {
        let root = tempfile::tempdir().expect("a folder");
        let stat = ("memory.stat", "anon 1\ninactive_file 100\nactive_file 200\n");
        group(&root.path().join("a"), &[("memory.max", "1000\n"), ("memory.current", "900\n"), stat]);
        assert_eq!(read_groups(root.path(), "0::/a"), [Memory { limit: 1000, used: 600 }]);
        let v1 = [("memory.limit_in_bytes", "2000"), ("memory.usage_in_bytes", "500"), stat];
        group(&root.path().join("memory/b"), &v1);
        assert_eq!(read_groups(root.path(), "4:memory:/b"), [Memory { limit: 2000, used: 200 }]);
        assert_eq!(read(root.path(), "3:cpu,cpuacct:/b"), None);
        group(&root.path().join("c"), &[("memory.max", "max\n"), ("memory.current", "900\n")]);
        assert!(!read(root.path(), "0::/c").expect("a group").is_limited());
    }

    #[test]
    fn the_tightest_of_the_groups_around_counts() {
        let root = tempfile::tempdir().expect("a folder");
        let with = |limits: [(&'static str, &'static str); 2], held| [limits[0], limits[1], ("memory.current", held)];
        group(&root.path().join("a"), &with([("memory.max", "1000"), ("memory.high", "max")], "900"));
        group(&root.path().join("a/b"), &with([("memory.max", "800"), ("memory.high", "500")], "200"));
        group(&root.path().join("a/b/c"), &[("memory.max", "max"), ("memory.current", "10"), ("memory.pressure", "")]);
        let groups = read(root.path(), "0::/a/b/c").expect("groups");
        assert_eq!((groups.limit(), groups.free()), (Some(500), 0.1));
        assert_eq!(groups.pressure, Some(root.path().join("a/b/c/memory.pressure")));
        assert_eq!((Groups::default().limit(), Groups::default().free()), (None, 1.0));
    }
}
