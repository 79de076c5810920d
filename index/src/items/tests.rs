use super::*;
use std::fs;

fn name(id: &str) -> ItemName {
    ItemName { app: "org.example.Notes".into(), id: id.into() }
}

fn item(text: &str) -> Item {
    Item { text: text.into(), ..Item::default() }
}

fn text(items: &Items, id: &str) -> Option<String> {
    items.get(&name(id).path()).unwrap().map(|(_, item)| item.text)
}

#[test]
fn any_name_becomes_one_component_and_comes_back() {
    for id in ["a", "..", ".", "a/b", "ä 信%", "item:/x/y", "\n"] {
        let name = ItemName { app: "/usr/bin/x y".into(), id: id.into() };
        let path = name.path();
        assert_eq!(path.components().count(), 3, "{path:?}");
        assert!(is_item(&path) && path.starts_with(folder_of("/usr/bin/x y")));
        assert_eq!(ItemName::of(&path), Some(name));
    }
    assert_eq!(ItemName::of(Path::new("/home/a")), None);
}

#[test]
fn what_was_acknowledged_survives_and_a_torn_tail_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    let items = Items::open(dir.path()).unwrap();
    for id in ["a", "b", "c"] {
        items.put(&name(id), &item(&format!("text of {id}"))).unwrap();
    }
    items.put(&name("b"), &item("newer")).unwrap();
    assert_eq!(items.delete("org.example.Notes", &["c".into(), "unknown".into()]).unwrap().len(), 1);
    let serial = items.version(&name("b").path()).unwrap().serial;
    drop(items);
    let log = dir.path().join("items.log");
    let whole = fs::read(&log).unwrap();
    for torn in [&b"\xf1itm\xff\x00"[..], &whole[8..20], b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        fs::write(&log, [&whole[..], torn].concat()).unwrap();
        let items = Items::open(dir.path()).unwrap();
        assert_eq!((text(&items, "a").unwrap().as_str(), text(&items, "b").unwrap().as_str()), ("text of a", "newer"));
        assert_eq!((text(&items, "c"), items.all().len()), (None, 2));
        assert_eq!(items.version(&name("b").path()).unwrap().serial, serial);
        assert_eq!(fs::metadata(&log).unwrap().len(), whole.len() as u64);
        assert!(!dir.path().join("items.damaged").exists());
    }
}

#[test]
fn damage_in_the_middle_costs_what_it_hit_and_is_kept_for_a_look() {
    let dir = tempfile::tempdir().unwrap();
    let items = Items::open(dir.path()).unwrap();
    for id in ["a", "b", "c"] {
        items.put(&name(id), &item(&format!("text of {id}"))).unwrap();
    }
    drop(items);
    let log = dir.path().join("items.log");
    let mut bytes = fs::read(&log).unwrap();
    let at = bytes.windows(9).position(|w| w == b"text of b").unwrap();
    bytes[at] ^= 1;
    fs::write(&log, bytes).unwrap();
    let items = Items::open(dir.path()).unwrap();
    assert!(text(&items, "a").is_some() && text(&items, "c").is_some());
    assert_eq!(text(&items, "b"), None);
    assert!(dir.path().join("items.damaged").exists());
}

#[test]
fn the_file_stays_within_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let items = Items::open(dir.path()).unwrap();
    let long = "word ".repeat(20_000);
    for round in 0..60 {
        for id in ["a", "b", "c"] {
            items.put(&name(id), &item(&format!("{long}{round}"))).unwrap();
        }
    }
    let size = fs::metadata(dir.path().join("items.log")).unwrap().len();
    assert!(size < 3 << 20, "{size}");
    for id in ["a", "b", "c"] {
        assert!(text(&items, id).unwrap().ends_with(" 59"));
    }
    drop(items);
    let items = Items::open(dir.path()).unwrap();
    assert_eq!((items.all().len(), items.apps()), (3, vec!["org.example.Notes".to_owned()]));
}

#[test]
fn what_is_too_much_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let items = Items::open(dir.path()).unwrap();
    let refused = |id: &str, item: Item| items.put(&name(id), &item).unwrap_err().to_string();
    assert!(refused("", item("x")).contains("1 to 512 bytes"));
    assert!(refused("a", item(" \n")).contains("Delete"));
    assert!(refused("a", item(&"x".repeat(MAX_TEXT + 1))).contains("several items"));
    assert!(refused("a", Item { kind: Some("My Kind".into()), ..item("x") }).contains("one word"));
    assert!(refused("a", Item { uri: Some("u".repeat(5000)), ..item("x") }).contains("meta uri"));
    let full = Usage { items: MAX_ITEMS + 1, ..Usage::default() };
    assert!(matches!(within_limits("app", full), Err(IndexError::Quota(m)) if m.contains("Index1.Delete")));
    assert!(items.all().is_empty());
}

#[test]
fn blocks_know_their_lines() {
    let document = item("one\ntwo\n\n\n\nthree").document();
    let lines: Vec<(u32, &str)> = document.blocks.iter().map(|b| (b.line, b.text.as_str())).collect();
    assert_eq!(lines, [(1, "one\ntwo"), (6, "three")]);
    assert_eq!(document.kind, "item");
}
