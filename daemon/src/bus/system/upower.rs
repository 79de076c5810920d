//! UPower: whether the machine runs on battery, and how full it is (UPower 0.99 and later).

use super::{flag, number, read_properties, while_there};
use crate::governor::{BatteryWarning, PowerSource};
use std::sync::Arc;
use zbus::Connection;

const NAME: &str = "org.freedesktop.UPower";
const ROOT: (&str, &str, &str) = (NAME, "/org/freedesktop/UPower", "org.freedesktop.UPower");
const DISPLAY: (&str, &str, &str) =
    (NAME, "/org/freedesktop/UPower/devices/DisplayDevice", "org.freedesktop.UPower.Device");

/// Follows UPower while it is there.
pub async fn follow(bus: &Connection, daemon: &Arc<crate::Daemon>) -> zbus::Result<()> {
    let serve = async || {
        let root = read_properties(bus, ROOT, |properties| {
            let on_battery = flag(properties, "OnBattery");
            daemon.governor.change(|now| {
                now.power_source = PowerSource::Upower;
                now.on_battery = on_battery.unwrap_or(false);
            });
        });
        let display = read_properties(bus, DISPLAY, |properties| {
            let present = flag(properties, "IsPresent").unwrap_or(false);
            let percent = number(properties, "Percentage").filter(|_| present);
            let warning = number(properties, "WarningLevel").filter(|_| present).unwrap_or(0.0);
            daemon.governor.change(|now| {
                now.power_source = PowerSource::Upower;
                now.battery_percent = percent.map(|percent| percent.clamp(0.0, 100.0) as u32);
                now.battery_warning = BatteryWarning::from_upower(warning as u32);
            });
        });
        tokio::try_join!(root, display)?;
        Ok(())
    };
    while_there(bus, NAME, serve, || gone(daemon)).await
}

/// The kernel's files have the word again.
pub fn gone(daemon: &crate::Daemon) {
    daemon.governor.change(|now| now.power_source = PowerSource::Sysfs);
    daemon.governor.look();
}
