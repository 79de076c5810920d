//! Conversations: they outlive the daemon, where that is allowed, and shed their oldest turns.

use hob_sdk::client::{Hob, Kind, Options, Update, details_to_json};
use hob_tests::Scene;
use hob_tests::stand_in::StandIn;
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};
use zbus::OwnedObjectPath;

async fn open(hob: &Hob) -> OwnedObjectPath {
    hob.assistant().await.expect("a proxy").open_session(&Options::new()).await.expect("a session")
}

async fn say(hob: &Hob, session: &OwnedObjectPath, text: &str) -> String {
    let options = Options::new().with("context", "none").with("session", session.clone());
    hob.complete(text, &options).await.expect("an answer").text
}

fn contents(spec: &Value) -> Vec<String> {
    let turns = spec["messages"].as_array().expect("messages").iter();
    turns.map(|turn| turn["content"].as_str().unwrap_or_default().to_string()).collect()
}

async fn restart(scene: &mut Scene) -> Hob {
    scene.end_daemon(Signal::TERM).expect("ended");
    scene.start_daemon().await.expect("started");
    Hob::over(scene.connect().await.expect("the bus"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_after_a_restart_until_it_is_closed() {
    let (mut scene, stand_in) = Scene::with_stand_in("").await.expect("a scene");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let session = open(&hob).await;
    say(&hob, &session, "My name is Ana.").await;

    let hob = restart(&mut scene).await;
    let other = open(&hob).await;
    assert_ne!(other, session);
    say(&hob, &session, "What is my name?").await;
    let spec = stand_in.last_spec().expect("a spec");
    assert_eq!(contents(&spec)[1..], ["My name is Ana.", "My name is Ana.", "What is my name?"]);
    assert_eq!(spec["persist"], "Conversation");
    let resume = Options::new().with("resume", session.clone());
    let resumed = hob.assistant().await.expect("a proxy").open_session(&resume).await.expect("resumed");
    assert_eq!(resumed, session);

    hob.session_at(session.clone()).await.expect("a proxy").close().await.expect("closed");
    let folder = scene.folder().join("state/hob/sessions");
    assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 0, "nothing stays on disk");
    let hob = restart(&mut scene).await;
    let gone = hob.assistant().await.expect("a proxy").open_session(&resume).await.expect_err("gone");
    assert_eq!(gone.kind(), Kind::NotFound);
    assert!(hob.session_at(session).await.expect("a proxy").close().await.is_err(), "no object is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stricter_setting_deletes_what_an_earlier_one_allowed() {
    let (mut scene, _stand_in) = Scene::with_stand_in("").await.expect("a scene");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let session = open(&hob).await;
    say(&hob, &session, "A secret.").await;
    let (sessions, prompts) = (scene.folder().join("state/hob/sessions"), scene.folder().join("cache/hob/kv"));
    std::fs::create_dir_all(&prompts).expect("made");
    std::fs::write(prompts.join("a"), "keys and values").expect("written");
    std::fs::write(scene.folder().join("config/hob/hob.toml"), "[cache]\ndisk = \"system\"\n").expect("written");
    restart(&mut scene).await;
    assert!(!sessions.exists() && !prompts.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_has_lost_no_turn() {
    let (mut scene, stand_in) = Scene::with_stand_in("").await.expect("a scene");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let session = open(&hob).await;
    for n in 0..5 {
        say(&hob, &session, &format!("Turn {n}.")).await;
    }
    scene.end_daemon(Signal::KILL).expect("killed");
    scene.start_daemon().await.expect("started");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    say(&hob, &session, "And now?").await;
    assert_eq!(contents(&stand_in.last_spec().expect("a spec")).len(), 1 + 5 * 2 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_turns_fall_out_at_once_and_with_a_notice() {
    let (scene, stand_in) = Scene::with_stand_in("").await.expect("a scene");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let session = open(&hob).await;
    // The stand-in holds 4,096 tokens of 4 bytes; each turn is 200 bytes of answer and 2,000 of question.
    for n in 0..7 {
        say(&hob, &session, &format!("{n} {}", "x".repeat(1_998))).await;
    }
    let before = stand_in.entries("generate").len();
    let options = Options::new().with("context", "none").with("session", session.clone());
    let mut request = hob.ask(&format!("7 {}", "x".repeat(1_998)), options).await.expect("a request");
    let mut notices = 0;
    while let Some(update) = request.next_update().await {
        match update.expect("an update") {
            Update::Event { kind, details } if kind == "notice" => {
                assert!(details_to_json(&details).to_string().contains("oldest turns"), "{details:?}");
                notices += 1;
            }
            Update::Finished(end) => drop(end.into_answer().expect("an answer")),
            _ => {}
        }
    }
    assert_eq!(notices, 1);
    // One refusal tells how much has to go; nothing is tried out.
    assert_eq!(stand_in.entries("generate").len(), before + 2);
    let first = contents(&stand_in.last_spec().expect("a spec"))[1].clone();
    say(&hob, &session, "And then?").await;
    // What fell out stays out, so that the model finds the same beginning again.
    assert_eq!(stand_in.entries("generate").len(), before + 3);
    assert_eq!(contents(&stand_in.last_spec().expect("a spec"))[1], first);

    // A single prompt is the caller's to mend: both numbers are in the message.
    let options = Options::new().with("context", "none").with("session", session);
    let error = hob.complete(&"x".repeat(20_000), &options).await.expect_err("too long");
    assert_eq!(error.kind(), Kind::TooLong);
    assert!(error.to_string().contains("50") && error.to_string().contains("4096"), "{error}");
    drop(scene);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_has_time_to_write_down_what_it_knows() {
    let (mut scene, stand_in) = Scene::with_stand_in("").await.expect("a scene");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    stand_in.exits_after(1_500).expect("told");
    hob.complete("Hi", &Options::new().with("context", "none")).await.expect("an answer");
    scene.hob_json(&["model", "unload", "stand-in"]).expect("unloaded");
    assert_eq!(stand_in.entries("written").len(), 1, "it was killed");

    // Whoever asks meanwhile gets a process that finds what the old one has written.
    hob.complete("Hi", &Options::new().with("context", "none")).await.expect("an answer");
    assert_ne!(loads(&stand_in)[0], loads(&stand_in)[1]);
    let took = scene.end_daemon(Signal::TERM).expect("ended");
    assert_eq!(stand_in.entries("written").len(), 2, "{}", scene.log());
    assert!(took < Duration::from_secs(5), "{took:?}");

    // One that never ends costs no more than 5 s.
    stand_in.exits_after(60_000).expect("told");
    scene.start_daemon().await.expect("started");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    hob.complete("Hi", &Options::new().with("context", "none")).await.expect("an answer");
    let started = Instant::now();
    scene.end_daemon(Signal::TERM).expect("ended");
    assert!(started.elapsed() < Duration::from_millis(5_500), "{:?}", started.elapsed());
}

fn loads(stand_in: &StandIn) -> Vec<u64> {
    stand_in.entries("load").iter().filter_map(|entry| entry["pid"].as_u64()).collect()
}
