//! Every rule of the policy acts and is undone, with the services of the system bus played by dbusmock.

use hob_sdk::client::{Hob, Options};
use hob_tests::Scene;
use hob_tests::dbusmock::{Mock, Seen, has_dbusmock};
use hob_tests::stand_in::StandIn;
use serde_json::{Value, json};
use std::time::Duration;

const UPOWER: (&str, &str) = ("org.freedesktop.UPower", "/org/freedesktop/UPower");
const LOGIN: (&str, &str) = ("org.freedesktop.login1", "/org/freedesktop/login1");
const MONITOR: (&str, &str) = ("org.freedesktop.LowMemoryMonitor", "/org/freedesktop/LowMemoryMonitor");

/// A scene with the stand-in, whose bus is the system bus too, and whose kernel files are `home/sys`.
async fn scene() -> (Scene, StandIn) {
    Scene::with_stand_in_and(
        |scene| Ok(format!("threads = 8\n{}", scene.calm_policy()?)),
        |scene| vec![("DBUS_SYSTEM_BUS_ADDRESS".into(), scene.address.clone())],
    )
    .await
    .expect("a scene")
}

/// The services of a test, and the daemon over them.
struct Stage {
    scene: Scene,
    stand_in: StandIn,
    hob: Hob,
    seen: Seen,
}

/// `None`, with a loud line, where dbusmock lacks.
async fn stage() -> Option<Stage> {
    if !has_dbusmock() {
        return None;
    }
    let (scene, stand_in) = scene().await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let seen = Seen::of(&scene).await.expect("conditions");
    Some(Stage { scene, stand_in, hob, seen })
}

async fn upower(scene: &Scene) -> Mock {
    Mock::template(scene, "upower", UPOWER.0, UPOWER.1).await.expect("UPower")
}

async fn set_battery(upower: &Mock, on_battery: bool, percent: f64, warning: u32) {
    let state = if on_battery { 2u32 } else { 1 };
    let body = (2u32, state, percent, percent, 100.0, 10.0, 3600i64, 0i64, true, "", warning);
    upower.control("SetupDisplayDevice", &body).await.expect("a display device");
    upower.set(UPOWER.1, UPOWER.0, "OnBattery", on_battery.into()).await.expect("OnBattery");
}

async fn load(hob: &Hob) {
    let options = Options::new().with("context", "none");
    hob.complete("Hi", &options).await.expect("an answer");
}

fn threads(entries: &[Value]) -> Vec<u64> {
    entries.iter().filter_map(|entry| entry["limits"]["threads"].as_u64()).collect()
}

async fn told(hob: &Hob, what: &str) -> String {
    hob.daemon().await.expect("a proxy").explain(what).await.expect("an explanation")
}

