//! Recordings: the tags that say what they are (ID3, Vorbis comments, MP4). The sound itself is not listened to.

use crate::draft::Draft;
use crate::error::Skip;

const WHAT: &str = "recording";
/// Longest tag kept, in bytes; lyrics are long, pictures are not text.
const MAX_TAG: usize = 20_000;
/// Tags read of one file.
const MAX_TAGS: usize = 500;
/// Atoms inside atoms.
const MAX_DEPTH: usize = 8;

/// Reads a recording's tags.
pub fn extract(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    let mut tags = Tags::default();
    if let Some(body) = bytes.strip_prefix(b"ID3") {
        id3(body, &mut tags);
    }
    if let Some(body) = bytes.strip_prefix(b"fLaC") {
        flac(body, &mut tags);
    } else if bytes.starts_with(b"OggS") {
        ogg(bytes, &mut tags);
    } else if bytes.get(4..8) == Some(b"ftyp") {
        atoms(bytes, 0, &mut tags);
    }
    if tags.0.is_empty() {
        id3_old(bytes, &mut tags);
    }
    tags.write(draft);
    if draft.is_empty() { Err(Skip::NoText(format!("the {WHAT} has no tags"))) } else { Ok(()) }
}

/// Names and values, in the file's order.
#[derive(Default)]
struct Tags(Vec<(&'static str, String)>);

impl Tags {
    fn add(&mut self, name: &'static str, value: &str) {
        let clean: String = value.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
        let value = crate::draft::floor(clean.trim(), MAX_TAG);
        if !value.is_empty() && self.0.len() < MAX_TAGS && !self.0.iter().any(|(n, v)| *n == name && v == value) {
            self.0.push((name, value.to_string()));
        }
    }

    fn write(&self, draft: &mut Draft) {
        for (name, value) in &self.0 {
            match *name {
                "Title" => draft.title(value),
                "Artist" => draft.author(value),
                "Date" => draft.date(value),
                _ => {}
            }
        }
        let short: Vec<String> = self
            .0
            .iter()
            .filter(|(name, _)| *name != "Lyrics")
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        draft.paragraph(&short.join("\n"), 1);
        for (_, lyrics) in self.0.iter().filter(|(name, _)| *name == "Lyrics") {
            draft.paragraph(lyrics, short.len() as u32 + 2);
        }
    }
}

/// The name of a frame of ID3, in its newer and its older spelling.
fn frame_name(id: &[u8]) -> Option<&'static str> {
    Some(match id {
        b"TIT2" | b"TT2" => "Title",
        b"TPE1" | b"TP1" => "Artist",
        b"TPE2" | b"TP2" => "Album artist",
        b"TALB" | b"TAL" => "Album",
        b"TCOM" | b"TCM" => "Composer",
        b"TDRC" | b"TYER" | b"TYE" => "Date",
        b"TCON" | b"TCO" => "Genre",
        b"COMM" | b"COM" => "Comment",
        b"USLT" | b"ULT" => "Lyrics",
        _ => return None,
    })
}

/// ID3 2.2 to 2.4, behind its mark.
fn id3(body: &[u8], tags: &mut Tags) {
    let [version, _, flags, a, b, c, d, rest @ ..] = body else { return };
    let mut rest = &rest[..rest.len().min(seven_bits([*a, *b, *c, *d]))];
    // An extended header says nothing that is wanted here.
    if flags & 0x40 != 0 && *version > 2 {
        let Some(size) = rest.first_chunk::<4>() else { return };
        let skip = if *version == 4 { seven_bits(*size) } else { u32::from_be_bytes(*size) as usize + 4 };
        rest = rest.get(skip..).unwrap_or_default();
    }
    let (id_length, head) = if *version == 2 { (3, 6) } else { (4, 10) };
    while rest.len() > head && rest[0] != 0 {
        let size = match *version {
            2 => usize::from(rest[3]) << 16 | usize::from(rest[4]) << 8 | usize::from(rest[5]),
            4 => seven_bits([rest[4], rest[5], rest[6], rest[7]]),
            _ => u32::from_be_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize,
        };
        let Some(data) = rest.get(head..head + size) else { return };
        if let Some(name) = frame_name(&rest[..id_length]) {
            let long = matches!(name, "Comment" | "Lyrics");
            tags.add(name, &frame_text(data, long));
        }
        rest = &rest[head + size..];
    }
}

fn seven_bits(bytes: [u8; 4]) -> usize {
    bytes.iter().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f))
}

/// A frame's text; comments have a language and a short description before it.
fn frame_text(data: &[u8], long: bool) -> String {
    let Some((encoding, data)) = data.split_first() else { return String::new() };
    let data = if long { data.get(3..).unwrap_or_default() } else { data };
    let text = match encoding {
        1 | 2 => {
            let big = *encoding == 2 || data.starts_with(b"\xfe\xff");
            let charset = if big { encoding_rs::UTF_16BE } else { encoding_rs::UTF_16LE };
            charset.decode_without_bom_handling(data).0.replace('\u{feff}', "")
        }
        3 => String::from_utf8_lossy(data).into_owned(),
        _ => encoding_rs::WINDOWS_1252.decode_without_bom_handling(data).0.into_owned(),
    };
    match text.split_once('\0').filter(|_| long) {
        Some((_, text)) => text.trim_matches('\0').to_string(),
        None => text.trim_end_matches('\0').replace('\0', ", "),
    }
}

