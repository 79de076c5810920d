//! Many changes at once, no watches left, and file systems that come and go.

use crate::harness::Harness;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn a_changed_file_is_found_within_a_second_of_its_closing() {
    let h = Harness::new();
    h.write("a.txt", "The walrus sleeps.");
    h.add();
    let mut times: Vec<Duration> = Vec::new();
    for i in 0..7 {
        let word = format!("heron{i}");
        h.write("a.txt", &format!("The {word} stands."));
        let closed = Instant::now();
        h.until_found(&word, &["a.txt"]);
        times.push(closed.elapsed());
    }
    times.sort();
    // The limit is a second on an idle machine, and this one may be busy: the benchmark holds the figure.
    assert!(times[3] < Duration::from_secs(5), "{times:?}");
    println!("found after {times:?}");
}

#[test]
fn ten_thousand_files_that_change_at_once_are_all_followed() {
    let h = Harness::new();
    for i in 0..10_000 {
        h.write(&format!("{}/{i}.txt", i % 50), "The walrus sleeps.");
    }
    h.add();
    assert_eq!(h.index().status().documents, 10_000);
    for i in 0..10_000 {
        h.write(&format!("{}/{i}.txt", i % 50), &format!("The heron number{i} stands."));
    }
    h.until("every change is in", |index| {
        let status = index.status();
        assert!(status.pending <= 110_000, "the queue is bounded: {}", status.pending);
        status.pending == 0 && index.check().is_ok_and(|report| report.findings.is_empty())
    });
    for i in [0, 4_999, 9_999] {
        assert_eq!(h.found(&format!("number{i}")), [format!("{}/{i}.txt", i % 50)]);
    }
}

/// Runs this test once more in namespaces of its own, where it may mount and set limits; whether it was run there.
/// Says so loudly when the machine does not allow it.
fn elsewhere(name: &str, prepare: &str) -> bool {
    const THERE: &str = "HOB_TEST_IN_NAMESPACE";
    if std::env::var_os(THERE).is_some() {
        return false;
    }
    let unshare = ["--user", "--map-root-user", "--mount", "--propagation", "private"];
    let allowed = Command::new("unshare").args(unshare).args(["sh", "-c", prepare]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED {name}: user namespaces are not allowed here");
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let script = format!("{prepare} && exec \"$0\" --exact {name} --nocapture");
    let mut command = Command::new("unshare");
    command.args(unshare).args(["sh", "-c", &script]).arg(program).env(THERE, "1").process_group(0);
    let run = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
    true
}

#[test]
fn without_watches_changes_are_found_by_looking_and_the_user_is_told() {
    let limit = "echo 4 >/proc/sys/user/max_inotify_watches";
    if elsewhere("watching::without_watches_changes_are_found_by_looking_and_the_user_is_told", limit) {
        return;
    }
    let mut h = Harness::new();
    h.sweep = Duration::from_millis(200);
    h.reopen();
    for i in 0..20 {
        h.write(&format!("{i}/a.txt"), "The walrus sleeps.");
    }
    h.add();
    let skipped = h.skipped();
    assert!(skipped.iter().any(|(_, why)| why.contains("max_user_watches")), "{skipped:?}");
    for i in 0..20 {
        h.write(&format!("{i}/a.txt"), &format!("The heron number{i} stands."));
    }
    for i in 0..20 {
        h.until_found(&format!("number{i}"), &[&format!("{i}/a.txt")]);
    }
}

fn sh(script: &str) {
    assert!(Command::new("sh").args(["-c", script]).status().unwrap().success(), "{script}");
}

#[test]
fn what_is_unmounted_leaves_and_comes_back() {
    if elsewhere("watching::what_is_unmounted_leaves_and_comes_back", "true") {
        return;
    }
    let h = Harness::new();
    h.write("a.txt", "The walrus sleeps.");
    let vault = h.root.join("vault");
    fs::create_dir(&vault).unwrap();
    let hidden = h.root.parent().unwrap().join("hidden");
    fs::create_dir(&hidden).unwrap();
    fs::write(hidden.join("secret.txt"), "The heron stands.").unwrap();
    h.add();
    let (from, to) = (hidden.display(), vault.display());
    sh(&format!("mount --bind {from} {to}"));
    h.index().mounts_changed();
    h.until_found("heron", &["vault/secret.txt"]);
    // Changes inside are followed, too.
    fs::write(vault.join("more.txt"), "The otter swims.").unwrap();
    h.until_found("otter", &["vault/more.txt"]);
    sh(&format!("umount {to}"));
    let unmounted = Instant::now();
    h.index().mounts_changed();
    h.until_found("heron", &[]);
    h.until_found("otter", &[]);
    assert!(unmounted.elapsed() < Duration::from_secs(60));
    assert_eq!(h.found("walrus"), ["a.txt"]);
    h.idle();
    assert!(h.index().check().unwrap().findings.is_empty());
    sh(&format!("mount --bind {from} {to}"));
    h.index().mounts_changed();
    h.until_found("heron", &["vault/secret.txt"]);
}
