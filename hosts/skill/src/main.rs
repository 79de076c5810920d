//! hob-skill-host: the child process that runs one skill and calls its intents.
//!
//! Owns: this process's hardening, the one skill and the thread that calls it. Must not know:
//! which skills exist, who asked, or how long a call may take: the daemon ends a late child.

mod child;
mod confine;
mod error;
mod exec;
mod library;
mod mcp;
mod outside;
mod post;
mod runner;
mod services;
mod speech;
mod start;
mod streams;

use anyhow::Context as _;
use hob_link::host::{Replier, Requests, connect, harden};
use hob_link::skill::{SkillReply, SkillRequest};
use hob_link::wire::ToHost;
use post::Post;
use runner::{Failure, Reach};
use rustix::process::{Signal, getpid, kill_process};
use start::Started;
use std::convert::Infallible;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Requests that may wait while a call runs; beyond that the wire fills up.
const QUEUE: usize = 256;

/// Says that the environment is clean.
const CLEAN: &str = "HOB_CLEAN_ENVIRONMENT";
/// What is kept of the daemon's environment, beside `LC_*`, `XDG_*` and hob's own.
const KEPT: [&str; 9] =
    ["HOME", "PATH", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS"];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == confine::CONFINED
    {
        return confine::become_program(rest).map(|never| match never {});
    }
    if std::env::var_os(CLEAN).is_none() {
        return start_anew(&arguments).map(|never| match never {});
    }
    let filter = tracing_subscriber::EnvFilter::try_from_env("HOB_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    harden(&confine::OWN_LIMITS).context("hardening the skill host")?;
    let (mut requests, replier) = connect("skill").context("hob-skill-host is started by hobd, not by hand")?;
    streams::detach().context("taking the wire away from standard input and output")?;
    match load(&mut requests, &replier)? {
        Some((started, post)) => run(started, &post, requests),
        None => Ok(()),
    }
}

/// Becomes this program again with an environment that holds nothing but what a skill may know: a library reads all of
/// its process's.
fn start_anew(arguments: &[String]) -> anyhow::Result<Infallible> {
    let kept = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        KEPT.contains(&name.as_ref()) || ["LC_", "XDG_", "HOB_"].iter().any(|start| name.starts_with(start))
    });
    let mut again = Command::new(std::env::current_exe()?);
    let error = again.args(arguments).env_clear().envs(kept).env(CLEAN, "1").exec();
    Err(error).context("starting anew with a clean environment")
}

/// Waits for the skill and starts it. No thread runs before that: a sandbox binds the threads that come after
/// it. A skill that does not start ends this process, which is confined for it and of no use for another.
fn load(
    requests: &mut Requests<SkillRequest>,
    replier: &Replier<SkillReply>,
) -> anyhow::Result<Option<(Started, Arc<Post>)>> {
    let post = Post::new(replier.clone());
    while let Some(message) = requests.receive()? {
        match message {
            ToHost::Request { id, body: SkillRequest::Load(load) } => {
                post.begin(id);
                return match start::start(&load, &post) {
                    Ok(started) => {
                        let agreed = started.runner.agreed();
                        let unenforced = started.unenforced.clone();
                        let (abi, version, tools) = (agreed.abi, agreed.version, agreed.tools);
                        post.finish(id, SkillReply::Loaded { abi, version, tools, unenforced })?;
                        Ok(Some((started, post)))
                    }
                    Err(error) => {
                        post.finish(id, SkillReply::Failed(error.to_string()))?;
                        Ok(None)
                    }
                };
            }
            ToHost::Request { id, .. } => {
                let why = "no skill is loaded in this process; load one first".to_string();
                replier.finish(id, SkillReply::Failed(why))?;
            }
            ToHost::Cancel { id } => tracing::debug!(id, "nothing runs that could be cancelled"),
            ToHost::Shutdown => return Ok(None),
        }
    }
    Ok(None)
}

/// Answers calls on the main thread, where libraries expect to live, until told to shut down.
fn run(mut started: Started, post: &Arc<Post>, requests: Requests<SkillRequest>) -> anyhow::Result<()> {
    let (queue, queued) = sync_channel(QUEUE);
    let (reach, telling) = (started.reach.clone(), post.clone());
    thread::Builder::new().name("wire".into()).spawn(move || read_wire(requests, &queue, &*reach, &telling))?;
    serve(&mut started, &queued, post)
}

/// Passes requests on. When the daemon is gone, nobody is left to end a skill that hangs, so this
/// ends the process whatever the skill does.
fn read_wire(
    mut requests: Requests<SkillRequest>,
    queue: &SyncSender<ToHost<SkillRequest>>,
    reach: &dyn Reach,
    post: &Post,
) {
    loop {
        match requests.receive() {
            Ok(Some(ToHost::Request { id, body: SkillRequest::Answer { ask, answer } })) => {
                reach.answer(ask, &answer);
                post.acknowledge(id);
            }
            Ok(Some(ToHost::Cancel { id })) => reach.cancel(id),
            Ok(Some(message)) => {
                if queue.send(message).is_err() {
                    return; // The main thread is on its way out.
                }
            }
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "the daemon's messages can't be read");
                break;
            }
        }
    }
    if let Err(error) = kill_process(getpid(), Signal::KILL) {
        tracing::error!(%error, "this process can't end itself");
        std::process::abort();
    }
}

fn serve(started: &mut Started, queued: &Receiver<ToHost<SkillRequest>>, post: &Post) -> anyhow::Result<()> {
    while let Ok(message) = queued.recv() {
        let ToHost::Request { id, body } = message else { break };
        let SkillRequest::Call { intent, arguments, context } = body else {
            let why = "this process already holds a skill; each skill gets a process of its own".to_string();
            post.finish(id, SkillReply::Failed(why))?;
            continue;
        };
        post.begin(id);
        match started.runner.call(id, &intent, &arguments, &context) {
            Ok(result) => post.finish(id, SkillReply::Result(result))?,
            Err(Failure::Call(why)) => post.finish(id, SkillReply::Failed(why))?,
            Err(Failure::End(why)) => {
                post.finish(id, SkillReply::Failed(why))?;
                anyhow::bail!("the skill can't go on");
            }
        }
    }
    Ok(())
}
