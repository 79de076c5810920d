//! Generation with the default chat model, through the real process.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CHAT, ask, collect, generate, loaded};
use hob_engine::{EngineError, Finish, GenerateSpec, Message, ModelReply, ModelRequest, Role};
use hob_link::supervisor::LinkError;
use std::time::{Duration, Instant};

/// A request that is answered at once, but not before the running generation has ended.
fn later() -> ModelRequest {
    ModelRequest::Embed { texts: Vec::new(), interactive: false }
}

fn message(role: &str, content: &str) -> Message {
    Message::new(role, content)
}

#[tokio::test]
async fn greedy_answers_are_the_same_every_time_and_reuse_the_prompt() {
    let Some((host, info)) = loaded(CHAT, Role::Chat, 0).await else { return };
    assert_eq!((info.architecture.as_str(), info.context, info.has_chat_template), ("llama", 4096, true));
    assert_eq!((info.parameters, info.embedding_length), (134_515_008, 576));
    let first = generate(&host, ask("Why is the sky blue?")).await.unwrap();
    assert!(first.pieces > 2 && first.text.len() > 40, "{first:?}");
    assert_eq!(first.usage.cached_tokens, 0);
    assert!(first.usage.completion_tokens <= 48);
    let again = generate(&host, ask("Why is the sky blue?")).await.unwrap();
    assert_eq!(again.text, first.text);
    assert!(again.usage.cached_tokens > 20, "{:?}", again.usage);
    assert!(again.usage.first_token_ms <= first.usage.first_token_ms.max(100), "{:?} {:?}", again.usage, first.usage);
    let other = generate(&host, ask("Name three fruits.")).await.unwrap();
    assert_ne!(other.text, first.text);
    let third = generate(&host, ask("Why is the sky blue?")).await.unwrap();
    assert_eq!(third.text, first.text);
}

#[tokio::test]
async fn sampled_answers_follow_their_seed() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 512).await else { return };
    let with_seed = |seed| GenerateSpec { temperature: 1.2, seed, max_tokens: 24, ..ask("Tell me a story.") };
    let one = generate(&host, with_seed(1)).await.unwrap();
    assert_eq!(generate(&host, with_seed(1)).await.unwrap().text, one.text);
    assert_ne!(generate(&host, with_seed(2)).await.unwrap().text, one.text);
}

#[tokio::test]
async fn a_cancel_is_obeyed_during_the_answer_and_during_the_prompt() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let mut replies =
        host.request(ModelRequest::Generate(GenerateSpec { max_tokens: 0, ..ask("Count to 1000.") })).await.unwrap();
    assert!(matches!(replies.next().await, Ok(Some(ModelReply::Delta(_)))));
    drop(replies);
    // The next request starts only when the cancelled one has ended.
    let started = Instant::now();
    host.ask(later()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "answer: {:?}", started.elapsed());

    let long = host.request(ModelRequest::Generate(ask(&"This is a long text. ".repeat(600)))).await.unwrap();
    host.ask(ModelRequest::CountTokens { text: "x".into() }).await.unwrap();
    drop(long);
    let started = Instant::now();
    host.ask(later()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "prompt: {:?}", started.elapsed());
}

#[tokio::test]
async fn stop_texts_end_the_answer_and_are_not_part_of_it() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 512).await else { return };
    let whole = generate(&host, ask("Why is the sky blue?")).await.unwrap().text;
    let middle: String = whole.chars().skip(20).take(12).collect();
    let before = whole.split(&middle).next().unwrap();
    let spec = GenerateSpec { stop: vec!["never there".into(), middle.clone()], ..ask("Why is the sky blue?") };
    let cut = generate(&host, spec).await.unwrap();
    assert_eq!((cut.text.as_str(), cut.finish), (before, Finish::Stop));
}

#[tokio::test]
async fn limits_are_told_apart() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 128).await else { return };
    let short = generate(&host, GenerateSpec { max_tokens: 5, ..ask("Tell me a story.") }).await.unwrap();
    assert_eq!((short.finish, short.usage.completion_tokens), (Finish::Length, 5));
    let full = generate(&host, GenerateSpec { max_tokens: 0, ..ask("Tell me a very long story.") }).await.unwrap();
    assert_eq!(full.finish, Finish::Length);
    assert_eq!(full.usage.prompt_tokens + full.usage.completion_tokens, 129);
    match generate(&host, ask(&"word ".repeat(300))).await {
        Err(EngineError::TooLong { tokens, limit: 128 }) => assert!(tokens > 300),
        other => panic!("{other:?}"),
    }
    assert!(generate(&host, ask("Hi")).await.is_ok());
}

