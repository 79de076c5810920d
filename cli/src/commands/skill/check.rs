//! `hob skill check`: what hob would say about a skill, before anybody installs it.
//!
//! Owns: the look at a skill's files. Must not know: how a skill is run; nothing of it is.

use clap::Args;
use hob_sdk::client::{Hob, Options, details_to_json};
use hob_sdk::manifest::{Kind, Manifest, nearness};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::input;
use crate::screen::Screen;
use crate::style::Style;

/// Arguments of `hob skill check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The skill's folder
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

/// Languages that built-in skills speak.
const LANGUAGES: [&str; 5] = ["en", "pt", "zh", "de", "es"];
/// The symbol of the ABI.
const ENTRY: &[u8] = b"\0hob_skill_entry\0";

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Found {
    id: String,
    version: String,
    kind: String,
    /// Examples by intent and language.
    examples: BTreeMap<String, BTreeMap<String, usize>>,
    /// What must be mended.
    problems: Vec<String>,
    /// What should be.
    warnings: Vec<String>,
    /// What the user will be asked to grant.
    asks: Vec<String>,
}

/// Looks at a skill; fails when something must be mended.
pub async fn run(args: &Check, screen: &Screen) -> Result<(), Failure> {
    let mut found = look(&args.folder);
    if found.problems.is_empty() {
        // With a daemon at hand, the installed skills' examples count too.
        found.warnings.extend(beside_others(&args.folder).await.unwrap_or_default());
        found.warnings.sort();
        found.warnings.dedup();
    }
    screen.result(&found, render)?;
    if found.problems.is_empty() { Ok(()) } else { Err(Failure::Said) }
}

async fn beside_others(folder: &Path) -> Result<Vec<String>, Failure> {
    let hob = Hob::session().await?;
    let options = Options::new().with("dry_run", true);
    let said = hob.skills().await?.install(&input::absolute(folder)?, &options).await?;
    let warnings = details_to_json(&said)["warnings"].as_array().cloned().unwrap_or_default();
    Ok(warnings.iter().filter_map(|warning| warning.as_str().map(str::to_owned)).collect())
}

fn look(folder: &Path) -> Found {
    let file = folder.join("skill.toml");
    let problem = |problem: String| Found { problems: vec![problem], ..Found::default() };
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => return problem(format!("{}: {error}", file.display())),
    };
    let manifest = match Manifest::parse(&text, &file.display().to_string()) {
        Ok(manifest) => manifest,
        Err(error) => {
            return Found { problems: error.to_string().lines().map(str::to_owned).collect(), ..Found::default() };
        }
    };
    let mut found = Found {
        id: manifest.id.clone(),
        version: manifest.version.clone(),
        kind: manifest.kind.name().to_owned(),
        asks: manifest.permissions.in_words(),
        warnings: manifest.warnings(),
        ..Found::default()
    };
    found.warnings.extend(nearness(&manifest, &[]));
    languages(&manifest, &mut found);
    program(folder, &manifest, &mut found);
    found
}

fn languages(manifest: &Manifest, found: &mut Found) {
    for intent in manifest.intents.iter().filter(|intent| intent.is_routed()) {
        let counts: BTreeMap<String, usize> =
            intent.examples.iter().map(|(code, all)| (code.clone(), all.len())).collect();
        let lacking: Vec<&str> = LANGUAGES.into_iter().filter(|code| !counts.contains_key(*code)).collect();
        if !lacking.is_empty() {
            found.warnings.push(format!("intent {} has no examples in {}", intent.name, lacking.join(", ")));
        }
        found.examples.insert(intent.name.clone(), counts);
    }
}

