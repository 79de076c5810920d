//! Batteries, heat and cooling from the kernel's files (ABI/testing/sysfs-class-power, sysfs-class-thermal).
//!
//! Owns: how the files are read. Any of them may be missing, vanish between two reads or hold nonsense: then it says
//! nothing, and that is no error.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// What the power supplies say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Supply {
    /// Charge of the first battery, 0 to 100.
    pub percent: Option<u32>,
    /// It is being discharged.
    pub discharging: bool,
}

/// From which temperatures on the machine is hot, in degrees Celsius; 0 leaves it to the hardware.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HeatLimits {
    /// Hot.
    pub hot: f64,
    /// Very hot.
    pub very_hot: f64,
}

/// A thermal zone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warmth {
    /// Its temperature, in degrees Celsius.
    pub celsius: f64,
    /// It is hot from here on.
    pub hot: f64,
    /// It is very hot from here on.
    pub very_hot: f64,
}

/// Limits of a zone that names none.
const USUAL: HeatLimits = HeatLimits { hot: 85.0, very_hot: 95.0 };
/// A zone is very hot so many degrees below the point where the machine goes off.
const BELOW_CRITICAL: f64 = 5.0;
/// What no chip reaches, in degrees: a sensor that says so is broken.
const ABSURD: f64 = 150.0;
/// Trip points that a zone may have; more are not looked at.
const MOST_TRIPS: usize = 12;

/// The first battery of the machine itself; that of a mouse does not count.
pub fn battery(root: &Path) -> Supply {
    let mut supplies = entries(&root.join("class/power_supply"), "");
    supplies.retain(|supply| word(supply, "type").as_deref() == Some("Battery"));
    supplies.retain(|supply| word(supply, "scope").as_deref() != Some("Device"));
    let Some(first) = supplies.first() else { return Supply::default() };
    Supply {
        percent: number(first, "capacity").map(|percent| percent.clamp(0.0, 100.0) as u32),
        discharging: word(first, "status").as_deref() == Some("Discharging"),
    }
}

/// The thermal zone that is nearest to its limit.
pub fn warmest(root: &Path, limits: &HeatLimits) -> Option<Warmth> {
    let zones = entries(&root.join("class/thermal"), "thermal_zone");
    let zones = zones.iter().filter_map(|zone| warmth(zone, limits));
    zones.min_by(|a, b| (a.hot - a.celsius).total_cmp(&(b.hot - b.celsius)))
}

/// How far the processor is slowed down against heat, 0 to 100. Fans don't count.
pub fn cooling(root: &Path) -> Option<u32> {
    let devices = entries(&root.join("class/thermal"), "cooling_device");
    devices.iter().filter_map(|device| slowed(device)).max()
}

/// Energy counters in joules: those of the processor packages, which grow, or else what is left in the batteries.
pub fn energy(root: &Path) -> Option<(EnergySource, f64)> {
    let packages = entries(&root.join("class/powercap"), "intel-rapl:");
    // `intel-rapl:0:1` is a part of `intel-rapl:0`.
    let whole = packages.iter().filter(|p| p.to_string_lossy().matches(':').count() == 1);
    let joules: Vec<f64> = whole.filter_map(|package| number(package, "energy_uj")).map(|uj| uj / 1e6).collect();
    if !joules.is_empty() {
        return Some((EnergySource::Package, joules.iter().sum()));
    }
    let batteries = entries(&root.join("class/power_supply"), "");
    let left: Vec<f64> = batteries.iter().filter_map(|b| number(b, "energy_now")).map(|uwh| uwh * 0.0036).collect();
    if left.is_empty() { None } else { Some((EnergySource::Battery, left.iter().sum())) }
}

/// What an energy counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnergySource {
    /// What processor packages have used.
    Package,
    /// What is left in batteries.
    Battery,
}

impl EnergySource {
    /// Joules that were used between two values of the counter; 0 when it was reset or the battery was charged.
    pub fn used(self, before: f64, now: f64) -> f64 {
        match self {
            Self::Package => (now - before).max(0.0),
            Self::Battery => (before - now).max(0.0),
        }
    }
}

fn slowed(device: &Path) -> Option<u32> {
    let kind = word(device, "type")?;
    let of_processor = kind == "Processor" || kind.starts_with("cpufreq") || kind.starts_with("cpu-");
    let (now, most) = (number(device, "cur_state")?, number(device, "max_state")?);
    (of_processor && most > 0.0).then(|| (now / most * 100.0).clamp(0.0, 100.0) as u32)
}

fn warmth(zone: &Path, limits: &HeatLimits) -> Option<Warmth> {
    let celsius = number(zone, "temp")? / 1000.0;
    if !(-50.0..ABSURD).contains(&celsius) {
        return None;
    }
    let own = trips(zone);
    let or = |set: f64, own: f64| if set > 0.0 { set } else { own };
    let hot = or(limits.hot, own.hot);
    Some(Warmth { celsius, hot, very_hot: or(limits.very_hot, own.very_hot).max(hot) })
}

