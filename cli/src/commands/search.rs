//! `hob search`: files by words and by meaning.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hob_sdk::client::{Hit, Hob, Options, SearchResult};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::highlight::highlight;
use crate::input;
use crate::screen::Screen;
use crate::style::{Style, count, millis};

/// Arguments of `hob search`.
#[derive(Debug, Args)]
pub struct Search {
    /// Words, or a question, with "exact words", -word, kind:pdf, from:ana, title:word, path:word, after:2026-01,
    /// before:2026-03-15 (days are UTC); `-` reads it from standard input
    #[arg(value_name = "QUERY")]
    query: Vec<String>,
    /// Show at most this many files
    #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Look only into this folder
    #[arg(long, value_name = "PATH")]
    folder: Option<PathBuf>,
    /// Only this kind of document, e.g. mail, pdf, code
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// By words, by meaning, or both
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Compare the best passages with the query word by word: better, and up to a second slower
    #[arg(long)]
    rerank: bool,
    /// Show how each score came about
    #[arg(long)]
    explain: bool,
}

/// Which evidence is used.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    /// Words and meaning
    Hybrid,
    /// Words alone
    Lexical,
    /// Meaning alone
    Vector,
}

/// Runs `hob search`.
pub async fn run(args: &Search, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let query = input::question(&args.query, "query")?;
    let mode = args.mode.map(|mode| match mode {
        Mode::Hybrid => "hybrid",
        Mode::Lexical => "lexical",
        Mode::Vector => "vector",
    });
    let options = Options::new()
        .with("limit", args.limit)
        .with_some("folder", args.folder.as_deref().map(input::absolute).transpose()?)
        .with_some("kind", args.kind.clone())
        .with_some("mode", mode)
        .with("rerank", args.rerank)
        .with("explain", args.explain);
    screen.status(&screen.error_style().dim("Searching …"))?;
    let result = hob.search(&query, &options).await;
    screen.clear_status()?;
    let result = result?;
    if screen.json {
        screen.write_json(&to_json(&result, args.explain))?;
        return Ok(());
    }
    screen.write(&render(&result, args.explain, &screen.style()))?;
    if result.hits.is_empty() {
        screen.notice("nothing found; `hob index status` shows what is indexed")?;
    } else {
        screen.notice(&format!("{} in {}", count(result.hits.len() as u64, "file"), millis(result.took_ms)))?;
    }
    Ok(())
}

/// The documented JSON; score parts only when they were asked for.
fn to_json(result: &SearchResult, explain: bool) -> Value {
    let hits: Value = result
        .hits
        .iter()
        .map(|hit| {
            let mut row = json!({
                "path": hit.path, "title": hit.title, "snippet": hit.snippet, "score": hit.score, "line": hit.line,
                "lexical_rank": hit.lexical_rank, "vector_rank": hit.vector_rank, "kind": hit.kind, "page": hit.page,
                "end_line": hit.end_line, "place": hit.place,
                "author": hit.author, "date": hit.date, "highlights": hit.highlights, "duplicates": hit.duplicates,
            });
            if let (Some(app), Some(row)) = (&hit.item.app, row.as_object_mut()) {
                row.remove("path");
                row.insert("app".to_owned(), json!(app));
                row.insert("id".to_owned(), json!(hit.item.id));
                row.insert("uri".to_owned(), json!(hit.item.uri));
            }
            if explain && let Some(row) = row.as_object_mut() {
                row.insert("bm25".to_owned(), json!(hit.bm25));
                row.insert("cosine".to_owned(), json!(hit.cosine));
                row.insert("imputed".to_owned(), json!(hit.imputed));
                row.insert("parts".to_owned(), json!(hit.parts));
            }
            row
        })
        .collect();
    json!({"query": result.query, "took_ms": result.took_ms, "mode": result.mode, "hits": hits})
}

fn render(result: &SearchResult, explain: bool, style: &Style) -> String {
    let rendered: Vec<String> = result.hits.iter().map(|hit| render_hit(hit, &result.query, explain, style)).collect();
    rendered.join("\n")
}

