//! Mail messages: who, when and what about, the text, the attachments' names and texts.

use crate::charset::tidy;
use crate::draft::Draft;
use crate::error::Skip;
use crate::{calendar, dates, html, text};
use hob_link::extract::Block;
use mail_parser::{
    Address, DateTime, Encoding, HeaderName, Message, MessageParser, MessagePart, MimeHeaders, PartType,
};
use std::borrow::Cow;

/// Messages inside messages that are read.
const MAX_DEPTH: u32 = 3;
/// Nested messages a file may announce: the parser's own recursion has to end somewhere.
const MAX_NESTED: usize = 200;
/// Recipients named in one header.
const MAX_RECIPIENTS: usize = 50;

/// Reads a message.
pub fn extract(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    const WHAT: &str = "mail message";
    let announced = count(bytes, b"message/") + count(bytes, b"/digest");
    if announced > MAX_NESTED {
        return Err(Skip::broken(WHAT, format!("it announces {announced} messages inside it")));
    }
    let message = MessageParser::default().parse(bytes).ok_or_else(|| Skip::broken(WHAT, "it has no headers"))?;
    let known = [
        HeaderName::From,
        HeaderName::To,
        HeaderName::Subject,
        HeaderName::Date,
        HeaderName::Received,
        HeaderName::ContentType,
    ];
    if !known.into_iter().any(|name| message.header(name).is_some()) {
        return Err(Skip::broken(WHAT, "it has no From, To, Subject or Date"));
    }
    if let Some(subject) = message.subject() {
        draft.title(subject);
    }
    if let Some(from) = message.from().and_then(|from| from.first()) {
        draft.author(from.name().or(from.address()).unwrap_or_default());
    }
    if let Some(date) = message.date().filter(|date| date.is_valid()) {
        draft.date(&date.to_rfc3339());
    }
    Reader { lines: Some(Lines::of(bytes)), raw: bytes, depth: 0 }.message(&message, draft);
    Ok(())
}

/// How often a word stands in the bytes, in any case.
fn count(bytes: &[u8], word: &[u8]) -> usize {
    bytes.windows(word.len()).filter(|window| window.eq_ignore_ascii_case(word)).count()
}

/// Where a message's parts stand in the file.
struct Reader<'r> {
    raw: &'r [u8],
    /// Absent for a message that was encoded inside another one: its lines are not the file's.
    lines: Option<Lines>,
    depth: u32,
}

impl Reader<'_> {
    fn message(&self, message: &Message<'_>, draft: &mut Draft) {
        if let Some(subject) = message.subject() {
            self.header(message, HeaderName::Subject, subject, true, draft);
        }
        for (name, address) in
            [(HeaderName::From, message.from()), (HeaderName::To, message.to()), (HeaderName::Cc, message.cc())]
        {
            if let Some(people) = address.map(people).filter(|people| !people.is_empty()) {
                let text = format!("{}: {people}", name.as_static_str());
                self.header(message, name, &text, false, draft);
            }
        }
        if let Some(date) = message.date().filter(|date| date.is_valid()) {
            self.header(message, HeaderName::Date, &format!("Date: {}", moment(date)), false, draft);
        }
        for part in message.text_body.iter().filter_map(|id| message.parts.get(*id as usize)) {
            self.part(part, draft);
        }
        self.attachments(message, draft);
    }

    fn header(&self, message: &Message<'_>, name: HeaderName<'_>, text: &str, heading: bool, draft: &mut Draft) {
        let found = message.headers().iter().find(|header| header.name == name);
        match (&self.lines, found) {
            (Some(lines), Some(header)) if heading => draft.heading(text, lines.at(header.offset_field)),
            (Some(lines), Some(header)) => draft.paragraph(text, lines.at(header.offset_field)),
            _ => draft.counted(text, None, heading),
        }
    }

    fn attachments(&self, message: &Message<'_>, draft: &mut Draft) {
        let parts: Vec<&MessagePart<'_>> = message.attachments().collect();
        let names: Vec<&str> = parts.iter().filter_map(|part| part.attachment_name()).collect();
        if let Some(first) = parts.iter().find(|part| part.attachment_name().is_some()) {
            let text = format!("Attachments: {}", names.join(", "));
            match &self.lines {
                Some(lines) => draft.paragraph(&text, lines.at(first.offset_header)),
                None => draft.counted(&text, None, false),
            }
        }
        for part in parts {
            if draft.is_full() {
                return;
            }
            match &part.body {
                PartType::Message(nested) => self.nested(part, nested, draft),
                PartType::Text(_) | PartType::Html(_) => {
                    let line = self.lines.as_ref().map(|lines| lines.at(part.offset_header));
                    draft.enter(part.attachment_name());
                    match (part.attachment_name(), line) {
                        (Some(name), Some(line)) => draft.heading(name, line),
                        (Some(name), None) => draft.counted(name, None, true),
                        (None, _) => {}
                    }
                    self.part(part, draft);
                    draft.enter(None);
                }
                PartType::Binary(content) | PartType::InlineBinary(content) => self.file(part, content, draft),
                PartType::Multipart(_) => {}
            }
        }
    }

    /// An attached file of another format, read as if it lay in a folder.
    fn file(&self, part: &MessagePart<'_>, content: &[u8], draft: &mut Draft) {
        let Some(name) = part.attachment_name() else { return };
        let mut own = draft.part();
        crate::attached(name, content, &mut own);
        let own = own.finish();
        for block in &own.blocks {
            let inner = block.part.as_deref().map_or_else(|| name.to_string(), |inner| format!("{name}, {inner}"));
            draft.enter(Some(&inner));
            match &self.lines {
                // Its text stands nowhere in the message as it is; the message's own line says where it begins.
                Some(lines) => {
                    let line = lines.at(part.offset_header);
                    draft.block(Block { line, part: None, ..block.clone() });
                }
                None => draft.recounted(block),
            }
        }
        draft.enter(None);
        if own.truncated {
            draft.cut_short();
        }
    }

    fn nested(&self, part: &MessagePart<'_>, message: &Message<'_>, draft: &mut Draft) {
        if self.depth >= MAX_DEPTH {
            return;
        }
        let in_file = part.encoding == Encoding::None && self.lines.is_some();
        let lines = in_file.then(|| Lines::of(self.raw));
        draft.enter(Some(message.subject().unwrap_or("message")));
        Reader { raw: self.raw, lines, depth: self.depth + 1 }.message(message, draft);
        draft.enter(None);
    }

    /// A text part, its lines mapped back to the file's.
    fn part(&self, part: &MessagePart<'_>, draft: &mut Draft) {
        let mut own = draft.part();
        match &part.body {
            PartType::Html(markup) => html::extract(&tidy(Cow::Borrowed(markup)), &mut own),
            PartType::Text(content) => {
                let content = tidy(Cow::Borrowed(content));
                let is_calendar = part.content_type().is_some_and(|t| t.subtype() == Some("calendar"));
                // What only claims to be a calendar is still text.
                if !is_calendar || calendar::extract(&content, &mut own).is_err() {
                    own = draft.part();
                    text::plain(&content, &mut own);
                }
            }
            _ => return,
        }
        let own = own.finish();
        let map = self.lines.as_ref().and_then(|lines| lines.of_part(part, self.raw));
        for mut block in own.blocks {
            match &map {
                Some(map) => {
                    block.line = map.line(block.line);
                    draft.block(block);
                }
                None => draft.recounted(&block),
            }
        }
        if own.truncated {
            draft.cut_short();
        }
    }
}

