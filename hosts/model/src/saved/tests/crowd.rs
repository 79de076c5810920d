//! Several stores on one folder at once, and a disk that is full.
//!
//! Other processes are this test program again, with one of these variables set.

use super::*;
use std::process::{Child, Command, Stdio};

const FOLDER: &str = "HOB_TEST_SAVED_FOLDER";
const ROUNDS: u64 = 150;

/// This program, to run one test of this module with the folder as its argument, by way of a shell.
fn child(test: &str, folder: &Path, shell: &str) -> Child {
    let name = format!("saved::tests::crowd::{test}");
    Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Puts and reads at random in a folder with room for a few entries only, and never sees a wrong state.
fn work(folder: &Path, mut seed: u64) -> usize {
    let small = CacheSpec { disk_bytes: room_for(6, 4), ..spec(Some(folder)) };
    let mut saved = Saved::open(&small, LAYOUT);
    let mut read = 0;
    for round in 0..ROUNDS {
        let tokens: Vec<i32> = (0..1 + next(&mut seed) % 4).map(|_| (next(&mut seed) % 4) as i32).collect();
        match next(&mut seed) % 8 {
            // Others may be writing, so the room may be taken.
            0..=3 => drop(saved.put_disk(&entry(&tokens, state(&tokens), 0))),
            4 if round % 20 == 0 => saved.clear(),
            5 if round % 5 == 0 => saved = Saved::open(&small, LAYOUT),
            _ => read += usize::from(served(&mut saved, &tokens).is_some()),
        }
    }
    read
}

#[test]
fn a_process_of_the_crowd() {
    if let Some(folder) = folder() {
        work(&folder, u64::from(std::process::id()) << 20 | 1);
    }
}

#[test]
fn processes_and_threads_may_share_a_folder() {
    if folder().is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut children: Vec<_> = (0..2).map(|_| child("a_process_of_the_crowd", folder.path(), "")).collect();
    let read: usize = std::thread::scope(|scope| {
        let path = folder.path();
        let threads: Vec<_> = (1..=2).map(|seed| scope.spawn(move || work(path, seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert!(read > 0, "nothing was ever found");
    // What is left is whole and within the limit once somebody writes.
    let mut saved = Saved::open(&CacheSpec { disk_bytes: room_for(6, 4), ..spec(Some(folder.path())) }, LAYOUT);
    put_disk(&mut saved, &[9, 9, 9, 9]);
    let left = files(folder.path());
    assert!(left.iter().map(|file| fs::metadata(file).unwrap().len()).sum::<u64>() <= room_for(6, 4));
    assert_eq!(left.len(), saved.figures().disk_entries, "{left:?}");
    for first in [0, 1, 2, 3, 9] {
        served(&mut saved, &[first]);
    }
}

#[test]
fn a_process_without_room() {
    let Some(folder) = folder() else { return };
    let mut saved = open(&folder);
    assert_eq!(served(&mut saved, &[1, 2]), Some(vec![1, 2]));
    let large = vec![0; 100_000];
    let error = saved.put_disk(&entry(&[3, 4], large, 0)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
    assert_eq!(saved.longest(&[3, 4]), None);
    put_disk(&mut saved, &[5, 6]);
    assert_eq!(served(&mut saved, &[5, 6]), Some(vec![5, 6]));
}

/// A file size limit fails a write in its middle, as a full disk does.
#[test]
fn a_write_that_fails_leaves_nothing_behind() {
    if folder().is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    put_disk(&mut open(folder.path()), &[1, 2]);
    let mut without_room = child("a_process_without_room", folder.path(), "trap '' XFSZ; ulimit -f 64;");
    assert!(without_room.wait().unwrap().success());
    assert_eq!(files(folder.path()).len(), 2);
    let mut saved = open(folder.path());
    assert_eq!(served(&mut saved, &[1, 2]), Some(vec![1, 2]));
    assert_eq!(served(&mut saved, &[5, 6]), Some(vec![5, 6]));
}
