//! Embeddings are made in the background, once, and survive what can be survived.

use crate::harness::Harness;
use hob_index::types::{IndexState, Mode, Query};
use std::sync::atomic::Ordering;

fn embedded(h: &Harness) -> (u64, u64) {
    let status = h.index().status();
    (status.embedded, status.embeddable)
}

#[test]
fn files_get_embeddings_once_and_touched_ones_keep_them() {
    let mut h = Harness::with_embedder(true);
    for i in 0..100 {
        h.write(&format!("{i}.txt"), &format!("The walrus number {i} sleeps on the cold ice."));
    }
    h.write("de.txt", "Der Igel schläft im Laub und träumt von Äpfeln, die er im Herbst gefunden hat.");
    h.add();
    assert_eq!(embedded(&h), (100, 100), "German is not this embedder's");
    assert_eq!(h.embedder.background.load(Ordering::SeqCst), 100);
    let query = Query { text: "walrus ice".into(), limit: 5, mode: Mode::Vector, ..Query::default() };
    assert_eq!(h.index().search(&query).unwrap().hits.len(), 5);
    h.reopen();
    h.idle();
    assert_eq!(embedded(&h), (100, 100));
    // Written again with the same words: indexed again, but not embedded again.
    let calls = h.extractor.calls();
    h.write("5.txt", "The walrus number 5 sleeps on the cold ice.");
    let extractor = h.extractor.clone();
    h.until("read again", |_| extractor.calls() > calls);
    h.idle();
    assert_eq!(embedded(&h), (100, 100));
    assert_eq!(h.embedder.background.load(Ordering::SeqCst), 100);
}

#[test]
fn an_embedder_may_come_later_and_go() {
    let mut h = Harness::new();
    h.write("a.txt", "The walrus sleeps on the ice.");
    h.add();
    assert_eq!(embedded(&h), (0, 0));
    h.embedder.there.store(true, Ordering::SeqCst);
    h.index().notify_embedder_changed();
    h.until("embedded", |index| index.status().embedded == 1);
    h.idle();
    h.embedder.there.store(false, Ordering::SeqCst);
    h.index().notify_embedder_changed();
    h.until("gone", |index| index.status().embeddable == 0);
    h.idle();
    std::fs::remove_file(h.root.join("a.txt")).unwrap();
    h.until("deleted", |index| index.status().documents == 0);
    // The embedding of the file that went meanwhile goes when the store is opened again.
    h.embedder.there.store(true, Ordering::SeqCst);
    h.reopen();
    h.idle();
    assert_eq!(embedded(&h), (0, 0));
    let query = Query { text: "walrus".into(), limit: 5, mode: Mode::Vector, ..Query::default() };
    assert!(h.index().search(&query).unwrap().hits.is_empty());
}

#[test]
fn a_failing_embedder_is_tried_again_and_nobody_waits_for_it() {
    let h = Harness::with_embedder(true);
    h.embedder.failing.store(true, Ordering::SeqCst);
    h.write("a.txt", "The walrus sleeps on the ice.");
    h.add();
    assert_eq!(embedded(&h), (0, 1));
    assert_eq!(h.index().status().state, IndexState::Idle);
    assert!(h.skipped().iter().any(|(_, reason)| reason.contains("no embeddings")));
    h.embedder.failing.store(false, Ordering::SeqCst);
    h.until("embedded", |index| index.status().embedded == 1);
    h.idle();
    assert!(h.skipped().is_empty());
}

#[test]
fn a_passage_that_can_not_be_embedded_does_not_hold_up_the_others() {
    let h = Harness::with_embedder(true);
    *h.embedder.poison.lock().unwrap() = Some("poison".to_owned());
    for i in 0..40 {
        h.write(&format!("{i}.txt"), &format!("The walrus number {i} sleeps on the ice."));
    }
    h.write("bad.txt", "The poison frog sits in the tree.");
    h.index().add_folder(&h.root).unwrap();
    h.until("all others are embedded", |index| index.status().embedded == 40);
    h.idle();
    assert_eq!(embedded(&h), (40, 41));
}

#[test]
fn embedding_can_be_held_back_apart_from_the_users_own_pause() {
    let h = Harness::with_embedder(true);
    h.idle();
    h.index().hold_embedding(true);
    h.write("a.txt", "The walrus sleeps on the cold ice.");
    h.index().add_folder(&h.root).unwrap();
    h.until("held", |index| index.status().state == IndexState::Held && index.status().pending == 0);
    assert_eq!((h.found("walrus"), embedded(&h)), (vec!["a.txt".to_string()], (0, 1)));
    assert_eq!(h.embedder.background.load(Ordering::SeqCst), 0);
    // The user pauses meanwhile; that the machine allows it again is not the user's wish.
    h.index().pause();
    h.index().hold_embedding(false);
    assert_eq!(h.index().status().state, IndexState::Paused);
    assert_eq!(h.embedder.background.load(Ordering::SeqCst), 0);
    h.index().resume();
    h.idle();
    assert_eq!(embedded(&h), (1, 1));
}

#[test]
fn another_embedder_takes_over_when_it_has_everything() {
    let mut h = Harness::with_embedder(true);
    for i in 0..40 {
        h.write(&format!("{i}.txt"), &format!("The walrus number {i} sleeps on the cold ice."));
    }
    h.add();
    assert_eq!(embedded(&h), (40, 40));
    let query = Query { text: "walrus ice".into(), limit: 50, mode: Mode::Vector, fold: false, ..Query::default() };
    h.embedder.other_down.store(true, Ordering::SeqCst);
    h.embedder.replaced.store(true, Ordering::SeqCst);
    h.index().notify_embedder_changed();
    h.until("met", |index| index.status().embedded == 0);
    assert_eq!(h.index().search(&query).unwrap().hits.len(), 40, "the old vectors are searched meanwhile");
    // A restart in the middle changes nothing, and what goes meanwhile goes from both.
    h.reopen();
    std::fs::remove_file(h.root.join("7.txt")).unwrap();
    h.until("deleted", |index| index.status().documents == 39);
    assert_eq!(h.index().search(&query).unwrap().hits.len(), 39);
    h.embedder.other_down.store(false, Ordering::SeqCst);
    h.index().notify_embedder_changed();
    h.until("taken over", |index| index.status().embedded == 39);
    h.idle();
    let found = h.index().search(&query).unwrap().hits;
    assert_eq!(found.len(), 39);
    let cosines: Vec<_> = found.iter().map(|hit| hit.cosine).collect();
    assert!(cosines.iter().all(|cosine| cosine.is_some_and(|cosine| cosine > 0.15)), "the new vectors: {cosines:?}");
    let files = std::fs::read_dir(h.state.join("vectors")).unwrap().count();
    assert_eq!(files, 1, "the old store is gone");
}
