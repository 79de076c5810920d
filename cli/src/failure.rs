//! Why a command failed, how that is said, and the exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

use hob_sdk::client;
use serde_json::{Value, json};

use crate::screen::Screen;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The daemon or the bus.
    Client(client::Error),
    /// The arguments make no sense; found only after they were parsed.
    Usage(String),
    /// Something on this side, in one sentence.
    Local(String),
    /// Another program that was run has failed, and has said why itself.
    Said,
    /// Reading or writing failed.
    Io(io::Error),
    /// The user pressed Ctrl-C.
    Interrupted,
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        Self::Client(error)
    }
}

impl From<zbus::Error> for Failure {
    fn from(error: zbus::Error) -> Self {
        Self::Client(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Io(error.into())
    }
}

impl Failure {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            // Whoever closed the pipe has seen enough.
            Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Usage(_) => 2,
            Self::Interrupted => 130,
            _ => 1,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Client(error) => error.name(),
            Self::Usage(_) => "org.hob.Error.InvalidArgument",
            Self::Interrupted => "org.hob.Error.Cancelled",
            Self::Io(_) => "org.freedesktop.DBus.Error.IOError",
            Self::Local(_) | Self::Said => "org.freedesktop.DBus.Error.Failed",
        }
    }

    /// The sentence for the user; `None` when nothing is to be said.
    fn message(&self) -> Option<String> {
        match self {
            Self::Client(error) => Some(error.to_string()),
            Self::Usage(text) | Self::Local(text) => Some(text.clone()),
            Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            Self::Io(error) => Some(format!("reading or writing failed: {error}")),
            Self::Said | Self::Interrupted => None,
        }
    }

    /// What `--json` prints on standard error.
    pub fn to_json(&self) -> Option<Value> {
        let message = match self {
            Self::Interrupted => "interrupted".to_owned(),
            _ => self.message()?,
        };
        Some(json!({"error": {"name": self.name(), "message": message}}))
    }

    /// Says what happened on standard error; gives the exit code.
    pub fn report(&self, screen: &Screen) -> ExitCode {
        let line = if screen.json {
            self.to_json().map(|value| value.to_string())
        } else {
            let style = screen.error_style();
            self.message().map(|text| format!("{} {}", style.bad("hob:"), style.clean(&text)))
        };
        if let Some(line) = line {
            // With standard error closed too, the exit code is all that is left to say it.
            writeln!(io::stderr(), "{line}").ok();
        }
        ExitCode::from(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_documented_ones() {
        assert_eq!(Failure::Usage(String::new()).code(), 2);
        assert_eq!(Failure::Interrupted.code(), 130);
        assert_eq!(Failure::Client(client::Error::Vanished).code(), 1);
        let closed = Failure::Io(io::ErrorKind::BrokenPipe.into());
        assert_eq!((closed.code(), closed.message(), closed.to_json()), (0, None, None));
    }

    #[test]
    fn json_errors_name_the_error() {
        let error = client::Error::Service { name: "org.hob.Error.NoModel".into(), message: "add one".into() };
        let json = Failure::from(error).to_json();
        assert_eq!(json, Some(json!({"error": {"name": "org.hob.Error.NoModel", "message": "add one"}})));
    }
}
