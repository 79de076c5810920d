//! From what the user granted to a sandbox.
//!
//! Owns: which paths a kind of skill needs beside the granted ones, and the step in between that confines a
//! program before it starts. Must not know: how a layer works (that is [`hob_link::sandbox`]).

use crate::error::LoadError;
use anyhow::Context as _;
use hob_link::host::Limits;
use hob_link::sandbox::{Report, Sandbox};
use hob_link::skill::Load;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The argument that makes this program confine itself and become another.
pub const CONFINED: &str = "--confined";

/// A skill's address space in bytes: far more than a skill needs, far less than what hurts.
const ADDRESS_SPACE: u64 = 1 << 30;
/// The same for servers, whose run-times reserve what they never use.
const SERVER_ADDRESS_SPACE: u64 = 16 << 30;
/// Largest file that a skill can write, in bytes.
const FILE_SIZE: u64 = 256 << 20;
/// Files a skill may have open.
const OPEN_FILES: u64 = 256;
/// Skills die before the user's apps and before the model.
const OOM_SCORE_ADJ: u16 = 700;

/// Where programs and their run-times lie.
const PROGRAMS: [&str; 3] = ["/usr/bin", "/bin", "/usr/local/bin"];
/// What belongs to every run-time and to nobody in particular.
const SHARED: [&str; 4] = ["/usr/share", "/usr/local/share", "/etc/alternatives", "/etc/mime.types"];
/// Certificates, for those that may use the network.
const CERTIFICATES: [&str; 4] = ["/etc/ssl", "/etc/ca-certificates", "/etc/pki", "/usr/share/ca-certificates"];

/// The limits of this process, before it knows what it runs.
pub const OWN_LIMITS: Limits =
    Limits { open_files: Some(OPEN_FILES), oom_score_adj: Some(OOM_SCORE_ADJ), ..Limits::NONE };

/// The limits of a process with the skill's code in it.
fn limits(address_space: u64) -> Limits {
    Limits { address_space: Some(address_space), file_size: Some(FILE_SIZE), ..OWN_LIMITS }
}

/// What a program may touch, as it travels to the process that becomes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rules {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    execute: Vec<PathBuf>,
    server: bool,
    given_sockets: bool,
}

/// What the process that becomes a skill's program says first.
#[derive(Debug, Serialize, Deserialize)]
pub enum Confined {
    /// It is confined; the program follows.
    By(Report),
    /// It is not, so nothing follows.
    Not(String),
}

/// The rules for a program.
pub fn program_rules(load: &Load, server: bool) -> Rules {
    let mut read: Vec<PathBuf> = SHARED.iter().map(PathBuf::from).collect();
    read.extend(python_settings());
    read.push(load.folder.clone());
    read.extend(granted_reads(load));
    let mut execute: Vec<PathBuf> = PROGRAMS.iter().map(PathBuf::from).collect();
    execute.push(load.folder.clone());
    Rules { read, write: writes(load), execute, server, given_sockets: reaches_outside(load) }
}

/// Confines this process for a library, which is loaded next. Gives what the kernel does not enforce.
pub fn enter_for_library(load: &Load) -> Result<Vec<String>, LoadError> {
    let mut sandbox = Sandbox::new(limits(ADDRESS_SPACE)).libraries().read(&load.folder);
    sandbox = granted_reads(load).iter().fold(sandbox, |sandbox, path| sandbox.read(path));
    sandbox = writes(load).iter().fold(sandbox, |sandbox, path| sandbox.write(path));
    if reaches_outside(load) {
        sandbox = sandbox.given_sockets();
    }
    let report = sandbox.enter().map_err(|error| LoadError::NotConfined(error.to_string()))?;
    accept(&load.id, &report, load.grants.unconfined_allowed)
}

fn reaches_outside(load: &Load) -> bool {
    !(load.grants.network.is_empty() && load.grants.dbus.is_empty())
}

/// What is not enforced, or a refusal when that is not allowed.
pub fn accept(id: &str, report: &Report, unconfined_allowed: bool) -> Result<Vec<String>, LoadError> {
    if report.is_tight() {
        return Ok(Vec::new());
    }
    let missing = report.missing();
    if unconfined_allowed {
        return Ok(missing);
    }
    Err(LoadError::NotConfined(format!(
        "{id} is not started, because {}; \"unconfined = true\" under [skills] in hob.toml starts it all the same",
        missing.join(" and ")
    )))
}

fn granted_reads(load: &Load) -> Vec<PathBuf> {
    let certificates = CERTIFICATES.iter().filter(|_| !load.grants.network.is_empty()).map(PathBuf::from);
    load.grants.read.iter().cloned().chain(certificates).collect()
}

fn writes(load: &Load) -> Vec<PathBuf> {
    std::iter::once(load.storage.clone()).chain(load.grants.write.iter().cloned()).collect()
}

/// Python on Debian keeps a part of its library there.
fn python_settings() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/etc").into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3"));
    entries.filter(named).collect()
}

/// The arguments with which this program becomes `command` under `rules`.
pub fn confined_command(rules: &Rules, command: &[String]) -> Result<Vec<String>, String> {
    let rules = serde_json::to_string(rules).map_err(|e| e.to_string())?;
    Ok([CONFINED.to_string(), rules].into_iter().chain(command.iter().cloned()).collect())
}

/// Confines this process, says so on standard output and becomes the program; returns only when that fails.
pub fn become_program(arguments: &[String]) -> anyhow::Result<Infallible> {
    let [rules, program, arguments @ ..] = arguments else { anyhow::bail!("{CONFINED} needs rules and a program") };
    let rules: Rules = serde_json::from_str(rules).context("the rules")?;
    let space = if rules.server { SERVER_ADDRESS_SPACE } else { ADDRESS_SPACE };
    let mut sandbox = Sandbox::new(limits(space)).libraries().alone();
    sandbox = rules.read.iter().fold(sandbox, |sandbox, path| sandbox.read(path));
    sandbox = rules.write.iter().fold(sandbox, |sandbox, path| sandbox.write(path));
    sandbox = rules.execute.iter().fold(sandbox, |sandbox, path| sandbox.execute(path));
    if rules.given_sockets {
        sandbox = sandbox.given_sockets();
    }
    match sandbox.enter() {
        Ok(report) => say(&Confined::By(report))?,
        Err(error) => {
            say(&Confined::Not(error.to_string()))?;
            return Err(error.into());
        }
    }
    let error = Command::new(found(program)).args(arguments).exec();
    say(&Confined::Not(format!("{program}: {error}")))?;
    Err(error).context("becoming the skill's program")
}

/// A program named without a path is looked for where programs are; `./x` lies in the skill's folder, which
/// is the current one.
fn found(program: &str) -> PathBuf {
    if program.contains('/') {
        return program.into();
    }
    let places = PROGRAMS.iter().map(|folder| Path::new(folder).join(program));
    places.into_iter().find(|path| path.is_file()).unwrap_or_else(|| program.into())
}

fn say(confined: &Confined) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(confined)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_lacks_a_layer_is_refused_unless_that_is_allowed() {
        let whole = Report { landlock_abi: 7, calls: Some(80), needs_landlock: true };
        let old = Report { landlock_abi: 0, ..whole.clone() };
        assert_eq!(accept("org.example.x", &whole, false).ok(), Some(Vec::new()));
        let refused = accept("org.example.x", &old, false).expect_err("refused").to_string();
        assert!(refused.contains("no Landlock") && refused.contains("unconfined = true"), "{refused}");
        assert_eq!(accept("org.example.x", &old, true).map(|missing| missing.len()).ok(), Some(1));
    }
}
