//! `hob model quantize`, `bench`, `eval`: what a model costs and what it is worth.

use std::path::PathBuf;

use clap::Args;
use hob_sdk::client::{Hob, Options, Request, details_to_json};
use serde::Serialize;
use serde_json::Value;

use super::questions::{self, Question};
use crate::failure::Failure;
use crate::follow::Follower;
use crate::input::Interrupts;
use crate::screen::Screen;
use crate::style::{Style, bytes, number};
use crate::table::{Cell, table};

/// The project's own questions.
pub const SAMPLE_QUESTIONS: &str = include_str!("../../../../examples/eval/questions.csv");
/// The project's own text.
const SAMPLE_TEXT: &str = include_str!("../../../../examples/eval/text.txt");

/// Arguments of `hob model quantize`.
#[derive(Debug, Args)]
pub struct Quantize {
    /// As `hob model list` shows it
    #[arg(value_name = "ID")]
    id: String,
    /// The new weights' format, e.g. Q4_0, Q4_K_M, Q8_0
    #[arg(value_name = "FORMAT")]
    format: String,
    /// Call the new model so
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Also from weights that are quantized already, which costs more quality
    #[arg(long)]
    requantize: bool,
    /// Use this many threads
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// Wait until the machine is on mains power and nobody uses it
    #[arg(long)]
    when_idle: bool,
}

/// Arguments of `hob model bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// As `hob model list` shows it; the default without one
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Tokens of the prompt
    #[arg(long, value_name = "N", default_value_t = 512)]
    prompt: u32,
    /// Tokens that are written
    #[arg(long, value_name = "N", default_value_t = 64)]
    answer: u32,
    /// How often
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,
    /// Use this many threads
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
}

/// Arguments of `hob model eval`.
#[derive(Debug, Args)]
pub struct Eval {
    /// One model, or two to be compared; the default without one
    #[arg(value_name = "ID", num_args = 0..=2)]
    ids: Vec<String>,
    /// How well it predicts this text file
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Which answers it gives to these questions (CSV as of MMLU, C-Eval or CMMLU)
    #[arg(long, value_name = "FILE")]
    questions: Option<PathBuf>,
    /// Show it these answered questions first
    #[arg(long, value_name = "FILE", requires = "questions")]
    examples: Option<PathBuf>,
    /// Only so many of the questions
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Tokens of the text that are looked at together
    #[arg(long, value_name = "N", default_value_t = 512)]
    window: u32,
}

/// What was found of one model.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Found {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    perplexity: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    questions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<f64>,
    /// Of the accuracy, from the number of questions alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    standard_error: Option<f64>,
    /// The letters that it chose.
    #[serde(skip)]
    chosen: Vec<usize>,
}

/// What was found in all.
#[derive(Debug, Serialize)]
struct Evaluated {
    models: Vec<Found>,
    /// Questions that two models answer differently.
    #[serde(skip_serializing_if = "Option::is_none")]
    differing: Option<usize>,
}

async fn follow(request: Request, screen: &Screen) -> Result<Value, Failure> {
    let mut interrupts = Interrupts::catch()?;
    let mut follower = Follower { screen, interrupts: &mut interrupts, lines: None, reasoning: false };
    Ok(details_to_json(&follower.follow_task(request, "Loading …").await?))
}

/// Runs `hob model quantize`.
pub async fn quantize(args: &Quantize, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let options = Options::new()
        .with("requantize", args.requantize)
        .with("priority", if args.when_idle { "background" } else { "interactive" })
        .with_some("name", args.name.clone())
        .with_some("threads", args.threads);
    let made = follow(hob.quantize(&args.id, &args.format, options).await?, screen).await?;
    Ok(screen.result(&made, |made, style| {
        let size = |key: &str| made.get(key).and_then(Value::as_u64).unwrap_or_default();
        let id = made.get("id").and_then(Value::as_str).unwrap_or_default();
        let (now, before) = (bytes(size("bytes")), bytes(size("from_bytes")));
        format!("{} is there: {now} instead of {before}\n", style.name(&style.line(id)))
    })?)
}

