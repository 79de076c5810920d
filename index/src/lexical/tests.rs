use super::*;
use crate::analysis::query_terms;

fn english(lexical: &Lexical, text: &str) -> Vec<ChunkId> {
    let terms = query_terms(text, Language::ENGLISH, &lexical.languages());
    lexical.top(&terms, &Filter::default(), 10).unwrap().into_iter().map(|m| m.id).collect()
}

fn put(lexical: &Lexical, id: ChunkId, path: &str, lang: &str, text: &str) {
    let chunk = Chunk {
        text: text.to_owned(),
        line: 7,
        page: Some(2),
        place: Some("p".to_owned()),
        heading: "Top › Sub".to_owned(),
    };
    lexical
        .add(&IndexedDocument {
            path: Path::new(path),
            title: "A title",
            kind: "text",
            lang: Language::from_code(lang).unwrap(),
            author: "Ana Souza",
            mtime: -5,
            date: None,
            chunks: &[(id, chunk)],
        })
        .unwrap();
}

fn filled(dir: &Path) -> Lexical {
    let lexical = Lexical::open(dir).unwrap();
    put(&lexical, 1, "/home/u/notes/castle.txt", "en", "The Normans built castles");
    put(&lexical, 2, "/home/u/mail/one.txt", "en", "Dinner with the neighbours");
    put(&lexical, 3, "/home/u/notes-old/zh.txt", "zh", "战国无双3是由光荣开发的");
    put(&lexical, 4, "/home/u/pt.txt", "pt", "As organizações nacionais");
    lexical.commit(42).unwrap();
    lexical
}

#[test]
fn what_was_added_is_found_with_its_place() {
    let dir = tempdir();
    let lexical = filled(dir.path());
    assert!(lexical.opened_fresh());
    assert_eq!(english(&lexical, "castle building by normans"), [1]);
    assert_eq!(english(&lexical, "光荣开发"), [3]);
    assert_eq!(english(&lexical, "organização nacional"), [4], "misdetected as English, still found");
    let p = lexical.passage(1).unwrap().unwrap();
    assert_eq!(
        (p.path.as_path(), p.title.as_str(), p.kind.as_str()),
        (Path::new("/home/u/notes/castle.txt"), "A title", "text")
    );
    assert_eq!((p.mtime, p.lang.code(), p.chunk.line, p.chunk.page), (-5, "en", 7, Some(2)));
    assert_eq!((p.chunk.text.as_str(), p.chunk.heading.as_str()), ("The Normans built castles", "Top › Sub"));
    assert_eq!(lexical.languages().len(), 3);
    assert_eq!(lexical.languages()[0].code(), "en");
    assert_eq!((lexical.len(), lexical.highest_id().unwrap()), (4, Some(4)));
}

#[test]
fn headings_titles_and_paths_are_searched_too() {
    let dir = tempdir();
    let lexical = filled(dir.path());
    assert_eq!(english(&lexical, "mail"), [2]);
    assert_eq!(english(&lexical, "sub").len(), 4);
    assert_eq!(english(&lexical, "title").len(), 4);
}

