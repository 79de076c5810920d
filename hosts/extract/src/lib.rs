//! Turns one file into text.
//!
//! Owns: reading the file within limits, telling its format, one module per format. Must not
//! know: the index, the daemon, or what the text is for. Everything in a file is untrusted: a
//! parser that panics costs one file, a parser that hangs or overruns its memory costs this
//! process, which the daemon starts again.

mod archive;
pub mod background;
mod browser;
mod calendar;
mod charset;
mod code;
mod contact;
mod content_line;
mod dates;
mod detect;
mod docx;
mod draft;
mod error;
mod file;
mod flow;
mod html;
mod mail;
mod markdown;
mod odf;
mod pdf;
mod spreadsheet;
mod sqlite;
mod table;
mod text;
mod xml;

use detect::Format;
use draft::Draft;
use error::Skip;
use hob_link::extract::{Document, ExtractReply, ExtractRequest};
use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// The text of one file, or why there is none. Never panics, whatever the file holds.
pub fn extract(request: &ExtractRequest) -> ExtractReply {
    let result = panic::catch_unwind(AssertUnwindSafe(|| document(request)))
        .unwrap_or_else(|cause| Err(Skip::Panicked(panic_text(&*cause))));
    match result {
        Ok(document) => ExtractReply::Document(document),
        Err(skip) => ExtractReply::Skipped { reason: skip.to_string() },
    }
}

/// Panics in parsers are expected and become replies; they are logged in one quiet line.
pub fn log_panics_quietly() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::debug!(%place, "a parser panicked: {}", panic_text(info.payload()));
    }));
}

fn document(request: &ExtractRequest) -> Result<Document, Skip> {
    let named = detect::by_name(&request.path);
    let file = file::open(&request.path)?;
    if let detect::Named::Unreadable(extension) = named {
        return Err(Skip::Unsupported(extension));
    }
    let bytes = file.read(request.max_bytes)?;
    let format = detect::by_content(named, &bytes)?;
    let mut draft = Draft::new(format.kind(), request.max_text);
    by_format(format, &bytes, &mut draft)?;
    if draft.is_empty() && !draft.is_full() {
        return Err(Skip::NoText("there is no text in it".into()));
    }
    Ok(draft.finish())
}

fn by_format(format: Format, bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    match format {
        Format::Text => text::plain(&charset::decode(bytes)?, draft),
        Format::Org => text::org(&charset::decode(bytes)?, draft),
        Format::Rst => text::restructured(&charset::decode(bytes)?, draft),
        Format::Markdown => markdown::extract(&charset::decode(bytes)?, draft),
        Format::Html => html::extract(&charset::decode_html(bytes)?, draft),
        Format::Code => code::extract(&charset::decode(bytes)?, draft),
        Format::Table(delimiter) => table::extract(&charset::decode(bytes)?, delimiter, draft)?,
        Format::Calendar => calendar::extract(&charset::decode(bytes)?, draft)?,
        Format::Contact => contact::extract(&charset::decode(bytes)?, draft)?,
        Format::Mail => mail::extract(bytes, draft)?,
        Format::Pdf => pdf::extract(bytes, draft)?,
        Format::Docx => docx::extract(bytes, draft)?,
        Format::Odt => odf::text(bytes, draft)?,
        Format::Ods => odf::spreadsheet(bytes, draft)?,
        Format::Xlsx => spreadsheet::xlsx(bytes, draft)?,
        Format::Xls => spreadsheet::xls(bytes, draft)?,
        Format::History => browser::history(bytes, draft)?,
        Format::Bookmarks => browser::bookmarks(&charset::decode(bytes)?, draft)?,
    }
    Ok(())
}

/// What a panic said.
pub(crate) fn panic_text(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<&str>().copied().or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    error::one_line(text.unwrap_or("no reason given"))
}
