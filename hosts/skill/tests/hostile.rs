//! One saboteur library that tries to reach what nobody granted it. Each attempt comes back with the kernel's word.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Running, c_skill, death, loaded, result};
use serde_json::json;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Tries what the intent names, on what `arguments` (a bare text between quotes) names; says the error's number.
const TRIES: &str = r#"
    char what[512] = "", text[512];
    sscanf(arguments, "{\"what\":\"%511[^\"]", what);
    long got = -1;
    errno = 0;
    if (!strcmp(intent, "Read")) got = open(what, O_RDONLY);
    if (!strcmp(intent, "List")) got = open(what, O_RDONLY | O_DIRECTORY);
    if (!strcmp(intent, "Write")) got = open(what, O_WRONLY | O_CREAT, 0600);
    if (!strcmp(intent, "Remove")) got = unlink(what);
    if (!strcmp(intent, "Link")) got = symlink("/etc", what);
    if (!strcmp(intent, "Mode")) got = chmod(what, 0777);
    if (!strcmp(intent, "Tcp")) got = socket(AF_INET, SOCK_STREAM, 0);
    if (!strcmp(intent, "Udp")) got = socket(AF_INET, SOCK_DGRAM, 0);
    if (!strcmp(intent, "Unix")) got = socket(AF_UNIX, SOCK_STREAM, 0);
    if (!strcmp(intent, "Netlink")) got = socket(16, SOCK_RAW, 0);
    if (!strcmp(intent, "Fork")) got = fork();
    if (!strcmp(intent, "Exec")) { char *none[] = {0}; got = execve("/bin/true", none, none); }
    if (!strcmp(intent, "Kill")) got = kill(getppid(), 9);
    if (!strcmp(intent, "KillAll")) got = kill(-1, 9);
    if (!strcmp(intent, "Ptrace")) got = syscall(SYS_ptrace, 16 /* attach */, getppid(), 0, 0);
    if (!strcmp(intent, "Memory")) got = syscall(SYS_process_vm_readv, getppid(), 0, 0, 0, 0, 0);
    if (!strcmp(intent, "Limits")) { struct { unsigned long a, b; } all = {~0ul, ~0ul}; got = syscall(SYS_prlimit64, 0, 9, &all, 0); }
    if (!strcmp(intent, "Mount")) got = syscall(SYS_mount, 0, "/mnt", "tmpfs", 0, 0);
    if (!strcmp(intent, "Namespace")) got = syscall(SYS_unshare, 0x10000000);
    if (!strcmp(intent, "Keys")) got = syscall(SYS_keyctl, 0, 0, 0, 0, 0);
    if (!strcmp(intent, "Bpf")) got = syscall(SYS_bpf, 0, 0, 0);
    if (!strcmp(intent, "Uring")) got = syscall(SYS_io_uring_setup, 1, 0);
    snprintf(text, sizeof text, "{\"status\":\"success\",\"data\":{\"got\":%ld,\"errno\":%d}}", got, errno);
    return copy(text);
"#;

const INCLUDES: &str = "#define _GNU_SOURCE\n#include <errno.h>\n#include <fcntl.h>\n#include <signal.h>\n#include <sys/socket.h>\n#include <sys/stat.h>\n#include <sys/syscall.h>\n";

async fn saboteur() -> Running {
    let running = Running::start().await;
    loaded(running.load_c(&(INCLUDES.to_string() + &c_skill(TRIES))).await);
    running
}

/// What a try came to: the call's value and the error's number.
async fn tried(running: &Running, intent: &str, what: &str) -> (i64, i64) {
    let arguments = format!("{{\"what\":\"{what}\"}}");
    let answer = result(running.call(intent, &arguments).await);
    (answer["data"]["got"].as_i64().unwrap(), answer["data"]["errno"].as_i64().unwrap())
}

const EPERM: i64 = 1;
const EACCES: i64 = 13;

#[tokio::test]
async fn files_outside_are_out_of_reach() {
    let running = saboteur().await;
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join(".ssh/id_ed25519");
    std::fs::create_dir_all(key.parent().unwrap()).unwrap();
    std::fs::write(&key, "secret").unwrap();
    let at = |name: &str| home.path().join(name).display().to_string();
    for (intent, what) in [
        ("Read", key.display().to_string()),
        ("List", at(".ssh")),
        ("Write", at("new")),
        ("Write", key.display().to_string()),
        ("Remove", key.display().to_string()),
        ("Link", at("link")),
        ("Read", "/etc/passwd".into()),
        ("Read", "/proc/self/environ".into()),
        ("List", "/root".into()),
        ("Write", "/tmp/hob-saboteur-was-here".into()),
    ] {
        assert_eq!(tried(&running, intent, &what).await, (-1, EACCES), "{intent} {what}");
    }
    assert_eq!(tried(&running, "Mode", &key.display().to_string()).await, (-1, EPERM));
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "secret");
    // A way around by the own folder leads nowhere: a link is followed, and judged by where it leads.
    let link = running.storage().join("way-out").display().to_string();
    std::os::unix::fs::symlink(&key, &link).unwrap();
    assert_eq!(tried(&running, "Read", &link).await, (-1, EACCES));
    // The own storage is open.
    let own = running.storage().join("mine").display().to_string();
    assert!(tried(&running, "Write", &own).await.0 >= 0);
    assert!(Path::new(&own).exists());
}

