//! Interfaces that are up, by the kernel's own files: for machines without NetworkManager.
//!
//! Owns: reading `class/net`. Must not know: networks by name; the kernel does not know them either.

use super::{Kind, Link};
use std::fs;
use std::io;
use std::path::Path;

/// The kernel's number for the interface by which a machine talks to itself.
const LOOPBACK: &str = "772";

/// The interfaces that are up, by name.
pub fn up(sysfs: &Path) -> io::Result<Vec<Link>> {
    let mut links: Vec<Link> = fs::read_dir(sysfs.join("class/net"))?
        .flatten()
        .filter(|entry| is_up(&entry.path()))
        .map(|entry| link(&entry.path(), entry.file_name().to_string_lossy().into_owned()))
        .collect();
    links.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(links)
}

fn is_up(folder: &Path) -> bool {
    let told = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default().trim().to_string();
    let state = told("operstate");
    // Drivers that tell no state still tell whether something is at the other end.
    told("type") != LOOPBACK && (state == "up" || state == "unknown" && told("carrier") == "1")
}

fn link(folder: &Path, name: String) -> Link {
    let has = |file: &str| folder.join(file).exists();
    let kind = match (has("wireless") || has("phy80211"), has("device")) {
        (true, _) => Kind::Wifi,
        (false, true) if name.starts_with("ww") => Kind::Mobile,
        (false, true) => Kind::Cable,
        (false, false) => Kind::Other,
    };
    Link { kind, name, signal: None, address: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_up_is_found_with_its_kind() {
        let sysfs = tempfile::tempdir().expect("a folder");
        for (name, state, carrier, kind, parts) in [
            ("eth0", "up", "1", "1", vec!["device"]),
            ("wlan0", "up", "1", "1", vec!["device", "wireless"]),
            ("eth1", "down", "0", "1", vec!["device"]),
            ("lo", "unknown", "1", "772", vec![]),
            ("tun0", "unknown", "1", "65534", vec![]),
            ("wwan0", "up", "1", "65534", vec!["device"]),
        ] {
            let folder = sysfs.path().join("class/net").join(name);
            for part in parts {
                fs::create_dir_all(folder.join(part)).expect("made");
            }
            fs::create_dir_all(&folder).expect("made");
            for (file, text) in [("operstate", state), ("carrier", carrier), ("type", kind)] {
                fs::write(folder.join(file), format!("{text}\n")).expect("written");
            }
        }
        let found = up(sysfs.path()).expect("interfaces");
        let found: Vec<_> = found.iter().map(|link| (link.name.as_str(), link.kind)).collect();
        assert_eq!(
            found,
            [("eth0", Kind::Cable), ("tun0", Kind::Other), ("wlan0", Kind::Wifi), ("wwan0", Kind::Mobile)]
        );
        assert!(up(Path::new("/no/such/folder")).is_err());
    }
}
