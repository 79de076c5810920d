//! The header of a D-Bus message, and the one message that the filter writes itself.
//!
//! Owns: reading bytes from somebody who may be hostile: every length is checked before it is believed.

use std::io::{self, Read};

/// Longest message, in bytes; the bus's own limit is 128 MiB, a skill needs no more than this.
const LONGEST: usize = 16 << 20;
/// The part of a header that has a fixed size.
const FIXED: usize = 16;

const DESTINATION: u8 = 6;
const SENDER: u8 = 7;
const MEMBER: u8 = 3;
const SIGNATURE: u8 = 8;
const NO_REPLY: u8 = 1;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A call of a method.
    Call,
    /// Anything else.
    Other,
}

/// A message that was read whole.
#[derive(Debug)]
pub struct Message {
    bytes: Vec<u8>,
    body: usize,
    /// What it is.
    pub kind: Kind,
    /// To whom; empty for everybody.
    pub destination: String,
    /// From whom, as the bus says; empty on the way to it.
    pub sender: String,
    /// The method or signal.
    pub member: String,
    signature: String,
}

impl Message {
    /// Reads the next one; `None` at the end.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = vec![0u8; FIXED];
        match from.read(&mut bytes[..1])? {
            0 => return Ok(None),
            _ => from.read_exact(&mut bytes[1..])?,
        }
        let little = match bytes[0] {
            b'l' => true,
            b'B' => false,
            other => return Err(bad(format!("byte order {other}"))),
        };
        let (body, fields) = (number(&bytes, 4, little)? as usize, number(&bytes, 12, little)? as usize);
        let header = padded(FIXED.checked_add(fields).ok_or_else(|| bad("lengths".into()))?);
        let whole = header.checked_add(body).filter(|whole| *whole <= LONGEST).ok_or_else(|| bad("too long".into()))?;
        bytes.resize(whole, 0);
        from.read_exact(&mut bytes[FIXED..])?;
        let kind = if bytes[1] == 1 { Kind::Call } else { Kind::Other };
        let texts = Message::fields(&bytes, fields, little)?;
        let text = |wanted: u8| {
            texts.iter().find(|(code, _)| *code == wanted).map(|(_, text)| text.clone()).unwrap_or_default()
        };
        let (destination, sender) = (text(DESTINATION), text(SENDER));
        let (member, signature) = (text(MEMBER), text(SIGNATURE));
        Ok(Some(Self { body: header, kind, destination, sender, member, signature, bytes }))
    }

    /// The header's fields that are texts, by their codes. A code that comes twice is an error: two readers could
    /// take different ones.
    fn fields(bytes: &[u8], length: usize, little: bool) -> io::Result<Vec<(u8, String)>> {
        let end = FIXED + length;
        let (mut at, mut fields) = (FIXED, Vec::<(u8, String)>::new());
        let mut seen = Vec::new();
        while at < end {
            at = padded(at);
            let code = *bytes.get(at).filter(|_| at < end).ok_or_else(|| bad("a field".into()))?;
            if seen.contains(&code) {
                return Err(bad(format!("field {code} twice")));
            }
            seen.push(code);
            // A variant: the signature of one basic type, then the value.
            if bytes.get(at + 1) != Some(&1) || bytes.get(at + 3) != Some(&0) {
                return Err(bad("a field's type".into()));
            }
            let of = bytes[at + 2];
            at += 4;
            let size = match of {
                b'u' => {
                    at += 4;
                    continue;
                }
                b'g' => {
                    let size = usize::from(*bytes.get(at).ok_or_else(|| bad("a signature".into()))?);
                    at += 1;
                    size
                }
                b's' | b'o' => {
                    let size = number(bytes, at, little)? as usize;
                    at += 4;
                    size
                }
                _ => return Err(bad("a field's type".into())),
            };
            let text = at.checked_add(size).and_then(|stop| bytes.get(at..stop)).ok_or_else(|| bad("a text".into()))?;
            fields.push((code, String::from_utf8(text.to_vec()).map_err(|_| bad("no UTF-8".into()))?));
            at += size + 1;
        }
        // What lies beyond the fields belongs to the body.
        if at > end { Err(bad("fields that are longer than their length".into())) } else { Ok(fields) }
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its first argument, if that is a text.
    pub fn first_text(&self) -> Option<String> {
        if !self.signature.starts_with('s') {
            return None;
        }
        let little = self.bytes[0] == b'l';
        let size = number(&self.bytes, self.body, little).ok()? as usize;
        let start = self.body + 4;
        let text = self.bytes.get(start..start.checked_add(size)?)?;
        String::from_utf8(text.to_vec()).ok()
    }

    /// Whether it carries a list of texts and nothing else.
    pub fn is_list(&self) -> bool {
        self.signature == "as"
    }

    /// The same message, in whose list only the wanted texts are left.
    pub fn with_only(&self, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<u8>> {
        let little = self.bytes[0] == b'l';
        let end = self.body + 4 + number(&self.bytes, self.body, little)? as usize;
        let (mut at, mut list) = (self.body + 4, Vec::new());
        while at < end.min(self.bytes.len()) {
            at = at.next_multiple_of(4);
            let size = number(&self.bytes, at, little)? as usize;
            let text = (at + 4).checked_add(size).and_then(|stop| self.bytes.get(at + 4..stop));
            let text = text.ok_or_else(|| bad("a text".into()))?;
            if std::str::from_utf8(text).is_ok_and(&wanted) {
                list.resize(list.len().next_multiple_of(4), 0);
                list.extend(written(text.len(), little));
                list.extend_from_slice(text);
                list.push(0);
            }
            at += 4 + size + 1;
        }
        let mut bytes = self.bytes[..self.body].to_vec();
        bytes[4..8].copy_from_slice(&written(list.len() + 4, little));
        bytes.extend(written(list.len(), little));
        bytes.extend(list);
        Ok(bytes)
    }

    /// Whether its sender waits for an answer.
    pub fn wants_reply(&self) -> bool {
        self.bytes[2] & NO_REPLY == 0
    }

    fn serial(&self) -> u32 {
        number(&self.bytes, 8, self.bytes[0] == b'l').unwrap_or(0)
    }
}

/// An answer that says no, as if the bus had given it.
pub fn refusal(to: &Message, why: &str) -> Vec<u8> {
    let mut fields = Vec::new();
    // In this order each field begins where it must.
    fields.extend([5, 1, b'u', 0]);
    fields.extend(to.serial().to_le_bytes());
    text_field(&mut fields, 4, "org.freedesktop.DBus.Error.AccessDenied");
    text_field(&mut fields, 7, super::BUS);
    pad(&mut fields);
    fields.extend([SIGNATURE, 1, b'g', 0, 1, b's', 0]);
    let mut body = Vec::from((why.len() as u32).to_le_bytes());
    body.extend(why.as_bytes());
    body.push(0);
    // Little-endian, an error, that wants no answer, version 1; a serial number that the bus does not use soon.
    let mut message = vec![b'l', 3, NO_REPLY, 1];
    message.extend((body.len() as u32).to_le_bytes());
    message.extend((u32::MAX - 1).to_le_bytes());
    message.extend((fields.len() as u32).to_le_bytes());
    message.extend(fields);
    pad(&mut message);
    message.extend(body);
    message
}

fn text_field(fields: &mut Vec<u8>, code: u8, text: &str) {
    pad(fields);
    fields.extend([code, 1, b's', 0]);
    fields.extend((text.len() as u32).to_le_bytes());
    fields.extend(text.as_bytes());
    fields.push(0);
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(padded(bytes.len()), 0);
}

/// Structs begin at multiples of eight.
fn padded(at: usize) -> usize {
    at.next_multiple_of(8)
}

fn number(bytes: &[u8], at: usize, little: bool) -> io::Result<u32> {
    let four = at.checked_add(4).and_then(|end| bytes.get(at..end)).and_then(|four| <[u8; 4]>::try_from(four).ok());
    let four = four.ok_or_else(|| bad("a number".into()))?;
    Ok(if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
}

fn written(number: usize, little: bool) -> [u8; 4] {
    let number = number as u32;
    if little { number.to_le_bytes() } else { number.to_be_bytes() }
}

fn bad(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a message that is none: {what}"))
}
