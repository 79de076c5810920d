//! Shows what the extract host makes of files: `cargo run --release --example show -- FILE...`
//! With `--quiet` before them, only the reasons for skipped files and the rate.

use hob_extract_host::{extract, log_panics_quietly};
use hob_link::extract::{ExtractReply, ToRead, open};
use std::time::Instant;

fn main() {
    log_panics_quietly();
    let mut paths: Vec<String> = std::env::args().skip(1).collect();
    let quiet = paths.first().is_some_and(|first| first == "--quiet");
    paths.drain(..usize::from(quiet));
    let started = Instant::now();
    for path in &paths {
        let wanted = ToRead { name: path.into(), max_bytes: 50_000_000, max_text: 10_000_000 };
        let file = match open(path.as_ref()) {
            Ok(file) => file,
            Err(reason) => {
                println!("{path}: {reason}");
                continue;
            }
        };
        match extract(&wanted, file) {
            ExtractReply::Skipped { reason } => println!("{path}: skipped: {reason}"),
            ExtractReply::Document(_) if quiet => {}
            ExtractReply::Document(document) => {
                let (title, author, date) = (document.title, document.author, document.date);
                println!("{path}: {} {title:?} {author:?} {date:?}", document.kind);
                for block in &document.blocks {
                    let page = block.page.map(|page| format!(" p{page}")).unwrap_or_default();
                    let mark = if block.heading { " #" } else { "" };
                    let (part, span) = (block.part.as_deref().unwrap_or_default(), &block.span);
                    println!("  {}{page}{mark} {part} {span:?} {:?}", block.line, block.text);
                }
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{} files in {seconds:.2} s, {:.0} a second", paths.len(), paths.len() as f64 / seconds);
}
