//! `hob ask`: a question, its answer as it is written, and where it comes from.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use hob_sdk::client::{Answer, Citation, Hob, Options, TokenLogprob, ToolCall, Usage};

use crate::failure::Failure;
use crate::follow::Follower;
use crate::input::{self, Interrupts, Lines};
use crate::outline::inline;
use crate::screen::Screen;
use crate::style::{Style, count, millis, number};

/// Arguments of `hob ask`.
#[derive(Debug, Args)]
pub struct Ask {
    /// The question; `-` reads it from standard input
    #[arg(value_name = "QUESTION")]
    question: Vec<String>,
    /// Constrain the answer to a JSON Schema, read from FILE
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Let the model call up to N functions of skills where the request leaves something open
    #[arg(long, value_name = "N")]
    tool_steps: Option<u32>,
    /// Show how likely each token was, with so many alternatives
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    logprobs: Option<u32>,
    #[command(flatten)]
    shared: Shared,
}

/// Arguments that `ask` and `chat` share.
#[derive(Debug, Args)]
pub struct Shared {
    /// Where the answer may come from
    #[arg(long, value_enum)]
    context: Option<ContextSource>,
    /// Answer with sentences of the files
    #[arg(long, conflicts_with = "generate")]
    quote: bool,
    /// Let the model write the answer
    #[arg(long)]
    generate: bool,
    /// Use this model (see `hob model list`)
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// Look only into this folder
    #[arg(long, value_name = "PATH")]
    folder: Option<PathBuf>,
    /// Stop after this many tokens
    #[arg(long, value_name = "N")]
    max_tokens: Option<u32>,
    /// 0 for always the same answer, 1 for lively ones
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Make a lively answer repeatable
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Tell the model who it is and how to answer
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Change the model by an adapter, a GGUF file
    #[arg(long, value_name = "FILE")]
    lora: Option<PathBuf>,
    /// How strongly the adapter changes it; 1 is what it was made for
    #[arg(long, value_name = "X", requires = "lora", allow_negative_numbers = true)]
    lora_scale: Option<f64>,
    /// Let others go first
    #[arg(long, value_enum)]
    priority: Option<Waiting>,
    /// Do not show what a reasoning model thinks
    #[arg(long)]
    no_reasoning: bool,
    /// Say afterwards what the answer took
    #[arg(short, long)]
    verbose: bool,
}

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Waiting {
    /// You do
    Interactive,
    /// Nobody does
    Background,
}

impl Waiting {
    /// As the D-Bus option has it.
    pub fn option(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Background => "background",
        }
    }
}

/// Where an answer may come from.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ContextSource {
    /// Decide by the question
    Auto,
    /// Your indexed files
    Index,
    /// The model alone
    None,
}

impl Shared {
    /// As D-Bus options.
    pub fn options(&self) -> Result<Options, Failure> {
        let context = self.context.map(|context| match context {
            ContextSource::Auto => "auto",
            ContextSource::Index => "index",
            ContextSource::None => "none",
        });
        let answer = if self.quote {
            Some("quote")
        } else if self.generate {
            Some("generate")
        } else {
            None
        };
        let folder = self.folder.as_deref().map(input::absolute).transpose()?;
        Ok(Options::new()
            .with_some("context", context)
            .with_some("answer", answer)
            .with_some("model", self.model.clone())
            .with_some("folder", folder)
            .with_some("max_tokens", self.max_tokens)
            .with_some("temperature", self.temperature)
            .with_some("seed", self.seed)
            .with_some("system", self.system.clone())
            .with_some("lora", self.lora.as_deref().map(input::existing_file).transpose()?)
            .with_some("lora_scale", self.lora_scale)
            .with_some("priority", self.priority.map(Waiting::option)))
    }

    /// Whether a model's thinking is shown.
    pub fn shows_reasoning(&self) -> bool {
        !self.no_reasoning
    }

    /// Says what the answer took, if that is wanted: on standard error, so that the answer stays clean.
    pub fn report(&self, answer: &Answer, screen: &Screen) -> Result<(), Failure> {
        if self.verbose && !screen.json {
            let style = screen.error_style();
            let line = took(&answer.usage, answer.model.as_deref());
            screen.prompt(&format!("{}\n", style.dim(&style.line(&line))))?;
        }
        Ok(())
    }
}

