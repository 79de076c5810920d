//! A stranger's path: a new skill, edited, tested, installed, asked for, updated, removed; in three languages.

use super::project::{call, listed, refusal};
use hob_tests::{Scene, programs, project};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// `hob skill new weather` in the scene's home.
fn new(scene: &Scene, language: &str) -> PathBuf {
    let sdk = project().join("sdk");
    let mut command = scene.command(programs().join("hob"));
    command.args(["skill", "new", "--json", "weather", "--lang", language]);
    command.args(["--sdk", sdk.to_str().expect("UTF-8")]).current_dir(scene.folder().join("home"));
    let output = command.output().expect("hob runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(made["id"], "org.example.weather");
    scene.folder().join("home/weather")
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).expect("a file");
    assert!(text.contains(from), "{from} is not in {}", file.display());
    std::fs::write(file, text.replace(from, to)).expect("written");
}

/// What a shell's command says; it must succeed.
fn succeeds(command: &mut Command) {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// From a good check to a removal; `rebuild` builds what was edited.
fn live(scene: &Scene, folder: &Path, rebuild: impl Fn(), source: &Path) {
    let path = folder.to_str().expect("UTF-8");
    let checked = scene.hob_json(&["skill", "check", path]).expect("good");
    assert_eq!((&checked["problems"], &checked["examples"]["AskWeather"]["en"]), (&json!([]), &json!(10)), "{checked}");
    scene.hob_json(&["skill", "install", "--yes", path]).expect("installed");
    let id = "org.example.weather";
    let answer = call(scene, id, "AskWeather", r#"{"topic": "Lisbon"}"#);
    assert_eq!(answer["message"], "The weather in Lisbon is fine.");
    let asked = scene.hob_json(&["ask", "ask weather about Lisbon"]).expect("an answer");
    assert_eq!(
        (&asked["route"], &asked["text"]),
        (&json!("skill"), &json!("The weather in Lisbon is fine.")),
        "{asked}"
    );

    edit(source, "is fine", "is rainy");
    edit(&folder.join("skill.toml"), "0.1.0", "0.2.0");
    rebuild();
    let updated = scene.hob_json(&["skill", "install", path]).expect("updated");
    assert_eq!((&updated["before"], &updated["version"]), (&json!("0.1.0"), &json!("0.2.0")));
    assert_eq!(call(scene, id, "AskWeather", r#"{"topic": "Lisbon"}"#)["message"], "The weather in Lisbon is rainy.");
    scene.hob_json(&["skill", "remove", id]).expect("removed");
    assert!(listed(scene, id).is_null());
    assert!(refusal(&scene.hob(&["skill", "call", id, "AskWeather"]).expect("hob runs")).contains("there is no skill"));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_python() {
    let scene = Scene::start(None).await.expect("a scene");
    let folder = new(&scene, "python");
    let source = folder.join("weather.py");
    edit(&source, "Weather knows nothing about {topic} yet.", "The weather in {topic} is fine.");
    succeeds(Command::new("/usr/bin/python3").args(["-m", "unittest", "-q"]).current_dir(&folder));
    // A stranger's python3 is whichever comes first.
    live(&scene, &folder, || {}, &source);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_c() {
    let scene = Scene::start(None).await.expect("a scene");
    let folder = new(&scene, "c");
    let source = folder.join("skill.c");
    edit(&source, "Weather knows nothing about %s yet.", "The weather in %s is fine.");
    let make = || {
        succeeds(Command::new("make").arg("test").current_dir(&folder));
        succeeds(Command::new("make").current_dir(&folder));
    };
    make();
    live(&scene, &folder, make, &source);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_rust() {
    let scene = Scene::start(None).await.expect("a scene");
    let folder = new(&scene, "rust");
    let source = folder.join("src/lib.rs");
    edit(&source, "Weather knows nothing about {topic} yet.", "The weather in {topic} is fine.");
    // The same crates as hob's own, which are at hand without a network; built once for all runs.
    std::fs::copy(project().join("Cargo.lock"), folder.join("Cargo.lock")).expect("copied");
    let target = programs().join("../strangers");
    let cargo = |arguments: &[&str]| {
        succeeds(
            Command::new(env!("CARGO"))
                .args(arguments)
                .arg("--offline")
                .env("CARGO_TARGET_DIR", &target)
                .current_dir(&folder),
        );
        let library = target.join("release/libweather.so");
        if library.exists() {
            let place = folder.join("target/release");
            std::fs::create_dir_all(&place).expect("made");
            std::fs::copy(library, place.join("libweather.so")).expect("copied");
        }
    };
    cargo(&["test", "--release", "-q"]);
    cargo(&["build", "--release", "-q"]);
    let build = || {
        edit(&folder.join("Cargo.toml"), "version = \"0.1.0\"", "version = \"0.2.0\"");
        cargo(&["build", "--release", "-q"]);
    };
    live(&scene, &folder, build, &source);
}
