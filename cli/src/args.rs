//! The arguments' grammar; each group's own part stands with its command.

use clap::{Parser, Subcommand};

use crate::commands::{ask, chat, completions, config, explain, index, model, route, search, skill, status, text};

/// hob, the AI service of this machine: ask, search, and get things done with what is on your own disk.
#[derive(Debug, Parser)]
#[command(name = "hob", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Print one JSON value on standard output and nothing else
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer a question from your files, or have something done
    Ask(ask::Ask),
    /// Talk: like ask, and remembering what was said
    Chat(chat::Chat),
    /// Find files by words and by meaning
    Search(search::Search),
    /// Choose what is indexed, and see how far it is
    #[command(subcommand)]
    Index(index::Index),
    /// Get, see, load, measure and check models
    #[command(subcommand)]
    Model(model::Model),
    /// See, call, write and install skills
    #[command(subcommand)]
    Skill(skill::Skill),
    /// Show what would handle a request, and with which arguments
    Route(route::Route),
    /// Say the same in fewer words
    Summarize(text::Text),
    /// Say the same in other words
    Rewrite(text::Rewrite),
    /// Correct spelling and grammar
    Proofread(text::Text),
    /// Say the same in another language
    Translate(text::Translate),
    /// Show what runs, with the memory it takes
    Status(status::Status),
    /// Explain why something is slow, unloaded, refused or paused
    Explain(explain::Explain),
    /// Check or show the settings
    #[command(subcommand)]
    Config(config::Config),
    /// Print a script that completes commands in a shell
    Completions(completions::Completions),
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn json_may_stand_anywhere() {
        assert!(parse("hob --json status").unwrap().json);
        assert!(parse("hob status --json").unwrap().json);
        assert!(parse("hob index status --json").unwrap().json);
        assert!(!parse("hob status").unwrap().json);
    }

    #[test]
    fn every_documented_command_parses() {
        for line in [
            "hob ask when is the dentist",
            "hob ask --context none --schema s.json --seed 1 --temperature 0.5 --max-tokens 9 -- -5 degrees?",
            "hob ask --quote -",
            "hob ask --system s --lora a.gguf --lora-scale -0.5 --priority background --no-reasoning --verbose x",
            "hob ask --logprobs what is it",
            "hob ask --tool-steps 2 set a timer",
            "hob ask --logprobs=3 what is it",
            "hob chat",
            "hob chat --model m",
            "hob search -n 3 --folder . --kind pdf --mode lexical --explain some words",
            "hob index add /tmp /var",
            "hob index remove /tmp",
            "hob index list",
            "hob index status",
            "hob index wait --lexical",
            "hob index pause",
            "hob index resume",
            "hob index rescan",
            "hob index rescan /tmp",
            "hob model list",
            "hob model show m",
            "hob model load m",
            "hob model unload m",
            "hob model check m",
            "hob model pull",
            "hob model pull hf:o/n:Q4_0 --name n --sha256 00 --replace --limit 500 --metered --plain-http",
            "hob model recommend",
            "hob model import /a --name n --dry-run",
            "hob model remove m --dry-run",
            "hob model default",
            "hob model default m",
            "hob model quantize m Q4_0 --name n --requantize --threads 2",
            "hob model bench m --prompt 128 --answer 16 --rounds 2",
            "hob model eval a b --questions q.csv --examples e.csv --limit 9 --text t --window 256",
            "hob skill list",
            "hob skill show org.hob.clock",
            "hob skill call --json org.hob.clock SetTimer {}",
            "hob skill call org.hob.clock ListTimers",
            "hob skill call --yes org.example.a Wipe {}",
            "hob skill undo",
            "hob skill undo a17",
            "hob skill new weather --lang python --id org.example.weather --sdk /sdk",
            "hob skill check",
            "hob skill check weather",
            "hob skill install -y weather",
            "hob skill remove org.example.weather",
            "hob skill enable --yes org.example.weather",
            "hob skill disable org.example.weather",
            "hob route set a timer",
            "hob summarize",
            "hob summarize a.pdf",
            "hob summarize --priority background a.pdf",
            "hob rewrite --instruction formal a.txt",
            "hob proofread -",
            "hob translate --to de a.txt",
            "hob status",
            "hob explain",
            "hob explain model",
            "hob config check",
            "hob config check hob.toml",
            "hob config show",
            "hob completions bash",
        ] {
            let parsed = parse(line);
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn nonsense_is_bad_usage() {
        for line in [
            "hob",
            "hob frobnicate",
            "hob ask --quote --generate x",
            "hob ask --context everything x",
            "hob ask --priority now x",
            "hob ask --lora-scale 1 x",
            "hob search -n 0 x",
            "hob search --mode psychic x",
            "hob translate a.txt",
            "hob model load",
            "hob skill call org.hob.clock",
            "hob skill new",
            "hob skill new weather --lang cobol",
            "hob skill remove",
            "hob completions emacs",
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
