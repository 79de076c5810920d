//! Who asks, and the log of what was done for them.
//!
//! The log is one JSON object per line, readable by the user alone, and never holds more than two
//! files of 4 MiB. An unsandboxed process of the same user can claim any program name:
//! for those the log is a record, not a boundary.

mod app;
mod readers;

pub use readers::Readers;

use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Size at which the log is turned over, in bytes.
const MAX_LOG: u64 = 4 << 20;

/// Who made a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// Unique bus name; empty for the daemon itself.
    pub name: String,
    /// Process id, 0 when the bus does not tell.
    pub pid: u32,
    /// The program's path, as far as it can be read.
    pub program: String,
    /// The application it belongs to; empty when nothing is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app: String,
}

impl Caller {
    /// The daemon acting on a skill's earlier wish.
    pub fn daemon() -> Self {
        Self { pid: std::process::id(), program: "hobd".into(), ..Self::default() }
    }

    /// A bus client; its program is read from the kernel.
    pub fn client(name: String, pid: u32) -> Self {
        let program = fs::read_link(format!("/proc/{pid}/exe")).map(|p| p.display().to_string()).unwrap_or_default();
        let app = app::of(pid, &program);
        Self { name, pid, program, app }
    }

    /// One word for everything that shares this caller's turn: a process, however many connections
    /// it opens, and not a program, since many run under the same interpreter.
    pub fn identity(&self) -> String {
        if self.pid == 0 { self.name.clone() } else { format!("{}[{}]", self.program, self.pid) }
    }
}

/// One call of a skill.
#[derive(Debug, Serialize)]
pub struct CallRecord<'a> {
    /// When, RFC 3339.
    pub at: String,
    /// Who asked.
    pub caller: &'a Caller,
    /// What the user said, if it came from words.
    pub request: &'a str,
    /// The skill.
    pub skill: &'a str,
    /// The intent.
    pub intent: &'a str,
    /// Its arguments.
    pub arguments: &'a str,
    /// The result's status, or the error.
    pub outcome: &'a str,
    /// By what it can be undone, if it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'a str>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Where something may have gone from this device: the hosts that the skill may reach.
    pub left_device: &'a [&'a str],
}

/// The log file.
pub struct Log {
    file: PathBuf,
    open: Mutex<Option<File>>,
}

impl Log {
    /// Appends to `file`, which is made when the first record comes.
    pub fn new(file: PathBuf) -> Self {
        Self { file, open: Mutex::new(None) }
    }

    /// Appends a record.
    pub fn append(&self, record: &CallRecord<'_>) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(self.open_file()?);
        }
        let Some(file) = open.as_mut() else { return Err(io::Error::other("the log is not open")) };
        file.write_all(&line)?;
        if file.metadata()?.len() > MAX_LOG {
            fs::rename(&self.file, self.file.with_extension("log.1"))?;
            *open = None;
        }
        Ok(())
    }

    fn open_file(&self) -> io::Result<File> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn records_are_lines_that_only_the_user_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Log::new(folder.path().join("state/hob.log"));
        let caller = Caller::client(":1.7".into(), std::process::id());
        for intent in ["SetTimer", "WhatTime"] {
            let record = CallRecord {
                at: "2026-11-23T10:00:00Z".into(),
                caller: &caller,
                request: "line\nbreak",
                skill: "org.hob.clock",
                intent,
                arguments: "{}",
                outcome: "success",
                action: None,
                took_ms: 3,
                left_device: &[],
            };
            log.append(&record).expect("append");
        }
        let text = fs::read_to_string(&log.file).expect("read");
        assert_eq!(text.lines().count(), 2);
        let first: serde_json::Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        assert_eq!(first["intent"], "SetTimer");
        assert!(!caller.program.is_empty());
        assert_eq!(fs::metadata(&log.file).expect("metadata").permissions().mode() & 0o777, 0o600);
    }
}
