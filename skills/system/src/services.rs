//! The services on the message bus that this skill asks, and what is said when one is not there.
//!
//! Owns: their names and that wording. Must not know: what is asked of them.

use hob_sdk::message_bus::{BusError, MessageBus};
use hob_sdk::{Bus, Context, SkillError};

/// A service.
pub struct Service {
    /// Its name for people.
    pub title: &'static str,
    /// On which bus it is.
    pub bus: Bus,
    /// What can't be done without it, to complete "without it …".
    pub without: &'static str,
}

/// Batteries.
pub const UPOWER: Service =
    Service { title: "UPower", bus: Bus::System, without: "nothing on this machine tells how full its battery is" };
/// Connections.
pub const NETWORK_MANAGER: Service = Service {
    title: "NetworkManager",
    bus: Bus::System,
    without: "hob can't tell whether the internet is within reach",
};
/// Sessions: brightness and the lock.
pub const LOGIND: Service = Service {
    title: "The log-in service (systemd-logind)",
    bus: Bus::System,
    without: "hob may change neither the brightness nor the lock of the screen",
};
/// Power profiles.
pub const POWER_PROFILES: Service = Service {
    title: "The power profiles service (power-profiles-daemon or tuned-ppd)",
    bus: Bus::System,
    without: "there are no power profiles to choose from",
};
/// The screen's lock, where the session has its own.
pub const SCREEN_SAVER: Service =
    Service { title: "A screen lock", bus: Bus::Session, without: "the screen can't be locked" };
/// Notifications.
pub const NOTIFICATIONS: Service =
    Service { title: "A notification service", bus: Bus::Session, without: "there are no notifications to hold back" };

impl Service {
    /// A connection to the bus that it is on.
    ///
    /// # Errors
    /// When there is no such bus, with the service in the sentence.
    pub fn bus(&self, context: &Context) -> Result<MessageBus, SkillError> {
        context.bus(self.bus).map_err(|error| SkillError {
            message: format!("{} can't be asked: {}", self.title, error.message),
            ..error
        })
    }

    /// Why a call of it failed.
    pub fn failed(&self, error: &BusError) -> SkillError {
        if error.is_absent() {
            return SkillError::unavailable(format!("{} is not running, and without it {}.", self.title, self.without))
                .suggest("Install it, or start it, and say that again.");
        }
        let said = error.to_string();
        SkillError::new("refused", format!("{} refused: {}.", self.title, said.trim_end_matches('.')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let refused = |name: &str, message: &str| BusError::Refused { name: name.into(), message: message.into() };
        let absent = UPOWER.failed(&refused("org.freedesktop.DBus.Error.ServiceUnknown", "no such name"));
        assert_eq!(absent.code, "unavailable");
        assert_eq!(
            absent.message,
            "UPower is not running, and without it nothing on this machine tells how full its battery is."
        );
        assert!(absent.suggestion.is_some());
        let denied = LOGIND.failed(&refused("org.freedesktop.DBus.Error.AccessDenied", "Not authorized."));
        assert_eq!(denied.code, "refused");
        assert_eq!(denied.message, "The log-in service (systemd-logind) refused: Not authorized.");
    }
}
