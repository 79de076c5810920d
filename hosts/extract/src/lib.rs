//! Turns one file into text.
//!
//! Owns: reading the file within limits, telling its format, one module per format. Must not
//! know: the index, the daemon, or what the text is for. Everything in a file is untrusted: a
//! parser that panics costs one file, a parser that hangs or overruns its memory costs this
//! process, which the daemon starts again.

mod archive;
mod audio;
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
mod epub;
mod error;
mod file;
mod flow;
mod html;
mod image;
mod json;
mod listing;
mod mail;
mod markdown;
mod mbox;
mod odf;
mod pdf;
mod pptx;
mod rtf;
mod spreadsheet;
mod sqlite;
mod subtitles;
mod table;
mod text;
mod xml;

use detect::Format;
use draft::Draft;
use error::Skip;
use hob_link::extract::{Document, ExtractReply, ToRead};
use std::any::Any;
use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

/// How much of a picture is read: its metadata come first.
const IMAGE_HEAD: u64 = 1 << 20;

/// The text of one file, or why there is none. Never panics, whatever the file holds.
pub fn extract(wanted: &ToRead, file: File) -> ExtractReply {
    reply(|| document(wanted, file))
}

/// The same for bytes that are at hand: the way in for tests and fuzz targets.
pub fn extract_bytes(name: &Path, bytes: &[u8], max_text: u64) -> ExtractReply {
    reply(|| of_bytes(detect::by_name(name), bytes, max_text))
}

fn reply(read: impl FnOnce() -> Result<Document, Skip>) -> ExtractReply {
    let result =
        panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|cause| Err(Skip::Panicked(panic_text(&*cause))));
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

fn document(wanted: &ToRead, file: File) -> Result<Document, Skip> {
    let named = detect::by_name(&wanted.name);
    let file = file::Opened::of(file)?;
    if let detect::Named::Unreadable(extension) = named {
        return Err(Skip::Unsupported(extension));
    }
    let bytes = match named {
        // What pictures say of themselves stands at their start.
        detect::Named::Known(Format::Image) => file.ends(IMAGE_HEAD, 0)?,
        _ => file.read(wanted.max_bytes)?,
    };
    of_bytes(named, &bytes, wanted.max_text)
}

fn of_bytes(named: detect::Named, bytes: &[u8], max_text: u64) -> Result<Document, Skip> {
    let format = detect::by_content(named, bytes)?;
    let mut draft = Draft::new(format.kind(), max_text);
    by_format(format, bytes, &mut draft)?;
    if draft.is_empty() && !draft.is_full() {
        return Err(Skip::NoText("there is no text in it".into()));
    }
    Ok(draft.finish())
}

/// A part of a file that is a file itself: an attachment. What can't be read is left out.
pub(crate) fn attached(name: &str, bytes: &[u8], draft: &mut Draft) {
    let named = detect::by_name(Path::new(name));
    if matches!(named, detect::Named::Unreadable(_)) || bytes.is_empty() {
        return;
    }
    let read = detect::by_content(named, bytes).and_then(|format| match format {
        // Mail in mail has its own way, and lists in lists say nothing.
        Format::Mail | Format::MailFolder | Format::Archive => Ok(()),
        format => by_format(format, bytes, draft),
    });
    if let Err(skip) = read {
        tracing::debug!(%skip, "an attachment could not be read");
    }
}

fn by_format(format: Format, bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    match format {
        Format::Text => text::plain(&charset::decode(bytes)?, draft),
        Format::Org => text::org(&charset::decode(bytes)?, draft),
        Format::Rst => text::restructured(&charset::decode(bytes)?, draft),
        Format::Markdown => markdown::extract(&charset::decode(bytes)?, draft),
        Format::Html => html::extract(&charset::decode_html(bytes)?, draft),
        Format::Code => code::extract(&charset::decode(bytes)?, draft),
        Format::Json => json::extract(&charset::decode(bytes)?, draft),
        Format::Subtitles => subtitles::extract(&charset::decode(bytes)?, draft),
        Format::Rtf => rtf::extract(bytes, draft)?,
        Format::Table(delimiter) => table::extract(&charset::decode(bytes)?, delimiter, draft)?,
        Format::Calendar => calendar::extract(&charset::decode(bytes)?, draft)?,
        Format::Contact => contact::extract(&charset::decode(bytes)?, draft)?,
        Format::Mail => mail::extract(bytes, draft)?,
        Format::MailFolder => mbox::extract(bytes, draft)?,
        Format::Pdf => pdf::extract(bytes, draft)?,
        Format::Docx => docx::extract(bytes, draft)?,
        Format::Odt => odf::text(bytes, draft)?,
        Format::Ods => odf::spreadsheet(bytes, draft)?,
        Format::Odp => odf::presentation(bytes, draft)?,
        Format::Pptx => pptx::extract(bytes, draft)?,
        Format::Epub => epub::extract(bytes, draft)?,
        Format::Image => image::extract(bytes, draft)?,
        Format::Audio => audio::extract(bytes, draft)?,
        Format::Archive => listing::extract(bytes, draft)?,
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
