//! Errors of the client, typed by their D-Bus names.
//!
//! This file owns the mapping from what the bus says to what a program can match on.

use zbus::DBusError;

/// What prefixes the daemon's own error names.
const PREFIX: &str = "org.hob.Error.";

/// Why a call failed. The text is a sentence that can be shown to a user.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// There is no bus to talk over.
    #[error("{0}")]
    NoBus(String),
    /// No daemon owns the name on this bus, and the bus could not start one.
    #[error("hobd does not run on this bus{0}; start it with `systemctl --user start hobd`, or with `hobd &`")]
    NotRunning(String),
    /// The daemon left the bus before the request was finished.
    #[error("hobd went away before it had finished; ask again once it is back")]
    Vanished,
    /// The daemon, or the bus, refused or failed.
    #[error("{message}")]
    Service {
        /// The D-Bus error name.
        name: String,
        /// What happened and what to do next.
        message: String,
    },
    /// The daemon sent something that its interface does not allow.
    #[error("hobd sent something unexpected ({0}); are hobd and this program of the same version?")]
    Protocol(String),
    /// The connection failed.
    #[error("the connection to the bus failed: {0}")]
    Connection(#[source] zbus::Error),
}

/// The daemon's error names, without their prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// An argument or option is wrong.
    InvalidArgument,
    /// What was named does not exist.
    NotFound,
    /// Too much is going on; try again.
    Busy,
    /// The caller has used up its share.
    QuotaExceeded,
    /// The caller may not do this.
    PermissionDenied,
    /// The user did not confirm.
    Confirmation,
    /// No model can do this.
    NoModel,
    /// The model does not fit into the memory budget.
    OutOfBudget,
    /// The text is longer than the model can take.
    TooLong,
    /// The request was cancelled.
    Cancelled,
    /// A skill failed.
    SkillFailed,
    /// It took too long.
    Timeout,
    /// A remote back end failed.
    Remote,
    /// The daemon failed.
    Internal,
    /// Not an error of the daemon's, or one that this version does not know.
    Other,
}

impl Error {
    /// The D-Bus error name, also for what never was on the bus.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::NoBus(_) => "org.freedesktop.DBus.Error.NoServer",
            Self::NotRunning(_) => "org.freedesktop.DBus.Error.ServiceUnknown",
            Self::Vanished => "org.freedesktop.DBus.Error.NoReply",
            Self::Service { name, .. } => name,
            Self::Protocol(_) => "org.freedesktop.DBus.Error.InconsistentMessage",
            Self::Connection(_) => "org.freedesktop.DBus.Error.Disconnected",
        }
    }

    /// Which of the daemon's errors this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.name().strip_prefix(PREFIX).unwrap_or_default() {
            "InvalidArgument" => Kind::InvalidArgument,
            "NotFound" => Kind::NotFound,
            "Busy" => Kind::Busy,
            "QuotaExceeded" => Kind::QuotaExceeded,
            "PermissionDenied" => Kind::PermissionDenied,
            "Confirmation" => Kind::Confirmation,
            "NoModel" => Kind::NoModel,
            "OutOfBudget" => Kind::OutOfBudget,
            "TooLong" => Kind::TooLong,
            "Cancelled" => Kind::Cancelled,
            "SkillFailed" => Kind::SkillFailed,
            "Timeout" => Kind::Timeout,
            "Remote" => Kind::Remote,
            "Internal" => Kind::Internal,
            _ => Kind::Other,
        }
    }

    pub(super) fn cancelled() -> Self {
        Self::Service { name: format!("{PREFIX}Cancelled"), message: "the request was cancelled".to_owned() }
    }

    /// Explains why the session bus could not be reached.
    pub(super) fn no_session_bus(error: zbus::Error) -> Self {
        Self::NoBus(match std::env::var("DBUS_SESSION_BUS_ADDRESS") {
            Ok(address) => format!("the session bus at DBUS_SESSION_BUS_ADDRESS={address} does not answer ({error})"),
            Err(_) => "DBUS_SESSION_BUS_ADDRESS is not set and the user's default bus does not answer: there is no \
                       session bus here; log in to a desktop session, or run the command under `dbus-run-session`"
                .to_owned(),
        })
    }

    fn from_bus(error: &zbus::fdo::Error) -> Self {
        let name = error.name().to_string();
        let message = error.description().unwrap_or_default().to_owned();
        match error {
            zbus::fdo::Error::ZBus(error) => Self::from(error.clone()),
            zbus::fdo::Error::ServiceUnknown(_) | zbus::fdo::Error::NameHasNoOwner(_) => {
                Self::NotRunning(String::new())
            }
            _ if name.starts_with("org.freedesktop.DBus.Error.Spawn.") => {
                Self::NotRunning(format!(" and the bus could not start it ({message})"))
            }
            // Both buses answer so when the called program leaves while a call is open.
            zbus::fdo::Error::NoReply(text) if text.contains("disconnect") => Self::Vanished,
            _ => Self::Service { message: if message.is_empty() { name.clone() } else { message }, name },
        }
    }
}

impl From<zbus::Error> for Error {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::MethodError(name, message, _) => {
                let name = name.to_string();
                Self::Service { message: message.unwrap_or_else(|| name.clone()), name }
            }
            zbus::Error::FDO(error) => Self::from_bus(&error),
            zbus::Error::Connection(..) | zbus::Error::Handshake(_) | zbus::Error::Address(_) => {
                Self::NoBus(format!("the bus does not answer ({error})"))
            }
            zbus::Error::InputOutput(_) => Self::Connection(error),
            other => Self::Protocol(other.to_string()),
        }
    }
}

impl From<zbus::fdo::Error> for Error {
    fn from(error: zbus::fdo::Error) -> Self {
        Self::from_bus(&error)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_names() {
        let error = Error::Service { name: "org.hob.Error.TooLong".into(), message: "cut it".into() };
        assert_eq!(error.kind(), Kind::TooLong);
        assert_eq!(error.to_string(), "cut it");
        assert_eq!(Error::cancelled().kind(), Kind::Cancelled);
        assert_eq!(Error::Vanished.kind(), Kind::Other);
        let foreign = Error::Service { name: "org.example.Error.TooLong".into(), message: String::new() };
        assert_eq!(foreign.kind(), Kind::Other);
    }

    #[test]
    fn an_absent_daemon_is_told_apart_from_one_that_cannot_start() {
        let absent = Error::from(zbus::fdo::Error::ServiceUnknown("nobody".into()));
        assert!(absent.to_string().starts_with("hobd does not run on this bus; start it with"), "{absent}");
        let broken = Error::from(zbus::fdo::Error::SpawnExecFailed("no such file".into()));
        assert!(broken.to_string().contains("could not start it (no such file)"), "{broken}");
    }

    #[test]
    fn a_daemon_that_dies_in_a_call_has_vanished() {
        let text = "Message recipient disconnected from message bus without replying";
        assert!(matches!(Error::from(zbus::fdo::Error::NoReply(text.into())), Error::Vanished));
        let slow = Error::from(zbus::fdo::Error::NoReply("too slow".into()));
        assert_eq!(slow.name(), "org.freedesktop.DBus.Error.NoReply");
        assert!(matches!(slow, Error::Service { .. }));
    }
}
