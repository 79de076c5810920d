//! The one mapping from the daemon's errors to D-Bus error names.

use crate::error::{HobError, Kind};
use zbus::DBusError;

/// An error as it goes over the bus; the names are public (`org.hob.Error.*`).
#[derive(Debug, DBusError)]
#[zbus(prefix = "org.hob.Error")]
pub enum BusError {
    /// The bus itself failed.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// See [`Kind::InvalidArgument`].
    InvalidArgument(String),
    /// See [`Kind::NotFound`].
    NotFound(String),
    /// See [`Kind::Busy`].
    Busy(String),
    /// See [`Kind::QuotaExceeded`].
    QuotaExceeded(String),
    /// See [`Kind::OutOfBudget`].
    OutOfBudget(String),
    /// See [`Kind::NoModel`].
    NoModel(String),
    /// See [`Kind::TooLong`].
    TooLong(String),
    /// See [`Kind::Cancelled`].
    Cancelled(String),
    /// See [`Kind::SkillFailed`].
    SkillFailed(String),
    /// See [`Kind::PermissionDenied`].
    PermissionDenied(String),
    /// See [`Kind::Confirmation`].
    Confirmation(String),
    /// See [`Kind::Timeout`].
    Timeout(String),
    /// See [`Kind::Remote`].
    Remote(String),
    /// See [`Kind::Internal`].
    Internal(String),
}

impl From<HobError> for BusError {
    fn from(error: HobError) -> Self {
        let HobError { kind, message, .. } = error;
        match kind {
            Kind::InvalidArgument => Self::InvalidArgument(message),
            Kind::NotFound => Self::NotFound(message),
            Kind::Busy => Self::Busy(message),
            Kind::QuotaExceeded => Self::QuotaExceeded(message),
            Kind::OutOfBudget => Self::OutOfBudget(message),
            Kind::NoModel => Self::NoModel(message),
            Kind::TooLong => Self::TooLong(message),
            Kind::Cancelled => Self::Cancelled(message),
            Kind::SkillFailed => Self::SkillFailed(message),
            Kind::PermissionDenied => Self::PermissionDenied(message),
            Kind::Confirmation => Self::Confirmation(message),
            Kind::Timeout => Self::Timeout(message),
            Kind::Remote => Self::Remote(message),
            Kind::Internal => Self::Internal(message),
        }
    }
}
