//! Frames: a little-endian `u32` length, then that many bytes of postcard.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};

/// Longest frame either end accepts, in bytes. Larger ones mean a broken or hostile peer.
pub const MAX_FRAME: usize = 64 << 20;

/// What the daemon sends to a child.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ToHost<Q> {
    /// Start a request; replies carry the same `id`.
    Request {
        /// Chosen by the daemon, never reused within one child.
        id: u64,
        /// The request itself.
        body: Q,
    },
    /// The caller no longer wants the replies of request `id`.
    Cancel {
        /// The request to end.
        id: u64,
    },
    /// Finish and exit. A closed socket means the same.
    Shutdown,
}

/// What a child sends to the daemon.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum FromHost<R> {
    /// The first frame of every child.
    Hello(Hello),
    /// One reply to request `id`.
    Reply {
        /// The request it answers.
        id: u64,
        /// No further reply follows.
        last: bool,
        /// The reply itself.
        body: R,
    },
}

/// How a child introduces itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The child's [`crate::BUILD_ID`].
    pub build: String,
    /// "model", "skill", "extract" or "fetch".
    pub kind: String,
    /// What the child has confined itself with, if it has.
    pub sandbox: Option<crate::sandbox::Report>,
}

/// Why a frame could not be exchanged.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The socket failed.
    #[error("the wire to the child broke: {0}")]
    Io(#[from] io::Error),
    /// The frame is longer than [`MAX_FRAME`].
    #[error("a frame of {0} bytes is over the limit of {MAX_FRAME}")]
    TooLong(usize),
    /// The bytes are no message of ours.
    #[error("a frame could not be read: {0}")]
    Malformed(#[from] postcard::Error),
}

/// Writes one message as a frame.
pub fn write_frame<T: Serialize>(to: &mut impl Write, message: &T) -> Result<(), WireError> {
    to.write_all(&encode(message)?)?;
    Ok(to.flush()?)
}

/// Reads one frame; `None` when the other end closed between frames.
pub fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>, WireError> {
    let mut head = [0u8; 4];
    if !fill_or_end(from, &mut head)? {
        return Ok(None);
    }
    let mut body = vec![0u8; checked_len(head)?];
    from.read_exact(&mut body)?;
    Ok(Some(postcard::from_bytes(&body)?))
}

/// A message as the bytes of its frame.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, WireError> {
    let mut frame = postcard::to_extend(message, vec![0u8; 4])?;
    let len = frame.len() - 4;
    if len > MAX_FRAME {
        return Err(WireError::TooLong(len));
    }
    frame[..4].copy_from_slice(&(len as u32).to_le_bytes());
    Ok(frame)
}

/// The body length a frame head announces, refused when over [`MAX_FRAME`].
pub fn checked_len(head: [u8; 4]) -> Result<usize, WireError> {
    let len = u32::from_le_bytes(head) as usize;
    if len > MAX_FRAME { Err(WireError::TooLong(len)) } else { Ok(len) }
}

/// Fills `head`, or says `false` when the stream ended before its first byte.
fn fill_or_end(from: &mut impl Read, head: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    while filled < head.len() {
        match from.read(&mut head[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}

/// Serde for paths as raw bytes, since Linux file names need not be UTF-8.
pub mod path_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    /// Writes the path's bytes.
    pub fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(to)
    }

    /// Reads a path from its bytes.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(PathBuf::from(OsString::from_vec(Vec::deserialize(from)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_sent_and_end_cleanly() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &ToHost::Request { id: 7, body: "hi".to_string() }).expect("write");
        write_frame(&mut bytes, &ToHost::<String>::Shutdown).expect("write");
        let mut from = bytes.as_slice();
        let first: ToHost<String> = read_frame(&mut from).expect("read").expect("a frame");
        assert!(matches!(first, ToHost::Request { id: 7, ref body } if body == "hi"));
        assert!(matches!(read_frame(&mut from), Ok(Some(ToHost::<String>::Shutdown))));
        assert!(read_frame::<ToHost<String>>(&mut from).expect("end").is_none());
    }

    #[test]
    fn absurd_lengths_and_cut_frames_are_errors() {
        let mut huge: &[u8] = &[0xff, 0xff, 0xff, 0xff, 1];
        assert!(matches!(read_frame::<String>(&mut huge), Err(WireError::TooLong(_))));
        let mut cut: &[u8] = &[9, 0, 0, 0, 1, 2];
        assert!(matches!(read_frame::<String>(&mut cut), Err(WireError::Io(_))));
        let mut head: &[u8] = &[9, 0];
        assert!(matches!(read_frame::<String>(&mut head), Err(WireError::Io(_))));
    }
}
