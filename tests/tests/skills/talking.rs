//! Conversations with skills: what is missing is asked for, what is open is offered, and one sentence may ask for more
//! than one thing.

use hob_sdk::client::{Hob, Options};
use hob_tests::Scene;
use zbus::OwnedObjectPath;

async fn open(scene: &Scene) -> (Hob, OwnedObjectPath) {
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let session = hob.assistant().await.expect("a proxy").open_session(&Options::new()).await.expect("a session");
    (hob, session)
}

async fn say(hob: &Hob, session: &OwnedObjectPath, text: &str) -> (String, String) {
    let answer = hob.complete(text, &Options::new().with("session", session.clone())).await.expect("an answer");
    (answer.finish_reason, answer.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_argument_is_asked_for_and_the_reply_completes_the_call() {
    let scene = Scene::start(None).await.expect("a scene");
    let (hob, session) = open(&scene).await;
    let (reason, text) = say(&hob, &session, "set a timer").await;
    assert_eq!(reason, "missing_arguments", "{text}");
    assert!(text.ends_with("for how long?"), "{text}");
    let (reason, text) = say(&hob, &session, "ten minutes").await;
    assert_eq!(reason, "skill", "{text}");
    assert!(text.contains("10 minutes"), "{text}");
    // The question is answered: the same words alone are no timer any more.
    let timers = scene.hob_json(&["skill", "call", "org.hob.clock", "ListTimers", "{}"]).expect("the timers");
    assert!(timers.to_string().contains("10 minutes") || timers.to_string().contains("9 minutes"), "{timers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_can_be_dropped_or_passed_over() {
    let scene = Scene::start(None).await.expect("a scene");
    let (hob, session) = open(&scene).await;
    say(&hob, &session, "set a timer").await;
    let (_, text) = say(&hob, &session, "never mind").await;
    assert_eq!(text, "All right, nothing was done.");
    say(&hob, &session, "set a timer").await;
    let (reason, text) = say(&hob, &session, "what time is it").await;
    assert_eq!(reason, "skill", "{text}");
    assert!(!text.contains("timer"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sentence_may_ask_for_two_things() {
    let scene = Scene::start(None).await.expect("a scene");
    let asked = scene.hob_json(&["ask", "set a timer for ten minutes and then what time is it"]).expect("an answer");
    let calls = asked["tool_calls"].as_array().expect("calls").iter();
    let intents: Vec<_> = calls.map(|call| call["intent"].as_str().unwrap_or_default()).collect();
    assert_eq!(intents, ["SetTimer", "WhatTime"], "{asked}");
}
