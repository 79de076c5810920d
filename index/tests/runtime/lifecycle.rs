//! Adding, searching, restarting, removing.

use crate::harness::Harness;
use hob_index::types::{IndexError, IndexState};
use hob_index::{Index, IndexOptions};
use std::path::Path;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[test]
fn what_is_added_is_found_and_a_restart_reads_nothing_again() {
    let mut h = Harness::new();
    h.write("a.txt", "The walrus sleeps on the ice.\n\nIt dreams of clams.");
    h.write("sub/b.txt", "A heron stands in the water.");
    h.write(".hidden.txt", "walrus");
    h.add();
    assert_eq!(h.found("walrus"), ["a.txt"]);
    assert_eq!(h.found("heron"), ["sub/b.txt"]);
    let status = h.index().status();
    assert_eq!((status.documents, status.skipped, status.state), (2, 0, IndexState::Idle));
    let text = h.index().document_text(&h.root.join("a.txt")).unwrap().unwrap();
    assert_eq!((text.title.as_str(), text.lang.as_str()), ("a.txt", "en"));
    let whole: String = text.chunks.iter().map(|c| c.text.as_str()).collect();
    assert!(whole.contains("walrus") && whole.contains("clams"));
    assert_eq!(h.index().document_text(Path::new("/etc/hostname")).unwrap(), None);
    assert_eq!(h.extractor.calls(), 2);

    h.reopen();
    h.idle();
    assert_eq!(h.extractor.calls(), 2);
    assert_eq!(h.found("walrus"), ["a.txt"]);
    assert_eq!(h.index().status().documents, 2);
    assert_eq!(h.index().folders(), std::slice::from_ref(&h.root));
}

#[test]
fn what_happened_while_closed_is_found_at_the_start() {
    let mut h = Harness::new();
    h.write("gone.txt", "The walrus sleeps.");
    h.write("changed.txt", "The heron stands.");
    h.write("same.txt", "The otter swims.");
    h.add();
    h.close();
    std::fs::remove_file(h.root.join("gone.txt")).unwrap();
    h.write("changed.txt", "The badger digs deep.");
    h.write("new.txt", "The lynx waits.");
    h.open();
    h.idle();
    assert_eq!((h.found("walrus"), h.found("heron")), (vec![], vec![]));
    assert_eq!((h.found("badger"), h.found("lynx")), (vec!["changed.txt".to_owned()], vec!["new.txt".to_owned()]));
    assert_eq!(h.found("otter"), ["same.txt"]);
    assert_eq!((h.index().status().documents, h.extractor.calls()), (3, 5));
}

#[test]
fn a_removed_folder_leaves_but_for_what_another_one_holds() {
    let h = Harness::with_embedder(true);
    h.write("a.txt", "The walrus sleeps.");
    h.write("keep/b.txt", "The walrus wakes.");
    h.add();
    let keep = h.root.join("keep");
    h.index().add_folder(&keep).unwrap();
    h.idle();
    assert_eq!(h.extractor.calls(), 2, "a folder below an added one is not read again");
    h.index().remove_folder(&h.root).unwrap();
    h.idle();
    assert_eq!(h.found("walrus"), ["keep/b.txt"]);
    h.index().remove_folder(&keep).unwrap();
    h.idle();
    let status = h.index().status();
    assert_eq!((status.documents, status.chunks, status.embeddable, status.embedded), (0, 0, 0, 0));
    assert!(h.found("walrus").is_empty());
    assert!(matches!(h.index().remove_folder(&keep), Err(IndexError::NotFound(_))));
    // Nothing is watched any more: a new file stays unseen.
    h.write("c.txt", "The walrus swims.");
    h.index().add_folder(&keep).unwrap();
    h.idle();
    assert_eq!(h.found("walrus"), ["keep/b.txt"]);
}

#[test]
fn a_forgotten_folder_is_not_shown_even_while_the_indexer_has_yet_to_remove_it() {
    let h = Harness::new();
    h.write("a/a.txt", "The walrus sleeps.");
    h.write("b/b.txt", "The walrus wakes.");
    for folder in ["a", "b"] {
        h.index().add_folder(&h.root.join(folder)).unwrap();
    }
    h.idle();
    h.index().pause();
    h.index().remove_folder(&h.root.join("a")).unwrap();
    assert_eq!(h.found("walrus"), ["b/b.txt"]);
    let sentences = h.index().sentences_for("Where is the walrus?", None, Vec::new(), 5).unwrap();
    assert_eq!(sentences.iter().map(|s| s.text.as_str()).collect::<Vec<_>>(), ["The walrus wakes."]);
}

