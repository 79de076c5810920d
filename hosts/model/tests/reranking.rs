//! Reranking with a small cross-encoder, against a plain reference, through the real process.
#![allow(clippy::unwrap_used)]

#[path = "common/bert.rs"]
mod bert;
mod common;

use bert::{Gguf, Reference, write_reranker};
use common::{CHAT, EMBEDDING, ModelHost, load, model, start};
use hob_engine::{EngineError, LoadSpec, ModelReply, ModelRequest, Role, gguf};
use std::path::PathBuf;
use tempfile::TempDir;

/// As llama.cpp's own convention describes the usual pair.
const TEMPLATE: &str = "[CLS]{query}[SEP]{document}[SEP]";
const QUERY: &str = "how long does a battery last?";

struct Scene {
    host: ModelHost,
    reference: Reference,
    path: PathBuf,
    _folder: TempDir,
}

async fn scene(context: u32, template: Option<&str>) -> Option<Scene> {
    let from = model(EMBEDDING)?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cross-encoder.gguf");
    let reference = write_reranker(&from, &path, template);
    let host = start().await;
    let spec = LoadSpec { path: path.clone(), role: Role::Reranker, context, ..LoadSpec::default() };
    let info = load(&host, spec).await.unwrap();
    assert_eq!(info.context, if context == 0 { 512 } else { context });
    Some(Scene { host, reference, path, _folder: folder })
}

async fn rerank(host: &ModelHost, query: &str, documents: &[&str]) -> Vec<f32> {
    let documents = documents.iter().map(ToString::to_string).collect();
    match host.ask(ModelRequest::Rerank { query: query.into(), documents, interactive: true }).await.unwrap() {
        ModelReply::Scores(scores) => scores,
        other => panic!("unexpected {other:?}"),
    }
}

fn documents() -> Vec<String> {
    let long = "the charger of the old phone was lost on a train to the mountains, and nobody found it again. ";
    vec![
        "a phone's battery lasts about two days.".into(),
        "rivers flow to the sea".into(),
        "!".into(),
        "batteries, batteries and more batteries: how long they last depends on the weather.".into(),
        // Texts of control tokens and of the template's places are words like others.
        "the marks [SEP] and {query} and {document} [CLS] mean nothing here".into(),
        long.repeat(3),
        long.repeat(20),
    ]
}

fn assert_close(scores: &[f32], reference: &Reference, limit: usize) {
    for (document, score) in documents().iter().zip(scores) {
        let wanted = reference.score(QUERY, document, limit);
        eprintln!("{score:.4} for {wanted:.4}: {document:.40}");
        assert!((score - wanted).abs() <= 0.01 * wanted.abs(), "{score} instead of {wanted}: {document:.40}");
    }
}

#[tokio::test]
async fn scores_are_those_of_the_reference() {
    let Some(scene) = scene(64, None).await else { return };
    let documents = documents();
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    let together = rerank(&scene.host, QUERY, &documents).await;
    assert_close(&together, &scene.reference, 64);
    let distance = |a: f32, b: f32| (a - b).abs();
    assert!(distance(together[0], together[1]) > 0.1, "the random head tells nothing apart: {together:?}");
    for (document, together) in documents.iter().zip(together) {
        let alone = rerank(&scene.host, QUERY, &[document]).await[0];
        assert!(distance(alone, together) < 0.01, "{alone} alone, {together} among others: {document:.40}");
    }
}

