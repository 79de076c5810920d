//! `hob`: the command line of hob, a thin client of its D-Bus API.
//!
//! This file owns the way from arguments to an exit code: 0 done, 1 failed, 2 bad usage, 130 interrupted.

mod args;
mod commands;
mod failure;
mod follow;
mod highlight;
mod input;
mod outline;
mod progress;
mod screen;
mod style;
mod table;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Cli;
use crate::failure::Failure;
use crate::screen::Screen;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let screen = Screen::of_process(cli.json);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(error).report(&screen),
    };
    match runtime.block_on(commands::run(cli.command, &screen)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&screen),
    }
}
