//! Nothing runs before it was granted; updates, refusals and removals need no restart.

use super::project::{Project, call, intent, listed, refusal};
use hob_tests::Scene;
use serde_json::json;

const NOTES: &str = r#"
import os
from hob_skill import Skill
open("/dev/null")
skill = Skill("@ID@", "1.0.0")

@skill.intent("Add")
def add(call, text):
    number = len(os.listdir(call.storage))
    with open(os.path.join(call.storage, str(number)), "w") as file:
        file.write(text)
    return {"message": "Kept.", "data": {"number": number}}

@skill.intent("Take")
def take(call, number):
    os.remove(os.path.join(call.storage, str(number)))
    return "Taken back."

@skill.intent("Count")
def count(call):
    return f"{len(os.listdir(call.storage))} notes"

@skill.intent("Wrong")
def wrong(call):
    return {"data": "a text"}

skill.run()
"#;

fn manifest() -> String {
    let add =
        intent("Add", "change").replace("risk", "undo = \"Take\"\nrisk") + "properties.text = { type = \"string\" }\n";
    let take = intent("Take", "change") + "properties.number = { type = \"integer\" }\n";
    let wrong =
        intent("Wrong", "read").replace("[intent.parameters]", "result = { type = \"object\" }\n[intent.parameters]");
    [add, take, intent("Count", "read"), wrong].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_skill_asks_for_is_asked_of_the_user() {
    let scene = Scene::start(None).await.expect("a scene");
    let id = "org.example.notes";
    let permissions = "[permissions]\nread = [\"xdg:documents\"]\nmodel = true\n";
    let project = Project::python(&scene, id, "exec", NOTES, &(permissions.to_string() + &manifest()));
    let said = refusal(&scene.hob(&["skill", "install", project.path()]).expect("hob runs"));
    assert!(said.contains("read xdg:documents") && said.contains("language model"), "{said}");
    assert!(said.contains("nothing was changed"), "{said}");
    assert!(listed(&scene, id).is_null(), "it is not there");
    let installed = project.install(&scene);
    assert!(installed["asks"].as_array().is_some_and(|asks| asks.len() == 3), "{installed}");

    // An update that asks for no more is not asked again; one that does is.
    project.manifest("1.0.0", "1.0.1");
    let updated = scene.hob_json(&["skill", "install", project.path()]).expect("updated");
    assert_eq!((&updated["before"], &updated["version"]), (&json!("1.0.0"), &json!("1.0.1")));
    project.manifest("model = true", "model = true\nnetwork = [\"example.org:443\"]");
    let said = refusal(&scene.hob(&["skill", "install", project.path()]).expect("hob runs"));
    assert!(said.contains("example.org:443") && !said.contains("xdg:documents"), "only what is new: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skill_that_somebody_put_there_does_not_run() {
    let mut scene = Scene::bus_only(None).expect("a scene");
    let id = "org.example.dropped";
    let traces = "import os, pathlib\npathlib.Path(os.environ['HOB_SKILL_STORAGE'], 'ran').touch()\n";
    let project = Project::python(&scene, id, "exec", &(traces.to_string() + NOTES), &manifest());
    let skills = scene.folder().join("data/hob/skills");
    std::fs::create_dir_all(&skills).expect("made");
    std::fs::rename(&project.folder, skills.join(id)).expect("dropped");
    std::os::unix::fs::symlink(skills.join(id), skills.join("org.example.linked")).expect("linked");
    scene.start_daemon().await.expect("a daemon");
    assert_eq!(listed(&scene, id)["state"], "not granted");
    let said = refusal(&scene.hob(&["skill", "call", id, "Count"]).expect("hob runs"));
    assert!(said.contains(&format!("hob skill enable {id}")), "{said}");
    assert_eq!(listed(&scene, "org.example.linked")["state"], "broken", "a link is no skill");
    let said = refusal(&scene.hob(&["skill", "call", "org.example.linked", "Count"]).expect("hob runs"));
    assert!(said.contains("is a link and no folder"), "{said}");
    let ran = scene.folder().join("data/hob/skill-data").join(id).join("ran");
    assert!(!ran.exists(), "nothing of it ran");

    scene.hob_json(&["skill", "enable", "--yes", id]).expect("granted");
    assert_eq!(call(&scene, id, "Count", "{}")["message"], "1 notes");
    assert!(ran.exists(), "now it did");
    scene.hob_json(&["skill", "disable", id]).expect("disabled");
    assert_eq!(listed(&scene, id)["state"], "disabled");
    assert!(refusal(&scene.hob(&["skill", "call", id, "Count"]).expect("hob runs")).contains("switched off"));
    scene.hob_json(&["skill", "enable", id]).expect("enabled again, and still granted");
    assert_eq!(call(&scene, id, "Count", "{}")["status"], "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_take_effect_at_once_and_broken_ones_change_nothing() {
    let scene = Scene::start(None).await.expect("a scene");
    let id = "org.example.notes";
    let project = Project::python(&scene, id, "exec", NOTES, &manifest());
    project.install(&scene);
    assert_eq!(call(&scene, id, "Add", r#"{"text": "milk"}"#)["message"], "Kept.");
    let before = listed(&scene, id)["pid"].clone();

    project.program(&NOTES.replace("@ID@", id).replace("} notes\"", "} pieces of paper\""));
    project.manifest("1.0.0", "1.1.0");
    project.install(&scene);
    assert_eq!(call(&scene, id, "Count", "{}")["message"], "1 pieces of paper", "the data stay");
    assert_ne!(listed(&scene, id)["pid"], before);

    for (broken, why) in [("raise SystemExit(9)", "exit status 9"), ("print('hello')", "where a message belongs")] {
        project.program(broken);
        let said = refusal(&scene.hob(&["skill", "install", project.path()]).expect("hob runs"));
        assert!(said.contains("nothing was installed") && said.contains(why), "{said}");
        assert_eq!(call(&scene, id, "Count", "{}")["message"], "1 pieces of paper", "the old one is back");
    }
    project.manifest("./skill.py", "../skill.py");
    let said = refusal(&scene.hob(&["skill", "install", project.path()]).expect("hob runs"));
    assert!(said.contains("must not leave the skill's folder"), "{said}");
    project.manifest("../skill.py", "./skill.py");
    project.manifest(id, "org.hob.clock");
    let said = refusal(&scene.hob(&["skill", "install", "--yes", project.path()]).expect("hob runs"));
    assert!(said.contains("came with hob"), "nothing stands in for a built-in skill: {said}");
    assert!(
        refusal(&scene.hob(&["skill", "remove", "org.hob.clock"]).expect("hob runs")).contains("not installed by you")
    );
    assert!(refusal(&scene.hob(&["skill", "remove", "../../home"]).expect("hob runs")).contains("there is no skill"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_undone_by_name_and_over_a_restart() {
    let mut scene = Scene::start(None).await.expect("a scene");
    let id = "org.example.notes";
    Project::python(&scene, id, "exec", NOTES, &manifest()).install(&scene);
    let first = call(&scene, id, "Add", r#"{"text": "milk"}"#);
    let second = call(&scene, id, "Add", r#"{"text": "bread"}"#);
    assert_eq!((&first["action"], &second["action"]), (&json!("a1"), &json!("a2")));
    scene.end_daemon(rustix::process::Signal::TERM).expect("ended");
    scene.start_daemon().await.expect("a daemon");
    assert_eq!(scene.hob_json(&["skill", "undo"]).expect("undone")["message"], "Taken back.");
    assert_eq!(call(&scene, id, "Count", "{}")["message"], "1 notes");
    assert!(refusal(&scene.hob(&["skill", "undo", "a2"]).expect("hob runs")).contains("no action a2"));
    scene.hob_json(&["skill", "undo", "a1"]).expect("undone");
    assert_eq!(call(&scene, id, "Count", "{}")["message"], "0 notes");
    let wrong = refusal(&scene.hob(&["skill", "call", id, "Wrong"]).expect("hob runs"));
    assert!(wrong.contains("does not fit the schema"), "results are checked too: {wrong}");
}
