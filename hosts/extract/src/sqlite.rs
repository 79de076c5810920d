//! Reads the tables of an SQLite file (sqlite.org/fileformat2.html), and nothing else of it.
//!
//! Must not know: what the tables are about. No index, no view, no write-ahead log: what its program has not yet moved
//! from there into the file itself is not seen. Every number in the file is untrusted: pages are visited once, depth
//! and sizes are bounded.

use crate::error::Skip;
use std::collections::HashSet;

/// What every file begins with.
pub const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER: usize = 100;
const WHAT: &str = "SQLite database";
/// Interior pages above a row; real trees have five at most.
const DEEPEST: usize = 24;
/// Longer rows are passed over, in bytes.
const LONGEST_ROW: usize = 1 << 20;

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing, or something that is neither text nor a whole number.
    Other,
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

/// The file.
pub struct Database<'a> {
    bytes: &'a [u8],
    page: usize,
    /// Bytes of a page that tables use.
    usable: usize,
}

/// A table's place and its columns.
pub struct Table {
    root: u32,
    columns: Vec<String>,
}

impl Table {
    /// Where a column stands in a row.
    pub fn column(&self, name: &str) -> Result<usize, Skip> {
        let found = self.columns.iter().position(|column| column == name);
        found.ok_or_else(|| Skip::broken(WHAT, format!("a table has no column {name}")))
    }
}

impl<'a> Database<'a> {
    /// The database in these bytes.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Skip> {
        if !bytes.starts_with(MAGIC) || bytes.len() < HEADER {
            return Err(Skip::broken(WHAT, "it does not begin as one"));
        }
        let page = match u16::from_be_bytes([bytes[16], bytes[17]]) {
            1 => 65_536,
            size => usize::from(size),
        };
        let reserved = usize::from(bytes[20]);
        // The least usable size is the format's own rule, and keeps later sums above zero.
        if !page.is_power_of_two() || page < 512 || page - reserved < 480 {
            return Err(Skip::broken(WHAT, "its page size is impossible"));
        }
        if !matches!(bytes[56..60], [0, 0, 0, 0 | 1]) {
            return Err(Skip::broken(WHAT, "its texts are not in UTF-8"));
        }
        Ok(Self { bytes, page, usable: page - reserved })
    }

    /// The table of this name; `None` if there is none.
    pub fn table(&self, name: &str) -> Result<Option<Table>, Skip> {
        let mut found = None;
        self.each_row(1, &mut |_, row| {
            if let [Value::Text(kind), _, Value::Text(of), Value::Number(root), Value::Text(sql), ..] = row
                && kind == "table"
                && of == name
            {
                found = u32::try_from(*root).ok().map(|root| Table { root, columns: columns(sql) });
            }
            found.is_none()
        })?;
        Ok(found)
    }

    /// Gives every row with its number, until `take` says false. A primary key of whole numbers stands in the number, and
    /// its column holds [`Value::Other`].
    pub fn rows(&self, table: &Table, mut take: impl FnMut(i64, &[Value]) -> bool) -> Result<(), Skip> {
        self.each_row(table.root, &mut take)
    }

    fn each_row(&self, root: u32, take: &mut dyn FnMut(i64, &[Value]) -> bool) -> Result<(), Skip> {
        let mut waiting = vec![(root, 0)];
        let mut seen = HashSet::new();
        while let Some((number, depth)) = waiting.pop() {
            if depth > DEEPEST || !seen.insert(number) {
                return Err(Skip::broken(WHAT, "its pages go round in a circle"));
            }
            let page = self.page(number)?;
            let start = if number == 1 { HEADER } else { 0 };
            let cells = usize::from(be16(page, start + 3)?);
            match page.get(start) {
                Some(0x0d) => {
                    for cell in 0..cells {
                        let at = usize::from(be16(page, start + 8 + 2 * cell)?);
                        if let Some((id, row)) = self.row(page, at)?
                            && !take(id, &row)
                        {
                            return Ok(());
                        }
                    }
                }
                Some(0x05) => {
                    // Last first: what waits is taken from the end.
                    waiting.push((be32(page, start + 8)?, depth + 1));
                    for cell in (0..cells).rev() {
                        let at = usize::from(be16(page, start + 12 + 2 * cell)?);
                        waiting.push((be32(page, at)?, depth + 1));
                    }
                }
                _ => return Err(Skip::broken(WHAT, "a page is of an unknown kind")),
            }
        }
        Ok(())
    }

    fn page(&self, number: u32) -> Result<&'a [u8], Skip> {
        let start = (number as usize).checked_sub(1).and_then(|before| before.checked_mul(self.page));
        let page = start.and_then(|start| self.bytes.get(start..start.checked_add(self.page)?));
        page.ok_or_else(|| Skip::broken(WHAT, "a page lies beyond its end"))
    }

    /// The row of the cell at `at`; `None` for one that is too long.
    fn row(&self, page: &[u8], at: usize) -> Result<Option<(i64, Vec<Value>)>, Skip> {
        let (size, at) = varint(page, at)?;
        let (id, at) = varint(page, at)?;
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= LONGEST_ROW) else { return Ok(None) };
        let most = self.usable - 35;
        let own = if size <= most {
            size
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let rest = least + (size - least) % (self.usable - 4);
            if rest <= most { rest } else { least }
        };
        let mut payload = slice(page, at, own)?.to_vec();
        let mut next = if own < size { be32(page, at + own)? } else { 0 };
        while payload.len() < size {
            let page = self.page(next)?;
            let piece = (size - payload.len()).min(self.usable - 4);
            payload.extend_from_slice(slice(page, 4, piece)?);
            next = be32(page, 0)?;
        }
        Ok(Some((id, values(&payload)?)))
    }
}

