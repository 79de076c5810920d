//! Model files that are damaged or made to harm: each is refused or works, and the host outlives it.
//!
//! `HOB_TEST_SHOW=1` prints what became of each file, `HOB_TEST_ROUNDS=1000` tries more random ones.
#![allow(clippy::unwrap_used)]

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod file;
mod tiny;

use cases::{Case, Expect};
use common::ModelHost;
use hob_engine::{EngineError, GenerateSpec, LoadSpec, ModelReply, ModelRequest, Role};
use hob_link::supervisor::{HostSpec, LinkError, Supervisor};
use std::fmt;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

/// Most memory that a host may have used at once, in KiB. Nothing here is larger than some MiB, except for the real
/// model, whose weights a host may copy.
const MOST_KIB: u64 = 1 << 20;
/// Generous, because other work may run beside.
const LONGEST: Duration = Duration::from_secs(30);

/// What became of a file.
enum Outcome {
    Refused(String),
    /// It loads and then says why it can't be used.
    Useless(String),
    Works,
    Died(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(f, "refused because {reason}"),
            Self::Useless(reason) => write!(f, "loaded, but {reason}"),
            Self::Works => write!(f, "works"),
            Self::Died(how) => write!(f, "died: {how}"),
        }
    }
}

/// Loads a file and, if that works, uses the model for whatever it can do.
async fn attempt(host: &ModelHost, path: &Path, role: Role) -> Outcome {
    tried(host, path, role).await.unwrap_or_else(|died| Outcome::Died(died.to_string()))
}

async fn tried(host: &ModelHost, path: &Path, role: Role) -> Result<Outcome, LinkError> {
    let spec = LoadSpec { path: path.into(), role, threads: 1, ..LoadSpec::default() };
    match asked(host, ModelRequest::Load(spec)).await? {
        Err(EngineError::BadModel { reason, .. }) => return Ok(Outcome::Refused(reason)),
        Err(error) => return Ok(Outcome::Refused(error.to_string())),
        Ok(()) => {}
    }
    let text = "hello, a b w\u{f6}rld 42\n\t\u{1f600}".to_string();
    let used = match role {
        Role::Chat => {
            let spec = GenerateSpec { max_tokens: 3, ..common::ask(&text) };
            asked(host, ModelRequest::Generate(spec)).await?
        }
        _ => asked(host, ModelRequest::Embed { texts: vec![text.clone(), String::new()], interactive: true }).await?,
    };
    let counted = asked(host, ModelRequest::CountTokens { text }).await?;
    Ok(used.and(counted).map_or_else(|error| Outcome::Useless(error.to_string()), |()| Outcome::Works))
}

/// Sends a request and takes its last reply.
async fn asked(host: &ModelHost, request: ModelRequest) -> Result<Result<(), EngineError>, LinkError> {
    let mut replies = host.request(request).await?;
    let mut failed = None;
    while let Some(reply) = replies.next().await? {
        if let ModelReply::Failed(error) = reply {
            failed = Some(error);
        }
    }
    Ok(failed.map_or(Ok(()), Err))
}

/// What became of some files.
#[derive(Default)]
struct Tally {
    refused: usize,
    usable: usize,
    died: usize,
    /// Those that went otherwise than expected.
    wrong: Vec<String>,
}

