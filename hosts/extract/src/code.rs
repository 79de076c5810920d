//! Source code and configuration: split at definitions and empty lines into pieces of reasonable size, each named by
//! what it defines.
//!
//! Languages are not parsed: that a line defines something shows in its first words in almost all of them.

use crate::draft::Draft;
use crate::text::{Line, Open, lines};

/// A piece this long ends at the next empty line, in bytes.
const ENOUGH: usize = 900;
/// A piece this long ends at an empty line before something that is not indented.
const LITTLE: usize = 250;
/// Longest line that is looked at for a definition, in bytes.
const MAX_LINE: usize = 400;

/// Reads source code.
pub fn extract(text: &str, draft: &mut Draft) {
    let mut open = Open::default();
    let mut after_gap = false;
    // What the open piece defines first and last, and what encloses what is indented.
    let (mut first, mut last, mut outer) = (String::new(), String::new(), String::new());
    for line in lines(text) {
        if line.is_blank() {
            after_gap = true;
            continue;
        }
        if after_gap && ends_piece(open.size(), &line) {
            close(&mut open, text, &mut first, &mut last, &outer, draft);
        }
        after_gap = false;
        if let Some(name) = definition(line.text) {
            let inner = line.text.starts_with([' ', '\t']);
            let whole = if inner && !outer.is_empty() { format!("{outer} › {name}") } else { name.clone() };
            if !inner {
                outer = name;
            }
            if first.is_empty() {
                first.clone_from(&whole);
            }
            last = whole;
        }
        let before = draft.count();
        open.add(&line, text, draft);
        if draft.count() > before {
            name_it(before, &mut first, &mut last, &outer, draft);
        }
        if draft.is_full() {
            return;
        }
    }
    close(&mut open, text, &mut first, &mut last, &outer, draft);
}

fn close(open: &mut Open, text: &str, first: &mut String, last: &mut String, outer: &str, draft: &mut Draft) {
    let before = draft.count();
    open.close(text, draft);
    name_it(before, first, last, outer, draft);
}

/// A piece that defines nothing itself belongs to what was defined last.
fn name_it(before: usize, first: &mut String, last: &mut String, outer: &str, draft: &mut Draft) {
    let (first, last) = (std::mem::take(first), std::mem::take(last));
    match (first.is_empty(), outer.is_empty()) {
        (false, _) => draft.span(before, &first, &last),
        (true, false) => draft.span(before, outer, outer),
        (true, true) => {}
    }
}

fn ends_piece(len: usize, next: &Line<'_>) -> bool {
    len >= ENOUGH || len >= LITTLE && !next.text.starts_with([' ', '\t', '}', ')', ']'])
}

/// Words that may stand before a definition.
const BEFORE: &[&str] = &[
    "pub",
    "export",
    "default",
    "async",
    "static",
    "public",
    "private",
    "protected",
    "internal",
    "abstract",
    "final",
    "override",
    "virtual",
    "inline",
    "const",
    "unsafe",
    "extern",
    "open",
    "sealed",
    "data",
    "local",
    "declare",
];
/// Words that a definition begins with.
const DEFINES: &[&str] = &[
    "fn",
    "def",
    "class",
    "function",
    "func",
    "fun",
    "struct",
    "enum",
    "trait",
    "impl",
    "interface",
    "module",
    "mod",
    "namespace",
    "type",
    "union",
    "object",
    "protocol",
    "record",
    "sub",
    "proc",
    "macro_rules!",
    "defmodule",
    "package",
];

/// What a line defines, like "fn main" or "class Garden".
fn definition(line: &str) -> Option<String> {
    if line.len() > MAX_LINE {
        return None;
    }
    let mut words = line.split_whitespace().peekable();
    while words.peek().is_some_and(|word| BEFORE.contains(word) || word.starts_with("pub(")) {
        words.next();
    }
    let keyword = words.next().filter(|word| DEFINES.contains(word) || word.starts_with("impl<"))?;
    if keyword.starts_with("impl") {
        let rest: Vec<&str> = words.take_while(|word| *word != "{" && *word != "where").collect();
        return Some(format!("impl {}", rest.join(" "))).filter(|name| name.len() > 5);
    }
    let name: String = words.next()?.chars().take_while(|c| c.is_alphanumeric() || "_.:$".contains(*c)).collect();
    let name = name.trim_end_matches([':', '.']);
    (name.starts_with(|c: char| c.is_alphabetic() || c == '_')).then(|| format!("{keyword} {name}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_between_functions_and_keep_their_lines() {
        let function = |n: u32| {
            let body: String = (0..8).map(|k| format!("    let value_{k} = compute({k}, {n});\n\n")).collect();
            format!("fn number_{n}() {{\n{body}}}\n\n")
        };
        let text: String = (0..6).map(function).collect();
        let mut draft = Draft::new("code", 1 << 20);
        extract(&text, &mut draft);
        let doc = draft.finish();
        assert_eq!(doc.blocks.len(), 6);
        let source: Vec<&str> = text.split('\n').collect();
        for (block, n) in doc.blocks.iter().zip(0..) {
            let first = block.text.split('\n').next().unwrap();
            assert!(first.starts_with("fn number_"));
            assert_eq!(source[block.line as usize - 1], first);
            let name = format!("fn number_{n}");
            assert_eq!(block.span, Some((name.clone(), name)));
        }
    }

    #[test]
    fn small_files_stay_whole() {
        let mut draft = Draft::new("code", 1 << 20);
        extract("[a]\nx = 1\n\n[b]\ny = 2\n", &mut draft);
        let blocks = draft.finish().blocks;
        assert_eq!((blocks.len(), &blocks[0].span), (1, &None));
    }

    #[test]
    fn definitions_are_known_in_many_languages() {
        for (line, name) in [
            ("pub(crate) async fn run<T>(x: T) {", "fn run"),
            ("    def water(self):", "def water"),
            ("class Garden(Place):", "class Garden"),
            ("export default function App() {", "function App"),
            ("impl<T> Iterator for Walk<T> {", "impl Iterator for Walk<T>"),
            ("func (s *Server) Start() error {", ""),
            ("func Start() error {", "func Start"),
            ("public static class Program {", "class Program"),
            ("type Point = (f32, f32);", "type Point"),
            ("let x = 5;", ""),
            ("// fn of the day", ""),
        ] {
            assert_eq!(definition(line).unwrap_or_default(), name, "{line}");
        }
    }
}
