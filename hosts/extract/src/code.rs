//! Source code and configuration: split at empty lines into pieces of reasonable size.

use crate::draft::Draft;
use crate::text::{Line, Open, lines};

/// A piece this long ends at the next empty line, in bytes.
const ENOUGH: usize = 900;
/// A piece this long ends at an empty line before something that is not indented.
const LITTLE: usize = 250;

/// Reads source code.
pub fn extract(text: &str, draft: &mut Draft) {
    let mut open = Open::default();
    let mut after_gap = false;
    for line in lines(text) {
        if line.is_blank() {
            after_gap = true;
            continue;
        }
        if after_gap && ends_piece(open.size(), &line) {
            open.close(text, draft);
        }
        after_gap = false;
        open.add(&line, text, draft);
        if draft.is_full() {
            return;
        }
    }
    open.close(text, draft);
}

fn ends_piece(len: usize, next: &Line<'_>) -> bool {
    len >= ENOUGH || len >= LITTLE && !next.text.starts_with([' ', '\t', '}', ')', ']'])
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
        for block in &doc.blocks {
            let first = block.text.split('\n').next().unwrap();
            assert!(first.starts_with("fn number_"));
            assert_eq!(source[block.line as usize - 1], first);
        }
    }

    #[test]
    fn small_files_stay_whole() {
        let mut draft = Draft::new("code", 1 << 20);
        extract("[a]\nx = 1\n\n[b]\ny = 2\n", &mut draft);
        assert_eq!(draft.finish().blocks.len(), 1);
    }
}