/// The 128 bytes that the oldest files end in.
fn id3_old(bytes: &[u8], tags: &mut Tags) {
    let Some(tail) = bytes.last_chunk::<128>().and_then(|tail| tail.strip_prefix(b"TAG")) else { return };
    for (name, range) in
        [("Title", 0..30), ("Artist", 30..60), ("Album", 60..90), ("Date", 90..94), ("Comment", 94..124)]
    {
        let field = tail[range].split(|b| *b == 0).next().unwrap_or_default();
        tags.add(name, &encoding_rs::WINDOWS_1252.decode_without_bom_handling(field).0);
    }
}

fn flac(mut blocks: &[u8], tags: &mut Tags) {
    while let [kind, a, b, c, rest @ ..] = blocks {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some(data) = rest.get(..length) else { return };
        if kind & 0x7f == 4 {
            vorbis(data, tags);
        }
        if kind & 0x80 != 0 {
            return;
        }
        blocks = &rest[length..];
    }
}

/// The comments stand in the second packet, which may go over several pages.
fn ogg(bytes: &[u8], tags: &mut Tags) {
    let (mut rest, mut packet, mut packets) = (bytes, Vec::new(), 0);
    while let Some(page) = rest.strip_prefix(b"OggS") {
        let Some(count) = page.get(22).map(|count| usize::from(*count)) else { return };
        let (Some(lengths), Some(mut data)) = (page.get(23..23 + count), page.get(23 + count..)) else { return };
        for length in lengths {
            let Some(piece) = data.get(..usize::from(*length)) else { return };
            packet.extend_from_slice(piece);
            data = &data[piece.len()..];
            if *length < 255 {
                packets += 1;
                if packets == 2 {
                    let start =
                        [&b"\x03vorbis"[..], b"OpusTags"].into_iter().find_map(|mark| packet.strip_prefix(mark));
                    return vorbis(start.unwrap_or_default(), tags);
                }
                packet.clear();
            }
        }
        rest = data;
    }
}

/// Vorbis comments: a vendor's name, a count, and lines like "TITLE=Song".
fn vorbis(data: &[u8], tags: &mut Tags) {
    fn field<'d>(rest: &mut &'d [u8]) -> Option<&'d [u8]> {
        let length = u32::from_le_bytes(*rest.first_chunk::<4>()?) as usize;
        let value = rest.get(4..length.checked_add(4)?)?;
        *rest = &rest[4 + length..];
        Some(value)
    }
    let mut rest = data;
    if field(&mut rest).is_none() || rest.len() < 4 {
        return;
    }
    rest = &rest[4..];
    while let Some(comment) = field(&mut rest) {
        let text = String::from_utf8_lossy(comment);
        let Some((key, value)) = text.split_once('=') else { continue };
        let name = match key.to_ascii_uppercase().as_str() {
            "TITLE" => "Title",
            "ARTIST" | "PERFORMER" => "Artist",
            "ALBUMARTIST" => "Album artist",
            "ALBUM" => "Album",
            "COMPOSER" => "Composer",
            "DATE" | "YEAR" => "Date",
            "GENRE" => "Genre",
            "COMMENT" | "DESCRIPTION" => "Comment",
            "LYRICS" | "UNSYNCEDLYRICS" => "Lyrics",
            _ => continue,
        };
        tags.add(name, value);
    }
}

/// MP4: the tags lie in moov/udta/meta/ilst, each in an atom with a "data" atom inside.
fn atoms(mut bytes: &[u8], depth: usize, tags: &mut Tags) {
    while let [a, b, c, d, kind @ ..] = bytes {
        let size = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let end = if size == 0 { bytes.len() } else { size.min(bytes.len()) };
        let (Some(kind), true) = (kind.first_chunk::<4>(), end >= 8) else { return };
        let body = &bytes[8..end];
        match kind {
            b"moov" | b"udta" | b"ilst" if depth < MAX_DEPTH => atoms(body, depth + 1, tags),
            // This one has a version before its atoms.
            b"meta" if depth < MAX_DEPTH => atoms(body.get(4..).unwrap_or_default(), depth + 1, tags),
            kind => {
                if let Some(name) = atom_name(kind)
                    && body.get(4..8) == Some(b"data")
                {
                    tags.add(name, &String::from_utf8_lossy(body.get(16..).unwrap_or_default()));
                }
            }
        }
        bytes = &bytes[end..];
    }
}

fn atom_name(kind: &[u8; 4]) -> Option<&'static str> {
    Some(match kind {
        b"\xa9nam" => "Title",
        b"\xa9ART" => "Artist",
        b"aART" => "Album artist",
        b"\xa9alb" => "Album",
        b"\xa9wrt" => "Composer",
        b"\xa9day" => "Date",
        b"\xa9gen" => "Genre",
        b"\xa9cmt" | b"desc" => "Comment",
        b"\xa9lyr" => "Lyrics",
        _ => return None,
    })
}
