//! Which skills are installed: manifests read and checked, schemas compiled.

use hob_sdk::manifest::{Intent, Kind, Manifest};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A skill that may be called.
pub struct Installed {
    /// Its manifest.
    pub manifest: Manifest,
    /// The library to load.
    pub library: PathBuf,
    /// A compiled schema per intent.
    schemas: BTreeMap<String, jsonschema::Validator>,
}

/// A folder that holds no usable skill, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The folder's name, which should be the skill's id.
    pub id: String,
    /// What is wrong, with file and line where they are known.
    pub problem: String,
}

/// Reads all skills below the folders; a later folder's skill does not replace an earlier one's,
/// so that nothing a user drops somewhere can stand in for a built-in skill.
pub fn scan(folders: &[PathBuf], disabled: &[String]) -> (Vec<Installed>, Vec<Rejected>) {
    let (mut installed, mut rejected): (Vec<Installed>, Vec<Rejected>) = Default::default();
    for folder in folders {
        let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        for path in entries.into_iter().filter(|path| path.join("skill.toml").is_file()) {
            let id = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if disabled.contains(&id) || installed.iter().any(|s| s.manifest.id == id) {
                continue;
            }
            match read(&path) {
                Ok(skill) => installed.push(skill),
                Err(problem) => {
                    tracing::warn!(id, problem, "a skill can't be used");
                    rejected.push(Rejected { id, problem });
                }
            }
        }
    }
    (installed, rejected)
}

fn read(folder: &Path) -> Result<Installed, String> {
    let file = folder.join("skill.toml");
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let manifest = Manifest::parse(&text, &file.display().to_string()).map_err(|e| e.to_string())?;
    if folder.file_name().is_none_or(|name| name != manifest.id.as_str()) {
        return Err(format!("{}: the folder must be named like the skill's id, {}", file.display(), manifest.id));
    }
    let Kind::Cdylib { library } = &manifest.kind else {
        return Err(format!("{}: this version of hob runs skills of kind cdylib only", file.display()));
    };
    let library = folder.join(library);
    if !library.is_file() {
        return Err(format!("{} is missing; build the skill and copy its library there", library.display()));
    }
    let schemas = manifest.intents.iter().map(|intent| Ok((intent.name.clone(), compile(&file, intent)?)));
    let schemas = schemas.collect::<Result<_, String>>()?;
    Ok(Installed { library, schemas, manifest })
}

fn compile(file: &Path, intent: &Intent) -> Result<jsonschema::Validator, String> {
    jsonschema::validator_for(&intent.parameters)
        .map_err(|e| format!("{}: parameters of {}: {e}", file.display(), intent.name))
}

impl Installed {
    /// The arguments as an object, or what is wrong with them.
    pub fn checked_arguments(&self, intent: &str, arguments: &str) -> Result<Value, String> {
        let text = if arguments.trim().is_empty() { "{}" } else { arguments };
        let value: Value = serde_json::from_str(text).map_err(|e| format!("the arguments are not valid JSON: {e}"))?;
        if !value.is_object() {
            return Err("the arguments must be a JSON object, e.g. {\"label\": \"tea\"}".into());
        }
        let schema = self.schemas.get(intent).ok_or_else(|| format!("there is no intent {intent}"))?;
        let problems: Vec<String> = schema.iter_errors(&value).take(3).map(|e| problem(&e)).collect();
        if problems.is_empty() { Ok(value) } else { Err(problems.join("; ")) }
    }
}

fn problem(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    if place.is_empty() { error.to_string() } else { format!("{}: {error}", place.trim_start_matches('/')) }
}
