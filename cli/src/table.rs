//! Columns of text, aligned by what a terminal shows.

use crate::style::Style;

/// A cell: what it says, and how it looks.
#[derive(Debug, Clone)]
pub struct Cell {
    width: usize,
    shown: String,
}

impl Cell {
    /// A cell whose look does not change its width.
    pub fn new(text: &str, look: impl FnOnce(&str) -> String) -> Self {
        Self { width: width(text), shown: look(text) }
    }

    /// A cell without a look.
    pub fn plain(text: &str) -> Self {
        Self::new(text, str::to_owned)
    }
}

/// Rows with their columns aligned, two spaces apart, each line indented by two.
pub fn table(header: &[&str], rows: &[Vec<Cell>], style: &Style) -> String {
    let mut lines: Vec<Vec<Cell>> = Vec::with_capacity(rows.len() + 1);
    if !header.is_empty() {
        lines.push(header.iter().map(|title| Cell::new(title, |text| style.dim(text))).collect());
    }
    lines.extend(rows.iter().cloned());
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.width).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for line in lines {
        // Trailing empty cells would leave blanks at the line's end.
        let used = line.iter().rposition(|cell| cell.width > 0).map_or(0, |last| last + 1);
        let mut gap = 2;
        for (cell, column) in line.iter().take(used).zip(&widths) {
            out.push_str(&" ".repeat(gap));
            out.push_str(&cell.shown);
            gap = column - cell.width + 2;
        }
        out.push('\n');
    }
    out
}

/// Columns that a text takes: two for wide East Asian characters and emoji, none for combining marks.
pub fn width(text: &str) -> usize {
    text.chars()
        .map(|c| match u32::from(c) {
            0x300..=0x36F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
            0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F => 2,
            0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD => 2,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_they_hold() {
        let style = Style::terminal(true, None);
        let rows = vec![
            vec![Cell::new("a", |t| style.bold(t)), Cell::plain("1"), Cell::plain("")],
            vec![Cell::plain("笔记"), Cell::plain("22"), Cell::plain("end")],
        ];
        assert_eq!(table(&[], &rows, &style), "  \x1b[1ma\x1b[0m     1\n  笔记  22  end\n");
        assert_eq!(table(&["NAME", "N"], &[], &Style::plain()), "  NAME  N\n");
    }

    #[test]
    fn widths_are_those_of_a_terminal() {
        assert_eq!([width("abc"), width("中文"), width("e\u{301}"), width("ü")], [3, 4, 1, 1]);
    }
}
