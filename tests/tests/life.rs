//! The daemon's life: it owns its name, ends its children with it, and survives theirs.

use hob_tests::{Scene, children_of, gone_within, models, pid, project};
use rustix::process::{Signal, kill_process};
use std::time::Duration;

/// The default chat model.
const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1";

/// Everything in use: the index, both models, a skill.
fn use_everything(scene: &Scene) {
    scene.index(&project().join("examples/home/Notes")).expect("indexed");
    let said = scene.hob_json(&["skill", "call", "org.hob.clock", "WhatTime", "{}"]).expect("a skill answers");
    assert_eq!(said["status"], "success");
    let prompt = ["ask", "--context", "none", "--max-tokens", "4", "Say hello."];
    scene.hob_json(&prompt).expect("the chat model answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_each_child_and_sigterm_ends_them_all() {
    let Some(models) = models() else { return };
    let mut scene = Scene::start(Some(&models)).await.expect("a scene");
    use_everything(&scene);
    let status = scene.hob_json(&["status"]).expect("a status");
    let hosts = status["hosts"].as_array().expect("hosts");
    for kind in ["model", "skill"] {
        let host =
            hosts.iter().find(|host| host["kind"] == kind).unwrap_or_else(|| panic!("no {kind} host in {status}"));
        assert!(host["resident_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{host}");
    }
    let children = scene.children();
    assert!(children.len() >= 3, "two models and a skill: {children:?}");
    let took = scene.end_daemon(Signal::TERM).expect("an end");
    assert!(took < Duration::from_secs(5), "{took:?}\n{}", scene.log());
    assert!(gone_within(&children, Duration::from_secs(1)), "children outlived the daemon");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_leaves_no_child_behind() {
    let Some(models) = models() else { return };
    let mut scene = Scene::start(Some(&models)).await.expect("a scene");
    use_everything(&scene);
    let children = scene.children();
    scene.end_daemon(Signal::KILL).expect("an end");
    assert!(gone_within(&children, Duration::from_secs(5)), "children outlived the daemon");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_killed_in_mid_answer_costs_that_answer_only() {
    let Some(models) = models() else { return };
    let scene = Scene::start(Some(&models)).await.expect("a scene");
    let loaded = scene.hob_json(&["model", "load", MODEL]).expect("loaded");
    let host = u32::try_from(loaded["pid"].as_u64().expect("a pid")).expect("a pid");
    assert!(children_of(scene.daemon_pid()).contains(&host));

    let long =
        ["ask", "--model", MODEL, "--context", "none", "--max-tokens", "1500", "Write a long story about the sea."];
    let mut asking = scene.command(hob_tests::programs().join("hob"));
    asking.args(long).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut asking = asking.spawn().expect("hob starts");
    let mut first = [0u8; 1];
    std::io::Read::read_exact(asking.stdout.as_mut().expect("output"), &mut first).expect("the answer begins");
    kill_process(pid(host).expect("a pid"), Signal::KILL).expect("killed");
    let output = asking.wait_with_output().expect("hob ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("signal 9"), "{output:?}");

    let again =
        scene.hob_json(&["ask", "--context", "none", "--max-tokens", "4", "Hello?"]).expect("the next one works");
    assert!(!again["text"].as_str().expect("text").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_bus_says_so_and_leaves() {
    let scene = Scene::start(None).await.expect("a scene");
    let second = scene.command(hob_tests::programs().join("hobd")).output().expect("hobd runs");
    assert!(!second.status.success());
    assert!(!scene.hob(&["status"]).expect("hob runs").stdout.is_empty(), "the first one still answers");
}