/// The values of a record: a header of types, then what they describe.
fn values(payload: &[u8]) -> Result<Vec<Value>, Skip> {
    let (header, mut at) = varint(payload, 0)?;
    let header = usize::try_from(header).unwrap_or(usize::MAX);
    let mut body = header;
    let mut out = Vec::new();
    while at < header {
        let (kind, after) = varint(payload, at)?;
        at = after;
        let kind = usize::try_from(kind).map_err(|_| Skip::broken(WHAT, "a value is of an unknown kind"))?;
        let len = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            _ => kind.saturating_sub(12) / 2,
        };
        let bytes = slice(payload, body, len)?;
        body += len;
        out.push(match kind {
            1..=6 => Value::Number(signed(bytes)),
            8 => Value::Number(0),
            9 => Value::Number(1),
            13.. if kind % 2 == 1 => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
            _ => Value::Other,
        });
    }
    Ok(out)
}

/// Column names out of `CREATE TABLE name (a INTEGER PRIMARY KEY, b TEXT DEFAULT (1, 2), …)`.
fn columns(sql: &str) -> Vec<String> {
    let inner = sql.split_once('(').map_or("", |(_, inner)| inner);
    let mut out = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '(' => depth += 1,
            ',' | ')' if depth == 0 => {
                out.extend(name(&inner[start..at]));
                start = at + 1;
                if c == ')' {
                    break;
                }
            }
            ')' => depth -= 1,
            _ => {}
        }
    }
    out
}

fn name(column: &str) -> Option<String> {
    let word = column.split_whitespace().next()?.trim_matches(['"', '`', '[', ']', '\'']);
    let constraint =
        ["PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT"].iter().any(|k| k.eq_ignore_ascii_case(word));
    (!constraint).then(|| word.to_owned())
}

fn signed(bytes: &[u8]) -> i64 {
    let first = if bytes.first().is_some_and(|b| b & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(first, |number, byte| number << 8 | i64::from(*byte))
}

/// A number of one to nine bytes, and where the next thing begins.
fn varint(bytes: &[u8], at: usize) -> Result<(i64, usize), Skip> {
    let mut number = 0u64;
    for i in 0..9 {
        let byte = slice(bytes, at.saturating_add(i), 1)?[0];
        if i == 8 {
            number = number << 8 | u64::from(byte);
            return Ok((number as i64, at + 9));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((number as i64, at + i + 1));
        }
    }
    Err(Skip::broken(WHAT, "a number does not end"))
}

fn be16(bytes: &[u8], at: usize) -> Result<u16, Skip> {
    let b = slice(bytes, at, 2)?;
    Ok(u16::from_be_bytes([b[0], b[1]]))
}

fn be32(bytes: &[u8], at: usize) -> Result<u32, Skip> {
    let b = slice(bytes, at, 4)?;
    Ok(u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

fn slice(bytes: &[u8], at: usize, len: usize) -> Result<&[u8], Skip> {
    let piece = at.checked_add(len).and_then(|end| bytes.get(at..end));
    piece.ok_or_else(|| Skip::broken(WHAT, "something lies beyond the end of its page"))
}
