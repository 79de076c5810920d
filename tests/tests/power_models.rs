//! Power, sleep and priorities with the real models' processes.

use hob_sdk::client::{Hob, Options};
use hob_tests::dbusmock::{Mock, Seen, has_dbusmock};
use hob_tests::{Scene, models, project};
use serde_json::json;
use std::path::Path;

const LOGIN: (&str, &str) = ("org.freedesktop.login1", "/org/freedesktop/login1");
/// Long enough that reading it again would show.
const STORY: &str = "Once upon a time a lighthouse keeper named Ana lived on an island in the north. Every evening she \
    climbed the stairs, lit the lamp, and wrote down the ships that passed, their flags and their cargo. One winter a \
    ship came that had no flag at all, and its crew asked her for oil, bread and a map of the coast.";

/// A scene with the default models, whose bus is the system bus too and whose kernel files are `home/sys`.
async fn scene(models: &Path) -> Scene {
    let mut scene = Scene::bus_only(Some(models)).expect("a scene");
    let policy = scene.calm_policy().expect("written");
    let settings = format!("[models]\ncheck_after_seconds = 86400\nthreads = 2\n{policy}");
    std::fs::write(scene.folder().join("config/hob/hob.toml"), settings).expect("written");
    let system = vec![("DBUS_SYSTEM_BUS_ADDRESS".to_string(), scene.address.clone())];
    scene.use_daemon(hob_tests::programs().join("hobd"), system);
    scene.start_daemon().await.expect("a daemon");
    scene
}

async fn emit_sleep(login: &Mock, start: bool) {
    let arguments = vec![zbus::Variant::from(start)];
    let signal = ("org.freedesktop.login1.Manager", "PrepareForSleep", "b", arguments);
    login.control("EmitSignal", &signal).await.expect("a signal");
}

async fn inhibitors(login: &Mock, wanted: impl Fn(usize) -> bool) {
    while !wanted(login.inhibitors().await.expect("inhibitors")) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_written_down_before_sleep_and_its_beginning_is_not_read_again_after() {
    let Some(models) = models() else { return };
    if !has_dbusmock() {
        return;
    }
    let scene = scene(&models).await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let mut seen = Seen::of(&scene).await.expect("conditions");
    let login = Mock::template(&scene, "logind", LOGIN.0, LOGIN.1).await.expect("logind");
    inhibitors(&login, |count| count > 0).await;
    let session = hob.assistant().await.expect("a proxy").open_session(&Options::new()).await.expect("a session");
    let options = || Options::new().with("context", "none").with("session", session.clone()).with("max_tokens", 8u32);
    let first = hob.complete(&format!("{STORY} Remember this."), &options()).await.expect("an answer");
    assert!(first.usage.prompt_tokens > 60, "{:?}", first.usage);
    let running = scene.children();
    emit_sleep(&login, true).await;
    inhibitors(&login, |count| count == 0).await;
    seen.until(json!({"suspending": true})).await.expect("suspending");
    assert!(hob_tests::gone_within(&running, hob_tests::PATIENCE), "the models went");
    let kept = std::fs::read_dir(scene.folder().join("cache/hob/kv")).expect("a folder").count();
    assert!(kept > 0, "nothing was written down");
    emit_sleep(&login, false).await;
    seen.until(json!({"suspending": false})).await.expect("awake");
    let second = hob.complete("What was her name?", &options()).await.expect("an answer");
    let (reused, before) = (second.usage.cached_tokens, first.usage.prompt_tokens);
    assert!(reused + 8 >= before, "{reused} of {before} tokens were reused: {:?}", second.usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hot_machine_answers_with_half_of_the_threads_and_says_so() {
    let Some(models) = models() else { return };
    let scene = scene(&models).await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let mut seen = Seen::of(&scene).await.expect("conditions");
    let zone = scene.folder().join("home/sys/class/thermal/thermal_zone0");
    std::fs::create_dir_all(&zone).expect("made");
    let options = Options::new().with("context", "none").with("max_tokens", 16u32);
    hob.complete("Why is the sky blue?", &options).await.expect("an answer");
    std::fs::write(zone.join("temp"), "90000\n").expect("written");
    seen.until(json!({"heat": "hot", "threads_percent": 50})).await.expect("hot");
    let told = hob.complete("Name three fruits.", &options).await.expect("an answer");
    assert_eq!(told.usage.threads, 1, "{:?}", told.usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_would_end_models_before_any_program_of_the_user() {
    let Some(models) = models() else { return };
    let scene = scene(&models).await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    hob.complete("Hi", &Options::new().with("context", "none").with("max_tokens", 2u32)).await.expect("an answer");
    scene.index(&project().join("examples/home/Notes")).expect("indexed");
    let badness = |pid: u32| -> i32 {
        let text = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).expect("read");
        text.trim().parse().expect("a number")
    };
    let children = scene.children();
    assert!(children.len() >= 2, "{children:?}");
    // A user's manager gives its programs up to 200, browsers their pages 300; the unit gives hobd 200.
    assert!(
        children.iter().all(|pid| badness(*pid) > 300),
        "{:?}",
        children.iter().map(|p| badness(*p)).collect::<Vec<_>>()
    );
    assert!(children.iter().all(|pid| badness(*pid) > badness(scene.daemon_pid())));
    assert!(children.iter().any(|pid| nice_threads(*pid, nice(&format!("/proc/{}", scene.daemon_pid())))), "bulk work");
}

/// Whether the process has threads that stand back by 10 behind a priority of `from`.
fn nice_threads(pid: u32, from: i64) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("threads").flatten();
    let mut nices = tasks.map(|task| nice(&task.path().to_string_lossy()));
    nices.any(|nice| nice >= (from + 10).min(19))
}

/// Field 19 of a task's `stat` (proc(5)).
fn nice(task: &str) -> i64 {
    let stat = std::fs::read_to_string(format!("{task}/stat")).expect("stat");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    fields[16].parse().expect("a number")
}
