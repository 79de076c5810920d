//! The brightness of the built-in screen.
//!
//! Owns: the arithmetic of levels, and which backlight is meant. Must not know: what undoes a change (that is
//! [`crate::restore`]). Reading is the kernel's file; writing is logind's, which lets the user whose session is before
//! the screen do it, so no file has to be writable.

use crate::services::LOGIND;
use hob_sdk::message_bus::Object;
use hob_sdk::{Context, Outcome, SkillError};
use serde::Deserialize;
use serde_json::json;
use std::fs;
use std::path::Path;

/// The caller's own session, or the one that the user sees.
pub const SESSION: Object<'static> = Object {
    name: "org.freedesktop.login1",
    path: "/org/freedesktop/login1/session/auto",
    interface: "org.freedesktop.login1.Session",
};
/// How far "brighter" and "darker" go, in percent.
const STEP: f64 = 10.0;
/// "A little" reads as one in many languages, and as a few in some; who says it means a step.
const A_LITTLE: f64 = 3.0;
/// Some screens are black at nothing, and nobody finds the way back from there.
const LEAST_PERCENT: f64 = 1.0;

/// What `SetBrightness` takes.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    percent: Option<f64>,
    by: Option<f64>,
    change: Option<Change>,
}

/// Which way, or to which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Change {
    Up,
    Down,
    Max,
    Min,
    Half,
}

/// A backlight as the kernel shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Backlight {
    name: String,
    level: u32,
    most: u32,
}

impl Backlight {
    fn percent(&self) -> f64 {
        f64::from(self.level) * 100.0 / f64::from(self.most)
    }

    /// The level of a percentage, never so low that nothing is seen.
    fn level_of(&self, percent: f64) -> u32 {
        let level = (percent.clamp(LEAST_PERCENT, 100.0) * f64::from(self.most) / 100.0).round();
        // Between nothing and `most`, so the conversion loses nothing.
        (level as u32).clamp(1, self.most)
    }
}

/// Tells how bright the screen is.
///
/// # Errors
/// `unavailable`, when the machine has no screen whose light can be set.
pub fn tell(sysfs: &Path) -> Result<Outcome, SkillError> {
    let light = find(sysfs)?;
    let percent = light.percent().round();
    Ok(Outcome::say(format!("The screen's brightness is {percent}%.")).with_data(json!({"percent": percent})))
}

/// Sets the brightness; the result holds what it was.
///
/// # Errors
/// `unavailable`, when there is no such screen or no log-in service; `invalid_argument`.
pub fn set(asked: &Asked, context: &Context, sysfs: &Path) -> Result<Outcome, SkillError> {
    let light = find(sysfs)?;
    let level = light.level_of(wanted(asked, light.percent())?);
    put(&light, level, context, sysfs)
}

/// Sets a backlight back to a level that it had.
///
/// # Errors
/// As [`set`].
pub fn put_back(name: &str, level: u32, context: &Context, sysfs: &Path) -> Result<Outcome, SkillError> {
    let light = find(sysfs)?;
    if light.name != name {
        return Err(SkillError::not_found(format!("The backlight {name} is not there any more.")));
    }
    put(&light, level.clamp(1, light.most), context, sysfs)
}

fn put(light: &Backlight, level: u32, context: &Context, sysfs: &Path) -> Result<Outcome, SkillError> {
    let mut bus = LOGIND.bus(context)?;
    bus.call::<_, ()>(&SESSION, "SetBrightness", &("backlight", light.name.as_str(), level))
        .map_err(|error| LOGIND.failed(&error))?;
    // Told is what the kernel says afterwards, since hardware rounds.
    let percent = find(sysfs)?.percent().round();
    let before = json!({"brightness": {"device": light.name, "level": light.level}});
    let message = format!("The screen's brightness is {percent}% now.");
    Ok(Outcome::say(message).with_data(json!({"percent": percent, "before": before})))
}

/// The percentage that is asked for, from what it is now.
fn wanted(asked: &Asked, now: f64) -> Result<f64, SkillError> {
    let step = asked.by.filter(|by| by.abs() > A_LITTLE).unwrap_or(STEP).abs();
    match (asked.percent, asked.change) {
        (Some(percent), _) if !(0.0..=100.0).contains(&percent) => {
            Err(SkillError::invalid_argument(format!("The brightness can't be {percent}%."))
                .suggest("Say a number from 0 to 100."))
        }
        (Some(percent), _) => Ok(percent),
        (None, Some(Change::Up)) => Ok(now + step),
        (None, Some(Change::Down)) => Ok(now - step),
        (None, Some(Change::Max)) => Ok(100.0),
        (None, Some(Change::Min)) => Ok(LEAST_PERCENT),
        (None, Some(Change::Half)) => Ok(50.0),
        (None, None) => {
            Err(SkillError::invalid_argument("How bright?").suggest("Say a percentage, brighter or darker."))
        }
    }
}