/// Runs `hob model bench`.
pub async fn bench(args: &Bench, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let options = Options::new()
        .with("prompt_tokens", args.prompt)
        .with("answer_tokens", args.answer)
        .with("rounds", args.rounds)
        .with_some("threads", args.threads);
    let request = hob.bench(args.id.as_deref().unwrap_or_default(), options).await?;
    let found = follow(request, screen).await?;
    Ok(screen.result(&found, |found, style| render_bench(args, found, style))?)
}

fn render_bench(args: &Bench, found: &Value, style: &Style) -> String {
    let rate = |key: &str| found.get(key).and_then(Value::as_f64).unwrap_or_default();
    let count = |key: &str| found.get(key).and_then(Value::as_u64).unwrap_or_default();
    let backend = found.get("backend").and_then(Value::as_str).unwrap_or_default();
    let lines = [
        ("loading", format!("{} ms", number(count("load_ms")))),
        ("reading", format!("{:.1} tokens/s (a prompt of {})", rate("prompt_tokens_per_second"), args.prompt)),
        ("writing", format!("{:.1} tokens/s ({} tokens)", rate("answer_tokens_per_second"), args.answer)),
        ("memory", format!("{} at most", bytes(count("peak_bytes")))),
        (
            "with",
            format!(
                "{} threads, kernels for {}, the median of {} rounds",
                count("threads"),
                style.line(backend),
                args.rounds
            ),
        ),
    ];
    lines.iter().map(|(name, what)| format!("  {} {what}\n", style.dim(&format!("{name:<8}")))).collect()
}

/// Runs `hob model eval`.
pub async fn eval(args: &Eval, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let own = args.text.is_none() && args.questions.is_none();
    let text = match &args.text {
        Some(file) => {
            Some(std::fs::read_to_string(file).map_err(|e| Failure::Local(format!("{}: {e}", file.display())))?)
        }
        None => own.then(|| SAMPLE_TEXT.to_owned()),
    };
    let mut asked = match &args.questions {
        Some(file) => Some(questions::read(file)?),
        None if own => Some(questions::parse(SAMPLE_QUESTIONS).map_err(Failure::Local)?),
        None => None,
    };
    if let (Some(asked), Some(limit)) = (&mut asked, args.limit) {
        asked.truncate(limit.max(1));
    }
    let examples = args.examples.as_deref().map(questions::read).transpose()?.unwrap_or_default();
    let default = [hob.models().await?.default_model().await?];
    let ids = if args.ids.is_empty() { &default[..] } else { &args.ids[..] };
    let mut models = Vec::new();
    for id in ids {
        models.push(evaluate(id, text.as_deref(), args.window, asked.as_deref(), &examples, hob, screen).await?);
    }
    let differing = match models.as_slice() {
        [one, other] if asked.is_some() => Some(one.chosen.iter().zip(&other.chosen).filter(|(a, b)| a != b).count()),
        _ => None,
    };
    let all = Evaluated { models, differing };
    Ok(screen.result(&all, |all, style| render_evaluated(all, own, style))?)
}

/// Evaluates one model.
async fn evaluate(
    id: &str,
    text: Option<&str>,
    window: u32,
    asked: Option<&[Question]>,
    examples: &[Question],
    hob: &Hob,
    screen: &Screen,
) -> Result<Found, Failure> {
    let mut found = Found { id: id.to_owned(), ..Found::default() };
    if let Some(text) = text {
        let options = Options::new().with("text", text.to_owned()).with("window", window);
        let result = follow(hob.evaluate(id, options).await?, screen).await?;
        found.perplexity = result.get("perplexity").and_then(Value::as_f64);
        found.tokens = result.get("tokens").and_then(Value::as_u64);
    }
    if let Some(asked) = asked {
        let prompts = serde_json::to_string(&questions::prompts(asked, examples))?;
        let result = follow(hob.evaluate(id, Options::new().with("questions", prompts)).await?, screen).await?;
        judge(&result, asked, &mut found)?;
    }
    Ok(found)
}

