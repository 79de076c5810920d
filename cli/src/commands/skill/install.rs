//! `hob skill install`, `remove`, `enable`, `disable`: what the user lets skills do.
//!
//! Owns: the question that is asked before a skill may run. Must not know: how permissions are enforced.

use clap::Args;
use hob_sdk::client::{Hob, Options, from_details};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

use crate::failure::Failure;
use crate::input::{self, Lines};
use crate::screen::Screen;
use crate::style::Style;

/// Arguments of `hob skill install`.
#[derive(Debug, Args)]
pub struct Install {
    /// The skill's folder
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Grant what it asks for without being asked
    #[arg(long, short)]
    yes: bool,
}

/// Arguments of `hob skill enable`.
#[derive(Debug, Args)]
pub struct Enable {
    /// As `hob skill list` shows it
    #[arg(value_name = "SKILL")]
    id: String,
    /// Grant what it asks for without being asked
    #[arg(long, short)]
    yes: bool,
}

/// A skill by its id.
#[derive(Debug, Args)]
pub struct One {
    /// As `hob skill list` shows it
    #[arg(value_name = "SKILL")]
    pub id: String,
}

/// What installing means, or has meant.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Installation {
    id: String,
    version: String,
    before: Option<String>,
    asks: Vec<String>,
    missing: Vec<String>,
    warnings: Vec<String>,
    installed: bool,
}

/// Installs or updates a skill, after it was said what it asks for.
pub async fn install(args: &Install, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let skills = hob.skills().await?;
    let folder = input::absolute(&args.folder)?;
    let plan: Installation = from_details(&skills.install(&folder, &Options::new().with("dry_run", true)).await?)?;
    if !args.yes && !plan.missing.is_empty() {
        agreed(&format!("{} {}", plan.id, plan.version), &plan.missing, screen).await?;
    }
    let done: Installation = from_details(&skills.install(&folder, &Options::new().with("granted", true)).await?)?;
    Ok(screen.result(&done, render)?)
}

/// Lets a skill be called.
pub async fn enable(args: &Enable, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let skills = hob.skills().await?;
    let options = Options::new().with("granted", args.yes);
    if let Err(error) = skills.enable(&args.id, &options).await {
        let denied = error.kind() == hob_sdk::client::Kind::PermissionDenied;
        if args.yes || !denied {
            return Err(error.into());
        }
        let manifest: Value = serde_json::from_str(&skills.show(&args.id).await?)?;
        agreed(&args.id, &asked_for(&manifest), screen).await?;
        skills.enable(&args.id, &Options::new().with("granted", true)).await?;
    }
    said(screen, &args.id, "enabled")
}

/// Calls a skill no more.
pub async fn disable(args: &One, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    hob.skills().await?.disable(&args.id).await?;
    said(screen, &args.id, "disabled")
}

/// Removes a skill that was installed.
pub async fn remove(args: &One, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    hob.skills().await?.remove(&args.id).await?;
    said(screen, &args.id, "removed")
}

fn said(screen: &Screen, id: &str, what: &str) -> Result<(), Failure> {
    let value = json!({"id": id, what: true});
    Ok(screen.result(&value, |_, style| format!("{} is {what}.\n", style.name(id)))?)
}

/// Asks the user; without a terminal, nobody has agreed.
async fn agreed(what: &str, asks: &[String], screen: &Screen) -> Result<(), Failure> {
    let style = screen.error_style();
    let list: String = asks.iter().map(|ask| format!("  to {}\n", style.line(ask))).collect();
    screen.prompt(&format!("{} asks\n{list}Allow this? [y/N] ", style.name(&style.line(what))))?;
    let answer = Lines::of_stdin()?.next().await?.unwrap_or_default();
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Local("not allowed, so nothing was changed; --yes allows it without asking".to_owned())),
    }
}

/// A manifest's permissions in words.
fn asked_for(manifest: &Value) -> Vec<String> {
    let mut asks = vec!["run in a process of its own, with a folder of its own".to_owned()];
    let of = &manifest["permissions"];
    for (key, says) in
        [("read", "read"), ("write", "change files in"), ("network", "talk to"), ("dbus", "talk on the message bus to")]
    {
        let names = of[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        asks.extend(names.map(|name| format!("{says} {name}")));
    }
    for (key, says) in
        [("model", "have texts written by the language model"), ("index", "search all of your indexed files")]
    {
        if of[key] == true {
            asks.push(says.to_owned());
        }
    }
    asks
}

fn render(done: &Installation, style: &Style) -> String {
    let mut out = String::new();
    for warning in &done.warnings {
        out.push_str(&format!("{} {}\n", style.warn("better:"), style.line(warning)));
    }
    let what = match &done.before {
        Some(before) if *before != done.version => format!("updated from {} to {}", style.line(before), done.version),
        Some(_) => format!("installed again, version {}", done.version),
        None => format!("installed, version {}", done.version),
    };
    out.push_str(&format!("{} is {what}.\n", style.name(&style.line(&done.id))));
    out
}
