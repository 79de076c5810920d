//! Hundreds of files that mean harm, through the real daemon and its real extract host: each costs its own row in the
//! list of skipped files, and nothing else.

use hob_tests::hostile::Corpus;
use hob_tests::{Scene, children_of};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Most that the daemon may take at its peak, in KiB: it holds no file of the user's, only texts on their way.
const DAEMON_KIB: u64 = 256 << 10;
/// How long all of it may take on a slow machine; endless would be longer.
const PATIENCE: Duration = Duration::from_secs(600);

fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the daemon runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_cost_a_row_each_and_nothing_else() {
    let scene = Scene::start(None).await.expect("a scene");
    let good = scene.write("files/first.md", "# Lighthouse\n\nThe keeper counts the ships.\n").expect("written");
    let folder = good.parent().expect("a folder");
    let corpus = Corpus::write(folder).expect("a corpus");
    let last = scene.write("files/zz-last.txt", "The last ferry carries oranges.\n").expect("written");
    assert!(corpus.all.len() >= 300, "only {} files", corpus.all.len());

    let started = Instant::now();
    scene.index(folder).expect("indexed");
    let took = started.elapsed();
    assert!(took < PATIENCE, "it took {took:?}");

    let status = scene.hob_json(&["index", "status", "--skipped", "10000"]).expect("a status");
    let reasons = reasons(&status);
    let (documents, skipped) = (count(&status, "documents"), count(&status, "skipped"));
    eprintln!("{} files in {took:?}: {documents} read, {skipped} skipped", corpus.all.len() + 2);
    assert_eq!(documents + skipped, corpus.all.len() as u64 + 2, "files that are neither read nor listed");
    assert_eq!(reasons.len() as u64, skipped);
    for reason in reasons.values() {
        assert!(!reason.is_empty() && !reason.contains('\n') && !reason.contains("bug"), "{reason}");
    }
    for path in &corpus.hopeless {
        assert!(reasons.contains_key(&*path.to_string_lossy()), "{} is not listed", path.display());
    }

    let peak = peak_kib(scene.daemon_pid());
    eprintln!("the daemon's peak: {} MiB", peak >> 10);
    assert!(peak < DAEMON_KIB, "the daemon took {} MiB", peak >> 10);
    found(&scene, "lighthouse keeper", &good);
    found(&scene, "ferry oranges", &last);
    // The reader is at work for whoever comes next.
    let next = scene.write("next/after.txt", "After the storm the harbour is quiet.\n").expect("written");
    scene.index(next.parent().expect("a folder")).expect("indexed");
    found(&scene, "harbour storm", &next);
    let hosts = scene.hob_json(&["status"]).expect("a status");
    let host = hosts["hosts"].as_array().and_then(|hosts| hosts.iter().find(|h| h["kind"] == "extract")).cloned();
    if let Some(host) = host {
        assert!(host["sandbox"].as_str().is_some_and(|said| said.starts_with("confined")), "{host}");
    }
    assert!(children_of(scene.daemon_pid()).len() <= 2, "one reader at a time");
}

/// Files that end, hang or confuse the reader come in the middle of files that don't.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_ends_or_hangs_the_reader_is_blamed_and_nobody_else() {
    let scene = Scene::with_reader("hob-faulty-reader").await.expect("a scene");
    let mut folder = None;
    for n in 0..60 {
        let name = match n {
            10 | 11 | 12 | 30 | 59 => format!("files/die-{n}.txt"),
            20 => format!("files/hang-{n}.txt"),
            40 => format!("files/flood-{n}.txt"),
            n => format!("files/good-{n}.txt"),
        };
        folder = Some(scene.write(&name, format!("The harbour of island number {n} is quiet.\n")).expect("written"));
    }
    let folder = folder.expect("files");
    let folder = folder.parent().expect("a folder");
    scene.index(folder).expect("indexed");
    let status = scene.hob_json(&["index", "status", "--skipped", "100"]).expect("a status");
    let reasons = reasons(&status);
    assert_eq!((count(&status, "documents"), reasons.len()), (53, 7), "{reasons:#?}");
    for (path, reason) in &reasons {
        let expected = match path.rsplit('/').next().unwrap_or_default().split('-').next() {
            Some("die") => "signal 6",
            Some("hang") => "longer than 30 s",
            Some("flood") => "broke the protocol",
            _ => panic!("{path} was blamed: {reason}"),
        };
        assert!(reason.contains(expected), "{path}: {reason}");
    }
}

fn reasons(status: &Value) -> HashMap<String, String> {
    let files = status["skipped_files"].as_array().expect("skipped files").iter();
    files.map(|file| (text(&file["path"]), text(&file["reason"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

fn count(status: &Value, what: &str) -> u64 {
    status[what].as_u64().unwrap_or_else(|| panic!("no {what} in {status}"))
}

fn found(scene: &Scene, words: &str, path: &Path) {
    let found = scene.hob_json(&["search", words]).expect("searched");
    assert_eq!(found["hits"][0]["path"].as_str(), path.to_str(), "{words}");
}
