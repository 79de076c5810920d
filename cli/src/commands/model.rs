//! `hob model`: the models on disk and in memory.

mod getting;
mod measuring;
mod questions;

use std::path::Path;

use clap::{Args, Subcommand};
use hob_sdk::client::{Details, Hob, ModelInfo, Options, details_to_json, from_details};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::input;
use crate::outline::outline;
use crate::screen::Screen;
use crate::style::{Style, bytes, weights};
use crate::table::{Cell, table};

/// Arguments of `hob model`.
#[derive(Debug, Subcommand)]
pub enum Model {
    /// List the models
    List,
    /// Show all that is known of a model
    Show(Id),
    /// Load a model into memory now
    Load(Id),
    /// Free a model's memory now
    Unload(Id),
    /// Find out whether a model can be trusted to write answers from your files
    Check(Id),
    /// Get a model; without a name, see which ones suit this machine
    Pull(getting::Pull),
    /// See which models suit this machine, and why
    Recommend,
    /// Use models that other programs have got, without copying them
    Import(getting::Import),
    /// Delete a model, and see what that frees
    Remove(getting::Remove),
    /// Choose the model that is used when none is named
    Default(getting::Default),
    /// Write a model with smaller weights, beside the old one
    Quantize(measuring::Quantize),
    /// Measure how fast a model is on this machine
    Bench(measuring::Bench),
    /// Measure how good a model is, or what its compression cost
    Eval(measuring::Eval),
}

/// A model's name.
#[derive(Debug, Args)]
pub struct Id {
    /// As `hob model list` shows it, or a GGUF file
    #[arg(value_name = "ID")]
    id: String,
}

impl Id {
    /// The name as the daemon takes it: a file that is meant by a relative path becomes absolute.
    fn name(&self) -> Result<String, Failure> {
        let file = Path::new(&self.id);
        let meant = self.id.contains('/') || file.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"));
        if meant && file.is_file() { input::existing_file(file) } else { Ok(self.id.clone()) }
    }
}

/// Runs `hob model`.
pub async fn run(args: &Model, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let models = hob.models().await?;
    match args {
        Model::List => {
            let rows: Vec<ModelInfo> = models.list().await?.iter().map(from_details).collect::<Result<_, _>>()?;
            Ok(screen.result(&rows, |rows, style| render_list(rows, style))?)
        }
        Model::Show(id) => {
            let id = &id.name()?;
            let rows: Vec<ModelInfo> = models.list().await?.iter().map(from_details).collect::<Result<_, _>>()?;
            let known = rows.into_iter().find(|model| model.id == *id || model.path == *id);
            let model = known.ok_or_else(|| Failure::Local(format!("there is no model {id}; see hob model list")))?;
            Ok(screen.result(&model, render_model)?)
        }
        Model::Pull(args) => getting::pull(args, hob, screen).await,
        Model::Recommend => getting::recommend(hob, screen).await,
        Model::Import(args) => getting::import(args, hob, screen).await,
        Model::Remove(args) => getting::remove(args, hob, screen).await,
        Model::Default(args) => getting::default(args, hob, screen).await,
        Model::Quantize(args) => measuring::quantize(args, hob, screen).await,
        Model::Bench(args) => measuring::bench(args, hob, screen).await,
        Model::Eval(args) => measuring::eval(args, hob, screen).await,
        Model::Load(id) => {
            let id = &id.name()?;
            let details = busy(screen, &format!("Loading {id} …"), models.load(id, &Options::new())).await?;
            Ok(screen.result(&details_to_json(&details), |value, style| render_loaded(id, value, style))?)
        }
        Model::Unload(id) => {
            let id = &id.name()?;
            models.unload(id).await?;
            let value = json!({"id": id, "state": "unloaded"});
            Ok(screen.result(&value, |_, style| format!("Unloaded {}\n", style.name(&style.line(id))))?)
        }
        Model::Check(id) => {
            let id = &id.name()?;
            let details = busy(screen, &format!("Asking {id} …"), models.check(id, &Options::new())).await?;
            Ok(screen.result(&details_to_json(&details), |value, style| render_check(id, value, style))?)
        }
    }
}

