//! The way to the text of files: the extract host, started when needed, killed when it hangs.

use hob_index::types::{Block, Document, ExtractError};
use hob_link::extract::{self as wire, ExtractReply, ExtractRequest};
use hob_link::supervisor::{HostSpec, LinkError, Supervisor};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long one file may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Most text taken from one file, in bytes.
const MAX_TEXT: u64 = 8 << 20;
/// Unused for so long, the host ends.
const IDLE: Duration = Duration::from_secs(30);
/// How long the host may take to end by itself.
const STOP_GRACE: Duration = Duration::from_millis(300);

/// Extracts through the extract host. One bad file costs one error, never the daemon.
pub struct HostExtractor {
    host: Supervisor<ExtractRequest, ExtractReply>,
    max_bytes: u64,
    runtime: Handle,
    last_used: Mutex<Instant>,
}

impl HostExtractor {
    /// Starts nothing yet.
    pub fn new(program: PathBuf, max_bytes: u64, runtime: Handle) -> Self {
        let host = Supervisor::new(HostSpec { kind: "extract", program, args: Vec::new() });
        Self { host, max_bytes, runtime, last_used: Mutex::new(Instant::now()) }
    }

    /// The host's process, if it runs.
    pub async fn pids(&self) -> Vec<u32> {
        self.host.pid().await.into_iter().collect()
    }

    /// Ends the host when it has been idle; when to look again.
    pub async fn recycle_if_idle(&self) -> Duration {
        let idle = self.last_used.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        if idle < IDLE {
            return IDLE - idle;
        }
        self.stop().await;
        IDLE
    }

    /// Ends the host.
    pub async fn stop(&self) {
        self.host.stop(STOP_GRACE).await;
    }

    async fn ask(&self, path: &Path) -> Result<Document, ExtractError> {
        let unavailable = |e: LinkError| ExtractError::Unavailable(e.to_string());
        let host = self.host.host().await.map_err(unavailable)?;
        let request = ExtractRequest { path: path.to_path_buf(), max_bytes: self.max_bytes, max_text: MAX_TEXT };
        let asked = tokio::time::timeout(DEADLINE, host.ask(request)).await;
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        match asked {
            Ok(Ok(ExtractReply::Document(document))) => Ok(convert(document)),
            Ok(Ok(ExtractReply::Skipped { reason })) => Err(ExtractError::Skipped(reason)),
            // What kills the reader is the file, so the file is what is not read again.
            Ok(Err(LinkError::Died { how, .. })) => {
                Err(ExtractError::Skipped(format!("reading it ended the reader ({how}); the file may be damaged")))
            }
            Ok(Err(error)) => Err(unavailable(error)),
            Err(_) => {
                host.kill().await;
                Err(ExtractError::Skipped(format!("reading it took longer than {} s", DEADLINE.as_secs())))
            }
        }
    }
}

impl hob_index::types::Extractor for HostExtractor {
    fn extract(&self, path: &Path) -> Result<Document, ExtractError> {
        self.runtime.block_on(self.ask(path))
    }
}

fn convert(document: wire::Document) -> Document {
    let block = |b: wire::Block| Block { text: b.text, line: b.line, page: b.page, heading: b.heading };
    Document {
        kind: document.kind,
        title: document.title,
        author: document.author,
        date: document.date,
        blocks: document.blocks.into_iter().map(block).collect(),
        truncated: document.truncated,
    }
}
