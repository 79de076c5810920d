//! hob-skill-host: the child process that loads one skill and calls its intents.
//!
//! Owns: this process's hardening, the one library and the thread that calls it. Must not know:
//! which skills exist, who asked, or how long a call may take: the daemon ends a late child.

mod error;
mod library;
mod streams;

use anyhow::Context as _;
use error::LoadError;
use hob_link::host::{Limits, Replier, Requests, connect, harden};
use hob_link::skill::{SkillReply, SkillRequest};
use hob_link::wire::ToHost;
use library::Library;
use rustix::process::{Signal, getpid, kill_process};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// A skill's address space in bytes: far more than a skill needs, far less than what hurts.
const ADDRESS_SPACE: u64 = 2 << 30;
/// Files a skill may have open.
const OPEN_FILES: u64 = 256;
/// Skills die before the user's apps and before the model.
const OOM_SCORE_ADJ: u16 = 700;
/// Requests that may wait while a call runs; beyond that the wire fills up.
const QUEUE: usize = 256;

fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HOB_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let limits = Limits {
        address_space: Some(ADDRESS_SPACE),
        open_files: Some(OPEN_FILES),
        oom_score_adj: Some(OOM_SCORE_ADJ),
        ..Limits::NONE
    };
    harden(&limits).context("hardening the skill host")?;
    let (requests, replier) = connect("skill").context("hob-skill-host is started by hobd, not by hand")?;
    streams::detach().context("taking the wire away from standard input and output")?;
    let (queue, queued) = sync_channel(QUEUE);
    thread::Builder::new().name("wire".into()).spawn(move || read_wire(requests, &queue))?;
    serve(&queued, &replier)
}

/// Passes requests on. When the daemon is gone, nobody is left to end a skill that hangs, so this
/// ends the process whatever the skill does.
fn read_wire(mut requests: Requests<SkillRequest>, queue: &SyncSender<ToHost<SkillRequest>>) {
    loop {
        match requests.receive() {
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
    }
}

/// Answers requests on the main thread, where libraries expect to live, until told to shut down.
fn serve(queued: &Receiver<ToHost<SkillRequest>>, replier: &Replier<SkillReply>) -> anyhow::Result<()> {
    let mut library = None;
    while let Ok(message) = queued.recv() {
        match message {
            ToHost::Request { id, body } => replier.finish(id, answer(&mut library, body))?,
            // A call can't be interrupted within its process; the daemon ends the process instead.
            ToHost::Cancel { id } => tracing::debug!(id, "a cancelled call goes on to its end"),
            ToHost::Shutdown => break,
        }
    }
    drop(library);
    Ok(())
}

fn answer(library: &mut Option<Library>, request: SkillRequest) -> SkillReply {
    let answered = match request {
        SkillRequest::Load { .. } if library.is_some() => Err(LoadError::Twice.to_string()),
        SkillRequest::Load { library: path, id, storage } => match Library::load(&path, &id, &storage) {
            Err(error) => Err(error.to_string()),
            Ok(loaded) => {
                let reply = SkillReply::Loaded { abi: hob_sdk::abi::ABI_VERSION, version: loaded.version().into() };
                *library = Some(loaded);
                Ok(reply)
            }
        },
        SkillRequest::Call { intent, arguments, context } => match library {
            None => Err("no skill is loaded in this process; load one first".into()),
            Some(library) => {
                library.call(&intent, &arguments, &context).map(SkillReply::Result).map_err(|e| e.to_string())
            }
        },
    };
    answered.unwrap_or_else(SkillReply::Failed)
}
