//! The index of the real daemon: items, kills, checks, proposals, and file systems that go away.

use hob_sdk::client::{Hob, Kind, Options};
use hob_tests::{PATIENCE, Scene, programs};
use rustix::process::Signal;
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// Asks again until it holds; the daemon follows files and items in its own time.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: it never came true");
    }
}

fn hits(found: &Value) -> Vec<Value> {
    found["hits"].as_array().expect("hits").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_found_by_their_program_and_the_user_and_by_nobody_else() {
    let scene = Scene::start(None).await.expect("a scene");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let index = hob.index().await.expect("the index");
    let meta = Options::new().with("title", "Storks").with("uri", "https://example.org/storks").with("kind", "note");
    index.put("birds/1", "The white stork flies to Africa in August.", &meta).await.expect("kept");
    index.wait(&Options::new().with("lexical", true)).await.expect("found");
    // This program sees its own.
    let own = hob.search("stork", &Options::new()).await.expect("searched").hits;
    assert_eq!(
        (own.len(), own[0].path.as_str(), own[0].title.as_str(), own[0].kind.as_str()),
        (1, "", "Storks", "note")
    );
    let item = &own[0].item;
    assert_eq!((item.id.as_deref(), item.uri.as_deref()), (Some("birds/1"), Some("https://example.org/storks")));
    assert!(item.app.as_ref().is_some_and(|app| !app.is_empty()));
    // The user sees it with `hob`, in search and in answers.
    let found = hits(&scene.hob_json(&["search", "stork"]).expect("searched"));
    assert_eq!((found[0]["id"].as_str(), found[0].get("path")), (Some("birds/1"), None), "{found:?}");
    let answer = scene.hob_json(&["ask", "--context", "index", "When does the white stork fly to Africa?"]);
    let answer = answer.expect("an answer");
    assert_eq!(answer["citations"][0]["uri"], "https://example.org/storks", "{answer}");
    // A program of another path is another program.
    let stranger = scene.folder().join("stranger");
    std::fs::copy(programs().join("hob"), &stranger).expect("copied");
    let asked = scene.command(&stranger).args(["search", "--json", "stork"]).output().expect("it runs");
    let seen: Value = serde_json::from_slice(&asked.stdout).expect("JSON");
    assert!(hits(&seen).is_empty(), "{seen}");
    // What can't be kept is refused with what to do.
    let refused = index.put("x", "", &Options::new()).await.expect_err("no text");
    assert!(refused.to_string().contains("Delete"), "{refused}");
    let refused = index.put("x", "y", &Options::new().with("colour", "red")).await.expect_err("unknown");
    assert!(refused.to_string().contains("colour") && refused.kind() == Kind::InvalidArgument, "{refused}");
    index.delete(&["birds/1", "unknown"]).await.expect("taken back");
    assert!(hob.search("stork", &Options::new()).await.expect("searched").hits.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_of_the_settings_lets_one_program_read_anothers_items() {
    let mut scene = Scene::bus_only(None).expect("a scene");
    let reader = scene.folder().join("reader").canonicalize().unwrap_or_else(|_| scene.folder().join("reader"));
    std::fs::copy(programs().join("hob"), &reader).expect("copied");
    let this = std::env::current_exe().expect("a path");
    let settings = format!("[items.readers]\n\"{}\" = [\"{}\"]\n", reader.display(), this.display());
    std::fs::write(scene.folder().join("config/hob/hob.toml"), settings).expect("written");
    scene.start_daemon().await.expect("started");
    let index = Hob::over(scene.connect().await.expect("the bus")).index().await.expect("the index");
    index.put("1", "The stork flies.", &Options::new()).await.expect("kept");
    until("the granted item", || {
        let asked = scene.command(&reader).args(["search", "--json", "stork"]).output().expect("it runs");
        serde_json::from_slice(&asked.stdout).is_ok_and(|found: Value| hits(&found).len() == 1)
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_the_daemon_loses_no_item_and_no_file() {
    let mut scene = Scene::start(None).await.expect("a scene");
    let root = scene.write("docs/first.txt", "The walrus sleeps.\n").expect("written");
    scene.index(root.parent().expect("a folder")).expect("indexed");
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let hob = Hob::over(scene.connect().await.expect("the bus"));
        let index = hob.index().await.expect("the index");
        for i in 0..10 {
            scene
                .write(&format!("docs/{round}/{i}.txt"), format!("The heron number{round}n{i} stands."))
                .expect("written");
            let id = format!("{round}-{i}");
            index.put(&id, &format!("The stork called {round}s{i} flies."), &Options::new()).await.expect("kept");
            acknowledged.push(id);
        }
        scene.end_daemon(Signal::KILL).expect("killed");
        if round % 2 == 0 {
            std::fs::remove_dir_all(scene.folder().join(format!("home/docs/{round}"))).expect("removed");
        }
        scene.start_daemon().await.expect("started again");
    }
    let checked = scene.hob_json(&["index", "check"]).expect("all agree");
    assert_eq!(
        (&checked["total"], &checked["documents"]),
        (&0.into(), &(1 + 20 + acknowledged.len()).into()),
        "{checked}"
    );
    for (round, i) in [(0, 0), (4, 9)] {
        let found = hits(&scene.hob_json(&["search", &format!("stork {round}s{i}")]).expect("searched"));
        assert_eq!(found[0]["id"], format!("{round}-{i}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_fails_over_damage_and_a_repair_puts_it_right() {
    let scene = Scene::start(None).await.expect("a scene");
    let note = scene.write("docs/note.txt", "The walrus sleeps.\n").expect("written");
    scene.index(note.parent().expect("a folder")).expect("indexed");
    assert!(scene.hob(&["index", "check"]).expect("hob").status.success());
    let words = scene.folder().join("cache/hob/index/lexical");
    let files = std::fs::read_dir(&words).expect("the word index").map(|entry| entry.expect("an entry").path());
    let store = files.into_iter().find(|path| path.extension().is_some_and(|e| e == "store")).expect("a segment");
    let file = std::fs::File::options().write(true).open(&store).expect("open");
    std::os::unix::fs::FileExt::write_all_at(&file, &[0x5a; 4], 8).expect("damaged");
    let check = scene.hob(&["index", "check"]).expect("hob");
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert_eq!(check.status.code(), Some(1), "{said}");
    assert!(said.contains("not as it was written"), "{said}");
    let repair = scene.hob(&["index", "repair"]).expect("hob");
    assert!(repair.status.success(), "{}", String::from_utf8_lossy(&repair.stdout));
    assert!(scene.hob(&["index", "check"]).expect("hob").status.success());
    assert_eq!(hits(&scene.hob_json(&["search", "walrus"]).expect("searched")).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_proposed_and_nothing_is_indexed_unasked() {
    let scene = Scene::start(None).await.expect("a scene");
    scene.write("Documents/a.txt", "The walrus sleeps.").expect("written");
    scene.write("Maildir/cur/1.x:2,S", "From: a@b\n\nThe heron stands.").expect("written");
    let proposed = scene.hob_json(&["index", "add"]).expect("proposals");
    let what: Vec<&str> =
        proposed["proposals"].as_array().expect("a list").iter().filter_map(|p| p["what"].as_str()).collect();
    assert_eq!(what, ["documents", "mail"], "{proposed}");
    let status = scene.hob_json(&["index", "status"]).expect("a status");
    assert_eq!((&status["documents"], status["folders"].as_array().map(Vec::len)), (&0.into(), Some(0)), "{status}");
}

/// A vault is a file system that goes away with what is in it. Mounting takes namespaces of one's own, so the whole test
/// runs once more in some.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_a_vault_is_not_found_after_it_is_closed() {
    const THERE: &str = "HOB_TEST_IN_NAMESPACE";
    if std::env::var_os(THERE).is_none() {
        return run_in_namespaces(THERE);
    }
    let scene = Scene::start(None).await.expect("a scene");
    let note = scene.write("docs/note.txt", "The walrus sleeps.\n").expect("written");
    let docs = note.parent().expect("a folder");
    let vault = docs.join("vault");
    std::fs::create_dir(&vault).expect("made");
    scene.index(docs).expect("indexed");
    let run = |program: &str, arguments: &[&str]| {
        assert!(Command::new(program).args(arguments).arg(&vault).status().expect("it runs").success());
    };
    run("mount", &["-t", "tmpfs", "none"]);
    std::fs::write(vault.join("secret.txt"), "The heron stands.").expect("written");
    let found = || hits(&scene.hob_json(&["search", "heron"]).expect("searched")).len();
    until("the vault's file", || found() == 1);
    run("umount", &[]);
    let closed = Instant::now();
    until("the vault is empty", || found() == 0);
    assert!(closed.elapsed() < Duration::from_secs(60), "{:?}", closed.elapsed());
    println!("gone after {:?}", closed.elapsed());
}

fn run_in_namespaces(variable: &str) {
    let unshare = ["--user", "--map-root-user", "--mount", "--propagation", "private"];
    if !Command::new("unshare").args(unshare).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: user namespaces are not allowed here");
        return;
    }
    let program = std::env::current_exe().expect("a path");
    let name = "what_was_in_a_vault_is_not_found_after_it_is_closed";
    let mut command = Command::new("unshare");
    command.args(unshare).arg(program).args(["--exact", name, "--nocapture"]).env(variable, "1");
    let run = command.output().expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}
