use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::analysis::Language;
use crate::lexical::IndexedDocument;
use crate::types::{Chunk, ChunkId, Urgency};

const DIM: usize = 512;

/// An embedder that knows some synonyms: texts with words of like meaning get like vectors.
pub(crate) struct Fake {
    pub(crate) languages: Vec<String>,
    pub(crate) present: bool,
    pub(crate) failing: bool,
    pub(crate) failing_late: bool,
    /// Everything that was embedded.
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Default for Fake {
    fn default() -> Self {
        Fake {
            languages: vec!["en".to_owned()],
            present: true,
            failing: false,
            failing_late: false,
            asked: Mutex::default(),
        }
    }
}

impl Fake {
    pub(crate) fn vector(text: &str) -> Vec<f32> {
        let synonyms: HashMap<&str, &str> =
            [("automobile", "car"), ("physician", "doctor"), ("fortress", "castle"), ("erected", "built")].into();
        let mut vector = vec![0.01; DIM];
        for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 2) {
            let word = synonyms.get(word).copied().unwrap_or(word);
            vector[crc32fast::hash(word.as_bytes()) as usize % DIM] += 1.0;
        }
        vector
    }
}

impl Embedder for Fake {
    fn info(&self) -> Option<EmbedderInfo> {
        self.present.then(|| EmbedderInfo { id: "fake".to_owned(), dim: DIM, languages: self.languages.clone() })
    }

    fn embed(&self, texts: &[String], urgency: Urgency) -> Result<Vec<Vec<f32>>, String> {
        assert_eq!(urgency, Urgency::Interactive);
        if self.failing {
            return Err("the model host is gone".to_owned());
        }
        self.asked.lock().unwrap().extend(texts.iter().cloned());
        Ok(texts.iter().map(|t| Fake::vector(t)).collect())
    }

    /// Likes texts with many exclamation marks.
    fn compare(&self, query: &str, words: &[Range<usize>], documents: &[String]) -> Result<Vec<f32>, String> {
        assert!(words.iter().all(|word| query.get(word.clone()).is_some()));
        if self.failing_late {
            return Err("the model host is gone".to_owned());
        }
        Ok(documents.iter().map(|text| text.matches('!').count() as f32).collect())
    }
}

/// An index in a temporary folder.
pub(crate) struct Desk {
    pub(crate) lexical: Lexical,
    pub(crate) vectors: RwLock<Option<Vectors>>,
    pub(crate) embedder: Fake,
    _dir: tempfile::TempDir,
}

impl Desk {
    /// One file per entry: path, language, passages.
    pub(crate) fn of(files: &[(&str, &str, &[&str])]) -> Desk {
        let stated: Vec<(&str, &str, &[&str], &str, &str)> =
            files.iter().map(|(path, lang, texts)| (*path, *lang, *texts, "", "")).collect();
        Desk::stating(&stated)
    }

    /// The same with author and date.
    fn stating(files: &[(&str, &str, &[&str], &str, &str)]) -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let lexical = Lexical::open(&dir.path().join("words")).unwrap();
        let mut id = 0;
        for (path, lang, texts, author, date) in files {
            let chunks: Vec<(ChunkId, Chunk)> = texts
                .iter()
                .zip(0u32..)
                .map(|(text, i)| {
                    id += 1;
                    (id, Chunk { text: (*text).to_owned(), line: 1 + 10 * i, ..Chunk::default() })
                })
                .collect();
            let lang = Language::from_code(lang).unwrap();
            let path = Path::new(path);
            let kind = if path.extension().is_some_and(|e| e == "eml") { "mail" } else { "text" };
            let date = stated_date(date);
            lexical
                .add(&IndexedDocument { path, title: "", kind, lang, author, mtime: 0, date, chunks: &chunks })
                .unwrap();
        }
        lexical.commit(1).unwrap();
        let vectors = Vectors::open(&dir.path().join("vectors"), "fake", DIM).unwrap();
        Desk { lexical, vectors: RwLock::new(Some(vectors)), embedder: Fake::default(), _dir: dir }
    }

    pub(crate) fn stores(&self) -> Stores<'_> {
        Stores { lexical: &self.lexical, vectors: &self.vectors, embedder: &self.embedder }
    }

    pub(crate) fn embed(&self, ids: &[ChunkId]) {
        let texts: Vec<_> =
            self.lexical.passages(ids).unwrap().into_iter().map(|p| (p.id, Fake::vector(&p.chunk.text))).collect();
        self.vectors.write().unwrap().as_mut().unwrap().append(&texts).unwrap();
    }

    fn search(&self, text: &str, mode: Mode) -> Found {
        search(&self.stores(), &query(text, mode)).unwrap()
    }
}

