//! Fifteen situations, each with the question that a person would ask and what the answer has to say.

use super::answer::answer;
use super::{Facts, Known};
use crate::decisions::{Decision, Deed};
use crate::governor::{BatteryWarning, Conditions, Heat, Policy};
use hob_index::types::IndexState;
use std::time::{Duration, SystemTime};

fn facts() -> Facts {
    let known = |id: &str, loaded: bool| Known {
        id: id.into(),
        loaded,
        sentence: format!("{id} is {}.", if loaded { "loaded" } else { "not loaded" }),
    };
    Facts {
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
        decisions: Vec::new(),
        conditions: Conditions { memory_total: 8 << 30, memory_available: 4 << 30, ..Conditions::default() },
        policy: Policy::default(),
        models: vec![known("smol", true), known("Qwen2-0.5B", false), known("slow-llama", false)],
        skills: vec![known("org.hob.clock", false)],
        index: (IndexState::Idle, "12 files are indexed.".into()),
        service: vec!["smol quotes.".into(), "hob holds 100 of the 4096 MiB it may hold.".into()],
    }
}

impl Facts {
    /// A decision of two minutes ago; later calls are earlier decisions.
    fn with(mut self, deed: Deed, subject: &str, because: &str, figures: &[(&'static str, f64)]) -> Self {
        let at = self.now - Duration::from_secs(120 * (self.decisions.len() as u64 + 1));
        let (subject, because, figures) = (subject.into(), because.into(), figures.to_vec());
        self.decisions.push(Decision { at, deed, subject, because, figures });
        self
    }

    fn under(mut self, change: impl FnOnce(&mut Conditions)) -> Self {
        change(&mut self.conditions);
        self
    }

    fn index(mut self, state: IndexState, sentence: &str) -> Self {
        self.index = (state, sentence.into());
        self
    }
}

/// The answer has to hold each of `has` and none of `lacks`.
fn says(facts: &Facts, what: &str, has: &[&str], lacks: &[&str]) {
    let said = answer(facts, what).unwrap_or_else(|| panic!("{what}: no answer"));
    for part in has {
        assert!(said.contains(part), "{what}: {part:?} is missing in: {said}");
    }
    for part in lacks {
        assert!(!said.contains(part), "{what}: {part:?} should not be in: {said}");
    }
}

#[test]
fn situation_1_a_model_was_idle() {
    let facts = facts().with(Deed::Unloaded, "smol", "nobody used it for 300 s", &[("unused_seconds", 300.0)]).with(
        Deed::Unloaded,
        "Qwen2-0.5B",
        "smol needed the room and nobody was using it",
        &[],
    );
    let said = "2 min ago, smol was unloaded because nobody used it for 300 s (unused 300 s).";
    says(&facts, "why was smol unloaded?", &[said, "smol is loaded."], &["Qwen2"]);
}

#[test]
fn situation_2_a_model_made_room_for_another() {
    let figures = [("need_bytes", 700.0 * 1024.0 * 1024.0), ("budget_bytes", 1024.0 * 1024.0 * 1024.0)];
    let facts = facts().with(Deed::Unloaded, "Qwen2-0.5B", "smol needed the room and nobody was using it", &figures);
    let has = ["because smol needed the room", "need 700 MiB, budget 1024 MiB", "Qwen2-0.5B is not loaded."];
    says(&facts, "Why is qwen2-0.5b not loaded any more?", &has, &[]);
}

#[test]
fn situation_3_nothing_is_recorded_and_nothing_is_guessed() {
    says(&facts(), "why was smol unloaded", &["no record that smol was unloaded", "smol is loaded."], &["because"]);
    says(&facts(), "why was it refused", &["no record that anything was refused"], &["because"]);
}

#[test]
fn situation_4_slow_on_battery() {
    let facts = facts()
        .with(Deed::Slowed, "threads", "the machine runs on battery", &[("threads_percent", 50.0)])
        .under(|now| (now.on_battery, now.battery_percent) = (true, Some(80)));
    let has = ["Answers get 50% of the threads because the machine runs on battery.", "2 min ago"];
    says(&facts, "why is it slow", &has, &["hot"]);
}

#[test]
fn situation_5_slow_in_heat_and_power_saving() {
    let facts = facts().under(|now| {
        (now.heat, now.temperature) = (Heat::Hot, Some(91.0));
        now.power_profile = Some("power-saver".into());
    });
    let has = ["25% of the threads", "the machine is in power-saver mode and the machine is hot at 91 °C"];
    says(&facts, "Why are answers so slow?", &has, &["battery"]);
}

#[test]
fn situation_6_slow_because_others_work() {
    let facts = facts().under(|now| now.cpu_pressure = Some(60.0));
    says(&facts, "why does it take so long", &["Other programs keep the processor busy"], &["threads because"]);
}

#[test]
fn situation_7_not_slow_at_all() {
    let facts = facts().with(Deed::Freed, "threads", "the machine is on mains power again", &[]);
    let has =
        ["Nothing that hob knows of makes it slow now", "all threads were allowed again because the machine is on"];
    says(&facts, "slow", &has, &[]);
}

#[test]
fn situation_8_a_load_was_refused() {
    let because = "Qwen2-0.5B needs about 900 MiB, but hob's memory budget is 512 MiB";
    let facts = facts().with(Deed::Refused, "Qwen2-0.5B", because, &[]);
    let has = ["Qwen2-0.5B was refused because Qwen2-0.5B needs about 900 MiB"];
    says(&facts, "why was it refused?", &has, &["no record"]);
    says(&facts, "why was Qwen2-0.5B rejected", &has, &[]);
}

#[test]
fn situation_9_indexing_is_paused_by_the_user() {
    let facts = facts().index(IndexState::Paused, "Indexing is paused; hob index resume goes on.").with(
        Deed::Paused,
        "indexing",
        "somebody asked for it",
        &[],
    );
    let has = ["hob index resume goes on", "indexing was paused because somebody asked for it"];
    says(&facts, "why is indexing paused", &has, &["held back"]);
}

#[test]
fn situation_10_embedding_waits_for_the_battery() {
    let facts = facts()
        .index(IndexState::Held, "5 of 9 passages by meaning, and the others wait.")
        .under(|now| (now.on_battery, now.battery_percent) = (true, Some(34)));
    let has = ["Embedding of files is held back because the machine runs on battery at 34%", "above 50%"];
    says(&facts, "why is indexing paused?", &has, &["resume", "nobody waits for"]);
}

#[test]
fn situation_11_background_work_waits_for_a_charger() {
    let facts = facts().under(|now| {
        (now.on_battery, now.battery_percent, now.battery_warning) = (true, Some(8), BatteryWarning::Low);
    });
    let has = ["Requests that nobody waits for are held back because the battery is low at 8%."];
    says(&facts, "why does my background job wait", &has, &[]);
}

#[test]
fn situation_12_indexing_is_not_paused() {
    let facts = facts().with(Deed::Resumed, "embedding", "the machine is on mains power again", &[]);
    let has = ["Indexing is not paused. 12 files are indexed.", "embedding of files went on because the machine is on"];
    says(&facts, "is indexing paused", &has, &["held back"]);
}

#[test]
fn situation_13_a_request_was_ended() {
    let facts = facts().with(Deed::Ended, "background work", "the machine was about to sleep", &[]).with(
        Deed::Unloaded,
        "smol",
        "the machine was about to sleep",
        &[],
    );
    let has = ["background work was ended because the machine was about to sleep"];
    says(&facts, "why was my request ended?", &has, &["smol"]);
    says(&facts, "why was it cancelled", &has, &["smol"]);
}

#[test]
fn situation_14_a_context_was_cut_and_a_model_replaced() {
    let facts = facts().with(Deed::Shortened, "smol", "the budget leaves no more", &[("context_tokens", 2048.0)]).with(
        Deed::Replaced,
        "Qwen2-0.5B",
        "power-saver mode allows a smaller one",
        &[],
    );
    says(&facts, "why is the context shorter", &["smol got a shorter context", "context tokens 2048"], &["Qwen2"]);
    let has = ["another model was taken instead of Qwen2-0.5B because power-saver mode allows a smaller one"];
    says(&facts, "why was a different model used instead", &has, &["smol"]);
}

#[test]
fn situation_15_what_changed_and_what_is() {
    let facts = facts().with(Deed::Freed, "threads", "the machine has cooled down to 60 °C", &[]).with(
        Deed::Slowed,
        "threads",
        "the machine is hot at 90 °C",
        &[("threads_percent", 50.0)],
    );
    let said = answer(&facts, "what changed?").expect("an answer");
    assert!(said.find("cooled down").expect("there") < said.find("hot at 90").expect("there"), "{said}");
    says(&facts, "", &["smol quotes.", "12 files are indexed.", "100 of the 4096 MiB", "cooled down"], &["hot at 90"]);
    says(&facts, "smol", &["smol is loaded."], &["cooled"]);
    says(&facts, "org.hob.clock", &["org.hob.clock is not loaded."], &[]);
    says(&facts, "what about the battery", &["mains power", "4096 of 8192 MiB"], &[]);
    // A name is a name, whatever words are in it.
    says(&facts, "slow-llama", &["slow-llama is not loaded."], &["threads"]);
    assert_eq!(answer(&facts, "the meaning of life"), None);
}
