//! Encrypted pulls: a certificate that the system trusts, one that it does not, and redirects that would lose the
//! encryption.

use super::*;
use hob_tests::faulty::{Body, Faulty, Reply, Tls};
use hob_tests::project;

/// A fetch host on a system that trusts the tests' own authority alone.
async fn trusting_host() -> FetchHost {
    let authority = project().join("tests/data/tls/authority.pem");
    let host = programs().join("hob-fetch-host").display().to_string();
    // `exec`, so that the host's parent is this process.
    let script = "exec env SSL_CERT_FILE=\"$1\" SSL_CERT_DIR=/nonexistent \"$2\"";
    let args = ["-c", script, "sh", &authority.display().to_string(), &host].map(str::to_string).to_vec();
    spawn("/bin/sh", args).await
}

fn server(file: Vec<u8>, elsewhere: String) -> Faulty {
    let folder = project().join("tests/data/tls");
    let tls = Tls::read(&folder.join("server.pem"), &folder.join("server.key.pem")).expect("a certificate");
    let server = Faulty::start_tls(tls, move |seen| match seen.path.as_str() {
        "/down.gguf" => Reply::redirect(&elsewhere),
        _ if seen.nth == 0 => Reply::honest(&file, "\"v1\"", seen).cut(200_000),
        _ => Reply::honest(&file, "\"v1\"", seen),
    });
    server.expect("a server")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_pull_goes_on_after_a_drop() {
    let file = model();
    let server = server(file.clone(), String::new());
    let folder = Folder::new();
    let wanted = from_url(&server.at("/m.gguf"), &folder);
    fetch_with(&trusting_host().await, wanted).await.expect("the file");
    folder.must_hold("m.gguf", &file);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_trusted_gets_no_second_chance() {
    let server = server(model(), String::new());
    let folder = Folder::new();
    must_fail(from_url(&server.at("/m.gguf"), &folder), &["could not be trusted"]).await;
    assert!(server.seen().is_empty(), "it was asked for something");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_does_not_lose_the_encryption() {
    let plain = Faulty::start(|_| Reply::new(200, Body::Bytes(model()))).expect("a server");
    let server = server(model(), plain.at("/m.gguf"));
    let folder = Folder::new();
    let mut wanted = from_url(&server.at("/down.gguf"), &folder);
    wanted.plain_http = true;
    let error = fetch_with(&trusting_host().await, wanted).await.expect_err("a redirect").to_string();
    assert!(error.contains("is not encrypted"), "{error}");
    assert!(plain.seen().is_empty());
}
