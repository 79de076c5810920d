//! An entry's `Exec` line as a program with its arguments.
//!
//! Owns: the quoting and the field codes of the Desktop Entry specification, and terminals for programs that want one.
//! Must not know: how a program is started. No shell reads the line, so nothing in it is run but the program itself.

use crate::catalogue::App;
use crate::surroundings::Surroundings;
use hob_sdk::SkillError;
use std::path::{Path, PathBuf};

/// Signs that a backslash takes their meaning from, within quotes.
const ESCAPED: [char; 4] = ['"', '`', '$', '\\'];
/// Terminals, and what stands before the program that they shall run.
const TERMINALS: [(&str, &[&str]); 9] = [
    ("xdg-terminal-exec", &[]),
    ("x-terminal-emulator", &["-e"]),
    ("kgx", &["--"]),
    ("gnome-terminal", &["--"]),
    ("konsole", &["-e"]),
    ("foot", &[]),
    ("alacritty", &["-e"]),
    ("kitty", &[]),
    ("xterm", &["-e"]),
];

/// A program that is there, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Absolute.
    pub path: PathBuf,
    /// Without the program itself.
    pub arguments: Vec<String>,
}

/// The program of an app that is opened without files.
///
/// # Errors
/// With a sentence when the line is none, the program is not installed, or it needs a terminal and there is none.
pub fn program(app: &App, around: &Surroundings) -> Result<Program, SkillError> {
    let line = app.command.as_deref().unwrap_or_default();
    let broken = |why: &str| {
        SkillError::failed(format!("{} can't be opened: its desktop entry {why}.", app.name))
            .suggest(format!("Look at {}.", app.file.display()))
    };
    let words = words(line).ok_or_else(|| broken("ends within quotes"))?;
    let mut arguments = Vec::new();
    for word in words {
        arguments.extend(filled(&word, app).ok_or_else(|| broken("has a field code that is none"))?);
    }
    if arguments.is_empty() {
        return Err(broken("names no program"));
    }
    let name = arguments.remove(0);
    let path = around.program(&name).ok_or_else(|| {
        SkillError::unavailable(format!("{} can't be opened: the program {name} is not installed.", app.name))
            .suggest("Install the app again.")
    })?;
    if app.terminal { in_terminal(app, &path, arguments, around) } else { Ok(Program { path, arguments }) }
}

fn in_terminal(app: &App, path: &Path, arguments: Vec<String>, around: &Surroundings) -> Result<Program, SkillError> {
    let found = TERMINALS.iter().find_map(|(name, before)| Some((around.program(name)?, *before)));
    let (terminal, before) = found.ok_or_else(|| {
        SkillError::unavailable(format!("{} runs in a terminal, and no terminal app is installed.", app.name))
            .suggest("Install a terminal app, e.g. foot.")
    })?;
    let before = before.iter().map(|word| (*word).to_string());
    let arguments = before.chain([path.to_string_lossy().into_owned()]).chain(arguments).collect();
    Ok(Program { path: terminal, arguments })
}

/// The words of a line; `None` if a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut signs) = (Vec::new(), None::<String>, line.chars());
    while let Some(sign) = signs.next() {
        match sign {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '"' => quoted(&mut signs, word.get_or_insert_default())?,
            _ => word.get_or_insert_default().push(sign),
        }
    }
    words.extend(word);
    Some(words)
}

/// Reads on to the closing quote.
fn quoted(signs: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match signs.next()? {
            '"' => return Some(()),
            '\\' => match signs.next()? {
                escaped if ESCAPED.contains(&escaped) => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            sign => word.push(sign),
        }
    }
}

/// A word with its field codes filled in, as no, one or two words; `None` for a code that there is not.
fn filled(word: &str, app: &App) -> Option<Vec<String>> {
    if word == "%i" {
        let icon = app.icon.iter().flat_map(|icon| ["--icon".to_string(), icon.clone()]);
        return Some(icon.collect());
    }
    let (mut text, mut signs, mut gave_nothing) = (String::new(), word.chars(), false);
    while let Some(sign) = signs.next() {
        if sign != '%' {
            text.push(sign);
            continue;
        }
        match signs.next()? {
            '%' => text.push('%'),
            'c' => text.push_str(&app.name),
            'k' => text.push_str(&app.file.to_string_lossy()),
            // Files and addresses, of which there are none, and codes that are given up.
            'f' | 'F' | 'u' | 'U' | 'd' | 'D' | 'n' | 'N' | 'v' | 'm' | 'i' => gave_nothing = true,
            _ => return None,
        }
    }
    Some(if gave_nothing && text.is_empty() { Vec::new() } else { vec![text] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(command: &str) -> App {
        App {
            name: "An app".into(),
            file: "/usr/share/applications/a.desktop".into(),
            icon: Some("icon".into()),
            command: Some(command.into()),
            ..App::default()
        }
    }

    fn arguments(command: &str) -> Result<Vec<String>, String> {
        let around = Surroundings { programs: vec!["/bin".into()], ..Surroundings::default() };
        program(&app(command), &around).map(|program| program.arguments).map_err(|error| error.message)
    }

    #[test]
    fn quotes_and_field_codes_are_read_as_the_specification_says() {
        for (command, wanted) in [
            ("sh", &[] as &[&str]),
            ("sh %U", &[]),
            ("/bin/sh --new-window %u", &["--new-window"]),
            ("sh  a   b", &["a", "b"]),
            (r#"sh "a b" "c\"d" "e\\f" "g\h""#, &["a b", "c\"d", "e\\f", "g\\h"]),
            (r#"sh "" x"#, &["", "x"]),
            ("sh --file=%f", &["--file="]),
            ("sh 100%% %%", &["100%", "%"]),
            ("sh %i -n %c %k", &["--icon", "icon", "-n", "An app", "/usr/share/applications/a.desktop"]),
            ("sh %d%D %m", &[]),
            ("sh $(reboot) `reboot` ; reboot", &["$(reboot)", "`reboot`", ";", "reboot"]),
        ] {
            assert_eq!(arguments(command).expect(command), wanted, "{command}");
        }
    }

    #[test]
    fn what_can_not_be_run_says_why() {
        for (command, why) in [
            ("sh \"a", "ends within quotes"),
            ("sh %z", "field code"),
            ("sh %", "field code"),
            ("", "names no program"),
            ("%U", "names no program"),
            ("surely-not-there", "surely-not-there is not installed"),
            ("./sh", "not installed"),
        ] {
            let said = arguments(command).expect_err(command);
            assert!(said.contains(why), "{command}: {said}");
        }
    }

    #[test]
    fn a_program_for_a_terminal_gets_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = App { terminal: true, ..app("sh -l") };
        let around = Surroundings { programs: vec![folder.path().into()], ..Surroundings::default() };
        // Whatever this machine has: only a folder of the test's own is looked into.
        std::os::unix::fs::symlink("/bin/sh", folder.path().join("sh")).expect("linked");
        assert!(program(&text, &around).expect_err("none").message.contains("no terminal app"));
        std::os::unix::fs::symlink("/bin/sh", folder.path().join("kgx")).expect("linked");
        let started = program(&text, &around).expect("a program");
        assert_eq!(started.path, folder.path().join("kgx"));
        assert_eq!(started.arguments, ["--", folder.path().join("sh").to_str().expect("UTF-8"), "-l"]);
    }
}