/// The file that is run: there, of this machine, with the ABI's symbol, or allowed to run.
fn program(folder: &Path, manifest: &Manifest, found: &mut Found) {
    match &manifest.kind {
        Kind::Cdylib { library } => {
            let places = [folder.join(library), folder.join("target/release").join(library)];
            match places.iter().find(|path| path.is_file()) {
                None => found.warnings.push(format!("{library} is not built yet, so its ABI was not looked at")),
                Some(path) => found.problems.extend(library_problem(path)),
            }
        }
        Kind::Exec { command } | Kind::Mcp { command } => {
            let Some(own) = command.first().and_then(|program| program.strip_prefix("./")) else { return };
            let path = folder.join(own);
            match fs::metadata(&path) {
                Err(error) => found.problems.push(format!("{}: {error}", path.display())),
                Ok(about) if about.permissions().mode() & 0o100 == 0 => {
                    found.problems.push(format!("{0} may not be run; chmod +x {0}", path.display()));
                }
                Ok(_) => {}
            }
        }
        Kind::Dbus { .. } => {}
    }
}

/// Nothing of the library is run here: its header and its names tell enough.
fn library_problem(path: &Path) -> Option<String> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Some(format!("{}: {error}", path.display())),
    };
    if !bytes.starts_with(b"\x7fELF") {
        return Some(format!("{} is no shared library", path.display()));
    }
    let own = std::env::current_exe().and_then(fs::read).unwrap_or_default();
    // Class, byte order and machine.
    let header = |bytes: &[u8]| Some((bytes.get(4..6)?.to_vec(), bytes.get(18..20)?.to_vec()));
    if header(&bytes) != header(&own) {
        return Some(format!("{} was built for another kind of machine", path.display()));
    }
    let exports = bytes.windows(ENTRY.len()).any(|window| window == ENTRY);
    (!exports).then(|| {
        format!("{} does not export hob_skill_entry; use #[skill], export_skill! or hob_skill.h", path.display())
    })
}

fn render(found: &Found, style: &Style) -> String {
    let mut out = String::new();
    for problem in &found.problems {
        out.push_str(&format!("{} {}\n", style.bad("wrong:"), style.line(problem)));
    }
    for warning in &found.warnings {
        out.push_str(&format!("{} {}\n", style.warn("better:"), style.line(warning)));
    }
    for ask in &found.asks {
        out.push_str(&format!("asks to {}\n", style.line(ask)));
    }
    if found.problems.is_empty() {
        let about = format!("{} {} ({})", style.name(&found.id), found.version, found.kind);
        out.push_str(&format!("{about}: {}\n", style.good("good to install")));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[skill]\nid = \"org.example.a\"\nversion = \"1.0.0\"\ntitle = \"A\"\nkind = \"exec\"\ncommand = [\"./a.py\"]\n\
        [[intent]]\nname = \"Do\"\ndomain = \"d\"\nversion = \"1.0\"\ntitle = \"T\"\ndescription = \"D\"\nrisk = \"read\"\n\
        examples.en = [\"do it\", \"please do\", \"go\", \"go on\", \"start\"]\n";

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("hob-check-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("skill.toml"), MANIFEST).unwrap();
        folder
    }

    #[test]
    fn what_is_wrong_and_what_could_be_better_are_apart() {
        let folder = folder("exec");
        assert!(look(&folder).problems[0].contains("a.py"), "the program is missing");
        fs::write(folder.join("a.py"), "").unwrap();
        assert!(look(&folder).problems[0].contains("may not be run"));
        fs::set_permissions(folder.join("a.py"), fs::Permissions::from_mode(0o755)).unwrap();
        let found = look(&folder);
        assert!(found.problems.is_empty(), "{found:?}");
        assert!(found.warnings.iter().any(|w| w.contains("has no examples in pt, zh, de, es")), "{found:?}");
        assert_eq!(found.examples["Do"]["en"], 5);
        fs::write(folder.join("skill.toml"), MANIFEST.replace("1.0.0", "one").replace("\"A\"", "\"\"")).unwrap();
        assert_eq!(look(&folder).problems.len(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_library_is_looked_at_and_not_loaded() {
        let folder = folder("library");
        let own = std::env::current_exe().unwrap();
        assert!(library_problem(&folder.join("skill.toml")).unwrap().contains("no shared library"));
        let mut bytes = fs::read(&own).unwrap();
        bytes[18] ^= 0xff;
        fs::write(folder.join("other.so"), &bytes).unwrap();
        assert!(library_problem(&folder.join("other.so")).unwrap().contains("another kind of machine"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
