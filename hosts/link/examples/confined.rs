//! Enters a sandbox and tries what it should not be able to do, for the sandbox's tests. Prints one line for each
//! attempt: its name, then "done" or the error's number.
//!
//! Arguments: how it is confined ("computing", "files", "programs", "unix", "threads-first"), the folder of the test,
//! the port of a TCP server, the path of a unix socket.
#![allow(unsafe_code)]

use hob_link::host::Limits;
use hob_link::sandbox::{Network, Sandbox, SandboxError};
use rustix::process::{Signal, getppid, kill_process};
use std::fs;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Command;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [how, folder, port, socket] = &arguments[..] else { panic!("four arguments") };
    let folder = Path::new(folder);
    if how == "threads-first" {
        let _other = std::thread::spawn(std::thread::park);
        assert!(matches!(Sandbox::new(Limits::NONE).enter(), Err(SandboxError::Threads(2))));
        return println!("refused done");
    }
    let limits = Limits { address_space: Some(1 << 30), open_files: Some(32), file_size: Some(4096), ..Limits::NONE };
    let sandbox = Sandbox::new(limits);
    let sandbox = match how.as_str() {
        "computing" => sandbox,
        "files" => sandbox.libraries().read(folder.join("readable")).write(folder.join("writable")),
        "programs" => sandbox.libraries().execute("/bin/sh").execute("/usr/bin/env").write(folder.join("writable")),
        "unix" => sandbox.network(Network::Unix),
        other => panic!("{other} is no way to be confined"),
    };
    let report = sandbox.enter().expect("a sandbox");
    println!("report {report}");
    println!("tight {}", if report.is_tight() { "done" } else { "0" });
    files(folder);
    sockets(port, socket);
    others();
    threads();
}

fn say<T>(name: &str, result: io::Result<T>) {
    match result {
        Ok(_) => println!("{name} done"),
        Err(error) => println!("{name} {}", error.raw_os_error().unwrap_or(-1)),
    }
}

fn files(folder: &Path) {
    say("read-secret", fs::read(folder.join("secret/key")));
    say("list-secret", fs::read_dir(folder.join("secret")));
    say("read-allowed", fs::read(folder.join("readable/file")));
    say("write-readable", fs::write(folder.join("readable/file"), "x"));
    say("write-allowed", fs::write(folder.join("writable/new"), "x"));
    say("write-outside", fs::write(folder.join("outside"), "x"));
    say("climb-out", fs::read(folder.join("writable/../secret/key")));
    say("link-out", fs::hard_link(folder.join("secret/key"), folder.join("writable/key")));
    say("remove-outside", fs::remove_file(folder.join("secret/key")));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    say("change-mode", fs::set_permissions(folder.join("secret/key"), mode));
    // Beyond the limit for the size of files; the signal that comes first is ignored by nobody.
    if fs::exists(folder.join("writable/new")).unwrap_or(false) {
        // SAFETY: ignoring a signal touches no memory.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        say("write-much", fs::write(folder.join("writable/new"), vec![0_u8; 10_000]));
    }
}

fn sockets(port: &str, socket: &str) {
    let server = format!("127.0.0.1:{port}");
    say("tcp", TcpStream::connect(&server));
    say("listen", TcpListener::bind("127.0.0.1:0"));
    say("udp", UdpSocket::bind("127.0.0.1:0").and_then(|udp| udp.send_to(b"x", &server)));
    say("unix", UnixStream::connect(socket));
    say("unix-datagram", UnixDatagram::unbound());
    say("unix-listen", std::os::unix::net::UnixListener::bind(format!("{socket}.new")));
}

fn others() {
    let parent = getppid().expect("a parent");
    // SAFETY: attaching reads and writes no memory of this process.
    say("ptrace", checked(unsafe { libc::ptrace(libc::PTRACE_ATTACH, parent.as_raw_nonzero().get(), 0, 0) }));
    // SIGURG is ignored by who does not ask for it, so that a sandbox with a hole does not end the test.
    say("kill-parent", kill_process(parent, Signal::URG).map_err(Into::into));
    say("process", Command::new("/bin/sh").args(["-c", "exit 0"]).status());
    say("not-executable", Command::new("/bin/ls").status());
    let escape = Command::new("/bin/sh").args(["-c", "cat /etc/passwd; echo x >/dev/tcp/127.0.0.1/1"]).output();
    say(
        "child-reads",
        escape.and_then(|o| if o.stdout.is_empty() { Err(io::Error::other("nothing")) } else { Ok(()) }),
    );
    // SAFETY: these calls touch no memory, or memory that is valid for them.
    unsafe {
        say("fork", forked());
        say("namespace", checked(libc::syscall(libc::SYS_unshare, libc::CLONE_NEWUSER)));
        say("mount", checked(libc::syscall(libc::SYS_mount, c"none".as_ptr(), c"/".as_ptr(), c"tmpfs".as_ptr(), 0, 0)));
        say("keys", checked(libc::syscall(libc::SYS_add_key, c"user".as_ptr(), c"x".as_ptr(), c"y".as_ptr(), 1, -1)));
        say("bpf", checked(libc::syscall(libc::SYS_bpf, 0, 0, 0)));
        say("raise-limit", raised());
    }
    let own_limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    println!("own-limit {}", own_limit.unwrap_or_default());
}

/// # Safety
/// The child does nothing but end.
unsafe fn forked() -> io::Result<()> {
    // SAFETY: the child ends at once.
    match unsafe { libc::fork() } {
        // SAFETY: ends the process without running anything.
        0 => unsafe { libc::_exit(0) },
        child => checked(child),
    }
}

/// # Safety
/// None beyond what the call needs, which is given.
unsafe fn raised() -> io::Result<()> {
    let more = libc::rlimit { rlim_cur: 1000, rlim_max: 1000 };
    // SAFETY: the pointer is to a living value of the type that the call reads.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &more) })
}

fn checked(result: impl Into<i64>) -> io::Result<()> {
    if result.into() < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What has to go on working.
fn threads() {
    let sum: u64 = (0..4_u64).map(|n| std::thread::spawn(move || n * n)).filter_map(|t| t.join().ok()).sum();
    println!("threads {}", if sum == 14 { "done" } else { "0" });
    let grown: Vec<u8> = (0..50_000_000_u64).map(|n| n as u8).collect();
    println!("memory {}", if grown.len() == 50_000_000 { "done" } else { "0" });
    let fits = Vec::<u8>::new().try_reserve_exact(2 << 30);
    println!("much-memory {}", if fits.is_ok() { "done" } else { "12" });
    let caught = std::panic::catch_unwind(|| std::panic::panic_any("on purpose"));
    println!("panic {}", if caught.is_err() { "done" } else { "0" });
    io::stdout().flush().expect("the output");
}
