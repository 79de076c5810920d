//! How much room the disks of the system and of the home folder have left.
//!
//! Owns: measuring. Must not know: what lies on the disks. The folders are named, not opened for reading, so nothing
//! has to be granted for this.

use crate::words;
use hob_sdk::{Outcome, SkillError};
use rustix::fs::{Mode, OFlags, StatVfsMountFlags, fstat, fstatvfs, open};
use serde_json::{Value, json};
use std::path::Path;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Disk {
    /// What it is to the user.
    role: &'static str,
    path: String,
    device: u64,
    free: u64,
    total: u64,
}

/// Tells how much is free.
///
/// # Errors
/// `unavailable`, when no disk can be measured.
pub fn space() -> Result<Outcome, SkillError> {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let folders = [("your home folder", Path::new(&home)), ("the system", Path::new("/"))];
    let measured = folders.into_iter().filter(|(_, path)| path.is_absolute());
    let disks = distinct(measured.filter_map(|(role, path)| measure(role, path).ok().flatten()).collect());
    if disks.is_empty() {
        return Err(SkillError::unavailable("None of the disks of this machine can be measured."));
    }
    let data: Vec<Value> = disks.iter().map(shown).collect();
    Ok(Outcome::say(said(&disks)).with_data(json!({ "disks": data })))
}

/// `None` for what is not meant to be written, such as the image that an immutable system runs from.
fn measure(role: &'static str, path: &Path) -> rustix::io::Result<Option<Disk>> {
    let folder = open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let (device, room) = (fstat(&folder)?.st_dev, fstatvfs(&folder)?);
    let total = room.f_blocks.saturating_mul(room.f_frsize);
    let is_fixed = room.f_flag.contains(StatVfsMountFlags::RDONLY);
    Ok((total > 0 && !is_fixed).then(|| Disk {
        role,
        path: path.to_string_lossy().into_owned(),
        device,
        free: room.f_bavail.saturating_mul(room.f_frsize),
        total,
    }))
}

/// One for each disk: parts of a file system that share its room are the same disk.
fn distinct(mut disks: Vec<Disk>) -> Vec<Disk> {
    if let [home, system] = disks.as_slice()
        && (home.device == system.device || (home.free, home.total) == (system.free, system.total))
    {
        disks.truncate(1);
        disks[0].role = "the system and your home folder";
    }
    disks
}

fn said(disks: &[Disk]) -> String {
    let one = |disk: &Disk| {
        let percent = words::percent(disk.free, disk.total);
        format!(
            "{} of {} are free ({percent}%) on the disk of {}",
            words::size(disk.free),
            words::size(disk.total),
            disk.role
        )
    };
    format!("{}.", words::listed(&disks.iter().map(one).collect::<Vec<_>>()))
}

fn shown(disk: &Disk) -> Value {
    json!({"path": disk.path, "free_bytes": disk.free, "total_bytes": disk.total})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(role: &'static str, device: u64, free: u64) -> Disk {
        Disk { role, path: "/".into(), device, free, total: 512_000_000_000 }
    }

    #[test]
    fn one_disk_is_told_once() {
        let (home, system) = ("your home folder", "the system");
        let two = distinct(vec![disk(home, 1, 128_000_000_000), disk(system, 2, 64_000_000_000)]);
        assert_eq!(
            said(&two),
            "128 GB of 512 GB are free (25%) on the disk of your home folder and 64.0 GB of 512 GB are free (12%) on \
             the disk of the system."
        );
        let same = distinct(vec![disk(home, 1, 5), disk(system, 1, 5)]);
        assert_eq!((same.len(), same[0].role), (1, "the system and your home folder"));
        assert_eq!(distinct(vec![disk(home, 1, 5), disk(system, 2, 5)]).len(), 1, "two volumes that share their room");
    }

    #[test]
    fn the_disks_of_this_machine_are_measured() {
        let outcome = space().expect("some disk");
        assert!(outcome.data["disks"][0]["total_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{outcome:?}");
        assert!(measure("nothing", Path::new("/no/such/folder")).is_err());
    }
}
