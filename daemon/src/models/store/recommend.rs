//! Which models suit a machine, and why.

use super::{Known, Tier};
use crate::governor::memory_total;

/// The context that a recommendation counts with, in tokens.
const CONTEXT: u32 = 4_096;

/// What of a machine matters for the choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// All memory, in bytes.
    pub memory: u64,
    /// What hob may use of it.
    pub budget: u64,
    /// Cores.
    pub cores: usize,
}

impl Machine {
    /// This one.
    pub fn look(budget: u64) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { memory: memory_total(), budget, cores }
    }
}

/// A tier, with the reason and the models.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation {
    /// The largest tier of chat models that suits the machine; `None` when not even the smallest does.
    pub tier: Option<Tier>,
    /// Why, in sentences.
    pub reason: String,
    /// Its chat models that fit, then the embedding models and rerankers that fit beside; best first.
    pub models: Vec<Known>,
}

/// Most parameters that are read and written at a bearable speed, by cores. A rule of thumb: on two cores a model of
/// 135 million writes about 100 tokens a second, and the time grows with the parameters.
fn fast_enough(cores: usize) -> Tier {
    match cores {
        0..=2 => Tier::Tiny,
        3..=4 => Tier::Small,
        5..=8 => Tier::Medium,
        _ => Tier::Large,
    }
}

/// Chooses by memory and by cores; whichever is scarcer decides.
pub fn recommend(machine: &Machine, catalogue: &[Known]) -> Recommendation {
    let fits = |known: &&Known| known.memory_bytes(CONTEXT) <= machine.budget;
    let is_chat = |known: &&Known| known.tier <= Tier::Large;
    let by_memory = catalogue.iter().filter(is_chat).filter(fits).map(|known| known.tier).max();
    let by_cores = fast_enough(machine.cores);
    let tier = by_memory.map(|by_memory| by_memory.min(by_cores));
    let mut models: Vec<Known> = catalogue.iter().filter(|k| Some(k.tier) == tier).filter(fits).cloned().collect();
    models.sort_by_key(|known| std::cmp::Reverse(known.parameters));
    models.extend(catalogue.iter().filter(|known| !is_chat(known)).filter(fits).cloned());
    Recommendation { tier, reason: reason(machine, by_memory, by_cores), models }
}

fn reason(machine: &Machine, by_memory: Option<Tier>, by_cores: Tier) -> String {
    let gib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1u32 << 30));
    let (memory, budget, cores) = (gib(machine.memory), gib(machine.budget), machine.cores);
    let has = format!("This machine has {memory} GiB of memory, of which hob may use {budget}, and {cores} cores.");
    let Some(by_memory) = by_memory else {
        return format!(
            "{has} No chat model of the catalogue fits; raise memory.budget_mib, or pull a smaller one by its address."
        );
    };
    let (largest, fast) = (by_memory.name(), by_cores.name());
    let room = format!("The estimated need at a context of {CONTEXT} tokens leaves room for the tier {largest}");
    match by_memory.cmp(&by_cores) {
        std::cmp::Ordering::Greater => {
            format!("{has} {room}, but with {cores} cores it would be slow; {fast} answers in bearable time.")
        }
        std::cmp::Ordering::Less => format!("{has} {room}; the cores would do for {fast}."),
        std::cmp::Ordering::Equal => format!("{has} {room}, and the cores are fast enough for it."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(memory_gib: u64, cores: usize) -> Recommendation {
        let memory = memory_gib << 30;
        recommend(&Machine { memory, budget: memory / 2, cores }, &super::super::known::read(&[]).expect("a catalogue"))
    }

    #[test]
    fn what_is_scarcer_decides() {
        assert_eq!(tier(24, 2).tier, Some(Tier::Tiny));
        assert!(tier(24, 2).reason.contains("would be slow"));
        assert_eq!(tier(3, 16).tier, Some(Tier::Small));
        assert_eq!(tier(8, 6).tier, Some(Tier::Medium));
        assert_eq!(tier(32, 16).tier, Some(Tier::Large));
        let none = tier(0, 4);
        assert!(none.tier.is_none() && none.reason.contains("No chat model"));
    }

    #[test]
    fn the_largest_of_the_tier_comes_first_and_others_follow() {
        let all = tier(32, 16).models;
        assert_eq!(all[0].name, "qwen3-8b");
        assert!(all.iter().any(|m| m.tier == Tier::Embedding) && all.iter().any(|m| m.tier == Tier::Reranker));
    }
}
