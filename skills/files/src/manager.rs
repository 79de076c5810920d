//! The desktop's file manager, over `org.freedesktop.FileManager1`.
//!
//! Owns: the one call that is made on the message bus. Must not know: which file manager there is. The sandbox lets a
//! skill start no program, so the bus is asked to.

use hob_sdk::{Bus, Context, SkillError, file_uri};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

const NAME: &str = "org.freedesktop.FileManager1";
const BUS: &str = "org.freedesktop.DBus";
/// How long a file manager may take to start.
const PATIENCE: Duration = Duration::from_secs(4);
/// Longest answer that is read, in bytes.
const LONGEST: usize = 1 << 16;

/// Shows a folder in a window.
///
/// # Errors
/// `permission_denied` or `unavailable`, with the reason.
pub fn show(context: &Context, folder: &Path) -> Result<(), SkillError> {
    let mut bus = context.message_bus(Bus::Session)?;
    bus.set_read_timeout(Some(PATIENCE))?;
    // Who we are is seen by the socket; the rest of the authentication needs no answer.
    bus.write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")?;
    let mut body = Vec::new();
    put_text(&mut body, &file_uri(folder));
    let mut list = (body.len() as u32).to_le_bytes().to_vec();
    list.extend(&body);
    list.resize(list.len().next_multiple_of(4), 0);
    put_text(&mut list, "");
    bus.write_all(&call(1, "/org/freedesktop/DBus", BUS, "Hello", "", &[]))?;
    bus.write_all(&call(2, "/org/freedesktop/FileManager1", NAME, "ShowFolders", "ass", &list))?;
    let mut lines = Vec::new();
    // "DATA", "OK" and its number: three lines at most, then messages.
    while lines.iter().filter(|byte| **byte == b'\n').count() < 2 {
        let mut byte = [0];
        bus.read_exact(&mut byte)?;
        lines.push(byte[0]);
        if lines.starts_with(b"REJECTED") || lines.len() > 1024 {
            return Err(SkillError::unavailable("The message bus did not let this skill in."));
        }
    }
    loop {
        let (kind, to, body) = message(&mut bus)?;
        match (kind, to) {
            (2, 2) => return Ok(()),
            (3, 2) => {
                let said = body.get(4..body.len().saturating_sub(1)).unwrap_or_default();
                return Err(SkillError::unavailable(String::from_utf8_lossy(said).into_owned()));
            }
            _ => {}
        }
    }
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    to.extend((text.len() as u32).to_le_bytes());
    to.extend(text.as_bytes());
    to.push(0);
}

/// A call of a method, whose interface is named like its destination.
fn call(serial: u32, path: &str, to: &str, member: &str, signature: &str, body: &[u8]) -> Vec<u8> {
    let mut fields = Vec::new();
    for (code, kind, text) in [(1u8, b'o', path), (2, b's', to), (3, b's', member), (6, b's', to)] {
        fields.resize(fields.len().next_multiple_of(8), 0);
        fields.extend([code, 1, kind, 0]);
        put_text(&mut fields, text);
    }
    if !signature.is_empty() {
        fields.resize(fields.len().next_multiple_of(8), 0);
        fields.extend([8, 1, b'g', 0, signature.len() as u8]);
        fields.extend(signature.as_bytes());
        fields.push(0);
    }
    // Little-endian, a call, no flags, version 1.
    let mut message = vec![b'l', 1, 0, 1];
    message.extend((body.len() as u32).to_le_bytes());
    message.extend(serial.to_le_bytes());
    message.extend((fields.len() as u32).to_le_bytes());
    message.extend(fields);
    message.resize(message.len().next_multiple_of(8), 0);
    message.extend(body);
    message
}

/// The next message: its kind, the serial number that it answers, and its body.
fn message(from: &mut impl Read) -> Result<(u8, u32, Vec<u8>), SkillError> {
    let strange = || SkillError::unavailable("The message bus said something that is not understood.");
    let mut head = [0u8; 16];
    from.read_exact(&mut head)?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
    let (body, fields) = (number(4), number(12));
    if head[0] != b'l' || body > LONGEST || fields > LONGEST {
        return Err(strange());
    }
    let mut rest = vec![0u8; fields.next_multiple_of(8) + body];
    from.read_exact(&mut rest)?;
    // The field of the answered serial is a number, at a multiple of eight.
    let answered = (0..fields).step_by(8).find(|at| rest[*at..].starts_with(&[5, 1, b'u', 0]));
    let answered = answered.and_then(|at| rest.get(at + 4..at + 8)).and_then(|four| four.try_into().ok());
    let body = rest.split_off(fields.next_multiple_of(8));
    Ok((head[1], answered.map_or(0, u32::from_le_bytes), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_as_it_was_written() {
        let bytes = call(7, "/a", "org.example.A", "Do", "s", b"\x01\0\0\0x\0");
        let (kind, answered, body) = message(&mut bytes.as_slice()).expect("a message");
        assert_eq!((kind, answered, body.as_slice()), (1, 0, b"\x01\0\0\0x\0".as_slice()));
        assert!(message(&mut &bytes[..10]).is_err());
        assert!(message(&mut [b'l', 1, 0, 1, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0].as_slice()).is_err());
    }
}
