//! Excel files: each row with its column names, sheet by sheet, cell by cell, since a sheet's
//! stated size may be any lie.

use crate::archive::Archive;
use crate::dates::Day;
use crate::draft::Draft;
use crate::error::Skip;
use crate::table::Rows;
use calamine::{Data, ExcelDateTime, Reader, Xls, Xlsx};
use std::io::Cursor;

/// Cells of a row beyond this column are dropped.
const MAX_COLUMNS: usize = 500;

/// Reads an .xlsx file.
pub fn xlsx(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    const WHAT: &str = "Excel file";
    let mut archive = Archive::open(bytes, WHAT)?;
    archive.refuse_bombs()?;
    crate::docx::properties(&mut archive, draft)?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|e| Skip::broken(WHAT, e))?;
    let names = book.sheet_names();
    let mut fault = None;
    for name in &names {
        if let Err(error) = xlsx_sheet(&mut book, name, draft) {
            // Chart sheets have no cells; a broken sheet costs itself alone.
            tracing::debug!(sheet = name, %error, "a sheet could not be read");
            fault = Some(error);
        }
    }
    finish(draft, fault.map(|e| Skip::broken(WHAT, e)))
}

fn xlsx_sheet(book: &mut Xlsx<Cursor<&[u8]>>, name: &str, draft: &mut Draft) -> Result<(), calamine::XlsxError> {
    let mut cells = book.worksheet_cells_reader(name)?;
    let mut sheet = Sheet::new(name, draft);
    let mut current = (0, Vec::new());
    while let Some(cell) = cells.next_cell()? {
        let (row, column) = cell.get_position();
        if row != current.0 {
            sheet.row(current.0 + 1, std::mem::take(&mut current.1));
            current.0 = row;
            if sheet.draft.is_full() {
                return Ok(());
            }
        }
        place(&mut current.1, column as usize, shown(&Data::from(cell.get_value().clone())));
    }
    sheet.row(current.0 + 1, current.1);
    sheet.finish();
    Ok(())
}

/// Reads an .xls file.
pub fn xls(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    const WHAT: &str = "Excel file";
    let mut book: Xls<_> = Xls::new(Cursor::new(bytes)).map_err(|e| match e {
        calamine::XlsError::Password => Skip::Encrypted(WHAT),
        e => Skip::broken(WHAT, e),
    })?;
    let mut fault = None;
    for name in book.sheet_names() {
        match book.worksheet_range(&name) {
            Ok(range) => {
                let mut sheet = Sheet::new(&name, draft);
                let (first_row, first_column) = range.start().unwrap_or_default();
                for (row, number) in range.rows().zip(first_row + 1..) {
                    let mut cells = vec![String::new(); (first_column as usize).min(MAX_COLUMNS)];
                    cells.extend(row.iter().take(MAX_COLUMNS).map(shown));
                    sheet.row(number, cells);
                }
                sheet.finish();
            }
            Err(error) => fault = Some(Skip::broken(WHAT, error)),
        }
        if draft.is_full() {
            break;
        }
    }
    finish(draft, fault)
}

/// One sheet being written: its name as a heading over its rows.
pub struct Sheet<'d> {
    name: String,
    /// The document it goes to.
    pub draft: &'d mut Draft,
    rows: Rows,
    named: bool,
    /// The number of the first row.
    first: u32,
}

impl<'d> Sheet<'d> {
    /// An empty sheet; a table inside a text has no name.
    pub fn new(name: &str, draft: &'d mut Draft) -> Self {
        if !name.is_empty() {
            draft.enter(Some(name));
        }
        Self { name: name.into(), draft, rows: Rows::default(), named: false, first: 1 }
    }

    /// Adds a row with its 1-based number.
    pub fn row(&mut self, number: u32, cells: Vec<String>) {
        if !self.named && self.rows.is_new() {
            self.first = number;
        }
        let span = span(number, &cells);
        let Self { name, draft, rows, named, .. } = self;
        rows.add(cells, |text| write(draft, named, name, span, text));
    }

