//! The user's files: found, followed, and the bad ones listed with a reason.

use hob_tests::{Scene, models, project};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn paths(found: &serde_json::Value) -> Vec<String> {
    let hits = found["hits"].as_array().expect("hits").iter();
    hits.map(|hit| hit["path"].as_str().expect("a path").to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_found_changed_and_forgotten_without_any_model() {
    let mut scene = Scene::start(None).await.expect("a scene");
    let note = scene.write("docs/boiler.md", "# Boiler\n\nThe boiler was serviced in March.\n").expect("written");
    let folder = note.parent().expect("a folder").to_path_buf();
    scene.index(&folder).expect("indexed");
    assert_eq!(paths(&scene.hob_json(&["search", "boiler service"]).expect("found")), [note.to_str().expect("UTF-8")]);

    let chinese = scene.write("docs/信.txt", "明天我们去苏州看运河。\n").expect("written");
    until(|| paths(&scene.hob_json(&["search", "苏州运河"]).expect("found")).contains(&chinese.display().to_string()));
    std::fs::write(&note, "The heating is new.\n").expect("rewritten");
    until(|| paths(&scene.hob_json(&["search", "serviced in March"]).expect("searched")).is_empty());
    std::fs::remove_file(&note).expect("removed");
    until(|| paths(&scene.hob_json(&["search", "heating"]).expect("searched")).is_empty());

    scene.end_daemon(rustix::process::Signal::TERM).expect("ended");
    scene.start_daemon().await.expect("started again");
    assert_eq!(paths(&scene.hob_json(&["search", "苏州"]).expect("found")).len(), 1, "the index survives");
    assert!(scene.hob(&["index", "remove", folder.to_str().expect("UTF-8")]).expect("hob").status.success());
    until(|| paths(&scene.hob_json(&["search", "苏州"]).expect("searched")).is_empty());
}

/// Asks again until it holds; the daemon follows files in its own time.
fn until(mut holds: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !holds() {
        assert!(started.elapsed() < hob_tests::PATIENCE, "it never came true");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_files_are_skipped_with_a_reason_and_nothing_stops() {
    let scene = Scene::start(None).await.expect("a scene");
    let good = scene.write("bad/good.txt", "A perfectly good note about lighthouses.\n").expect("written");
    let folder = good.parent().expect("a folder");
    make_bad_files(&scene, folder);
    scene.index(folder).expect("indexed");
    assert_eq!(paths(&scene.hob_json(&["search", "lighthouses"]).expect("found")), [good.to_str().expect("UTF-8")]);
    let status = scene.hob_json(&["index", "status"]).expect("a status").to_string();
    for name in ["empty.txt", "huge.txt", "binary.txt", "broken.pdf", "broken.docx", "caf"] {
        assert!(status.contains(name), "{name} is not listed in {status}");
    }
}

fn make_bad_files(scene: &Scene, folder: &Path) {
    scene.write("bad/empty.txt", "").expect("written");
    File::create(folder.join("huge.txt")).and_then(|file| file.set_len(200 << 20)).expect("a sparse file");
    std::fs::copy("/proc/self/exe", folder.join("binary.txt")).expect("a program under a text's name");
    scene.write("bad/broken.pdf", "%PDF-1.7\n1 0 obj\n<< /Type /Catalog").expect("written");
    scene.write("bad/broken.docx", "PK\u{3}\u{4} this is no archive").expect("written");
    scene
        .write("bad/broken.eml", "Content-Type: multipart/mixed; boundary=\"x\"\n\n--x\nContent-Type: ")
        .expect("written");
    std::fs::write(folder.join(std::ffi::OsStr::from_bytes(b"caf\xe9.txt")), "coffee").expect("written");
    std::os::unix::fs::symlink(folder, folder.join("loop")).expect("linked");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_that_can_not_be_indexed_are_refused_with_a_sentence() {
    let scene = Scene::start(None).await.expect("a scene");
    let file = scene.write("file.txt", "text").expect("written");
    for (path, says) in [("/nonexistent/folder", "nonexistent"), (file.to_str().expect("UTF-8"), "not a folder")] {
        let refused = scene.hob(&["index", "add", path]).expect("hob runs");
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{error}");
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_about_the_example_home_are_answered_or_declined() {
    let Some(models) = models() else { return };
    let scene = Scene::start(Some(&models)).await.expect("a scene");
    let home = project().join("examples/home").canonicalize().expect("the example home");
    scene.index(&home).expect("indexed");
    let questions = std::fs::read_to_string(project().join("examples/questions.tsv")).expect("questions");
    let (mut right, mut answerable, mut declined, mut foreign) = (0, 0, 0, 0);
    for line in questions.lines().filter(|line| !line.starts_with('#')) {
        let [question, file, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        let answer = scene.hob_json(&["ask", question]).expect("an answer");
        let citations = answer["citations"].as_array().expect("citations");
        if expected.is_empty() {
            foreign += 1;
            declined += usize::from(citations.is_empty() && answer["finish_reason"] == "not_found");
            continue;
        }
        answerable += 1;
        let contained =
            answer["text"].as_str().is_some_and(|text| text.to_lowercase().contains(&expected.to_lowercase()));
        let cited = citations.iter().any(|c| c["path"].as_str().is_some_and(|path| path.ends_with(file)));
        if contained && cited {
            right += 1;
        } else {
            eprintln!("not answered: {question} -> {}", answer["text"]);
        }
        for citation in citations {
            quote_stands_in_file(citation);
        }
    }
    assert!(right * 10 >= answerable * 8, "{right} of {answerable} answered");
    assert!(declined * 10 >= foreign * 8, "{declined} of {foreign} declined");
}

/// A quote from a text file is found there, at its line.
fn quote_stands_in_file(citation: &serde_json::Value) {
    let path = citation["path"].as_str().expect("a path");
    if !path.ends_with(".md") && !path.ends_with(".txt") {
        return;
    }
    let text = std::fs::read_to_string(path).expect("the file");
    let fold = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let quote = fold(citation["quote"].as_str().expect("a quote"));
    assert!(fold(&text).contains(&quote), "{quote:?} does not stand in {path}");
    let line = citation["line"].as_u64().expect("a line") as usize;
    let rest: Vec<&str> = text.lines().skip(line - 1).collect();
    let first = quote.split(' ').next().unwrap_or_default();
    assert!(rest.first().is_some_and(|line| line.contains(first)), "{quote:?} does not start at line {line} of {path}");
}

/// Names of the files found, best first.
fn names(found: &serde_json::Value) -> Vec<String> {
    paths(found).iter().map(|path| path.rsplit('/').next().unwrap_or_default().to_string()).collect()
}

/// A folder of files that differ in kind, author, date, place and wording.
fn correspondence(scene: &Scene) -> std::path::PathBuf {
    let letter = |name: &str, from: &str, date: &str, subject: &str, text: &str| {
        let mail = format!("From: {from}\nTo: Bia <bia@home.example>\nDate: {date}\nSubject: {subject}\n\n{text}\n");
        scene.write(&format!("post/{name}"), mail).expect("written")
    };
    letter(
        "ana.eml",
        "Ana Souza <ana@boats.example>",
        "Mon, 12 Jan 2026 10:00:00 +0000",
        "Berth",
        "The harbour raised the berth fees for sailing boats.",
    );
    letter(
        "rui.eml",
        "Rui Alves <rui@boats.example>",
        "Tue, 4 Mar 2025 10:00:00 +0000",
        "Engine",
        "The fees of the mechanic for the berth of the old harbour engine were raised.",
    );
    scene.write("post/harbour/fees.md", "# Prices\n\nWhat the harbour asks for: fees per metre.\n").expect("written");
    let copy = "Every boat in the harbour has to leave its winter berth by the first of April, fees or not.\n";
    scene.write("post/notice.txt", copy).expect("written");
    let folder = scene.write("post/notice-copy.txt", copy).expect("written");
    folder.parent().expect("a folder").to_path_buf()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_says_what_kind_whose_and_of_when() {
    let scene = Scene::start(None).await.expect("a scene");
    scene.index(&correspondence(&scene)).expect("indexed");
    let found = |query: &str| {
        let mut names = names(&scene.hob_json(&["search", "--", query]).expect("found"));
        names.sort();
        names.join(" ")
    };
    assert_eq!(found("harbour fees kind:mail"), "ana.eml rui.eml");
    assert_eq!(found("harbour fees ext:md"), "fees.md");
    assert_eq!(found("harbour fees from:ana"), "ana.eml");
    assert_eq!(found("harbour fees from:\"rui alves\""), "rui.eml");
    assert_eq!(found("kind:eml after:2026-01 before:2026-02"), "ana.eml");
    assert_eq!(found("fees kind:mail before:2026"), "rui.eml");
    assert_eq!(found("fees title:engine"), "rui.eml");
    assert_eq!(found("fees path:harbour"), "fees.md");
    assert_eq!(found("\"berth fees\""), "ana.eml");
    assert_eq!(found("fees kind:mail -mechanic"), "ana.eml");
    let refused = scene.hob(&["search", "fees after:soon"]).expect("hob runs");
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("after:2026-01-31"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_show_their_words_their_copies_and_what_their_scores_are_made_of() {
    let scene = Scene::start(None).await.expect("a scene");
    scene.index(&correspondence(&scene)).expect("indexed");
    let found = scene.hob_json(&["search", "--explain", "leave the winter berth"]).expect("found");
    let best = &found["hits"][0];
    assert!(names(&found)[0].starts_with("notice"), "{found}");
    assert_eq!(best["duplicates"].as_array().expect("a list").len(), 1, "{best}");
    let snippet: Vec<char> = best["snippet"].as_str().expect("a snippet").chars().collect();
    let marked: Vec<String> =
        best["highlights"].as_array().expect("a list").iter().map(|span| marked(&snippet, span)).collect();
    assert_eq!(marked, ["leave", "winter", "berth"]);
    let mut scores = found["hits"].as_array().expect("hits").iter();
    assert!(scores.all(|hit| (sum_of_parts(hit) - hit["score"].as_f64().expect("a score")).abs() < 1e-4), "{found}");
    let plain = scene.hob_json(&["search", "leave the winter berth"]).expect("found");
    assert!(plain["hits"][0].get("parts").is_none(), "nobody asked for them");
}

fn marked(snippet: &[char], span: &serde_json::Value) -> String {
    let at = |end: usize| span[end].as_u64().expect("a place") as usize;
    snippet[at(0)..at(1)].iter().collect()
}

fn sum_of_parts(hit: &serde_json::Value) -> f64 {
    hit["parts"].as_object().expect("parts").values().filter_map(serde_json::Value::as_f64).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closer_look_compares_tokens_and_keeps_every_file() {
    let Some(models) = models() else { return };
    let scene = Scene::start(Some(&models)).await.expect("a scene");
    scene.index(&correspondence(&scene)).expect("indexed");
    let question = "Who raised the berth fees?";
    let plain = scene.hob_json(&["search", "--explain", question]).expect("found");
    let close = scene.hob_json(&["search", "--explain", "--rerank", question]).expect("found");
    assert_eq!(names(&close)[0], "ana.eml", "{close}");
    let sorted = |found| {
        let mut names = names(found);
        names.sort();
        names
    };
    assert_eq!(sorted(&plain), sorted(&close));
    let has_tokens = |hit: &serde_json::Value| hit["parts"].get("tokens").is_some();
    assert!(close["hits"].as_array().expect("hits").iter().all(has_tokens), "{close}");
    assert!(!plain["hits"].as_array().expect("hits").iter().any(has_tokens), "{plain}");
}
