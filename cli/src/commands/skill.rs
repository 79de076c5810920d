//! `hob skill`: what hob can do, doing it by name, and skills of one's own.

mod check;
mod install;
mod new;

use clap::{Args, Subcommand};
use hob_sdk::client::{Hob, Options, SkillInfo, from_details};
use serde_json::Value;

use crate::commands::manifest;
use crate::failure::Failure;
use crate::outline::outline;
use crate::screen::Screen;
use crate::style::Style;
use crate::table::{Cell, table};

/// Arguments of `hob skill`.
#[derive(Debug, Subcommand)]
pub enum Skill {
    /// List the skills
    List,
    /// Show a skill's intents and parameters
    Show(Show),
    /// Carry out an intent
    Call(Call),
    /// Take back what a skill did
    Undo(Undo),
    /// Start a skill of your own
    New(new::New),
    /// Say what is wrong with a skill, and what could be better
    Check(check::Check),
    /// Install or update a skill from its folder
    Install(install::Install),
    /// Remove an installed skill with its data
    Remove(install::One),
    /// Let a skill be called, and end its quarantine
    Enable(install::Enable),
    /// Call a skill no more until it is enabled
    Disable(install::One),
}

/// Arguments of `hob skill show`.
#[derive(Debug, Args)]
pub struct Show {
    /// As `hob skill list` shows it
    #[arg(value_name = "SKILL")]
    id: String,
}

/// Arguments of `hob skill call`.
#[derive(Debug, Args)]
pub struct Call {
    /// As `hob skill list` shows it
    #[arg(value_name = "SKILL")]
    skill: String,
    /// As `hob skill show` lists it
    #[arg(value_name = "INTENT")]
    intent: String,
    /// A JSON object, e.g. '{"duration": "PT10M"}'
    #[arg(value_name = "JSON", default_value = "{}")]
    arguments: String,
    /// Agree to what it does, where it destroys something or reaches outside
    #[arg(long, short)]
    yes: bool,
}

/// Arguments of `hob skill undo`.
#[derive(Debug, Args)]
pub struct Undo {
    /// The action that a result named, e.g. a17; without it, the latest
    #[arg(value_name = "ACTION", default_value = "")]
    action: String,
}

impl Skill {
    /// Runs what needs no daemon; false when this does.
    pub async fn run_alone(&self, screen: &Screen) -> Result<bool, Failure> {
        match self {
            Self::New(args) => new::run(args, screen).map(|()| true),
            Self::Check(args) => check::run(args, screen).await.map(|()| true),
            _ => Ok(false),
        }
    }
}

/// Runs `hob skill`.
pub async fn run(args: &Skill, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let skills = hob.skills().await?;
    match args {
        Skill::List => {
            let rows: Vec<SkillInfo> = skills.list().await?.iter().map(from_details).collect::<Result<_, _>>()?;
            Ok(screen.result(&rows, |rows, style| render_list(rows, style))?)
        }
        Skill::Show(Show { id }) => {
            let shown = parse(&skills.show(id).await?);
            Ok(screen.result(&shown, manifest::render)?)
        }
        Skill::Call(call) => {
            check_arguments(&call.arguments)?;
            let options = Options::new().with("confirmed", call.yes);
            let result = skills.call(&call.skill, &call.intent, &call.arguments, &options).await?;
            Ok(screen.result(&parse(&result), render_result)?)
        }
        Skill::Undo(Undo { action }) => {
            let result = skills.undo(action, &Options::new()).await?;
            Ok(screen.result(&parse(&result), render_result)?)
        }
        Skill::Install(args) => install::install(args, hob, screen).await,
        Skill::Remove(args) => install::remove(args, hob, screen).await,
        Skill::Enable(args) => install::enable(args, hob, screen).await,
        Skill::Disable(args) => install::disable(args, hob, screen).await,
        // These were run before there was a daemon to talk to.
        Skill::New(_) | Skill::Check(_) => Ok(()),
    }
}