/// What the hardware says: it slows down at its first passive trip point and goes off at its critical one.
fn trips(zone: &Path) -> HeatLimits {
    let (mut passive, mut top) = (f64::INFINITY, f64::INFINITY);
    for nth in 0..MOST_TRIPS {
        let Some(kind) = word(zone, &format!("trip_point_{nth}_type")) else { continue };
        let at = number(zone, &format!("trip_point_{nth}_temp")).unwrap_or(0.0) / 1000.0;
        // Unused trip points are at 0 or below.
        match kind.as_str() {
            "passive" if (20.0..ABSURD).contains(&at) => passive = passive.min(at),
            "hot" if (20.0..ABSURD).contains(&at) => top = top.min(at),
            "critical" if (20.0..ABSURD).contains(&at) => top = top.min(at - BELOW_CRITICAL),
            _ => {}
        }
    }
    let hot = if passive.is_finite() { passive } else { USUAL.hot.min(top - 10.0) };
    HeatLimits { hot, very_hot: if top.is_finite() { top } else { USUAL.very_hot } }
}

/// Entries of a folder whose names begin so, in order.
fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        found.filter(|e| e.file_name().to_string_lossy().starts_with(prefix)).map(|e| e.path()).collect();
    found.sort();
    found
}

fn word(folder: &Path, file: &str) -> Option<String> {
    Some(read_to_string(folder.join(file)).ok()?.trim().to_string())
}

fn number(folder: &Path, file: &str) -> Option<f64> {
    word(folder, file)?.parse().ok().filter(|n: &f64| n.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes files below a folder: `path=content`.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for (path, content) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, content).expect("written");
        }
        root
    }

    #[test]
    fn the_machines_battery_is_read_and_not_the_mouses() {
        let root = tree(&[
            ("class/power_supply/A_mouse/type", "Battery\n"),
            ("class/power_supply/A_mouse/scope", "Device\n"),
            ("class/power_supply/A_mouse/capacity", "3\n"),
            ("class/power_supply/BAT0/type", "Battery\n"),
            ("class/power_supply/BAT0/capacity", "42\n"),
            ("class/power_supply/BAT0/status", "Discharging\n"),
        ]);
        assert_eq!(battery(root.path()), Supply { percent: Some(42), discharging: true });
        assert_eq!(battery(Path::new("/nonexistent")), Supply::default());
    }

    #[test]
    fn the_zone_nearest_to_its_limit_counts() {
        let root = tree(&[
            ("class/thermal/thermal_zone0/temp", "70000\n"),
            ("class/thermal/thermal_zone1/temp", "61500\n"),
            ("class/thermal/thermal_zone1/trip_point_0_type", "critical\n"),
            ("class/thermal/thermal_zone1/trip_point_0_temp", "80000\n"),
            ("class/thermal/thermal_zone1/trip_point_1_type", "passive\n"),
            ("class/thermal/thermal_zone1/trip_point_1_temp", "65000\n"),
            ("class/thermal/thermal_zone1/trip_point_2_type", "passive\n"),
            ("class/thermal/thermal_zone1/trip_point_2_temp", "-274000\n"),
            ("class/thermal/thermal_zone2/temp", "nonsense\n"),
            ("class/thermal/cooling_device0/type", "Fan\n"),
            ("class/thermal/cooling_device0/cur_state", "1\n"),
            ("class/thermal/cooling_device0/max_state", "1\n"),
            ("class/thermal/cooling_device1/type", "Processor\n"),
            ("class/thermal/cooling_device1/cur_state", "3\n"),
            ("class/thermal/cooling_device1/max_state", "10\n"),
        ]);
        let expected = Warmth { celsius: 61.5, hot: 65.0, very_hot: 75.0 };
        assert_eq!(warmest(root.path(), &HeatLimits::default()), Some(expected));
        let set = HeatLimits { hot: 60.0, very_hot: 0.0 };
        assert_eq!(warmest(root.path(), &set).map(|w| (w.celsius, w.hot, w.very_hot)), Some((70.0, 60.0, 95.0)));
        assert_eq!(cooling(root.path()), Some(30));
        // A driver is unloaded: its files go.
        std::fs::remove_dir_all(root.path().join("class/thermal/thermal_zone1")).expect("removed");
        assert_eq!(warmest(root.path(), &HeatLimits::default()).map(|w| w.celsius), Some(70.0));
        std::fs::remove_dir_all(root.path().join("class")).expect("removed");
        assert_eq!((warmest(root.path(), &set), cooling(root.path())), (None, None));
    }

    #[test]
    fn energy_is_counted_where_there_is_a_counter() {
        let root = tree(&[("class/power_supply/BAT0/energy_now", "10000000\n")]);
        assert_eq!(energy(root.path()), Some((EnergySource::Battery, 36_000.0)));
        let root = tree(&[
            ("class/powercap/intel-rapl:0/energy_uj", "5000000\n"),
            ("class/powercap/intel-rapl:0:0/energy_uj", "4000000\n"),
        ]);
        assert_eq!(energy(root.path()), Some((EnergySource::Package, 5.0)));
        assert_eq!(EnergySource::Package.used(5.0, 7.5), 2.5);
        assert_eq!(EnergySource::Battery.used(36_000.0, 35_990.0), 10.0);
        assert_eq!(EnergySource::Package.used(7.5, 1.0), 0.0);
        assert_eq!(energy(Path::new("/nonexistent")), None);
    }
}
