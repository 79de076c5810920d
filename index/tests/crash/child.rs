//! The process that holds the index, and the parent's end of it: lines in, lines out.

use crate::model::Contents;
use hob_index::items::{Item, ItemName};
use hob_index::types::{
    Block, Document, Embedder, EmbedderInfo, ExtractError, Extractor, IndexState, IndexStatus, Mode, Query, Urgency,
};
use hob_index::{Index, IndexOptions};
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

const BASE: &str = "HOB_CRASH_CHILD";
const APP: &str = "org.example.Crash";
/// What the child says begins with this; the test harness prints, too.
const MARK: &str = "@ ";
/// How long the index may take to come to rest, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const DIM: usize = 16;

pub struct Child {
    process: Process,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Child {
    pub fn start(base: &Path) -> Child {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_process", "--ignored", "--nocapture", "--test-threads=1"])
            .env(BASE, base)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = process.stdin.take().unwrap();
        let from = BufReader::new(process.stdout.take().unwrap()).lines();
        Child { process, to, from }
    }

    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Whether it was acknowledged.
    pub fn put(&mut self, id: &str, text: &str) -> bool {
        self.ask(&format!("put {id} {}", text.replace('\n', "\\n"))).is_some()
    }

    pub fn delete(&mut self, id: &str) -> bool {
        self.ask(&format!("delete {id}")).is_some()
    }

    /// Waits until the index is at rest; what it then finds.
    pub fn settle_and_list(&mut self) -> Contents {
        let answer = self.ask("list").expect("the child lives");
        let pair = |entry: &str| entry.split_once('=').map(|(name, word)| (name.to_owned(), word.to_owned()));
        answer.split('|').filter_map(pair).collect()
    }

    pub fn check(&mut self) -> Vec<String> {
        let answer = self.ask("check").expect("the child lives");
        answer.split('|').filter(|finding| !finding.is_empty()).map(str::to_owned).collect()
    }

    fn ask(&mut self, line: &str) -> Option<String> {
        writeln!(self.to, "{line}").ok()?;
        loop {
            let line = self.from.next()?.ok()?;
            if let Some(answer) = line.split_once(MARK).map(|(_, answer)| answer) {
                return Some(answer.to_owned());
            }
        }
    }
}

struct Text;

impl Extractor for Text {
    fn extract(&self, path: &Path) -> Result<Document, ExtractError> {
        let text = fs::read_to_string(path).map_err(|e| ExtractError::unopened(&e))?;
        let blocks = text.split("\n\n").map(|part| Block { text: part.to_owned(), line: 1, ..Block::default() });
        Ok(Document { kind: "text".to_owned(), blocks: blocks.collect(), ..Document::default() })
    }
}

impl Embedder for Text {
    fn info(&self) -> Option<EmbedderInfo> {
        Some(EmbedderInfo { id: "lengths".to_owned(), dim: DIM, languages: Vec::new() })
    }

    fn embed(&self, texts: &[String], _: Urgency) -> Result<Vec<Vec<f32>>, String> {
        let vector = |text: &String| (0..DIM).map(|i| 1.0 + ((text.len() * (i + 1)) % 17) as f32).collect();
        Ok(texts.iter().map(vector).collect())
    }
}

/// Holds the index until killed.
pub fn run() {
    let Some(base) = std::env::var_os(BASE) else { return };
    let base = Path::new(&base);
    let mut options = IndexOptions::new(base.join("index"));
    options.retry_after = Duration::from_millis(20);
    let index = Index::open(options, Arc::new(Text), Arc::new(Text)).unwrap();
    index.add_folder(&base.join("files")).unwrap();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match command {
            "put" => put(&index, rest),
            "delete" => index.delete_items(APP, &[rest.to_owned()]).map(|n| n.to_string()).unwrap(),
            "list" => list(&index, &base.join("files")),
            "check" => check(&index),
            _ => panic!("{line}"),
        };
        println!("{MARK}{answer}");
    }
}

fn put(index: &Index, rest: &str) -> String {
    let (id, text) = rest.split_once(' ').unwrap();
    let item = Item { text: text.replace("\\n", "\n"), ..Item::default() };
    index.put_item(&ItemName { app: APP.to_owned(), id: id.to_owned() }, &item).unwrap();
    String::new()
}

fn settle(index: &Index) {
    let (tell, told) = mpsc::channel();
    index.on_change(Box::new(move |status: &IndexStatus| drop(tell.send(status.clone()))));
    let at_rest = |status: &IndexStatus| status.state == IndexState::Idle && status.pending == 0;
    // Events of what has just been written may still be on their way from the kernel.
    index.rescan(None).unwrap();
    let mut status = index.status();
    while !at_rest(&status) {
        status = told.recv_timeout(PATIENCE).unwrap();
    }
}

/// Every document that is found, with the word that tells its version.
fn list(index: &Index, root: &Path) -> String {
    settle(index);
    let mut out = Vec::new();
    for path in index.documents() {
        let name = match ItemName::of(&path) {
            Some(item) => format!("item {}", item.id),
            None => path.strip_prefix(root).unwrap().display().to_string(),
        };
        let text = index.document_text(&path).unwrap().unwrap();
        let word = text.chunks[0].text.split_whitespace().next().unwrap();
        let query = Query { text: word.to_owned(), limit: 1, mode: Mode::Lexical, ..Query::default() };
        let best = index.search(&query).unwrap().hits.swap_remove(0);
        assert_eq!(best.path, path, "{word}");
        out.push(format!("{name}={word}"));
    }
    out.join("|")
}

fn check(index: &Index) -> String {
    let report = index.check().unwrap();
    let findings = report.findings.iter();
    findings.map(|f| format!("{}: {}", f.path.display(), f.problem.replace('|', " "))).collect::<Vec<_>>().join("|")
}
