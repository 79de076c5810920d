//! `hob index`: what is indexed, and how far it is.

mod soundness;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hob_sdk::client::{Hob, IndexStatus, Options, SkippedFile, from_details};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::failure::Failure;
use crate::input;
use crate::progress;
use crate::screen::Screen;
use crate::style::{Style, count, number};

/// Arguments of `hob index`.
#[derive(Debug, Subcommand)]
pub enum Index {
    /// Index folders and follow their changes; without any, say which there are
    Add(Add),
    /// Forget folders
    Remove(Folders),
    /// List the indexed folders
    List,
    /// Show the index's counters, and the files that could not be indexed
    Status(Status),
    /// Wait until everything is indexed
    Wait(Wait),
    /// Stop indexing for now
    Pause,
    /// Go on indexing
    Resume,
    /// Look at every file of a folder again, or of all
    Rescan(Rescan),
    /// Compare all parts of the index with each other and with the disk
    Check,
    /// Put right what a check finds
    Repair,
}

/// Some folders.
#[derive(Debug, Args)]
pub struct Folders {
    /// The folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Arguments of `hob index add`.
#[derive(Debug, Args)]
pub struct Add {
    /// The folders
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Wait until they are indexed
    #[arg(long)]
    wait: bool,
}

/// Arguments of `hob index status`.
#[derive(Debug, Args)]
pub struct Status {
    /// List at most this many files that could not be indexed
    #[arg(long, value_name = "N")]
    skipped: Option<u32>,
}

/// Arguments of `hob index wait`.
#[derive(Debug, Args)]
pub struct Wait {
    /// Do not wait for embeddings: words can be searched, meaning not yet everywhere
    #[arg(long)]
    lexical: bool,
}

/// Arguments of `hob index rescan`.
#[derive(Debug, Args)]
pub struct Rescan {
    /// The folder; all of them without it
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
}

/// A folder that could be added.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Proposal {
    path: String,
    what: String,
}

/// The whole of `hob index status`.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    status: IndexStatus,
    skipped_files: Vec<SkippedFile>,
}

/// Runs `hob index`.
pub async fn run(args: &Index, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    match args {
        Index::Add(args) => add(args, hob, screen).await,
        Index::Remove(args) => remove(args, hob, screen).await,
        Index::List => {
            let folders = hob.index_status().await?.folders;
            Ok(screen.result(&folders, |folders, style| render_folders(folders, style))?)
        }
        Index::Status(args) => status(args, hob, screen).await,
        Index::Wait(args) => {
            wait(args.lexical, hob, screen).await?;
            Ok(screen.result(&hob.index_status().await?, render_counters)?)
        }
        Index::Pause => {
            hob.index().await?.pause().await?;
            said(screen, &json!({"state": "paused"}), "Paused; `hob index resume` goes on.")
        }
        Index::Resume => {
            hob.index().await?.resume().await?;
            let state = hob.index_status().await?.state;
            said(screen, &json!({"state": state}), "Indexing goes on.")
        }
        Index::Check => soundness::check(hob, screen).await,
        Index::Repair => soundness::repair(hob, screen).await,
        Index::Rescan(args) => {
            let path = args.path.as_deref().map(input::absolute).transpose()?.unwrap_or_default();
            hob.index().await?.rescan(&path).await?;
            let what = if path.is_empty() { "all folders".to_owned() } else { screen.style().path(&path) };
            said(screen, &json!({"rescanned": path}), &format!("Looking at {what} again."))
        }
    }
}

/// A command whose success is all there is to say.
fn said(screen: &Screen, value: &serde_json::Value, sentence: &str) -> Result<(), Failure> {
    Ok(screen.result(value, |_, _| format!("{sentence}\n"))?)
}

async fn add(args: &Add, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let index = hob.index().await?;
    let mut added = Vec::new();
    if args.paths.is_empty() {
        return propose(hob, screen).await;
    }
    for path in &args.paths {
        let path = input::absolute(path)?;
        index.add_folder(&path, &Options::new()).await?;
        if !screen.json {
            screen.write(&format!("Following {}\n", screen.style().name(&screen.style().path(&path))))?;
        }
        added.push(path);
    }
    if args.wait {
        wait(false, hob, screen).await?;
        if !screen.json {
            screen.write(&render_counters(&hob.index_status().await?, &screen.style()))?;
        }
    } else {
        screen.notice("It is indexed in the background; `hob index wait` shows how far it is.")?;
    }
    if screen.json {
        screen.write_json(&json!({"added": added}))?;
    }
    Ok(())
}

/// Names the folders that could be added.
async fn propose(hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let proposals = hob.index().await?.proposals(&Options::new()).await?;
    let proposals: Vec<Proposal> = proposals.iter().map(from_details).collect::<Result<_, _>>()?;
    screen.result(&json!({"proposals": proposals}), |_, style| render_proposals(&proposals, style))?;
    Ok(())
}

fn render_proposals(proposals: &[Proposal], style: &Style) -> String {
    if proposals.is_empty() {
        return "No further folder to propose; add any with `hob index add PATH`.\n".to_owned();
    }
    let line = |p: &Proposal| format!("  {}  {}\n", style.name(&style.path(&p.path)), style.dim(&p.what));
    let lines: String = proposals.iter().map(line).collect();
    format!("Nothing is indexed unasked. These could be, with `hob index add PATH…`:\n{lines}")
}