/// Where the file's lines end.
struct Lines {
    ends: Vec<u32>,
}

/// How the lines of a part's text lie in the file.
enum LineMap {
    /// One to one from this line on.
    From(u32),
    /// Line n of the text starts at this line of the file.
    Each(Vec<u32>),
}

impl Lines {
    fn of(raw: &[u8]) -> Self {
        let ends = raw.iter().zip(0..).filter(|(byte, _)| **byte == b'\n').map(|(_, at)| at).collect();
        Self { ends }
    }

    /// The 1-based line of an offset.
    fn at(&self, offset: u32) -> u32 {
        self.ends.partition_point(|end| *end < offset) as u32 + 1
    }

    /// `None` when the part is encoded so that its lines can't be found in the file.
    fn of_part(&self, part: &MessagePart<'_>, raw: &[u8]) -> Option<LineMap> {
        let first = self.at(part.offset_body);
        match part.encoding {
            Encoding::None => Some(LineMap::From(first)),
            Encoding::Base64 => None,
            Encoding::QuotedPrintable => {
                // A line that ends in "=" goes on in the next one.
                let body = raw.get(part.offset_body as usize..part.offset_end as usize).unwrap_or_default();
                let mut starts = vec![first];
                for (line, number) in body.split(|b| *b == b'\n').zip(first..) {
                    if !line.trim_ascii_end().ends_with(b"=") {
                        starts.push(number + 1);
                    }
                }
                Some(LineMap::Each(starts))
            }
        }
    }
}

impl LineMap {
    fn line(&self, of_text: u32) -> u32 {
        match self {
            LineMap::From(first) => first + of_text - 1,
            LineMap::Each(starts) => {
                let at = (of_text as usize - 1).min(starts.len() - 1);
                starts[at]
            }
        }
    }
}

fn people(address: &Address<'_>) -> String {
    let person = |name: Option<&str>, address: Option<&str>| match (name, address) {
        (Some(name), Some(address)) if name != address => Some(format!("{name} <{address}>")),
        (name, address) => name.or(address).map(String::from),
    };
    let all: Vec<String> = address.iter().filter_map(|a| person(a.name(), a.address())).collect();
    let more =
        if all.len() > MAX_RECIPIENTS { format!(" and {} more", all.len() - MAX_RECIPIENTS) } else { String::new() };
    format!("{}{more}", all[..all.len().min(MAX_RECIPIENTS)].join(", "))
}

/// Like "2026-03-14 15:00 (Saturday 14 March 2026)", in the sender's own time.
fn moment(date: &DateTime) -> String {
    let clock = format!("{:04}-{:02}-{:02} {:02}:{:02}", date.year, date.month, date.day, date.hour, date.minute);
    match dates::Day::new(i32::from(date.year), u32::from(date.month), u32::from(date.day)) {
        Some(day) => format!("{clock} ({})", day.in_words()),
        None => clock,
    }
}
