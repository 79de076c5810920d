//! How much memory is in use, by the kernel's own figures.
//!
//! Owns: reading `/proc/meminfo`. Must not know: who uses the memory.

use crate::words;
use hob_sdk::{Outcome, SkillError};
use serde_json::json;

const FILE: &str = "/proc/meminfo";

/// In bytes.
#[derive(Debug, PartialEq, Eq)]
struct Memory {
    total: u64,
    available: u64,
    swap_total: u64,
    swap_free: u64,
}

/// Tells how much memory is in use and how much could be used.
///
/// # Errors
/// `unavailable`, when the kernel's file can't be read.
pub fn status() -> Result<Outcome, SkillError> {
    let text = std::fs::read_to_string(FILE)
        .map_err(|error| SkillError::unavailable(format!("{FILE} can't be read: {error}.")))?;
    let memory = parsed(&text).ok_or_else(|| SkillError::unavailable(format!("{FILE} does not tell the memory.")))?;
    Ok(Outcome::say(said(&memory)).with_data(json!({
        "total_bytes": memory.total,
        "available_bytes": memory.available,
        "used_bytes": memory.total.saturating_sub(memory.available),
        "swap_total_bytes": memory.swap_total,
        "swap_used_bytes": memory.swap_total.saturating_sub(memory.swap_free),
    })))
}

fn parsed(text: &str) -> Option<Memory> {
    let bytes = |wanted: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(wanted)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    Some(Memory {
        total: bytes("MemTotal")?,
        available: bytes("MemAvailable")?,
        swap_total: bytes("SwapTotal").unwrap_or(0),
        swap_free: bytes("SwapFree").unwrap_or(0),
    })
}

fn said(memory: &Memory) -> String {
    let used = memory.total.saturating_sub(memory.available);
    let mut message = format!(
        "{} of {} memory are in use ({}%), and {} are available.",
        words::memory(used),
        words::memory(memory.total),
        words::percent(used, memory.total),
        words::memory(memory.available)
    );
    let swapped = memory.swap_total.saturating_sub(memory.swap_free);
    if swapped > 0 {
        let (swapped, all) = (words::memory(swapped), words::memory(memory.swap_total));
        message.push_str(&format!(" {swapped} of {all} swap are in use too."));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "MemTotal:       16777216 kB\nMemFree:         1000000 kB\nMemAvailable:   12582912 kB\n\
                        SwapTotal:       2097152 kB\nSwapFree:        1048576 kB\n";

    #[test]
    fn the_kernel_s_figures_are_read_and_told() {
        let memory = parsed(TEXT).expect("figures");
        assert_eq!((memory.total, memory.available), (16 << 30, 12 << 30));
        assert_eq!(
            said(&memory),
            "4.0 GiB of 16.0 GiB memory are in use (25%), and 12.0 GiB are available. 1.0 GiB of 2.0 GiB swap are in use \
             too."
        );
        let without = parsed("MemTotal: 1024 kB\nMemAvailable: 512 kB\n").expect("figures");
        assert!(!said(&without).contains("swap"));
        for bad in ["", "MemTotal: x kB\nMemAvailable: 1 kB", "MemTotal: 5 kB", "MemTotalX: 5 kB\nMemAvailable: 1 kB"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn this_machine_s_memory_is_told() {
        assert!(status().expect("figures").data["total_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20));
    }
}
