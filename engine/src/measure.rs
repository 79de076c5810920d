//! What is measured of a model, and what comes out: speed, perplexity, multiple choice; and quantization, which is
//! work of the same kind: minutes long, on a file, in a process of its own.

use crate::LoadSpec;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A measurement of a model that no other request uses: the first and only request of a model host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MeasureSpec {
    /// The model and how it is loaded.
    pub load: LoadSpec,
    /// What is measured.
    pub what: Measurement,
}

/// What is measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Measurement {
    /// How fast it reads and writes.
    Speed {
        /// Tokens of the prompt.
        prompt_tokens: u32,
        /// Tokens that are generated after it.
        answer_tokens: u32,
        /// How often.
        rounds: u32,
    },
    /// How well it predicts a text.
    Perplexity {
        /// The text.
        text: String,
        /// Tokens that are looked at together.
        window: u32,
    },
    /// How likely each answer to each question is.
    Choices(Vec<Question>),
    /// Writes the model with smaller weights.
    Quantize {
        /// The new file; written beside its name first.
        to: PathBuf,
        /// Its weights' format, as in [`FORMATS`].
        format: String,
        /// Also when the weights are quantized already, which costs more quality.
        requantize: bool,
    },
}

/// Where a new model is written before it gets its name.
pub fn beside(to: &Path) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    to.with_file_name(format!(".{name}.quantizing"))
}

/// A question with its possible answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Everything before the answer.
    pub prompt: String,
    /// The answers.
    pub answers: Vec<String>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Measured {
    /// Of [`Measurement::Speed`].
    Speed(Speed),
    /// Of [`Measurement::Perplexity`].
    Perplexity {
        /// Tokens that were predicted.
        tokens: u64,
        /// The sum of their negative natural log-probabilities.
        nll: f64,
    },
    /// Of [`Measurement::Choices`]: of each question, of each answer, the natural log-probability of all its tokens.
    Choices(Vec<Vec<f64>>),
    /// Of [`Measurement::Quantize`]: the new file's size in bytes.
    Quantized(u64),
}

/// How fast a model is here and now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Milliseconds that loading took.
    pub load_ms: u64,
    /// Tokens of the prompt read per second, of each round.
    pub prompt_rates: Vec<f64>,
    /// Tokens written per second, of each round.
    pub answer_rates: Vec<f64>,
    /// Most memory that the process held, in bytes.
    pub peak_bytes: u64,
    /// Threads that were used.
    pub threads: u32,
    /// Which build of the compute kernels ran.
    pub backend: String,
}

/// Formats that can be quantized to, with llama.cpp's number of each and the bits of a weight, about (a model's
/// first and last layers often keep more).
pub const FORMATS: [(&str, u32, f64); 16] = [
    ("F16", 1, 16.0),
    ("BF16", 32, 16.0),
    ("Q8_0", 7, 8.5),
    ("Q6_K", 18, 6.6),
    ("Q5_K_M", 17, 5.7),
    ("Q5_K_S", 16, 5.5),
    ("Q5_1", 9, 6.0),
    ("Q5_0", 8, 5.5),
    ("Q4_K_M", 15, 4.9),
    ("Q4_K_S", 14, 4.6),
    ("Q4_1", 3, 5.0),
    ("Q4_0", 2, 4.6),
    ("IQ4_NL", 25, 4.6),
    ("IQ4_XS", 30, 4.3),
    ("Q3_K_M", 12, 3.9),
    ("Q2_K", 10, 3.2),
];

/// A format by its name, in any case.
pub fn format(name: &str) -> Option<(&'static str, u32, f64)> {
    FORMATS.into_iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))
}