/// Runs `hob ask`.
pub async fn run(args: &Ask, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let options = args
        .shared
        .options()?
        .with_some("schema", args.schema.as_deref().map(schema).transpose()?)
        .with_some("tool_steps", args.tool_steps)
        .with_some("logprobs", args.logprobs);
    let question = input::question(&args.question, "question")?;
    // Someone who typed the question can be asked back.
    let asked_here = !args.question.is_empty() && args.question != ["-"] && io::stdin().is_terminal() && !screen.json;
    let mut lines = if asked_here { Some(Lines::of_stdin()?) } else { None };
    let mut interrupts = Interrupts::catch()?;
    let request = hob.ask(&question, options).await?;
    let reasoning = args.shared.shows_reasoning();
    let mut follower = Follower { screen, interrupts: &mut interrupts, lines: lines.as_mut(), reasoning };
    let answer = follower.follow(request, "Thinking …").await?;
    if screen.json {
        screen.write_json(&answer)?;
    } else {
        screen.write(&after(&answer, &screen.style()))?;
    }
    args.shared.report(&answer, screen)
}

/// The text of a schema file, which must be JSON.
fn schema(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::Local(format!("{}: {error}", file.display())))?;
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::Local(format!("{} is no JSON: {error}", file.display()))),
    }
}

/// What follows an answer's text: what was done, and the sources.
pub fn after(answer: &Answer, style: &Style) -> String {
    let mut out = String::new();
    if answer.finish_reason == "length" {
        out.push_str(&format!("{}\n", style.dim("(cut off; --max-tokens allows more)")));
    }
    if !answer.tool_calls.is_empty() {
        out.push_str(&format!("\n{}\n", style.bold("Actions")));
        for call in &answer.tool_calls {
            out.push_str(&action(call, style));
        }
    }
    if !answer.citations.is_empty() {
        out.push_str(&format!("\n{}\n", style.bold("Sources")));
        for citation in &answer.citations {
            out.push_str(&source(citation, style));
        }
    }
    if let Some(tokens) = &answer.logprobs {
        out.push_str(&format!("\n{}\n", style.bold("Tokens")));
        out.extend(tokens.iter().map(|token| likelihood(token, style)));
    }
    out
}

/// A token with its probability, and what might have stood in its place.
fn likelihood(token: &TokenLogprob, style: &Style) -> String {
    let shown =
        |text: &str, logprob: f64| format!("{} {:.1}%", style.line(&format!("{text:?}")), logprob.exp() * 100.0);
    let others: Vec<String> = token.top.iter().map(|(text, logprob)| shown(text, *logprob)).collect();
    let gap = if others.is_empty() { "" } else { "  " };
    format!("  {}{gap}{}\n", shown(&token.text, token.logprob), style.dim(&others.join(", ")))
}

/// What an answer took, on one line.
fn took(usage: &Usage, model: Option<&str>) -> String {
    let writing = usage.total_ms.saturating_sub(usage.first_token_ms);
    let mut parts: Vec<String> = model.map(str::to_owned).into_iter().collect();
    parts.push(format!(
        "{} in {}",
        count(u64::from(usage.completion_tokens), "token"),
        millis(f64::from(usage.total_ms))
    ));
    if usage.completion_tokens > 1 && writing > 0 {
        // The first token's time is the prompt's.
        parts.push(format!("{:.1} tokens/s", f64::from(usage.completion_tokens - 1) * 1000.0 / f64::from(writing)));
    }
    if usage.prompt_tokens > 0 {
        let (all, cached) = (number(u64::from(usage.prompt_tokens)), number(u64::from(usage.cached_tokens)));
        parts.push(format!("first after {}", millis(f64::from(usage.first_token_ms))));
        parts.push(format!("prompt of {all}, {cached} cached"));
    }
    if usage.queued_ms > 0 {
        parts.push(format!("waited {}", millis(f64::from(usage.queued_ms))));
    }
    if usage.threads > 0 {
        parts.push(count(u64::from(usage.threads), "thread"));
    }
    if usage.drafted > 0 {
        let (right, all) = (number(u64::from(usage.accepted)), number(u64::from(usage.drafted)));
        parts.push(format!("{right} of {all} guesses right"));
    }
    if usage.preempted > 0 {
        parts.push(format!("made way {}", count(u64::from(usage.preempted), "time")));
    }
    parts.join(" · ")
}

