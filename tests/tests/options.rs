//! What becomes of a request's options: seen by a stand-in for the model host, and in the answer.

use hob_sdk::client::{Answer, DeltaKind, Hob, Kind, Options, Request, Update, details_to_json};
use hob_tests::Scene;
use hob_tests::stand_in::StandIn;
use serde_json::{Value, json};

async fn start(settings: &str) -> (Scene, StandIn, Hob) {
    let (scene, stand_in) = Scene::with_stand_in(settings).await.expect("a scene");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    (scene, stand_in, hob)
}

fn plain() -> Options {
    Options::new().with("context", "none")
}

/// Everything a request tells: each update as one line, and the answer.
async fn follow(mut request: Request) -> (Vec<String>, Answer) {
    let mut told = Vec::new();
    while let Some(update) = request.next_update().await {
        match update.expect("an update") {
            Update::Delta { kind: DeltaKind::Reasoning, text } => told.push(format!("thinks {text}")),
            Update::Delta { text, .. } => told.push(format!("says {text}")),
            Update::Event { kind, details } => told.push(format!("{kind} {}", details_to_json(&details))),
            Update::Confirm { action, .. } => told.push(format!("asks {action}")),
            Update::Finished(end) => return (told, end.into_answer().expect("an answer")),
        }
    }
    panic!("no end after {told:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn options_reach_the_model_as_they_were_given() {
    let (scene, stand_in, hob) = start("").await;
    let adapter = scene.write("adapter.gguf", "an adapter").expect("written");
    let tools = json!([{"type": "function", "function": {"name": "weather", "description": "Tells the weather.",
                        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}}}}]);
    let turns = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Porto?"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "name": "weather", "arguments": {}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"}]);
    let options = plain()
        .with("priority", "background")
        .with("messages", turns.to_string())
        .with("tools", tools.to_string())
        .with("tool_choice", "none")
        .with("schema", "{\"type\": \"object\"}")
        .with("copy_from", "sunny and warm")
        .with("logprobs", 2u32)
        .with("lora", adapter.to_str().expect("UTF-8").to_string())
        .with("lora_scale", 0.5f64)
        .with("stop", vec!["###".to_string()])
        .with("seed", 7u64)
        .with("max_tokens", 9u32);
    hob.complete("", &options).await.expect("an answer");
    let spec = stand_in.last_spec().expect("a spec");
    assert_eq!(
        spec["messages"][0],
        json!({"role": "system", "content": "Be brief.", "tool_calls": [], "tool_call_id": null})
    );
    assert_eq!(spec["messages"][2]["tool_calls"][0], json!({"id": "c1", "name": "weather", "arguments": "{}"}));
    assert_eq!(spec["messages"][3]["tool_call_id"], "c1");
    assert_eq!(spec["messages"].as_array().map(Vec::len), Some(4), "an empty prompt is no turn");
    assert_eq!(spec["tools"][0]["name"], "weather");
    assert!(spec["tools"][0]["parameters"].as_str().is_some_and(|p| p.contains("place")), "{spec}");
    for (key, value) in [
        ("priority", json!("Background")),
        ("tool_choice", json!("None")),
        ("schema", json!("{\"type\": \"object\"}")),
        ("copy_from", json!("sunny and warm")),
        ("logprobs", json!(2)),
        ("lora", json!({"path": adapter, "scale": 0.5})),
        ("stop", json!(["###"])),
        ("seed", json!(7)),
        ("max_tokens", json!(9)),
        ("persist", json!("System")),
    ] {
        assert_eq!(spec[key], value, "{key} in {spec}");
    }
    let caller = spec["caller"].as_str().expect("a caller");
    assert!(caller.ends_with(&format!("[{}]", std::process::id())), "{caller}");

    hob.complete("Hi", &plain()).await.expect("an answer");
    let spec = stand_in.last_spec().expect("a spec");
    assert_eq!((&spec["priority"], &spec["logprobs"]), (&json!("Interactive"), &Value::Null));
    assert_eq!(spec["messages"][0]["role"], "system", "hob introduces itself when the caller gives no turns");
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_called_by_the_caller_which_then_goes_on() {
    let (_scene, stand_in, hob) = start("").await;
    let tools = json!([{"name": "weather"}]).to_string();
    let asked = json!({"think": "I should look.", "call": "weather"}).to_string();
    let request = hob.ask(&asked, plain().with("tools", tools.clone())).await.expect("a request");
    let (told, answer) = follow(request).await;
    assert_eq!(told[1], "thinks I should look.");
    assert_eq!(told[2], r#"tool_call {"arguments":"{\"place\":\"Porto\"}","id":"call_1","name":"weather"}"#);
    assert_eq!((answer.finish_reason.as_str(), answer.route.as_str()), ("tool_calls", "chat"));
    assert_eq!(answer.reasoning, "I should look.");
    let call = &answer.tool_calls[0];
    assert_eq!(
        (call.id.as_str(), call.name.as_str(), &call.arguments["place"]),
        ("call_1", "weather", &json!("Porto"))
    );

    let turns = json!([{"role": "user", "content": asked},
        {"role": "assistant", "content": "", "tool_calls": [{"id": call.id, "name": call.name, "arguments": call.arguments}]},
        {"role": "tool", "tool_call_id": call.id, "content": "It is sunny."}]);
    let answer = hob.complete("", &plain().with("tools", tools).with("messages", turns.to_string())).await;
    assert_eq!(answer.expect("an answer").text, "It is sunny.");
    assert_eq!(stand_in.last_spec().expect("a spec")["messages"][2]["role"], "tool");
}

#[tokio::test(flavor = "multi_thread")]
async fn logprobs_usage_and_odd_texts_come_back_whole() {
    let (scene, _stand_in, hob) = start("").await;
    let script = json!({"say": "Hm\u{0}. ", "times": 2}).to_string();
    let request = hob.ask(&script, plain().with("logprobs", 2u32)).await.expect("a request");
    let (told, answer) = follow(request).await;
    // A NUL can't travel over D-Bus, and must not cost the answer.
    assert_eq!(answer.text, "Hm\u{fffd}. Hm\u{fffd}. ");
    assert_eq!(told[1..].concat().replace("says ", ""), answer.text);
    let logprobs = answer.logprobs.expect("logprobs");
    assert_eq!((logprobs.len(), logprobs[1].text.as_str(), logprobs[1].logprob), (2, "Hm\u{fffd}. ", -0.5));
    assert_eq!(logprobs[0].top, [("t0".to_string(), -0.5), ("t1".to_string(), -1.5)]);

    let json = scene.hob_json(&["ask", "--context", "none", "Hi"]).expect("an answer");
    assert_eq!(
        json["usage"],
        json!({"prompt_tokens": json["usage"]["prompt_tokens"], "cached_tokens": 3, "completion_tokens": 1,
               "first_token_ms": 20, "total_ms": 120, "queued_ms": 5, "prompt_ms": 15, "threads": 2, "preempted": 1,
               "drafted": 4, "accepted": 3})
    );
    assert!(json.get("logprobs").is_none() && json.get("reasoning").is_none(), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_verbs_take_a_priority_and_keep_nothing_of_the_text() {
    let (_scene, stand_in, hob) = start("").await;
    let task = hob_sdk::client::TextTask::Rewrite;
    let request =
        hob.text(task, "Some words.", Options::new().with("priority", "background")).await.expect("a request");
    follow(request).await;
    let spec = stand_in.last_spec().expect("a spec");
    assert_eq!((&spec["priority"], &spec["persist"]), (&json!("Background"), &json!("System")));
    let wrong = hob.text(task, "Some words.", Options::new().with("priority", "soon")).await;
    assert_eq!(wrong.expect_err("refused").kind(), Kind::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_decide_what_may_be_kept() {
    for (settings, chat, session) in [
        ("", "System", "Conversation"),
        ("[cache]\ndisk = \"system\"\nmemory_mib = 7\ndisk_mib = 9\n", "System", "System"),
        ("[cache]\ndisk = \"off\"\n", "Nothing", "Nothing"),
    ] {
        let (scene, stand_in, hob) = start(settings).await;
        let path = hob.assistant().await.expect("a proxy").open_session(&Options::new()).await.expect("a session");
        hob.complete("Hi", &plain()).await.expect("an answer");
        assert_eq!(stand_in.last_spec().expect("a spec")["persist"], chat, "{settings}");
        hob.complete("Hi", &plain().with("session", path)).await.expect("an answer");
        assert_eq!(stand_in.last_spec().expect("a spec")["persist"], session, "{settings}");

        let cache = stand_in.entries("load")[0]["load"]["cache"].clone();
        let folder = scene.folder().join("cache/hob/kv");
        let (memory, disk) = if settings.contains("memory") { (7u64, 9u64) } else { (64, 256) };
        assert_eq!((&cache["memory_bytes"], &cache["disk_bytes"]), (&json!(memory << 20), &json!(disk << 20)));
        assert_eq!(cache["folder"], if chat == "Nothing" { Value::Null } else { json!(folder) });
        assert!(!cache["fingerprint"].as_str().expect("a fingerprint").is_empty());
        let sessions = scene.folder().join("state/hob/sessions");
        assert_eq!(sessions.exists(), session == "Conversation", "{settings}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_from_files_is_never_kept_with_a_session() {
    let (scene, stand_in, hob) = start("").await;
    let note =
        scene.write("docs/boiler.md", "# Boiler\n\nThe boiler was serviced by Rui in March.\n").expect("written");
    scene.index(note.parent().expect("a folder")).expect("indexed");
    let path = hob.assistant().await.expect("a proxy").open_session(&Options::new()).await.expect("a session");
    let session = |options: Options| options.with("session", path.clone());
    let quoted = Options::new().with("context", "index").with("answer", "quote");
    let answer = hob.complete("Who serviced the boiler?", &session(quoted)).await.expect("an answer");
    assert!(answer.text.contains("Rui"), "{answer:?}");
    hob.complete("And who is that?", &session(plain())).await.expect("an answer");
    let spec = stand_in.last_spec().expect("a spec");
    assert_eq!(spec["persist"], "System");
    assert!(spec["messages"].to_string().contains("Rui"), "the conversation itself goes on: {spec}");
    let generated = Options::new().with("context", "index").with("answer", "generate");
    hob.complete("Who serviced the boiler?", &generated).await.expect("an answer");
    assert_eq!(stand_in.last_spec().expect("a spec")["persist"], "System");

    for file in std::fs::read_dir(scene.folder().join("state/hob/sessions")).expect("sessions") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        assert!(!text.contains("Rui") && text.contains("boiler.md:3"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_of_a_model_is_background_work() {
    let (scene, stand_in, _hob) = start("").await;
    scene.hob_json(&["model", "check", "stand-in"]).expect("a check");
    let spec = stand_in.last_spec().expect("a spec");
    assert_eq!((&spec["priority"], &spec["persist"]), (&json!("Background"), &json!("System")));
    assert!(spec["caller"].as_str().expect("a caller").starts_with("hobd["), "{spec}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_before_anything_starts() {
    let (_scene, stand_in, hob) = start("").await;
    let text = |key: &str, value: &str| plain().with(key, value.to_string());
    let tools = "[{\"name\": \"f\"}]";
    for (options, says) in [
        (text("tools", "f"), "no JSON array"),
        (text("tools", "[{\"name\": \"a b\"}]"), "names are 1 to 64"),
        (text("tools", tools).with("schema", "{}"), "schema and tools"),
        (Options::new().with("context", "index").with("tools", tools), "leaves out"),
        (Options::new().with("context", "index").with("logprobs", 1u32), "leaves out"),
        (text("tool_choice", "required"), "needs option tools"),
        (text("messages", "[{\"role\": \"user\", \"content\": \"a\\u0000b\"}]"), "NUL"),
        (text("lora", "/nowhere/a.gguf"), "there is no file"),
        (text("priority", "now"), "must be one of"),
        (text("colour", "red"), "unknown option colour"),
        (plain().with("logprobs", u64::MAX), "between 0 and 20"),
        (plain().with("max_tokens", u64::MAX), "too large"),
        (plain().with("temperature", -1.0f64), "between 0 and 2"),
        (plain().with("stop", vec![String::new(); 100_000]), "at most 16 texts"),
        (text("session", "/org/hob/Hob1/session/nobody"), "there is no session"),
    ] {
        let shown = format!("{options:.80?}");
        match hob.complete("Hi", &options).await {
            Err(error) => assert!(error.to_string().contains(says), "{shown}: {error}"),
            Ok(answer) => panic!("{shown} was answered: {answer:?}"),
        }
    }
    assert!(stand_in.log().is_empty(), "a model was loaded for nothing");
}
