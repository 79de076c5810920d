//! The text flow of an office document: paragraphs, and tables whose rows name their columns.
//!
//! Must not know: which format it comes from.

use crate::draft::Draft;
use crate::spreadsheet::{Sheet, place};

/// Collects paragraphs and table rows as their elements open and close.
pub struct Flow<'d> {
    draft: Option<&'d mut Draft>,
    /// Open paragraphs: text boxes put one inside another.
    paragraphs: Vec<Paragraph>,
    /// The table being read. Tables inside its cells are read as text.
    sheet: Option<Sheet<'d>>,
    tables: u32,
    /// The page or slide that is read, for formats that have them.
    page: Option<u32>,
    row: Vec<String>,
    cell: String,
    column: usize,
    /// 1-based number of the row being read.
    number: u32,
}

#[derive(Default)]
struct Paragraph {
    text: String,
    heading: bool,
}

impl<'d> Flow<'d> {
    /// An empty flow into this document.
    pub fn new(draft: &'d mut Draft) -> Self {
        let (paragraphs, row) = (Vec::new(), Vec::new());
        Self {
            draft: Some(draft),
            paragraphs,
            sheet: None,
            tables: 0,
            page: None,
            row,
            cell: String::new(),
            column: 0,
            number: 1,
        }
    }

    /// Nothing more can be added.
    pub fn is_full(&self) -> bool {
        let draft = self.draft.as_deref().or(self.sheet.as_ref().map(|sheet| &*sheet.draft));
        draft.is_some_and(Draft::is_full)
    }

    /// What follows stands on this page or slide.
    pub fn turn_to(&mut self, page: u32) {
        self.page = Some(page);
    }

    /// Opens a paragraph.
    pub fn begin_paragraph(&mut self, heading: bool) {
        self.paragraphs.push(Paragraph { text: String::new(), heading });
    }

    /// Makes the open paragraph a heading.
    pub fn make_heading(&mut self) {
        if let Some(paragraph) = self.paragraphs.last_mut() {
            paragraph.heading = true;
        }
    }

    /// Adds text to the open paragraph; outside of one there is no text.
    pub fn text(&mut self, text: &str) {
        if let Some(paragraph) = self.paragraphs.last_mut() {
            paragraph.text.push_str(text);
        }
    }

    /// Closes the paragraph; gives the text of a heading.
    pub fn end_paragraph(&mut self) -> Option<String> {
        let Paragraph { text, heading } = self.paragraphs.pop()?;
        let text = text.trim();
        if let Some(draft) = &mut self.draft {
            draft.counted(text, self.page, heading);
        } else if !text.is_empty() {
            if !self.cell.is_empty() {
                self.cell.push(' ');
            }
            self.cell.push_str(text);
        }
        (heading && !text.is_empty()).then(|| text.to_string())
    }

    /// Opens a table; a spreadsheet's tables have names.
    pub fn begin_table(&mut self, name: &str) {
        self.tables += 1;
        if let Some(draft) = self.draft.take() {
            self.number = 1;
            self.sheet = Some(Sheet::new(name, draft));
        }
    }

    /// Opens a row.
    pub fn begin_row(&mut self) {
        if self.tables == 1 {
            self.row.clear();
            self.column = 0;
        }
    }

    /// Opens a cell.
    pub fn begin_cell(&mut self) {
        if self.tables == 1 {
            self.cell.clear();
        }
    }

    /// Closes a cell that stands for this many equal ones.
    pub fn end_cell(&mut self, repeated: usize) {
        if self.tables == 1 {
            let text = std::mem::take(&mut self.cell);
            place(&mut self.row, self.column, text);
            self.column = self.column.saturating_add(repeated.max(1));
        }
    }

    /// Closes a row that stands for this many equal ones.
    pub fn end_row(&mut self, repeated: usize) {
        if let Some(sheet) = self.sheet.as_mut().filter(|_| self.tables == 1) {
            sheet.row(self.number, std::mem::take(&mut self.row));
            self.number = self.number.saturating_add(u32::try_from(repeated.max(1)).unwrap_or(u32::MAX));
        }
    }

    /// Closes a table.
    pub fn end_table(&mut self) {
        self.tables = self.tables.saturating_sub(1);
        if self.tables == 0
            && let Some(sheet) = self.sheet.take()
        {
            self.draft = Some(sheet.finish());
        }
    }
}
