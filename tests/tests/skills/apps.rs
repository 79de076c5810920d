//! The skill that finds and opens apps: started by the bus, over desktop entries of the test's own.

use super::project::{call, refusal};
use hob_tests::{PATIENCE, Scene, programs};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use zbus::connection::Builder;
use zbus::{Connection, ObjectPath, OwnedVariant, interface};

const ID: &str = "org.hob.apps";

/// A scene whose bus starts `hob-apps`, which ends after so many seconds, over the entries that `write` writes.
async fn scene(idle_seconds: u32) -> Scene {
    let scene = Scene::start(None).await.expect("a scene");
    let at = |name: &str| scene.folder().join(name).display().to_string();
    let variables = [
        ("DBUS_SESSION_BUS_ADDRESS", scene.address.clone()),
        ("HOME", at("home")),
        ("XDG_DATA_HOME", at("data")),
        ("XDG_DATA_DIRS", at("system")),
        ("XDG_CONFIG_HOME", at("config")),
        ("XDG_CURRENT_DESKTOP", "Test".into()),
    ];
    let variables = variables.map(|(name, value)| format!("{name}={value}")).join(" ");
    let program = programs().join("hob-apps");
    let service = format!(
        "[D-BUS Service]\nName=org.hob.Apps1\nExec=/usr/bin/env {variables} {} {idle_seconds}\n",
        program.display()
    );
    std::fs::write(scene.folder().join("services/org.hob.Apps1.service"), service).expect("a service");
    scene
}

/// An entry of the system's.
fn entry(scene: &Scene, id: &str, lines: &str) {
    let folder = scene.folder().join("system/applications");
    std::fs::create_dir_all(&folder).expect("a folder");
    let text = format!("[Desktop Entry]\nType=Application\n{lines}\n");
    std::fs::write(folder.join(format!("{id}.desktop")), text).expect("an entry");
}

/// A program that writes its arguments into the file that it is told, and the file.
fn marking(scene: &Scene, name: &str) -> (PathBuf, PathBuf) {
    let (program, mark) = (scene.folder().join(name), scene.folder().join(format!("{name}.mark")));
    std::fs::write(&program, "#!/bin/sh\nfile=$1\nshift\necho \"$PWD $*\" >\"$file\"\n").expect("a program");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("may run");
    (program, mark)
}

