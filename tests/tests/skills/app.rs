//! An app that has a bus name is a skill by implementing `org.hob.SkillProvider1`.

use super::project::{call, intent, listed, refusal};
use hob_tests::Scene;
use serde_json::{Value, json};
use zbus::interface;

struct App;

#[interface(name = "org.hob.SkillProvider1")]
impl App {
    fn call(&self, intent: String, arguments: String, context: String) -> zbus::fdo::Result<String> {
        let arguments: Value = serde_json::from_str(&arguments).unwrap_or_default();
        let known = context.contains("time_zone");
        match intent.as_str() {
            "Play" => {
                let message = format!("Playing {}.", arguments["title"].as_str().unwrap_or("something"));
                Ok(json!({"status": "success", "message": message, "data": {"known": known}}).to_string())
            }
            "Garbage" => Ok("garbage".into()),
            _ => Err(zbus::fdo::Error::Failed("the record is scratched".into())),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_carries_out_its_intents() {
    let scene = Scene::start(None).await.expect("a scene");
    let folder = scene.folder().join("home/player");
    std::fs::create_dir_all(&folder).expect("a folder");
    let head = "[skill]\nid = \"org.example.player\"\nversion = \"1.0.0\"\ntitle = \"Player\"\nkind = \"dbus\"\nbus_name = \"org.example.Player\"\nobject = \"/org/example/Player\"\n[lifecycle]\ntimeout_ms = 2000\n";
    let intents = ["Play", "Garbage", "Scratch"].map(|name| intent(name, "read")).concat();
    std::fs::write(folder.join("skill.toml"), head.to_string() + &intents).expect("a manifest");
    scene.hob_json(&["skill", "install", "--yes", folder.to_str().expect("UTF-8")]).expect("installed");
    let id = "org.example.player";

    let absent = refusal(&scene.hob(&["skill", "call", id, "Play"]).expect("hob runs"));
    assert!(absent.contains("org.example.Player did not answer: no such app is on this message bus"), "{absent}");
    let _app = zbus::connection::Builder::address(scene.address.as_str())
        .serve_at("/org/example/Player", App)
        .name("org.example.Player")
        .build()
        .await
        .expect("the app is on the bus");
    let played = call(&scene, id, "Play", r#"{"title": "Fado"}"#);
    assert_eq!((&played["message"], &played["data"]["known"]), (&json!("Playing Fado."), &json!(true)));
    let garbage = refusal(&scene.hob(&["skill", "call", id, "Garbage"]).expect("hob runs"));
    assert!(garbage.contains("gave no valid result"), "{garbage}");
    let failed = refusal(&scene.hob(&["skill", "call", id, "Scratch"]).expect("hob runs"));
    assert!(failed.contains("the record is scratched"), "{failed}");
    assert_eq!(listed(&scene, id)["pid"].as_u64().unwrap_or(0), 0, "hob has no process for it");
}
