//! Embeddings with the default embedding model, through the real process.
#![allow(clippy::unwrap_used)]

#[path = "common/bert.rs"]
mod bert;
mod common;

use bert::{Gguf, Reference};
use common::{CHAT, EMBEDDING, cosine, embed, load, loaded, start};
use hob_engine::{EngineError, LoadSpec, ModelReply, ModelRequest, Role};
use hob_link::supervisor::Replies;
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
async fn vectors_are_those_of_the_reference() {
    let Some((host, _)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    let reference = Reference::of(Gguf::read(&common::model(EMBEDDING).unwrap()));
    let long = "A longer text, about 50 tokens of it, is one that comes in parts; and each part has words. ".repeat(3);
    for text in ["The cat sleeps on the sofa.", "rates", "what's the time in Lisbon, Portugal?", &long] {
        let cosine = cosine(&embed(&host, &[text]).await[0], &reference.embedding(text));
        assert!(cosine > 0.9995, "{cosine} for {text}");
    }
}

#[tokio::test]
async fn a_text_gets_the_same_vector_alone_and_among_others() {
    let Some((host, _)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    // From 5 tokens to more than the context holds.
    let texts: Vec<String> =
        (0..100).map(|i| format!("Sentence {i} {}", "with more words ".repeat(i * i % 101))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = embed(&host, &texts).await;
    assert_eq!(together.len(), 100);
    for i in [0, 1, 5, 33, 50, 77, 99] {
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

/// A request that takes long.
fn many(interactive: bool) -> ModelRequest {
    let texts = (0..2_000).map(|i| format!("Paragraph {i}: {}", "many words here ".repeat(40))).collect();
    ModelRequest::Embed { texts, interactive }
}

/// Panics if the request has been answered already.
async fn assert_unanswered(replies: &mut Replies<ModelRequest, ModelReply>) {
    tokio::select! {
        biased;
        reply = replies.next() => panic!("answered too early: {:.80}", format!("{reply:?}")),
        () = async {} => {}
    }
}

#[tokio::test]
async fn a_query_goes_before_work_that_takes_long_and_a_cancel_ends_that() {
    let Some((host, _)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    for interactive in [false, true] {
        let mut long = host.request(many(interactive)).await.unwrap();
        for _ in 0..3 {
            embed(&host, &["a short question"]).await;
        }
        assert_unanswered(&mut long).await;
        drop(long);
        // Served after the cancelled one, if that were not over.
        let started = Instant::now();
        host.ask(ModelRequest::Embed { texts: vec!["next".into()], interactive: false }).await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn background_work_that_made_way_again_and_again_comes_out_right() {
    let Some((host, _)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    let texts: Vec<String> =
        (0..24).map(|i| format!("Chapter {i} {}", "of the long story ".repeat(3 + i * 2))).collect();
    let calm = embed(&host, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut background = host.request(ModelRequest::Embed { texts, interactive: false }).await.unwrap();
    // It moves although somebody always waits: the next query is sent when one is answered.
    let queries = async {
        loop {
            tokio::join!(embed(&host, &["a first question"]), embed(&host, &["another one"]));
        }
    };
    let reply = tokio::select! {
        reply = background.next() => reply.unwrap().unwrap(),
        () = queries => unreachable!(),
    };
    let ModelReply::Vectors { dim, values } = reply else { panic!("unexpected {reply:?}") };
    for (at, (vector, calm)) in values.chunks(dim as usize).zip(&calm).enumerate() {
        assert!(cosine(vector, calm) > 0.9999, "text {at}: {}", cosine(vector, calm));
    }
}

#[tokio::test]
async fn background_work_moves_beside_long_interactive_work() {
    let Some((host, _)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    let mut long = host.request(many(true)).await.unwrap();
    let texts = (0..4).map(|i| format!("note {i} {}", "words ".repeat(200))).collect();
    host.ask(ModelRequest::Embed { texts, interactive: false }).await.unwrap();
    assert_unanswered(&mut long).await;
}

#[tokio::test]
async fn more_texts_than_a_reply_holds_are_refused() {
    let Some((host, _)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    let reply = host.ask(ModelRequest::Embed { texts: vec![String::new(); 60_000], interactive: true }).await.unwrap();
    let ModelReply::Failed(EngineError::InvalidArgument(why)) = reply else { panic!("unexpected {reply:?}") };
    assert!(why.contains("send at most"), "{why}");
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

#[tokio::test]
async fn token_vectors_put_the_passage_that_answers_first() {
    let Some((host, _)) = loaded(EMBEDDING, Role::Embedding, 0).await else { return };
    let query = "When was the boiler serviced?";
    let documents: Vec<String> = [
        "The boat has three sails and a small engine.",
        "The boiler in the cellar was serviced on 12 October by Rui.",
        "A boiler is a closed vessel in which water is heated.",
        "",
    ]
    .map(String::from)
    .into();
    let ask = |words: Vec<std::ops::Range<u32>>| ModelRequest::MaxSim {
        query: query.into(),
        words,
        documents: documents.clone(),
        interactive: true,
    };
    let scores = |reply: ModelReply| match reply {
        ModelReply::Scores(scores) => scores,
        other => panic!("unexpected {other:?}"),
    };
    let all = scores(host.ask(ask(Vec::new())).await.unwrap());
    assert_eq!(all.len(), 4);
    assert!(all[1] > all[2] && all[2] > all[0], "{all:?}");
    assert!(all.iter().all(|score| (-1.0..=1.01).contains(score)), "{all:?}");
    // Remembered texts give the same but for rounding (the query is evaluated alone then), and words that don't count
    // change it.
    let again = scores(host.ask(ask(Vec::new())).await.unwrap());
    assert!(again.iter().zip(&all).all(|(again, first)| (again - first).abs() < 5e-3), "{again:?} {all:?}");
    let telling = scores(host.ask(ask(vec![13..19, 20..28])).await.unwrap());
    assert!(telling != all && telling[1] > telling[2], "{telling:?}");
    let none = ModelRequest::MaxSim { query: query.into(), words: vec![], documents: vec![], interactive: true };
    assert_eq!(scores(host.ask(none).await.unwrap()), Vec::<f32>::new());
    let many = vec![String::new(); 65];
    let many = ModelRequest::MaxSim { query: query.into(), words: vec![], documents: many, interactive: true };
    assert!(matches!(host.ask(many).await.unwrap(), ModelReply::Failed(EngineError::InvalidArgument(_))));
    // The pooled vectors are not touched by it.
    let vectors = embed(&host, &[query]).await;
    assert!((cosine(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-4);
}
