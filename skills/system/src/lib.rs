//! The system skill: what this machine says about itself, and its few switches.
//!
//! Owns: which intent is answered by which part. Must not know: desktops and their programs; everything goes over
//! standard services on the message bus and the kernel's own files. The loudspeakers' volume is not here: no service on
//! a message bus has it, and the sandbox lets a skill reach no sound server; a player's own volume is the media skill's.

mod battery;
mod brightness;
mod disk;
mod lock;
mod memory;
mod network;
mod profile;
mod quiet;
mod restore;
mod services;
mod words;

use hob_sdk::{Call, Context, Outcome, Skill, SkillError};
use quiet::Quiet;
use serde::Deserialize;
use std::path::PathBuf;

/// The skill itself; it keeps at most the connection by which notifications are held back.
struct System {
    quiet: Quiet,
}

/// What `[skills.settings."org.hob.system"]` may set.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Where the kernel shows its devices.
    sysfs: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sysfs: "/sys".into() }
    }
}

impl Skill for System {
    fn new(_: &Context) -> Result<Self, SkillError> {
        Ok(Self { quiet: Quiet::default() })
    }

    fn call(&self, call: &Call) -> Result<Outcome, SkillError> {
        let context = &call.context;
        let sysfs = || context.settings().map(|settings: Settings| settings.sysfs);
        match call.intent.as_str() {
            "BatteryStatus" => battery::status(context),
            "DiskSpace" => disk::space(),
            "MemoryStatus" => memory::status(),
            "NetworkStatus" => network::status(context, &sysfs()?),
            "GetBrightness" => brightness::tell(&sysfs()?),
            "SetBrightness" => brightness::set(&call.arguments()?, context, &sysfs()?),
            "GetPowerProfile" => profile::tell(context),
            "SetPowerProfile" => profile::set(&call.arguments()?, context),
            "DoNotDisturb" => self.quiet.switch(&call.arguments()?, context),
            "KeepQuiet" => self.quiet.keep(context),
            "LockScreen" => lock::lock(context),
            "RestoreSetting" => restore::restore(call.arguments()?, &self.quiet, context, &sysfs()?),
            other => Err(SkillError::unknown_intent(other)),
        }
    }
}

hob_sdk::export_skill!(System, "org.hob.system", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests;
