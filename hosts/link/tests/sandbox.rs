//! A confined process tries what it must not be able to do.

use hob_link::host::PARENT_PID;
use std::collections::HashMap;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const EPERM: &str = "1";
const EACCES: &str = "13";

/// What a process confined like this could do: the attempt's name, and "done" or the error's number.
fn attempts(how: &str) -> HashMap<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, file) in [("secret", "key"), ("readable", "file"), ("writable", "old")] {
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
        std::fs::write(folder.path().join(name).join(file), "text").expect("a file");
    }
    let server = TcpListener::bind("127.0.0.1:0").expect("a server");
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).expect("a listener");
    let mut program: PathBuf = std::env::current_exe().expect("this test's path");
    program.pop();
    program.pop();
    let output = Command::new(program.join("examples/confined"))
        .arg(how)
        .arg(folder.path())
        .arg(server.local_addr().expect("an address").port().to_string())
        .arg(&socket)
        .env(PARENT_PID, std::process::id().to_string())
        .stdin(Stdio::null())
        .output()
        .expect("the example runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.path().join("secret/key").exists() && !folder.path().join("outside").exists());
    said.lines().filter_map(|line| line.split_once(' ')).map(|(name, end)| (name.into(), end.into())).collect()
}

fn expect(attempts: &HashMap<String, String>, end: &str, names: &[&str]) {
    for name in names {
        assert_eq!(attempts.get(*name).map(String::as_str), Some(end), "{name} in {attempts:#?}");
    }
}

/// Out of reach for whoever is confined, however much is allowed besides.
const NEVER: [&str; 11] = [
    "tcp",
    "listen",
    "udp",
    "unix-listen",
    "ptrace",
    "change-mode",
    "namespace",
    "mount",
    "keys",
    "bpf",
    "raise-limit",
];
/// What must go on working.
const ALWAYS: [&str; 3] = ["threads", "memory", "panic"];

#[test]
fn who_may_only_compute_reaches_nothing() {
    let tried = attempts("computing");
    expect(&tried, EPERM, &NEVER);
    expect(&tried, EPERM, &["read-secret", "list-secret", "read-allowed", "write-readable", "write-allowed"]);
    expect(&tried, EPERM, &["write-outside", "climb-out", "link-out", "remove-outside", "unix", "unix-datagram"]);
    expect(&tried, EPERM, &["kill-parent", "process", "not-executable", "child-reads", "fork"]);
    expect(&tried, "done", &ALWAYS);
    expect(&tried, "done", &["tight"]);
    expect(&tried, "12", &["much-memory"]);
    expect(&tried, "32", &["own-limit"]);
}

#[test]
fn files_are_open_where_it_was_allowed_and_nowhere_else() {
    let tried = attempts("files");
    expect(&tried, EPERM, &NEVER);
    expect(&tried, EPERM, &["unix", "unix-datagram", "kill-parent", "process", "fork"]);
    expect(&tried, EACCES, &["read-secret", "list-secret", "write-readable", "write-outside", "climb-out"]);
    expect(&tried, EACCES, &["remove-outside"]);
    // EXDEV: the kernel treats the border like that of a file system.
    expect(&tried, "18", &["link-out"]);
    expect(&tried, "done", &["read-allowed", "write-allowed"]);
    expect(&tried, "done", &ALWAYS);
    // EFBIG: the limit for the size of files.
    expect(&tried, "27", &["write-much"]);
}

#[test]
fn programs_run_where_it_was_allowed_and_in_the_same_sandbox() {
    let tried = attempts("programs");
    expect(&tried, EPERM, &NEVER);
    expect(&tried, EPERM, &["kill-parent", "unix"]);
    expect(&tried, EACCES, &["read-secret", "write-outside", "not-executable"]);
    expect(&tried, "done", &["process", "write-allowed", "fork"]);
    assert_ne!(tried["child-reads"], "done");
    expect(&tried, "done", &ALWAYS);
}

#[test]
fn unix_sockets_are_the_only_ones_that_unix_means() {
    let tried = attempts("unix");
    expect(&tried, EPERM, &["tcp", "listen", "udp", "read-secret", "process", "kill-parent"]);
    expect(&tried, "done", &["unix", "unix-datagram"]);
}

#[test]
fn threads_that_run_already_would_stay_outside_and_are_refused() {
    expect(&attempts("threads-first"), "done", &["refused"]);
}
