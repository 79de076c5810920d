#![allow(clippy::unwrap_used)]

use super::*;

fn intent(name: &str, examples: &[(&str, &str)], counter_examples: &[(&str, &str)]) -> RoutedIntent {
    let own = |all: &[(&str, &str)]| all.iter().map(|(code, text)| (code.to_string(), text.to_string())).collect();
    RoutedIntent {
        skill: "org.hob.clock".into(),
        intent: name.into(),
        examples: own(examples),
        counter_examples: own(counter_examples),
        ..RoutedIntent::default()
    }
}

fn clock() -> Vec<RoutedIntent> {
    let set = [
        ("en", "set a timer for ten minutes"),
        ("en", "start a five minute timer"),
        ("en", "count down two hours"),
        ("en", "timer 30 seconds"),
        ("en", "remind me in half an hour"),
        ("pt", "põe um temporizador de dez minutos"),
        ("pt", "avisa-me daqui a meia hora"),
        ("zh", "设一个10分钟的计时器"),
        ("zh", "计时十分钟"),
    ];
    let time = [
        ("en", "what time is it"),
        ("en", "what's the time in Tokyo"),
        ("en", "tell me the time"),
        ("en", "current time in Brazil"),
        ("en", "do you have the time"),
        ("pt", "que horas são"),
        ("pt", "que horas são em Tóquio"),
        ("zh", "现在几点"),
    ];
    vec![intent("SetTimer", &set, &[("en", "cancel the timer")]), intent("WhatTime", &time, &[])]
}

/// An embedding of three dimensions: timers, time of day, everything else. `noise` keeps examples apart.
fn vectors(intents: &[RoutedIntent]) -> Vectors {
    let languages = vec!["en".to_string()];
    let own = |index: usize, text: &str| {
        intents[index].examples.iter().any(|(_, t)| t == text) || name_phrase(&intents[index]) == text
    };
    let place = |(n, text): (usize, String)| {
        let noise = 0.05 * (n % 7) as f32;
        let vector = match (own(0, &text), own(1, &text)) {
            (true, _) => vec![1.0, noise, 0.2],
            (_, true) => vec![noise, 1.0, 0.2],
            _ => vec![0.1, 0.1, 1.0],
        };
        (text, vector)
    };
    let by_text = texts_to_embed(intents, &languages).into_iter().enumerate().map(place).collect();
    Vectors { languages, by_text }
}

#[test]
fn an_embedding_near_the_examples_is_called() {
    let intents = clock();
    let router = Router::build(&intents, &vectors(&intents));
    for router in [router.with_head(), router] {
        let ranking = router.rank("let me know once 20 minutes are over", Some(&[1.0, 0.1, 0.1]));
        assert_eq!(ranking.outcome, Outcome::Confident(0), "{ranking:?}");
        assert_eq!(ranking.candidates[0].index, 0);
        assert!(ranking.candidates[0].score > ranking.candidates[1].score);
    }
}

#[test]
fn an_embedding_near_the_background_is_nobodys() {
    let intents = clock();
    let router = Router::build(&intents, &vectors(&intents)).with_head();
    let ranking = router.rank("What time did the battle begin?", Some(&[0.1, 0.5, 0.9]));
    assert_eq!(ranking.outcome, Outcome::Nobody, "{ranking:?}");
    assert!(ranking.in_scope < 0.5);
    assert_eq!(ranking.candidates.len(), 2);
}

#[test]
fn between_two_intents_it_stays_open() {
    let intents = clock();
    let router = Router::build(&intents, &vectors(&intents));
    let ranking = router.rank("the timer, the time", Some(&[0.72, 0.68, 0.0]));
    assert_eq!(ranking.outcome, Outcome::Ambiguous, "{ranking:?}");
}

#[test]
fn a_counter_example_takes_a_request_away() {
    let mut intents = clock();
    let mut near = vectors(&intents);
    near.by_text.insert("cancel the timer".into(), vec![0.9, 0.0, 0.45]);
    let query = [0.9, 0.0, 0.45];
    let with = Router::build(&intents, &near).rank("cancel it", Some(&query));
    intents[0].counter_examples.clear();
    let without = Router::build(&intents, &near).rank("cancel it", Some(&query));
    assert!(with.in_scope < without.in_scope && with.candidates[0].score < without.candidates[0].score);
}

