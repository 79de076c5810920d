//! The kernels of our own against llama.cpp's: the same scores, however the work is shared.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CHAT, ModelHost, ask, generate, load, model};
use hob_engine::{GenerateSpec, LoadSpec, Role};
use hob_link::supervisor::{Host, HostSpec};
use std::os::unix::fs::PermissionsExt;

/// How far two kernels may be apart in the logarithm of a probability: both round, llama.cpp's attention to 11 bits.
const ROUNDING: f32 = 0.25;

/// A host that leaves everything to llama.cpp.
async fn plain_host(folder: &std::path::Path) -> ModelHost {
    let program = folder.join("plain");
    let host = env!("CARGO_BIN_EXE_hob-model-host");
    std::fs::write(&program, format!("#!/bin/sh\nHOB_PLAIN_KERNELS=1 exec '{host}' \"$@\"\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    Host::spawn(&HostSpec { kind: "model", program, args: Vec::new() }).await.unwrap()
}

/// A prompt of many tokens, which is read in several steps.
fn long(question: &str) -> GenerateSpec {
    let facts: Vec<String> = (0..60).map(|number| format!("Room {number} has {} chairs.", number * 7 % 31)).collect();
    ask(&format!("{} {question}", facts.join(" ")))
}

#[tokio::test]
async fn scores_are_those_of_llama_cpp() {
    let Some(path) = model(CHAT) else { return };
    let folder = tempfile::tempdir().unwrap();
    let hosts = [common::start().await, plain_host(folder.path()).await];
    for host in &hosts {
        let spec = LoadSpec { path: path.clone(), role: Role::Chat, context: 2_048, ..LoadSpec::default() };
        load(host, spec).await.unwrap();
    }
    for spec in [ask("Name a fruit."), long("How many chairs has room 9?"), long("Name an animal.")] {
        let spec = GenerateSpec { logprobs: Some(5), max_tokens: 1, ..spec };
        let ours = generate(&hosts[0], spec.clone()).await.unwrap();
        let theirs = generate(&hosts[1], spec).await.unwrap();
        assert_eq!(ours.usage.prompt_tokens, theirs.usage.prompt_tokens);
        for (text, logprob) in &ours.logprobs[0].top[..2] {
            let other = theirs.logprobs[0].top.iter().find(|(other, _)| other == text).map(|(_, logprob)| *logprob);
            let same = other.is_some_and(|other| (logprob - other).abs() < ROUNDING);
            assert!(same, "{text:?} {logprob} {other:?} {:?}", theirs.logprobs[0].top);
        }
    }
}

#[tokio::test]
async fn an_answer_is_the_same_alone_and_beside_others() {
    if hob_kernels::Machine::detect().is_none() {
        return eprintln!(
            "SKIPPED: there are no kernels of our own for this processor, and llama.cpp's do not promise this"
        );
    }
    let Some((host, _)) = common::loaded(CHAT, Role::Chat, 0).await else { return };
    let questions = ["Why is the sky blue?", "Tell me about whales.", "What is bread made of?"];
    let mut alone = Vec::new();
    for question in questions {
        alone.push(generate(&host, ask(question)).await.unwrap().text);
    }
    let (one, two, three) = tokio::join!(
        generate(&host, ask(questions[0])),
        generate(&host, long(questions[1])),
        generate(&host, ask(questions[2]))
    );
    assert_eq!([&one.unwrap().text, &three.unwrap().text], [&alone[0], &alone[2]]);
    assert!(!two.unwrap().text.is_empty());
}
