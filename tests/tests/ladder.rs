//! The pressure ladder through the daemon: the kernel's figures about memory are played by files.

use hob_sdk::client::{Hob, Kind, Options};
use hob_tests::Scene;
use hob_tests::dbusmock::Seen;
use hob_tests::stand_in::StandIn;
use serde_json::json;
use std::time::Duration;

/// A scene whose machine has so much free memory of 4 GB as `free` says last, in percent.
async fn scene(free: u64) -> (Scene, StandIn) {
    let start = |scene: &Scene| {
        let folder = scene.folder().join("home/proc");
        std::fs::create_dir_all(&folder)?;
        set_free(scene, free);
        Ok(format!("[policy]\nprocfs = \"{}\"\n", folder.display()))
    };
    Scene::with_stand_in_and(start, |_| Vec::new()).await.expect("a scene")
}

fn set_free(scene: &Scene, percent: u64) {
    let file = scene.folder().join("home/proc/meminfo");
    let text = format!("MemTotal: 4000000 kB\nMemAvailable: {} kB\n", 40_000 * percent);
    // In one step: half a file would be read as a machine without memory.
    let part = file.with_extension("part");
    std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, &file)).expect("written");
}

/// Lets free memory shrink so slowly that nobody has to hurry.
async fn sink(scene: &Scene, from: u64, to: u64) {
    for percent in (to..from).rev() {
        set_free(scene, percent);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn endless() -> String {
    json!({"say": "x", "times": 100_000, "every_ms": 20}).to_string()
}

fn plain() -> Options {
    Options::new().with("context", "none")
}

async fn told(hob: &Hob, what: &str) -> String {
    hob.daemon().await.expect("a proxy").explain(what).await.expect("an explanation")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_acts_is_told_and_is_undone() {
    let (scene, stand_in) = scene(22).await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let mut seen = Seen::of(&scene).await.expect("conditions");
    hob.complete("Hi", &plain()).await.expect("an answer");
    sink(&scene, 22, 19).await;
    seen.until(json!({"memory_step": 1, "background_allowed": true})).await.expect("step 1");
    let trims = stand_in.wait_for("trim", 1).expect("free memory goes back");
    assert_eq!(trims[0]["trim"]["prompts"], false);
    sink(&scene, 19, 11).await;
    seen.until(json!({"memory_step": 3, "background_allowed": false, "embedding_allowed": false}))
        .await
        .expect("step 3");
    stand_in.wait_until("trim", |trims| trims.iter().any(|t| t["trim"]["prompts"] == true)).expect("prompts go");
    assert!(stand_in.entries("shutdown").is_empty());
    set_free(&scene, 9);
    seen.until(json!({"memory_step": 4})).await.expect("step 4");
    stand_in.wait_for("shutdown", 1).expect("what nobody uses goes");
    set_free(&scene, 5);
    seen.until(json!({"memory_step": 5})).await.expect("step 5");
    // People are answered, with a shorter context than usual.
    hob.complete("Hi", &plain()).await.expect("an answer");
    let contexts: Vec<_> = stand_in.entries("load").iter().map(|load| load["load"]["context"].as_u64()).collect();
    assert_eq!(contexts, [Some(4_096), Some(2_048)]);
    let why = told(&hob, "why was stand-in unloaded?").await;
    assert!(why.contains("stand-in was unloaded because the machine was short of memory"), "{why}");
    set_free(&scene, 50);
    seen.until(json!({"memory_step": 0, "background_allowed": true, "embedding_allowed": true})).await.expect("calm");
    let changes = told(&hob, "what changed?").await;
    assert!(changes.contains("there is enough memory again"), "{changes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_takes_memory_fast_gets_it_before_there_is_none() {
    let (scene, stand_in) = scene(90).await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    hob.complete("Hi", &plain()).await.expect("an answer");
    // What is taken during a load may be hob's own, so a look without one has to come first.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    set_free(&scene, 30);
    stand_in.wait_for("shutdown", 1).expect("what nobody uses goes");
    // It is written down once the process is gone.
    while !told(&hob, "why was stand-in unloaded?").await.contains("another program was taking memory fast") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_critical_pressure_ends_says_what_happened_and_what_to_do() {
    let (scene, stand_in) = scene(50).await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let mut seen = Seen::of(&scene).await.expect("conditions");
    let (asked, options) = (endless(), plain());
    let answer = hob.complete(&asked, &options);
    let short = async {
        stand_in.wait_for("generate", 1).expect("it runs");
        set_free(&scene, 2);
    };
    let (ended, ()) = tokio::join!(answer, short);
    let error = ended.expect_err("memory ran out");
    assert_eq!(error.kind(), Kind::OutOfBudget);
    let said = error.to_string();
    for words in ["memory ran out", "hob ended stand-in", "to free", "use a smaller model", "ask again"] {
        assert!(said.contains(words), "{words:?} is not in {said:?}");
    }
    seen.until(json!({"memory_step": 6})).await.expect("critical");
    // What was just freed is not taken again at once.
    let refused = hob.complete("Hi", &options).await.expect_err("no load now");
    assert_eq!(refused.kind(), Kind::OutOfBudget);
    assert!(refused.to_string().contains("only 2.0% of the memory is free"), "{refused}");
    assert_eq!(stand_in.entries("load").len(), 1);
    let why = told(&hob, "why was it ended?").await;
    assert!(why.contains("stand-in was ended because the machine was short of memory"), "{why}");
    set_free(&scene, 50);
    hob.complete("Hi", &options).await.expect("an answer again");
}

#[tokio::test(flavor = "multi_thread")]
async fn background_work_that_is_under_way_ends_at_the_last_step_with_its_reason() {
    let (scene, stand_in) = scene(50).await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let (asked, options) = (endless(), plain().with("priority", "background"));
    let answer = hob.complete(&asked, &options);
    let short = async {
        stand_in.wait_for("generate", 1).expect("it runs");
        set_free(&scene, 2);
    };
    let (ended, ()) = tokio::join!(answer, short);
    let error = ended.expect_err("it ends");
    assert!(error.to_string().contains("out of memory, so background work was ended"), "{error}");
}
