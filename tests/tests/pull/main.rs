//! The fetch host against servers that do everything wrong: each fault ends in the right file or in a clear error,
//! and never in part of a file under its final name.

mod disk;
mod faults;
mod imports;
mod killed;
mod sources;
mod tls;

use hob_link::fetch::{FetchError, FetchReply, FetchRequest, FetchTask, Fetched, Patience, Source};
use hob_link::supervisor::{Host, HostSpec};
use hob_tests::{gguf, programs};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

type FetchHost = Host<FetchTask, FetchReply>;

/// A models' folder of a test's own.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn must_hold(&self, name: &str, content: &[u8]) {
        let there = std::fs::read(self.path().join(name)).expect("the file is there");
        assert!(there == content, "{name} has {} bytes, not the right {}", there.len(), content.len());
        assert!(!self.path().join(".store").join(format!("{name}.part")).exists(), "a part was left");
    }

    fn part_len(&self, name: &str) -> u64 {
        std::fs::metadata(self.path().join(".store").join(format!("{name}.part"))).map_or(0, |m| m.len())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir(folder).expect("a folder").flatten();
    let files = all.filter(|entry| entry.path().is_file());
    files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Quick to try again, quick to give up.
fn patience() -> Patience {
    Patience { attempts: 4, first_wait_ms: 5, longest_wait_ms: 2_000, silence_ms: 400 }
}

fn request(source: Source, folder: &Path) -> FetchRequest {
    FetchRequest {
        source,
        folder: folder.to_path_buf(),
        name: None,
        sha256: None,
        replace: false,
        bytes_per_second: 0,
        endpoint: String::new(),
        token: None,
        plain_http: false,
        patience: patience(),
    }
}

fn from_url(url: &str, folder: &Folder) -> FetchRequest {
    request(Source::Url(url.into()), folder.path())
}

async fn start() -> FetchHost {
    spawn("hob-fetch-host", Vec::new()).await
}

async fn spawn(program: &str, args: Vec<String>) -> FetchHost {
    // A name with a slash is another program's, which starts the host in its turn.
    let program: PathBuf = programs().join(program);
    FetchHost::spawn(&HostSpec { kind: "fetch", program, args }).await.expect("the fetch host starts")
}

/// Runs a fetch to its end.
async fn fetch(request: FetchRequest) -> Result<Fetched, FetchError> {
    fetch_with(&start().await, request).await
}

async fn fetch_with(host: &FetchHost, request: FetchRequest) -> Result<Fetched, FetchError> {
    let mut replies = host.request(FetchTask::Fetch(request)).await.expect("asked");
    loop {
        match replies.next().await.expect("the host lives").expect("a last reply") {
            FetchReply::Progress(_) => {}
            FetchReply::Done(fetched) => return Ok(fetched),
            FetchReply::Failed(error) => return Err(error),
            other => panic!("{other:?}"),
        }
    }
}

/// Runs a fetch that must fail, with these words, and leave nothing under a final name.
async fn must_fail(request: FetchRequest, words: &[&str]) -> FetchError {
    let folder = request.folder.clone();
    let before = names(&folder);
    let error = fetch(request).await.expect_err("a fault");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert_eq!(names(&folder), before, "something new has a final name");
    error
}

/// A model of a few hundred kilobytes.
fn model() -> Vec<u8> {
    gguf::model(600_000, 7)
}
