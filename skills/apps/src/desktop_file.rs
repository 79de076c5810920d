//! The file format of desktop entries and of what shares it: groups of keys with values, some of them translated.
//!
//! Owns: reading that format leniently, as the Desktop Entry specification lays it down; whoever writes such files may
//! be anybody. Must not know: what a key means.

use crate::locale::Locale;
use std::fs;
use std::path::Path;

/// Longest file that is read, in bytes: with translations into all languages, entries have some ten thousand.
const LONGEST: u64 = 1 << 20;

/// A file that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DesktopFile {
    groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    entries: Vec<Entry>,
}

/// `key[tag]=value`
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    key: String,
    tag: Option<String>,
    value: String,
}

impl DesktopFile {
    /// Reads a plain file; `None` if it can't be read or is too long to be one of these.
    pub fn read(file: &Path) -> Option<Self> {
        fs::metadata(file).ok().filter(|found| found.is_file() && found.len() <= LONGEST)?;
        Some(Self::parse(&String::from_utf8_lossy(&fs::read(file).ok()?)))
    }

    /// Reads a file's text. Lines that are neither comment, group nor key are left out.
    pub fn parse(text: &str) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                groups.push(Group { name: name.to_string(), entries: Vec::new() });
            } else if let (Some(group), Some(entry)) = (groups.last_mut(), entry(line)) {
                group.entries.push(entry);
            }
        }
        Self { groups }
    }

    /// The values of a key in a group: without a tag and in translation, as they are written. Of a key that is there
    /// twice, the first counts.
    fn values(&self, group: &str, key: &str) -> Vec<&Entry> {
        let groups = self.groups.iter().filter(|found| found.name == group);
        groups.flat_map(|group| &group.entries).filter(|entry| entry.key == key).collect()
    }

    /// A value as it is written, without translations.
    fn raw(&self, group: &str, key: &str) -> Option<&str> {
        self.values(group, key).into_iter().find(|entry| entry.tag.is_none()).map(|entry| entry.value.as_str())
    }

    /// A text.
    pub fn text(&self, group: &str, key: &str) -> Option<String> {
        self.raw(group, key).map(unescaped).filter(|text| !text.is_empty())
    }

    /// A text in the user's language, or in none.
    pub fn translated(&self, group: &str, key: &str, locale: &Locale) -> Option<String> {
        let in_language = |tag: &str| {
            let fits = |entry: &&Entry| entry.tag.as_deref() == Some(tag);
            self.values(group, key)
                .into_iter()
                .find(fits)
                .map(|entry| unescaped(&entry.value))
                .filter(|text| !text.is_empty())
        };
        locale.tags().find_map(in_language).or_else(|| self.text(group, key))
    }

    /// A text in all the languages that it has.
    pub fn in_all_languages(&self, group: &str, key: &str) -> Vec<String> {
        self.values(group, key)
            .into_iter()
            .map(|entry| unescaped(&entry.value))
            .filter(|text| !text.is_empty())
            .collect()
    }

    /// A list, whose parts end in `;`.
    pub fn list(&self, group: &str, key: &str) -> Vec<String> {
        self.raw(group, key).map(parts).unwrap_or_default()
    }

    /// The parts of a list in all the languages that it has.
    pub fn lists_in_all_languages(&self, group: &str, key: &str) -> Vec<String> {
        self.values(group, key).into_iter().flat_map(|entry| parts(&entry.value)).collect()
    }

    /// `true` or not.
    pub fn flag(&self, group: &str, key: &str) -> bool {
        self.raw(group, key) == Some("true")
    }

    /// Whether a key is there.
    pub fn has(&self, group: &str, key: &str) -> bool {
        self.raw(group, key).is_some()
    }
}

fn entry(line: &str) -> Option<Entry> {
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim_end(), value.trim_start().to_string());
    let (key, tag) = match key.split_once('[') {
        Some((key, rest)) => (key, Some(rest.strip_suffix(']')?.to_string())),
        None => (key, None),
    };
    (!key.is_empty()).then(|| Entry { key: key.to_string(), tag, value })
}

/// `\s`, `\n`, `\t`, `\r` and `\\`; any other sign keeps its backslash.
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut signs = value.chars();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            text.push(sign);
            continue;
        }
        match signs.next() {
            Some('s') => text.push(' '),
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('\\') | None => text.push('\\'),
            Some(other) => text.extend(['\\', other]),
        }
    }
    text
}

/// The parts of a list; `\;` is a semicolon in one of them.
fn parts(value: &str) -> Vec<String> {
    let (mut all, mut part, mut signs) = (Vec::new(), String::new(), value.chars());
    while let Some(sign) = signs.next() {
        match (sign, signs.clone().next()) {
            ('\\', Some(';')) => {
                part.push(';');
                signs.next();
            }
            ('\\', Some(next)) => {
                part.extend(['\\', next]);
                signs.next();
            }
            (';', _) => all.push(std::mem::take(&mut part)),
            _ => part.push(sign),
        }
    }
    all.push(part);
    all.into_iter().map(|part| unescaped(part.trim())).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# a comment\n[Desktop Entry]\nName = Text Editor\nName[de]=Texteditor\nName[pt_BR]=Editor de texto\n\
        Comment=One\\nline\\sand a \\\\ sign\nKeywords=write;notes\\;lists;;\nKeywords[de]=Notizen;\nHidden=true\nNoDisplay=yes\n\
        nonsense\n=empty\nExec[=x\n[Desktop Action new]\nName=New window\n";
    const MAIN: &str = "Desktop Entry";

    #[test]
    fn groups_keys_translations_and_escapes() {
        let file = DesktopFile::parse(FILE);
        assert_eq!(file.text(MAIN, "Name").as_deref(), Some("Text Editor"));
        assert_eq!(file.text("Desktop Action new", "Name").as_deref(), Some("New window"));
        let named = |locale: &str| file.translated(MAIN, "Name", &Locale::parse(locale)).unwrap_or_default();
        assert_eq!((named("de_AT.UTF-8").as_str(), named("pt_PT").as_str()), ("Texteditor", "Text Editor"));
        assert_eq!(file.in_all_languages(MAIN, "Name").len(), 3);
        assert_eq!(file.text(MAIN, "Comment").as_deref(), Some("One\nline and a \\ sign"));
        assert_eq!(file.list(MAIN, "Keywords"), ["write", "notes;lists"]);
        assert_eq!(file.lists_in_all_languages(MAIN, "Keywords"), ["write", "notes;lists", "Notizen"]);
        assert!(file.flag(MAIN, "Hidden") && !file.flag(MAIN, "NoDisplay") && !file.has(MAIN, "Exec"));
    }

    #[test]
    fn what_is_no_desktop_file_holds_nothing() {
        for text in ["", "Name=before any group", "[unclosed\nName=x", "\0\0\0", "[Desktop Entry]"] {
            assert_eq!(DesktopFile::parse(text).text(MAIN, "Name"), None, "{text:?}");
        }
    }
}