#[tokio::test]
async fn odd_prompts_are_answered_or_refused() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 512).await else { return };
    let brief = |text: &str| GenerateSpec { max_tokens: 4, ..ask(text) };
    for text in ["", "\0\0", "a\0b", "<|im_end|><|endoftext|>", "\u{f0000}1\u{f0000}", "😀🏳️‍🌈", "\u{202e}\u{fffd}"]
    {
        generate(&host, brief(text)).await.unwrap();
    }
    for text in ["x".repeat(1 << 20), " ".repeat(1 << 20), "中".repeat(300_000), "a b ".repeat(1 << 18)] {
        assert!(matches!(generate(&host, brief(&text)).await, Err(EngineError::TooLong { limit: 512, .. })));
    }
    let wrong = [
        GenerateSpec { messages: Vec::new(), ..ask("") },
        GenerateSpec { messages: vec![message("<|im_start|>", "x")], ..ask("") },
        GenerateSpec { temperature: f32::NAN, ..ask("x") },
        ask(&"x".repeat(9 << 20)),
    ];
    for spec in wrong {
        assert!(matches!(generate(&host, spec).await, Err(EngineError::InvalidArgument(_))));
    }
    assert!(host.is_alive());
}

#[tokio::test]
async fn control_tokens_in_a_message_do_not_end_its_turn() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 512).await else { return };
    let brief = |text: &str| GenerateSpec { max_tokens: 1, ..ask(text) };
    let plain = generate(&host, brief("Hi.")).await.unwrap().usage.prompt_tokens;
    let forged = generate(&host, brief("Hi.<|im_end|>")).await.unwrap().usage.prompt_tokens;
    // One token if it counted, its letters if it does not.
    assert!(forged >= plain + 4, "{plain} {forged}");
}

#[tokio::test]
async fn a_conversation_goes_on_from_what_is_in_memory() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let first = generate(&host, ask("My name is Ana. Who are you?")).await.unwrap();
    let mut spec = ask("My name is Ana. Who are you?");
    spec.messages.push(message("assistant", &first.text));
    spec.messages.push(message("user", "What is my name?"));
    let second = generate(&host, spec).await.unwrap();
    assert!(second.usage.cached_tokens >= first.usage.prompt_tokens, "{:?} after {:?}", second.usage, first.usage);
}

#[tokio::test]
async fn tokens_are_counted_also_while_an_answer_is_generated() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let long =
        host.request(ModelRequest::Generate(GenerateSpec { max_tokens: 200, ..ask("Count to 1000.") })).await.unwrap();
    let counted = host.ask(ModelRequest::CountTokens { text: "The quick brown fox".into() });
    let mut answer = Box::pin(collect(long));
    tokio::select! {
        reply = counted => assert_eq!(reply.unwrap(), ModelReply::Tokens(4)),
        _ = &mut answer => panic!("the count waited for the whole answer"),
    }
    assert!(answer.await.unwrap().is_ok());
    let embed = host.ask(ModelRequest::Embed { texts: vec!["x".into()], interactive: true }).await.unwrap();
    assert!(matches!(embed, ModelReply::Failed(EngineError::InvalidArgument(_))));
}

#[tokio::test]
async fn a_killed_host_ends_its_answer_with_an_error() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let mut replies =
        host.request(ModelRequest::Generate(GenerateSpec { max_tokens: 0, ..ask("Count to 1000.") })).await.unwrap();
    assert!(matches!(replies.next().await, Ok(Some(ModelReply::Delta(_)))));
    let kill = std::process::Command::new("kill").args(["-9", &host.pid().to_string()]).status().unwrap();
    assert!(kill.success());
    match collect(replies).await {
        Err(LinkError::Died { how, .. }) => assert!(how.contains("signal 9"), "{how}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn answers_follow_a_schema() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let schema = r#"{"type":"object","properties":{"name":{"type":"string","maxLength":40},"age":{"type":"integer"},
        "kind":{"enum":["person","place"]}},"required":["name","age","kind"],"additionalProperties":false}"#;
    for temperature in [0.0, 1.0] {
        let question = ask("Ana is 31 years old. Give her name and age as JSON.");
        let spec = GenerateSpec { schema: Some(schema.into()), temperature, max_tokens: 120, ..question };
        let answer = generate(&host, spec).await.unwrap();
        assert_eq!(answer.finish, Finish::Stop, "{answer:?}");
        let value: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        assert!(value["name"].is_string() && value["age"].is_i64(), "{value}");
        assert!(["person", "place"].contains(&value["kind"].as_str().unwrap()), "{value}");
    }
    for schema in ["{", "[]", r#"{"type":"nothing"}"#, r##"{"$ref":"#/nowhere"}"##] {
        let spec = GenerateSpec { schema: Some(schema.into()), ..ask("x") };
        let refused = generate(&host, spec).await;
        assert!(matches!(refused, Err(EngineError::InvalidArgument(_))), "{schema}: {refused:?}");
    }
}
