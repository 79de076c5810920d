//! What a model will need in memory, before it is loaded.
//!
//! Owns: the estimate by the file's header, and what was measured on this machine, which corrects it. Must not know:
//! what else is loaded.

use super::catalogue::Entry;
use crate::json_file;
use hob_engine::Role;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// A model's process without its model.
const BASE: u64 = 22 << 20;
/// Bytes of buffers for computing, for each element of a hidden state: 128 tokens of a step, some states each, of 4.
const COMPUTE_PER_WIDTH: u64 = 128 * 4 * 12;
/// Tokens of a step while a model is measured.
const MEASURED_STEP: u64 = 256;
/// Contexts are made in multiples of so many tokens.
const CELLS: u32 = 256;
/// Room for a second context, which a chat model's process opens while it writes several answers.
pub const SECOND_CONTEXT: u64 = 48 << 20;
/// Most models whose measures are remembered.
const REMEMBERED: usize = 256;

/// What a model will need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// After it is loaded, in bytes.
    pub expected: u64,
    /// What it may take besides, while it works.
    pub headroom: u64,
}

impl Need {
    /// The same for a model that held so much when it was last used: what it took besides is part of that. What goes
    /// beyond it are up to so many bytes of evaluated prompts, which are given back when somebody needs the room.
    fn corrected(self, held: u64, prompts: u64) -> Self {
        let total = self.total();
        let held = if held > total { held.saturating_sub(prompts).max(total) } else { held };
        Self { expected: held, headroom: total.saturating_sub(held) }
    }

    /// What has to be free for it.
    pub fn total(&self) -> u64 {
        self.expected + self.headroom
    }
}

/// The context that a host takes for the setting (0 for its own choice).
pub fn context(entry: &Entry, wanted: u32) -> u32 {
    let own = entry.role.usual_context();
    let longest = entry.header.as_ref().map_or(own, |header| header.context_length);
    if wanted == 0 { own.min(longest) } else { wanted.min(longest) }
}

/// The estimate by the file alone, for a context of so many tokens.
pub fn estimate(entry: &Entry, context: u32) -> Need {
    let Ok(header) = &entry.header else { return Need { expected: entry.size + BASE, headroom: 0 } };
    // Weights are held once, mapped or laid out anew; but the embedder computes half precision in a copy of its own.
    let half = ["F16", "BF16"].contains(&&*header.quantization);
    let copy = if entry.role == Role::Embedding && half { entry.size } else { 0 };
    let (kv, headroom) = match entry.role {
        Role::Chat => {
            let kv = header.memory_per_token.saturating_mul(context.next_multiple_of(CELLS).into());
            (kv, kv.min(SECOND_CONTEXT))
        }
        Role::Embedding | Role::Reranker => (0, 0),
    };
    let compute = u64::from(header.embedding_length) * COMPUTE_PER_WIDTH;
    let expected = BASE.saturating_add(entry.size).saturating_add(copy).saturating_add(kv);
    Need { expected: expected.saturating_add(compute), headroom }
}

/// What a process needs that measures the model alone: its steps are twice as long, and `scored` ones keep the scores
/// of each token.
pub fn measuring(entry: &Entry, context: u32, scored: bool) -> Need {
    let Ok(header) = &entry.header else { return estimate(entry, context) };
    let rows = if scored { MEASURED_STEP } else { 1 };
    let scores = rows * u64::from(header.vocabulary) * 4;
    let compute = u64::from(header.embedding_length) * COMPUTE_PER_WIDTH;
    Need { expected: estimate(entry, context).expected.saturating_add(scores + compute), headroom: 0 }
}

/// What a process needs that writes the model with smaller weights: the file's pages, and the largest tensor as floats
/// and in its new format.
pub fn rewriting(entry: &Entry) -> Need {
    let table = entry.header.as_ref().map_or(0, |h| u64::from(h.vocabulary) * u64::from(h.embedding_length));
    Need { expected: BASE.saturating_add(entry.size).saturating_add(table.saturating_mul(6)), headroom: 0 }
}

/// What models have needed on this machine, by weights and context.
pub struct Measured {
    file: Option<PathBuf>,
    /// Most bytes of evaluated prompts that a model keeps.
    prompts: u64,
    bytes: Mutex<BTreeMap<String, u64>>,
}

impl Measured {
    /// Reads what is stored in `file`; `None` remembers nothing over restarts. Models keep up to `prompts` bytes of
    /// evaluated prompts.
    pub fn open(file: Option<PathBuf>, prompts: u64) -> Self {
        let bytes = file.as_deref().map(json_file::read).unwrap_or_default();
        Self { file, prompts, bytes: Mutex::new(bytes) }
    }

    /// The estimate, or what was measured when it was last used with this context.
    pub fn need(&self, entry: &Entry, context: u32) -> Need {
        let estimate = estimate(entry, context);
        let known = self.bytes.lock().unwrap_or_else(PoisonError::into_inner).get(&key(entry, context)).copied();
        known.map_or(estimate, |known| estimate.corrected(known, self.prompts))
    }

    /// Remembers what a model held.
    pub fn put(&self, entry: &Entry, context: u32, bytes: u64) {
        let mut all = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.pop_first();
        }
        all.insert(key(entry, context), bytes);
        if let Some(file) = &self.file
            && let Err(error) = json_file::write(file, &*all)
        {
            tracing::warn!(file = %file.display(), %error, "what models need is forgotten with this daemon");
        }
    }
}

fn key(entry: &Entry, context: u32) -> String {
    format!("{}:{context}", entry.fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_held_includes_what_it_took_while_it_worked() {
        let estimate = Need { expected: 500, headroom: 48 };
        assert_eq!(estimate.corrected(583, 0).total(), 583);
        assert_eq!(estimate.corrected(510, 64), Need { expected: 510, headroom: 38 });
        // Prompts are given back when the room is needed.
        assert_eq!((estimate.corrected(583, 20).total(), estimate.corrected(583, 64).total()), (563, 548));
    }
}
