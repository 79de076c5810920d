//! The catalogue: models that are known by name. A TOML file that distributions and users can replace.

use crate::error::HobError;
use serde::Deserialize;
use std::path::PathBuf;

/// The catalogue that is built in, for a daemon whose data files are not installed.
const BUILT_IN: &str = include_str!("../../../data/catalogue.toml");

/// How large a machine a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// At most 0.5 billion parameters.
    Tiny,
    /// At most 2 billion.
    Small,
    /// At most 4 billion.
    Medium,
    /// At most 9 billion.
    Large,
    /// For embedding, of any size.
    Embedding,
    /// For reranking, of any size.
    Reranker,
}

impl Tier {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::Embedding => "embedding",
            Self::Reranker => "reranker",
        }
    }

    /// Most parameters of a chat model of this tier.
    fn most_parameters(self) -> u64 {
        match self {
            Self::Tiny => 500_000_000,
            Self::Small => 2_000_000_000,
            Self::Medium => 4_100_000_000,
            Self::Large => 9_000_000_000,
            Self::Embedding | Self::Reranker => u64::MAX,
        }
    }
}

/// A model of the catalogue.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// What it is pulled by.
    pub name: String,
    /// How large.
    pub tier: Tier,
    /// Where it comes from, as `Pull` takes it.
    pub source: String,
    /// SPDX id of its licence.
    pub licence: String,
    /// The longest context that it was trained for, in tokens.
    pub context: u32,
    /// Languages (ISO 639-1), or "many".
    pub languages: Vec<String>,
    /// Parameters.
    pub parameters: u64,
    /// Bits that a parameter takes in the file, about.
    pub bits: f64,
    /// Layers with keys and values.
    pub layers: u32,
    /// Numbers of a layer's keys and values that a token adds: 2 x heads x length of a head.
    pub kv_numbers: u32,
    /// What is said of it in one sentence.
    pub about: String,
}

impl Known {
    /// Bytes of the file, estimated from parameters and bits.
    pub fn file_bytes(&self) -> u64 {
        (self.parameters as f64 * self.bits / 8.0) as u64
    }

    /// Bytes of memory at a context, estimated: weights, keys and values in 16 bits, and a tenth of the weights for
    /// buffers and repacked layers.
    pub fn memory_bytes(&self, context: u32) -> u64 {
        let kv = u64::from(self.layers) * u64::from(self.kv_numbers) * 2 * u64::from(context.min(self.context));
        self.file_bytes() + self.file_bytes() / 10 + kv
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: Vec<Known>,
}

/// Reads the strongest file that exists, else the built-in one.
pub fn read(files: &[PathBuf]) -> Result<Vec<Known>, HobError> {
    match files.iter().find(|file| file.exists()) {
        Some(file) => {
            let bad = |problem: String| HobError::invalid(format!("the catalogue {}: {problem}", file.display()));
            parse(&std::fs::read_to_string(file).map_err(|e| bad(e.to_string()))?).map_err(bad)
        }
        None => parse(BUILT_IN).map_err(|problem| HobError::internal(format!("the built-in catalogue: {problem}"))),
    }
}

fn parse(text: &str) -> Result<Vec<Known>, String> {
    let models = toml::from_str::<File>(text).map_err(|e| e.to_string().trim_end().to_string())?.model;
    for (at, model) in models.iter().enumerate() {
        if models[..at].iter().any(|other| other.name == model.name) {
            return Err(format!("{} stands there twice", model.name));
        }
        if model.parameters > model.tier.most_parameters() {
            return Err(format!("{} has too many parameters for the tier {}", model.name, model.tier.name()));
        }
        super::source::parse(&model.source).map_err(|error| format!("{}: {}", model.name, error.message))?;
    }
    Ok(models)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_has_every_tier() {
        let models = parse(BUILT_IN).expect("sound");
        assert!(models.len() >= 12, "about a dozen: {}", models.len());
        for tier in [Tier::Tiny, Tier::Small, Tier::Medium, Tier::Large, Tier::Embedding, Tier::Reranker] {
            assert!(models.iter().any(|model| model.tier == tier), "{}", tier.name());
        }
        let multilingual = |m: &Known| m.tier == Tier::Embedding && m.languages == ["many"];
        assert!(models.iter().any(multilingual));
        let open = ["Apache-2.0", "MIT"];
        assert!(models.iter().all(|model| open.contains(&model.licence.as_str())), "only open licences");
    }

    #[test]
    fn mistakes_are_named() {
        let one = BUILT_IN.split("[[model]]").nth(1).expect("a model");
        assert!(parse(&format!("[[model]]{one}[[model]]{one}")).expect_err("twice").contains("stands there twice"));
        let large = one.replace("tier = \"tiny\"", "tier = \"tiny\"\nsize = 3");
        assert!(parse(&format!("[[model]]{large}")).expect_err("unknown").contains("size"));
    }

    #[test]
    fn memory_grows_with_the_context_up_to_the_models_own() {
        let models = parse(BUILT_IN).expect("sound");
        let model = &models[0];
        assert!(model.memory_bytes(512) < model.memory_bytes(1_024));
        assert_eq!(model.memory_bytes(model.context), model.memory_bytes(u32::MAX));
    }
}