/// What a skill sends is JSON; if it is not, it is shown as it is.
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Catches what a shell's quoting easily spoils, before anything is started for it.
fn check_arguments(text: &str) -> Result<(), Failure> {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(_)) => Ok(()),
        Ok(_) => {
            Err(Failure::Usage("the arguments must be a JSON object, e.g. '{\"duration\": \"PT10M\"}'".to_owned()))
        }
        Err(error) => Err(Failure::Usage(format!("the arguments are no JSON ({error}); put them in single quotes"))),
    }
}

/// The skill's own sentence, then its data; other results as they are.
fn render_result(result: &Value, style: &Style) -> String {
    let Some((object, message)) = result.as_object().zip(result["message"].as_str()) else {
        return outline(result, 0, style);
    };
    let message = style.clean(message);
    let status = object.get("status").and_then(Value::as_str).unwrap_or("success");
    let mut out = if status == "success" {
        format!("{message}\n")
    } else {
        format!("{}: {message}\n", style.warn(&style.line(status)))
    };
    for (key, value) in object.iter().filter(|(key, _)| *key != "status" && *key != "message") {
        // What a skill found stands by itself; anything else is named.
        out.push_str(&if key == "data" {
            outline(value, 2, style)
        } else {
            outline(&Value::Object([(key.clone(), value.clone())].into_iter().collect()), 2, style)
        });
    }
    out
}

fn render_list(skills: &[SkillInfo], style: &Style) -> String {
    if skills.is_empty() {
        return "No skill is installed.\n".to_owned();
    }
    let rows: Vec<Vec<Cell>> = skills
        .iter()
        .map(|skill| {
            vec![
                Cell::new(&style.line(&skill.id), |text| style.name(text)),
                Cell::plain(&style.line(&skill.title)),
                Cell::plain(&style.line(&skill.version)),
                Cell::plain(&style.line(&skill.kind)),
                Cell::new(&style.line(&skill.state), |text| style.state(text)),
                Cell::plain(&style.line(&skill.intents.join(", "))),
            ]
        })
        .collect();
    let mut out = table(&["SKILL", "TITLE", "VERSION", "KIND", "STATE", "INTENTS"], &rows, style);
    for skill in skills {
        if let Some(problem) = &skill.problem {
            out.push_str(&format!(
                "\n  {}: {}\n",
                style.name(&style.line(&skill.id)),
                style.warn(&style.line(problem))
            ));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_must_be_an_object() {
        assert!(check_arguments("{\"a\": 1}").is_ok());
        for bad in ["[1]", "{a: 1}", "", "3"] {
            assert_eq!(check_arguments(bad).map_err(|failure| failure.code()), Err(2), "{bad}");
        }
    }

    #[test]
    fn the_list_names_intents_and_problems() {
        let skills = [SkillInfo {
            id: "org.hob.clock".into(),
            title: "Clock".into(),
            version: "1.0.0".into(),
            kind: "cdylib".into(),
            state: "idle".into(),
            intents: vec!["SetTimer".into(), "SetAlarm".into()],
            problem: Some("rests after 3 crashes".into()),
            ..SkillInfo::default()
        }];
        let text = render_list(&skills, &Style::plain());
        assert!(text.contains("  org.hob.clock  Clock  1.0.0    cdylib  idle   SetTimer, SetAlarm\n"), "{text}");
        assert!(text.ends_with("\n  org.hob.clock: rests after 3 crashes\n"), "{text}");
    }

    #[test]
    fn a_result_begins_with_its_sentence() {
        let done = parse("{\"status\":\"success\",\"message\":\"Timer set.\",\"data\":{\"id\":7}}");
        assert_eq!(render_result(&done, &Style::plain()), "Timer set.\n  id: 7\n");
        let open = parse("{\"status\":\"missing\",\"message\":\"How long?\",\"suggestion\":\"say 5 min\"}");
        assert_eq!(render_result(&open, &Style::plain()), "missing: How long?\n  suggestion: say 5 min\n");
        assert_eq!(render_result(&parse("{\"a\":1}"), &Style::plain()), "a: 1\n");
    }

    #[test]
    fn a_result_that_is_no_json_is_still_shown() {
        assert_eq!(outline(&parse("plain words"), 0, &Style::plain()), "plain words\n");
        assert_eq!(outline(&parse("{\"id\": 7}"), 0, &Style::plain()), "id: 7\n");
    }
}
