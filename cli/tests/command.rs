//! The `hob` binary on a private bus, with a stand-in for hobd: outputs, exit codes, Ctrl-C, a daemon that dies.
#![allow(clippy::unwrap_used)]

#[path = "../../sdk/tests/support/bus.rs"]
mod bus;
#[path = "support/stand_in.rs"]
mod stand_in;

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use bus::Bus;
use serde_json::{Value, json};
use stand_in::{Heard, serve};
use tokio::sync::mpsc::UnboundedReceiver;

/// `hob` with these arguments, its outputs kept.
fn hob(bus: &Bus, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hob"));
    command.args(arguments).env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `hob` with this input; the stand-in goes on meanwhile.
async fn run(bus: &Bus, arguments: &[&str], input: &str) -> Output {
    let mut child = hob(bus, arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    end(child).await
}

async fn end(child: Child) -> Output {
    let waiting = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("hob hangs").unwrap()
}

async fn heard(from: &mut UnboundedReceiver<Heard>) -> Heard {
    tokio::time::timeout(Duration::from_secs(20), from.recv()).await.expect("hob is silent").unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The one JSON value that a command printed.
fn value(output: &Output) -> Value {
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_text_with_sources_or_one_json_value() {
    let bus = Bus::start("answer");
    let (_service, mut from) = serve(&bus).await;
    let output = run(&bus, &["ask", "--quote", "--seed", "1", "when", "is", "it?"], "").await;
    assert_eq!(
        text(&output.stdout),
        "On [31mTuesday.\n\nActions\n  org.hob.clock SetTimer  duration: PT10M\n\nSources\n  /n/a.md:3\n    “On Tuesday at nine.”\n"
    );
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    assert_eq!(heard(&mut from).await, Heard::Asked("when is it?".into(), vec!["answer".into(), "seed".into()]));

    let json = value(&run(&bus, &["ask", "--json", "-"], "from a pipe\n").await);
    assert_eq!(heard(&mut from).await, Heard::Asked("from a pipe".into(), vec![]));
    assert_eq!(json["text"], "On Tuesday.");
    assert_eq!(json["citations"][0]["line"], 3);
    assert_eq!(json["tool_calls"][0]["arguments"], json!({"duration": "PT10M"}));
    assert_eq!(json["usage"]["total_ms"], 12);
    assert!(json["model"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thinking_stays_out_of_a_pipe_and_figures_on_standard_error() {
    let bus = Bus::start("think");
    let (_service, mut from) = serve(&bus).await;
    let output = run(&bus, &["ask", "--verbose", "--logprobs=1", "--system", "Be brief.", "think"], "").await;
    let said = text(&output.stdout);
    assert!(said.starts_with("Tuesday.\n") && !said.contains("Let me see"), "{said}");
    assert!(said.ends_with("\nTokens\n  \"Tuesday\" 90.5%  \"Tuesday\" 90.5%\n"), "{said}");
    assert_eq!((text(&output.stderr), output.status.code()), ("0 tokens in 12 ms\n", Some(0)));
    assert_eq!(heard(&mut from).await, Heard::Asked("think".into(), vec!["logprobs".into(), "system".into()]));

    let json = value(&run(&bus, &["ask", "--json", "--priority", "background", "think"], "").await);
    assert_eq!((&json["reasoning"], &json["logprobs"][0]["text"]), (&json!("Let me see."), &json!("Tuesday")));
    assert_eq!(heard(&mut from).await, Heard::Asked("think".into(), vec!["priority".into()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_cancels_in_the_daemon() {
    let bus = Bus::start("interrupt");
    let (_service, mut from) = serve(&bus).await;
    let mut child = hob(&bus, &["ask", "wait"]).spawn().unwrap();
    // The first text arrives before the answer is whole: it is streamed into a pipe too.
    let mut first = [0; 7];
    let mut stdout = child.stdout.take().unwrap();
    let stdout = tokio::task::spawn_blocking(move || {
        stdout.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"Half an");
        stdout
    });
    let stdout = stdout.await.unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    child.stdout = Some(stdout);
    let output = end(child).await;
    assert_eq!((output.status.code(), text(&output.stdout), text(&output.stderr)), (Some(130), "\n", ""));
    assert_eq!(heard(&mut from).await, Heard::Asked("wait".into(), vec![]));
    assert_eq!(heard(&mut from).await, Heard::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_told_and_exit_with_1() {
    let bus = Bus::start("failure");
    let (service, mut from) = serve(&bus).await;
    let output = run(&bus, &["ask", "fail"], "").await;
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("", "hob: add a model\n"));
    assert_eq!(output.status.code(), Some(1));
    let output = run(&bus, &["ask", "--json", "fail"], "").await;
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error, json!({"error": {"name": "org.hob.Error.NoModel", "message": "add a model"}}));
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(1)));
    let output = run(&bus, &["skill", "call", "org.nobody", "X", "{broken"], "").await;
    assert_eq!(output.status.code(), Some(2));
    let output = run(&bus, &["skill", "call", "org.nobody", "X"], "").await;
    assert_eq!((text(&output.stderr), output.status.code()), ("hob: no skill org.nobody\n", Some(1)));

    // A daemon that dies in the middle of an answer.
    while from.try_recv().is_ok() {}
    let child = hob(&bus, &["ask", "wait"]).spawn().unwrap();
    assert_eq!(heard(&mut from).await, Heard::Asked("wait".into(), vec![]));
    service.close().await.unwrap();
    let output = end(child).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("hob: hobd went away"), "{output:?}");

    let output = run(&bus, &["status"], "").await;
    assert!(text(&output.stderr).starts_with("hob: hobd does not run on this bus; start it with"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bus_it_says_so() {
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hob"));
        command.arg("status").env_remove("DBUS_SESSION_BUS_ADDRESS").env("XDG_RUNTIME_DIR", "/nonexistent");
        command
    };
    let output = command().output().unwrap();
    assert!(text(&output.stderr).contains("DBUS_SESSION_BUS_ADDRESS is not set"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
    let output = command().env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus").output().unwrap();
    assert!(text(&output.stderr).contains("unix:path=/nonexistent/bus does not answer"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_means_no() {
    let bus = Bus::start("confirm");
    let (_service, mut from) = serve(&bus).await;
    let output = run(&bus, &["ask", "delete"], "yes\n").await;
    assert_eq!((text(&output.stdout), output.status.code()), ("Nothing was deleted.\n", Some(0)));
    assert_eq!(heard(&mut from).await, Heard::Asked("delete".into(), vec![]));
    assert_eq!(heard(&mut from).await, Heard::Answered(false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_pipe_is_no_failure() {
    let bus = Bus::start("pipe");
    let (_service, _from) = serve(&bus).await;
    let mut child = hob(&bus, &["search", "words"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = end(child).await;
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_reads_lines_and_ends_its_session() {
    let bus = Bus::start("chat");
    let (_service, mut from) = serve(&bus).await;
    let output = run(&bus, &["chat"], "hello\n\n/quit\nnever asked\n").await;
    assert!(text(&output.stdout).starts_with("On [31mTuesday.\n"), "{output:?}");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(heard(&mut from).await, Heard::Asked("hello".into(), vec!["session".into()]));
    assert_eq!(heard(&mut from).await, Heard::SessionClosed);
    let turns = value(&run(&bus, &["chat", "--json"], "one\ntwo\n").await);
    assert_eq!(turns.as_array().unwrap().len(), 2);
    assert_eq!((&turns[1]["question"], &turns[1]["text"]), (&json!("two"), &json!("On Tuesday.")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_get_the_documented_json() {
    let bus = Bus::start("json");
    let (_service, mut from) = serve(&bus).await;
    let found = value(&run(&bus, &["search", "--json", "a", "word"], "").await);
    assert_eq!((&found["query"], &found["took_ms"]), (&json!("a word"), &json!(1.5)));
    assert_eq!(found["hits"][0]["lexical_rank"], 1);
    assert!(found["hits"][0]["vector_rank"].is_null() && found["hits"][0]["cosine"].is_null());
    assert_eq!(value(&run(&bus, &["search", "--json", "nothing"], "").await)["hits"], json!([]));

    let routed = value(&run(&bus, &["route", "--json", "set a timer"], "").await);
    assert_eq!((&routed["decision"], &routed["candidates"][0]["missing"]), (&json!("skill"), &json!(["duration"])));
    let called = value(&run(&bus, &["skill", "call", "--json", "org.hob.clock", "ListTimers"], "").await);
    assert_eq!(called, json!({"intent": "ListTimers", "arguments": {}}));

    let status = value(&run(&bus, &["status", "--json"], "").await);
    assert_eq!(status["budget"], json!({"limit_bytes": 10, "used_bytes": 5}));
    assert_eq!((&status["hosts"][0]["pid"], &status["models"]), (&json!(7), &json!([])));
    let index = value(&run(&bus, &["index", "status", "--json"], "").await);
    assert_eq!((&index["documents"], &index["folders"]), (&json!(7), &json!(["/n"])));
    assert_eq!(index["skipped_files"][1], json!({"path": "/n/y.zip", "reason": "broken"}));
    assert_eq!(value(&run(&bus, &["index", "wait", "--json"], "").await)["state"], "idle");

    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    let added = value(&run(&bus, &["index", "add", "--json", "."], "").await);
    assert_eq!(added, json!({"added": [here.to_str().unwrap()]}));
    let manifest = here.join("Cargo.toml");
    value(&run(&bus, &["summarize", "--json", "Cargo.toml"], "").await);
    assert!(manifest.is_file());
    assert_eq!(heard(&mut from).await, Heard::Asked(String::new(), vec!["path".into()]));
}
