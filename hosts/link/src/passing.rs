//! Open files that travel with a message over the wire (`SCM_RIGHTS`), so that a child needs no path and no right to
//! open one.
//!
//! A file goes with the first byte of the message it belongs to. The kernel never gives a reader bytes from behind a
//! file together with those before it, so whoever has read a whole message has its file, in the order of messages.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Files that a peer may send with one piece of data; ours sends one.
const MOST: usize = 4;

/// Sends a file with the first bytes of `bytes`; how many bytes went.
pub fn send(socket: impl AsFd, bytes: &[u8], file: BorrowedFd<'_>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut attached = SendAncillaryBuffer::new(&mut space);
    let files = [file];
    if !attached.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::Error::other("no room for a file beside a message"));
    }
    Ok(sendmsg(socket, &[IoSlice::new(bytes)], &mut attached, SendFlags::NOSIGNAL)?)
}

/// Reads bytes from a socket and keeps the files that come with them.
pub struct Receiver {
    socket: UnixStream,
    files: VecDeque<OwnedFd>,
}

impl Receiver {
    /// Reads from this socket.
    pub fn new(socket: UnixStream) -> Self {
        Self { socket, files: VecDeque::new() }
    }

    /// The file that came first of those not taken yet.
    pub fn take_file(&mut self) -> Option<OwnedFd> {
        self.files.pop_front()
    }
}

impl Read for Receiver {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut attached = RecvAncillaryBuffer::new(&mut space);
        let read = recvmsg(&self.socket, &mut [IoSliceMut::new(into)], &mut attached, RecvFlags::CMSG_CLOEXEC)?.bytes;
        for message in attached.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                self.files.extend(files);
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{ToHost, encode, read_frame};
    use std::fs::File;
    use std::io::{BufReader, Write};

    #[test]
    fn each_message_has_its_own_file_however_the_bytes_arrive() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        for n in 0..20_u64 {
            let path = folder.path().join(n.to_string());
            std::fs::write(&path, format!("file {n}")).expect("a file");
            let frame = encode(&ToHost::Request { id: n, body: "x".repeat(n as usize * 7) }).expect("a frame");
            let file = File::open(&path).expect("the file");
            let sent = send(&ours, &frame, file.as_fd()).expect("sent");
            ours.write_all(&frame[sent..]).expect("the rest");
            // Messages without a file come in between.
            ours.write_all(&encode(&ToHost::<String>::Cancel { id: n }).expect("a frame")).expect("sent");
        }
        drop(ours);
        let mut from = BufReader::new(Receiver::new(theirs));
        let mut seen = 0;
        while let Some(message) = read_frame::<ToHost<String>>(&mut from).expect("a frame") {
            if let ToHost::Request { id, .. } = message {
                let mut text = String::new();
                File::from(from.get_mut().take_file().expect("its file")).read_to_string(&mut text).expect("its text");
                assert_eq!(text, format!("file {id}"));
                seen += 1;
            }
        }
        assert_eq!(seen, 20);
        assert!(from.get_mut().take_file().is_none());
    }
}