/// What a program wrote, once it has.
fn written(mark: &std::path::Path) -> String {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match std::fs::read_to_string(mark) {
            Ok(text) if text.ends_with('\n') => return text,
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    panic!("nothing was opened: {} is not there", mark.display())
}

fn names(found: &Value) -> Vec<&str> {
    found["data"]["apps"].as_array().expect("apps").iter().filter_map(|app| app["name"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_are_found_and_opened_by_what_their_entries_say() {
    let scene = scene(60).await;
    let (program, mark) = marking(&scene, "marker");
    let command = format!("{} {} --new \"two words\" %U", program.display(), mark.display());
    let chess = "Name=Chess\nName[de]=Schach\nKeywords=board;\nCategories=Game;";
    entry(&scene, "org.example.Chess", &format!("{chess}\nExec={command}"));
    entry(&scene, "org.example.Draughts", "Name=Draughts\nCategories=Game;\nExec=true");
    entry(&scene, "org.example.Secret", "Name=Secret\nCategories=Game;\nExec=true\nNoDisplay=true");
    entry(&scene, "org.example.Elsewhere", "Name=Elsewhere\nCategories=Game;\nExec=true\nOnlyShowIn=Other;");
    entry(&scene, "org.example.Gone", "Name=Gone\nExec=surely-not-there");

    let all = call(&scene, ID, "FindApp", "{}");
    assert_eq!(names(&all), ["Chess", "Draughts", "Gone"], "{all}");
    let games = scene.hob_json(&["ask", "which games do I have"]).expect("an answer");
    assert_eq!((&games["route"], &games["text"]), (&json!("skill"), &json!("2 apps: Chess and Draughts.")), "{games}");
    assert_eq!(names(&call(&scene, ID, "FindApp", r#"{"query": "board"}"#)), ["Chess"]);

    let opened = scene.hob_json(&["ask", "launch the app Chess"]).expect("an answer");
    assert_eq!(opened["text"], "Chess is opening.", "{opened}");
    let home = scene.folder().join("home").canonicalize().expect("a home");
    assert_eq!(written(&mark), format!("{} --new two words\n", home.display()));
    std::fs::remove_file(&mark).expect("removed");
    assert_eq!(call(&scene, ID, "LaunchApp", r#"{"app": "das Schach"}"#)["data"]["way"], "process");
    written(&mark);

    for (app, code, says) in [
        ("spiele", "ambiguous", "Chess and Draughts"),
        ("secret", "not_found", "No app is called secret"),
        ("gone", "unavailable", "surely-not-there is not installed"),
    ] {
        let refused = call(&scene, ID, "LaunchApp", &json!({ "app": app }).to_string());
        assert_eq!(refused["code"], code, "{refused}");
        assert!(refused["message"].as_str().is_some_and(|message| message.contains(says)), "{refused}");
    }
}

/// An app that the bus knows; counts how often it was activated.
struct Application(Arc<Mutex<u32>>);

#[interface(name = "org.freedesktop.Application")]
impl Application {
    fn activate(&self, _platform: std::collections::HashMap<String, OwnedVariant>) {
        *self.0.lock().expect("a lock") += 1;
    }
}

type Property = (String, OwnedVariant);

/// Stands in for the user's service manager; keeps what it was asked to start.
struct Manager(Arc<Mutex<Units>>);

/// Names and properties of the units that were started.
type Units = Vec<(String, Vec<Property>)>;

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn start_transient_unit(
        &self,
        name: String,
        _mode: String,
        properties: Vec<Property>,
        _others: Vec<(String, Vec<Property>)>,
    ) -> ObjectPath<'static> {
        self.0.lock().expect("a lock").push((name, properties));
        ObjectPath::from_static_str_unchecked("/org/freedesktop/systemd1/job/1")
    }
}

async fn named(
    scene: &Scene,
    name: &'static str,
    path: &'static str,
    object: impl zbus::object_server::Interface,
) -> Connection {
    let builder = Builder::address(scene.address.as_str()).serve_at(path, object).name(name);
    builder.build().await.expect("it is on the bus")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_activated_or_becomes_a_unit_where_there_is_a_manager() {
    let scene = scene(60).await;
    entry(&scene, "org.example.Viewer-2", "Name=Viewer\nDBusActivatable=true\nExec=false");
    entry(&scene, "org.example.Missing", "Name=Missing\nDBusActivatable=true");
    entry(&scene, "org.example.Tool", "Name=Tool\nExec=sh -c \"echo $HOME\"");
    let missing = call(&scene, ID, "LaunchApp", r#"{"app": "missing"}"#);
    assert_eq!(missing["code"], "unavailable", "{missing}");
    let ended = call(&scene, ID, "LaunchApp", r#"{"app": "viewer"}"#);
    assert!(ended["message"].as_str().is_some_and(|m| m.contains("ended at once")), "its program is next: {ended}");

    let activations = Arc::default();
    let application = Application(Arc::clone(&activations));
    let _app = named(&scene, "org.example.Viewer-2", "/org/example/Viewer_2", application).await;
    let opened = call(&scene, ID, "LaunchApp", r#"{"app": "viewer"}"#);
    assert_eq!((&opened["status"], &opened["data"]["way"]), (&json!("success"), &json!("activated")), "{opened}");
    assert_eq!(*activations.lock().expect("a lock"), 1);

    let units = Arc::default();
    let manager = Manager(Arc::clone(&units));
    let _manager = named(&scene, "org.freedesktop.systemd1", "/org/freedesktop/systemd1", manager).await;
    let opened = call(&scene, ID, "LaunchApp", r#"{"app": "tool"}"#);
    assert_eq!(opened["data"]["way"], "unit", "{opened}");
    let units = units.lock().expect("a lock");
    let (name, properties) = &units[0];
    assert!(name.starts_with("app-hob-org.example.Tool-") && name.ends_with(".service"), "{name}");
    assert_eq!(opened["data"]["unit"], json!(name));
    let (_, command) = properties.iter().find(|(key, _)| key == "ExecStart").expect("a command");
    let command = Vec::<(String, Vec<String>, bool)>::try_from(command.clone()).expect("a list of commands");
    let (path, words, ignored) = &command[0];
    assert!(path.ends_with("/sh") && !ignored, "{path}");
    assert_eq!(words[1..], ["-c", "echo $$HOME"], "the manager fills in no variables");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_it_is_idle_and_comes_back_for_the_next_call() {
    let scene = scene(1).await;
    entry(&scene, "org.example.Chess", "Name=Chess\nExec=true");
    assert_eq!(call(&scene, ID, "FindApp", "{}")["data"]["total"], 1);
    let bus = scene.connect().await.expect("the bus");
    let proxy = zbus::fdo::DBusProxy::new(&bus).await.expect("a proxy");
    let started = Instant::now();
    while proxy.name_has_owner("org.hob.Apps1".try_into().expect("a name")).await.expect("an answer") {
        assert!(started.elapsed() < PATIENCE, "it goes on idle");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(call(&scene, ID, "FindApp", "{}")["data"]["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_can_not_start_it_is_told_of() {
    let scene = Scene::start(None).await.expect("a scene");
    let refused = refusal(&scene.hob(&["skill", "call", ID, "FindApp"]).expect("hob runs"));
    assert!(refused.contains("the bus has no service file") && refused.contains("org.hob.Apps1.service"), "{refused}");
}
