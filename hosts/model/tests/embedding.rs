//! Embeddings with the default embedding model, through the real process.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CHAT, EMBEDDING, cosine, embed, load, loaded, start};
use hob_engine::{EngineError, LoadSpec, ModelReply, ModelRequest, Role};
use std::time::{Duration, Instant};

#[tokio::test]
async fn similar_texts_are_closer_than_different_ones() {
    let Some((host, info)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    assert_eq!((info.architecture.as_str(), info.context, info.embedding_length), ("bert", 256, 384));
    let vectors =
        embed(&host, &["The cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates rose in May."])
            .await;
    assert!(vectors.iter().all(|v| v.len() == 384 && (cosine(v, v) - 1.0).abs() < 1e-4));
    assert!(cosine(&vectors[0], &vectors[1]) > 0.5, "{}", cosine(&vectors[0], &vectors[1]));
    assert!(cosine(&vectors[0], &vectors[2]) < 0.2, "{}", cosine(&vectors[0], &vectors[2]));
}

#[tokio::test]
async fn a_text_gets_the_same_vector_alone_and_among_others() {
    let Some((host, _)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    let texts: Vec<String> = (0..100).map(|i| format!("Sentence {i} {}", "with more words ".repeat(i % 17))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = embed(&host, &texts).await;
    assert_eq!(together.len(), 100);
    for i in [0, 33, 99] {
        let alone = embed(&host, &[texts[i]]).await;
        assert!(cosine(&alone[0], &together[i]) > 0.9999, "text {i}: {}", cosine(&alone[0], &together[i]));
    }
}

#[tokio::test]
async fn odd_texts_get_vectors() {
    let Some((host, _)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    let long = "A long text about nothing. ".repeat(20_000);
    let (word, blank, cjk) = ("x".repeat(1 << 20), " ".repeat(1 << 20), "中文".repeat(100_000));
    let vectors = embed(&host, &["", "\0", "a\0b", "ab", &word, &blank, &cjk, &long, "😀", "[SEP][CLS]"]).await;
    assert!(vectors.iter().all(|v| (cosine(v, v) - 1.0).abs() < 1e-4));
    assert!(cosine(&vectors[2], &vectors[3]) > 0.999);
    assert!(cosine(&vectors[0], &vectors[5]) > 0.999);
    assert!(embed(&host, &[]).await.is_empty());
    assert!(host.is_alive());
}

#[tokio::test]
async fn a_waiting_user_goes_before_a_long_batch_and_a_cancel_ends_it() {
    let Some((host, _)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    let texts: Vec<String> = (0..2_000).map(|i| format!("Paragraph {i}: {}", "many words here ".repeat(40))).collect();
    let batch = host.request(ModelRequest::Embed { texts, interactive: false }).await.unwrap();
    embed(&host, &["wait until it runs"]).await;
    let started = Instant::now();
    embed(&host, &["a short question"]).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    drop(batch);
    let started = Instant::now();
    host.ask(ModelRequest::Embed { texts: vec!["next".into()], interactive: false }).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_model_is_used_for_what_it_can_do() {
    let Some((host, _)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    let tokens = host.ask(ModelRequest::CountTokens { text: "hello world".into() }).await.unwrap();
    assert_eq!(tokens, ModelReply::Tokens(2));
    let reply = host.ask(ModelRequest::Generate(common::ask("Hi"))).await.unwrap();
    assert!(matches!(reply, ModelReply::Failed(EngineError::InvalidArgument(_))));

    let Some(path) = common::model(EMBEDDING) else { return };
    let host = start().await;
    let as_chat = load(&host, LoadSpec { path: path.clone(), role: Role::Chat, ..LoadSpec::default() }).await;
    assert!(matches!(as_chat, Err(EngineError::BadModel { .. })), "{as_chat:?}");
    // The same process may then load a model that fits.
    load(&host, LoadSpec { path, role: Role::Embedding, ..LoadSpec::default() }).await.unwrap();
    embed(&host, &["x"]).await;
}

#[tokio::test]
async fn a_chat_model_can_embed_when_asked_to() {
    let Some((host, _)) = loaded(CHAT, Role::Embedding, 0).await else { return };
    let vectors = embed(&host, &["The cat sleeps.", "", "The dog barks loudly in the yard."]).await;
    assert!(vectors.iter().all(|v| v.len() == 576 && (cosine(v, v) - 1.0).abs() < 1e-4));
}
