//! Answers: each topic from what is recorded and what can be seen.

use super::question::{Question, Topic};
use super::sentences::sentence;
use super::{Facts, Known};
use crate::decisions::{Decision, Deed};
use crate::governor::{Limits, Rule};
use hob_index::types::IndexState;

/// Decisions told at once.
const MOST: usize = 5;
/// From such a share on, waiting for memory is felt.
const SHORT_OF_MEMORY: f64 = 10.0;

/// The answer to `what`; `None` when it names nothing that is known.
pub fn answer(facts: &Facts, what: &str) -> Option<String> {
    if what.trim().is_empty() {
        return Some(service(facts));
    }
    let question = Question::read(what, facts);
    let subject = question.subject.as_deref();
    Some(match question.topic {
        None => about(facts, subject?),
        Some(Topic::Slow) => slow(facts),
        Some(Topic::Paused) => paused(facts),
        Some(Topic::Changed) => changed(facts, subject),
        Some(Topic::Conditions) => conditions(facts),
        Some(Topic::Unloaded) => recorded(facts, subject, &[Deed::Unloaded], "unloaded"),
        Some(Topic::Loaded) => recorded(facts, subject, &[Deed::Loaded], "loaded"),
        Some(Topic::Refused) => recorded(facts, subject, &[Deed::Refused], "refused"),
        Some(Topic::Ended) => recorded(facts, subject, &[Deed::Ended], "ended before it was done"),
        Some(Topic::Shortened) => recorded(facts, subject, &[Deed::Shortened], "given a shorter context"),
        Some(Topic::Replaced) => recorded(facts, subject, &[Deed::Replaced], "replaced by another model"),
    })
}

fn service(facts: &Facts) -> String {
    let mut lines = facts.service.clone();
    lines.insert(1.min(lines.len()), facts.index.1.clone());
    lines.extend(hindrances(facts));
    lines.extend(latest(facts, |_| true).take(1));
    lines.join("\n")
}

fn about(facts: &Facts, subject: &str) -> String {
    let mut lines: Vec<String> = known(facts, subject).map(|known| known.sentence.clone()).into_iter().collect();
    lines.extend(latest(facts, |decision| decision.subject == subject).take(MOST));
    lines.join("\n")
}

/// What was done, as far as it is recorded, and how the subject is now.
fn recorded(facts: &Facts, subject: Option<&str>, deeds: &[Deed], done: &str) -> String {
    let of = |decision: &Decision| subject.is_none_or(|subject| decision.subject == subject);
    let mut lines: Vec<String> =
        latest(facts, |decision| deeds.contains(&decision.deed) && of(decision)).take(MOST).collect();
    if lines.is_empty() {
        let what = subject.unwrap_or("anything");
        lines.push(format!(
            "hob has no record that {what} was {done}; it remembers what it decided since it was started."
        ));
    }
    lines.extend(subject.and_then(|subject| known(facts, subject)).map(|known| known.sentence.clone()));
    lines.join("\n")
}

fn slow(facts: &Facts) -> String {
    let mut lines = hindrances(facts);
    if lines.is_empty() {
        lines.push(
            "Nothing that hob knows of makes it slow now: all threads are allowed, and the machine is not busy.".into(),
        );
    }
    let about_speed = |decision: &Decision| matches!(decision.deed, Deed::Slowed | Deed::Freed | Deed::Shortened);
    lines.extend(latest(facts, about_speed).take(1));
    lines.join("\n")
}

fn paused(facts: &Facts) -> String {
    let mut lines = Vec::new();
    let limits = facts.policy.limits(&facts.conditions);
    match facts.index.0 {
        IndexState::Paused => lines.push(facts.index.1.clone()),
        _ if !limits.backfill => {
            let because = reasons(facts, |limits| !limits.backfill);
            lines.push(format!("Embedding of files is held back because {because}; files are found by their words."));
        }
        _ => lines.push(format!("Indexing is not paused. {}", facts.index.1)),
    }
    if !limits.background {
        let because = reasons(facts, |limits| !limits.background);
        lines.push(format!("Requests that nobody waits for are held back because {because}."));
    }
    let about_rest = |decision: &Decision| matches!(decision.deed, Deed::Paused | Deed::Resumed);
    lines.extend(latest(facts, about_rest).take(2));
    lines.join("\n")
}

fn changed(facts: &Facts, subject: Option<&str>) -> String {
    let of = |decision: &Decision| subject.is_none_or(|subject| decision.subject == subject);
    let lines: Vec<String> = latest(facts, of).take(2 * MOST).collect();
    match (lines.is_empty(), subject) {
        (false, _) => lines.join("\n"),
        (true, None) => "hob has decided nothing since it was started.".into(),
        (true, Some(subject)) => format!("hob has decided nothing about {subject} since it was started."),
    }
}

fn conditions(facts: &Facts) -> String {
    let now = &facts.conditions;
    let mut lines = Vec::new();
    lines.push(match (now.on_battery, now.battery_percent) {
        (true, Some(percent)) => format!("The machine runs on battery at {percent}%."),
        (true, None) => "The machine runs on battery.".into(),
        (false, Some(percent)) => format!("The machine is on mains power; the battery is at {percent}%."),
        (false, None) => "The machine is on mains power.".into(),
    });
    if let Some(celsius) = now.temperature {
        lines.push(format!("It is {} at {celsius:.0} °C.", now.heat.name()));
    }
    if let Some(profile) = &now.power_profile {
        lines.push(format!("Its power profile is {profile}."));
    }
    lines.push(format!("{} of {} MiB of memory are available.", now.memory_available >> 20, now.memory_total >> 20));
    lines.extend(hindrances(facts));
    lines.join("\n")
}

/// What holds hob up at this moment.
fn hindrances(facts: &Facts) -> Vec<String> {
    let (now, limits) = (&facts.conditions, facts.policy.limits(&facts.conditions));
    let mut lines = Vec::new();
    if limits.threads_percent < 100 {
        let because = reasons(facts, |limits| limits.threads_percent < 100);
        lines.push(format!("Answers get {}% of the threads because {because}.", limits.threads_percent));
    }
    if now.is_busy() {
        lines.push("Other programs keep the processor busy, so answers take longer.".into());
    }
    if now.memory_step > 0 || now.memory_pressure.is_some_and(|share| share > SHORT_OF_MEMORY) {
        lines.push("The machine is short of memory, so everything is slower.".into());
    }
    lines
}

/// The rules in force that have a part in something, as clauses after "because".
fn reasons(facts: &Facts, concerns: impl Fn(&Limits) -> bool) -> String {
    let policy = &facts.policy;
    let concerned = |rule: &Rule| concerns(&policy.narrowed(Limits::NONE, *rule));
    let rules = policy.rules(&facts.conditions).into_iter().filter(concerned);
    rules.map(|rule| policy.because(rule, &facts.conditions)).collect::<Vec<_>>().join(" and ")
}

fn latest<'a>(facts: &'a Facts, wanted: impl Fn(&Decision) -> bool + 'a) -> impl Iterator<Item = String> + 'a {
    facts.decisions.iter().filter(move |decision| wanted(decision)).map(|decision| sentence(decision, facts.now))
}

fn known<'a>(facts: &'a Facts, id: &str) -> Option<&'a Known> {
    facts.models.iter().chain(&facts.skills).find(|known| known.id == id)
}
