//! Open files that travel with a message over the wire (`SCM_RIGHTS`), so that a child needs no path and no right to
//! open one.
//!
//! Files go with the first byte of the message they belong to. The kernel never gives a reader bytes from behind files
//! together with those before them, so whoever has read a whole message has its files, in the order of messages.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Most files that go with one message.
pub const MOST: usize = 32;

/// Sends up to [`MOST`] files with the first bytes of `bytes`; how many bytes went.
pub fn send(socket: impl AsFd, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut attached = SendAncillaryBuffer::new(&mut space);
    if files.len() > MOST || !attached.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::Error::other(format!("{} files are more than the {MOST} that one message takes", files.len())));
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
    use std::path::Path;

    #[test]
    fn each_message_has_its_own_files_however_the_bytes_arrive() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        for n in 0..20_u64 {
            let files: Vec<File> = (0..=n % 3).map(|which| file(folder.path(), n, which)).collect();
            let frame = encode(&ToHost::Request { id: n, body: "x".repeat(n as usize * 7) }).expect("a frame");
            let borrowed: Vec<BorrowedFd<'_>> = files.iter().map(AsFd::as_fd).collect();
            let sent = send(&ours, &frame, &borrowed).expect("sent");
            ours.write_all(&frame[sent..]).expect("the rest");
            // Messages without a file come in between.
            ours.write_all(&encode(&ToHost::<String>::Cancel { id: n }).expect("a frame")).expect("sent");
        }
        drop(ours);
        let mut from = BufReader::new(Receiver::new(theirs));
        let mut seen = 0;
        while let Some(message) = read_frame::<ToHost<String>>(&mut from).expect("a frame") {
            if let ToHost::Request { id, .. } = message {
                for which in 0..=id % 3 {
                    let mut text = String::new();
                    let file = from.get_mut().take_file().expect("its file");
                    File::from(file).read_to_string(&mut text).expect("its text");
                    assert_eq!(text, format!("file {id} {which}"));
                }
                seen += 1;
            }
        }
        assert_eq!(seen, 20);
        assert!(from.get_mut().take_file().is_none());
    }

    fn file(folder: &Path, message: u64, which: u64) -> File {
        let path = folder.join(format!("{message} {which}"));
        std::fs::write(&path, format!("file {message} {which}")).expect("a file");
        File::open(&path).expect("the file")
    }

    #[test]
    fn as_many_files_as_fit_go_with_a_message_and_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let file = file(folder.path(), 0, 0);
        assert!(send(&ours, b"x", &[file.as_fd(); MOST + 1]).is_err());
        assert_eq!(send(&ours, b"x", &[file.as_fd(); MOST]).expect("sent"), 1);
        let mut from = Receiver::new(theirs);
        assert_eq!(from.read(&mut [0; 8]).expect("read"), 1);
        assert_eq!(std::iter::from_fn(|| from.take_file()).count(), MOST);
    }
}