#[tokio::test(flavor = "multi_thread")]
async fn battery_slows_and_mains_power_frees() {
    if !has_dbusmock() {
        return;
    }
    let (scene, stand_in) = scene().await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    load(&hob).await;
    let mut seen = Seen::of(&scene).await.expect("conditions");
    let upower = upower(&scene).await;
    set_battery(&upower, true, 80.0, 1).await;
    let slowed = json!({"on_battery": true, "battery_percent": 80, "power_source": "upower", "threads_percent": 50,
                        "embedding_allowed": true, "maintenance_allowed": false, "background_allowed": true});
    seen.until(slowed).await.expect("slowed");
    assert_eq!(threads(&stand_in.wait_for("limits", 1).expect("a limit")), [4]);
    set_battery(&upower, true, 40.0, 1).await;
    seen.until(json!({"battery_percent": 40, "embedding_allowed": false})).await.expect("no embedding");
    set_battery(&upower, true, 9.0, 3).await;
    seen.until(json!({"battery_warning": "low", "background_allowed": false})).await.expect("no background work");
    // Who waits gets an answer all the same.
    load(&hob).await;
    set_battery(&upower, false, 60.0, 1).await;
    let freed = json!({"on_battery": false, "threads_percent": 100, "embedding_allowed": true,
                       "background_allowed": true, "battery_warning": "none"});
    seen.until(freed).await.expect("freed");
    let all = stand_in.wait_until("limits", |all| threads(all).last() == Some(&0)).expect("the end of the limit");
    let rests: Vec<_> = all.iter().map(held).collect();
    assert!(rests.contains(&true) && rests.last() == Some(&false), "{all:?}");
    let why = told(&hob, "what changed?").await;
    assert!(why.contains("mains power again") && why.contains("9%"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_loaded_on_battery_knows_the_limit() {
    let Some(Stage { scene, stand_in, hob, mut seen }) = stage().await else { return };
    let upower = upower(&scene).await;
    set_battery(&upower, true, 80.0, 1).await;
    seen.until(json!({"threads_percent": 50})).await.expect("slowed");
    load(&hob).await;
    assert_eq!(threads(&stand_in.entries("limits")), [4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn upower_may_go_and_come_back() {
    if !has_dbusmock() {
        return;
    }
    let (scene, _stand_in) = scene().await;
    let battery = scene.folder().join("home/sys/class/power_supply/BAT0");
    std::fs::create_dir_all(&battery).expect("made");
    for (name, text) in [("type", "Battery"), ("capacity", "71"), ("status", "Discharging")] {
        std::fs::write(battery.join(name), text).expect("written");
    }
    let mut seen = Seen::of(&scene).await.expect("conditions");
    let mut upower = upower(&scene).await;
    set_battery(&upower, false, 90.0, 1).await;
    seen.until(json!({"power_source": "upower", "battery_percent": 90, "on_battery": false})).await.expect("UPower");
    upower.stop().expect("stopped");
    let sysfs = json!({"power_source": "sysfs", "battery_percent": 71, "on_battery": true, "threads_percent": 50});
    seen.until(sysfs).await.expect("the kernel's files");
    let upower = Mock::template(&scene, "upower", UPOWER.0, UPOWER.1).await.expect("UPower again");
    set_battery(&upower, false, 91.0, 1).await;
    let again = json!({"power_source": "upower", "battery_percent": 91, "threads_percent": 100});
    seen.until(again).await.expect("UPower again");
}

#[tokio::test(flavor = "multi_thread")]
async fn power_saver_allows_a_smaller_model_under_both_names() {
    let Some(Stage { scene, stand_in: _stand_in, mut seen, .. }) = stage().await else { return };
    for (name, path) in [
        ("net.hadess.PowerProfiles", "/net/hadess/PowerProfiles"),
        ("org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles"),
    ] {
        let mut mock = Mock::empty(&scene, name, path).await.expect("power profiles");
        let property = (name, "ActiveProfile", zbus::Variant::from("balanced"));
        mock.control("AddProperty", &property).await.expect("a property");
        mock.set(path, name, "ActiveProfile", "power-saver".into()).await.expect("set");
        let saves = json!({"power_profile": "power-saver", "smaller_model_allowed": true, "threads_percent": 50});
        seen.until(saves).await.expect("saves power");
        mock.set(path, name, "ActiveProfile", "balanced".into()).await.expect("set");
        let balanced = json!({"power_profile": "balanced", "smaller_model_allowed": false, "threads_percent": 100});
        seen.until(balanced).await.expect("balanced");
        mock.set(path, name, "ActiveProfile", "power-saver".into()).await.expect("set");
        seen.until(json!({"smaller_model_allowed": true})).await.expect("saves power");
        // Nobody says what the user wants any more.
        mock.stop().expect("stopped");
        seen.until(json!({"smaller_model_allowed": false, "threads_percent": 100})).await.expect("unknown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heat_halves_the_threads_then_stops_background_work_and_vanishing_files_end_it() {
    let (scene, stand_in) = scene().await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    load(&hob).await;
    let mut seen = Seen::of(&scene).await.expect("conditions");
    let zone = scene.folder().join("home/sys/class/thermal/thermal_zone0");
    std::fs::create_dir_all(&zone).expect("made");
    std::fs::write(zone.join("temp"), "90000\n").expect("written");
    let hot = json!({"heat": "hot", "threads_percent": 50, "background_allowed": true});
    seen.until(hot).await.expect("hot");
    assert_eq!(threads(&stand_in.wait_for("limits", 1).expect("a limit")), [4]);
    std::fs::write(zone.join("temp"), "98000\n").expect("written");
    let very_hot = json!({"heat": "very hot", "background_allowed": false, "embedding_allowed": false});
    seen.until(very_hot).await.expect("very hot");
    let slow = told(&hob, "why is it slow?").await;
    assert!(slow.contains("the machine is very hot at 98 °C") || slow.contains("hot at 98 °C"), "{slow}");
    std::fs::remove_dir_all(scene.folder().join("home/sys/class")).expect("removed");
    let cool = json!({"heat": "cool", "threads_percent": 100, "background_allowed": true, "embedding_allowed": true});
    seen.until(cool).await.expect("cool");
    load(&hob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn background_work_under_way_rests_on_a_very_hot_machine_and_goes_on() {
    let (scene, stand_in) = scene().await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let mut seen = Seen::of(&scene).await.expect("conditions");
    let zone = scene.folder().join("home/sys/class/thermal/thermal_zone0");
    std::fs::create_dir_all(&zone).expect("made");
    std::fs::write(zone.join("temp"), "40000\n").expect("written");
    let asked = json!({"say": "x", "times": 60, "every_ms": 20}).to_string();
    let options = Options::new().with("context", "none").with("priority", "background");
    // A task of its own, because the script below waits without giving way.
    let asking = hob.clone();
    let mut background = tokio::spawn(async move { asking.complete(&asked, &options).await });
    let script = async {
        stand_in.wait_for("generate", 1).expect("it runs");
        std::fs::write(zone.join("temp"), "99000\n").expect("written");
        seen.until(json!({"background_allowed": false})).await.expect("very hot");
        stand_in.wait_until("limits", |told| told.iter().any(held)).expect("told to rest");
        // It would be over by now; who waits is served meanwhile.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        load(&hob).await;
        std::fs::write(zone.join("temp"), "40000\n").expect("written");
        std::future::pending::<()>().await;
    };
    let answer =
        tokio::select! { answer = &mut background => answer.expect("no panic"), () = script => unreachable!() };
    let answer = answer.expect("an answer");
    assert_eq!(answer.text.len(), 60);
    assert!(!held(stand_in.entries("limits").last().expect("told")), "it went on since it was allowed again");
    assert_eq!(stand_in.entries("generate").len(), 2);
}

fn held(entry: &Value) -> bool {
    entry["limits"]["background"] == false
}

#[tokio::test(flavor = "multi_thread")]
async fn quantizing_for_later_waits_for_mains_power_and_an_idle_user() {
    let Some(Stage { scene, stand_in: _stand_in, hob, mut seen }) = stage().await else { return };
    let upower = upower(&scene).await;
    set_battery(&upower, true, 80.0, 1).await;
    seen.until(json!({"maintenance_allowed": false})).await.expect("no maintenance");
    // What follows from the conditions is applied a moment after they are told.
    while !told(&hob, "what changed?").await.contains("runs on battery") {
        tokio::task::yield_now().await;
    }
    let options = Options::new().with("priority", "background");
    let _request = hob.quantize("stand-in", "Q8_0", options).await.expect("a request");
    let paused = |told: &str| told.contains("maintenance was paused because the machine runs on battery");
    while !paused(&told(&hob, "what changed?").await) {
        tokio::task::yield_now().await;
    }
    set_battery(&upower, false, 80.0, 1).await;
    while !told(&hob, "what changed?").await.contains("maintenance went on") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn background_requests_wait_until_the_battery_is_no_longer_low() {
    let Some(Stage { scene, stand_in, hob, mut seen }) = stage().await else { return };
    let upower = upower(&scene).await;
    set_battery(&upower, true, 8.0, 4).await;
    seen.until(json!({"battery_warning": "critical", "background_allowed": false})).await.expect("low");
    let options = Options::new().with("context", "none").with("priority", "background");
    let background = hob.complete("later", &options);
    let script = async {
        load(&hob).await;
        assert_eq!(stand_in.entries("generate").len(), 1);
        set_battery(&upower, false, 8.0, 4).await;
        std::future::pending::<()>().await;
    };
    tokio::select! { answer = background => { answer.expect("an answer"); }, () = script => {} }
    assert_eq!(stand_in.entries("generate").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_memory_warning_is_seen() {
    let Some(Stage { scene, stand_in: _stand_in, mut seen, .. }) = stage().await else { return };
    let mut monitor = Mock::template(&scene, "low_memory_monitor", MONITOR.0, MONITOR.1).await.expect("a monitor");
    // The daemon subscribes when it sees the name, a moment later: a warning is repeated, as the real one does.
    let warns = async {
        loop {
            monitor.control("EmitWarning", &(100u8,)).await.expect("a warning");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        warned = seen.until(json!({"low_memory_warning": 100})) => warned.expect("warned"),
        () = warns => {}
    }
    monitor.stop().expect("stopped");
    seen.until(json!({"low_memory_warning": 0})).await.expect("over");
}

#[tokio::test(flavor = "multi_thread")]
async fn sleep_waits_until_models_have_written_down_what_they_evaluated() {
    let Some(Stage { scene, stand_in, hob, mut seen }) = stage().await else { return };
    let login = Mock::template(&scene, "logind", LOGIN.0, LOGIN.1).await.expect("logind");
    seen.until(json!({"user_idle": false})).await.expect("logind is followed");
    while login.inhibitors().await.expect("inhibitors") == 0 {
        tokio::task::yield_now().await;
    }
    load(&hob).await;
    let options = Options::new().with("context", "none").with("priority", "background");
    let endless = json!({"say": "x", "times": 100_000, "every_ms": 20}).to_string();
    let background = hob.complete(&endless, &options);
    let sleeps = async {
        stand_in.wait_for("generate", 2).expect("it runs");
        stand_in.exits_after(300).expect("set");
        emit_sleep(&login, true).await;
        stand_in.wait_for("written", 1).expect("the model wrote down what it had");
        while login.inhibitors().await.expect("inhibitors") > 0 {
            tokio::task::yield_now().await;
        }
    };
    let (ended, ()) = tokio::join!(background, sleeps);
    let error = ended.expect_err("background work ends").to_string();
    assert!(error.contains("goes to sleep"), "{error}");
    seen.until(json!({"suspending": true, "background_allowed": false})).await.expect("suspending");
    assert!(told(&hob, "why was stand-in unloaded?").await.contains("because the machine was about to sleep"));
    emit_sleep(&login, false).await;
    seen.until(json!({"suspending": false, "background_allowed": true})).await.expect("awake");
    while login.inhibitors().await.expect("inhibitors") == 0 {
        tokio::task::yield_now().await;
    }
    load(&hob).await;
    assert_eq!(stand_in.entries("load").len(), 2);
}

async fn emit_sleep(login: &Mock, start: bool) {
    let arguments = vec![zbus::Variant::from(start)];
    let signal = ("org.freedesktop.login1.Manager", "PrepareForSleep", "b", arguments);
    login.control("EmitSignal", &signal).await.expect("a signal");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_system_bus_all_works() {
    let (scene, _stand_in) = Scene::with_stand_in("").await.expect("a scene");
    load(&Hob::over(scene.connect().await.expect("the bus"))).await;
    let seen = Seen::of(&scene).await.expect("conditions").now().await.expect("conditions");
    assert_eq!(seen["power_source"], "sysfs");
    assert!(!scene.log().contains("ERROR"), "{}", scene.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_had_generated_is_counted_and_kept() {
    let (mut scene, stand_in) = scene().await;
    {
        let hob = Hob::over(scene.connect().await.expect("the bus"));
        load(&hob).await;
        load(&hob).await;
    }
    drop(stand_in);
    for _restarted in [false, true] {
        let hob = Hob::over(scene.connect().await.expect("the bus"));
        let rows = hob.usage().await.expect("usage");
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.requests, row.completion_tokens, row.joules), (2, 2, 0.0));
        assert!(row.prompt_tokens > 0 && row.app.contains("/power-"), "{row:?}");
        drop(hob);
        scene.end_daemon(rustix::process::Signal::TERM).expect("ended");
        scene.start_daemon().await.expect("started");
    }
    let output = scene.hob(&["status", "--usage"]).expect("hob");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("requests") && text.contains("/power-"), "{text}");
}
