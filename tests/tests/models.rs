//! Models over the bus: pulled with progress, asked for on metered connections, removed, replaced while in use,
//! quantized and measured.

use hob_sdk::client::{Error, Hob, Kind, Options, Status, Update, details_to_json};
use hob_tests::faulty::{Body, Faulty, Reply};
use hob_tests::{Scene, gguf, models, programs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The default chat model.
const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1";

/// A scene whose models' folder is its own.
async fn scene() -> Scene {
    Scene::start(None).await.expect("a scene")
}

fn folder(scene: &Scene) -> PathBuf {
    scene.folder().join("data/hob/models")
}

/// A scene with a copy of the default chat model.
async fn scene_with_model(models: &Path) -> Scene {
    let scene = Scene::bus_only(None).expect("a scene");
    std::fs::create_dir_all(folder(&scene)).expect("a folder");
    let file = format!("{MODEL}.gguf");
    std::fs::copy(models.join(&file), folder(&scene).join(&file)).expect("a copy");
    let mut scene = scene;
    scene.start_daemon().await.expect("a daemon");
    scene
}

fn slow(file: Vec<u8>, pause: Duration) -> Faulty {
    let server = Faulty::start(move |seen| {
        let reply = Reply::honest(&file, "\"v1\"", seen);
        let Body::Bytes(bytes) = reply.body else { return reply };
        Reply { body: Body::Slow(bytes, 50_000, pause), ..reply }
    });
    server.expect("a server")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_tells_how_far_it_is_and_can_be_cancelled_and_gone_on_with() {
    let scene = scene().await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let file = gguf::model(3_000_000, 21);
    let server = slow(file.clone(), Duration::from_millis(15));
    let source = format!("{}#sha256={}", server.at("/tiny.gguf"), gguf::sha256(&file));
    let mut request = hob.pull(&source, Options::new()).await.expect("a request");
    let mut seen = 0;
    let status = loop {
        match request.next_update().await.expect("an update").expect("no error") {
            Update::Event { kind, details } if kind == "progress" => {
                let details = details_to_json(&details);
                if details["stage"] == "receiving" && details["done_bytes"].as_u64() > Some(400_000) {
                    assert_eq!(details["total_bytes"].as_u64(), Some(file.len() as u64));
                    assert!(details["text"].as_str().is_some_and(|text| text.contains("MiB/s")), "{details}");
                    seen += 1;
                    request.cancel().await.expect("cancelled");
                }
            }
            Update::Finished(end) => break end.status,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(status, Status::Cancelled);
    assert!(seen > 0 && !folder(&scene).join("tiny.gguf").exists());
    let pulled = scene.hob_json(&["model", "pull", &source]).expect("pulled");
    assert_eq!((pulled["id"].as_str(), pulled["verified"].as_bool()), (Some("tiny"), Some(true)));
    assert!(pulled["received_bytes"].as_u64() < Some(file.len() as u64), "it went on: {pulled}");
    assert!(std::fs::read(folder(&scene).join("tiny.gguf")).expect("there") == file);
    let listed = scene.hob_json(&["model", "list"]).expect("a list");
    assert_eq!(listed[0]["id"], "tiny");
    let removed = scene.hob_json(&["model", "remove", "tiny"]).expect("removed");
    assert_eq!(removed["freed_bytes"].as_u64(), Some(file.len() as u64));
    assert_eq!(scene.hob_json(&["model", "list"]).expect("a list").as_array().map(Vec::len), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_said_plainly() {
    let scene = scene().await;
    let fails = |arguments: &[&str], words: &str| {
        let output = scene.hob(arguments).expect("hob runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
    };
    fails(&["model", "pull", "no-such-model"], "the catalogue has no \"no-such-model\"; it has: smollm2-135m");
    fails(&["model", "pull", "hf:nobody"], "is no repository");
    fails(&["model", "pull", "http://example.org/a.gguf"], "not encrypted");
    fails(&["model", "pull", "http://127.0.0.1:9/a.gguf#sha256=12"], "is no SHA-256");
    fails(&["model", "remove", "absent"], "there is no model");
    fails(&["model", "default", "absent"], "there is no model");
    fails(&["model", "bench", "absent"], "there is no model");
    fails(&["model", "import", "/no/such/folder"], "no such file");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let refused = hob.pull("file:/a.gguf", Options::new().with("colour", "red")).await.expect_err("an unknown option");
    assert!(refused.to_string().contains("unknown option colour"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_can_be_replaced_and_a_recommendation_gives_its_reason() {
    let scene = scene().await;
    let recommended = scene.hob_json(&["model", "recommend"]).expect("a recommendation");
    assert!(recommended["reason"].as_str().is_some_and(|reason| reason.contains("cores")), "{recommended}");
    let own = "[[model]]\nname = \"mine\"\ntier = \"tiny\"\nsource = \"hf:me/mine\"\nlicence = \"MIT\"\ncontext = 512\n\
               languages = [\"en\"]\nparameters = 1000\nbits = 16.0\nlayers = 1\nkv_numbers = 2\nabout = \"Mine\"\n";
    std::fs::write(scene.folder().join("config/hob/catalogue.toml"), own).expect("written");
    let recommended = scene.hob_json(&["model", "pull"]).expect("a recommendation");
    assert_eq!(recommended["models"][0]["name"], "mine");
    std::fs::write(scene.folder().join("config/hob/catalogue.toml"), own.replace("MIT\"", "MIT\"\nsize = 1"))
        .expect("written");
    let output = scene.hob(&["model", "recommend"]).expect("hob runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains("catalogue.toml"), "{output:?}");
}

/// Plays NetworkManager on a bus.
struct NetworkManager;

#[zbus::interface(name = "org.freedesktop.NetworkManager")]
impl NetworkManager {
    #[zbus(property)]
    async fn metered(&self) -> u32 {
        3
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metered_connection_is_asked_for_first() {
    let mut scene = Scene::bus_only(None).expect("a scene");
    let path = "/org/freedesktop/NetworkManager";
    let address = scene.address.clone();
    let network = zbus::connection::Builder::address(address.as_str()).serve_at(path, NetworkManager);
    let _network = network.name("org.freedesktop.NetworkManager").build().await.expect("a network manager");
    let variables = vec![("DBUS_SYSTEM_BUS_ADDRESS".to_string(), address)];
    scene.use_daemon(programs().join("hobd"), variables);
    scene.start_daemon().await.expect("a daemon");
    let file = gguf::model(10_000, 22);
    let server = slow(file, Duration::ZERO);
    let source = server.at("/tiny.gguf");

    let output = scene.hob(&["model", "pull", &source]).expect("hob runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("the connection is metered") && said.contains("--metered"),
        "{said}"
    );
    assert!(server.seen().is_empty(), "it was got without asking");

    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let mut request = hob.pull(&source, Options::new()).await.expect("a request");
    let mut asked = false;
    loop {
        match request.next_update().await.expect("an update").expect("no error") {
            Update::Confirm { action, .. } => {
                assert!(action.contains("metered"), "{action}");
                asked = true;
                request.answer(true).await.expect("answered");
            }
            Update::Finished(end) => break assert_eq!(end.status, Status::Done, "{:?}", end.result),
            _ => {}
        }
    }
    assert!(asked);
    scene.hob_json(&["model", "pull", "--metered", &source, "--name", "other"]).expect("pulled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_deleted_or_replaced_while_in_use_answers_on() {
    let Some(models) = models() else { return };
    let scene = scene_with_model(&models).await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let prompt = "Count from one to a hundred in words.";
    let options = || Options::new().with("context", "none").with("max_tokens", 60u32);
    let mut answering = hob.ask(prompt, options()).await.expect("a request");
    while !matches!(answering.next_update().await, Some(Ok(Update::Delta { .. }))) {}
    // In use it is not removed,
    let refused = scene.hob(&["model", "remove", MODEL]).expect("hob runs");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is in use"), "{refused:?}");
    // and who deletes or replaces its file anyway does not end the answer.
    let replaced = gguf::model(50_000, 23);
    let server = slow(replaced.clone(), Duration::ZERO);
    let arguments = ["model", "pull", &server.at("/x.gguf"), "--name", MODEL, "--replace"];
    scene.hob_json(&arguments).expect("replaced");
    assert!(std::fs::read(folder(&scene).join(format!("{MODEL}.gguf"))).expect("there") == replaced);
    let end = answering.finish().await.expect("an end");
    assert_eq!(end.status, Status::Done, "{:?}", end.result);
    let answer = hob.complete(prompt, &options()).await.expect("the loaded one still answers");
    assert!(!answer.text.is_empty());
    std::fs::remove_file(folder(&scene).join(format!("{MODEL}.gguf"))).expect("deleted");
    hob.complete(prompt, &options()).await.expect("the loaded one still answers");
    scene.hob_json(&["model", "unload", MODEL]).expect("unloaded");
    assert_eq!(scene.hob_json(&["model", "list"]).expect("a list").as_array().map(Vec::len), Some(0));
    let gone = hob.complete(prompt, &options()).await.expect_err("there is no model");
    assert!(matches!(&gone, Error::Service { .. }) && gone.kind() == Kind::NoModel, "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_quantized_measured_compared_and_chosen() {
    let Some(models) = models() else { return };
    let mut scene = scene_with_model(&models).await;
    let refused = scene.hob(&["model", "quantize", MODEL, "Q4_0"]).expect("hob runs");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("quantized already (Q4_1)"), "{refused:?}");
    let refused = scene.hob(&["model", "quantize", MODEL, "Q1"]).expect("hob runs");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("known: F16, BF16, Q8_0"), "{refused:?}");
    let made = scene.hob_json(&["model", "quantize", MODEL, "Q4_0", "--requantize"]).expect("quantized");
    assert_eq!(made["id"], "SmolLM2-135M-Instruct.Q4_0");
    assert!(made["bytes"].as_u64() < made["from_bytes"].as_u64());
    let again = scene.hob(&["model", "quantize", MODEL, "Q4_0", "--requantize"]).expect("hob runs");
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"), "{again:?}");

    let speed = scene
        .hob_json(&["model", "bench", MODEL, "--prompt", "64", "--answer", "8", "--rounds", "1"])
        .expect("measured");
    for key in ["prompt_tokens_per_second", "answer_tokens_per_second", "peak_bytes"] {
        assert!(speed[key].as_f64() > Some(1.0), "{key}: {speed}");
    }
    let found =
        scene.hob_json(&["model", "eval", MODEL, "SmolLM2-135M-Instruct.Q4_0", "--limit", "4"]).expect("compared");
    let perplexity = |at: usize| found["models"][at]["perplexity"].as_f64().expect("a perplexity");
    assert!(perplexity(0) > 5.0 && perplexity(1) > perplexity(0) && perplexity(1) < 100.0, "{found}");
    assert_eq!(found["models"][0]["questions"], 4);
    assert!(found["differing"].is_u64());

    scene.hob_json(&["model", "default", "SmolLM2-135M-Instruct.Q4_0"]).expect("chosen");
    scene.end_daemon(rustix::process::Signal::TERM).expect("an end");
    scene.start_daemon().await.expect("a daemon");
    assert_eq!(scene.hob_json(&["model", "default"]).expect("the default")["id"], "SmolLM2-135M-Instruct.Q4_0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_below_the_smallest_model_is_said_with_the_numbers_for_loads_and_measurements() {
    let Some(models) = models() else { return };
    let scene = Scene::bus_only(Some(&models)).expect("a scene");
    std::fs::write(scene.folder().join("config/hob/hob.toml"), "[memory]\nbudget_mib = 128\n").expect("written");
    let mut scene = scene;
    scene.start_daemon().await.expect("a daemon");
    let commands: [&[&str]; 4] = [
        &["ask", "--context", "none", "Hi"],
        &["model", "load", MODEL],
        &["model", "bench", MODEL],
        &["model", "eval", MODEL],
    ];
    for arguments in commands {
        let output = scene.hob(arguments).expect("hob runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = said.contains("hob's memory budget is 128 MiB") && said.contains("raise memory.budget_mib");
        assert!(!output.status.success() && told, "{arguments:?}: {said}");
    }
    assert!(scene.children().is_empty(), "no process was left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measurement_takes_its_room_from_idle_models_and_gives_it_back() {
    let Some(models) = models() else { return };
    let scene = Scene::bus_only(Some(&models)).expect("a scene");
    // Room for one process with this model, not for two.
    std::fs::write(scene.folder().join("config/hob/hob.toml"), "[memory]\nbudget_mib = 360\n").expect("written");
    let mut scene = scene;
    scene.start_daemon().await.expect("a daemon");
    scene.hob_json(&["model", "load", MODEL]).expect("loaded");
    let bench = ["model", "bench", MODEL, "--prompt", "16", "--answer", "4", "--rounds", "1"];
    scene.hob_json(&bench).expect("measured");
    let why = scene.hob(&["explain", "why was the model unloaded"]).expect("hob runs");
    let why = String::from_utf8_lossy(&why.stdout).into_owned();
    assert!(why.contains(&format!("{MODEL} needed the room and nobody was using it")), "{why}");
    scene.hob_json(&["model", "load", MODEL]).expect("loaded again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_measurement_ends_its_process() {
    let Some(models) = models() else { return };
    let scene = scene_with_model(&models).await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let options = Options::new().with("rounds", 100u32).with("answer_tokens", 500u32);
    let mut request = hob.bench(MODEL, options).await.expect("a request");
    while !matches!(request.next_update().await, Some(Ok(Update::Event { .. }))) {}
    let children = scene.children();
    assert_eq!(children.len(), 1);
    let busy = scene.hob(&["model", "bench", MODEL]).expect("hob runs");
    assert!(String::from_utf8_lossy(&busy.stderr).contains("another model is being measured"), "{busy:?}");
    request.cancel().await.expect("cancelled");
    assert_eq!(request.finish().await.expect("an end").status, Status::Cancelled);
    assert!(hob_tests::gone_within(&children, Duration::from_secs(5)), "the process goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_imported_is_removed_without_harm_to_its_owner() {
    let scene = scene().await;
    let theirs = scene.write("other/tiny.gguf", gguf::model(20_000, 24)).expect("written");
    let path = theirs.to_str().expect("text");
    let found = scene.hob_json(&["model", "import", path, "--dry-run"]).expect("looked");
    assert_eq!((found[0]["outcome"].as_str(), folder(&scene).join("tiny.gguf").exists()), (Some("found"), false));
    let imported = scene.hob_json(&["model", "import", path]).expect("imported");
    assert_eq!(imported[0]["outcome"], "hard_link");
    let removed = scene.hob_json(&["model", "remove", "tiny"]).expect("removed");
    assert_eq!(removed["freed_bytes"], 0);
    assert!(theirs.exists() && !folder(&scene).join("tiny.gguf").exists());
}
