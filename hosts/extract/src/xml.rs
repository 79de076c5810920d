//! XML as a stream of tags and text, with its references resolved.
//!
//! Must not know: any vocabulary. External entities do not exist here.

use crate::error::Skip;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::borrow::Cow;

/// One piece of a document; names without their prefix.
pub enum Piece<'a> {
    /// A start tag. An empty element gives an end tag right after it.
    Start(&'a str, &'a BytesStart<'a>),
    /// An end tag.
    End(&'a str),
    /// Text between tags.
    Text(Cow<'a, str>),
}

/// Hands every piece of `xml` to `each`, until that says `false`.
pub fn walk(xml: &str, what: &'static str, mut each: impl FnMut(Piece<'_>) -> bool) -> Result<(), Skip> {
    let mut reader = Reader::from_str(xml);
    loop {
        let goes_on = match reader.read_event().map_err(|e| Skip::broken(what, e))? {
            Event::Start(tag) => each(Piece::Start(tag.local_name().as_ref(), &tag)),
            Event::Empty(tag) => {
                each(Piece::Start(tag.local_name().as_ref(), &tag)) && each(Piece::End(tag.local_name().as_ref()))
            }
            Event::End(tag) => each(Piece::End(tag.local_name().as_ref())),
            Event::Text(text) => each(Piece::Text(text.into_inner())),
            Event::CData(text) => each(Piece::Text(text.into_inner())),
            Event::GeneralRef(reference) => each(Piece::Text(resolve(&reference))),
            Event::Eof => return Ok(()),
            _ => true,
        };
        if !goes_on {
            return Ok(());
        }
    }
}

fn resolve(reference: &BytesRef<'_>) -> Cow<'static, str> {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return Cow::Owned(c.to_string());
    }
    Cow::Borrowed(quick_xml::escape::resolve_predefined_entity(reference).unwrap_or(" "))
}

/// An attribute's value, by its name without prefix.
pub fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().with_checks(false).flatten().find(|a| a.key.local_name().as_ref() == name)?;
    let raw: &str = &found.value;
    Some(quick_xml::escape::unescape(raw).map_or_else(|_| raw.to_string(), Cow::into_owned))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tags_text_and_references() {
        let mut seen = String::new();
        walk(
            "<?xml version='1.0'?><a:b c:d='x &amp; y'>1 &lt; 2&#33;<e/><![CDATA[<raw>]]>&unknown;</a:b>",
            "file",
            |piece| {
                match piece {
                    Piece::Start(name, tag) => {
                        seen.push_str(&format!("[{name} {}]", attribute(tag, "d").unwrap_or_default()));
                    }
                    Piece::End(name) => seen.push_str(&format!("[/{name}]")),
                    Piece::Text(text) => seen.push_str(&text),
                }
                true
            },
        )
        .unwrap();
        assert_eq!(seen, "[b x & y]1 < 2![e ][/e]<raw> [/b]");
    }

    #[test]
    fn broken_xml_is_an_error() {
        assert!(walk("<a><b></a>", "file", |_| true).is_err());
    }
}
