//! What people say to the built-in skills, in five languages, in words that no manifest holds: `tests/routed/*.tsv`.

use hob_tests::{Scene, models, project};
use serde_json::Value;
use std::fmt::Write;

/// A sentence with the intent that is meant; none for what is nobody's.
struct Said {
    skill: String,
    intent: String,
    text: String,
}

fn read(language: &str) -> Vec<Said> {
    let path = project().join("tests/routed").join(format!("{language}.tsv"));
    let text = std::fs::read_to_string(path).expect("sentences");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let cut = |line: &str| {
        let mut parts = line.split('\t').map(str::to_string);
        let mut next = || parts.next().expect("skill, intent, sentence");
        Said { skill: next(), intent: next(), text: next() }
    };
    lines.map(cut).collect()
}

/// Right, and taken for another skill's business with confidence, of so many sentences.
#[derive(Default)]
struct Count {
    sentences: usize,
    right: usize,
    wrong: usize,
    report: String,
}

fn route(scene: &Scene, said: &[Said]) -> Count {
    let mut count = Count { sentences: said.len(), ..Count::default() };
    for said in said {
        let routed = scene.hob_json(&["route", &said.text]).expect("routed");
        let best = &routed["candidates"][0];
        let is_meant = best["skill"] == said.skill.as_str() && best["intent"] == said.intent.as_str();
        let as_skill = routed["decision"] == "skill";
        let nobodys = said.skill == "-";
        count.right += usize::from(if nobodys { !as_skill } else { is_meant });
        count.wrong += usize::from(as_skill && !is_meant);
        if !is_meant && (as_skill || !nobodys) {
            let meant = format!("{} {}", said.skill, said.intent);
            writeln!(count.report, "{}: meant {meant}, {} {}", said.text, routed["decision"], name(best))
                .expect("a line");
        }
    }
    count
}

fn name(candidate: &Value) -> String {
    format!("{} {} {}", candidate["skill"], candidate["intent"], candidate["score"])
}

async fn check(languages: &[&str], most_wrong: f64) {
    let Some(models) = models() else { return };
    let scene = Scene::start(Some(&models)).await.expect("a scene");
    let (mut bad, mut report) = (Vec::new(), String::new());
    for language in languages {
        let count = route(&scene, &read(language));
        let share = |n: usize| 100.0 * n as f64 / count.sentences as f64;
        let (right, wrong) = (share(count.right), share(count.wrong));
        println!("{language}: {} sentences, {right:.1} % right, {wrong:.1} % wrong with confidence", count.sentences);
        report += &count.report;
        if right < 85.0 || wrong > most_wrong {
            bad.push(format!("{language}: {right:.1} % right, {wrong:.1} % wrong"));
        }
    }
    assert!(bad.is_empty(), "{}\n{report}", bad.join("; "));
}

#[tokio::test(flavor = "multi_thread")]
async fn english_is_understood_by_meaning() {
    check(&["en"], 6.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_languages_are_understood_by_letters() {
    check(&["de", "pt", "es", "zh"], 3.0).await;
}
