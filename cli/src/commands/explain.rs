//! `hob explain`: why something is slow, unloaded, refused or paused.

use clap::Args;
use hob_sdk::client::Hob;
use serde_json::json;

use crate::failure::Failure;
use crate::screen::Screen;

/// Arguments of `hob explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A model, a skill, or plain words: why is it slow, why was smol unloaded, what changed; everything without it
    #[arg(value_name = "WHAT")]
    what: Vec<String>,
}

/// Runs `hob explain`.
pub async fn run(args: &Explain, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let what = args.what.join(" ");
    let explanation = hob.daemon().await?.explain(&what).await?;
    let value = json!({"what": what, "explanation": explanation});
    Ok(screen.result(&value, |_, style| format!("{}\n", style.clean(explanation.trim_end())))?)
}
