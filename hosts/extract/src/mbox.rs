//! Mail folders in one file (mbox): each message as a part of its own, with its lines in the file.

use crate::draft::{Draft, newlines};
use crate::error::Skip;
use crate::mail;

/// Messages read from one file.
const MAX_MESSAGES: usize = 100_000;

/// Reads a mail folder.
pub fn extract(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    let (mut read, mut fault, mut line) = (0, None, 0);
    for (message, number) in messages(bytes).zip(1..) {
        // The line that begins with "From " is none of the message's.
        let (mark, body) =
            message.split_at(message.iter().position(|b| *b == b'\n').map_or(message.len(), |at| at + 1));
        line += newlines_in(mark);
        match one(body, line, number, draft) {
            Ok(()) => read += 1,
            Err(skip) => fault = Some(skip),
        }
        line += newlines_in(body);
        if draft.is_full() || number >= MAX_MESSAGES {
            break;
        }
    }
    match (read, fault) {
        (0, Some(fault)) => Err(fault),
        (0, None) => Err(Skip::broken("mail folder", "no line begins with \"From \"")),
        _ => Ok(()),
    }
}

fn one(bytes: &[u8], line: u32, number: usize, draft: &mut Draft) -> Result<(), Skip> {
    let mut own = draft.part();
    mail::extract(bytes, &mut own)?;
    let own = own.finish();
    for mut block in own.blocks {
        let part = block.part.take().map_or_else(|| format!("message {number}"), |p| format!("message {number}, {p}"));
        draft.enter(Some(&part));
        block.line += line;
        draft.block(block);
    }
    draft.enter(None);
    if own.truncated {
        draft.cut_short();
    }
    Ok(())
}

/// The messages with the lines that separate them. Where a message ends is only told by a line that begins with
/// "From " behind an empty one.
fn messages(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::iter::from_fn(move || {
        if !rest.starts_with(b"From ") {
            return None;
        }
        let end = starts(rest).next().unwrap_or(rest.len());
        let (message, behind) = rest.split_at(end);
        rest = behind;
        Some(message)
    })
}

/// Where further messages begin.
fn starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let marks = bytes.windows(6).enumerate().filter(|(_, window)| *window == b"\nFrom ").map(|(at, _)| at + 1);
    marks.filter(|at| matches!(&bytes[..*at], [.., b'\n', b'\n'] | [.., b'\n', b'\r', b'\n']))
}

fn newlines_in(bytes: &[u8]) -> u32 {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().filter(|b| **b == b'\n').count() as u32, newlines)
}
