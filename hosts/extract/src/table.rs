//! Delimited text, and rows as sentences: each value next to the name of its column.

use crate::draft::Draft;
use crate::error::Skip;
use csv::{ByteRecord, ReaderBuilder};

/// How much of a table tells its delimiter, in bytes.
const SAMPLE: usize = 64 << 10;
/// Columns beyond this are dropped: no person reads them.
const MAX_COLUMNS: usize = 500;

/// Reads delimited text, one block a row.
pub fn extract(text: &str, delimiter: Option<u8>, draft: &mut Draft) -> Result<(), Skip> {
    let delimiter = delimiter.unwrap_or_else(|| sniff(text));
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = Rows::default();
    let mut lines = LineAt::default();
    let mut record = ByteRecord::new();
    while !draft.is_full() {
        let start = reader.position().byte() as usize;
        if !reader.read_byte_record(&mut record).map_err(|e| Skip::broken("table", e))? {
            break;
        }
        let cells: Vec<String> =
            record.iter().take(MAX_COLUMNS).map(|cell| String::from_utf8_lossy(cell).trim().to_string()).collect();
        // The reader's position is where it stopped before: empty lines may follow.
        let skipped = text[start..].len() - text[start..].trim_start_matches(['\n', '\r']).len();
        let line = lines.of(text, start + skipped);
        rows.add(cells, |row| draft.paragraph(row, line));
    }
    rows.finish(|row| draft.paragraph(row, 1));
    Ok(())
}

/// Counts lines up to offsets that only grow.
#[derive(Default)]
struct LineAt {
    at: usize,
    lines: u32,
}

impl LineAt {
    fn of(&mut self, text: &str, offset: usize) -> u32 {
        self.lines += crate::draft::newlines(&text[self.at..offset]);
        self.at = offset;
        self.lines + 1
    }
}

/// The delimiter that splits most lines into the same number of columns.
fn sniff(text: &str) -> u8 {
    let sample = crate::draft::floor(text, SAMPLE);
    let score = |delimiter: u8| {
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(sample.as_bytes());
        let widths: Vec<usize> = reader.byte_records().take(20).filter_map(|r| Some(r.ok()?.len())).collect();
        let first = widths.first().copied().unwrap_or(1);
        let alike = widths.iter().filter(|w| **w == first).count();
        if first < 2 { 0 } else { alike * 1000 / widths.len() + first.min(100) }
    };
    // Of equals the last wins, so the most common delimiter comes last.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|d| score(*d)).unwrap_or(b',')
}

/// Turns rows of cells into text, taking the first for headers when it looks like it.
#[derive(Default)]
pub struct Rows {
    headers: Vec<String>,
    seen: bool,
    /// The header row itself, as long as nothing follows it.
    alone: Option<String>,
}

impl Rows {
    /// Nothing was added yet.
    pub fn is_new(&self) -> bool {
        !self.seen
    }

    /// The header's cells, as long as nothing follows it.
    pub fn alone_cells(&self) -> Option<&[String]> {
        self.alone.is_some().then_some(&self.headers[..])
    }

    /// Takes the next row; gives its text to `write`, unless it is the header or empty.
    pub fn add(&mut self, cells: Vec<String>, write: impl FnOnce(&str)) {
        if cells.iter().all(String::is_empty) {
            return;
        }
        if !std::mem::replace(&mut self.seen, true) && is_header(&cells) {
            self.alone = Some(row(&[], &cells));
            self.headers = cells;
            return;
        }
        self.alone = None;
        write(&row(&self.headers, &cells));
    }

    /// Writes the header when it was all there is.
    pub fn finish(self, write: impl FnOnce(&str)) {
        if let Some(header) = self.alone {
            write(&header);
        }
    }
}

/// Column names are short, distinct, and no numbers or dates.
fn is_header(cells: &[String]) -> bool {
    let named: Vec<&str> = cells.iter().map(String::as_str).filter(|c| !c.is_empty()).collect();
    let plausible = |cell: &str| {
        let starts_like_data = cell.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '$' | '€'));
        cell.len() <= 80 && !starts_like_data && !cell.contains('@')
    };
    let distinct = named.iter().enumerate().all(|(at, name)| !named[..at].contains(name));
    // One name over several columns is a caption, not a header.
    let enough = named.len() * 2 > cells.len() && (named.len() > 1 || cells.len() == 1);
    enough && distinct && named.iter().all(|c| plausible(c))
}

/// One row as text: "Header: value; Header: value", empty cells left out.
pub fn row(headers: &[String], cells: &[String]) -> String {
    let mut text = String::new();
    for (at, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
        if !text.is_empty() {
            text.push_str("; ");
        }
        if let Some(header) = headers.get(at).filter(|h| !h.is_empty()) {
            text.push_str(header);
            text.push_str(": ");
        }
        for (n, word) in cell.split_whitespace().enumerate() {
            if n > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u32, String)> {
        let mut draft = Draft::new("table", 1 << 20);
        extract(text, None, &mut draft).unwrap();
        draft.finish().blocks.into_iter().map(|b| (b.line, b.text)).collect()
    }

    fn rows(rows: &[(u32, &str)]) -> Vec<(u32, String)> {
        rows.iter().map(|(line, text)| (*line, (*text).to_string())).collect()
    }

    #[test]
    fn rows_name_their_columns_and_stand_on_their_lines() {
        let text = "Name,Paid,Note\n\nAna,12.50,\"two\nlines; yes\"\nBo,,\n\n\nCy,3\n";
        let expected = [(3, "Name: Ana; Paid: 12.50; Note: two lines; yes"), (5, "Name: Bo"), (8, "Name: Cy; Paid: 3")];
        assert_eq!(read(text), rows(&expected));
    }

    #[test]
    fn delimiters_are_sniffed_and_missing_headers_noticed() {
        assert_eq!(read("a;b\n1,5;2\n3,5;4\n"), rows(&[(2, "a: 1,5; b: 2"), (3, "a: 3,5; b: 4")]));
        assert_eq!(read("a\tb\nx y\tz\n"), rows(&[(2, "a: x y; b: z")]));
        assert_eq!(read("2026-01-01,5\n2026-01-02,6\n"), rows(&[(1, "2026-01-01; 5"), (2, "2026-01-02; 6")]));
        assert_eq!(read("only,header\n"), rows(&[(1, "only; header")]));
    }

    #[test]
    fn broken_quotes_end_somewhere() {
        assert!(!read("a,b\n\"never closed,1\n2,3\n").is_empty());
    }
}