#[tokio::test]
async fn no_socket_no_process_no_other_process() {
    // What listens would be reachable, were there a way.
    let folder = tempfile::tempdir().unwrap();
    let _tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let _udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let _unix = UnixListener::bind(folder.path().join("bus")).unwrap();
    let running = saboteur().await;
    for intent in [
        "Tcp",
        "Udp",
        "Unix",
        "Netlink",
        "Fork",
        "Exec",
        "Kill",
        "KillAll",
        "Ptrace",
        "Memory",
        "Mount",
        "Namespace",
        "Keys",
        "Bpf",
        "Uring",
        "Limits",
    ] {
        let (got, errno) = tried(&running, intent, "").await;
        assert_eq!((got, errno), (-1, EPERM), "{intent}");
    }
    assert!(running.host.is_alive(), "nothing of this ends the skill");
}

#[tokio::test]
async fn a_fork_bomb_makes_no_process() {
    let running = Running::start().await;
    let body =
        "for (int n = 0; n < 100000; n++) if (fork() >= 0) abort(); return copy(\"{\\\"status\\\":\\\"success\\\"}\");";
    loaded(running.load_c(&c_skill(body)).await);
    assert_eq!(result(running.call("Any", "{}").await)["status"], "success");
}

#[tokio::test]
async fn a_flood_of_output_fills_nothing_and_stops_nobody() {
    let running = Running::start().await;
    // 1 GB, in pieces of 1 MiB.
    let body = "char *piece = malloc(1 << 20); memset(piece, 'x', 1 << 20); for (int n = 0; n < 1024; n++) { fwrite(piece, 1, 1 << 20, stdout); } fflush(stdout); return copy(\"{\\\"status\\\":\\\"success\\\"}\");";
    loaded(running.load_c(&c_skill(body)).await);
    assert_eq!(result(running.call("Any", "{}").await)["status"], "success");
}

#[tokio::test]
async fn a_file_without_end_stops_at_the_limit() {
    let running = Running::start().await;
    let body = r#"char path[600] = ""; const char *from = strstr(context, "\"storage\":\""); sscanf(from, "\"storage\":\"%511[^\"]", path);
        strcat(path, "/endless"); FILE *file = fopen(path, "w"); char *piece = calloc(1, 1 << 20);
        for (int n = 0; n < 2048; n++) { if (fwrite(piece, 1, 1 << 20, file) != 1 << 20) break; } return copy("{\"status\":\"success\"}");"#;
    loaded(running.load_c(&c_skill(body)).await);
    assert_eq!(death(running.call("Any", "{}").await), "signal 25");
    assert!(std::fs::metadata(running.storage().join("endless")).unwrap().len() <= 256 << 20);
}

#[tokio::test]
async fn a_constructor_is_confined_too() {
    let running = Running::start().await;
    let source = c_skill("return copy(\"{\\\"status\\\":\\\"success\\\"}\");")
        + "\n#include <fcntl.h>\n__attribute__((constructor)) static void early(void) { if (open(\"/etc/passwd\", O_RDONLY) >= 0) _exit(9); }\n";
    loaded(running.load_c(&source).await);
}

#[tokio::test]
async fn a_destructor_that_crashes_harms_nobody() {
    let running = Running::start().await;
    let source = c_skill("return copy(\"{\\\"status\\\":\\\"success\\\"}\");")
        .replace("destroy(hob_skill *skill) { free(skill); }", "destroy(hob_skill *skill) { (void)skill; abort(); }");
    loaded(running.load_c(&source).await);
    assert_eq!(result(running.call("Any", "{}").await)["status"], "success");
    running.host.stop(std::time::Duration::from_secs(5)).await;
    assert!(!running.host.is_alive());
}

#[tokio::test]
async fn what_was_granted_is_open_and_nothing_beside() {
    let mut running = Running::start().await;
    let files = tempfile::tempdir().unwrap();
    for folder in ["read", "write", "other"] {
        std::fs::create_dir(files.path().join(folder)).unwrap();
        std::fs::write(files.path().join(folder).join("file"), "x").unwrap();
    }
    let at = |name: &str| files.path().join(name);
    running.grants.read = vec![at("read")];
    running.grants.write = vec![at("write")];
    loaded(running.load_c(&(INCLUDES.to_string() + &c_skill(TRIES))).await);
    let shown = |name: &str| at(name).display().to_string();
    assert!(tried(&running, "Read", &shown("read/file")).await.0 >= 0);
    assert_eq!(tried(&running, "Write", &shown("read/new")).await, (-1, EACCES));
    assert!(tried(&running, "Write", &shown("write/new")).await.0 >= 0);
    assert_eq!(tried(&running, "Read", &shown("other/file")).await, (-1, EACCES));
    assert_eq!(json!(at("read/new").exists()), json!(false));
}
