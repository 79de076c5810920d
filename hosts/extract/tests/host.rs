//! The real program over a real wire.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Folder, pdf, wanted};
use hob_link::BUILD_ID;
use hob_link::extract::{ExtractReply, ExtractRequest};
use hob_link::host::PARENT_PID;
use hob_link::passing;
use hob_link::wire::{FromHost, Hello, ToHost, encode, read_frame, write_frame};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

struct Host {
    child: Child,
    wire: UnixStream,
}

impl Host {
    fn start() -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_hob-extract-host"))
            .env(PARENT_PID, std::process::id().to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut host = Self { child, wire: ours };
        let Some(FromHost::Hello(Hello { build, kind, sandbox })) = host.read() else { panic!("no hello") };
        assert_eq!((build.as_str(), kind.as_str()), (BUILD_ID, "extract"));
        assert!(sandbox.unwrap().is_tight());
        host
    }

    fn read(&mut self) -> Option<FromHost<ExtractReply>> {
        read_frame(&mut self.wire).unwrap()
    }

    fn send(&mut self, message: ToHost<ExtractRequest>) {
        write_frame(&mut self.wire, &message).unwrap();
    }

    fn ask(&mut self, id: u64, path: &Path) -> ExtractReply {
        self.ask_together(id, &[path.to_path_buf()]).remove(0)
    }

    fn ask_together(&mut self, id: u64, paths: &[PathBuf]) -> Vec<ExtractReply> {
        let body = ExtractRequest { files: paths.iter().map(|path| wanted(path)).collect() };
        let frame = encode(&ToHost::Request { id, body }).unwrap();
        let files: Vec<File> = paths.iter().map(|path| File::open(path).unwrap()).collect();
        let files: Vec<BorrowedFd<'_>> = files.iter().map(AsFd::as_fd).collect();
        let sent = passing::send(&self.wire, &frame, &files).unwrap();
        self.wire.write_all(&frame[sent..]).unwrap();
        let reply = |host: &mut Self, is_last| match host.read() {
            Some(FromHost::Reply { id: of, last, body }) if (of, last) == (id, is_last) => body,
            other => panic!("no reply to {id}: {other:?}"),
        };
        (1..=paths.len()).map(|nth| reply(self, nth == paths.len())).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn it_answers_in_order_survives_bad_files_and_ends_when_told() {
    let folder = Folder::new();
    let mut host = Host::start();
    let reply = host.ask(1, &folder.file("a.md", "# Title\n\nText.\n"));
    assert!(matches!(reply, ExtractReply::Document(ref d) if d.title.as_deref() == Some("Title")));
    host.send(ToHost::Cancel { id: 1 });
    // Without a page size the parser panics; that is one reply, not a dead host.
    let broken = String::from_utf8(pdf(&["Text."])).unwrap().replace("/MediaBox", "/MediaBux");
    assert!(matches!(host.ask(2, &folder.file("b.pdf", broken)), ExtractReply::Skipped { .. }));
    let reply = host.ask(3, &folder.file("c.pdf", pdf(&["Read me."])));
    assert!(matches!(reply, ExtractReply::Document(ref d) if d.blocks[0].text == "Read me."));
    let many: Vec<PathBuf> = (0..passing::MOST).map(|n| folder.file(&format!("{n}.txt"), text_of(n))).collect();
    for (n, reply) in host.ask_together(4, &many).into_iter().enumerate() {
        let ExtractReply::Document(document) = reply else { panic!("{n} was skipped") };
        let text: String = document.blocks.iter().map(|block| block.text.as_str()).collect();
        assert!(text.starts_with(&format!("Number {n}.")), "{n}: {text:.40}");
        assert_eq!(text.matches("A word.").count(), text_of(n).matches("A word.").count(), "{n}");
    }
    host.send(ToHost::Shutdown);
    assert!(host.child.wait().unwrap().success());
}

/// Some are larger than what waits for others.
fn text_of(n: usize) -> String {
    format!("Number {n}.\n") + &"A word. ".repeat(if n % 5 == 4 { 4_000 } else { 1 })
}

#[test]
fn it_limits_itself() {
    let host = Host::start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", host.child.id())).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().next().unwrap().to_string()
    };
    assert_eq!(limit("Max address space"), (1536_u64 << 20).to_string());
    assert_eq!(limit("Max open files"), "160");
    assert_eq!(limit("Max core file size"), "0");
    let adj = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", host.child.id())).unwrap();
    assert_eq!(adj.trim(), "600");
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.child.id())).unwrap();
    // Filtered system calls, and no new privileges.
    for line in ["Seccomp:\t2", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{status}");
    }
}

#[test]
fn killed_it_closes_its_wire_and_without_its_wire_it_ends() {
    let mut host = Host::start();
    host.child.kill().unwrap();
    assert_eq!(host.wire.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(host.child.wait().unwrap().signal(), Some(9));

    let mut host = Host::start();
    host.wire.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(host.child.wait().unwrap().success());
}

#[test]
fn by_hand_it_says_who_starts_it() {
    let output = Command::new(env!("CARGO_BIN_EXE_hob-extract-host")).stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("started by hobd"));
}