    /// Ends the sheet; gives the document back.
    pub fn finish(self) -> &'d mut Draft {
        let Self { name, draft, rows, mut named, first } = self;
        let span = rows.alone_cells().and_then(|cells| span(first, cells));
        rows.finish(|text| write(draft, &mut named, &name, span, text));
        if !name.is_empty() {
            draft.enter(None);
        }
        draft
    }
}

/// Sheets without rows need no heading.
fn write(draft: &mut Draft, named: &mut bool, name: &str, span: Option<(String, String)>, text: &str) {
    if !std::mem::replace(named, true) {
        draft.counted(name, None, true);
    }
    let before = draft.count();
    draft.counted(text, None, false);
    if let Some((from, to)) = span.filter(|_| !name.is_empty()) {
        draft.span(before, &from, &to);
    }
}

/// The first and the last cell of a row that hold something, like ("A3", "C3").
fn span(number: u32, cells: &[String]) -> Option<(String, String)> {
    let first = cells.iter().position(|cell| !cell.is_empty())?;
    let last = cells.iter().rposition(|cell| !cell.is_empty())?;
    Some((format!("{}{number}", column(first)), format!("{}{number}", column(last))))
}

/// A column's letters: 0 is A, 26 is AA.
fn column(mut at: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(b'A' + (at % 26) as u8);
        if at < 26 {
            break;
        }
        at = at / 26 - 1;
    }
    letters.iter().rev().map(|letter| char::from(*letter)).collect()
}

/// Puts a cell where it belongs; gaps stay empty.
pub fn place(row: &mut Vec<String>, column: usize, text: String) {
    if column < MAX_COLUMNS && !text.is_empty() {
        if row.len() <= column {
            row.resize(column + 1, String::new());
        }
        row[column] = text;
    }
}

fn finish(draft: &Draft, fault: Option<Skip>) -> Result<(), Skip> {
    match fault {
        Some(fault) if draft.is_empty() => Err(fault),
        _ if draft.is_empty() => Err(Skip::NoText("the spreadsheet is empty".into())),
        _ => Ok(()),
    }
}

/// A cell as a person sees it.
fn shown(data: &Data) -> String {
    match data {
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.trim().to_string(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => float(*number),
        Data::Bool(yes) => if *yes { "yes" } else { "no" }.to_string(),
        Data::DateTime(moment) => moment_text(moment),
        _ => String::new(),
    }
}

/// 0.1 + 0.2 is stored as 0.30000000000000004 and shown as 0.3.
pub fn float(number: f64) -> String {
    if !number.is_finite() {
        return String::new();
    }
    let text = format!("{number:.10}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn moment_text(moment: &ExcelDateTime) -> String {
    if moment.is_duration() {
        let minutes = (moment.as_f64() * 1440.0).round() as i64;
        return format!("{}:{:02}", minutes / 60, minutes % 60);
    }
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    let time =
        if second == 0 { format!("{hour:02}:{minute:02}") } else { format!("{hour:02}:{minute:02}:{second:02}") };
    // Below one there is no day, only a time.
    match Day::new(i32::from(year), u32::from(month), u32::from(day)).filter(|_| moment.as_f64() >= 1.0) {
        None => time,
        Some(day) if moment.as_f64().fract().abs() < 1e-6 => day.to_string(),
        Some(day) => format!("{day} {time}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::ExcelDateTimeType;

    #[test]
    fn columns_have_letters() {
        let names = [0, 25, 26, 51, 52, 701, 702].map(column);
        assert_eq!(names, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }

    #[test]
    fn numbers_and_moments_look_as_in_the_program() {
        assert_eq!(float(0.1 + 0.2), "0.3");
        assert_eq!(float(1200.0), "1200");
        assert_eq!(float(-3.5), "-3.5");
        assert_eq!(float(f64::NAN), "");
        let at = |value: f64| moment_text(&ExcelDateTime::new(value, ExcelDateTimeType::DateTime, false));
        assert_eq!(at(46095.0), "2026-03-14");
        assert_eq!(at(46095.625), "2026-03-14 15:00");
        assert_eq!(at(0.5), "12:00");
    }
}
