//! Why a file gives no document: one clear sentence each.

use std::io;

/// A file's fault. Its text is what the user reads.
#[derive(Debug, thiserror::Error)]
pub enum Skip {
    /// Zero bytes.
    #[error("the file is empty")]
    Empty,
    /// Larger than the request allows.
    #[error("the file has {} and only files up to {} are read", size(*.bytes), size(*.limit))]
    TooLarge {
        /// The file's size.
        bytes: u64,
        /// The request's limit.
        limit: u64,
    },
    /// The file could not be opened or read.
    #[error("the file can't be read: {0}")]
    Unreadable(String),
    /// Bytes that are no text where text was expected.
    #[error("looks like binary data, not text ({0})")]
    Binary(String),
    /// A format nobody wrote an extractor for.
    #[error("no text can be read from .{0} files yet")]
    Unsupported(String),
    /// A file that is not what its name says, or is damaged.
    #[error("not a readable {what}: {reason}")]
    Broken {
        /// What it should have been, e.g. "PDF".
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Needs a password.
    #[error("the {0} is protected with a password; save a copy without one to have it indexed")]
    Encrypted(&'static str),
    /// Valid, but without any text.
    #[error("{0}")]
    NoText(String),
    /// Decompresses to far more than any honest file.
    #[error("it unpacks to more than {}, which looks like a decompression bomb", size(*.0))]
    Bomb(u64),
    /// The parser panicked.
    #[error("the file is damaged in a way that its reader did not survive: {0}")]
    Panicked(String),
}

impl Skip {
    /// A damaged file; `reason` is shortened to one line.
    pub fn broken(what: &'static str, reason: impl ToString) -> Self {
        Skip::Broken { what, reason: one_line(&reason.to_string()) }
    }
}

impl From<io::Error> for Skip {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Skip::Unreadable("it is no longer there".into()),
            io::ErrorKind::PermissionDenied => Skip::Unreadable("permission denied".into()),
            _ => Skip::Unreadable(one_line(&error.to_string())),
        }
    }
}

/// The first 160 characters, white space folded: foreign parsers may quote half the file.
pub fn one_line(text: &str) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean: String = folded.chars().filter(|c| !c.is_control()).take(160).collect();
    if clean.is_empty() { "no reason given".into() } else { clean }
}

/// A size as a person says it.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_both_sizes_and_stay_on_one_line() {
        let skip = Skip::TooLarge { bytes: 200_000_000, limit: 50_000_000 };
        assert_eq!(skip.to_string(), "the file has 200.0 MB and only files up to 50.0 MB are read");
        assert_eq!(Skip::broken("PDF", "a\n\u{1b}b").to_string(), "not a readable PDF: a b");
    }
}