/// Shows a line while a call takes its time.
async fn busy(
    screen: &Screen,
    text: &str,
    call: impl Future<Output = Result<Details, hob_sdk::client::Error>>,
) -> Result<Details, Failure> {
    let style = screen.error_style();
    screen.status(&style.dim(&style.line(text)))?;
    let done = call.await;
    screen.clear_status()?;
    Ok(done?)
}

fn render_list(models: &[ModelInfo], style: &Style) -> String {
    if models.is_empty() {
        return "No model is installed; `hob model pull` says which suit this machine. Or put a GGUF file into \
                ~/.local/share/hob/models, or run `make models`.\n"
            .to_owned();
    }
    let rows: Vec<Vec<Cell>> = models.iter().map(|model| row(model, style)).collect();
    let header = ["", "MODEL", "ROLE", "STATE", "WEIGHTS", "SIZE", "MEMORY", "KERNELS", "ANSWERS"];
    let mut out = table(&header, &rows, style);
    for model in models {
        if let Some(problem) = &model.problem {
            out.push_str(&format!(
                "\n  {}: {}\n",
                style.name(&style.line(&model.id)),
                style.warn(&style.line(problem))
            ));
        }
    }
    out
}

fn row(model: &ModelInfo, style: &Style) -> Vec<Cell> {
    let kind = [weights(model.parameters), model.quantization.clone()];
    let kind: Vec<String> = kind.into_iter().filter(|part| !part.is_empty()).collect();
    let score = model.check_score.map(|score| format!(" ({:.0}%)", score * 100.0)).unwrap_or_default();
    let answers = if model.answers.is_empty() { String::new() } else { format!("{}{score}", model.answers) };
    let memory = model.resident_bytes.filter(|size| *size > 0).map(bytes).unwrap_or_default();
    vec![
        Cell::plain(if model.default { "*" } else { " " }),
        Cell::new(&style.line(&model.id), |text| style.name(text)),
        Cell::plain(&style.line(&model.role)),
        Cell::new(&style.line(&model.state), |text| style.state(text)),
        Cell::plain(&style.line(&kind.join(" "))),
        Cell::plain(&bytes(model.size_bytes)),
        Cell::plain(&memory),
        Cell::plain(&style.line(model.backend.as_deref().unwrap_or_default())),
        Cell::plain(&style.line(&answers)),
    ]
}

/// One model, a fact a line; what is unknown or does not apply is left out.
fn render_model(model: &ModelInfo, style: &Style) -> String {
    let mut out = format!("{}  {}\n", style.name(&style.line(&model.id)), style.state(&model.state));
    let score = model.check_score.map(|score| format!(" ({:.0}% of the check)", score * 100.0)).unwrap_or_default();
    let facts = [
        ("file", style.path(&model.path)),
        ("role", if model.default { format!("{}, the default", model.role) } else { model.role.clone() }),
        ("architecture", model.architecture.clone()),
        ("weights", weights(model.parameters)),
        ("quantization", model.quantization.clone()),
        ("size", bytes(model.size_bytes)),
        ("languages", model.languages.join(", ")),
        ("process", model.pid.map(|pid| format!("pid {pid}")).unwrap_or_default()),
        ("memory", model.resident_bytes.filter(|size| *size > 0).map(bytes).unwrap_or_default()),
        ("kernels", model.backend.clone().unwrap_or_default()),
        ("answers", if model.answers.is_empty() { String::new() } else { format!("{}{score}", model.answers) }),
        ("from", model.origin.clone().unwrap_or_default()),
        ("sha256", model.sha256.as_ref().map(|digest| proof(digest, model.verified)).unwrap_or_default()),
        ("problem", model.problem.clone().unwrap_or_default()),
    ];
    for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        out.push_str(&format!("  {}: {}\n", style.dim(name), style.line(fact)));
    }
    out
}