/// Tries all cases, several side by side, and lists those that went otherwise than expected.
async fn run(cases: Vec<Case>) {
    let lane = |n: usize| try_some(cases.iter().skip(n).step_by(3));
    let (a, b, c) = tokio::join!(lane(0), lane(1), lane(2));
    let lanes = [a, b, c];
    let sum = |figure: fn(&Tally) -> usize| lanes.iter().map(figure).sum::<usize>();
    let (refused, usable, died) = (sum(|l| l.refused), sum(|l| l.usable), sum(|l| l.died));
    eprintln!("{} files: {refused} refused, {usable} usable, {died} deaths", cases.len());
    let wrong: Vec<_> = lanes.iter().flat_map(|lane| lane.wrong.clone()).collect();
    assert!(wrong.is_empty(), "{} of {} files:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Tries one file after another, with one host as long as it lives and has no model.
async fn try_some(cases: impl Iterator<Item = &Case>) -> Tally {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let show = std::env::var_os("HOB_TEST_SHOW").is_some();
    let (mut all, mut host) = (Tally::default(), None);
    for case in cases {
        // A new file each time: a host that still ends may have the old one mapped.
        fs::remove_file(&path).unwrap_or_default();
        fs::write(&path, &case.bytes).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(case.len).unwrap();
        let running = match host.take() {
            Some(running) => running,
            None => common::start().await,
        };
        let started = Instant::now();
        let outcome = attempt(&running, &path, case.role).await;
        let (took, used) = (started.elapsed(), highest(&running));
        let line = format!("{}: {outcome} in {took:?} with {used} KiB", case.name);
        if show {
            eprintln!("{line}");
        }
        if !fits(case.expect, &outcome) || took > LONGEST || used > MOST_KIB {
            all.wrong.push(format!("{line}, expected {:?}", case.expect));
        }
        match outcome {
            Outcome::Refused(_) => {
                all.refused += 1;
                // A host holds one model for good; one that refused a file takes the next.
                host = Some(running);
            }
            Outcome::Useless(_) | Outcome::Works => all.usable += 1,
            Outcome::Died(_) => all.died += 1,
        }
    }
    all
}

fn fits(expected: Expect, outcome: &Outcome) -> bool {
    match (expected, outcome) {
        (Expect::Refused(reason), Outcome::Refused(given)) => given.contains(reason),
        (Expect::Works, Outcome::Works) => true,
        (Expect::Either, Outcome::Died(_)) => false,
        (Expect::Either, _) => true,
        _ => false,
    }
}

/// The most memory that a host had at once, in KiB; 0 when it is gone.
fn highest(host: &ModelHost) -> u64 {
    let about = fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap_or_default();
    let line = about.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn sound_models_work() {
    run(cases::sound()).await;
}

#[tokio::test]
async fn damaged_models_are_refused_or_harmless() {
    let cases = cases::damaged();
    assert!(cases.len() >= 200);
    run(cases).await;
}

#[tokio::test]
async fn what_made_llama_cpp_abort_is_refused_with_its_reason() {
    run(cases::deadly()).await;
}

#[tokio::test]
async fn random_changes_kill_no_host() {
    run(cases::random()).await;
}

#[tokio::test]
async fn a_real_model_is_refused_or_harmless_when_it_is_damaged() {
    let Some(path) = common::model(common::CHAT) else { return };
    run(cases::real(&path)).await;
}

/// Shorter than one step of llama.cpp's for all its sequences.
#[tokio::test]
async fn a_request_for_a_context_of_one_token_gets_a_longer_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs::write(&path, tiny::llama().bytes()).unwrap();
    let host = common::start().await;
    let info = common::load(&host, LoadSpec { path, context: 1, threads: 1, ..LoadSpec::default() }).await.unwrap();
    assert_eq!(info.context, 64);
    assert!(common::generate(&host, GenerateSpec { max_tokens: 2, ..common::ask("hello") }).await.is_ok());
}

/// The one death that no look at a header prevents: somebody cuts the file while its weights are mapped, and the
/// kernel ends whoever reads them. The supervisor says so and starts another host.
#[tokio::test]
async fn a_file_that_is_cut_while_it_is_in_use_ends_only_its_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let whole = tiny::llama().bytes();
    fs::write(&path, &whole).unwrap();
    let supervisor: Supervisor<ModelRequest, ModelReply> = Supervisor::new(HostSpec {
        kind: "model",
        program: env!("CARGO_BIN_EXE_hob-model-host").into(),
        args: Vec::new(),
    });
    let spec = LoadSpec { path: path.clone(), threads: 1, ..LoadSpec::default() };
    let host = supervisor.host().await.unwrap();
    asked(&host, ModelRequest::Load(spec)).await.unwrap().unwrap();
    File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
    match asked(&host, ModelRequest::Generate(common::ask("hello"))).await {
        Err(LinkError::Died { how, .. }) => assert_eq!(how, "signal 7"),
        other => panic!("{other:?}"),
    }
    fs::write(&path, &whole).unwrap();
    let next = supervisor.host().await.unwrap();
    assert_ne!(next.pid(), host.pid());
    assert!(matches!(attempt(&next, &path, Role::Chat).await, Outcome::Works));
}
