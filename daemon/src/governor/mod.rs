//! What the machine gives and what hob takes: memory, pressure, power, heat.
//!
//! Reads the kernel's own figures; estimates nothing. Must not know what a model or an index is.

pub mod account;
pub mod cgroup;
pub mod ladder;
pub mod psi;

pub use account::resident_bytes;

use std::path::Path;

/// The machine's state, as far as it concerns a service that should never be felt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Memory that can be taken without swapping, in bytes (`MemAvailable`).
    pub memory_available: u64,
    /// All memory, in bytes.
    pub memory_total: u64,
    /// Share of the last 10 s in which some task waited for memory, 0 to 100; `None` without PSI.
    pub memory_pressure: Option<f64>,
    /// The same for the processor.
    pub cpu_pressure: Option<f64>,
    /// Charge of the first battery, 0 to 100; `None` without one.
    pub battery_percent: Option<u32>,
    /// Whether the machine runs on battery.
    pub on_battery: bool,
    /// The hottest thermal zone, in degrees Celsius; `None` without one.
    pub temperature: Option<f64>,
}

/// Others wait for the processor in so many of 100 seconds when the machine is busy.
const BUSY_CPU: f64 = 25.0;

impl Conditions {
    /// Whether work that nobody waits for may run now.
    pub fn allow_background_work(&self) -> bool {
        !self.on_battery && self.cpu_pressure.is_none_or(|pressure| pressure < BUSY_CPU)
    }

    /// Reads them now.
    pub fn read() -> Self {
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let (battery_percent, on_battery) = battery(Path::new("/sys/class/power_supply"));
        Self {
            memory_available: meminfo_bytes(&meminfo, "MemAvailable:"),
            memory_total: meminfo_bytes(&meminfo, "MemTotal:"),
            memory_pressure: pressure("memory"),
            cpu_pressure: pressure("cpu"),
            battery_percent,
            on_battery,
            temperature: hottest(Path::new("/sys/class/thermal")),
        }
    }
}

fn meminfo_bytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn pressure(what: &str) -> Option<f64> {
    parse_pressure(&std::fs::read_to_string(format!("/proc/pressure/{what}")).ok()?)
}

/// The `avg10` of the "some" line (kernel documentation: accounting/psi).
fn parse_pressure(text: &str) -> Option<f64> {
    let some = text.lines().find(|line| line.starts_with("some "))?;
    some.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
}

fn battery(root: &Path) -> (Option<u32>, bool) {
    let mut found = (None, false);
    for supply in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let read = |name: &str| std::fs::read_to_string(supply.path().join(name)).unwrap_or_default();
        if read("type").trim() == "Battery" && found.0.is_none() {
            found = (read("capacity").trim().parse().ok(), read("status").trim() == "Discharging");
        }
    }
    found
}

fn hottest(root: &Path) -> Option<f64> {
    let zones = std::fs::read_dir(root).into_iter().flatten().flatten();
    let read = |path: &Path| std::fs::read_to_string(path.join("temp")).ok()?.trim().parse::<f64>().ok();
    zones.filter_map(|zone| read(&zone.path())).map(|milli| milli / 1000.0).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_texts_are_read() {
        let psi = "some avg10=1.50 avg60=0.20 avg300=0.00 total=7\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=1\n";
        assert_eq!(parse_pressure(psi), Some(1.5));
        assert_eq!(parse_pressure("nothing"), None);
        assert_eq!(meminfo_bytes("MemTotal:  2 kB\nMemAvailable:   10 kB\n", "MemAvailable:"), 10_240);
        assert_eq!(meminfo_bytes("", "MemAvailable:"), 0);
    }

    #[test]
    fn batteries_and_heat_come_from_sysfs() {
        let root = tempfile::tempdir().expect("a folder");
        let battery_dir = root.path().join("BAT0");
        std::fs::create_dir(&battery_dir).expect("create");
        for (name, text) in
            [("type", "Battery\n"), ("capacity", "42\n"), ("status", "Discharging\n"), ("temp", "51500\n")]
        {
            std::fs::write(battery_dir.join(name), text).expect("write");
        }
        assert_eq!(battery(root.path()), (Some(42), true));
        assert_eq!(hottest(root.path()), Some(51.5));
        assert_eq!(battery(Path::new("/nonexistent")), (None, false));
    }
}
