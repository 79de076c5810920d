//! Calls on a message bus, one after the other, from a skill's own thread.
//!
//! Owns: one connection, and which answer belongs to which call. Must not know: which names were granted (the filter in
//! between refuses all others), nor any service. It blocks, since a skill does one thing at a time, and needs nothing
//! that the sandbox would have to allow: no runtime, no further socket.

use crate::result::SkillError;
use crate::services::Bus;
use crate::skill::Context;
use serde::Serialize;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use zbus::message::Message;
use zbus::wire::serialized::{Context as Encoding, Data};
use zbus::wire::{BE, LE};

pub use zbus::wire::{DynamicDeserialize, DynamicType};
pub use zbus::{OwnedObjectPath, OwnedVariant, Signature, Variant};

/// How long an answer may take, unless [`MessageBus::patience`] says otherwise: some services are started by the call.
const PATIENCE: Duration = Duration::from_secs(4);
/// Longest message that is read, in bytes.
const LONGEST: usize = 16 << 20;
/// Longest line of the authentication, in bytes.
const LONGEST_LINE: u64 = 4096;
/// The part of a message's header that has a fixed size.
const FIXED: usize = 16;

const BUS: Object<'static> =
    Object { name: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus" };
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Errors of the bus that mean: nobody has that name, and nobody can be started for it.
const ABSENT: [&str; 3] = ["ServiceUnknown", "NameHasNoOwner", "Spawn.ServiceNotFound"];
/// Errors that mean: somebody is there, who knows no such object, interface, method or property.
const UNKNOWN: [&str; 5] = ["UnknownObject", "UnknownInterface", "UnknownMethod", "UnknownProperty", "InvalidArgs"];

/// One interface of one object of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object<'a> {
    /// The service's well-known name; it has to be granted.
    pub name: &'a str,
    /// The object's path.
    pub path: &'a str,
    /// The interface.
    pub interface: &'a str,
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The connection is of no more use.
    #[error("the message bus is out of reach: {0}")]
    Lost(#[from] io::Error),
    /// No answer in time; further calls are possible.
    #[error("{0} did not answer in time")]
    Silent(String),
    /// The answer is an error.
    #[error("{message}")]
    Refused {
        /// Its name, e.g. `org.freedesktop.DBus.Error.ServiceUnknown`.
        name: String,
        /// What it says.
        message: String,
    },
    /// The call can't be made, or its answer has another form than expected.
    #[error("the call does not fit the service: {0}")]
    Misfit(#[from] zbus::Error),
}

impl BusError {
    /// Whether nobody has the name that was called.
    pub fn is_absent(&self) -> bool {
        self.is_of_the_bus(&ABSENT)
    }

    /// Whether there is such a service, but not such an object, method or property.
    pub fn is_unknown(&self) -> bool {
        self.is_of_the_bus(&UNKNOWN)
    }

    fn is_of_the_bus(&self, kinds: &[&str]) -> bool {
        let Self::Refused { name, .. } = self else { return false };
        name.strip_prefix("org.freedesktop.DBus.Error.").is_some_and(|kind| kinds.contains(&kind))
    }
}

impl From<BusError> for SkillError {
    fn from(error: BusError) -> Self {
        Self::unavailable(format!("The message bus gave no answer: {error}."))
    }
}

impl Context {
    /// A message bus, ready for calls of the names that `dbus` under `[permissions]` lists.
    ///
    /// # Errors
    /// `permission_denied`, or `unavailable` when there is no such bus.
    pub fn bus(&self, bus: Bus) -> Result<MessageBus, SkillError> {
        Ok(MessageBus::over(self.message_bus(bus)?)?)
    }
}

/// A connection to a message bus.
#[derive(Debug)]
pub struct MessageBus {
    stream: BufReader<UnixStream>,
    patience: Duration,
    is_lost: bool,
}

impl MessageBus {
    /// Introduces itself over a stream to a bus.
    ///
    /// # Errors
    /// When there is no bus at the other end, or it lets nobody in.
    pub fn over(stream: UnixStream) -> Result<Self, BusError> {
        let mut bus = Self { stream: BufReader::new(stream), patience: PATIENCE, is_lost: false };
        let until = Instant::now() + bus.patience;
        // Who we are is seen by the socket, so the authentication needs no answer before the first call.
        bus.stream.get_mut().write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")?;
        while !bus.is_let_in(until)? {}
        bus.call::<_, String>(&BUS, "Hello", &())?;
        Ok(bus)
    }

    /// Sets how long an answer may take.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Calls a method with its arguments (a tuple where there are several) and waits for what it returns.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn call<B, R>(&mut self, object: &Object<'_>, method: &str, arguments: &B) -> Result<R, BusError>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let call = Message::method_call(object.path, method).destination(object.name).interface(object.interface);
        let call = call.build(arguments)?;
        let (serial, until) = (call.primary_header().serial_num().get(), Instant::now() + self.patience);
        if self.is_lost {
            return Err(BusError::Lost(io::ErrorKind::NotConnected.into()));
        }
        self.stream.get_mut().write_all(call.data().bytes())?;
        loop {
            let received = self.receive(object.name, until)?;
            match received.kind {
                Kind::Return if received.answers == Some(serial) => return received.body(),
                Kind::Error if received.answers == Some(serial) => return Err(received.refusal()),
                // A late answer to a call that was given up, or a signal.
                _ => {}
            }
        }
    }

    /// A property.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn property<T>(&mut self, object: &Object<'_>, property: &str) -> Result<T, BusError>
    where
        T: TryFrom<OwnedVariant, Error: Into<zbus::Error>>,
    {
        let properties = Object { interface: PROPERTIES, ..*object };
        let value: OwnedVariant = self.call(&properties, "Get", &(object.interface, property))?;
        T::try_from(value).map_err(|error| BusError::Misfit(error.into()))
    }

    /// All properties.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn properties(&mut self, object: &Object<'_>) -> Result<Properties, BusError> {
        let properties = Object { interface: PROPERTIES, ..*object };
        self.call(&properties, "GetAll", &object.interface).map(Properties)
    }

    /// Sets a property.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn set(&mut self, object: &Object<'_>, property: &str, value: Variant<'_>) -> Result<(), BusError> {
        let properties = Object { interface: PROPERTIES, ..*object };
        self.call(&properties, "Set", &(object.interface, property, value))
    }

    /// Who is on the bus, as far as it was granted: needs a grant that ends in `.*`.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn names(&mut self) -> Result<Vec<String>, BusError> {
        self.call(&BUS, "ListNames", &())
    }

    /// The unique name behind a well-known one, e.g. `:1.42`.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn owner(&mut self, name: &str) -> Result<String, BusError> {
        self.call(&BUS, "GetNameOwner", &name)
    }

    /// Reads one line of the authentication; whether it was the last one.
    fn is_let_in(&mut self, until: Instant) -> Result<bool, BusError> {
        self.wait_until(until)?;
        let mut line = Vec::new();
        (&mut self.stream).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() || line.starts_with(b"REJECTED") || !line.ends_with(b"\n") {
            return Err(BusError::Lost(io::ErrorKind::PermissionDenied.into()));
        }
        Ok(line.starts_with(b"OK"))
    }

    fn wait_until(&self, until: Instant) -> io::Result<()> {
        // Zero would mean for ever.
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.get_ref().set_read_timeout(Some(left))
    }

    /// The next message. A time that is over between two messages leaves the connection as it is; within one it is lost.
    fn receive(&mut self, of: &str, until: Instant) -> Result<Received, BusError> {
        self.wait_until(until)?;
        match self.stream.fill_buf() {
            Ok([]) => {
                self.is_lost = true;
                return Err(BusError::Lost(io::ErrorKind::UnexpectedEof.into()));
            }
            Ok(_) if Instant::now() < until => {}
            Ok(_) => return Err(BusError::Silent(of.into())),
            Err(error) if is_timeout(&error) => return Err(BusError::Silent(of.into())),
            Err(error) => return Err(error.into()),
        }
        let received = Received::read(&mut self.stream);
        self.is_lost = received.is_err();
        received
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The properties of an object, as they were told at once.
#[derive(Debug, Default)]
pub struct Properties(HashMap<String, OwnedVariant>);

impl Properties {
    /// Takes a property out; `None` when it is not there or of another type.
    pub fn take<T: TryFrom<OwnedVariant>>(&mut self, name: &str) -> Option<T> {
        T::try_from(self.0.remove(name)?).ok()
    }
}

impl From<HashMap<String, OwnedVariant>> for Properties {
    fn from(all: HashMap<String, OwnedVariant>) -> Self {
        Self(all)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Return,
    Error,
    Other,
}

/// A message that was read whole.
struct Received {
    kind: Kind,
    answers: Option<u32>,
    error: String,
    signature: Signature,
    body: Data<'static, 'static>,
}

/// Byte order, kind, flags, version, the body's length, the serial number, and the fields by their codes.
type Header = (u8, u8, u8, u8, u32, u32, Vec<(u8, OwnedVariant)>);

impl Received {
    fn read(from: &mut impl Read) -> Result<Self, BusError> {
        let mut bytes = vec![0u8; FIXED];
        from.read_exact(&mut bytes)?;
        let is_little = bytes[0] == b'l';
        let number = |at: usize| {
            let four = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            (if is_little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) }) as usize
        };
        let (body, fields) = (number(4), number(12));
        if !matches!(bytes[0], b'l' | b'B') || body > LONGEST || fields > LONGEST {
            return Err(BusError::Lost(io::ErrorKind::InvalidData.into()));
        }
        let header = (FIXED + fields).next_multiple_of(8);
        bytes.resize(header + body, 0);
        from.read_exact(&mut bytes[FIXED..])?;
        Self::parse(Data::new(bytes, Encoding::new(if is_little { LE } else { BE }, 0)), header)
    }

    fn parse(whole: Data<'static, 'static>, header: usize) -> Result<Self, BusError> {
        let ((_, kind, .., fields), _): (Header, usize) = whole.deserialize()?;
        let kind = match kind {
            2 => Kind::Return,
            3 => Kind::Error,
            _ => Kind::Other,
        };
        let body = whole.slice(header..);
        let mut received = Self { kind, answers: None, error: String::new(), signature: Signature::Unit, body };
        for (code, value) in fields {
            match code {
                4 => received.error = value.try_into()?,
                5 => received.answers = Some(value.try_into()?),
                8 => received.signature = value.try_into()?,
                _ => {}
            }
        }
        Ok(received)
    }

    fn body<R>(&self) -> Result<R, BusError>
    where
        R: for<'d> DynamicDeserialize<'d>,
    {
        Ok(self.body.deserialize_for_dynamic_signature(&self.signature)?.0)
    }

    /// What an error says, as far as it says anything.
    fn refusal(self) -> BusError {
        let message = self.body::<String>().ok().filter(|text| !text.is_empty());
        let message = message.unwrap_or_else(|| self.error.clone());
        BusError::Refused { name: self.error, message }
    }
}

#[cfg(test)]
mod tests;
