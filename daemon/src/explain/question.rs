//! What a person wants to know, from plain words.

use super::Facts;

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// A model left memory.
    Unloaded,
    /// A model came into memory.
    Loaded,
    /// Answers take long.
    Slow,
    /// Something was refused.
    Refused,
    /// Indexing or background work rests.
    Paused,
    /// Something was ended before it was done.
    Ended,
    /// A context was cut.
    Shortened,
    /// Another model stood in.
    Replaced,
    /// What was decided of late.
    Changed,
    /// Battery, heat, sleep, memory.
    Conditions,
}

/// Beginnings of words that tell a topic, the more telling topics first.
const WORDS: &[(Topic, &[&str])] = &[
    (Topic::Unloaded, &["unload", "evict", "dropped", "gone", "vanish"]),
    (Topic::Refused, &["refus", "reject", "denied", "deny", "busy", "budget", "outofbudget"]),
    (Topic::Shortened, &["shorten", "shorter", "context", "truncat"]),
    (Topic::Replaced, &["replac", "smaller", "another", "different", "instead", "substitut"]),
    (Topic::Ended, &["ended", "end", "cancel", "abort", "kill", "died", "die", "interrupt", "crash"]),
    (Topic::Paused, &["pause", "pausing", "index", "embed", "background", "held", "hold", "wait", "stuck"]),
    (Topic::Slow, &["slow", "speed", "lag", "long", "thread", "fast", "perform"]),
    (Topic::Changed, &["chang", "happen", "recent", "histor", "decision", "decided", "latest", "lately"]),
    (Topic::Conditions, &["batter", "heat", "hot", "power", "temperat", "sleep", "memory", "pressure", "condition"]),
    (Topic::Loaded, &["load"]),
];

/// A question as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is about.
    pub topic: Option<Topic>,
    /// The model or skill that is named.
    pub subject: Option<String>,
}

impl Question {
    /// Reads a question. An id counts when it stands there as a word of its own, in any case.
    pub fn read(what: &str, facts: &Facts) -> Self {
        let what = what.to_lowercase();
        let words: Vec<&str> = what.split_whitespace().map(|word| word.trim_matches(PUNCTUATION)).collect();
        let recorded = facts.decisions.iter().map(|decision| &decision.subject);
        let known = facts.models.iter().chain(&facts.skills).map(|known| &known.id);
        let is_named = |id: &&String| {
            let id = id.to_lowercase();
            what.trim() == id || words.contains(&id.as_str())
        };
        let subject = known.chain(recorded).filter(is_named).max_by_key(|id| id.len()).cloned();
        // A model may be called "slow-llama": its name is no topic.
        let named = subject.as_ref().map(|id| id.to_lowercase()).unwrap_or_default();
        let others: Vec<&str> = words.into_iter().filter(|word| *word != named).collect();
        Self { topic: topic(&others), subject }
    }
}

const PUNCTUATION: [char; 9] = ['?', '!', '.', ',', '"', '\'', ':', '(', ')'];

fn topic(words: &[&str]) -> Option<Topic> {
    // "not loaded" asks the same as "unloaded".
    let is_negated = words.iter().any(|word| matches!(*word, "not" | "isn't" | "wasn't" | "no" | "longer"));
    let begins = |beginnings: &[&str]| words.iter().any(|word| beginnings.iter().any(|b| word.starts_with(b)));
    let found = WORDS.iter().find(|(_, beginnings)| begins(beginnings)).map(|(topic, _)| *topic);
    if found == Some(Topic::Loaded) && is_negated { Some(Topic::Unloaded) } else { found }
}
