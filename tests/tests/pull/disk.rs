//! A disk that is full, at any point.

use super::*;
use hob_tests::faulty::{Body, Faulty, Reply};
use std::process::Command;

/// A file system of its own in memory, gone with this.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, after saying so loudly, where this user may not mount.
    fn new(mib: u64) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={mib}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED: mounting a small disk needs root");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if !Command::new("umount").arg(self.0.path()).status().is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.0.path().display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_at_any_point_ends_in_a_clear_error_and_then_in_the_file() {
    let file = model();
    for share in [0, 1, 3, 7, 10] {
        let Some(disk) = SmallDisk::new(66) else { return };
        let (served, after) = (file.clone(), file.len() * share / 10);
        let filler = disk.0.path().join("filler");
        let (fills, (full, is_full)) = (filler.clone(), std::sync::mpsc::channel::<bool>());
        let server = Faulty::start(move |seen| {
            let reply = Reply::honest(&served, "\"v1\"", seen);
            if seen.nth > 0 {
                return reply;
            }
            let (fills, full) = (fills.clone(), full.clone());
            let fill = move || {
                // Writes until nothing more fits.
                let written = std::fs::File::create(&fills)
                    .and_then(|mut file| std::io::copy(&mut std::io::repeat(7), &mut file));
                full.send(written.is_err()).expect("the test waits");
            };
            Reply { body: Body::Calling(served.clone(), after, Box::new(fill)), ..reply }
        });
        let server = server.expect("a server");
        let wanted = request(Source::Url(server.at("/m.gguf")), disk.0.path());
        let failed = fetch(wanted.clone()).await;
        assert!(is_full.recv_timeout(hob_tests::PATIENCE).expect("it fills"), "the disk never fills");
        let there = std::fs::read(disk.0.path().join("m.gguf"));
        match failed {
            // All of it had been read before the disk was full.
            Ok(_) => assert!(there.expect("the file") == file),
            Err(error) => {
                assert!(matches!(&error, FetchError::Disk(text) if text.contains("make room")), "{error:?}");
                assert!(there.is_err(), "part of a file has the final name");
            }
        }
        // Emptied, because a process that another test is just starting may still hold it open.
        std::fs::File::create(&filler).expect("room is made");
        fetch(wanted).await.expect("the file");
        assert!(std::fs::read(disk.0.path().join("m.gguf")).expect("the file") == file);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_before_it_comes() {
    let server = Faulty::start(|_| Reply::new(200, Body::Silence(b"GGUF".to_vec())).with("content-length", 1u64 << 52));
    let folder = Folder::new();
    let words = ["MiB more", "make room"];
    must_fail(from_url(&server.expect("a server").at("/m.gguf"), &folder), &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_can_not_be_written_is_named() {
    let folder = Folder::new();
    std::fs::write(folder.path().join(".store"), b"a file where a folder should be").expect("written");
    let server = Faulty::start(|seen| Reply::honest(&model(), "", seen)).expect("a server");
    must_fail(from_url(&server.at("/m.gguf"), &folder), &[".store"]).await;
}
