//! `hob summarize`, `rewrite`, `proofread`, `translate`: work on a text.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use hob_sdk::client::{Hob, Options, TextTask};

use crate::commands::ask::Waiting;
use crate::failure::Failure;
use crate::follow::Follower;
use crate::input::{self, Interrupts};
use crate::screen::Screen;

/// Arguments of every verb.
#[derive(Debug, Args)]
pub struct Text {
    /// The file, of any kind that hob can index; `-` or nothing reads standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Use this model (see `hob model list`)
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// Stop after this many tokens
    #[arg(long, value_name = "N")]
    max_tokens: Option<u32>,
    /// Let others go first
    #[arg(long, value_enum)]
    priority: Option<Waiting>,
}

/// Arguments of `hob rewrite`.
#[derive(Debug, Args)]
pub struct Rewrite {
    #[command(flatten)]
    text: Text,
    /// How, e.g. "more formal"
    #[arg(short, long, value_name = "WORDS")]
    instruction: Option<String>,
}

/// Arguments of `hob translate`.
#[derive(Debug, Args)]
pub struct Translate {
    #[command(flatten)]
    text: Text,
    /// The language to translate into, e.g. "German"
    #[arg(long, value_name = "LANGUAGE")]
    to: String,
}

/// Runs `hob summarize`.
pub async fn summarize(args: &Text, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    run(TextTask::Summarize, args, Options::new(), hob, screen).await
}

/// Runs `hob rewrite`.
pub async fn rewrite(args: &Rewrite, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let options = Options::new().with_some("instruction", args.instruction.clone());
    run(TextTask::Rewrite, &args.text, options, hob, screen).await
}

/// Runs `hob proofread`.
pub async fn proofread(args: &Text, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    run(TextTask::Proofread, args, Options::new(), hob, screen).await
}

/// Runs `hob translate`.
pub async fn translate(args: &Translate, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let options = Options::new().with("language", args.to.clone());
    run(TextTask::Translate, &args.text, options, hob, screen).await
}

async fn run(task: TextTask, args: &Text, options: Options, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let options = options
        .with_some("model", args.model.clone())
        .with_some("max_tokens", args.max_tokens)
        .with_some("priority", args.priority.map(Waiting::option));
    // A file goes by its path, so that the daemon can read a PDF too.
    let (text, options) = match args.file.as_deref().filter(|file| *file != Path::new("-")) {
        Some(file) => (String::new(), options.with("path", input::existing_file(file)?)),
        None => (typed_or_piped(screen)?, options),
    };
    let mut interrupts = Interrupts::catch()?;
    let request = hob.text(task, &text, options).await?;
    let mut follower = Follower { screen, interrupts: &mut interrupts, lines: None, reasoning: false };
    let answer = follower.follow(request, "Reading …").await?;
    if screen.json {
        screen.write_json(&answer)?;
    } else if answer.finish_reason == "length" {
        screen.notice("(cut off; --max-tokens allows more)")?;
    }
    Ok(())
}

fn typed_or_piped(screen: &Screen) -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        screen.notice("Type or paste the text, then press Ctrl-D.")?;
    }
    let text = input::piped_text()?;
    if text.trim().is_empty() {
        return Err(Failure::Usage("there is no text; name a file, or pipe a text in".to_owned()));
    }
    Ok(text)
}
