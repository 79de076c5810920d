//! The host with skills that behave: one in Rust, one in C.
#![allow(clippy::unwrap_used)]

mod common;

use common::{ID, Running, c_skill, failure, loaded, result};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// `libgreeter.so`, which cargo builds beside this test's own binary.
fn greeter() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    deps.ancestors().nth(2).unwrap().join("examples/libgreeter.so")
}

#[tokio::test]
async fn a_rust_skill_is_loaded_and_called() {
    let running = Running::start().await;
    assert_eq!(loaded(running.load(&greeter(), "org.example.greeter").await), (1, "1.2.3".into()));
    let answer = result(running.call("Greet", r#"{"name":"Ana"}"#).await);
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["message"], "Hello, Ana.");
    assert_eq!(answer["data"], json!({"locale": "pt-PT", "read": ""}), "standard input must be empty");
    assert_eq!(answer["wake"][0]["id"], "again");
    assert_eq!(std::fs::read_to_string(running.storage().join("last")).unwrap(), "Ana");

    let panicked = result(running.call("Panic", "{}").await);
    assert_eq!((&panicked["status"], &panicked["code"]), (&json!("error"), &json!("panic")));
    let wrong = result(running.call("Greet", "{}").await);
    assert_eq!(wrong["code"], "invalid_argument");
    assert!(running.host.is_alive(), "neither a panic nor a wrong argument ends the host");

    assert!(failure(running.load(&greeter(), "org.example.greeter").await).contains("already holds a skill"));
    running.host.stop(Duration::from_secs(5)).await;
    assert!(!running.host.is_alive());
}

#[tokio::test]
async fn a_c_skill_is_loaded_and_called() {
    let running = Running::start().await;
    let body = r#"
        char text[1024];
        printf("printed by the skill\n");
        fflush(stdout);
        snprintf(text, sizeof text, "{\"status\":\"success\",\"message\":\"%s\",\"data\":{\"arguments\":%s,\"context\":%s}}",
                 intent, arguments, context);
        return copy(text);
    "#;
    assert_eq!(loaded(running.load_c(&c_skill(body)).await), (1, "0.9.1".into()));
    let answer = result(running.call("Echo", r#"{"n":3}"#).await);
    assert_eq!((&answer["message"], &answer["data"]["arguments"]["n"]), (&json!("Echo"), &json!(3)));
    assert_eq!(answer["data"]["context"]["storage"], json!(running.storage()));
}

#[tokio::test]
async fn a_skill_that_declines_says_why() {
    let running = Running::start().await;
    std::fs::create_dir_all(running.storage()).unwrap();
    std::fs::write(running.storage().join("declines"), "").unwrap();
    let why = failure(running.load(&greeter(), "org.example.greeter").await);
    assert_eq!(why, "org.example.greeter did not start: The bell is missing.");
}

#[tokio::test]
async fn what_is_no_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("libtext.so");
    std::fs::write(&text, "not a library").unwrap();
    for (path, says) in [
        (folder.path().join("gone.so"), "No such file"),
        (folder.path().to_path_buf(), "it is not a file"),
        (PathBuf::from("libc.so.6"), "not absolute"),
        (text, "can't be loaded"),
    ] {
        let running = Running::start().await;
        let why = failure(running.load(&path, ID).await);
        assert!(why.contains(says), "{}: {why}", path.display());
    }
    assert!(failure(Running::start().await.call("Greet", "{}").await).contains("no skill is loaded"));
}

#[tokio::test]
async fn the_host_protects_itself_and_the_rest() {
    let running = Running::start().await;
    running.load(&greeter(), "org.example.greeter").await.unwrap();
    let proc = PathBuf::from(format!("/proc/{}", running.host.pid()));
    let read = |file: &str| std::fs::read_to_string(proc.join(file)).unwrap();
    assert!(read("status").contains("NoNewPrivs:\t1"));
    assert_eq!(read("oom_score_adj").trim(), "700");
    let limits = read("limits");
    let limit = |name: &str| limits.lines().find(|line| line.starts_with(name)).unwrap().to_string();
    assert!(limit("Max core file size").contains(" 0 "), "{limits}");
    assert!(limit("Max open files").contains(" 256 "), "{limits}");
    assert!(limit("Max address space").contains(&(1u64 << 30).to_string()), "{limits}");
    assert_eq!(std::fs::read_link(proc.join("fd/0")).unwrap(), PathBuf::from("/dev/null"));
}