/// Counts the questions whose right answer is the likeliest.
fn judge(result: &Value, asked: &[Question], found: &mut Found) -> Result<(), Failure> {
    let rows = result.get("logprobs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if rows.len() != asked.len() {
        return Err(Failure::Local(format!("the daemon answered {} of {} questions", rows.len(), asked.len())));
    }
    let best = |row: &Value| {
        let all = row.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_f64).enumerate();
        all.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at)
    };
    found.chosen = rows.iter().map(best).collect();
    let right = found.chosen.iter().zip(asked).filter(|(chosen, question)| **chosen == question.right).count();
    let (all, accuracy) = (asked.len() as f64, right as f64 / asked.len().max(1) as f64);
    found.questions = Some(asked.len());
    found.right = Some(right);
    found.accuracy = Some(accuracy);
    found.standard_error = Some((accuracy * (1.0 - accuracy) / all.max(1.0)).sqrt());
    Ok(())
}

fn render_evaluated(all: &Evaluated, own: bool, style: &Style) -> String {
    let rows: Vec<Vec<Cell>> = all.models.iter().map(|model| row(model, style)).collect();
    let mut out = table(&["MODEL", "PERPLEXITY", "RIGHT", "OF", "ACCURACY"], &rows, style);
    if let [one, other] = all.models.as_slice() {
        if let (Some(before), Some(after)) = (one.perplexity, other.perplexity) {
            let percent = (after / before - 1.0) * 100.0;
            out.push_str(&format!("\nThe second is {percent:+.1} % more perplexed by the text"));
        }
        if let (Some(before), Some(after), Some(differing)) = (one.accuracy, other.accuracy, all.differing) {
            let points = (after - before) * 100.0;
            out.push_str(&format!(
                "\nThe second has {points:+.1} points of accuracy; the two differ in {differing} answers"
            ));
        }
        out.push('\n');
    }
    if own {
        out.push_str("\nThis is hob's own small sample: it tells two versions of a model apart, not good models from better ones.\n");
    }
    out
}

fn row(model: &Found, style: &Style) -> Vec<Cell> {
    let some = |text: Option<String>| Cell::plain(&text.unwrap_or_default());
    let accuracy = model.accuracy.zip(model.standard_error);
    vec![
        Cell::new(&style.line(&model.id), |text| style.name(text)),
        some(model.perplexity.map(|perplexity| format!("{perplexity:.3}"))),
        some(model.right.map(|right| right.to_string())),
        some(model.questions.map(|questions| questions.to_string())),
        some(accuracy.map(|(share, error)| format!("{:.1} % ± {:.1}", share * 100.0, error * 100.0))),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_likeliest_answer_counts() {
        let asked = questions::parse("q,a,b,c,d,B\nq,a,b,c,d,D\n").unwrap();
        let mut found = Found::default();
        judge(&json!({"logprobs": [[-3.0, -1.0, -2.0, -4.0], [-1.0, -2.0, -3.0, -4.0]]}), &asked, &mut found).unwrap();
        assert_eq!((found.right, found.accuracy, found.chosen), (Some(1), Some(0.5), vec![1, 0]));
        assert!(judge(&json!({"logprobs": []}), &asked, &mut Found::default()).is_err());
    }

    #[test]
    fn two_models_are_compared() {
        let model = |id: &str, perplexity, right| Found {
            id: id.into(),
            perplexity: Some(perplexity),
            questions: Some(40),
            right: Some(right),
            accuracy: Some(right as f64 / 40.0),
            standard_error: Some(0.05),
            ..Found::default()
        };
        let all = Evaluated { models: vec![model("a", 10.0, 20), model("b", 11.0, 18)], differing: Some(5) };
        let text = render_evaluated(&all, false, &Style::plain());
        assert!(
            text.contains("+10.0 % more perplexed") && text.contains("-5.0 points") && text.contains("5 answers"),
            "{text}"
        );
    }
}
