//! Tool calls with the default chat model, through the real process.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CHAT, ask, generate, loaded};
use hob_engine::{EngineError, Finish, GenerateSpec, Message, Role, ToolChoice, ToolSpec};
use serde_json::Value;

fn tools() -> Vec<ToolSpec> {
    let tool = |name: &str, description: &str, parameters: &str| ToolSpec {
        name: name.into(),
        description: description.into(),
        parameters: parameters.into(),
    };
    vec![
        tool(
            "set_timer",
            "Starts a countdown.",
            r#"{"type":"object","properties":{"minutes":{"type":"integer","minimum":1,"maximum":600},
                "label":{"type":"string","x-copy":true,"maxLength":40}},"required":["minutes","label"],
                "additionalProperties":false}"#,
        ),
        tool("get_time", "Says what time it is.", r#"{"type":"object","properties":{},"additionalProperties":false}"#),
    ]
}

fn spec(question: &str, tool_choice: ToolChoice) -> GenerateSpec {
    GenerateSpec { tools: tools(), tool_choice, max_tokens: 120, ..ask(question) }
}

#[tokio::test]
async fn a_required_call_has_valid_arguments() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 2048).await else { return };
    for question in ["Set a timer of ten minutes for the pasta.", "Wake me up!", "What time is it?"] {
        let answer = generate(&host, spec(question, ToolChoice::Required)).await.unwrap();
        assert_eq!((answer.finish, answer.calls.len(), &*answer.text), (Finish::ToolCalls, 1, ""), "{answer:?}");
        let call = &answer.calls[0];
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
        match call.name.as_str() {
            "set_timer" => {
                assert!((1..=600).contains(&arguments["minutes"].as_i64().unwrap()), "{call:?}");
                assert!(question.contains(arguments["label"].as_str().unwrap()), "{call:?}");
            }
            "get_time" => assert_eq!(arguments, serde_json::json!({})),
            other => panic!("{other} was not offered"),
        }
    }
}

#[tokio::test]
async fn a_call_is_the_models_choice_unless_it_is_forbidden() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 2048).await else { return };
    let free = generate(&host, spec("Set a timer of ten minutes for the pasta.", ToolChoice::Auto)).await.unwrap();
    match free.finish {
        Finish::ToolCalls => assert!(serde_json::from_str::<Value>(&free.calls[0].arguments).unwrap().is_object()),
        _ => assert!(free.calls.is_empty() && !free.text.is_empty(), "{free:?}"),
    }
    let none = generate(&host, spec("Set a timer of ten minutes.", ToolChoice::None)).await.unwrap();
    assert!(none.calls.is_empty() && none.finish != Finish::ToolCalls, "{none:?}");
}

#[tokio::test]
async fn a_conversation_goes_on_with_a_tools_result() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 2048).await else { return };
    let first = generate(&host, spec("What time is it?", ToolChoice::Required)).await.unwrap();
    let mut next = spec("What time is it?", ToolChoice::None);
    let call = first.calls[0].clone();
    let result = Message { tool_call_id: Some(call.id.clone()), ..Message::new("tool", r#"{"time":"14:05"}"#) };
    next.messages.push(Message { tool_calls: vec![call], ..Message::new("assistant", "") });
    next.messages.push(result);
    let answer = generate(&host, next).await.unwrap();
    assert!(!answer.text.is_empty() && answer.usage.prompt_tokens > first.usage.prompt_tokens, "{answer:?}");
}

#[tokio::test]
async fn tools_that_make_no_sense_are_refused() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 512).await else { return };
    let with = |parameters: &str| {
        let tool = ToolSpec { name: "t".into(), description: String::new(), parameters: parameters.into() };
        GenerateSpec { tools: vec![tool], tool_choice: ToolChoice::Required, ..ask("x") }
    };
    for parameters in ["{", "[]", r#"{"type":"object","properties":{"a":{"contains":1}}}"#] {
        let refused = generate(&host, with(parameters)).await;
        assert!(matches!(refused, Err(EngineError::InvalidArgument(_))), "{parameters}: {refused:?}");
    }
    let both = GenerateSpec { schema: Some("{}".into()), ..spec("x", ToolChoice::Required) };
    assert!(matches!(generate(&host, both).await, Err(EngineError::InvalidArgument(_))));
}
