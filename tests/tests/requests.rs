//! Requests: routed, streamed, refused with typed errors when they are wrong.

use hob_tests::{NAME, ROOT, Scene, models, programs};
use std::collections::HashMap;
use zbus::Variant;

#[tokio::test(flavor = "multi_thread")]
async fn words_become_a_typed_call_with_its_result() {
    let Some(models) = models() else { return };
    let scene = Scene::start(Some(&models)).await.expect("a scene");
    let answer = scene.hob_json(&["ask", "set a timer for ten minutes for the pasta"]).expect("an answer");
    assert_eq!(answer["route"], "skill", "{answer}");
    let call = &answer["tool_calls"][0];
    assert_eq!((call["skill"].as_str(), call["intent"].as_str()), (Some("org.hob.clock"), Some("SetTimer")));
    assert_eq!(call["arguments"]["duration"], "PT10M", "{call}");
    assert_eq!(call["arguments"]["label"], "pasta", "{call}");
    assert_eq!(call["result"]["status"], "success", "{call}");

    let route = scene.hob_json(&["route", "In what country is Normandy located?"]).expect("a route");
    assert_eq!(route["decision"], "retrieve", "{route}");
    let log = std::fs::read_to_string(scene.folder().join("state/hob/calls.log")).expect("the log");
    assert!(log.contains("SetTimer") && log.contains("pasta"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_get_typed_errors_that_say_what_to_do() {
    let scene = Scene::start(None).await.expect("a scene");
    let bus = scene.connect().await.expect("the bus");
    let none: HashMap<&str, Variant<'_>> = HashMap::new();
    let odd = HashMap::from([("colour", Variant::from("red"))]);
    let wrong = HashMap::from([("limit", Variant::from("many"))]);
    let cases = [
        ("Assistant1.Complete", call(&bus, "Assistant1", "Complete", &("", &none)).await, "InvalidArgument", "empty"),
        (
            "Assistant1.Complete",
            call(&bus, "Assistant1", "Complete", &("hi", &odd)).await,
            "InvalidArgument",
            "unknown option colour",
        ),
        (
            "Index1.Search",
            call(&bus, "Index1", "Search", &("hi", &wrong)).await,
            "InvalidArgument",
            "limit must be a whole number",
        ),
        (
            "Index1.AddFolder",
            call(&bus, "Index1", "AddFolder", &("relative", &none)).await,
            "InvalidArgument",
            "absolute",
        ),
        (
            "Skills1.Call",
            call(&bus, "Skills1", "Call", &("org.hob.nothing", "X", "{}", &none)).await,
            "NotFound",
            "there is no skill",
        ),
        (
            "Skills1.Call",
            call(&bus, "Skills1", "Call", &("org.hob.clock", "SetTimer", "{oops", &none)).await,
            "InvalidArgument",
            "not valid JSON",
        ),
        (
            "Skills1.Call",
            call(&bus, "Skills1", "Call", &("org.hob.clock", "SetTimer", "{}", &none)).await,
            "InvalidArgument",
            "duration",
        ),
    ];
    for (what, error, name, says) in cases {
        let (got, message) = error;
        assert_eq!(got, format!("org.hob.Error.{name}"), "{what}: {message}");
        assert!(message.contains(says), "{what}: {message}");
    }
}

/// Calls a method that must fail; the error's name and message.
async fn call<B>(bus: &zbus::Connection, interface: &str, method: &str, body: &B) -> (String, String)
where
    B: serde::Serialize + zbus::DynamicType,
{
    let interface = format!("org.hob.{interface}");
    match bus.call_method(Some(NAME), ROOT, Some(interface.as_str()), method, body).await {
        Err(zbus::Error::MethodError(name, message, _)) => (name.to_string(), message.unwrap_or_default()),
        other => panic!("{interface}.{method} should have failed: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_models_are_refused_and_the_next_request_works() {
    let scene = Scene::start(None).await.expect("a scene");
    let cases = [("truncated.gguf", b"GGUF\x03\x00\x00\x00".to_vec()), ("text.gguf", b"this is a letter".to_vec())];
    for (name, content) in cases {
        let path = scene.write(name, content).expect("written");
        let refused = scene.hob(&["model", "load", path.to_str().expect("UTF-8")]).expect("hob runs");
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{error}");
        assert!(error.contains("can't be used as a model"), "{error}");
    }
    assert!(scene.hob(&["model", "load", "nobody"]).expect("hob").status.code() == Some(1));
    assert!(scene.hob(&["status"]).expect("hob").status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_ends_its_request() {
    let Some(models) = models() else { return };
    let scene = Scene::start(Some(&models)).await.expect("a scene");
    let mut asking = scene.command(programs().join("hob"));
    asking.args(["ask", "--context", "none", "--max-tokens", "1800", "Tell me everything about whales."]);
    asking.stdout(std::process::Stdio::piped());
    let mut asking = asking.spawn().expect("hob starts");
    let mut first = [0u8; 1];
    std::io::Read::read_exact(asking.stdout.as_mut().expect("output"), &mut first).expect("the answer begins");
    asking.kill().expect("killed");
    asking.wait().expect("reaped");
    // The model answers somebody else at once, which it could not while it went on for the dead.
    let started = std::time::Instant::now();
    scene.hob_json(&["ask", "--context", "none", "--max-tokens", "2", "Hi"]).expect("an answer");
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}
