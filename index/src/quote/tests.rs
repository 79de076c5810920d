use super::*;
use crate::search::tests::{Desk, Fake};

fn archive() -> Desk {
    let desk = Desk::of(&[
        (
            "/h/castle.txt",
            "en",
            &["Visitors like the view.\nThe old fortress on the hill was erected in 1204. Tea is served at noon."],
        ),
        ("/h/copy.txt", "en", &["The old fortress on the hill was erected in 1204."]),
        ("/h/car.txt", "en", &["My car broke down near the river. The repair cost 300 euros."]),
        ("/h/pt.txt", "pt", &["O castelo foi construído em 1204. O chá é servido ao meio-dia."]),
    ]);
    desk.embed(&[1, 2, 3]);
    desk
}

fn ask(desk: &Desk, quoter: &Quoter, question: &str) -> Vec<ScoredSentence> {
    quoter.sentences_for(&desk.stores(), question, &Scope::default(), 5).unwrap()
}

#[test]
fn the_sentence_that_answers_comes_first_with_its_line() {
    let (desk, quoter) = (archive(), Quoter::default());
    let found = ask(&desk, &quoter, "What did the repair of my car cost?");
    assert_eq!(found[0].text, "The repair cost 300 euros.");
    assert_eq!((found[0].path.to_str().unwrap(), found[0].line), ("/h/car.txt", 1));
    assert!(found[0].cosine.unwrap() > 0.3 && found[0].overlap > 0.3 && found[0].passage_score > 0.9);
    let expected = BY_MEANING * found[0].cosine.unwrap() + found[0].passage_score + found[0].overlap;
    assert!((found[0].score - expected).abs() < 1e-5);
    assert!(found.windows(2).all(|w| w[0].score >= w[1].score));
}

#[test]
fn meaning_counts_and_copies_do_not_fill_the_answer() {
    let (desk, quoter) = (archive(), Quoter::default());
    let found = ask(&desk, &quoter, "When was the castle built on the hill?");
    assert_eq!(found[0].text, "The old fortress on the hill was erected in 1204.");
    assert_eq!(found.iter().filter(|s| s.text == found[0].text).count(), 1);
    let line = if found[0].path.ends_with("castle.txt") { 2 } else { 1 };
    assert_eq!(found[0].line, line);
}

#[test]
fn sentences_are_embedded_in_one_call_and_remembered() {
    let (desk, quoter) = (archive(), Quoter::default());
    ask(&desk, &quoter, "What did the repair of my car cost?");
    let first = desk.embedder.asked.lock().unwrap().len();
    ask(&desk, &quoter, "What did the repair of my car cost?");
    assert_eq!(desk.embedder.asked.lock().unwrap().len(), first + 1, "only the question again");
}

#[test]
fn words_decide_without_an_embedder_or_in_its_unknown_languages() {
    for spoil in [|f: &mut Fake| f.present = false, |f: &mut Fake| f.failing = true] {
        let mut desk = archive();
        spoil(&mut desk.embedder);
        let found = ask(&desk, &Quoter::default(), "What did the repair cost?");
        assert_eq!((found[0].text.as_str(), found[0].cosine), ("The repair cost 300 euros.", None));
    }
    let desk = archive();
    let found = ask(&desk, &Quoter::default(), "Quando é que o castelo foi construído?");
    assert_eq!((found[0].text.as_str(), found[0].cosine), ("O castelo foi construído em 1204.", None));
}

#[test]
fn a_scope_is_kept_and_nothing_gives_nothing() {
    let (desk, quoter) = (archive(), Quoter::default());
    let scope = Scope { folder: Some("/h/copy.txt".into()), ..Scope::default() };
    let found = quoter.sentences_for(&desk.stores(), "castle hill repair", &scope, 5).unwrap();
    assert!(found.iter().all(|s| s.path.ends_with("copy.txt")) && !found.is_empty());
    let scope = Scope { kind: Some("mail".to_owned()), ..Scope::default() };
    assert!(quoter.sentences_for(&desk.stores(), "castle", &scope, 5).unwrap().is_empty());
    assert!(quoter.sentences_for(&desk.stores(), " ", &Scope::default(), 5).is_err());
}

#[test]
fn many_sentences_are_cut_to_the_most_promising() {
    let mut filler: Vec<String> = (0..200).map(|i| format!("Filler number {i} talks of weather.")).collect();
    filler.insert(150, "The bridge is called Orion.".to_owned());
    let text = filler.join(" ");
    let desk = Desk::of(&[("/h/long.txt", "en", &[text.as_str()])]);
    desk.embed(&[1]);
    let found = ask(&desk, &Quoter::default(), "How is the bridge called?");
    assert_eq!(found[0].text, "The bridge is called Orion.");
    assert!(desk.embedder.asked.lock().unwrap().len() <= 1 + MOST_SENTENCES);
}

#[test]
fn the_memory_is_bounded_and_of_one_embedder() {
    let mut seen = Seen::default();
    for i in 0..REMEMBERED + 50 {
        seen.insert("a", &i.to_string(), &[1.0]);
        seen.split("a", &["0"]);
    }
    assert_eq!(seen.vectors.len(), REMEMBERED);
    assert!(seen.vectors.contains_key("0"), "what is used stays");
    assert!(!seen.vectors.contains_key("1"));
    assert_eq!(seen.split("b", &["0"]).1, ["0"]);
}
