//! What servers do wrong.

use super::*;
use hob_tests::faulty::{Body, Faulty, Reply};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn drops_in_mid_body_cost_nothing_that_came() {
    let file = model();
    let (served, most) = (file.clone(), file.len() / 5);
    let server = Faulty::start(move |seen| Reply::honest(&served, "\"v1\"", seen).cut(most)).expect("a server");
    let folder = Folder::new();
    let mut wanted = from_url(&server.at("/m.gguf"), &folder);
    wanted.sha256 = Some(gguf::sha256(&file));
    let fetched = fetch(wanted).await.expect("the file");
    folder.must_hold("m.gguf", &file);
    assert_eq!(fetched.received, file.len() as u64, "no byte came twice");
    assert!(fetched.verified && fetched.sha256 == gguf::sha256(&file));
    assert!(server.seen().len() >= 5 && server.seen()[1..].iter().all(|seen| seen.from().is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_ranges_starts_anew() {
    let file = model();
    let served = file.clone();
    let server = Faulty::start(move |seen| {
        let whole = Reply::new(200, Body::Bytes(served.clone())).with("content-length", served.len());
        if seen.nth == 0 { whole.cut(200_000) } else { whole }
    });
    let server = server.expect("a server");
    let folder = Folder::new();
    let fetched = fetch(from_url(&server.at("/m.gguf"), &folder)).await.expect("the file");
    folder.must_hold("m.gguf", &file);
    assert!(!fetched.verified, "nobody gave a digest");
    assert_eq!(fetched.sha256, gguf::sha256(&file));
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_the_length_are_seen() {
    let file = model();
    let served = file.clone();
    let long =
        Faulty::start(move |_| Reply::new(200, Body::Bytes(served.clone())).with("content-length", served.len() + 5));
    let folder = Folder::new();
    must_fail(from_url(&long.expect("a server").at("/m.gguf"), &folder), &["broke off"]).await;
    let served = file.clone();
    let short =
        Faulty::start(move |_| Reply::new(200, Body::Bytes(served.clone())).with("content-length", served.len() - 5));
    let folder = Folder::new();
    must_fail(from_url(&short.expect("a server").at("/m.gguf"), &folder), &["ends in the middle"]).await;
    assert_eq!(folder.part_len("m.gguf"), 0, "what is wrong is not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_are_not_kept_and_the_next_pull_is_right() {
    let (file, other) = (model(), gguf::model(600_000, 8));
    let served = file.clone();
    let server = Faulty::start(move |seen| Reply::honest(if seen.nth == 0 { &other } else { &served }, "", seen));
    let server = server.expect("a server");
    let folder = Folder::new();
    let mut wanted = from_url(&server.at("/m.gguf"), &folder);
    wanted.sha256 = Some(gguf::sha256(&file));
    must_fail(wanted.clone(), &["SHA-256", "nothing of it was kept"]).await;
    fetch(wanted).await.expect("the file");
    folder.must_hold("m.gguf", &file);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_model_is_seen_by_its_first_bytes() {
    let page = Faulty::start(|_| Reply::new(200, Body::Endless(b"<html>Sign in to this network".to_vec())));
    let folder = Folder::new();
    let started = Instant::now();
    must_fail(from_url(&page.expect("a server").at("/m.gguf"), &folder), &["sends no GGUF file"]).await;
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_servers_are_waited_for() {
    let file = model();
    let served = file.clone();
    let server = Faulty::start(move |seen| match seen.nth {
        0 => Reply::empty(429).with("retry-after", 1),
        1 => Reply::empty(500),
        2 => Reply::empty(503),
        _ => Reply::honest(&served, "", seen),
    });
    let folder = Folder::new();
    let started = Instant::now();
    fetch(from_url(&server.expect("a server").at("/m.gguf"), &folder)).await.expect("the file");
    folder.must_hold("m.gguf", &file);
    assert!(started.elapsed() >= Duration::from_secs(1), "what the server asked for was not heeded");
    for (status, words) in [(429, "too many requests"), (502, "trouble of its own")] {
        let server = Faulty::start(move |_| Reply::empty(status)).expect("a server");
        must_fail(from_url(&server.at("/m.gguf"), &Folder::new()), &[words, "try again later"]).await;
        assert_eq!(server.seen().len(), 4);
    }
    let patient = Faulty::start(|_| Reply::empty(429).with("retry-after", 3_600)).expect("a server");
    must_fail(from_url(&patient.at("/m.gguf"), &Folder::new()), &["3600 s"]).await;
    assert_eq!(patient.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_but_not_for_ever() {
    let file = model();
    let served = file.clone();
    let server = Faulty::start(move |seen| match seen.path.as_str() {
        "/loop.gguf" => Reply::redirect("/loop.gguf"),
        "/a/there.gguf" => Reply::redirect("../elsewhere?signed=1"),
        "/nowhere.gguf" => Reply::empty(302),
        "/mail.gguf" => Reply::redirect("mailto://me"),
        _ => Reply::honest(&served, "", seen),
    });
    let server = server.expect("a server");
    let folder = Folder::new();
    must_fail(from_url(&server.at("/loop.gguf"), &folder), &["redirects more than 10 times"]).await;
    must_fail(from_url(&server.at("/nowhere.gguf"), &folder), &["without saying where to"]).await;
    must_fail(from_url(&server.at("/mail.gguf"), &folder), &["bad address"]).await;
    let fetched = fetch(from_url(&server.at("/a/there.gguf"), &folder)).await.expect("the file");
    folder.must_hold("there.gguf", &file);
    assert_eq!(fetched.origin, server.at("/a/there.gguf"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_an_end_ends() {
    let file = gguf::model(1 << 20, 3);
    let served = file.clone();
    let endless = Faulty::start(move |_| Reply::new(200, Body::Endless(served.clone()))).expect("a server");
    let folder = Folder::new();
    let words = ["sends more than the model has by its own header"];
    must_fail(from_url(&endless.at("/m.gguf"), &folder), &words).await;
    assert_eq!(folder.part_len("m.gguf"), 0);
    // The same without a length, but with an end, is a file like any.
    let served = file.clone();
    let chunked = Faulty::start(move |_| Reply::new(200, Body::Chunked(served.clone()))).expect("a server");
    fetch(from_url(&chunked.at("/m.gguf"), &folder)).await.expect("the file");
    folder.must_hold("m.gguf", &file);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_counts_as_a_broken_connection() {
    let file = model();
    let served = file.clone();
    let server = Faulty::start(move |seen| {
        let reply = Reply::honest(&served, "\"v1\"", seen);
        if seen.nth > 0 {
            return reply;
        }
        Reply { body: Body::Silence(served[..100_000].to_vec()), ..reply }
    });
    let folder = Folder::new();
    fetch(from_url(&server.expect("a server").at("/m.gguf"), &folder)).await.expect("the file");
    folder.must_hold("m.gguf", &file);
    let mute = Faulty::start(|_| Reply::new(200, Body::Silence(Vec::new())).with("content-length", 9));
    must_fail(from_url(&mute.expect("a server").at("/n.gguf"), &folder), &["can't be reached"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_between_attempts_is_got_anew() {
    let (old, new) = (model(), gguf::model(700_000, 9));
    // With an entity tag, by an honest server; with a digest, by one that sends whatever range it is asked for.
    for (tags, digest) in [(["\"old\"", "\"new\""], false), (["", ""], true)] {
        let (first, second) = (old.clone(), new.clone());
        let server = Faulty::start(move |seen| match seen.nth {
            0..4 => Reply::honest(&first, tags[0], seen).cut(100_000),
            _ => Reply::honest(&second, tags[1], seen),
        });
        let server = server.expect("a server");
        let folder = Folder::new();
        let mut wanted = from_url(&server.at("/m.gguf"), &folder);
        wanted.patience.attempts = 1;
        wanted.sha256 = digest.then(|| gguf::sha256(&new));
        for _ in 0..4 {
            must_fail(wanted.clone(), &["broke off"]).await;
        }
        assert!(folder.part_len("m.gguf") > 0);
        wanted.patience.attempts = 4;
        fetch(wanted).await.expect("the new file");
        folder.must_hold("m.gguf", &new);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_connection_it_is_offline() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let folder = Folder::new();
    let error = must_fail(from_url(&format!("http://{free}/m.gguf"), &folder), &["can't be reached", "online"]).await;
    assert!(matches!(error, FetchError::Offline(_)), "{error:?}");
    let error = must_fail(from_url("https://no-such-host.invalid/m.gguf", &folder), &["no-such-host.invalid"]).await;
    assert!(matches!(error, FetchError::Offline(_)), "{error:?}");
    must_fail(from_url("http://example.org/m.gguf", &folder), &["not encrypted"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pulls_of_one_file_are_one_download() {
    let file = model();
    let served = file.clone();
    let server = Faulty::start(move |seen| {
        let body = Body::Slow(served.clone(), 60_000, Duration::from_millis(20));
        Reply { body, ..Reply::honest(&served, "\"v1\"", seen) }
    });
    let server = server.expect("a server");
    let folder = Folder::new();
    let wanted = || fetch(from_url(&server.at("/m.gguf"), &folder));
    let (one, two) = tokio::join!(wanted(), wanted());
    let (one, two) = (one.expect("the file"), two.expect("the file"));
    folder.must_hold("m.gguf", &file);
    assert!(one.was_there != two.was_there && one.sha256 == two.sha256);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_speed_is_kept() {
    let file = model();
    let served = file.clone();
    let server = Faulty::start(move |seen| Reply::honest(&served, "", seen)).expect("a server");
    let folder = Folder::new();
    let mut wanted = from_url(&server.at("/m.gguf"), &folder);
    wanted.bytes_per_second = 1_000_000;
    let started = Instant::now();
    fetch(wanted).await.expect("the file");
    assert!(started.elapsed() >= Duration::from_millis(550), "{:?}", started.elapsed());
}
