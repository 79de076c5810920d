//! hobd: arguments, logging, settings, start, wait, stop.

use anyhow::{Context, bail};
use hobd::allocator;
use hobd::paths::Paths;
use hobd::settings::Settings;
use hobd::{Daemon, VERSION, bus};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

const USAGE: &str = "hobd, the AI service of this machine

Usage: hobd [--system]                 run on the session (or system) bus until told to stop
       hobd --check-config [FILE]      check the settings and exit
       hobd --version | --help

Settings are in $XDG_CONFIG_HOME/hob/hob.toml or /etc/hob/hob.toml. HOB_LOG sets what is logged
(error, warn, info, debug; default info).";

fn main() -> ExitCode {
    allocator::few_arenas();
    match command() {
        Ok(()) => ExitCode::SUCCESS,
        // For a person: no backtrace, whatever the environment asks for.
        Err(error) => {
            eprintln!("hobd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => run(false),
        ["--system"] => run(true),
        ["--check-config"] => check(None),
        ["--check-config", file] => check(Some(file.into())),
        ["--version"] => say(&format!("hobd {VERSION}")),
        ["--help" | "-h"] => say(USAGE),
        other => bail!("unknown arguments {other:?}\n\n{USAGE}"),
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    println!("{text}");
    Ok(())
}

fn check(file: Option<PathBuf>) -> anyhow::Result<()> {
    let files = match file {
        Some(file) => vec![file],
        None => Paths::from_environment().map_err(anyhow::Error::msg)?.settings_files(),
    };
    match files.iter().rev().find(|file| file.exists()) {
        Some(file) => {
            Settings::read(file).map_err(anyhow::Error::msg)?;
            say(&format!("{}: good", file.display()))
        }
        None if files.len() == 1 => bail!("{}: there is no such file", files[0].display()),
        None => say("no settings file; the defaults are used"),
    }
}

fn run(system: bool) -> anyhow::Result<()> {
    // The index holds the user's texts, the log what was asked: nobody else may read them.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let filter = EnvFilter::try_from_env("HOB_LOG").unwrap_or_else(|_| EnvFilter::new("info,tantivy=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .init();
    let paths = Paths::from_environment().map_err(anyhow::Error::msg)?;
    let settings = Settings::load(&paths.settings_files()).map_err(anyhow::Error::msg)?;
    // Two workers are enough for a service that waits; each thread costs memory while it idles.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(16).enable_all().build()?;
    let done = runtime.block_on(serve(&paths, &settings, system));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}

/// From the first system call to the last commit.
async fn serve(paths: &Paths, settings: &Settings, system: bool) -> anyhow::Result<()> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let daemon = Daemon::start(paths, settings, &tokio::runtime::Handle::current())?;
    let connection = match bus::connect(&daemon, system).await {
        Ok(connection) => connection,
        Err(error) => {
            daemon.stop().await;
            return Err(error).context(no_bus(system));
        }
    };
    tracing::info!(version = VERSION, "hobd is on the bus");
    let ended = tokio::select! {
        _ = term.recv() => Ok(()),
        _ = int.recv() => Ok(()),
        () = connection.closed() => Err(anyhow::anyhow!("the bus is gone")),
        told = bus::tell(&connection, &daemon) => told.context("telling clients what changes"),
        () = daemon.housekeeping() => Ok(()),
        () = bus::follow_system(&daemon) => Ok(()),
    };
    tracing::info!("stopping");
    daemon.stop().await;
    ended
}

fn no_bus(system: bool) -> String {
    let (bus, hint) = if system {
        ("system", "allow org.hob.Hob1 in its policy")
    } else {
        ("session", "is DBUS_SESSION_BUS_ADDRESS set, and does no other hobd run there?")
    };
    format!("the {bus} bus did not give hobd its name {}; {hint}", bus::NAME)
}
