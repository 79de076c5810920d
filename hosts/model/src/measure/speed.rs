//! How fast a model reads and writes on this machine, now.

use super::{Bench, Progress};
use crate::probability::best;
use hob_engine::EngineError;
use hob_engine::measure::{Measured, Speed};
use llama_cpp_2::token::LlamaToken;
use std::time::Instant;

/// Repeated until the prompt is long enough; what it says does not matter for the speed.
const TEXT: &str = "The quick brown fox jumps over the lazy dog, and then it rests in the shade of an old tree. ";

/// Reads a prompt and writes on, some rounds. The first round warms up the caches and does not count.
pub fn run(
    bench: &mut Bench<'_>,
    (prompt, answer, rounds): (u32, u32, u32),
    load_ms: u64,
    progress: &Progress<'_>,
) -> Result<Measured, EngineError> {
    let (prompt, answer, rounds) = (prompt.max(2) as usize, answer.max(2) as usize, rounds.clamp(1, 100) as usize);
    if prompt + answer > bench.context.length() {
        let (tokens, limit) = ((prompt + answer) as u32, bench.context.length() as u32);
        return Err(EngineError::TooLong { tokens, limit });
    }
    let tokens: Vec<LlamaToken> = bench.tokens_of(TEXT).into_iter().cycle().take(prompt).collect();
    if tokens.len() < prompt {
        return Err(EngineError::Inference("this model's vocabulary has no token for English text".into()));
    }
    let mut speed =
        Speed { load_ms, threads: bench.loaded.threads, backend: crate::backend::name(), ..Speed::default() };
    for round in 0..=rounds {
        progress.tell(round as f64 / (rounds + 1) as f64)?;
        bench.keep(0);
        let (reading, mut next) = (Instant::now(), None);
        bench.evaluate(&tokens, prompt - 1, |_, scores| next = best(scores))?;
        let read = reading.elapsed().as_secs_f64();
        let writing = Instant::now();
        for _ in 0..answer {
            let token = LlamaToken(next.unwrap_or_default() as i32);
            let place = bench.tokens.len();
            bench.evaluate(&[token], place, |_, scores| next = best(scores))?;
        }
        let written = writing.elapsed().as_secs_f64();
        if round > 0 {
            speed.prompt_rates.push(prompt as f64 / read.max(1e-9));
            speed.answer_rates.push(answer as f64 / written.max(1e-9));
        }
    }
    speed.peak_bytes = peak_bytes();
    Ok(Measured::Speed(speed))
}

/// The most that this process ever held (proc(5), `VmHWM`).
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
