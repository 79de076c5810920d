//! How the next token is chosen.

use hob_engine::{EngineError, GenerateSpec};
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

/// Most candidates, share of probability and least relative probability, as is usual for chat.
const TOP_K: i32 = 40;
const TOP_P: f32 = 0.95;
const MIN_P: f32 = 0.05;
/// Small models repeat themselves for ever without a penalty. Only the answer counts, so that
/// copying from the prompt stays cheap.
const PENALTY: f32 = 1.1;
const PENALTY_WINDOW: i32 = 64;
const HOTTEST: f32 = 5.0;

/// Chooses tokens by their scores.
pub struct Sampler {
    chain: LlamaSampler,
}

impl Sampler {
    /// The sampler that `spec` asks for. Under a schema nothing is penalised: quotes and commas
    /// repeat.
    pub fn new(spec: &GenerateSpec, vocabulary: i32) -> Result<Self, EngineError> {
        if !(0.0..=HOTTEST).contains(&spec.temperature) {
            let given = spec.temperature;
            return Err(EngineError::InvalidArgument(format!("a temperature of {given} is outside 0 to {HOTTEST}")));
        }
        let mut steps = Vec::new();
        if spec.schema.is_none() {
            steps.push(LlamaSampler::penalties(vocabulary, PENALTY_WINDOW, PENALTY, 0.0, 0.0));
        }
        if spec.temperature == 0.0 {
            steps.push(LlamaSampler::greedy());
        } else {
            steps.push(LlamaSampler::top_k(TOP_K));
            steps.push(LlamaSampler::top_p(TOP_P, 1));
            steps.push(LlamaSampler::min_p(MIN_P, 1));
            steps.push(LlamaSampler::temp(spec.temperature));
            steps.push(LlamaSampler::dist(seed(spec.seed)));
        }
        Ok(Self { chain: LlamaSampler::chain(steps, true) })
    }

    /// Chooses among `candidates`, each a token and its score. It counts as taken only after
    /// [`Sampler::accept`].
    pub fn choose(&mut self, candidates: impl Iterator<Item = (u32, f32)>) -> Result<LlamaToken, EngineError> {
        let data = candidates.map(|(id, score)| LlamaTokenData::new(LlamaToken(id as i32), score, 0.0));
        let mut array = LlamaTokenDataArray::from_iter(data, false);
        if !array.data.is_empty() {
            array.apply_sampler(&mut self.chain);
        }
        array.selected_token().ok_or_else(|| EngineError::Inference("there is no token to choose from".into()))
    }

    /// The token became part of the answer.
    pub fn accept(&mut self, token: LlamaToken) {
        self.chain.accept(token);
    }
}

/// llama.cpp's seeds have 32 bits, and the largest means "take a random one".
fn seed(seed: u64) -> u32 {
    let folded = (seed ^ (seed >> 32)) as u32;
    if folded == u32::MAX { 0x5eed } else { folded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_never_random_and_keep_small_numbers() {
        assert_eq!(seed(7), 7);
        assert_ne!(seed(u64::from(u32::MAX)), u32::MAX);
        assert_ne!(seed(1 << 32), seed(0));
    }

    #[test]
    fn absurd_temperatures_are_refused() {
        for temperature in [-1.0, 6.0, f32::NAN, f32::INFINITY] {
            let spec = GenerateSpec { temperature, ..GenerateSpec::default() };
            assert!(matches!(Sampler::new(&spec, 8), Err(EngineError::InvalidArgument(_))));
        }
    }
}
