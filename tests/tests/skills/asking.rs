//! What skills ask of hob during a call: answered if it was granted, and only then.

use super::project::{Project, call, intent};
use hob_tests::Scene;
use serde_json::json;

const ASKER: &str = r#"
from hob_skill import Skill
skill = Skill("@ID@", "1.0.0")

@skill.intent("Write")
def write(call):
    return call.complete("Greet " + call.settings.get("who", "nobody"), max_tokens=8)

@skill.intent("Find")
def find(call, words):
    hits = call.search(words, limit=3)
    return {"message": f"{len(hits)} found", "data": [hit["path"] for hit in hits]}

@skill.intent("Place")
def place(call, name):
    return call.place(name)

skill.run()
"#;

fn asker(scene: &Scene, id: &str, permissions: &str) {
    let find = intent("Find", "read") + "properties.words = { type = \"string\" }\n";
    let place = intent("Place", "read") + "properties.name = { type = \"string\" }\n";
    let manifest = format!("[permissions]\n{permissions}\n") + &intent("Write", "read") + &find + &place;
    Project::python(scene, id, "exec", ASKER, &manifest).install(scene);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_the_index_the_settings_and_the_user_s_folders() {
    let settings = "[skills.settings.\"org.example.asker\"]\nwho = \"Ana\"\n";
    let (scene, _model) = Scene::with_stand_in(settings).await.expect("a scene");
    let id = "org.example.asker";
    asker(&scene, id, "model = true\nindex = true\nread = [\"xdg:documents\"]");
    // The stand-in says what it was asked.
    assert_eq!(call(&scene, id, "Write", "{}")["message"], "Greet Ana");
    let file = scene.write("Papers/boiler.txt", "The boiler was serviced in March.").expect("written");
    scene.index(&scene.folder().join("home/Papers")).expect("indexed");
    let found = call(&scene, id, "Find", r#"{"words": "boiler serviced"}"#);
    assert_eq!(found["data"], json!([file]), "{found}");
    let documents = scene.folder().join("home/Documents");
    assert_eq!(call(&scene, id, "Place", r#"{"name": "xdg:documents"}"#)["message"], json!(documents));
    assert_eq!(call(&scene, id, "Place", r#"{"name": "~/Secrets"}"#)["code"], "permission_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_granted_is_refused_by_name() {
    let (scene, _model) = Scene::with_stand_in("").await.expect("a scene");
    let id = "org.example.modest";
    asker(&scene, id, "");
    let written = call(&scene, id, "Write", "{}");
    assert_eq!(written["code"], "permission_denied");
    assert!(written["message"].as_str().is_some_and(|why| why.contains("model = true")), "{written}");
    assert_eq!(call(&scene, id, "Find", r#"{"words": "boiler"}"#)["code"], "permission_denied");
}
