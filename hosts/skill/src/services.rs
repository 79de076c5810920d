//! What a library can ask for during a call: lines of JSON over a descriptor that its context names.
//!
//! Owns: that socket and the thread that reads it. Must not know: what is asked for.

use crate::post::Post;
use crate::speech::Speech;
use hob_sdk::lines::next_line;
use std::io::{self, BufReader};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

/// The host's end, and the descriptor that is the library's.
pub struct Services {
    /// Says things to the library.
    pub speech: Speech,
    from: UnixStream,
    theirs: UnixStream,
}

impl Services {
    /// Opens the socket, which inside the sandbox nobody can.
    pub fn open() -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok(Self { from: ours.try_clone()?, speech: Speech::over(ours), theirs })
    }

    /// Listens to it. Started inside the sandbox, so that the thread is confined too.
    pub fn listen(&self, post: &Arc<Post>) -> io::Result<()> {
        let (mut from, post) = (BufReader::new(self.from.try_clone()?), post.clone());
        let listen = move || {
            while let Ok(Some(line)) = next_line(&mut from) {
                match serde_json::from_str(&line) {
                    Ok(message) => post.pass(message),
                    Err(error) => post.said(&format!("a message that can't be read: {error}")),
                }
            }
        };
        thread::Builder::new().name("services".into()).spawn(listen).map(drop)
    }

    /// The library's descriptor, open as long as this is.
    pub fn descriptor(&self) -> RawFd {
        self.theirs.as_raw_fd()
    }
}
