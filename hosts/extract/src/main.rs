//! The extract host's process: confines itself, then answers requests until its wire closes. It can open nothing;
//! each request brings its files.
//!
//! Owns: the process. Must not know: any file format.

use anyhow::{Context, anyhow};
use hob_extract_host::background::idle_io;
use hob_extract_host::{extract, log_panics_quietly};
use hob_link::extract::{ExtractReply, ExtractRequest, ToRead};
use hob_link::host::{self, Limits, Replier, Requests};
use hob_link::passing;
use hob_link::sandbox::Sandbox;
use hob_link::wire::{ToHost, WireError};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tracing_subscriber::EnvFilter;

/// Deeply nested documents recurse deeply in the parsers; the default 2 MiB is soon used up.
const STACK: usize = 16 << 20;
/// Replies that come one after the other within this time go together; a file that takes longer lets the ones before it
/// wait until its own is there.
const SOON: Duration = Duration::from_millis(10);
/// The files of some requests, and a few of its own.
const OPEN_FILES: u64 = 4 * passing::MOST as u64 + 32;
/// A decompression bomb that slips past the format's own limits ends here, not in swap.
const LIMITS: Limits =
    Limits { address_space: Some(1536 << 20), open_files: Some(OPEN_FILES), oom_score_adj: Some(600), ..Limits::NONE };

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("HOB_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    idle_io();
    let sandbox = Sandbox::new(LIMITS).enter().context("the extract host could not confine itself")?;
    tracing::debug!(%sandbox, "confined");
    log_panics_quietly();
    let (requests, replier) =
        host::connect_confined("extract", sandbox).context("the extract host is started by hobd, not by hand")?;
    let worker = std::thread::Builder::new()
        .name("extract".into())
        .stack_size(STACK)
        .spawn(move || serve(requests, &replier))
        .context("no thread could be started")?;
    worker.join().map_err(|_| anyhow!("the extracting thread panicked"))??;
    Ok(())
}

/// Answers one request after the other. A cancelled one is finished all the same: the daemon
/// ends a host that takes too long.
fn serve(mut requests: Requests<ExtractRequest>, replier: &Replier<ExtractReply>) -> Result<(), WireError> {
    while let Some(message) = requests.receive()? {
        match message {
            ToHost::Request { id, body } => {
                let files: Option<Vec<OwnedFd>> = body.files.iter().map(|_| requests.take_file()).collect();
                // Whose text the next one would be is not known then.
                let files = files.ok_or_else(|| io::Error::other("a request came without all of its files"))?;
                answer(replier, id, &body.files, files)?;
            }
            ToHost::Cancel { .. } => {}
            ToHost::Shutdown => break,
        }
    }
    Ok(())
}

fn answer(replier: &Replier<ExtractReply>, id: u64, wanted: &[ToRead], files: Vec<OwnedFd>) -> Result<(), WireError> {
    let all = wanted.len();
    let mut sent = Instant::now();
    for (nth, (wanted, file)) in wanted.iter().zip(files).enumerate() {
        let last = nth + 1 == all;
        let reply = extract(wanted, File::from(file));
        let send: Send = if last {
            Replier::finish
        } else if sent.elapsed() < SOON {
            Replier::hold
        } else {
            sent = Instant::now();
            Replier::send
        };
        tell(reply, |reply| send(replier, id, reply))?;
    }
    Ok(())
}

/// A way for a reply to go.
type Send = fn(&Replier<ExtractReply>, u64, ExtractReply) -> Result<(), WireError>;

/// Replies, with the reason in place of a text that is too long for one message.
fn tell(reply: ExtractReply, send: impl Fn(ExtractReply) -> Result<(), WireError>) -> Result<(), WireError> {
    match send(reply) {
        Err(WireError::TooLong(bytes)) => {
            let reason = format!("its text takes {bytes} bytes, more than fits into one message");
            send(ExtractReply::Skipped { reason })
        }
        sent => sent,
    }
}
