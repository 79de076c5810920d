//! What comes in: texts from arguments, files and standard input, lines typed by the user, Ctrl-C, paths.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::failure::Failure;

/// Most that is read from standard input as one text.
const MAX_TEXT: u64 = 16 << 20;

/// The words of a question, or standard input for `-`, or for no words when input is piped in.
pub fn question(words: &[String], what: &str) -> Result<String, Failure> {
    let text = match words {
        [dash] if dash == "-" => piped_text()?,
        [] if !io::stdin().is_terminal() => piped_text()?,
        words => words.join(" "),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::Usage(format!(
            "no {what} was given; write it after the command, or `-` to read it from standard input"
        )));
    }
    Ok(text.to_owned())
}

/// All of standard input.
pub fn piped_text() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_TEXT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(Failure::Local(format!("standard input is longer than {} MiB", MAX_TEXT >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| Failure::Local("standard input is not UTF-8 text".to_owned()))
}

/// A path made absolute against the current folder, `.` and `..` resolved where the path exists. The daemon works in
/// another folder, so nothing relative may reach it.
pub fn absolute(path: &Path) -> Result<String, Failure> {
    let full = match std::fs::canonicalize(path) {
        Ok(full) => full,
        // What does not exist can still be named, e.g. to forget a deleted folder.
        Err(_) => std::path::absolute(path)?,
    };
    to_text(full)
}

/// The absolute path of a file that must exist.
pub fn existing_file(path: &Path) -> Result<String, Failure> {
    let full = std::fs::canonicalize(path).map_err(|error| Failure::Local(format!("{}: {error}", path.display())))?;
    if full.is_dir() {
        return Err(Failure::Local(format!("{} is a folder; name a file", path.display())));
    }
    to_text(full)
}

fn to_text(path: PathBuf) -> Result<String, Failure> {
    path.into_os_string()
        .into_string()
        .map_err(|path| Failure::Local(format!("{} is not UTF-8, which D-Bus requires", Path::new(&path).display())))
}

/// Lines of standard input, read by a thread so that waiting for them blocks nothing else.
#[derive(Debug)]
pub struct Lines {
    receiver: mpsc::Receiver<io::Result<String>>,
}

impl Lines {
    /// Starts reading. The thread ends with the process, or at the end of the input.
    pub fn of_stdin() -> Result<Self, Failure> {
        let (sender, receiver) = mpsc::channel(1);
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            for line in io::stdin().lock().lines() {
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { receiver })
    }

    /// The next line; `None` at the end of the input.
    pub async fn next(&mut self) -> Result<Option<String>, Failure> {
        Ok(self.receiver.recv().await.transpose()?)
    }
}

/// Presses of Ctrl-C. While one of these exists, Ctrl-C no longer ends the process by itself.
#[derive(Debug)]
pub struct Interrupts(Signal);

impl Interrupts {
    /// Starts catching.
    pub fn catch() -> Result<Self, Failure> {
        Ok(Self(signal(SignalKind::interrupt())?))
    }

    /// Waits for the next press.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // The runtime is shutting down; nothing will be pressed any more.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn words_make_a_question() {
        assert_eq!(question(&["when".into(), "is it?".into()], "question").unwrap(), "when is it?");
        assert_eq!(question(&["  ".into()], "question").unwrap_err().code(), 2);
    }

    #[test]
    fn paths_become_absolute() {
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert_eq!(absolute(Path::new(".")).unwrap(), here.to_str().unwrap());
        let absent = absolute(Path::new("no such folder/x")).unwrap();
        assert!(absent.starts_with('/') && absent.ends_with("no such folder/x"), "{absent}");
    }

    #[test]
    fn a_file_must_be_there_and_be_a_file() {
        let error = existing_file(Path::new("/no/such/file")).unwrap_err();
        assert_eq!(error.code(), 1);
        assert!(format!("{error:?}").contains("/no/such/file"));
        assert!(format!("{:?}", existing_file(Path::new("/")).unwrap_err()).contains("is a folder"));
    }

    #[test]
    fn a_path_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/tmp/caf\xe9"));
        assert!(format!("{:?}", absolute(path).unwrap_err()).contains("not UTF-8"));
    }
}
