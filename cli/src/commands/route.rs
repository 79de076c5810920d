//! `hob route`: what would handle a request, without doing it.

use clap::Args;
use hob_sdk::client::{Candidate, Hob, Options, Routing};

use crate::failure::Failure;
use crate::input;
use crate::outline::inline;
use crate::screen::Screen;
use crate::style::{Style, millis};

/// Arguments of `hob route`.
#[derive(Debug, Args)]
pub struct Route {
    /// The request in words; `-` reads it from standard input
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
}

/// Candidates shown to people; JSON has all.
const SHOWN: usize = 5;

/// Runs `hob route`.
pub async fn run(args: &Route, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let text = input::question(&args.text, "text")?;
    let routing = hob.route(&text, &Options::new()).await?;
    Ok(screen.result(&routing, render)?)
}

fn render(routing: &Routing, style: &Style) -> String {
    let meaning = match routing.decision.as_str() {
        "skill" => "a skill would do it",
        "retrieve" => "it would be answered from your files",
        "chat" => "the model would answer it",
        other => other,
    };
    let took = style.dim(&format!("({})", millis(routing.took_ms)));
    let mut out = format!("{} – {} {took}\n", style.bold(&style.line(&routing.decision)), style.line(meaning));
    for candidate in routing.candidates.iter().take(SHOWN) {
        out.push_str(&render_candidate(candidate, style));
    }
    out
}

fn render_candidate(candidate: &Candidate, style: &Style) -> String {
    let name = style.line(&format!("{} {}", candidate.skill, candidate.intent));
    let arguments = inline(&candidate.arguments, style);
    let missing = style.line(&candidate.missing.join(", "));
    let mut out = format!("  {:.2}  {}", candidate.score, style.name(&name));
    if !arguments.is_empty() && !candidate.arguments.is_null() {
        out.push_str(&format!("  {arguments}"));
    }
    if !missing.is_empty() {
        out.push_str(&format!("  {}", style.warn(&format!("missing: {missing}"))));
    }
    out.push('\n');
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn routing() -> Routing {
        let clock = |intent: &str, score, arguments, missing: &[&str]| Candidate {
            skill: "org.hob.clock".into(),
            intent: intent.into(),
            score,
            arguments,
            missing: missing.iter().map(|name| (*name).to_owned()).collect(),
        };
        let candidates = vec![
            clock("SetTimer", 0.934, json!({"duration": "PT10M"}), &[]),
            clock("SetAlarm", 0.4, json!({}), &["time"]),
        ];
        Routing { decision: "skill".into(), took_ms: 4.25, candidates }
    }

    #[test]
    fn candidates_show_arguments_and_what_is_missing() {
        assert_eq!(
            render(&routing(), &Style::plain()),
            "skill – a skill would do it (4.2 ms)\n  0.93  org.hob.clock SetTimer  duration: PT10M\n  \
             0.40  org.hob.clock SetAlarm  missing: time\n"
        );
    }

    #[test]
    fn json_has_the_documented_keys() {
        let json = serde_json::to_value(routing()).unwrap();
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["decision", "took_ms", "candidates"]);
        let keys: Vec<&String> = json["candidates"][0].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["skill", "intent", "score", "arguments", "missing"]);
    }
}
