//! Skills that something starts.

use super::project::{Project, intent, listed};
use futures_util::StreamExt;
use hob_sdk::client::Hob;
use hob_tests::{PATIENCE, Scene, gone_within};
use serde_json::json;
use std::time::Duration;

const WATCHER: &str = r#"
from hob_skill import Skill
skill = Skill("@ID@", "1.0.0")

@skill.intent("Heard")
def heard(call, event, path=None):
    return f"{event} {path}"

skill.run()
"#;

fn watcher(scene: &Scene, id: &str, start: &str) {
    let manifest = format!("[lifecycle]\nstart = [\"{start}\"]\non_event = \"Heard\"\n")
        + &intent("Heard", "read")
        + "properties.event = { type = \"string\" }\nproperties.path = { type = \"string\" }\n";
    Project::python(scene, id, "exec", WATCHER, &manifest).install(scene);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_and_a_signal_start_skills() {
    let scene = Scene::start(None).await.expect("a scene");
    let watched = scene.write("Invoices/first.txt", "one").expect("written");
    watcher(&scene, "org.example.files", "event:file.changed=~/Invoices");
    let app = zbus::connection::Builder::address(scene.address.as_str())
        .name("org.example.App")
        .build()
        .await
        .expect("the app is on the bus");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let mut told = hob.skills().await.expect("a proxy").receive_notified().await.expect("signals");
    // What waits for an event follows the installation a little later; until then nobody hears it.
    let mut heard_after = async |make_it_happen: &dyn Fn()| {
        for _ in 0..200 {
            make_it_happen();
            if let Ok(heard) = tokio::time::timeout(Duration::from_millis(500), told.next()).await {
                return heard.expect("a signal").args().expect("its arguments").text().to_string();
            }
        }
        panic!("nothing was heard: {}", scene.log())
    };
    let changed = heard_after(&|| std::fs::write(&watched, "two").expect("changed")).await;
    let folder = scene.folder().join("home/Invoices");
    assert_eq!(changed, format!("event:file.changed=~/Invoices {}", folder.display()));

    watcher(&scene, "org.example.signals", "event:bus=org.example.App/org.example.App.Ready");
    let emit = || {
        let emitted = app.emit_signal(None::<&str>, "/a", "org.example.App", "Ready", &());
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(emitted)).expect("emitted");
    };
    let mut heard = heard_after(&emit).await;
    // A change that was told late may come first.
    while heard.starts_with("event:file") {
        heard = heard_after(&emit).await;
    }
    assert!(heard.starts_with("event:bus=org.example.App/org.example.App.Ready"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn skills_start_at_log_in_and_end_with_their_call_when_they_want_to() {
    let mut scene = Scene::start(None).await.expect("a scene");
    watcher(&scene, "org.example.login", "at-login");
    let at_once = "[lifecycle]\nrecycle = \"immediately\"\n".to_string() + &intent("Heard", "read");
    Project::python(&scene, "org.example.brief", "exec", WATCHER, &at_once).install(&scene);
    super::project::call(&scene, "org.example.brief", "Heard", r#"{"event": "x"}"#);
    assert_eq!(listed(&scene, "org.example.brief")["state"], json!("not loaded"), "it ended with its call");
    let idle = "[lifecycle]\nidle_seconds = 1\n".to_string() + &intent("Heard", "read");
    Project::python(&scene, "org.example.idle", "exec", WATCHER, &idle).install(&scene);
    super::project::call(&scene, "org.example.idle", "Heard", r#"{"event": "x"}"#);
    let pid = listed(&scene, "org.example.idle")["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    assert!(gone_within(&[pid.expect("a process")], PATIENCE), "an idle skill holds no memory");
    scene.end_daemon(rustix::process::Signal::TERM).expect("ended");
    let bus = scene.connect().await.expect("the bus");
    let hob = Hob::over(bus);
    let mut told = hob.skills().await.expect("a proxy").receive_notified().await.expect("signals");
    scene.start_daemon().await.expect("a daemon");
    let heard = tokio::time::timeout(PATIENCE, told.next()).await.expect("in time").expect("a signal");
    assert!(heard.args().expect("arguments").text().starts_with("at-login"));
}
