//! Which layers of a sandbox hold, in words for the user.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of Landlock that has everything that is asked of it (signals are its last addition).
pub const LANDLOCK_WHOLE: u8 = 6;

/// Which layers hold around a process. Limits, no new privileges and the death with the parent always do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Landlock's version in this kernel; 0 without it. From 4 on it knows TCP ports, from 6 on signals and abstract
    /// unix sockets.
    pub landlock_abi: u8,
    /// How many system calls remain; `None` when the kernel can't filter them.
    pub calls: Option<u32>,
    /// Something is allowed that only Landlock can narrow down: paths or sockets.
    pub needs_landlock: bool,
}

impl Report {
    /// Whether nothing can be reached that was not allowed. A process that may open nothing needs no Landlock for
    /// it, since the calls that would open something are gone.
    pub fn is_tight(&self) -> bool {
        self.calls.is_some() && (!self.needs_landlock || self.landlock_abi >= LANDLOCK_WHOLE)
    }

    /// What is missing, one phrase each, e.g. for a refusal.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.calls.is_none() {
            missing.push("this kernel can't filter system calls (seccomp)".into());
        }
        match self.landlock_abi {
            0 => missing.push("this kernel has no Landlock, or does not use it (boot parameter lsm=)".into()),
            1..4 => missing.push("this kernel's Landlock knows no TCP ports and no signals".into()),
            4 | 5 => missing.push("this kernel's Landlock knows no signals".into()),
            _ => {}
        }
        missing
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.calls.map(|calls| format!("{calls} system calls"));
        let landlock = (self.landlock_abi > 0).then(|| format!("Landlock {}", self.landlock_abi));
        let holds: Vec<String> = calls.into_iter().chain(landlock).chain(["limits".into()]).collect();
        let missing = self.missing();
        write!(f, "{}: {}", if self.is_tight() { "confined" } else { "partly confined" }, holds.join(", "))?;
        if missing.is_empty() { Ok(()) } else { write!(f, "; {}", missing.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_holds_and_what_is_missing() {
        let whole = Report { landlock_abi: 7, calls: Some(60), needs_landlock: true };
        assert!(whole.is_tight());
        assert_eq!(whole.to_string(), "confined: 60 system calls, Landlock 7, limits");
        let old = Report { landlock_abi: 0, ..whole.clone() };
        assert!(!old.is_tight() && old.to_string().contains("no Landlock"));
        assert!(Report { needs_landlock: false, ..old }.is_tight());
        assert!(!Report { calls: None, ..whole }.is_tight());
    }
}
