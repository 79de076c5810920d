//! Which skills are installed: manifests read and checked, schemas compiled.
//!
//! Owns: what makes a folder a usable skill. Must not know: processes, grants.

use hob_link::skill::Tool;
use hob_sdk::manifest::{Intent, Kind, Manifest, Risk};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Longest manifest, in bytes.
const LONGEST_MANIFEST: u64 = 1 << 20;

/// A folder that holds skills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillFolder {
    /// Where.
    pub path: PathBuf,
    /// Whoever put skills there could replace hob itself, so what they ask for is granted.
    pub trusted: bool,
}

/// A skill that may be called.
pub struct Installed {
    /// Its manifest; of an MCP server also what its tools became.
    pub manifest: Manifest,
    /// Its folder.
    pub folder: PathBuf,
    /// It came with hob.
    pub trusted: bool,
    /// What its files looked like when they were read.
    pub stamp: Stamp,
    /// Compiled schemas per intent: of its arguments, and of its result if it states one.
    schemas: BTreeMap<String, (jsonschema::Validator, Option<jsonschema::Validator>)>,
}

/// When the manifest and the program were last written.
pub type Stamp = Vec<Option<SystemTime>>;

/// A folder that holds no usable skill, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The folder's name, which should be the skill's id.
    pub id: String,
    /// What is wrong, with file and line where they are known.
    pub problem: String,
}