async fn remove(args: &Folders, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let index = hob.index().await?;
    let mut removed = Vec::new();
    for path in &args.paths {
        let path = input::absolute(path)?;
        index.remove_folder(&path).await?;
        if !screen.json {
            screen.write(&format!("Forgot {}\n", screen.style().name(&screen.style().path(&path))))?;
        }
        removed.push(path);
    }
    if screen.json {
        screen.write_json(&json!({"removed": removed}))?;
    }
    Ok(())
}

async fn wait(lexical: bool, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let index = hob.index().await?;
    let options = Options::new().with("lexical", lexical);
    let waiting = async { Ok(index.wait(&options).await?) };
    if screen.shows_progress() { progress::until(hob, screen, waiting).await } else { waiting.await }
}

/// Files listed when nothing else was asked for: a screenful for people, all for programs.
const LISTED: u32 = 20;

async fn status(args: &Status, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let status = hob.index_status().await?;
    let limit = args.skipped.unwrap_or(if screen.terminal && !screen.json { LISTED } else { u32::MAX });
    let skipped = if limit == 0 { Vec::new() } else { hob.index().await?.skipped_files(limit).await? };
    let skipped_files = skipped.into_iter().map(|(path, reason)| SkippedFile { path, reason }).collect();
    Ok(screen.result(&Report { status, skipped_files }, render_report)?)
}

fn render_folders(folders: &[String], style: &Style) -> String {
    if folders.is_empty() {
        return "No folder is indexed; add one with `hob index add PATH`.\n".to_owned();
    }
    folders.iter().map(|folder| format!("{}\n", style.name(&style.path(folder)))).collect()
}

/// The counters in one line.
pub fn render_counters(status: &IndexStatus, style: &Style) -> String {
    let mut parts = vec![count(status.documents, "file"), count(status.chunks, "passage")];
    if status.embeddable > 0 {
        let done = status.embedded >= status.embeddable;
        parts.push(if done {
            "all embedded".to_owned()
        } else {
            format!("{} of {} embedded", number(status.embedded), number(status.embeddable))
        });
    }
    if status.pending > 0 {
        parts.push(format!("{} waiting", number(status.pending)));
    }
    if status.skipped > 0 {
        parts.push(format!("{} skipped", number(status.skipped)));
    }
    format!("{}  {}\n", style.state(&status.state), parts.join(" · "))
}

fn render_report(report: &Report, style: &Style) -> String {
    let status = &report.status;
    let mut out = render_counters(status, style);
    out.push_str(&format!("\n{}\n", style.bold("Folders")));
    if status.folders.is_empty() {
        out.push_str(&format!("  {}\n", style.dim("none yet; add one with `hob index add PATH`")));
    }
    for folder in &status.folders {
        out.push_str(&format!("  {}\n", style.name(&style.path(folder))));
    }
    if !report.skipped_files.is_empty() {
        out.push_str(&format!("\n{}\n", style.bold("Skipped")));
        for file in &report.skipped_files {
            out.push_str(&format!("  {}\n    {}\n", style.path(&file.path), style.dim(&style.line(&file.reason))));
        }
        let more = status.skipped.saturating_sub(report.skipped_files.len() as u64);
        if more > 0 {
            let all = status.skipped;
            out.push_str(&format!(
                "  {}\n",
                style.dim(&format!("… and {more} more: hob index status --skipped {all}"))
            ));
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn report() -> Report {
        let status = IndexStatus {
            state: "embedding".into(),
            folders: vec!["/home/ana/notes".into()],
            documents: 1_234,
            chunks: 5_000,
            embeddable: 4_000,
            embedded: 100,
            pending: 2,
            skipped: 2,
        };
        let file = SkippedFile { path: "/home/ana/notes/x.pdf".into(), reason: "the PDF is\nencrypted".into() };
        Report { status, skipped_files: vec![file] }
    }

    #[test]
    fn the_report_lists_folders_and_reasons() {
        assert_eq!(
            render_report(&report(), &Style::terminal(false, Some("/home/ana"))),
            "embedding  1,234 files · 5,000 passages · 100 of 4,000 embedded · 2 waiting · 2 skipped\n\
             \nFolders\n  ~/notes\n\
             \nSkipped\n  ~/notes/x.pdf\n    the PDF is encrypted\n  … and 1 more: hob index status --skipped 2\n"
        );
    }

    #[test]
    fn an_idle_index_says_little() {
        let status = IndexStatus { state: "idle".into(), documents: 1, chunks: 2, ..IndexStatus::default() };
        assert_eq!(render_counters(&status, &Style::plain()), "idle  1 file · 2 passages\n");
        let status = IndexStatus { embeddable: 2, embedded: 2, ..status };
        assert_eq!(render_counters(&status, &Style::plain()), "idle  1 file · 2 passages · all embedded\n");
    }

    #[test]
    fn json_is_one_flat_object() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["documents"], 1_234);
        assert_eq!(json["skipped_files"][0]["reason"], "the PDF is\nencrypted");
    }
}