fn query(text: &str, mode: Mode) -> Query {
    Query { text: text.to_owned(), limit: 5, mode, ..Query::default() }
}

fn names(found: &Found) -> Vec<&str> {
    found.hits.iter().map(|h| h.path.file_name().unwrap().to_str().unwrap()).collect()
}

fn town() -> Desk {
    Desk::of(&[
        ("/h/castle.txt", "en", &["The castle was built on the hill.", "Its garden is famous."]),
        ("/h/car.txt", "en", &["My car broke down near the river."]),
        ("/h/doctor.eml", "en", &["The doctor will see you on Friday."]),
        ("/h/pt/carro.txt", "pt", &["O carro avariou perto do rio, disse o médico."]),
    ])
}

#[test]
fn words_find_files_once_with_place_and_snippet() {
    let desk = Desk::of(&[("/h/a.txt", "en", &["One castle here.", "Nothing.\nBut\n\nTwo castles castle there."])]);
    let found = desk.search("castle", Mode::Lexical);
    assert_eq!(found.hits.len(), 1, "one hit per file");
    let hit = &found.hits[0];
    assert_eq!((hit.lexical_rank, hit.vector_rank, hit.imputed), (Some(1), None, false));
    assert!((hit.score - 1.0).abs() < 1e-6 && hit.snippet.contains("castle"));
    assert_eq!((found.mode, found.total, found.language), (Mode::Lexical, 2, "en"));
    let second = Desk::of(&[("/h/a.txt", "en", &["Nothing to see.\n\nTwo castles there."])]);
    assert_eq!(second.search("castle", Mode::Lexical).hits[0].line, 3, "the line of the sentence that matched");
}

#[test]
fn meaning_finds_what_words_do_not() {
    let desk = town();
    desk.embed(&[1, 2, 3, 4]);
    assert!(desk.search("automobile", Mode::Lexical).hits.is_empty());
    let found = desk.search("automobile", Mode::Hybrid);
    assert_eq!((names(&found)[0], found.mode), ("car.txt", Mode::Hybrid));
    assert_eq!((found.hits[0].lexical_rank, found.hits[0].vector_rank), (None, Some(1)));
    assert_eq!(names(&desk.search("physician", Mode::Vector))[0], "doctor.eml");
}

#[test]
fn the_best_by_words_are_embedded_while_the_user_waits_and_only_once() {
    let desk = town();
    let found = desk.search("castle garden", Mode::Hybrid);
    assert_eq!((names(&found), found.hits[0].imputed), (vec!["castle.txt"], false));
    assert_eq!(desk.vectors.read().unwrap().as_ref().unwrap().len(), 2);
    let asked = desk.embedder.asked.lock().unwrap().len();
    assert_eq!(asked, 3, "the query and two passages");
    desk.search("castle garden", Mode::Hybrid);
    assert_eq!(desk.embedder.asked.lock().unwrap().len(), asked + 1, "only the query again");
}

#[test]
fn languages_that_the_embedder_does_not_know_stay_with_their_words() {
    let desk = town();
    desk.embed(&[1, 2, 3, 4]);
    let found = desk.search("Onde está o carro do médico que avariou?", Mode::Hybrid);
    assert_eq!((found.mode, found.language, names(&found)[0]), (Mode::Lexical, "pt", "carro.txt"));
    // An English query that a Portuguese passage answers by its words: its meaning is not measured.
    let found = desk.search("rio avariou", Mode::Hybrid);
    assert_eq!(names(&found)[0], "carro.txt");
    assert!(desk.embedder.asked.lock().unwrap().iter().all(|t| !t.contains("carro")));
    assert!(!desk.vectors.read().unwrap().as_ref().unwrap().contains(5));
    assert!(matches!(
        search(&desk.stores(), &query("Onde está o carro do médico que avariou?", Mode::Vector)),
        Err(IndexError::Embedder(m)) if m.contains("language")
    ));
}

#[test]
fn without_an_embedder_words_decide_unless_meaning_was_asked_for() {
    for spoil in [|f: &mut Fake| f.present = false, |f: &mut Fake| f.failing = true] {
        let mut desk = town();
        spoil(&mut desk.embedder);
        let found = desk.search("castle", Mode::Hybrid);
        assert_eq!((found.mode, names(&found)), (Mode::Lexical, vec!["castle.txt"]));
        let refused = search(&desk.stores(), &query("castle", Mode::Vector));
        assert!(matches!(refused, Err(IndexError::Embedder(_))));
    }
}

