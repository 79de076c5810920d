//! `hob skill new`: a project that builds, tests and installs.
//!
//! Owns: the templates and their names. Must not know: the daemon, which this does not need.

use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::screen::Screen;

/// Arguments of `hob skill new`.
#[derive(Debug, Args)]
pub struct New {
    /// The skill's name in lower case, e.g. weather; also the new folder's
    #[arg(value_name = "NAME")]
    name: String,
    /// The language to write it in
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    lang: Language,
    /// Its id; without it, org.example.NAME
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// A copy of hob's SDK to build against instead of the released one (Rust)
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
}

/// Languages with a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// A library
    Rust,
    /// A library
    C,
    /// A program
    Python,
}

#[derive(Debug, Serialize)]
struct Made {
    id: String,
    folder: PathBuf,
    files: Vec<PathBuf>,
    next: Vec<String>,
}

const MANIFEST: &str = include_str!("../../../templates/skill.toml");
const PYTHON_LIBRARY: &str = include_str!("../../../../sdk/python/hob_skill.py");
const C_HEADER: &str = include_str!("../../../../sdk/include/hob_skill.h");

/// Makes the project.
pub fn run(args: &New, screen: &Screen) -> Result<(), Failure> {
    let words = Words::of(args)?;
    let folder = std::env::current_dir()?.join(&args.name);
    if folder.exists() {
        return Err(Failure::Local(format!("{} is there already; choose another name", folder.display())));
    }
    let files = files(args.lang, &words);
    for (name, text, mode) in &files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
    }
    let cd = format!("cd {}", args.name);
    let (test, build) = match args.lang {
        Language::Rust => ("cargo test", Some("cargo build --release")),
        Language::C => ("make test", Some("make")),
        Language::Python => ("python3 -m unittest", None),
    };
    let mut next = vec![cd, test.to_owned()];
    next.extend(build.map(str::to_owned));
    next.extend(["hob skill check", "hob skill install ."].map(str::to_owned));
    let made = Made { id: words.id, folder, files: files.into_iter().map(|(name, ..)| name).collect(), next };
    Ok(screen.result(&made, |made, style| {
        let next: String = made.next.iter().map(|line| format!("  {line}\n")).collect();
        format!("{} is in {}. Next:\n{next}", style.name(&made.id), style.path(&made.folder.display().to_string()))
    })?)
}

/// What the templates' marks stand for.
struct Words {
    name: String,
    snake: String,
    type_name: String,
    title: String,
    id: String,
    sdk: String,
}

impl Words {
    fn of(args: &New) -> Result<Self, Failure> {
        let name = args.name.as_str();
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(letters) || name.len() > 40 {
            return Err(Failure::Usage(format!("\"{name}\" must be a name in lower case like weather or tide-table")));
        }
        let parts: Vec<String> = name.split(['-', '_']).filter(|part| !part.is_empty()).map(capital).collect();
        let snake = name.replace('-', "_");
        let id = args.id.clone().unwrap_or_else(|| format!("org.example.{snake}"));
        let sdk = match &args.sdk {
            None => "\"0.1\"".to_owned(),
            Some(folder) => format!("{{ path = {:?} }}", existing_sdk(folder)?),
        };
        Ok(Self { name: name.to_owned(), snake, type_name: parts.concat(), title: parts.join(" "), id, sdk })
    }

    fn fill(&self, template: &str) -> String {
        let marks = [
            ("@NAME@", &self.name),
            ("@SNAKE@", &self.snake),
            ("@TYPE@", &self.type_name),
            ("@TITLE@", &self.title),
            ("@ID@", &self.id),
            ("@SDK@", &self.sdk),
        ];
        marks.iter().fold(template.to_owned(), |text, (mark, word)| text.replace(mark, word))
    }
}

fn existing_sdk(folder: &Path) -> Result<String, Failure> {
    let whole = folder.canonicalize().map_err(|e| Failure::Local(format!("{}: {e}", folder.display())))?;
    if !whole.join("Cargo.toml").is_file() {
        return Err(Failure::Local(format!("{} holds no Cargo.toml; name hob's sdk folder", whole.display())));
    }
    whole.into_os_string().into_string().map_err(|path| Failure::Local(format!("{path:?} is not UTF-8")))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Name, text and mode of each file.
fn files(language: Language, words: &Words) -> Vec<(PathBuf, String, u32)> {
    let kind = match language {
        Language::Rust | Language::C => "kind = \"cdylib\"\nlibrary = \"lib@SNAKE@.so\"",
        Language::Python => "kind = \"exec\"\ncommand = [\"./@SNAKE@.py\"]",
    };
    let mut files = vec![("skill.toml".to_owned(), MANIFEST.replace("@KIND@", kind), 0o644)];
    let mut add = |name: &str, text: &str, mode: u32| files.push((name.to_owned(), text.to_owned(), mode));
    match language {
        Language::Rust => {
            add("Cargo.toml", include_str!("../../../templates/rust/Cargo.toml"), 0o644);
            add("src/lib.rs", include_str!("../../../templates/rust/src/lib.rs"), 0o644);
            add(".gitignore", include_str!("../../../templates/rust/gitignore"), 0o644);
        }
        Language::C => {
            add("skill.c", include_str!("../../../templates/c/skill.c"), 0o644);
            add("test.c", include_str!("../../../templates/c/test.c"), 0o644);
            add("Makefile", include_str!("../../../templates/c/Makefile"), 0o644);
            add("hob_skill.h", C_HEADER, 0o644);
        }
        Language::Python => {
            add("@SNAKE@.py", include_str!("../../../templates/python/skill.py"), 0o755);
            add("test_@SNAKE@.py", include_str!("../../../templates/python/test_skill.py"), 0o644);
            add("hob_skill.py", PYTHON_LIBRARY, 0o644);
        }
    }
    files.into_iter().map(|(name, text, mode)| (words.fill(&name).into(), words.fill(&text), mode)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hob_sdk::manifest::Manifest;

    fn new(name: &str) -> New {
        New { name: name.into(), lang: Language::Rust, id: None, sdk: None }
    }

    #[test]
    fn every_template_is_whole_and_its_manifest_good() {
        let words = Words::of(&new("tide-table")).unwrap();
        assert_eq!((words.type_name.as_str(), words.snake.as_str()), ("TideTable", "tide_table"));
        for language in [Language::Rust, Language::C, Language::Python] {
            let files = files(language, &words);
            for (name, text, _) in &files {
                let marks = ["@NAME@", "@SNAKE@", "@ID@", "@TYPE@", "@TITLE@", "@SDK@", "@KIND@"];
                assert!(!marks.iter().any(|mark| text.contains(mark)), "a mark is left in {}", name.display());
            }
            let manifest = Manifest::parse(&files[0].1, "skill.toml").unwrap();
            assert_eq!(manifest.id, "org.example.tide_table");
            assert!(manifest.warnings().is_empty(), "{:?}", manifest.warnings());
        }
    }

    #[test]
    fn names_are_plain() {
        for bad in ["", "Weather", "a/b", "..", "1a", "wea ther"] {
            assert_eq!(Words::of(&new(bad)).err().map(|e| e.code()), Some(2), "{bad}");
        }
    }
}
