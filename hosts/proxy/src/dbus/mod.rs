//! A message bus of which only the granted names are there.
//!
//! Owns: the two directions of one connection. Must not know: what is called; a message is looked at no further than
//! its header, and a subscription's rule.

mod address;
mod message;
mod rule;

use crate::granted::Granted;
use crate::socket::Answer;
use message::{Kind, Message, refusal};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Which bus.
#[derive(Debug, Clone, Copy)]
pub enum Bus {
    /// The user's.
    Session,
    /// The machine's.
    System,
}

/// The bus itself.
const BUS: &str = "org.freedesktop.DBus";
/// What may be asked of it whatever the arguments.
const HARMLESS: [&str; 6] = ["Hello", "GetId", "RemoveMatch", "Ping", "GetMachineId", "Introspect"];
/// What may be asked about the granted names.
const ABOUT_NAMES: [&str; 3] = ["GetNameOwner", "NameHasOwner", "StartServiceByName"];
/// Longest line of the authentication, in bytes.
const LONGEST_LINE: usize = 16 << 10;

type Writer = Arc<Mutex<UnixStream>>;

/// A connection to the bus with a filter in between.
pub fn connect(bus: Bus, granted: &Granted) -> Answer {
    let unavailable = |why: String| Answer::refused("unavailable", &why);
    let stream = match address::connect(bus) {
        Ok(stream) => stream,
        Err(why) => return unavailable(format!("There is no such message bus: {why}.")),
    };
    match filter(stream, granted) {
        Ok(theirs) => Answer::Connection(theirs.into()),
        Err(error) => unavailable(format!("The message bus can't be reached: {error}.")),
    }
}

/// Starts both directions; gives the skill's end.
fn filter(bus: UnixStream, granted: &Granted) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let to_skill: Writer = Arc::new(Mutex::new(ours.try_clone()?));
    let (from_bus, mut to_bus, echo) = (bus.try_clone()?, bus, to_skill.clone());
    let (may_ask, may_see) = (granted.clone(), granted.clone());
    let outwards = move || {
        let ended = outwards(BufReader::new(ours), &mut to_bus, &echo, &may_ask);
        close(&to_bus, ended);
    };
    let inwards = move || {
        let ended = inwards(BufReader::new(from_bus), &to_skill, &may_see);
        close(&to_skill.lock().unwrap_or_else(PoisonError::into_inner), ended);
    };
    thread::Builder::new().name("outwards".into()).spawn(outwards)?;
    thread::Builder::new().name("inwards".into()).spawn(inwards)?;
    Ok(theirs)
}

fn close(stream: &UnixStream, ended: io::Result<()>) {
    if let Err(error) = ended.and_then(|()| stream.shutdown(std::net::Shutdown::Both)) {
        tracing::debug!(%error, "a connection to the bus ended");
    }
}

/// From the skill to the bus.
fn outwards(mut from: impl BufRead, bus: &mut UnixStream, echo: &Writer, granted: &Granted) -> io::Result<()> {
    authenticate(&mut from, bus)?;
    while let Some(message) = Message::read(&mut from)? {
        match judge(&message, granted) {
            Verdict::Pass => bus.write_all(message.bytes())?,
            Verdict::Drop => {}
            Verdict::Refuse(why) => {
                if message.wants_reply() {
                    write(echo, &refusal(&message, &why))?;
                }
            }
        }
    }
    Ok(())
}

/// Passes the lines of the authentication on. Descriptors over the bus are not offered: they could be anything.
fn authenticate(from: &mut impl BufRead, bus: &mut UnixStream) -> io::Result<()> {
    loop {
        let mut line = Vec::new();
        io::Read::take(&mut *from, LONGEST_LINE as u64).read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\r\n") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the authentication is none"));
        }
        // Refused by the bus itself, since its answers come in the order of the lines.
        if line.starts_with(b"NEGOTIATE_UNIX_FD") {
            line = b"NO_DESCRIPTORS_HERE\r\n".to_vec();
        }
        bus.write_all(&line)?;
        if line == b"BEGIN\r\n" {
            return Ok(());
        }
    }
}

/// From the bus to the skill: answers and signals, no calls.
fn inwards(mut from: impl BufRead, to_skill: &Writer, granted: &Granted) -> io::Result<()> {
    loop {
        let Some(first) = from.fill_buf()?.first().copied() else { return Ok(()) };
        // Lines of the authentication begin with a word in capitals, messages with their byte order.
        if first != b'l' && first != b'B' {
            let mut line = Vec::new();
            io::Read::take(&mut from, LONGEST_LINE as u64).read_until(b'\n', &mut line)?;
            write(to_skill, &line)?;
            continue;
        }
        let Some(message) = Message::read(&mut from)? else { return Ok(()) };
        match message.kind {
            Kind::Call => {}
            // Whichever question it answers: the bus's lists are lists of names.
            Kind::Other if message.sender == BUS && message.is_list() => {
                write(to_skill, &message.with_only(|name| granted.allows_name(name))?)?;
            }
            Kind::Other => write(to_skill, message.bytes())?,
        }
    }
}

fn write(to: &Writer, bytes: &[u8]) -> io::Result<()> {
    to.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes)
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    Drop,
    Refuse(String),
}

fn judge(message: &Message, granted: &Granted) -> Verdict {
    if message.kind != Kind::Call {
        // Nothing was asked of the skill, so it has nothing to answer; and it speaks for nobody.
        return Verdict::Drop;
    }
    let (to, member) = (message.destination.as_str(), message.member.as_str());
    if granted.allows_name(to) {
        return Verdict::Pass;
    }
    if to != BUS {
        return Verdict::Refuse(format!("This skill may not talk to {to}: dbus under [permissions] does not list it."));
    }
    let argument = message.first_text();
    let about = argument.as_deref().unwrap_or_default();
    let allowed = HARMLESS.contains(&member)
        || ABOUT_NAMES.contains(&member) && (granted.allows_name(about) || about == BUS)
        // The answer is cut down to the granted names on its way back.
        || member == "ListNames" && granted.has_families()
        || member == "AddMatch" && rule::is_narrow(about, granted);
    match allowed {
        true => Verdict::Pass,
        false => Verdict::Refuse(format!("This skill may not call {member} of the message bus with {about:?}.")),
    }
}

#[cfg(test)]
mod tests;
