//! The socket between a skill and this process: one message is one request, one message its answer.

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv, sendmsg};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Longest request, in bytes; what is longer is cut by the kernel and then fits no rule.
const LONGEST: usize = 512;

/// What a request comes to.
pub enum Answer {
    /// The skill's from now on.
    Connection(OwnedFd),
    /// A code, a blank and a sentence.
    Refused(String),
}

impl Answer {
    /// A refusal with its code.
    pub fn refused(code: &str, why: &str) -> Self {
        Self::Refused(format!("{code} {why}"))
    }

    /// What was not granted.
    pub fn denied(why: &str) -> Self {
        Self::refused("permission_denied", why)
    }
}

/// The next request; `None` when the skill is gone.
pub fn receive(socket: BorrowedFd<'_>) -> io::Result<Option<String>> {
    let mut bytes = [0u8; LONGEST];
    loop {
        match recv(socket, &mut bytes, RecvFlags::empty()) {
            Ok((_, 0)) | Err(Errno::CONNRESET) => return Ok(None),
            Ok((_, read)) => return Ok(Some(String::from_utf8_lossy(&bytes[..read]).into_owned())),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Answers it.
pub fn answer(socket: BorrowedFd<'_>, answer: &Answer) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut attached = SendAncillaryBuffer::new(&mut space);
    let (text, connection) = match answer {
        Answer::Connection(connection) => ("ok", Some([connection.as_fd()])),
        Answer::Refused(why) => (why.as_str(), None),
    };
    if let Some(connection) = &connection
        && !attached.push(SendAncillaryMessage::ScmRights(connection))
    {
        return Err(io::Error::other("no room for a connection beside a message"));
    }
    sendmsg(socket, &[IoSlice::new(text.as_bytes())], &mut attached, SendFlags::NOSIGNAL)?;
    Ok(())
}
