//! What is known about the machine at this moment, as one value.

use super::{meminfo_bytes, pressure, sysfs};
use std::path::Path;

/// Where the figures about batteries come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PowerSource {
    /// The kernel's files, read now and then.
    #[default]
    Sysfs,
    /// UPower, which tells each change.
    Upower,
}

/// How urgent UPower thinks the battery's charge is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum BatteryWarning {
    /// Not at all.
    #[default]
    None,
    /// It is low.
    Low,
    /// The machine will soon go off.
    Critical,
}

impl BatteryWarning {
    /// From UPower's `WarningLevel`: 3 low, 4 critical, 5 action.
    pub fn from_upower(level: u32) -> Self {
        match level {
            0..=2 => Self::None,
            3 => Self::Low,
            _ => Self::Critical,
        }
    }

    /// The word for it in lists and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Critical => "critical",
        }
    }
}

/// How hot the machine is, seen from the limits of its own hardware.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heat {
    /// As it should be.
    #[default]
    Cool,
    /// So hot that it slows down, or soon will.
    Hot,
    /// So hot that it may go off.
    VeryHot,
}

/// It counts as cooler only so many degrees below the limit, so that it does not change all the time.
const COOLER_BY: f64 = 5.0;

impl Heat {
    /// The next state, from what was read.
    pub fn next(self, read: Option<&sysfs::Warmth>, cooling: bool) -> Self {
        let Some(read) = read else { return if cooling { Self::Hot } else { Self::Cool } };
        let reached = |limit: f64, was: bool| read.celsius >= if was { limit - COOLER_BY } else { limit };
        if reached(read.very_hot, self == Self::VeryHot) {
            Self::VeryHot
        } else if cooling || reached(read.hot, self >= Self::Hot) {
            Self::Hot
        } else {
            Self::Cool
        }
    }

    /// The word for it in lists and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cool => "cool",
            Self::Hot => "hot",
            Self::VeryHot => "very hot",
        }
    }
}

/// The machine's state, as far as it concerns a service that should never be felt.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditions {
    /// Memory that can be taken without swapping, in bytes (`MemAvailable`).
    pub memory_available: u64,
    /// All memory, in bytes.
    pub memory_total: u64,
    /// Share of the last 10 s in which some task waited for memory, 0 to 100; `None` without PSI.
    pub memory_pressure: Option<f64>,
    /// The same for the processor.
    pub cpu_pressure: Option<f64>,
    /// How far the memory ladder has been climbed, 0 (not at all) to 6.
    pub memory_step: u8,
    /// The last warning of LowMemoryMonitor, 0 when there was none of late; 255 is the most urgent.
    pub low_memory_warning: u8,
    /// Where the figures about batteries come from.
    pub power_source: PowerSource,
    /// Charge of the battery, 0 to 100; `None` without one.
    pub battery_percent: Option<u32>,
    /// Whether the machine runs on battery.
    pub on_battery: bool,
    /// How urgent the battery's charge is.
    pub battery_warning: BatteryWarning,
    /// What the user wants of the machine: "power-saver", "balanced" or "performance"; `None` where nobody knows.
    pub power_profile: Option<String>,
    /// The thermal zone that is nearest to its limit, in degrees Celsius; `None` without one.
    pub temperature: Option<f64>,
    /// From so many degrees on that zone is hot.
    pub temperature_hot: Option<f64>,
    /// How far the processor is slowed down against heat, 0 to 100; `None` where the kernel does not tell.
    pub cooling_percent: Option<u32>,
    /// What temperature and cooling add up to.
    pub heat: Heat,
    /// The machine is about to sleep.
    pub suspending: bool,
    /// Nobody sits at the machine; `None` where nobody knows.
    pub user_idle: Option<bool>,
}

/// Others wait for the processor in so many of 100 seconds when the machine is busy.
pub const BUSY_CPU: f64 = 25.0;

impl Conditions {
    /// Whether work that nobody asked for may run now.
    pub fn allow_background_work(&self) -> bool {
        !self.on_battery && self.heat == Heat::Cool && !self.suspending && !self.is_busy()
    }

    /// Other programs want the processor.
    pub fn is_busy(&self) -> bool {
        self.cpu_pressure.is_some_and(|share| share >= BUSY_CPU)
    }

    /// Brings the figures about memory and processor, which are below `procfs`, up to date.
    pub fn read_pressure(&mut self, procfs: &Path) {
        let meminfo = std::fs::read_to_string(procfs.join("meminfo")).unwrap_or_default();
        self.memory_available = meminfo_bytes(&meminfo, "MemAvailable:");
        self.memory_total = meminfo_bytes(&meminfo, "MemTotal:");
        self.memory_pressure = pressure(procfs, "memory");
        self.cpu_pressure = pressure(procfs, "cpu");
    }

    /// Brings heat, and without UPower the battery, up to date. Files that vanish count as not there.
    pub fn read_sysfs(&mut self, root: &Path, limits: &sysfs::HeatLimits) {
        if self.power_source == PowerSource::Sysfs {
            let supply = sysfs::battery(root);
            (self.battery_percent, self.on_battery) = (supply.percent, supply.discharging);
            self.battery_warning = BatteryWarning::None;
        }
        let warmth = sysfs::warmest(root, limits);
        self.cooling_percent = sysfs::cooling(root);
        self.heat = self.heat.next(warmth.as_ref(), self.cooling_percent.is_some_and(|share| share > 0));
        self.temperature = warmth.as_ref().map(|w| w.celsius);
        self.temperature_hot = warmth.as_ref().map(|w| w.hot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_changes_at_its_limits_and_back_well_below_them() {
        let at = |celsius| sysfs::Warmth { celsius, hot: 85.0, very_hot: 95.0 };
        let steps = [84.0, 85.0, 82.0, 80.5, 79.9, 96.0, 91.0, 89.0, 50.0];
        let mut heat = Heat::Cool;
        let seen: Vec<Heat> = steps
            .map(|celsius| {
                heat = heat.next(Some(&at(celsius)), false);
                heat
            })
            .to_vec();
        use Heat::{Cool, Hot, VeryHot};
        assert_eq!(seen, [Cool, Hot, Hot, Hot, Cool, VeryHot, VeryHot, Hot, Cool]);
        // Without any zone, or with a processor that is slowed down.
        assert_eq!(VeryHot.next(None, false), Cool);
        assert_eq!(Cool.next(Some(&at(40.0)), true), Hot);
    }
}
