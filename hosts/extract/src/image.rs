//! Pictures: what they say of themselves in EXIF and in PNG's text. The picture itself is not looked at.

use crate::dates;
use crate::draft::Draft;
use crate::error::Skip;
use exif::{Exif, In, Reader, Tag, Value};
use std::io::Cursor;

/// Longest text of one field, in bytes.
const MAX_FIELD: usize = 2000;

/// Reads a picture's metadata.
pub fn extract(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    let mut sentences = Vec::new();
    let exif = Reader::new().continue_on_error(true).read_from_container(&mut Cursor::new(bytes));
    // What could be read of a damaged one is better than nothing.
    let exif = exif.or_else(|error| error.distill_partial_result(|_| {}));
    if let Ok(exif) = &exif {
        described(exif, draft, &mut sentences);
    }
    if let Some(chunks) = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n") {
        sentences.extend(png_texts(chunks));
    }
    draft.paragraph(&sentences.join("\n"), 1);
    if draft.is_empty() {
        return Err(Skip::NoText("the picture says nothing of itself: no date, place, camera or description".into()));
    }
    Ok(())
}

fn described(exif: &Exif, draft: &mut Draft, sentences: &mut Vec<String>) {
    let text = |tag| exif.get_field(tag, In::PRIMARY).and_then(|field| text(&field.value));
    if let Some(title) = text(Tag::ImageDescription) {
        draft.title(&title);
        sentences.push(title);
    }
    if let Some(artist) = text(Tag::Artist) {
        draft.author(&artist);
        sentences.push(format!("By {artist}"));
    }
    let taken = text(Tag::DateTimeOriginal).or_else(|| text(Tag::DateTime));
    if let Some((day, clock)) = taken.as_deref().and_then(moment) {
        draft.date(&day.to_string());
        sentences.push(format!("Taken {day} {clock} ({})", day.in_words()));
    }
    let camera: Vec<String> = [Tag::Make, Tag::Model].into_iter().filter_map(text).collect();
    if !camera.is_empty() {
        // Models often repeat their maker.
        let whole = camera.join(" ");
        let camera = camera.last().filter(|model| camera.len() == 2 && model.starts_with(&camera[0])).unwrap_or(&whole);
        sentences.push(format!("Camera: {camera}"));
    }
    sentences.extend(text(Tag::LensModel).map(|lens| format!("Lens: {lens}")));
    sentences.extend(position(exif));
    for (tag, name) in [(Tag::UserComment, "Comment"), (Tag::Copyright, "Copyright")] {
        sentences.extend(text(tag).map(|value| format!("{name}: {value}")));
    }
}

fn text(value: &Value) -> Option<String> {
    let raw: Vec<u8> = match value {
        Value::Ascii(parts) => parts.join(&b' '),
        // A comment begins with the name of its charset in eight bytes.
        Value::Undefined(bytes, _) if bytes.starts_with(b"ASCII\0\0\0") => bytes[8..].to_vec(),
        _ => return None,
    };
    let text = String::from_utf8_lossy(&raw);
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let folded = words.join(" ");
    (!folded.is_empty()).then(|| crate::draft::floor(&folded, MAX_FIELD).to_string())
}

/// "2026:03:14 15:00:10" as a day and a clock.
fn moment(text: &str) -> Option<(dates::Day, String)> {
    let (day, clock) = text.split_once(' ')?;
    Some((dates::parse_day(&day.replace(':', "-"))?, clock.get(..5)?.to_string()))
}

/// Like "Place: 38.71390, -9.13940".
fn position(exif: &Exif) -> Option<String> {
    let degrees = |value, reference, negative: &str| {
        let Value::Rational(parts) = &exif.get_field(value, In::PRIMARY)?.value else { return None };
        let [degrees, minutes, seconds, ..] = parts.as_slice() else { return None };
        let sum = degrees.to_f64() + minutes.to_f64() / 60.0 + seconds.to_f64() / 3600.0;
        let side = exif.get_field(reference, In::PRIMARY).and_then(|field| text(&field.value));
        let signed = if side.as_deref() == Some(negative) { -sum } else { sum };
        signed.is_finite().then_some(signed)
    };
    let latitude = degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, "S")?;
    let longitude = degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, "W")?;
    Some(format!("Place: {latitude:.5}, {longitude:.5}"))
}

/// The uncompressed texts of a PNG file (`tEXt`, `iTXt`), like "Title: Harbour".
fn png_texts(mut chunks: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let [a, b, c, d, kind @ ..] = chunks {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let Some(data) = kind.get(4..4 + length) else { break };
        let text = match &kind[..4] {
            b"tEXt" => split(data).map(|(key, value)| (key, value.to_vec())),
            // Keyword, two bytes about compression, language, translated keyword, text.
            b"iTXt" => split(data).and_then(|(key, rest)| {
                let rest = rest.strip_prefix(&[0, 0])?;
                let (_, rest) = split(rest)?;
                let (_, value) = split(rest)?;
                Some((key, value.to_vec()))
            }),
            b"IEND" => break,
            _ => None,
        };
        // XMP is a document of its own kind, and mostly about the program that wrote it.
        if let Some((key, value)) = text.filter(|(key, _)| !key.starts_with(b"XML")) {
            let value = String::from_utf8_lossy(&value).split_whitespace().collect::<Vec<_>>().join(" ");
            if !value.is_empty() {
                texts.push(format!("{}: {}", String::from_utf8_lossy(key), crate::draft::floor(&value, MAX_FIELD)));
            }
        }
        chunks = kind.get(8 + length..).unwrap_or_default();
    }
    texts
}

fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = data.iter().position(|b| *b == 0)?;
    Some((&data[..at], &data[at + 1..]))
}
