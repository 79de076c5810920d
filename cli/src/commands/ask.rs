//! `hob ask`: a question, its answer as it is written, and where it comes from.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use hob_sdk::client::{Answer, Citation, Hob, Options, ToolCall};

use crate::failure::Failure;
use crate::follow::Follower;
use crate::input::{self, Interrupts, Lines};
use crate::outline::inline;
use crate::screen::Screen;
use crate::style::Style;

/// Arguments of `hob ask`.
#[derive(Debug, Args)]
pub struct Ask {
    /// The question; `-` reads it from standard input
    #[arg(value_name = "QUESTION")]
    question: Vec<String>,
    /// Constrain the answer to a JSON Schema, read from FILE
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
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
            .with_some("seed", self.seed))
    }
}

/// Runs `hob ask`.
pub async fn run(args: &Ask, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let options = args.shared.options()?.with_some("schema", args.schema.as_deref().map(schema).transpose()?);
    let question = input::question(&args.question, "question")?;
    // Someone who typed the question can be asked back.
    let asked_here = !args.question.is_empty() && args.question != ["-"] && io::stdin().is_terminal() && !screen.json;
    let mut lines = if asked_here { Some(Lines::of_stdin()?) } else { None };
    let mut interrupts = Interrupts::catch()?;
    let request = hob.ask(&question, options).await?;
    let mut follower = Follower { screen, interrupts: &mut interrupts, lines: lines.as_mut() };
    let answer = follower.follow(request, "Thinking …").await?;
    if screen.json {
        screen.write_json(&answer)?;
    } else {
        screen.write(&after(&answer, &screen.style()))?;
    }
    Ok(())
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
    out
}

fn action(call: &ToolCall, style: &Style) -> String {
    let arguments = inline(&call.arguments, style);
    let gap = if arguments.is_empty() { "" } else { "  " };
    format!("  {}{gap}{}\n", style.name(&style.line(&format!("{} {}", call.skill, call.intent))), style.dim(&arguments))
}

fn source(citation: &Citation, style: &Style) -> String {
    let line = citation.line.map(|line| format!(":{line}")).unwrap_or_default();
    let page = citation.page.map(|page| style.dim(&format!("  page {page}"))).unwrap_or_default();
    let mut out = format!("  {}{page}\n", style.name(&format!("{}{line}", style.path(&citation.path))));
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