#[test]
fn looking_into_a_folder_that_is_not_indexed_is_refused() {
    let h = Harness::new();
    h.write("sub/a.txt", "The walrus sleeps.");
    h.add();
    let into = |path: &Path| h.index().sentences_for("Where is the walrus?", Some(path), Vec::new(), 5);
    assert!(matches!(into(Path::new("/usr")), Err(IndexError::NotFound(_))));
    for path in [Path::new("/"), h.root.as_path(), &h.root.join("sub")] {
        assert_eq!(into(path).unwrap().len(), 1, "{path:?}");
    }
}

#[test]
fn folders_that_can_not_be_added_are_refused_with_a_reason() {
    let h = Harness::new();
    let file = h.write("a.txt", "x");
    let refused = |path: &Path| h.index().add_folder(path).unwrap_err().to_string();
    assert!(refused(&h.root.join("missing")).contains("there is no folder"));
    assert!(refused(&file).contains("not a folder"));
    assert!(refused(&h.state).contains("belongs to hob"));
    assert!(refused(Path::new("/proc")).contains("kernel"));
    assert!(matches!(h.index().rescan(Some(Path::new("/usr"))), Err(IndexError::NotFound(_))));
    assert!(h.index().folders().is_empty());
}

#[test]
fn a_second_daemon_on_the_same_folder_is_told_so() {
    let h = Harness::new();
    let second = Index::open(IndexOptions::new(&h.state), h.extractor.clone(), h.embedder.clone());
    assert!(second.err().unwrap().to_string().contains("another hobd"));
}

#[test]
fn paused_means_paused_and_resumed_goes_on() {
    let h = Harness::new();
    h.idle();
    h.index().pause();
    h.write("a.txt", "The walrus sleeps.");
    h.index().add_folder(&h.root).unwrap();
    assert_eq!(h.index().status().state, IndexState::Paused);
    assert!(h.index().status().pending > 0);
    assert_eq!(h.extractor.calls(), 0);
    h.index().resume();
    h.idle();
    assert_eq!(h.found("walrus"), ["a.txt"]);
}

#[test]
fn closing_in_the_midst_of_work_is_quick_and_loses_nothing() {
    let mut h = Harness::with_embedder(true);
    for i in 0..3000 {
        h.write(&format!("d{}/{i}.txt", i % 10), &format!("The walrus number {i} sleeps on the ice."));
    }
    h.index().add_folder(&h.root).unwrap();
    let extractor = h.extractor.clone();
    h.until("some files read", |_| extractor.calls() > 50);
    let started = Instant::now();
    h.close();
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    h.open();
    h.idle();
    let status = h.index().status();
    assert_eq!((status.documents, status.embedded), (3000, status.embeddable));
    assert!(status.embeddable > 0);
    // What was committed before is not read again: at most the batch at hand.
    assert!(h.extractor.calls() <= 3000 + 600, "{}", h.extractor.calls());
}

#[test]
fn closing_does_not_wait_for_an_extractor_that_hangs() {
    let mut h = Harness::new();
    h.write("a.txt", "The walrus sleeps.");
    h.extractor.set_closed(true);
    h.index().add_folder(&h.root).unwrap();
    let extractor = h.extractor.clone();
    h.until("the extractor is called", |_| extractor.calls() == 1);
    let started = Instant::now();
    h.index().shutdown();
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    h.extractor.set_closed(false);
    h.close();
}

#[test]
fn opening_is_quick() {
    let mut h = Harness::new();
    for i in 0..1000 {
        h.write(&format!("{i}.txt"), "The walrus sleeps on the ice.");
    }
    h.add();
    h.close();
    let started = Instant::now();
    let index = Index::open(h.options(), h.extractor.clone(), h.embedder.clone()).unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(index);
    assert_eq!(h.extractor.calls.load(Ordering::SeqCst), 1000);
}
