//! Checking, repairing, building anew, and staying within bounds.

use crate::harness::Harness;
use hob_index::Index;
use hob_index::items::{Item, ItemName};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

fn findings(index: &Index) -> Vec<(PathBuf, String)> {
    index.check().unwrap().findings.into_iter().map(|f| (f.path, f.problem)).collect()
}

/// The folders of word indexes.
fn word_folders(state: &Path) -> Vec<String> {
    let names = fs::read_dir(state).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("lexical")).collect();
    names.sort();
    names
}

/// Damages one byte in place: the file is mapped by the index.
fn flip(file: &Path, at: u64) {
    let file = fs::File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0xff], at).unwrap();
}

fn filled() -> Harness {
    let h = Harness::with_embedder(true);
    for i in 0..20 {
        h.write(&format!("{i}.txt"), &format!("The walrus number{i} sleeps on the cold ice."));
    }
    h.add();
    h
}

#[test]
fn a_sound_index_has_no_findings_and_a_changed_disk_is_seen_before_it_is_followed() {
    let h = filled();
    let report = h.index().check().unwrap();
    assert_eq!((report.documents, report.passages, report.embeddings), (20, 20, 20));
    assert_eq!(findings(h.index()), []);
    // Nothing is followed while it is paused.
    h.index().pause();
    h.write("3.txt", "The heron stands in the water.");
    fs::remove_file(h.root.join("4.txt")).unwrap();
    h.write("new.txt", "The otter swims.");
    let found = findings(h.index());
    let of = |name: &str| found.iter().find(|(path, _)| *path == h.root.join(name)).map(|(_, what)| what.as_str());
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(of("3.txt").unwrap().contains("changed") && of("4.txt").unwrap().contains("not on the disk"));
    assert!(of("new.txt").unwrap().contains("not in the index"));
    h.index().resume();
    h.until("followed", |index| findings(index).is_empty());
}

#[test]
fn a_damaged_word_index_is_found_and_repaired_without_new_embeddings() {
    let h = filled();
    let made = h.embedder.background.load(Ordering::SeqCst);
    let segment = fs::read_dir(h.state.join("lexical")).unwrap().map(|e| e.unwrap().path());
    let store = segment.into_iter().find(|path| path.extension().is_some_and(|e| e == "store")).unwrap();
    flip(&store, 10);
    let found = findings(h.index());
    assert!(found.iter().any(|(path, what)| *path == store && what.contains("not as it was written")), "{found:?}");
    assert!(!h.index().repair().unwrap().findings.is_empty());
    h.idle();
    assert_eq!(findings(h.index()), []);
    assert_eq!(h.found("number7"), ["7.txt"]);
    assert_eq!(h.embedder.background.load(Ordering::SeqCst), made, "passages keep their embeddings");
    assert_eq!(word_folders(&h.state), ["lexical-1"]);
}

#[test]
fn a_damaged_embedding_is_found_and_made_again() {
    let h = filled();
    let file = fs::read_dir(h.state.join("vectors")).unwrap().next().unwrap().unwrap().path();
    flip(&file, fs::metadata(&file).unwrap().len() / 2);
    assert!(findings(h.index()).iter().any(|(_, what)| what.contains("1 embeddings are not as")));
    h.index().repair().unwrap();
    h.until("made again", |index| findings(index).is_empty() && index.status().embedded == 20);
}

#[test]
fn a_word_index_of_another_version_answers_until_the_new_one_is_complete() {
    let mut h = filled();
    h.close();
    // As a later hob would find this one's.
    fs::write(h.state.join("lexical/hob-version"), "0\n").unwrap();
    let (calls, made) = (h.extractor.calls(), h.embedder.background.load(Ordering::SeqCst));
    h.extractor.set_closed(true);
    h.open();
    let extractor = h.extractor.clone();
    h.until("the new one is begun", |_| extractor.calls() > calls);
    assert_eq!(h.found("number7"), ["7.txt"], "the old one answers");
    assert!(h.skipped().iter().any(|(_, why)| why.contains("built anew")), "{:?}", h.skipped());
    fs::remove_file(h.root.join("8.txt")).unwrap();
    // Killed in the middle, it goes on where it was.
    h.extractor.set_closed(false);
    h.until("some are in", |_| extractor.calls() > calls + 5);
    h.reopen();
    h.idle();
    assert_eq!((h.found("number7"), h.found("number8")), (vec!["7.txt".to_owned()], vec![]));
    assert_eq!(findings(h.index()), []);
    assert_eq!(h.embedder.background.load(Ordering::SeqCst), made);
    assert_eq!(word_folders(&h.state), ["lexical-1"]);
    assert!(h.skipped().is_empty(), "{:?}", h.skipped());
    h.reopen();
    h.idle();
    assert_eq!(h.found("number7"), ["7.txt"]);
}

