//! `hob completions`: scripts for shells.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use crate::args::Cli;
use crate::failure::Failure;
use crate::screen::Screen;

/// Arguments of `hob completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs `hob completions`.
pub fn run(args: &Completions, screen: &Screen) -> Result<(), Failure> {
    let script = script(args.shell)?;
    let value = json!({"shell": args.shell.to_string(), "script": script});
    Ok(screen.result(&value, |_, _| script)?)
}

fn script(shell: Shell) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hob", &mut bytes);
    String::from_utf8(bytes).map_err(|_| Failure::Local("the completion script is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_every_command() {
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            let script = script(shell).unwrap_or_default();
            for word in ["summarize", "index", "rescan", "explain"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