fn render_hit(hit: &Hit, query: &str, explain: bool, style: &Style) -> String {
    let place = match hit.item.shown() {
        Some(item) => style.line(&item),
        None => format!("{}:{}", style.path(&hit.path), hit.line),
    };
    let place = style.name(&place);
    let page = hit.page.map(|page| format!("page {page}"));
    // A title that only repeats the file's name says nothing.
    let file = hit.path.rsplit('/').next().unwrap_or_default();
    let title = Some(style.line(&hit.title)).filter(|title| !title.is_empty() && title != file);
    let spot = hit.place.as_deref().map(|place| style.line(place));
    let beside: Vec<String> = [title, page, spot].into_iter().flatten().collect();
    let gap = if beside.is_empty() { "" } else { "  " };
    let found = found_words(hit);
    let snippet = highlight(&style.line(&hit.snippet), if found.is_empty() { query } else { &found }, style);
    let mut out = format!("{place}{gap}{}\n  {snippet}\n", style.dim(&beside.join(" · ")));
    if let Some(first) = hit.duplicates.first() {
        let more = match hit.duplicates.len() - 1 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        out.push_str(&format!("  {}\n", style.dim(&format!("the same in {}{more}", style.path(first)))));
    }
    if explain {
        out.push_str(&format!("  {}\n", style.dim(&score_parts(hit))));
    }
    out
}

/// The words of the snippet that the daemon found the query's in.
fn found_words(hit: &Hit) -> String {
    let cut = |&(from, to): &(u32, u32)| -> String {
        hit.snippet.chars().skip(from as usize).take(to.saturating_sub(from) as usize).collect()
    };
    hit.highlights.iter().map(cut).collect::<Vec<_>>().join(" ")
}

fn score_parts(hit: &Hit) -> String {
    let part = |name: &str, rank: Option<u32>, measure: &str, value: Option<f64>, remark: &str| match (rank, value) {
        (None, None) => format!("{name} –"),
        (rank, value) => {
            let rank = rank.map_or("–".to_owned(), |rank| format!("#{rank}"));
            let value = value.map(|value| format!(" ({measure} {value:.2}{remark})")).unwrap_or_default();
            format!("{name} {rank}{value}")
        }
    };
    let parts: Vec<String> = hit.parts.iter().map(|(name, value)| format!("{name} {value:+.3}")).collect();
    let sum = if parts.is_empty() { String::new() } else { format!(" = {}", parts.join(" ")) };
    format!(
        "score {:.3}{sum} · {} · {}",
        hit.score,
        part("words", hit.lexical_rank, "BM25", hit.bm25, ""),
        part("meaning", hit.vector_rank, "cosine", hit.cosine, if hit.imputed { ", estimated" } else { "" }),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found() -> SearchResult {
        let hit = Hit {
            path: "/home/ana/garden.md".into(),
            title: "Garden".into(),
            snippet: "Tomatoes were\x1b[2J planted".into(),
            score: 0.8125,
            line: 12,
            lexical_rank: Some(1),
            bm25: Some(12.34),
            cosine: Some(0.5),
            imputed: true,
            ..Hit::default()
        };
        let other = Hit { path: "/b.pdf".into(), title: "b.pdf".into(), line: 1, page: Some(3), ..Hit::default() };
        let hits = vec![hit, other];
        SearchResult { query: "tomatoes".into(), took_ms: 1.5, mode: "hybrid".into(), hits, ..SearchResult::default() }
    }

    #[test]
    fn hits_show_place_title_and_snippet() {
        assert_eq!(
            render(&found(), false, &Style::plain()),
            "/home/ana/garden.md:12  Garden\n  Tomatoes were[2J planted\n\n/b.pdf:1  page 3\n  \n"
        );
    }

    #[test]
    fn scores_can_be_explained() {
        let text = render(&found(), true, &Style::plain());
        assert!(
            text.contains("  score 0.812 · words #1 (BM25 12.34) · meaning – (cosine 0.50, estimated)\n"),
            "{text}"
        );
        assert!(text.ends_with("  score 0.000 · words – · meaning –\n"), "{text}");
    }

    #[test]
    fn json_has_the_documented_keys() {
        let json = to_json(&found(), false);
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["query", "took_ms", "mode", "hits"]);
        let keys: Vec<&String> = json["hits"][0].as_object().unwrap().keys().collect();
        let documented = "path title snippet score line lexical_rank vector_rank kind page end_line place author date \
                          highlights duplicates";
        assert_eq!(keys, documented.split_whitespace().collect::<Vec<_>>());
        assert!(json["hits"][0]["vector_rank"].is_null());
        assert_eq!(to_json(&found(), true)["hits"][0]["imputed"], true);
    }
}