#[test]
fn vectors_of_another_embedder_or_of_passages_that_are_gone_are_not_used() {
    let desk = town();
    desk.embed(&[1, 2, 3, 4]);
    desk.lexical.remove(Path::new("/h/car.txt")).unwrap();
    desk.lexical.commit(2).unwrap();
    assert!(!names(&desk.search("automobile", Mode::Hybrid)).contains(&"car.txt"));
    let other = tempfile::tempdir().unwrap();
    *desk.vectors.write().unwrap() = Some(Vectors::open(other.path(), "another", DIM).unwrap());
    let found = desk.search("castle", Mode::Hybrid);
    assert_eq!((names(&found), found.mode), (vec!["castle.txt"], Mode::Hybrid));
    assert!(desk.vectors.read().unwrap().as_ref().unwrap().is_empty(), "nothing of one embedder in another's store");
    *desk.vectors.write().unwrap() = None;
    assert_eq!(names(&desk.search("castle", Mode::Hybrid)), ["castle.txt"]);
}

#[test]
fn folder_and_kind_hold_for_words_and_meaning() {
    let desk = town();
    desk.embed(&[1, 2, 3, 4]);
    for mode in [Mode::Lexical, Mode::Hybrid, Mode::Vector] {
        let mail = Query { kind: Some("mail".to_owned()), ..query("doctor castle car", mode) };
        assert_eq!(names(&search(&desk.stores(), &mail).unwrap()), ["doctor.eml"], "{mode:?}");
        let folder = Query { folder: Some("/h/pt".into()), ..query("doctor castle car rio", mode) };
        assert!(names(&search(&desk.stores(), &folder).unwrap()).iter().all(|n| *n == "carro.txt"), "{mode:?}");
    }
}

#[test]
fn at_any_coverage_the_file_with_the_words_stays_first() {
    for embedded in [&[][..], &[2], &[1, 2], &[2, 3, 4], &[1, 2, 3, 4]] {
        let desk = town();
        desk.embed(embedded);
        assert_eq!(names(&desk.search("castle built on a hill", Mode::Hybrid))[0], "castle.txt", "{embedded:?}");
    }
}

#[test]
fn an_empty_query_is_refused_and_one_of_stop_words_finds_nothing() {
    let mut desk = town();
    assert!(matches!(search(&desk.stores(), &query(" \n", Mode::Hybrid)), Err(IndexError::InvalidArgument(_))));
    desk.embedder.present = false;
    assert!(desk.search("the of", Mode::Hybrid).hits.is_empty());
    assert!(search(&desk.stores(), &Query { limit: 0, ..query("castle", Mode::Lexical) }).unwrap().hits.is_empty());
}

/// Letters of three people, in no language but the words'.
fn letters() -> Desk {
    Desk::stating(&[
        ("/h/mail/one.eml", "en", &["The gas boiler was repaired."], "Ana Souza", "2026-01-10"),
        ("/h/mail/two.eml", "en", &["The boiler runs on gas now."], "Rui Costa", "2026-02-20T08:00:00Z"),
        ("/h/notes/three.txt", "en", &["Boiler and gas meter: summer readings."], "", ""),
        ("/h/notes/four.TXT", "pt", &["A caldeira foi reparada."], "Ana Costa", "2024-05-01"),
    ])
}

#[test]
fn fields_phrases_and_minus_limit_what_is_found() {
    let desk = letters();
    desk.embed(&[1, 2, 3]);
    for mode in [Mode::Lexical, Mode::Hybrid] {
        for (text, wanted) in [
            ("gas boiler", &["one.eml", "three.txt", "two.eml"][..]),
            ("\"gas boiler\"", &["one.eml"]),
            ("boiler -summer", &["one.eml", "two.eml"]),
            ("boiler -\"gas boiler\"", &["three.txt", "two.eml"]),
            ("boiler kind:mail", &["one.eml", "two.eml"]),
            ("boiler ext:txt", &["three.txt"]),
            ("boiler from:souza", &["one.eml"]),
            ("boiler path:notes", &["three.txt"]),
            ("boiler after:2026-02", &["two.eml"]),
            ("boiler after:2026 before:2026-02", &["one.eml"]),
            ("boiler title:nothing", &[]),
        ] {
            let found = desk.search(text, mode);
            let mut names = names(&found);
            names.sort_unstable();
            assert_eq!(names, wanted, "{text} {mode:?}");
        }
    }
}