#[tokio::test]
async fn a_template_in_the_file_puts_pairs_together() {
    let Some(scene) = scene(64, Some(TEMPLATE)).await else { return };
    let documents = documents();
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    // What is cut is cut at a character here, so the long ones are compared loosely elsewhere.
    let scores = rerank(&scene.host, QUERY, &documents).await;
    assert_close(&scores[..5], &scene.reference, 64);
    assert!(scores.iter().all(|score| score.is_finite()));

    let template = format!("{} {TEMPLATE}", "Judge whether the document answers the query.".repeat(10));
    let from = model(EMBEDDING).unwrap();
    write_reranker(&from, &scene.path, Some(&template));
    let host = start().await;
    let spec = LoadSpec { path: scene.path.clone(), role: Role::Reranker, context: 64, ..LoadSpec::default() };
    let refused = load(&host, spec).await;
    assert!(
        matches!(&refused, Err(EngineError::InvalidArgument(why)) if why.contains("longer context")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn odd_pairs_get_scores() {
    let Some(scene) = scene(0, None).await else { return };
    let (word, cjk) = ("x".repeat(1 << 20), "中文".repeat(100_000));
    let documents = ["", "\0", "a\0b", &word, &cjk, "😀", "[SEP][CLS]"];
    for query in ["", "\0 \0", "battery", &word, &cjk] {
        let scores = rerank(&scene.host, query, &documents).await;
        assert!(scores.len() == documents.len() && scores.iter().all(|score| score.is_finite()));
        assert!((scores[0] - scores[1]).abs() < 0.01);
    }
    assert!(rerank(&scene.host, "battery", &[]).await.is_empty());
    // The query of a long one is cut, so that something of the document is seen.
    let scores = rerank(&scene.host, &"battery ".repeat(5_000), &["phones", "rivers"]).await;
    assert_ne!(scores[0].to_bits(), scores[1].to_bits());
}

#[tokio::test]
async fn a_waiting_user_goes_before_background_work() {
    let Some(scene) = scene(0, None).await else { return };
    let documents: Vec<String> = (0..2_000).map(|i| format!("{i} {}", "many words here ".repeat(40))).collect();
    let request = ModelRequest::Rerank { query: QUERY.into(), documents, interactive: false };
    let mut background = scene.host.request(request).await.unwrap();
    for _ in 0..3 {
        rerank(&scene.host, QUERY, &["a phone", "a river"]).await;
    }
    tokio::select! {
        biased;
        reply = background.next() => panic!("the background was served first: {reply:?}"),
        () = async {} => {}
    }
    drop(background);
    let next = ModelRequest::Rerank { query: QUERY.into(), documents: vec!["next".into()], interactive: false };
    assert!(matches!(scene.host.ask(next).await.unwrap(), ModelReply::Scores(scores) if scores.len() == 1));
}

#[tokio::test]
async fn a_model_is_used_for_what_it_can_do() {
    let Some(scene) = scene(0, None).await else { return };
    assert_eq!(gguf::read(&scene.path).unwrap().role, Role::Reranker);
    let reply = scene.host.ask(ModelRequest::Embed { texts: vec!["x".into()], interactive: true }).await.unwrap();
    assert!(matches!(reply, ModelReply::Failed(EngineError::InvalidArgument(_))), "{reply:?}");
    let tokens = scene.host.ask(ModelRequest::CountTokens { text: "hello world".into() }).await.unwrap();
    assert_eq!(tokens, ModelReply::Tokens(2));

    let host = start().await;
    for (path, role) in [
        (scene.path.clone(), Role::Chat),
        (scene.path.clone(), Role::Embedding),
        (model(EMBEDDING).unwrap(), Role::Reranker),
        (model(CHAT).unwrap(), Role::Reranker),
    ] {
        let refused = load(&host, LoadSpec { path, role, ..LoadSpec::default() }).await;
        assert!(matches!(refused, Err(EngineError::BadModel { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_file_without_a_head_is_refused_before_llama_sees_it() {
    let Some(from) = model(EMBEDDING) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("headless.gguf");
    let mut file = Gguf::read(&from);
    file.set_number("bert.pooling_type", 4);
    file.write(&path);
    let refused = load(&start().await, LoadSpec { path, role: Role::Reranker, ..LoadSpec::default() }).await;
    assert!(matches!(&refused, Err(EngineError::BadModel { reason, .. }) if reason.contains("cls.output.weight")));
}