/// Reads all skills below the folders; a later folder's skill does not replace an earlier one's, so that nothing a
/// user drops somewhere can stand in for a built-in skill. `tools` gives what a server is known to have.
pub fn scan(folders: &[SkillFolder], tools: &dyn Fn(&str) -> Vec<Tool>) -> (Vec<Installed>, Vec<Rejected>) {
    let (mut installed, mut rejected): (Vec<Installed>, Vec<Rejected>) = Default::default();
    for folder in folders {
        let entries = fs::read_dir(&folder.path).into_iter().flatten().flatten();
        let mut entries: Vec<_> = entries.map(|entry| entry.path()).collect();
        entries.sort();
        for path in entries.into_iter().filter(|path| fs::symlink_metadata(path.join("skill.toml")).is_ok()) {
            let id = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if id.starts_with('.') {
                continue; // An installation that was broken off.
            }
            let read = match installed.iter().find(|skill| skill.manifest.id == id) {
                Some(first) if first.folder.starts_with(&folder.path) => continue,
                Some(first) => Err(format!(
                    "{} is left out: the skill {id} is already in {}; remove one of them",
                    path.display(),
                    first.folder.display()
                )),
                None => read(&path, folder.trusted, &tools(&id)),
            };
            match read {
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

/// Reads one skill.
pub fn read(folder: &Path, trusted: bool, tools: &[Tool]) -> Result<Installed, String> {
    let file = folder.join("skill.toml");
    plain_folder(folder)?;
    let found = fs::symlink_metadata(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    if !found.is_file() {
        return Err(format!("{} is no plain file", file.display()));
    }
    if found.len() > LONGEST_MANIFEST {
        return Err(format!("{} is longer than {LONGEST_MANIFEST} bytes", file.display()));
    }
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut manifest = Manifest::parse(&text, &file.display().to_string()).map_err(|e| e.to_string())?;
    if folder.file_name().is_none_or(|name| name != manifest.id.as_str()) {
        return Err(format!("{}: the folder must be named like the skill's id, {}", file.display(), manifest.id));
    }
    let program = program(folder, &manifest)?;
    add_tools(&mut manifest, tools);
    let stamp = [Some(file.clone()), program].into_iter().flatten().map(|path| written(&path)).collect();
    let schemas = manifest.intents.iter().map(|intent| Ok((intent.name.clone(), compile(&file, intent)?)));
    let schemas = schemas.collect::<Result<_, String>>()?;
    Ok(Installed { folder: folder.into(), trusted, stamp, schemas, manifest })
}

/// A folder that leads elsewhere could be exchanged after it was looked at.
fn plain_folder(folder: &Path) -> Result<(), String> {
    let found = fs::symlink_metadata(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    match found.is_dir() {
        true => Ok(()),
        false => Err(format!("{} is a link and no folder; put the skill itself there", folder.display())),
    }
}

/// The skill's own file that is run, which must be there and a plain file; `None` when what runs lies elsewhere.
fn program(folder: &Path, manifest: &Manifest) -> Result<Option<PathBuf>, String> {
    let path = match &manifest.kind {
        Kind::Cdylib { library } => folder.join(library),
        Kind::Exec { command } | Kind::Mcp { command } => match command.first().and_then(|p| p.strip_prefix("./")) {
            Some(own) => folder.join(own),
            None => return Ok(None),
        },
        Kind::Dbus { .. } => return Ok(None),
    };
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_file() => Ok(Some(path)),
        Ok(_) => Err(format!("{} is no plain file", path.display())),
        Err(_) => Err(format!("{} is missing; build the skill and copy it there", path.display())),
    }
}

fn written(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|found| found.modified()).ok()
}

/// Makes intents of the tools that no intent of the manifest names. They are for scripts and for models: without
/// examples, words do not lead to them.
fn add_tools(manifest: &mut Manifest, tools: &[Tool]) {
    for tool in tools {
        let named = |intent: &Intent| tool_of(intent) == tool.name || intent.name == camel_case(&tool.name);
        let Ok(parameters) = serde_json::from_str::<Value>(&tool.parameters) else { continue };
        if manifest.intents.iter().any(named) {
            continue;
        }
        manifest.intents.push(Intent {
            name: camel_case(&tool.name),
            tool: Some(tool.name.clone()),
            domain: "tools".into(),
            version: "1.0".into(),
            title: tool.title.clone(),
            description: tool.description.clone(),
            examples: BTreeMap::new(),
            counter_examples: BTreeMap::new(),
            risk: risk(tool),
            undo: None,
            execute: vec![hob_sdk::manifest::Execute::Background],
            locked_screen: false,
            parameters,
            result: None,
        });
    }
}

/// What a tool says of itself decides what is confirmed; one that says nothing may do anything.
fn risk(tool: &Tool) -> Risk {
    match (tool.reads_only, tool.harmless) {
        (true, _) => Risk::Read,
        (false, true) => Risk::Change,
        (false, false) => Risk::Destructive,
    }
}

/// The tool that carries an intent out: the one it names, or its own name in snake case.
pub fn tool_of(intent: &Intent) -> String {
    intent.tool.clone().unwrap_or_else(|| {
        let mut name = String::new();
        for letter in intent.name.chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.extend(letter.to_lowercase());
        }
        name
    })
}

/// `get_weather` or `get-weather` as `GetWeather`.
fn camel_case(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    words.map(word).collect()
}

type Compiled = (jsonschema::Validator, Option<jsonschema::Validator>);

fn compile(file: &Path, intent: &Intent) -> Result<Compiled, String> {
    let compiled = |schema: &Value, of: &str| {
        jsonschema::validator_for(schema).map_err(|e| format!("{}: {of} of {}: {e}", file.display(), intent.name))
    };
    let result = intent.result.as_ref().map(|schema| compiled(schema, "result")).transpose()?;
    Ok((compiled(&intent.parameters, "parameters")?, result))
}

impl Installed {
    /// The arguments as an object, or what is wrong with them.
    pub fn checked_arguments(&self, intent: &str, arguments: &str) -> Result<Value, String> {
        let text = if arguments.trim().is_empty() { "{}" } else { arguments };
        let value: Value = serde_json::from_str(text).map_err(|e| format!("the arguments are not valid JSON: {e}"))?;
        if !value.is_object() {
            return Err("the arguments must be a JSON object, e.g. {\"label\": \"tea\"}".into());
        }
        let (schema, _) = self.schemas.get(intent).ok_or_else(|| format!("there is no intent {intent}"))?;
        problems(schema, &value).map_or(Ok(value), Err)
    }

    /// What is wrong with a result's data, if its schema is stated and something is.
    pub fn wrong_result(&self, intent: &str, data: &Value) -> Option<String> {
        let (_, schema) = self.schemas.get(intent)?;
        problems(schema.as_ref()?, data)
    }
}

fn problems(schema: &jsonschema::Validator, value: &Value) -> Option<String> {
    let problems: Vec<String> = schema.iter_errors(value).take(3).map(|e| problem(&e)).collect();
    (!problems.is_empty()).then(|| problems.join("; "))
}

fn problem(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    if place.is_empty() { error.to_string() } else { format!("{}: {error}", place.trim_start_matches('/')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_and_intents_find_each_other() {
        assert_eq!(camel_case("get_weather-now"), "GetWeatherNow");
        let tool = |name: &str, reads_only, harmless| Tool {
            name: name.into(),
            title: name.into(),
            description: String::new(),
            parameters: r#"{"type":"object"}"#.into(),
            reads_only,
            harmless,
        };
        let text = "[skill]\nid = \"org.example.a\"\nversion = \"1.0.0\"\ntitle = \"A\"\nkind = \"mcp\"\ncommand = [\"./a\"]\n\
                    [[intent]]\nname = \"GetWeather\"\ndomain = \"w\"\nversion = \"1.0\"\ntitle = \"W\"\ndescription = \"W\"\nrisk = \"read\"\n";
        let mut manifest = Manifest::parse(text, "skill.toml").expect("a manifest");
        add_tools(&mut manifest, &[tool("get_weather", true, true), tool("wipe", false, false)]);
        assert_eq!(tool_of(&manifest.intents[0]), "get_weather");
        assert_eq!(manifest.intents.len(), 2);
        assert_eq!((manifest.intents[1].name.as_str(), manifest.intents[1].risk), ("Wipe", Risk::Destructive));
    }

    #[test]
    fn links_and_doubles_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let manifest =
            "[skill]\nid = \"org.example.a\"\nversion = \"1.0.0\"\ntitle = \"A\"\nkind = \"mcp\"\ncommand = [\"a\"]\n";
        for name in ["one/org.example.a", "two/org.example.a"] {
            fs::create_dir_all(at(name)).expect("made");
            fs::write(at(name).join("skill.toml"), manifest).expect("written");
        }
        fs::create_dir_all(at("three")).expect("made");
        std::os::unix::fs::symlink(at("one/org.example.a"), at("three/org.example.a")).expect("linked");
        let of = |name: &str| SkillFolder { path: at(name), trusted: false };
        let (installed, rejected) = scan(&[of("one"), of("two")], &|_| Vec::new());
        assert_eq!((installed.len(), rejected.len()), (1, 1));
        assert!(rejected[0].problem.contains("already in"), "{rejected:?}");
        let (installed, rejected) = scan(&[of("three")], &|_| Vec::new());
        assert!(installed.is_empty() && rejected[0].problem.contains("is a link"), "{rejected:?}");
    }
}
