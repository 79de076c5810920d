//! Files, folders and stores that are not as they should be.

use crate::harness::Harness;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::Ordering;

#[test]
fn bad_files_are_skipped_with_a_reason_and_stop_nothing() {
    let mut h = Harness::new();
    h.write("good.txt", "The walrus sleeps.");
    h.write("empty.txt", "");
    fs::write(h.root.join("binary.txt"), [0xff_u8, 0xfe, 0x00, 0x80]).unwrap();
    fs::File::create(h.root.join("huge.txt")).unwrap().set_len(200 << 20).unwrap();
    h.write("blank.txt", " \n\n ");
    h.write("panic.txt", "PANIC");
    fs::write(h.root.join(OsStr::from_bytes(b"caf\xe9.txt")), "latin").unwrap();
    fs::create_dir(h.root.join("loop")).unwrap();
    symlink(&h.root, h.root.join("loop/up")).unwrap();
    symlink(h.root.join("good.txt"), h.root.join("link.txt")).unwrap();
    assert!(Command::new("mkfifo").arg(h.root.join("pipe.txt")).status().unwrap().success());
    h.add();
    assert_eq!(h.found("walrus"), ["good.txt"]);
    let skipped = h.skipped();
    let reason = |name: &str| skipped.iter().find(|(n, _)| n == name).map(|(_, r)| r.as_str()).unwrap_or("");
    assert_eq!(reason("empty.txt"), "it is empty");
    assert_eq!(reason("binary.txt"), "it is not text");
    assert!(reason("huge.txt").contains("200 MB"));
    assert!(reason("blank.txt").contains("no text"));
    assert!(reason("panic.txt").contains("bug"));
    assert!(reason("caf\u{fffd}.txt").contains("rename it"));
    assert!(reason("pipe.txt").contains("pipe"));
    assert_eq!(skipped.len(), 7, "{skipped:?}");
    assert_eq!(h.index().status().skipped, 7);
    let calls = h.extractor.calls();
    h.reopen();
    h.idle();
    assert_eq!(h.extractor.calls(), calls, "what is broken is not tried again");
    assert_eq!(h.index().status().skipped, 7);
    // Until it changes.
    h.write("empty.txt", "The walrus wakes.");
    h.until_found("walrus", &["empty.txt", "good.txt"]);
    fs::remove_file(h.root.join("binary.txt")).unwrap();
    fs::remove_file(h.root.join(OsStr::from_bytes(b"caf\xe9.txt"))).unwrap();
    h.until("four are left", |index| index.status().skipped == 4);
}

const AS_NOBODY: &str = "HOB_TEST_AS_NOBODY";

/// Root may read everything, so the test runs once more as somebody else.
#[test]
fn unreadable_files_and_folders_are_skipped_with_a_reason() {
    let is_root = fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if !is_root || std::env::var_os(AS_NOBODY).is_some() {
        return unreadable();
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = dir.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let name = "trouble::unreadable_files_and_folders_are_skipped_with_a_reason";
    let run = Command::new(&program)
        .args(["--exact", name])
        .env(AS_NOBODY, "1")
        .env("TMPDIR", dir.path())
        .current_dir(dir.path())
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

fn unreadable() {
    let h = Harness::new();
    h.write("good.txt", "The walrus sleeps.");
    let file = h.write("closed.txt", "The walrus hides.");
    h.write("closed/a.txt", "The walrus hides.");
    let set = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&file, 0o000);
    set(&h.root.join("closed"), 0o000);
    h.add();
    assert_eq!(h.found("walrus"), ["good.txt"]);
    let skipped = h.skipped();
    assert_eq!(skipped.len(), 2, "{skipped:?}");
    assert!(skipped.iter().all(|(_, reason)| reason.contains("permissions")), "{skipped:?}");
    // Opened again, they come in without being asked for.
    set(&file, 0o644);
    h.until_found("walrus", &["closed.txt", "good.txt"]);
    set(&h.root.join("closed"), 0o755);
    h.until_found("walrus", &["closed.txt", "closed/a.txt", "good.txt"]);
    h.idle();
    assert!(h.skipped().is_empty(), "{:?}", h.skipped());
}

#[test]
fn an_extractor_that_can_not_run_is_tried_again_and_not_for_ever() {
    let h = Harness::new();
    h.write("a.txt", "The walrus sleeps.");
    h.extractor.unavailable.store(2, Ordering::SeqCst);
    h.add();
    assert_eq!((h.found("walrus"), h.extractor.calls()), (vec!["a.txt".to_owned()], 3));
    h.extractor.unavailable.store(usize::MAX, Ordering::SeqCst);
    h.write("b.txt", "The heron stands.");
    h.until("given up", |index| index.status().skipped == 1);
    h.idle();
    assert_eq!(h.skipped(), [("b.txt".to_owned(), "the extractor is resting".to_owned())]);
    h.extractor.unavailable.store(0, Ordering::SeqCst);
    h.index().rescan(None).unwrap();
    h.until_found("heron", &["b.txt"]);
    h.idle();
    assert!(h.skipped().is_empty());
}

#[test]
fn a_damaged_database_costs_a_new_reading_and_no_folder() {
    let mut h = Harness::with_embedder(true);
    h.write("a.txt", "The walrus sleeps.");
    h.add();
    h.close();
    for entry in fs::read_dir(h.state.join("state")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::write(path, [0x5a_u8; 3000]).unwrap();
        }
    }
    h.open();
    h.idle();
    assert_eq!((h.found("walrus"), h.extractor.calls()), (vec!["a.txt".to_owned()], 2));
    let status = h.index().status();
    assert_eq!((status.documents, status.embeddable, status.embedded), (1, 1, 1));
}

#[test]
fn a_truncated_snapshot_costs_nothing() {
    let mut h = Harness::new();
    for i in 0..300 {
        h.write(&format!("{i}.txt"), "The walrus sleeps.");
    }
    h.add();
    h.reopen();
    h.idle();
    h.close();
    let mut cut = 0;
    for entry in fs::read_dir(h.state.join("state")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().as_bytes().starts_with(b"snap.") {
            let len = fs::metadata(&path).unwrap().len();
            fs::File::options().write(true).open(path).unwrap().set_len(len / 2).unwrap();
            cut += 1;
        }
    }
    assert!(cut > 0);
    h.open();
    h.idle();
    assert_eq!((h.index().status().documents, h.extractor.calls()), (300, 300));
}

#[test]
fn a_lost_lexical_index_is_built_again() {
    let mut h = Harness::with_embedder(true);
    h.write("a.txt", "The walrus sleeps.");
    h.add();
    h.close();
    fs::remove_dir_all(h.state.join("lexical")).unwrap();
    h.open();
    h.idle();
    assert_eq!((h.found("walrus"), h.extractor.calls()), (vec!["a.txt".to_owned()], 2));
    let status = h.index().status();
    assert_eq!((status.documents, status.embeddable, status.embedded), (1, 1, 1));
}