#[test]
fn fields_alone_list_the_newest_first() {
    let desk = letters();
    assert_eq!(names(&desk.search("from:ana", Mode::Hybrid)), ["one.eml", "four.TXT"]);
    assert_eq!(names(&desk.search("from:ana -caldeira", Mode::Hybrid)), ["one.eml"]);
    assert_eq!(names(&desk.search("kind:mail", Mode::Hybrid)), ["two.eml", "one.eml"]);
    let error = search(&desk.stores(), &query("boiler after:soon", Mode::Hybrid)).unwrap_err();
    assert!(matches!(error, IndexError::InvalidArgument(m) if m.contains("soon")));
}

#[test]
fn a_hit_tells_its_author_its_date_and_where_the_words_are() {
    let desk = letters();
    let hit = desk.search("boiler repaired", Mode::Hybrid).hits.remove(0);
    assert_eq!((hit.author.as_deref(), hit.date), (Some("Ana Souza"), 1_768_003_200));
    let words: Vec<String> = hit
        .highlights
        .iter()
        .map(|&(from, to)| hit.snippet.chars().skip(from as usize).take((to - from) as usize).collect())
        .collect();
    assert_eq!(words, ["boiler", "repaired"]);
}

#[test]
fn scores_are_the_sum_of_their_parts() {
    let desk = letters();
    desk.embed(&[1, 2, 3]);
    for rerank in [false, true] {
        let found = search(&desk.stores(), &Query { rerank, ..query("gas boiler", Mode::Hybrid) }).unwrap();
        assert_eq!(found.hits.len(), 3);
        for hit in &found.hits {
            assert!((hit.score - hit.parts.sum()).abs() < 1e-6, "{hit:?}");
            assert_eq!(hit.parts.tokens.is_some(), rerank);
        }
    }
}

#[test]
fn reranking_follows_the_closer_look_and_does_without_it_where_it_fails() {
    let mut desk = Desk::of(&[
        ("/h/a.txt", "en", &["The castle was built on the hill."]),
        ("/h/b.txt", "en", &["A castle on a hill!!!"]),
        ("/h/c.txt", "en", &["On the hill stood a castle!"]),
    ]);
    desk.embed(&[1, 2, 3]);
    let asked = Query { rerank: true, ..query("castle built on a hill", Mode::Hybrid) };
    let found = search(&desk.stores(), &asked).unwrap();
    assert_eq!((names(&found)[0], found.reranked), ("b.txt", 3));
    desk.embedder.failing_late = true;
    let found = search(&desk.stores(), &asked).unwrap();
    assert_eq!((names(&found)[0], found.reranked), ("a.txt", 0));
}

#[test]
fn passages_that_say_the_same_are_one_hit_unless_told_otherwise() {
    let text = "The boiler in the cellar was serviced on the first of May by the firm that built it in.";
    let desk = Desk::of(&[
        ("/h/a.txt", "en", &[text]),
        ("/h/copy of a.txt", "en", &[text]),
        ("/h/b.txt", "en", &["The boiler is old."]),
    ]);
    let found = desk.search("boiler cellar", Mode::Hybrid);
    assert_eq!(names(&found), ["a.txt", "b.txt"]);
    assert_eq!(found.hits[0].duplicates, [PathBuf::from("/h/copy of a.txt")]);
    let all = search(&desk.stores(), &Query { fold: false, ..query("boiler cellar", Mode::Hybrid) }).unwrap();
    assert_eq!(all.hits.len(), 3);
}

#[test]
fn a_search_by_words_looks_further_when_one_file_takes_all_first_places() {
    let long: Vec<String> = (0..50).map(|n| format!("zebra {n}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let other = ["a zebra among many other animals that live in the same reserve in the south"];
    let desk = Desk::of(&[("/d/long.txt", "en", &long), ("/d/other.txt", "en", &other)]);
    let zebras = |limit| Query { limit, ..query("zebra", Mode::Lexical) };
    let one = search(&desk.stores(), &zebras(1)).unwrap();
    assert_eq!((one.hits.len(), one.total), (1, FEW));
    let two = search(&desk.stores(), &zebras(2)).unwrap();
    assert_eq!((two.hits[1].path.as_path(), two.total), (Path::new("/d/other.txt"), 51));
}
