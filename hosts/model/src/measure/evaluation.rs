//! How well a model predicts a text, and which answers it thinks likely.

use super::{Bench, Progress};
use crate::probability::log_probability;
use crate::saved::common;
use hob_engine::EngineError;
use hob_engine::measure::{Measured, Question};
use llama_cpp_2::token::LlamaToken;

/// Fewer tokens say nothing.
const LEAST_WINDOW: u32 = 32;

/// Predicts a text window by window. In each window only the second half counts, since a model can't know what
/// the first words will be; of a text that is one window, all but its first token.
pub fn perplexity(
    bench: &mut Bench<'_>,
    text: &str,
    window: u32,
    progress: &Progress<'_>,
) -> Result<Measured, EngineError> {
    let all = bench.tokens_of(text);
    if all.len() < 2 {
        return Err(EngineError::InvalidArgument("the text is too short to be predicted".into()));
    }
    let window = window.max(LEAST_WINDOW).min(bench.context.length() as u32) as usize;
    let windows: Vec<&[LlamaToken]> = if all.len() <= window { vec![&all] } else { all.chunks_exact(window).collect() };
    let (mut nll, mut count) = (0.0, 0);
    for (at, tokens) in windows.iter().enumerate() {
        progress.tell(at as f64 / windows.len() as f64)?;
        bench.keep(0);
        let first = if windows.len() == 1 { 0 } else { tokens.len() / 2 - 1 };
        bench.evaluate(tokens, first, |place, scores| {
            if let Some(next) = tokens.get(place + 1) {
                nll -= log_probability(scores, next.0 as usize);
                count += 1;
            }
        })?;
    }
    Ok(Measured::Perplexity { tokens: count, nll })
}

/// The log-probability of each answer to each question. What consecutive questions begin with is evaluated once.
pub fn choices(
    bench: &mut Bench<'_>,
    questions: &[Question],
    progress: &Progress<'_>,
) -> Result<Measured, EngineError> {
    let mut all = Vec::with_capacity(questions.len());
    for (at, question) in questions.iter().enumerate() {
        progress.tell(at as f64 / questions.len() as f64)?;
        all.push(one(bench, question)?);
    }
    Ok(Measured::Choices(all))
}

fn one(bench: &mut Bench<'_>, question: &Question) -> Result<Vec<f64>, EngineError> {
    let prompt = bench.tokens_of(&question.prompt);
    if prompt.is_empty() {
        return Err(EngineError::InvalidArgument("a question is empty".into()));
    }
    let mut after = Vec::new();
    read(bench, &prompt, &mut after)?;
    let mut answers = Vec::with_capacity(question.answers.len());
    for answer in &question.answers {
        let tokens = rest(bench, &question.prompt, &prompt, answer);
        let Some((first, others)) = tokens.split_first() else {
            return Err(EngineError::InvalidArgument("an answer is empty".into()));
        };
        let mut sum = log_probability(&after, first.0 as usize);
        if !others.is_empty() {
            let start = prompt.len();
            bench.evaluate(&tokens[..tokens.len() - 1], start, |place, scores| {
                sum += log_probability(scores, others[place - start].0 as usize);
            })?;
            bench.keep(start);
            if bench.tokens.len() < start {
                read(bench, &prompt, &mut after)?;
            }
        }
        answers.push(sum);
    }
    Ok(answers)
}

/// Evaluates what of the prompt is not there yet, its last token always; `after` gets the scores that follow.
fn read(bench: &mut Bench<'_>, prompt: &[LlamaToken], after: &mut Vec<f32>) -> Result<(), EngineError> {
    let same = common(&bench.tokens, prompt);
    bench.keep(same.min(prompt.len() - 1));
    let start = bench.tokens.len();
    bench.evaluate(&prompt[start..], prompt.len() - 1, |_, scores| *after = scores.to_vec())
}

/// An answer's tokens after its prompt: a space between the two belongs to the answer in most vocabularies.
fn rest(bench: &Bench<'_>, text: &str, prompt: &[LlamaToken], answer: &str) -> Vec<LlamaToken> {
    let whole = bench.tokens_of(&format!("{text}{answer}"));
    match whole.strip_prefix(prompt) {
        Some(rest) => rest.to_vec(),
        None => crate::prompt::plain(&bench.loaded.model.vocab(), answer),
    }
}
