//! What the machine gives and what hob takes: memory, pressure, power, heat.
//!
//! Reads the kernel's own figures; estimates nothing. One value of [`Conditions`], which everybody watches; a [`Policy`]
//! that says what they allow. Must not know what a model or an index is.

pub mod account;
pub mod cgroup;
mod conditions;
pub mod ladder;
mod policy;
pub mod psi;
pub mod sysfs;
mod watch;

pub use account::resident_bytes;

pub use conditions::{BUSY_CPU, BatteryWarning, Conditions, Heat, PowerSource};
pub use policy::{Limits, Policy, Rule, figures};
pub use watch::Governor;

use std::path::Path;

/// The machine's memory in bytes; 0 where the kernel does not tell.
pub fn memory_total() -> u64 {
    meminfo_bytes(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal:")
}

fn meminfo_bytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn pressure(procfs: &Path, what: &str) -> Option<f64> {
    parse_pressure(&std::fs::read_to_string(procfs.join("pressure").join(what)).ok()?, "some")
}

/// The `avg10` of the line of `who` waits: "some" or "full" (kernel documentation: accounting/psi).
fn parse_pressure(text: &str, who: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(who))?;
    line.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_texts_are_read() {
        let psi = "some avg10=1.50 avg60=0.20 avg300=0.00 total=7\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=1\n";
        assert_eq!(parse_pressure(psi, "some"), Some(1.5));
        assert_eq!(parse_pressure(psi, "full"), Some(0.1));
        assert_eq!(parse_pressure("nothing", "some"), None);
        assert_eq!(meminfo_bytes("MemTotal:  2 kB\nMemAvailable:   10 kB\n", "MemAvailable:"), 10_240);
        assert_eq!(meminfo_bytes("", "MemAvailable:"), 0);
    }
}