fn action(call: &ToolCall, style: &Style) -> String {
    let arguments = inline(&call.arguments, style);
    let gap = if arguments.is_empty() { "" } else { "  " };
    let what = if call.skill.is_empty() { call.name.clone() } else { format!("{} {}", call.skill, call.intent) };
    format!("  {}{gap}{}\n", style.name(&style.line(&what)), style.dim(&arguments))
}

fn source(citation: &Citation, style: &Style) -> String {
    let line = citation.line.map(|line| format!(":{line}")).unwrap_or_default();
    let page = citation.page.map(|page| format!("  page {page}")).unwrap_or_default();
    let place = citation.place.as_deref().map(|place| format!("  {}", style.line(place))).unwrap_or_default();
    let page = if page.is_empty() && place.is_empty() { page } else { style.dim(&format!("{page}{place}")) };
    let shown = match citation.item.shown() {
        Some(item) => style.line(&item),
        None => format!("{}{line}", style.path(&citation.path)),
    };
    let mut out = format!("  {}{page}\n", style.name(&shown));
    if !citation.quote.is_empty() {
        out.push_str(&format!("    “{}”\n", style.line(&citation.quote)));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sources_name_path_line_and_sentence() {
        let answer = Answer {
            citations: vec![
                Citation {
                    path: "/home/ana/a.md".into(),
                    line: Some(12),
                    quote: "Planted on\n 3 May.".into(),
                    ..Citation::default()
                },
                Citation { path: "/b.pdf".into(), line: Some(1), page: Some(4), ..Citation::default() },
            ],
            ..Answer::default()
        };
        let text = after(&answer, &Style::terminal(false, Some("/home/ana")));
        assert_eq!(text, "\nSources\n  ~/a.md:12\n    “Planted on 3 May.”\n  /b.pdf:1  page 4\n");
    }

    #[test]
    fn actions_name_their_arguments() {
        let call = ToolCall {
            skill: "org.hob.clock".into(),
            intent: "SetTimer".into(),
            arguments: json!({"duration": "PT10M", "label": "pasta"}),
            result: json!({}),
            ..ToolCall::default()
        };
        let answer = Answer { tool_calls: vec![call], ..Answer::default() };
        let text = after(&answer, &Style::plain());
        assert_eq!(text, "\nActions\n  org.hob.clock SetTimer  duration: PT10M, label: pasta\n");
    }

    #[test]
    fn an_answer_from_nowhere_has_no_sources() {
        assert_eq!(after(&Answer::default(), &Style::plain()), "");
    }

    #[test]
    fn what_it_took_is_one_line() {
        let usage = Usage {
            prompt_tokens: 1_200,
            cached_tokens: 1_100,
            completion_tokens: 41,
            first_token_ms: 120,
            total_ms: 520,
            queued_ms: 12,
            threads: 2,
            preempted: 1,
            drafted: 12,
            accepted: 9,
            ..Usage::default()
        };
        assert_eq!(
            took(&usage, Some("smol")),
            "smol · 41 tokens in 520 ms · 100.0 tokens/s · first after 120 ms · prompt of 1,200, 1,100 cached · \
             waited 12 ms · 2 threads · 9 of 12 guesses right · made way 1 time"
        );
        assert_eq!(took(&Usage { total_ms: 4, ..Usage::default() }, None), "0 tokens in 4.0 ms");
    }

    #[test]
    fn tokens_show_how_likely_they_were() {
        let token =
            TokenLogprob { text: " a\n".into(), logprob: 0.0, top: vec![("b".into(), -std::f64::consts::LN_2)] };
        let answer = Answer { logprobs: Some(vec![token]), ..Answer::default() };
        assert_eq!(after(&answer, &Style::plain()), "\nTokens\n  \" a\\n\" 100.0%  \"b\" 50.0%\n");
    }

    #[test]
    fn a_schema_must_be_json() {
        let file = std::env::temp_dir().join(format!("hob-cli-schema-{}", std::process::id()));
        std::fs::write(&file, "{\"type\": ").unwrap();
        let error = schema(&file).unwrap_err();
        std::fs::write(&file, "{\"type\": \"object\"}").unwrap();
        let text = schema(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(format!("{error:?}").contains("is no JSON"));
        assert_eq!(text, "{\"type\": \"object\"}");
        assert_eq!(schema(&file).unwrap_err().code(), 1);
    }
}
