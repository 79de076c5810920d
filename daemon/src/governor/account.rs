//! What hob's processes hold, from the kernel's own accounting.
//!
//! Owns: the figures and how long they are believed. Must not know: what the processes are for.

use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a figure is believed: the kernel walks all of a process's pages for one.
const BELIEVED: Duration = Duration::from_millis(100);

static KNOWN: LazyLock<Mutex<HashMap<u32, (Instant, u64)>>> = LazyLock::new(Mutex::default);

/// What a process holds in bytes, shared pages by its share of them (PSS); 0 when it is gone. At most
/// 100 ms old.
pub fn resident_bytes(pid: u32) -> u64 {
    let now = Instant::now();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|_, (at, _)| now.duration_since(*at) < BELIEVED);
    if let Some((_, bytes)) = known.get(&pid) {
        return *bytes;
    }
    let bytes = measure(pid);
    known.insert(pid, (now, bytes));
    bytes
}

/// The same, read now. Where the kernel does not show shares, the resident size counts whole.
fn measure(pid: u32) -> u64 {
    match std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(text) => super::meminfo_bytes(&text, "Pss:"),
        Err(_) => {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            super::meminfo_bytes(&status, "VmRSS:")
        }
    }
}

/// The processes that this one has started and that still run.
pub fn children() -> BTreeSet<u32> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_holds_memory_and_a_gone_one_none() {
        assert!(resident_bytes(std::process::id()) > 100_000);
        assert_eq!(resident_bytes(u32::MAX), 0);
    }

    #[test]
    fn a_child_is_listed_while_it_runs() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        assert!(children().contains(&child.id()));
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert!(!children().contains(&child.id()));
    }
}
