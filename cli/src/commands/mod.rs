//! The commands, one module per group: its arguments, its calls, its rendering.
//!
//! Rendering is done by pure functions from typed answers to text, so that it can be tested without a daemon.

pub mod ask;
pub mod chat;
pub mod completions;
pub mod config;
pub mod explain;
pub mod index;
mod manifest;
pub mod model;
pub mod route;
pub mod search;
pub mod skill;
pub mod status;
pub mod text;

use hob_sdk::client::Hob;

use crate::args::Command;
use crate::failure::Failure;
use crate::screen::Screen;

/// Runs a command.
pub async fn run(command: Command, screen: &Screen) -> Result<(), Failure> {
    // These need no daemon.
    let command = match command {
        Command::Config(config) => return config::run(&config, screen),
        Command::Completions(completions) => return completions::run(&completions, screen),
        Command::Skill(skill) if skill.run_alone(screen).await? => return Ok(()),
        other => other,
    };
    let hob = Hob::session().await?;
    match command {
        Command::Ask(args) => ask::run(&args, &hob, screen).await,
        Command::Chat(args) => chat::run(&args, &hob, screen).await,
        Command::Search(args) => search::run(&args, &hob, screen).await,
        Command::Index(args) => index::run(&args, &hob, screen).await,
        Command::Model(args) => model::run(&args, &hob, screen).await,
        Command::Skill(args) => skill::run(&args, &hob, screen).await,
        Command::Route(args) => route::run(&args, &hob, screen).await,
        Command::Summarize(args) => text::summarize(&args, &hob, screen).await,
        Command::Rewrite(args) => text::rewrite(&args, &hob, screen).await,
        Command::Proofread(args) => text::proofread(&args, &hob, screen).await,
        Command::Translate(args) => text::translate(&args, &hob, screen).await,
        Command::Status(args) => status::run(&args, &hob, screen).await,
        Command::Explain(args) => explain::run(&args, &hob, screen).await,
        Command::Config(_) | Command::Completions(_) => Ok(()),
    }
}