fn proof(digest: &str, verified: bool) -> String {
    format!("{digest} ({})", if verified { "as its source promised" } else { "computed here" })
}

fn render_loaded(id: &str, details: &Value, style: &Style) -> String {
    let memory = details.get("resident_bytes").and_then(Value::as_u64).filter(|size| *size > 0);
    let memory = memory.map(|size| format!(", {} resident", bytes(size))).unwrap_or_default();
    format!("Loaded {}{memory}\n", style.name(&style.line(id)))
}

fn render_check(id: &str, details: &Value, style: &Style) -> String {
    let passed = details.get("passed").and_then(Value::as_bool).unwrap_or(false);
    let score = details.get("score").and_then(Value::as_f64).unwrap_or(0.0);
    let questions = details.get("questions").and_then(Value::as_u64).unwrap_or(0);
    let verdict = if passed {
        style.good("may write answers from your files")
    } else {
        style.warn("is not trusted with facts: answers from your files are quoted")
    };
    let mut out =
        format!("{} {verdict} ({:.0}% of {questions} questions)\n", style.name(&style.line(id)), score * 100.0);
    let mut rest = details.clone();
    if let Some(rest) = rest.as_object_mut() {
        for shown in ["passed", "score", "questions", "id"] {
            rest.remove(shown);
        }
        if !rest.is_empty() {
            out.push_str(&outline(&Value::Object(rest.clone()), 2, style));
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_list_shows_what_matters() {
        let models = [
            ModelInfo {
                id: "smol".into(),
                role: "chat".into(),
                state: "loaded".into(),
                resident_bytes: Some(180 << 20),
                backend: Some("zen4".into()),
                size_bytes: 98 << 20,
                parameters: 134_515_008,
                quantization: "Q4_1".into(),
                answers: "quoting".into(),
                check_score: Some(0.35),
                default: true,
                ..ModelInfo::default()
            },
            ModelInfo { id: "torn".into(), problem: Some("the file is cut off".into()), ..ModelInfo::default() },
        ];
        let text = render_list(&models, &Style::plain());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "     MODEL  ROLE  STATE   WEIGHTS     SIZE    MEMORY   KERNELS  ANSWERS");
        assert_eq!(lines[1], "  *  smol   chat  loaded  135 M Q4_1  98 MiB  180 MiB  zen4     quoting (35%)");
        assert_eq!(lines[4], "  torn: the file is cut off");
        assert_eq!(
            render_model(&models[0], &Style::plain()),
            "smol  loaded\n  role: chat, the default\n  weights: 135 M\n  quantization: Q4_1\n  size: 98 MiB\n  \
             memory: 180 MiB\n  kernels: zen4\n  answers: quoting (35% of the check)\n"
        );
    }

    #[test]
    fn files_are_meant_by_paths_only() {
        let name = |id: &str| Id { id: id.to_owned() }.name().unwrap();
        // The folder of this crate's tests is the crate's own.
        assert!(name("./Cargo.toml").starts_with('/'));
        assert_eq!(name("Cargo.toml"), "Cargo.toml");
        assert_eq!(name("no/such.gguf"), "no/such.gguf");
    }

    #[test]
    fn without_models_it_says_what_to_do() {
        assert!(render_list(&[], &Style::plain()).contains("hob model pull"));
    }

    #[test]
    fn a_check_gives_a_verdict() {
        let text = render_check(
            "m",
            &json!({"passed": false, "score": 0.3333, "questions": 30, "took_ms": 5}),
            &Style::plain(),
        );
        assert!(text.starts_with("m is not trusted with facts"), "{text}");
        assert!(text.ends_with("(33% of 30 questions)\n  took_ms: 5\n"), "{text}");
        assert_eq!(
            render_loaded("m", &json!({"resident_bytes": 1 << 20}), &Style::plain()),
            "Loaded m, 1.0 MiB resident\n"
        );
    }
}
