//! The fetch host's process: hardens itself, gets one file, ends.
//!
//! Owns: the process. One process, one fetch: whoever loses interest closes the wire or kills it, which is safe
//! at any moment.

use anyhow::Context;
use hob_fetch_host::{fetch, import};
use hob_link::fetch::{FetchReply, FetchTask};
use hob_link::host::{self, Limits, Replier, Requests};
use hob_link::wire::ToHost;
use std::io;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Enough for TLS and its certificates; what a server sends is never held in memory as a whole.
const LIMITS: Limits =
    Limits { address_space: Some(1 << 30), open_files: Some(64), oom_score_adj: Some(700), ..Limits::NONE };

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("HOB_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    host::harden(&LIMITS).context("the fetch host could not limit itself")?;
    let (mut requests, replier) = host::connect("fetch").context("the fetch host is started by hobd, not by hand")?;
    let Some(ToHost::Request { id, body }) = requests.receive()? else { return Ok(()) };
    std::thread::Builder::new().name("wire".into()).spawn(move || end_with_the_wire(requests))?;
    get(&replier, id, &body)
}

fn get(replier: &Replier<FetchReply>, id: u64, task: &FetchTask) -> anyhow::Result<()> {
    let mut tell = |progress| {
        if let Err(error) = replier.send(id, FetchReply::Progress(progress)) {
            tracing::debug!(%error, "nobody hears how far it is");
        }
    };
    let reply = match task {
        FetchTask::Fetch(request) => fetch(request, &mut tell).map(FetchReply::Done),
        FetchTask::Import(request) => import(request).map(FetchReply::Imported),
    };
    let reply = reply.unwrap_or_else(FetchReply::Failed);
    Ok(replier.finish(id, reply)?)
}

/// A cancel, a shutdown or a closed wire ends the process where it stands: nothing needs to be put in order.
fn end_with_the_wire(mut requests: Requests<FetchTask>) {
    loop {
        match requests.receive() {
            Ok(Some(ToHost::Request { .. })) => tracing::error!("a fetch host gets one file; start another one"),
            Ok(Some(ToHost::Cancel { .. } | ToHost::Shutdown) | None) => break,
            Err(error) => {
                tracing::debug!(%error, "the wire broke");
                break;
            }
        }
    }
    std::process::exit(0);
}
