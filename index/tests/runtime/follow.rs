//! Changes are followed as they happen.

use crate::harness::Harness;
use std::fs;

#[test]
fn created_changed_and_deleted_files_are_followed() {
    let h = Harness::with_embedder(true);
    h.write("a.txt", "The walrus sleeps.");
    h.add();
    let path = h.write("new.txt", "The heron stands.");
    h.until_found("heron", &["new.txt"]);
    h.write("new.txt", "The badger digs deep.");
    h.until_found("badger", &["new.txt"]);
    assert!(h.found("heron").is_empty());
    fs::remove_file(path).unwrap();
    h.until_found("badger", &[]);
    h.idle();
    let status = h.index().status();
    assert_eq!((status.documents, status.embeddable, status.embedded), (1, 1, 1));
}

#[test]
fn renamed_files_and_folders_are_followed() {
    let h = Harness::new();
    h.write("a.txt", "The walrus sleeps.");
    h.write("dir/b.txt", "The heron stands.");
    h.write("dir/deep/c.txt", "The otter swims.");
    h.add();
    fs::rename(h.root.join("a.txt"), h.root.join("z.txt")).unwrap();
    h.until_found("walrus", &["z.txt"]);
    fs::rename(h.root.join("dir"), h.root.join("moved")).unwrap();
    h.until_found("heron", &["moved/b.txt"]);
    h.until_found("otter", &["moved/deep/c.txt"]);
    h.idle();
    assert_eq!(h.index().status().documents, 3);
    // The folder is watched under its new name.
    h.write("moved/deep/d.txt", "The lynx waits.");
    h.until_found("lynx", &["moved/deep/d.txt"]);
    // Moved out of the added folder is gone, moved in is new.
    let outside = h.state.parent().unwrap().join("outside");
    fs::rename(h.root.join("moved"), &outside).unwrap();
    h.until_found("heron", &[]);
    fs::write(outside.join("e.txt"), "The stork flies.").unwrap();
    fs::rename(&outside, h.root.join("back")).unwrap();
    h.until_found("stork", &["back/e.txt"]);
    h.until_found("lynx", &["back/deep/d.txt"]);
}

#[test]
fn new_trees_and_replaced_files_are_followed() {
    let h = Harness::new();
    h.add();
    for i in 0..50 {
        h.write(&format!("t/{}/{}/f.txt", i % 5, i), &format!("The walrus number{i} sleeps."));
    }
    h.until("all are in", |index| index.status().documents == 50);
    // As editors save: written beside, moved over.
    let draft = h.write("t/.draft", "The heron number7 stands.");
    fs::rename(draft, h.root.join("t/2/7/f.txt")).unwrap();
    h.until_found("heron", &["t/2/7/f.txt"]);
    fs::remove_dir_all(h.root.join("t")).unwrap();
    h.until("all are out", |index| index.status().documents == 0);
}

#[test]
fn ignore_rules_hold_for_changes_and_changes_of_the_rules() {
    let h = Harness::new();
    h.write(".gitignore", "*.log\n");
    h.add();
    h.write("a.log", "The walrus sleeps.");
    h.write("node_modules/a.txt", "The walrus sleeps.");
    h.write("secret.kdbx", "The walrus sleeps.");
    h.write("b.txt", "The walrus wakes.");
    h.until_found("walrus", &["b.txt"]);
    h.write(".gitignore", "b.txt\n");
    h.until_found("walrus", &["a.log"]);
    fs::remove_file(h.root.join(".gitignore")).unwrap();
    h.until_found("walrus", &["a.log", "b.txt"]);
    h.write("quiet/c.txt", "The walrus hides.");
    h.until_found("hides", &["quiet/c.txt"]);
    h.write("quiet/.nomedia", "");
    h.until_found("hides", &[]);
}

#[test]
fn an_added_folder_that_goes_away_leaves_and_says_so() {
    let h = Harness::new();
    h.write("a.txt", "The walrus sleeps.");
    h.add();
    fs::remove_dir_all(&h.root).unwrap();
    h.until_found("walrus", &[]);
    h.idle();
    let skipped = h.index().skipped(10).unwrap();
    assert!(skipped.iter().any(|s| s.reason.contains("not there")), "{skipped:?}");
    assert_eq!(h.index().folders(), std::slice::from_ref(&h.root));
    h.write("a.txt", "The walrus sleeps.");
    h.index().rescan(None).unwrap();
    h.until_found("walrus", &["a.txt"]);
    h.idle();
    assert!(h.index().skipped(10).unwrap().is_empty());
}