#[test]
fn without_an_embedder_letters_decide_in_any_language() {
    let intents = clock();
    let router = Router::build(&intents, &Vectors::default());
    for (text, index) in [
        ("set a timer for twelve minutes", 0),
        ("what's the time in Lisbon", 1),
        ("põe um temporizador de cinco minutos", 0),
        ("que horas são em Paris", 1),
        ("设一个三分钟的计时器", 0),
        ("现在几点了", 1),
    ] {
        let ranking = router.rank(text, None);
        assert_eq!(ranking.outcome, Outcome::Confident(index), "{text}: {ranking:?}");
    }
}

#[test]
fn questions_about_the_world_are_nobodys_by_letters_too() {
    let router = Router::build(&clock(), &Vectors::default());
    for text in [
        "In what country is Normandy located?",
        "When did the Black Death reach England?",
        "how many days did the siege last?",
        "0-dimensional biomaterials lack inductive properties.",
        "Em que país fica a Normandia?",
        "Wann endete der Dreißigjährige Krieg?",
        "这首歌的作者是谁？",
    ] {
        let ranking = router.rank(text, None);
        assert_eq!(ranking.outcome, Outcome::Nobody, "{text}: {ranking:?}");
    }
}

#[test]
fn only_texts_in_the_embedders_languages_are_embedded() {
    let intents = clock();
    let router = Router::build(&intents, &vectors(&intents));
    assert!(router.wants_vector("set a timer for ten minutes"));
    assert!(!router.wants_vector("põe um temporizador de dez minutos"));
    assert!(!Router::build(&intents, &Vectors::default()).wants_vector("set a timer"));
    let texts = texts_to_embed(&intents, &["en".to_string()]);
    assert!(texts.iter().any(|t| t == "cancel the timer") && texts.iter().all(|t| t != "现在几点"));
    assert!(texts_to_embed(&intents, &[]).iter().any(|t| t == "现在几点"));
}

#[test]
fn a_useless_vector_does_not_drag_letters_down() {
    let intents = clock();
    let router = Router::build(&intents, &vectors(&intents));
    // The embedder knows no Portuguese, and the second vector is another model's.
    for (text, vector) in
        [("põe um temporizador de dez minutos", vec![0.0, 0.0, 1.0]), ("set a timer for ten minutes", vec![1.0])]
    {
        assert_eq!(router.rank(text, Some(&vector)).outcome, Outcome::Confident(0), "{text}");
    }
}

#[test]
fn nothing_to_compare_is_nobodys() {
    assert_eq!(Router::build(&[], &Vectors::default()).with_head().rank("set a timer", None).outcome, Outcome::Nobody);
    let router = Router::build(&clock(), &Vectors::default());
    for text in ["", "   ", "?!", "\u{0}"] {
        assert_eq!(router.rank(text, None).outcome, Outcome::Nobody, "{text:?}");
    }
}

#[test]
fn what_a_skill_is_for_is_no_background() {
    let intents = [intent(
        "Chat",
        &[
            ("en", "tell me a joke"),
            ("en", "hello there"),
            ("en", "thanks a lot"),
            ("en", "sing a song"),
            ("en", "be funny"),
        ],
        &[],
    )];
    let ranking = Router::build(&intents, &Vectors::default()).rank("tell me a joke", None);
    assert_eq!(ranking.outcome, Outcome::Confident(0), "{ranking:?}");
}

#[test]
fn more_intents_leave_the_score_where_it_was() {
    let mut intents = clock();
    let small = Router::build(&intents, &vectors(&intents)).rank("let me know", Some(&[1.0, 0.1, 0.1]));
    let near = vectors(&intents);
    intents.extend((0..60).map(|n| intent(&format!("Other{n}"), &[("en", "unrelated words")], &[])));
    let large = Router::build(&intents, &near).rank("let me know", Some(&[1.0, 0.1, 0.1]));
    assert!((small.candidates[0].score - large.candidates[0].score).abs() < 0.05);
    assert_eq!(large.candidates.len(), CANDIDATES);
}

#[test]
fn names_become_phrases() {
    assert_eq!(name_phrase(&intent("SetTimer", &[], &[])), "set timer");
    assert_eq!(
        name_phrase(&RoutedIntent { title: "Set a timer".into(), ..intent("SetTimer", &[], &[]) }),
        "Set a timer"
    );
}
