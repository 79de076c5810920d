//! Requests that the rules leave open and a model carries out: a stand-in for the model says which functions it calls.

use hob_sdk::client::{Answer, Error, Hob, Kind, Options, Update};
use hob_tests::Scene;
use hob_tests::stand_in::StandIn;
use serde_json::{Value, json};

/// How long is not said: the rules leave that open.
const OPEN: &str = "set a timer";

struct Asked {
    answer: Result<Answer, Error>,
    /// What the user was asked to confirm.
    confirmed: Vec<String>,
    notices: usize,
}

async fn start() -> (Scene, StandIn, Hob) {
    let (scene, stand_in) = Scene::with_stand_in("").await.expect("a scene");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    (scene, stand_in, hob)
}

/// Asks with so many steps for the model; the user agrees to everything or to nothing.
async fn ask(hob: &Hob, text: &str, steps: u32, agrees: bool) -> Asked {
    let mut request = hob.ask(text, Options::new().with("tool_steps", steps)).await.expect("a request");
    let (mut confirmed, mut notices) = (Vec::new(), 0);
    while let Some(update) = request.next_update().await {
        match update.expect("an update") {
            Update::Confirm { action, .. } => {
                confirmed.push(action);
                request.answer(agrees).await.expect("an answer");
            }
            Update::Event { kind, .. } if kind == "notice" => notices += 1,
            Update::Finished(end) => return Asked { answer: end.into_answer(), confirmed, notices },
            Update::Event { .. } | Update::Delta { .. } => {}
        }
    }
    panic!("no end")
}

fn intents(answer: &Answer) -> Vec<&str> {
    answer.tool_calls.iter().map(|call| call.intent.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_sees_the_best_five_functions_and_calls_one_after_the_other() {
    let (_scene, stand_in, hob) = start().await;
    // Which of the two is meant is open.
    let text = "list notes or timers";
    let notes = json!({"call": "notes.ListNotes", "arguments": {}});
    let timers = json!({"call": "clock.ListTimers", "arguments": {}});
    stand_in.plans(&[notes, timers, json!({"say": "There is none of both. It was so in 1983."})]).expect("a plan");
    let asked = ask(&hob, text, 4, false).await;
    let answer = asked.answer.expect("an answer");
    assert_eq!(intents(&answer), ["ListNotes", "ListTimers"], "{}", answer.text);
    // Its last words are shown as far as results back them.
    assert!(answer.text.ends_with("\nThere is none of both."), "{}", answer.text);
    assert!(asked.confirmed.is_empty(), "{:?}", asked.confirmed);

    let first = &stand_in.entries("generate")[0]["generate"];
    let tools = first["tools"].as_array().expect("tools");
    assert!(tools.len() <= 5 && tools.iter().any(|tool| tool["name"] == "clock.SetTimer"), "{tools:?}");
    assert_eq!(first["copy_from"], text);
    let timer = tools.iter().find(|tool| tool["name"] == "clock.SetTimer").expect("it");
    let parameters: Value = serde_json::from_str(timer["parameters"].as_str().expect("JSON")).expect("JSON");
    let duration = &parameters["properties"]["duration"];
    assert_eq!((&duration["x-copy"], &duration["x-type"]), (&json!(true), &Value::Null), "rules read what it copies");
    let told = stand_in.last_spec().expect("a spec")["messages"].as_array().expect("turns").clone();
    assert_eq!(told.iter().filter(|turn| turn["role"] == "tool").count(), 2, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_request_does_not_say_is_asked_for_whatever_the_model_writes() {
    let (_scene, stand_in, hob) = start().await;
    let list = json!({"call": "clock.ListTimers", "arguments": {}});
    let invented = json!({"call": "clock.SetTimer", "arguments": {"duration": "five minutes"}});
    stand_in.plans(&[list, invented]).expect("a plan");
    let answer = ask(&hob, OPEN, 4, true).await.answer.expect("an answer");
    assert_eq!((intents(&answer), answer.finish_reason.as_str()), (vec!["ListTimers"], "missing_arguments"));
    assert!(answer.text.contains("for how long?"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_result_what_changes_anything_waits_for_the_user() {
    let (_scene, stand_in, hob) = start().await;
    let list = json!({"call": "clock.ListTimers", "arguments": {}});
    let cancel = json!({"call": "clock.CancelTimer", "arguments": {}});
    stand_in.plans(&[list, cancel]).expect("a plan");
    let asked = ask(&hob, OPEN, 4, false).await;
    assert_eq!(asked.confirmed.len(), 1, "{:?}", asked.answer);
    assert!(asked.confirmed[0].contains("CancelTimer"), "{:?}", asked.confirmed);
    assert_eq!(asked.answer.expect_err("a no").kind(), Kind::Confirmation);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_calls_no_more_than_it_may_and_nothing_that_was_not_offered() {
    let (_scene, stand_in, hob) = start().await;
    let list = json!({"call": "clock.ListTimers", "arguments": {}});
    stand_in.plans(&[list.clone(), json!({"call": "clock.WhatTime", "arguments": {}})]).expect("a plan");
    let asked = ask(&hob, OPEN, 1, true).await;
    assert_eq!((intents(&asked.answer.expect("an answer")), asked.notices), (vec!["ListTimers"], 1));
    // The same call again is the end.
    stand_in.plans(&[list.clone(), list]).expect("a plan");
    assert_eq!(intents(&ask(&hob, OPEN, 4, true).await.answer.expect("an answer")), ["ListTimers"]);
    // What is not there can't be called, so the user is asked as without a model.
    stand_in
        .plans(&[json!({"call": "shell.Run", "arguments": {"command": "rm"}}), json!({"say": "Done."})])
        .expect("a plan");
    let answer = ask(&hob, OPEN, 4, true).await.answer.expect("an answer");
    assert_eq!((answer.tool_calls.len(), answer.finish_reason.as_str()), (0, "missing_arguments"), "{}", answer.text);
    let told = stand_in.last_spec().expect("a spec").to_string();
    assert!(told.contains("there is no function shell.Run"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_has_not_passed_its_check_is_not_asked() {
    let (_scene, stand_in, hob) = start().await;
    stand_in.plans(&[json!({"call": "clock.ListTimers", "arguments": {}})]).expect("a plan");
    let answer = hob.complete(OPEN, &Options::new()).await.expect("an answer");
    assert_eq!(answer.finish_reason, "missing_arguments");
    // Nor where the rules leave nothing open.
    let answer = ask(&hob, "set a timer for ten minutes", 4, true).await.answer.expect("an answer");
    assert_eq!(intents(&answer), ["SetTimer"]);
    assert_eq!(stand_in.entries("generate"), Vec::<Value>::new());
    let refused = hob.complete(OPEN, &Options::new().with("tool_steps", 17_u32)).await;
    assert_eq!(refused.expect_err("too many").kind(), Kind::InvalidArgument);
}
