//! Which application a process belongs to, as the kernel and its sandbox tell.
//!
//! Must not know: what an application may do. Only a sandbox makes this a boundary: an unsandboxed process of the same
//! user can start under any name. For those it keeps programs apart that mean well.

use std::fs::{self, File};
use std::io::Read;

/// A larger file is none of Flatpak's.
const MAX_INFO: u64 = 64 << 10;

/// The application of a process: its Flatpak id, else the id under which the desktop started it, else its program's
/// path; empty when nothing can be known.
pub(super) fn of(pid: u32, program: &str) -> String {
    flatpak(pid).or_else(|| desktop(pid)).unwrap_or_else(|| program.to_owned())
}

fn flatpak(pid: u32) -> Option<String> {
    let file = File::open(format!("/proc/{pid}/root/.flatpak-info")).ok()?;
    let mut text = String::new();
    file.take(MAX_INFO).read_to_string(&mut text).ok()?;
    flatpak_id(&text)
}

fn flatpak_id(info: &str) -> Option<String> {
    let section = info.split("[Application]").nth(1)?.split("\n[").next()?;
    let name = section.lines().find_map(|line| line.trim().strip_prefix("name="))?;
    is_id(name).then(|| name.to_owned())
}

fn desktop(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?.lines().find_map(unit_id)
}

/// The application in a line such as `0::/user.slice/…/app.slice/app-gnome-org.gnome.Maps-4711.scope`.
fn unit_id(line: &str) -> Option<String> {
    let unit = line.rsplit('/').find(|part| part.starts_with("app-"))?;
    let named = match unit.strip_suffix(".scope") {
        Some(scope) => scope.rsplit_once('-')?.0,
        None => unit.strip_suffix(".service")?.split('@').next()?,
    };
    // An id's own dashes are escaped; what is before the last plain one names the launcher.
    let id = named.rsplit('-').next()?.replace("\\x2d", "-");
    is_id(&id).then_some(id)
}

/// Reverse domain names, which is what desktops use; a bare word could be anybody's.
fn is_id(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    name.len() <= 255 && name.contains('.') && !name.starts_with('.') && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_sandboxes_name_their_application() {
        for (line, id) in [
            ("0::/user.slice/user-1000.slice/app.slice/app-gnome-org.gnome.Maps-4711.scope", Some("org.gnome.Maps")),
            ("0::/app.slice/app-org.kde.kate@3f2.service", Some("org.kde.kate")),
            ("0::/app.slice/app-flatpak-org.example.My\\x2dApp-9.scope", Some("org.example.My-App")),
            ("0::/app.slice/app-bash-12.scope", None),
            ("0::/system.slice/cron.service", None),
        ] {
            assert_eq!(unit_id(line).as_deref(), id, "{line}");
        }
        let info = "[Application]\nname=org.example.Notes\nruntime=x\n\n[Instance]\nname=no\n";
        assert_eq!(flatpak_id(info).as_deref(), Some("org.example.Notes"));
        assert_eq!(flatpak_id("[Instance]\nname=org.example.Notes\n"), None);
        assert_eq!(flatpak_id("[Application]\nname=../../x\n"), None);
    }

    #[test]
    fn a_plain_program_is_its_path() {
        assert_eq!(of(u32::MAX, "/usr/bin/notes"), "/usr/bin/notes");
    }
}
