//! A fetch host that is killed at any moment leaves nothing wrong behind.

use super::*;
use hob_tests::faulty::{Body, Faulty, Reply};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_at_random_points_and_then_the_same_digest() {
    let file = gguf::model(3_000_000, 11);
    let served = file.clone();
    let server = Faulty::start(move |seen| {
        let reply = Reply::honest(&served, "\"v1\"", seen);
        let Body::Bytes(bytes) = reply.body else { return reply };
        Reply { body: Body::Slow(bytes, 20_000, Duration::from_micros(600)), ..reply }
    });
    let server = server.expect("a server");
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let (mut killed, mut completed) = (0, 0);
    // With the digest known and without.
    while killed < 50 {
        let folder = Folder::new();
        let mut wanted = from_url(&server.at("/m.gguf"), &folder);
        wanted.sha256 = (completed % 2 == 0).then(|| gguf::sha256(&file));
        for _ in 0..10 {
            let host = start().await;
            let mut replies = host.request(FetchTask::Fetch(wanted.clone())).await.expect("asked");
            let ended = async { while let Ok(Some(FetchReply::Progress(_))) = replies.next().await {} };
            let in_time = tokio::time::timeout(Duration::from_micros(random(60_000)), ended).await;
            host.kill().await;
            killed += usize::from(in_time.is_err());
            match std::fs::read(folder.path().join("m.gguf")) {
                Ok(there) => assert!(there == file, "part of a file has the final name"),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
            }
        }
        let fetched = fetch(wanted).await.expect("the file");
        assert_eq!(fetched.sha256, gguf::sha256(&file));
        folder.must_hold("m.gguf", &file);
        completed += 1;
    }
    eprintln!("killed {killed} times in mid-pull; {completed} files came out right");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_closes_the_wire_ends_the_fetch() {
    let server = Faulty::start(|_| Reply::new(200, Body::Silence(b"GGUF".to_vec())).with("content-length", 99));
    let server = server.expect("a server");
    let folder = Folder::new();
    let mut wanted = from_url(&server.at("/m.gguf"), &folder);
    wanted.patience.silence_ms = 60_000;
    let host = start().await;
    let pid = host.pid();
    let replies = host.request(FetchTask::Fetch(wanted)).await.expect("asked");
    drop(replies);
    assert!(hob_tests::gone_within(&[pid], Duration::from_secs(5)), "a cancelled fetch goes on");
}