/// The backlight to use: the firmware's before the platform's before the driver's own, as desktops choose.
fn find(sysfs: &Path) -> Result<Backlight, SkillError> {
    let none = || SkillError::unavailable("This machine has no screen whose brightness can be set.");
    let folder = sysfs.join("class/backlight");
    let mut found: Vec<(usize, Backlight)> = fs::read_dir(&folder)
        .map_err(|_| none())?
        .flatten()
        .filter_map(|entry| read(&folder.join(entry.file_name()), entry.file_name().to_string_lossy().into_owned()))
        .collect();
    found.sort_by(|one, other| (one.0, &one.1.name).cmp(&(other.0, &other.1.name)));
    found.into_iter().next().map(|(_, light)| light).ok_or_else(none)
}

fn read(folder: &Path, name: String) -> Option<(usize, Backlight)> {
    let text = |file: &str| fs::read_to_string(folder.join(file)).ok().map(|text| text.trim().to_string());
    let number = |file: &str| text(file)?.parse::<u32>().ok();
    let kind = text("type").unwrap_or_default();
    let rank = ["firmware", "platform", "raw"].iter().position(|known| *known == kind).unwrap_or(3);
    let most = number("max_brightness").filter(|most| *most > 0)?;
    Some((rank, Backlight { name, level: number("brightness")?.min(most), most }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sysfs(lights: &[(&str, &str, u32, u32)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for (name, kind, level, most) in lights {
            let folder = root.path().join("class/backlight").join(name);
            fs::create_dir_all(&folder).expect("made");
            let files = [
                ("type", (*kind).to_string()),
                ("brightness", level.to_string()),
                ("max_brightness", most.to_string()),
            ];
            for (file, text) in files {
                fs::write(folder.join(file), text + "\n").expect("written");
            }
        }
        root
    }

    #[test]
    fn the_right_backlight_is_read() {
        let two = sysfs(&[("intel", "raw", 3, 10), ("acpi", "firmware", 40, 80)]);
        let light = find(two.path()).expect("a backlight");
        assert_eq!((light.name.as_str(), light.percent()), ("acpi", 50.0));
        assert_eq!(tell(two.path()).expect("told").message, "The screen's brightness is 50%.");
        for none in [sysfs(&[]), sysfs(&[("broken", "raw", 1, 0)])] {
            let error = tell(none.path()).expect_err("nothing to set");
            assert_eq!(error.message, "This machine has no screen whose brightness can be set.");
        }
    }

    #[test]
    fn what_is_asked_for_becomes_a_level() {
        let asked = |percent, by, change| Asked { percent, by, change };
        for (asked, from, to) in [
            (asked(Some(40.0), None, None), 70.0, 40.0),
            (asked(Some(40.0), None, Some(Change::Up)), 70.0, 40.0),
            (asked(None, None, Some(Change::Up)), 70.0, 80.0),
            (asked(None, Some(20.0), Some(Change::Down)), 70.0, 50.0),
            (asked(None, Some(3.0), Some(Change::Down)), 70.0, 60.0),
            (asked(None, None, Some(Change::Max)), 70.0, 100.0),
            (asked(None, None, Some(Change::Min)), 70.0, 1.0),
            (asked(None, None, Some(Change::Half)), 70.0, 50.0),
        ] {
            assert_eq!(wanted(&asked, from).ok(), Some(to), "{asked:?}");
        }
        assert_eq!(wanted(&asked(Some(150.0), None, None), 1.0).expect_err("too much").code, "invalid_argument");
        assert_eq!(wanted(&asked(None, Some(5.0), None), 1.0).expect_err("no way").code, "invalid_argument");
        let light = Backlight { name: "a".into(), level: 5, most: 937 };
        assert_eq!([-20.0, 0.0, 50.0, 120.0].map(|percent| light.level_of(percent)), [9, 9, 469, 937]);
        let coarse = Backlight { most: 7, ..light };
        assert_eq!(coarse.level_of(0.0), 1, "never black");
    }
}
