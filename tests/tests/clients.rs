//! Other people's clients: busctl, gdbus and dasbus call a running daemon.

use hob_tests::{NAME, ROOT, Scene, has_program, models, project};
use std::process::{Command, Output};

async fn scene() -> Option<Scene> {
    let models = models()?;
    let scene = Scene::start(Some(&models)).await.expect("a scene");
    scene.index(&project().join("examples/home/Notes").canonicalize().expect("notes")).expect("indexed");
    Some(scene)
}

fn text(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn busctl_searches_completes_and_calls() {
    if !has_program("busctl") {
        return;
    }
    let Some(scene) = scene().await else { return };
    let busctl = |interface: &str, method: &str, rest: &[&str]| {
        let mut command = scene.command("busctl");
        command.arg(format!("--address={}", scene.address)).args([
            "--timeout=60",
            "call",
            NAME,
            ROOT,
            interface,
            method,
        ]);
        text({
            command.args(rest);
            command
        })
    };
    let found = busctl("org.hob.Index1", "Search", &["sa{sv}", "when was the boiler serviced", "1", "limit", "u", "3"]);
    assert!(found.contains("boiler.md"), "{found}");
    let said = busctl(
        "org.hob.Assistant1",
        "Complete",
        &["sa{sv}", "Say hello.", "2", "context", "s", "none", "max_tokens", "u", "8"],
    );
    assert!(said.contains("finish_reason"), "{said}");
    let timer =
        busctl("org.hob.Skills1", "Call", &["sssa{sv}", "org.hob.clock", "SetTimer", "{\"duration\":\"PT5M\"}", "0"]);
    assert!(timer.contains("success"), "{timer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gdbus_searches_completes_and_calls() {
    if !has_program("gdbus") {
        return;
    }
    let Some(scene) = scene().await else { return };
    let gdbus = |method: &str, rest: &[&str]| {
        let mut command = scene.command("gdbus");
        command.args(["call", "--session", "--timeout=60", "--dest", NAME, "--object-path", ROOT, "--method", method]);
        text({
            command.args(rest);
            command
        })
    };
    let found = gdbus("org.hob.Index1.Search", &["when was the boiler serviced", "{'limit': <uint32 3>}"]);
    assert!(found.contains("boiler.md"), "{found}");
    let said = gdbus("org.hob.Assistant1.Complete", &["Say hello.", "{'context': <'none'>, 'max_tokens': <uint32 8>}"]);
    assert!(said.contains("finish_reason"), "{said}");
    let timer = gdbus("org.hob.Skills1.Call", &["org.hob.clock", "SetTimer", "{\"duration\": \"PT5M\"}", "{}"]);
    assert!(timer.contains("success"), "{timer}");
}

const DASBUS: &str = r#"
import json
from dasbus.connection import SessionMessageBus
from dasbus.typing import get_variant, Str, UInt32

hob = SessionMessageBus().get_proxy("org.hob.Hob1", "/org/hob/Hob1")
hits, details = hob.Search("when was the boiler serviced", {"limit": get_variant(UInt32, 3)})
assert any(hit["path"].unpack().endswith("boiler.md") for hit in hits), hits
text, details = hob.Complete("Say hello.", {"context": get_variant(Str, "none"), "max_tokens": get_variant(UInt32, 8)})
assert details["finish_reason"].unpack() in ("stop", "length"), details
assert json.loads(hob.Call("org.hob.clock", "SetTimer", '{"duration": "PT5M"}', {}))["status"] == "success"
print("dasbus is content")
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_searches_completes_and_calls() {
    let python = "/usr/bin/python3";
    let there = Command::new(python).args(["-c", "import dasbus"]).output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("SKIPPED: {python} has no dasbus (apt-get install python3-dasbus)");
        return;
    }
    let Some(scene) = scene().await else { return };
    let mut command = scene.command(python);
    command.args(["-c", DASBUS]);
    assert!(text(command).contains("content"));
}