#[test]
fn filters_take_whole_folders_and_kinds() {
    let dir = tempdir();
    let lexical = filled(dir.path());
    let within = |folder: &str| {
        let filter = Filter { folder: Some(folder.into()), ..Filter::default() };
        let mut ids: Vec<ChunkId> = lexical.matching(&filter).unwrap().unwrap().into_iter().collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(within("/home/u/notes"), [1], "not notes-old");
    assert_eq!(within("/home/u/notes/"), [1]);
    assert_eq!(within("/home/u/notes/castle.txt"), [1]);
    assert_eq!(within("/"), [1, 2, 3, 4]);
    assert!(within("/nowhere").is_empty());
    assert!(lexical.matching(&Filter::default()).unwrap().is_none());
    let terms = query_terms("title", Language::ENGLISH, &[]);
    let filter = Filter { folder: Some("/home/u/mail".into()), kind: Some("text".to_owned()), ..Filter::default() };
    let found = lexical.top(&terms, &filter, 10).unwrap();
    assert_eq!(found.len(), 1);
    let plain = lexical.top(&terms, &Filter::default(), 10).unwrap();
    let same = plain.iter().find(|m| m.id == found[0].id).unwrap();
    assert!((same.score - found[0].score).abs() < 1e-6, "a filter does not change the score");
    assert!(lexical.top(&terms, &Filter { kind: Some("mail".to_owned()), ..filter }, 10).unwrap().is_empty());
}

#[test]
fn removed_files_are_gone_and_a_replaced_one_is_found_once() {
    let dir = tempdir();
    let lexical = filled(dir.path());
    lexical.remove(Path::new("/home/u/notes/castle.txt")).unwrap();
    put(&lexical, 9, "/home/u/notes/castle.txt", "en", "The Normans sold castles");
    lexical.remove_under(Path::new("/home/u/mail")).unwrap();
    assert_eq!(english(&lexical, "normans"), [1], "nothing changes before the commit");
    lexical.commit(43).unwrap();
    assert_eq!(english(&lexical, "normans"), [9]);
    assert_eq!(english(&lexical, "neighbours"), Vec::<ChunkId>::new());
    assert!(lexical.passage(1).unwrap().is_none());
    assert_eq!(lexical.passages_of(Path::new("/home/u/notes/castle.txt")).unwrap(), [9]);
    assert_eq!(lexical.generation().unwrap(), 43);
}

#[test]
fn it_survives_reopening_and_the_writers_release() {
    let dir = tempdir();
    let lexical = filled(dir.path());
    lexical.release_writer().unwrap();
    put(&lexical, 5, "/home/u/late.txt", "en", "never committed");
    drop(lexical);
    let lexical = Lexical::open(dir.path()).unwrap();
    assert!(!lexical.opened_fresh());
    assert_eq!((lexical.generation().unwrap(), lexical.len()), (42, 4));
    assert_eq!(english(&lexical, "normans"), [1]);
    put(&lexical, 6, "/home/u/late.txt", "en", "committed at last");
    lexical.commit(44).unwrap();
    assert_eq!(english(&lexical, "commit"), [6]);
}

#[test]
fn a_broken_store_is_moved_aside_and_begun_afresh() {
    for saboteur in ["meta.json", ".store", ".term", ".idx", ".fast"] {
        let dir = tempdir();
        let place = dir.path().join("lexical");
        drop(filled(&place));
        let mut hit = 0;
        for entry in std::fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            if path.to_str().unwrap().ends_with(saboteur) {
                let bytes = std::fs::read(&path).unwrap();
                std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
                hit += 1;
            }
        }
        assert!(hit > 0, "{saboteur}");
        let lexical = Lexical::open(&place).unwrap();
        assert!(lexical.opened_fresh(), "{saboteur}");
        assert!(dir.path().join("lexical.broken").is_dir());
        assert_eq!((lexical.len(), lexical.generation().unwrap()), (0, 0));
        put(&lexical, 1, "/a", "en", "works again");
        lexical.commit(1).unwrap();
        assert_eq!(english(&lexical, "works"), [1]);
    }
}

#[test]
fn another_version_is_emptied() {
    let dir = tempdir();
    let place = dir.path().join("lexical");
    drop(filled(&place));
    std::fs::write(place.join("hob-version"), "0\n").unwrap();
    let lexical = Lexical::open(&place).unwrap();
    assert!(lexical.opened_fresh() && lexical.is_empty());
    drop(lexical);
    assert!(!Lexical::open(&place).unwrap().opened_fresh());
}

#[test]
fn rare_words_tell_more_and_the_commonest_form_counts() {
    let dir = tempdir();
    let lexical = filled(dir.path());
    let idf = |words: &[&str]| lexical.idf(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()).unwrap();
    assert!(idf(&["nowhere"]) > idf(&["castl"]));
    assert_eq!(idf(&["nowhere", "castl"]), idf(&["castl"]));
}

#[test]
fn a_path_that_is_no_utf8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempdir();
    let lexical = Lexical::open(dir.path()).unwrap();
    let path = Path::new(std::ffi::OsStr::from_bytes(b"/caf\xe9"));
    assert!(matches!(lexical.remove(path), Err(IndexError::InvalidArgument(m)) if m.contains("UTF-8")));
}

fn tempdir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_word_that_no_file_has_is_taken_for_its_neighbour() {
    let dir = tempdir();
    let lexical = filled(dir.path());
    let meant = |word: &str| lexical.meant(&[analysis::tokens(word, Language::ENGLISH)[0].text.clone()]).unwrap();
    assert_eq!(meant("nieghbours").as_deref(), Some("neighbour"));
    assert_eq!(meant("Nromans").as_deref(), Some("norman"));
    assert_eq!(meant("neighbours"), None, "it is there");
    assert_eq!((meant("title"), meant("castel")), (None, Some("castl".to_owned())));
    assert_eq!(meant("elephant"), None, "nothing is near");
}