fn item(text: &str) -> Item {
    Item { text: text.to_owned(), uri: Some("https://example.org/1".to_owned()), ..Item::default() }
}

fn name(app: &str, id: &str) -> ItemName {
    ItemName { app: app.to_owned(), id: id.to_owned() }
}

#[test]
fn items_outlive_the_whole_index_and_belong_to_their_programs() {
    let mut h = filled();
    h.index().put_item(&name("org.a", "1"), &item("The stork flies south.")).unwrap();
    h.index().put_item(&name("org.b", "1"), &item("The stork stays here.")).unwrap();
    h.until("both are found", |index| index.status().documents == 22);
    h.idle();
    assert_eq!(findings(h.index()), []);
    let seen = |h: &Harness, reader: &hob_index::Reader| {
        let query = hob_index::types::Query {
            text: "stork".into(),
            limit: 10,
            mode: hob_index::types::Mode::Lexical,
            hidden: h.index().hidden_from(reader),
            ..hob_index::types::Query::default()
        };
        let hits = h.index().search(&query).unwrap().hits;
        let mut apps: Vec<String> = hits.iter().map(|hit| ItemName::of(&hit.path).unwrap().app).collect();
        apps.sort();
        apps
    };
    let programs = |apps: &[&str]| hob_index::Reader::Programs(apps.iter().map(|a| (*a).to_owned()).collect());
    let all = |h: &Harness| {
        assert_eq!(seen(h, &hob_index::Reader::User), ["org.a", "org.b"]);
        assert_eq!(seen(h, &programs(&["org.a"])), ["org.a"]);
        assert_eq!(seen(h, &programs(&["org.a", "org.b"])), ["org.a", "org.b"]);
        assert!(seen(h, &programs(&[])).is_empty());
    };
    all(&h);
    let quoted = h.index().sentences_for("Where does the stork fly?", None, Vec::new(), 5).unwrap();
    assert_eq!(quoted[0].uri.as_deref(), Some("https://example.org/1"));
    h.close();
    for dir in ["state", "lexical", "vectors"] {
        fs::remove_dir_all(h.state.join(dir)).unwrap();
    }
    h.open();
    h.idle();
    all(&h);
    // A new text in place of the old, and taking back.
    h.index().put_item(&name("org.a", "1"), &item("The heron came.")).unwrap();
    h.until("changed", |_| seen(&h, &hob_index::Reader::User) == ["org.b"]);
    assert_eq!(h.index().delete_items("org.b", &["1".into(), "2".into()]).unwrap(), 1);
    assert!(seen(&h, &hob_index::Reader::User).is_empty(), "what is taken back is not shown for a moment longer");
    h.idle();
    assert_eq!(findings(h.index()), []);
}

/// Bytes of all files below.
fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap());
    entries.map(|e| if e.path().is_dir() { size(&e.path()) } else { e.metadata().unwrap().len() }).sum()
}

/// Bytes of one segment of sled's log.
const SEGMENT: u64 = 512 << 10;

#[test]
fn files_that_are_written_again_and_again_do_not_grow_the_index() {
    let texts = |h: &Harness, round: u32| {
        for i in 0..400 {
            let words = (0..300).map(|w| format!("word{} of{round} and{i}", (w * 7 + i * 13 + round * 31) % 2_000));
            h.write(&format!("{i}.txt"), &words.collect::<Vec<_>>().join(" "));
        }
    };
    let fresh = Harness::with_embedder(true);
    texts(&fresh, 49);
    fresh.add();
    let mut churned = Harness::with_embedder(true);
    texts(&churned, 0);
    churned.add();
    for round in 1..50 {
        texts(&churned, round);
        churned.index().rescan(None).unwrap();
        churned.until("this round is in", |index| findings(index).is_empty());
    }
    churned.idle();
    churned.reopen();
    churned.idle();
    let of = |h: &Harness, part: &str| size(&h.state.join(part));
    for part in ["lexical", "vectors"] {
        let (small, large) = (of(&fresh, part), of(&churned, part));
        assert!(large <= 2 * small, "{part}: {small} fresh, {large} churned");
    }
    // The state's log is cleaned up in segments of half a megabyte, a few of which are always under way.
    let state = of(&churned, "state");
    assert!(state <= 8 * SEGMENT, "state: {state}");
}
