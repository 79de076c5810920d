//! The kinds of skills, each from installation to removal.

use super::project::{Project, call, intent, listed, refusal};
use hob_tests::Scene;
use serde_json::json;

const EXEC: &str = r#"
from hob_skill import Skill
skill = Skill("@ID@", "1.0.0")

@skill.intent("Greet")
def greet(call, name="you"):
    return {"message": f"Hello, {name}.", "data": {"settings": call.settings, "request": call.request}}

skill.run()
"#;

const SERVER: &str = r#"
import json, sys

def say(number, result):
    print(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}), flush=True)

for line in sys.stdin:
    message = json.loads(line)
    number = message.get("id")
    if message["method"] == "initialize":
        say(number, {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "t", "version": "1"}})
    elif message["method"] == "tools/list":
        parameters = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
        look = {"name": "count_letters", "description": "Counts.", "inputSchema": parameters, "annotations": {"readOnlyHint": True}}
        say(number, {"tools": [look, {"name": "wipe", "description": "Wipes.", "inputSchema": {"type": "object"}}]})
    elif message["method"] == "tools/call":
        word = message["params"]["arguments"].get("word", "")
        say(number, {"content": [{"type": "text", "text": f"{len(word)} letters"}]})
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_python() {
    let scene = Scene::start(None).await.expect("a scene");
    let id = "org.example.greeter";
    let manifest = intent("Greet", "read") + "properties.name = { type = \"string\" }\n";
    let project = Project::python(&scene, id, "exec", EXEC, &manifest);
    assert_eq!(project.install(&scene)["installed"], json!(true));
    assert_eq!(call(&scene, id, "Greet", r#"{"name": "Ana"}"#)["message"], "Hello, Ana.");
    let row = listed(&scene, id);
    assert_eq!((&row["kind"], &row["state"]), (&json!("exec"), &json!("unloadable")));
    assert!(row["pid"].as_u64().is_some_and(|pid| pid > 0));
    let wrong = scene.hob(&["skill", "call", id, "Greet", r#"{"name": 3}"#]).expect("hob runs");
    assert!(refusal(&wrong).contains("name: 3 is not of type"), "arguments are checked before the skill sees them");
    let removed = scene.hob_json(&["skill", "remove", id]).expect("removed");
    assert_eq!(removed["removed"], json!(true));
    assert!(refusal(&scene.hob(&["skill", "call", id, "Greet"]).expect("hob runs")).contains("there is no skill"));
    assert!(!scene.folder().join("data/hob/skills").join(id).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_model_context_protocol() {
    let scene = Scene::start(None).await.expect("a scene");
    let id = "org.example.server";
    let project = Project::python(&scene, id, "mcp", SERVER, "");
    project.install(&scene);
    assert_eq!(listed(&scene, id)["intents"], json!(["CountLetters", "Wipe"]), "its tools became intents");
    assert_eq!(call(&scene, id, "CountLetters", r#"{"word": "hello"}"#)["message"], "5 letters");
    let wipe = refusal(&scene.hob(&["skill", "call", id, "Wipe"]).expect("hob runs"));
    assert!(wipe.contains("destroys something"), "a tool that does not say it is harmless is confirmed: {wipe}");
    let confirmed = scene.hob_json(&["skill", "call", "--yes", id, "Wipe"]).expect("confirmed");
    assert_eq!(confirmed["status"], "success");
}
