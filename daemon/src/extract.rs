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

    /// Asks for all files, in as few goes as their faults allow.
    async fn ask(&self, paths: &[&Path]) -> Vec<Extracted> {
        let mut results = Vec::with_capacity(paths.len());
        while results.len() < paths.len() {
            let more = self.ask_at_once(&paths[results.len()..]).await;
            if more.is_empty() {
                break;
            }
            results.extend(more);
        }
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        results
    }

    /// Asks for all files before the first answer is waited for: the host reads them one after the other, and never
    /// waits for the daemon in between. Ends early after a file that ended the host.
    async fn ask_at_once(&self, paths: &[&Path]) -> Vec<Extracted> {
        let host = match self.host.host().await {
            Ok(host) => host,
            Err(error) => return paths.iter().map(|_| Err(unavailable(&error))).collect(),
        };
        let mut asked = Vec::with_capacity(paths.len());
        for path in paths {
            let path = path.to_path_buf();
            asked.push(host.request(ExtractRequest { path, max_bytes: self.max_bytes, max_text: MAX_TEXT }).await);
        }
        let mut results = Vec::with_capacity(paths.len());
        for replies in asked {
            let reply = async { replies?.next().await };
            match tokio::time::timeout(DEADLINE, reply).await {
                Ok(Ok(Some(ExtractReply::Document(document)))) => results.push(Ok(convert(document))),
                Ok(Ok(Some(ExtractReply::Skipped { reason }))) => results.push(Err(ExtractError::Skipped(reason))),
                Ok(Ok(None)) => results.push(Err(ExtractError::Unavailable("the reader gave no answer".into()))),
                // What kills the reader is the file it is at, so that file is what is not read again.
                Ok(Err(LinkError::Died { how, .. })) => {
                    let reason = format!("reading it ended the reader ({how}); the file may be damaged");
                    results.push(Err(ExtractError::Skipped(reason)));
                    break;
                }
                Ok(Err(error)) => results.push(Err(unavailable(&error))),
                Err(_) => {
                    host.kill().await;
                    let reason = format!("reading it took longer than {} s", DEADLINE.as_secs());
                    results.push(Err(ExtractError::Skipped(reason)));
                    break;
                }
            }
        }
        results
    }
}

type Extracted = Result<Document, ExtractError>;

fn unavailable(error: &LinkError) -> ExtractError {
    ExtractError::Unavailable(error.to_string())
}

impl hob_index::types::Extractor for HostExtractor {
    fn extract(&self, path: &Path) -> Result<Document, ExtractError> {
        self.extract_all(&[path]).pop().unwrap_or_else(|| Err(ExtractError::Unavailable("it was not read".into())))
    }

    fn extract_all(&self, paths: &[&Path]) -> Vec<Result<Document, ExtractError>> {
        self.runtime.block_on(self.ask(paths))
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
